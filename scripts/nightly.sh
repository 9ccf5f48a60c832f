#!/usr/bin/env bash
# The checks that need a nightly compiler: Miri on what crosses threads, RealtimeSanitizer on the callbacks, ThreadSanitizer on a
# session. Where there is no nightly with what they need, they say SKIP.
#
#   nightly.sh              all of them
#   nightly.sh miri|realtime      the core, quickly: part of make test
#   nightly.sh sessions|threads   whole sessions, which takes compiling everything: part of make soak
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
host=x86_64-unknown-linux-gnu
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/nightly CARGO_INCREMENTAL=0
# What a build for a sanitizer takes is mostly dependencies; they may be slow.
quick=(--config 'profile.dev.package."*".opt-level=1' --config profile.dev.package.backline.opt-level=0 --config profile.dev.debug=false)

skip() {
    echo "SKIP nightly-$1: $2"
}

# has NAME COMPONENT...: whether the nightly toolchain has them, or can get them now.
has() {
    local name=$1 component
    shift
    if ! command -v rustup >/dev/null; then
        skip "$name" "there is no rustup, so no nightly compiler"
        return 1
    fi
    if ! rustup run nightly rustc --version >/dev/null 2>&1; then
        skip "$name" "no nightly compiler is installed (rustup toolchain install nightly --no-self-update)"
        return 1
    fi
    for component; do
        rustup component add --toolchain nightly "$component" >/dev/null 2>&1 || {
            skip "$name" "rustup can't install $component"
            return 1
        }
    done
}

nightly() { rustup run nightly cargo "$@"; }

miri() {
    has miri miri rust-src || return 0
    # Rings, the seat and the board between two threads; decks, the handle and an engine that is small enough for it.
    MIRIFLAGS="-Zmiri-strict-provenance" nightly miri test -p engine-core --features alloc --lib -- \
        ring:: seat:: status:: engine::tests::small::
}

realtime() {
    [ "$(uname -m)" = x86_64 ] || { skip realtime "only tried on x86-64"; return 0; }
    has realtime || return 0
    RUSTFLAGS="-Zsanitizer=realtime --cfg rtsan" nightly test "${quick[@]}" --target "$host" -p engine-core --features alloc --lib
}

sessions() {
    [ "$(uname -m)" = x86_64 ] || { skip sessions "only tried on x86-64"; return 0; }
    has sessions || return 0
    # Both backends' callbacks, on a real server and on the ALSA rig.
    RUSTFLAGS="-Zsanitizer=realtime --cfg rtsan" nightly test "${quick[@]}" --target "$host" -p backline-tests --test faults -- fault_06 fault_09 fault_14
}

threads() {
    [ "$(uname -m)" = x86_64 ] || { skip threads "only tried on x86-64"; return 0; }
    has threads rust-src || return 0
    RUSTFLAGS="-Zsanitizer=thread" TSAN_OPTIONS="halt_on_error=1" nightly test "${quick[@]}" -Zbuild-std --target "$host" \
        -p backline-tests --test faults -- --test-threads=1 on_null fault_02 fault_06 fault_09
}

case ${1-all} in
all)
    miri
    realtime
    sessions
    threads
    ;;
miri | realtime | sessions | threads) "$1" ;;
*)
    echo "usage: nightly.sh [miri|realtime|sessions|threads]" >&2
    exit 64
    ;;
esac
