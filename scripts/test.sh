#!/usr/bin/env bash
# Everything: installs what is missing (having said what), then the quick checks, all tests of the workspace, and the tests that
# need kernel sound drivers, in a virtual machine. With CI=true nothing may be skipped.
#
#   test.sh          all of it
#   test.sh guest    only the tests in the virtual machine
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
. scripts/steps.sh
. scripts/check-steps.sh
. scripts/rust.sh

guest_steps() {
    local reason file name
    if ! reason=$(tests/rig/guest/kernel.sh --check 2>&1); then
        skip guest "$reason"
        return
    fi
    step guest-kernel tests/rig/guest/kernel.sh
    # What is played there with its own faults counted is what is shipped.
    step release cargo build --release -p backline
    for file in tests/tests/guest_*.rs; do
        name=$(basename "$file" .rs)
        step "$name" twice env "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER=$top/tests/rig/guest/runner.sh" \
            "GUEST_BACKLINE=${CARGO_TARGET_DIR:-$top/target}/release/backline" \
            cargo test -p backline-tests --test "$name" -- --test-threads=1 --show-output
    done
}

# The newcomer's host: fits on a screen, and gives four seconds of 16-bit stereo that isn't silent.
example_works() {
    local bytes
    [ "$(wc -l <engine-core/examples/two_stems.rs)" -lt 60 ] || { echo "two_stems.rs has 60 lines or more"; return 1; }
    cargo build -p engine-core --features alloc --example two_stems
    bytes=$(cargo run -q -p engine-core --features alloc --example two_stems | tr -d '\0' | wc -c)
    echo "$bytes bytes other than 0 of 768000"
    [ "$bytes" -gt 700000 ] && [ "$bytes" -le 768000 ]
}

firmware_steps() {
    local reason
    if ! reason=$(tests/firmware/run.sh --check); then
        skip firmware "$reason"
        return
    fi
    step firmware tests/firmware/run.sh
}

# The packages for the Raspberry Pi, whose programs run under emulation and render what this machine's does.
packages_steps() {
    if [ "$(uname -m)" != x86_64 ] || ! rust_is_rustups; then
        skip packages "they are cross-built on x86-64, with a Rust from rustup"
        return
    fi
    step release cargo build --release -p backline
    step packages env "DEB_REFERENCE=${CARGO_TARGET_DIR:-$top/target}/release/backline" scripts/deb.sh --test arm64 armhf
}

echo "make test: compiles everything; 15 to 30 minutes on two cores the first time, 4 GB of disk"
if [ "$(uname -m)" = x86_64 ] && [ ! -d "${CARGO_TARGET_DIR:-target}/guest" ]; then
    echo "make test: fetches a Debian kernel (70 MB) for a virtual machine, unpacked under target, not installed"
fi
scripts/setup.sh test
rust_into_path
[ "${1-}" = guest ] || rust_fetch_targets
steps_begin
if [ "${1-}" = guest ]; then
    step build cargo build --workspace --bins
    guest_steps
    steps_end
    exit 0
fi
check_steps
# The end-to-end tests and the guest start the player built here.
step build cargo build --workspace --bins
# The output of passing tests is shown too, or their SKIP lines would be lost.
step tests cargo test --workspace --no-fail-fast -- --show-output
# Not a default feature: what of the media tests it changes.
step opus cargo test -p backline --features opus --lib -- --show-output opus names::
# Neither is this; asked of a portal of the test's own.
step rtkit cargo test -p backend-alsa --features rtkit --lib -- --show-output portal::
step example example_works
step instructions scripts/instructions.sh
step panics cargo run --release -p backline-panics
step nightly-miri scripts/nightly.sh miri
step nightly-realtime scripts/nightly.sh realtime
firmware_steps
guest_steps
packages_steps
steps_end
