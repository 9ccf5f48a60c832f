#!/usr/bin/env bash
# Builds the test firmware for two processors, runs it in QEMU and holds it against the host: see README.md.
#
#   run.sh            all of it
#   run.sh --check    only whether this machine can; if not, says why and exits 1
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
. "$top/scripts/rust.sh"
boards="thumbv7em-none-eabihf thumbv6m-none-eabi"

for target in $boards; do
    rust_has_target "$target" || { echo "Rust's core library for $target is not installed (rustup target add $target)"; exit 1; }
done
command -v qemu-system-arm >/dev/null || { echo "qemu-system-arm is not installed"; exit 1; }
qemu-system-arm -help | grep -q -- '^-plugin' || { echo "this qemu-system-arm takes no plug-ins"; exit 1; }
[ "${1-}" != --check ] || exit 0

build=${CARGO_TARGET_DIR:-$top/target}/firmware
mkdir -p "$build"
# The plug-in interface has another number since QEMU 9.
major=$(qemu-system-arm -version | sed -n '1s/.*version \([0-9]*\).*/\1/p')
cc -Wall -Wextra -Werror -O2 -shared -fPIC -DAPI=$((major < 9 ? 1 : 2)) -o "$build/spans.so" "$here/plugin/spans.c"
cd "$here"
if cargo clippy --version >/dev/null 2>&1; then lint=(clippy) deny=(-- -D warnings); else lint=(check) deny=(); fi
if cargo fmt --version >/dev/null 2>&1; then cargo fmt -p program -p image -p check --check; fi
cargo "${lint[@]}" -q --locked --target-dir "$build" -p check -p program --all-targets "${deny[@]}"
cargo test -q --locked --target-dir "$build" -p check
cargo build -q --locked --target-dir "$build" -p check
# Panics name their files: without this the image would be larger in a longer folder.
export RUSTFLAGS="${RUSTFLAGS-} --remap-path-prefix=$top=. --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"
for target in $boards; do
    cargo "${lint[@]}" -q --locked --release --target-dir "$build" -p image --target "$target" "${deny[@]}"
    # The loads are for the processor with floating point; the other has no memory for them.
    bins=(--bin show)
    [ "$target" != thumbv7em-none-eabihf ] || bins+=(--bin load)
    cargo build -q --locked --release --target-dir "$build" -p image "${bins[@]}" --target "$target"
done
"$build/debug/check" "$build" "$build/spans.so" README.md
