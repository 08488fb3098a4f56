#!/usr/bin/env bash
# Runs every test of the workspace and closes with one line of totals. `make test` calls it.
set -euo pipefail
cd "$(dirname "$0")/.."

# A registry of somebody else's making, for the scenarios that run against one; they are skipped without.
if ! command -v docker-registry >/dev/null && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  DEBIAN_FRONTEND=noninteractive timeout 120 apt-get install -y -q docker-registry >/dev/null 2>&1 || true
fi

cargo run --locked -q -p xtask -- tidy

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
cargo test --locked --workspace --no-fail-fast 2>&1 | tee "$log" || status=$?

# What the suites themselves left out (a corpus or a program that this machine lacks) is counted, not hidden.
grep -h '^skipped:' "$log" | sort -u || true
skipped=$(grep -c '^skipped:' "$log" || true)
passed=$(awk '/^test result:/ {n += $4} END {print n + 0}' "$log")
failed=$(awk '/^test result:/ {n += $6} END {print n + 0}' "$log")
echo "$passed passed, $failed failed, $skipped skipped"
exit "$status"
