#!/usr/bin/env bash
# Builds the player, having installed what that needs.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
. scripts/rust.sh
scripts/setup.sh build
rust_into_path
cargo build --release -p backline
echo "built ${CARGO_TARGET_DIR:-target}/release/backline"
