#!/usr/bin/env bash
# Runs the benchmark: rendering against other programs. Figures are only worth comparing on one machine that does nothing else.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
. scripts/rust.sh
scripts/setup.sh build
rust_into_path
cargo build --release -p backline
exec scripts/bench-render.sh "$@"
