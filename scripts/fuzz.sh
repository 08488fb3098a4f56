#!/usr/bin/env bash
# Runs the fuzz targets, SECONDS_EACH seconds each (default 60), on one core: `make fuzz` calls it.
# Needs a nightly compiler. A finding ends the run and stands in fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")/../fuzz"

if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "skipped: fuzzing needs a nightly compiler (rustup toolchain install nightly)"
    exit 0
fi

# What cargo-fuzz passes, without its sanitizers: the code is safe Rust.
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing"
cargo +nightly build --release --locked ${JOBS:+-j "$JOBS"} --target x86_64-unknown-linux-gnu
if [ -n "${BUILD_ONLY:-}" ]; then exit 0; fi

# One archive of each case beside the repository, where the corpus is there.
gather() {
    local case dir file
    find ../../shared/corpus/kustomize/cases ../../shared/corpus/kustomize/probes -name case.json 2>/dev/null |
        while read -r case; do
            dir=$(dirname "$case")
            [ -d "$dir/files" ] || continue
            {
                sed -n 's/.*"build_root": *"\([^"]*\)".*/\1/p' "$case" | head -1
                (cd "$dir/files" && find . -type f -size -16k | sort | while read -r file; do
                    echo "-- ${file#./} --"
                    cat "$file"
                    echo
                done)
            } >"corpus/kustomize/$(echo "$dir" | md5sum | cut -c1-16)"
        done
    find ../../shared/corpus/kustomize/cases -name '*.yaml' -size -8k 2>/dev/null |
        while read -r file; do cp "$file" "corpus/yaml/$(md5sum <"$file" | cut -c1-16)"; done
}

targets="yaml kustomize template"
for target in $targets; do
    mkdir -p "corpus/$target" "artifacts/$target"
    cp "seeds/$target/"* "corpus/$target/"
done
gather
for target in ${TARGETS:-$targets}; do
    # 16 KiB of text may take five seconds and 1 GiB at the very most.
    "target/x86_64-unknown-linux-gnu/release/$target" "corpus/$target" \
        -max_total_time="${SECONDS_EACH:-60}" -timeout=5 -rss_limit_mb=1024 -malloc_limit_mb=256 \
        -max_len=16384 -len_control=20 -dict=yaml.dict -artifact_prefix="artifacts/$target/" -print_final_stats=1
done
