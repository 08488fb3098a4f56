# The commands of the project. `make test` and `make demo` need Rust, Git and a C compiler, nothing else.

CARGO ?= cargo
JOBS  ?= $(shell nproc)

.PHONY: demo tour build test test-cluster kill-sweep bench lint doc fuzz clean

## Runs Belay on its embedded API server: a Git server, a sample shop, the controllers; ctrl-C ends it.
demo: build
	target/release/belay demo

## The story of the demo, unattended: exits 0 only if every step held. REPO=folder-of-manifests to use your own.
tour: build
	target/release/belay demo --tour $(if $(REPO),--repo $(REPO))

## The release binary, target/release/belay.
build:
	$(CARGO) build --release --locked -p belay -j $(JOBS)

## Every test, the tidy checks, and the recorded conversations and corpora where ../shared is present.
test:
	bash scripts/test.sh

## The scenarios against the cluster that KUBECONFIG names.
test-cluster:
	BELAY_TEST_KUBECONFIG=$${KUBECONFIG:?names no cluster} $(CARGO) test --locked -p belay-tests -- cluster_scenarios

## Kills a real `belay run` at each of its writes, and restarts it. BELAY=path of the binary; else one is built.
kill-sweep:
	bash scripts/kill_sweep.sh

## The figures of this machine.
bench:
	# One command: features resolve once, so that nothing is compiled twice.
	$(CARGO) build --release --locked -p belay -p belay-bench -j $(JOBS)
	target/release/belay-bench

## The fuzz targets (YAML, kustomizations, templates), SECONDS_EACH seconds each; needs a nightly compiler.
fuzz:
	bash scripts/fuzz.sh

## Formatting, lints and the shape of the tree.
lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) run --locked -q -p xtask -- tidy

## The guide: every crate's documentation.
doc:
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --workspace --no-deps

clean:
	$(CARGO) clean
