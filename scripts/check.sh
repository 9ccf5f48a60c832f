#!/usr/bin/env bash
# The quick checks: formatting, lints, documentation, unit tests, every combination of features. Installs nothing, needs no root
# and no sound.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
. scripts/steps.sh
. scripts/check-steps.sh
. scripts/rust.sh
scripts/setup.sh build --check || { echo "make check installs nothing; \`make build\` does" >&2; exit 1; }
rust_into_path
steps_begin
check_steps
step unit cargo test --workspace --lib --bins
steps_end
