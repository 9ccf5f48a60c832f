#!/usr/bin/env bash
# Plays the demo song round and round for MINUTES (60), and watches the process: memory, threads and open files must not grow after the
# first tenth of the time, and the song must never starve. Plays into the null backend, or the one in SOAK_ARGS
# (e.g. "--backend alsa --device hw:CARD=Dummy"). Before that come the checks that take minutes.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
. scripts/rust.sh
minutes=${MINUTES:-60}
if [ -n "${SOAK_BACKLINE-}" ]; then
    backline=$SOAK_BACKLINE
else
    scripts/setup.sh soak
    rust_into_path
    cargo build --release -p backline
    # Checks too long for every day: each of the 2³² floats through every conversion; more programs of the model.
    cargo test --release -p engine-core --features alloc --lib -- --ignored
    BACKLINE_SOAK=1 cargo test --release -p backline-tests --test model
    # A day of programme; a server that is killed twenty times, and callbacks that are late two hundred times.
    BACKLINE_SOAK=1 cargo test --release -p backline-tests --test day --test e2e_survive --test jack_backend --test pipewire --test control_socket -- --show-output
    # The packages: what is in them, and that the programs for ARM render what this one does.
    scripts/deb.sh --test
    # A minute of fuzzing for each kind of input.
    scripts/fuzz.sh
    # Every check of the real-time contract is seen failing; then a minute of 24 stems at 64 frames in the guest.
    cargo build --workspace --bins
    scripts/nightly.sh sessions
    scripts/nightly.sh threads
    scripts/mutants.sh
    if reason=$(tests/firmware/run.sh --check); then
        tests/firmware/mutants.sh
    else
        echo "SKIP firmware-mutants: $reason"
    fi
    BACKLINE_GUEST_SECONDS=60 GUEST_TIMEOUT=1200 GUEST_BACKLINE=${CARGO_TARGET_DIR:-$top/target}/release/backline CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER=$top/tests/rig/guest/runner.sh \
        cargo test -p backline-tests --test guest_stems -- --test-threads=1 --show-output
    # An hour of the guest's time as a kiosk.
    BACKLINE_GUEST_SECONDS=3600 GUEST_TIMEOUT=3600 GUEST_BACKLINE=${CARGO_TARGET_DIR:-$top/target}/release/backline CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER=$top/tests/rig/guest/runner.sh \
        cargo test -p backline-tests --test guest_hour -- --show-output
    backline=${CARGO_TARGET_DIR:-target}/release/backline
fi
work=$(mktemp -d)
# shellcheck disable=SC2086  # SOAK_ARGS is a list
"$backline" play demo/song --loop --status json --no-keys ${SOAK_ARGS:---backend null} >>"$work/status" 2>"$work/messages" </dev/null &
player=$!
trap 'kill -9 $player 2>/dev/null || true; rm -rf "$work"' EXIT

fail() {
    echo "soak: $1" >&2
    tail -n 5 "$work/messages" >&2
    exit 1
}

# measure: kB resident, threads, open files
measure() {
    echo "$(awk '/^VmRSS/ { print $2 }' "/proc/$player/status") $(ls "/proc/$player/task" | wc -l) $(ls "/proc/$player/fd" | wc -l)"
}

seconds=$((minutes * 60))
SECONDS=0
settled=$((seconds / 10))
first=
while [ $SECONDS -lt "$seconds" ]; do
    sleep $((seconds < 600 ? 5 : 30))
    kill -0 "$player" 2>/dev/null || fail "the player ended after $SECONDS s"
    now=$(measure)
    # The status file grows by ten lines a second; only the last are of use.
    [ "$(wc -l <"$work/status")" -lt 100000 ] || : >"$work/status"
    echo "soak: $SECONDS s, kB threads files: $now"
    [ $SECONDS -ge "$settled" ] || continue
    first=${first:-$now}
    read -r kb threads files <<<"$now"
    read -r kb0 threads0 files0 <<<"$first"
    [ "$kb" -le $((kb0 + 2048)) ] || fail "memory grew from $kb0 to $kb kB"
    [ "$threads" -le "$threads0" ] || fail "threads grew from $threads0 to $threads"
    [ "$files" -le "$files0" ] || fail "open files grew from $files0 to $files"
done
kill -TERM "$player"
status=0
wait "$player" || status=$?
[ "$status" = 0 ] || fail "exit code $status after SIGTERM"
summary=$(grep '"event":"summary"' "$work/status") || fail "no summary"
echo "$summary"
case $summary in
*'"starvations":0,'*) echo "soak: $minutes min, nothing grew, nothing starved" ;;
*) fail "the song starved" ;;
esac
