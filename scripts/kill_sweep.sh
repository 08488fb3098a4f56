#!/usr/bin/env bash
# Kills a real `belay run` (kill -9) at each of its writing requests, over an apply and a prune, restarts it and
# compares the state with that of a run that nobody killed. BELAY names the binary; without it one is built.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -z "${BELAY:-}" ]; then
  cargo build --locked -q -p belay
  BELAY="${CARGO_TARGET_DIR:-target}/debug/belay"
fi
BELAY=$(realpath "$BELAY")
"$BELAY" version --client >/dev/null || { echo "$BELAY cannot be run" >&2; exit 1; }
BELAY_KILL_SWEEP="$BELAY" exec cargo test --locked -q -p belay-tests --test it -- kill_sweep:: --nocapture
