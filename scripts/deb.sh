#!/usr/bin/env bash
# Makes Debian packages of the player, for amd64, arm64 and armhf (ARMv7), whatever machine this is: cross-built against Debian
# bookworm's libraries, which are fetched into target/deb and not installed. They run on bookworm and everything newer, Raspberry Pi
# OS included.
#
#   deb.sh [ARCHITECTURE...]        packages into target/deb
#   deb.sh --test [ARCHITECTURE...] the same, then checks each as scripts/deb/test.sh says
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
. scripts/rust.sh
. scripts/deb/architectures.sh
tested=
if [ "${1-}" = --test ]; then
    tested=yes
    shift
fi
[ $# -gt 0 ] || set -- amd64 arm64 armhf
for arch; do deb_known "$arch" || exit 64; done
scripts/setup.sh deb
rust_into_path
out=${CARGO_TARGET_DIR:-$top/target}/deb
mkdir -p "$out"

targets=()
for arch; do
    target=$(deb_rust_target "$arch")
    rust_has_std "$target" || targets+=("$target")
done
if [ ${#targets[@]} -gt 0 ]; then
    if ! rust_is_rustups; then
        echo "deb: the standard library of ${targets[*]} is missing, and only a Rust from rustup can fetch it: https://rustup.rs" >&2
        exit 1
    fi
    echo "deb: fetches Rust's standard library for ${targets[*]}, about 60 MB on disk each"
    rustup target add "${targets[@]}"
fi

# So that the same commit gives the same package to the byte.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
rm -f "$out"/*.deb
for arch; do
    scripts/deb/sysroot.sh "$arch" "$out/sysroot-$arch"
    scripts/deb/build.sh "$arch" "$out/sysroot-$arch"
    scripts/deb/package.sh "$arch" "$out/sysroot-$arch" "$out"
done
[ -z "$tested" ] || scripts/deb/test.sh "$out" "$@"
ls -l "$out"/*.deb
