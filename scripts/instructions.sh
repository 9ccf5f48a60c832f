#!/usr/bin/env bash
# Counts the instructions of one callback with callgrind and compares them with the budget in tests/benches/instructions.txt; proves
# what monitoring costs: `off` what a build without the monitor costs, to within 5 instructions a callback, and only `full` reads a
# clock.
#
#   instructions.sh            compare
#   instructions.sh --write    write the budget anew, after a change that is worth its price or made the mixer faster
#
# Counts depend on the compiler: with another one than the budget was written with, more is tolerated.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
. scripts/rust.sh
rust_into_path
budget=tests/benches/instructions.txt
tolerance=3
tolerance_elsewhere=20
if [ "$(uname -m)" != x86_64 ]; then
    echo "SKIP instructions: the budget is x86-64's"
    exit 0
fi
if ! command -v valgrind >/dev/null; then
    echo "SKIP instructions: valgrind is not installed"
    exit 0
fi
compiler=$(rustc --version | awk '{ print $2 }')
target=${CARGO_TARGET_DIR:-target}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# As it is shipped: the profile is the player's.
cargo build --quiet --release -p backline-benches --bin callback --bin monitor_cost
RUSTFLAGS="${RUSTFLAGS-} --cfg backline_without_monitor" cargo build --quiet --release -p backline-benches --bin callback \
    --target-dir "$target/without-monitor"
with=$target/release/callback
without=$target/without-monitor/release/callback

# count PROGRAM STEMS FRAMES LEVEL: instructions per callback, over four whole blocks. The profile stays in $work/profile.
count() {
    local calls=$((1024 / $3))
    valgrind --tool=callgrind --callgrind-out-file="$work/profile" '--toggle-collect=*counted*' "$@" "$calls" >"$work/log" 2>&1 ||
        { cat "$work/log" >&2; return 1; }
    awk -v calls="$calls" '/^summary:/ { n = $2 } END { if (n < calls) exit 1; printf "%d\n", (n + calls - 1) / calls }' "$work/profile" ||
        { echo "instructions: callgrind counted nothing" >&2; return 1; }
}
clock_reads() { grep -c 'clock_gettime@' "$work/profile" || true; }

status=0
fail() {
    echo "instructions: $1" >&2
    status=1
}

# What monitoring costs.
none=$(count "$without" 8 64 off)
off=$(count "$with" 8 64 off)
off_reads=$(clock_reads)
sampled=$(count "$with" 8 64 sampled)
sampled_reads=$(clock_reads)
full=$(count "$with" 8 64 full)
full_reads=$(clock_reads)
printf 'one callback, 64 frames, 8 stereo stems: %s instructions without the monitor, off %+d, sampled %+d, full %+d\n' \
    "$none" $((off - none)) $((sampled - none)) $((full - none))
[ $((off - none)) -le 5 ] && [ $((none - off)) -le 5 ] || fail "monitoring that is off costs $((off - none)) instructions; allowed are 5"
[ $((sampled - none)) -le 5 ] || fail "sampled monitoring costs $((sampled - none)) instructions in the callback; allowed are 5"
[ "$off_reads" = 0 ] || fail "off reads a clock"
[ "$sampled_reads" = 0 ] || fail "sampled reads a clock"
[ "$full_reads" != 0 ] || fail "full reads no clock, so this check would not see one"
"$target/release/monitor_cost" || fail "full monitoring takes too much time"

# The gates.
written_with=$(sed -n 's/^# rustc //p' "$budget" 2>/dev/null || true)
if [ "$written_with" != "$compiler" ]; then
    [ "${1-}" = --write ] || echo "the budget was written with rustc ${written_with:-?}, this is $compiler: $tolerance_elsewhere % are tolerated"
    tolerance=$tolerance_elsewhere
fi
printf '%6s %7s %-7s %13s %13s %9s   %s\n' stems frames outs instructions budget change "per stem and frame"
cases=()
for stems in 1 8 64 128; do
    for frames in 16 64 256; do cases+=("$stems $frames bus"); done
done
# A plane of its own for each channel: JACK's ports for tracks.
cases+=("24 64 direct" "128 64 direct")
for case in "${cases[@]}"; do
    read -r stems frames outs <<<"$case"
    n=$(count "$with" "$stems" "$frames" "$([ "$outs" = bus ] && echo off || echo direct)")
    echo "$case $n" >>"$work/counts"
    allowed=$(awk -v case="$case" '$1 " " $2 " " $3 == case { print $4 }' "$budget" 2>/dev/null || true)
    awk -v s="$stems" -v f="$frames" -v o="$outs" -v n="$n" -v b="${allowed:-0}" 'BEGIN {
        change = b ? sprintf("%+.1f %%", (n - b) * 100 / b) : "new"
        printf "%6d %7d %-7s %13d %13d %9s   %.2f\n", s, f, o, n, b, change, n / s / f
    }'
    [ "${1-}" = --write ] && continue
    if [ -z "$allowed" ]; then
        fail "no budget for $case: scripts/instructions.sh --write"
    elif [ $((n * 100)) -gt $((allowed * (100 + tolerance))) ]; then
        fail "$stems stems, $frames frames, $outs: $n instructions a callback, the budget is $allowed and $tolerance %"
    elif [ $((n * 100)) -lt $((allowed * (100 - tolerance))) ]; then
        echo "    below its budget: scripts/instructions.sh --write keeps what was won"
    fi
done
if [ "${1-}" = --write ]; then
    {
        echo "# Instructions of one callback on x86-64, monitoring off: stereo stems, frames, outs, instructions (scripts/instructions.sh --write)"
        echo "# rustc $compiler"
        cat "$work/counts"
    } >"$budget"
    echo "written: $budget"
fi
exit $status
