#!/usr/bin/env bash
# Measures backline, and other programs at the same work, and prints one table. Figures are only worth comparing within one run, on a
# machine that does nothing else.
#
#   bench.sh [--quick] [SECTION...]    all sections, unless told which (`bench.sh --help` lists them)
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
. scripts/rust.sh
scripts/setup.sh build
rust_into_path
cargo build --release -p backline -p backline-benches
exec "${CARGO_TARGET_DIR:-target}/release/bench" "$@"
