#!/usr/bin/env bash
# Builds the player for an architecture against a sysroot.
#
#   build.sh ARCHITECTURE SYSROOT
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$top"
. scripts/deb/architectures.sh
arch=$1
sysroot=$2
target=$(deb_rust_target "$arch")
triplet=$(deb_triplet "$arch")
name=${target//-/_}
upper=${name^^}
export PKG_CONFIG_ALLOW_CROSS=1
export "PKG_CONFIG_SYSROOT_DIR=$sysroot"
export "PKG_CONFIG_LIBDIR=$sysroot/usr/lib/$triplet/pkgconfig:$sysroot/usr/share/pkgconfig"
export "CC_$name=$triplet-gcc" "CFLAGS_$name=--sysroot=$sysroot"
export "CARGO_TARGET_${upper}_LINKER=$triplet-gcc"
# No path of this machine in the program.
export "CARGO_TARGET_${upper}_RUSTFLAGS=-Clink-arg=--sysroot=$sysroot --remap-path-prefix=$top=/backline --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
cargo build --release --locked -p backline --target "$target"
