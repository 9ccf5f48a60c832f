#!/usr/bin/env bash
# Breaks the core on purpose, in a copy, and wants the check of the firmware to notice each time: a check that can't fail is worse than none.
#
#   mutants.sh [NAME]     all of them, or one
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
. "$top/scripts/rust.sh"
"$here/run.sh" --check
build=${CARGO_TARGET_DIR:-$top/target}/firmware
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
only=${1-}
bad=0

# mutant NAME FILE ANCHOR TEXT WANTED: after the one line ANCHOR of the core's FILE comes TEXT, and run.sh must fail saying WANTED.
mutant() {
    local name=$1 file=$2 anchor=$3 text=$4 wanted=$5 output
    [ -z "$only" ] || [ "$only" = "$name" ] || return 0
    rm -rf "$work/copy"
    mkdir -p "$work/copy/tests"
    cp -r "$top/Cargo.toml" "$top/engine-core" "$top/scripts" "$work/copy/"
    cp -r "$here" "$work/copy/tests/firmware"
    # (A member that isn't there would stop cargo.)
    sed -i 's/^members = .*/members = ["engine-core"]/' "$work/copy/Cargo.toml"
    awk -v anchor="$anchor" -v text="$text" '{ print } index($0, anchor) { print text; n++ } END { exit n != 1 }' \
        "$top/engine-core/src/$file" >"$work/copy/engine-core/src/$file" ||
        { echo "mutant $name: $file has not exactly one line with $anchor"; bad=1; return; }
    if output=$(CARGO_TARGET_DIR=$work/target "$work/copy/tests/firmware/run.sh" 2>&1); then
        echo "mutant $name lives"
        bad=1
    elif ! grep -qF -- "$wanted" <<<"$output"; then
        echo "mutant $name died of something else:"
        sed 's/^/    /' <<<"$output"
        bad=1
    else
        echo "mutant $name: $(grep -F -m1 -- "$wanted" <<<"$output" | cut -c1-160)"
    fi
}

# What was built for the real thing serves the copies, too.
mkdir -p "$work/target"
[ ! -d "$build" ] || cp -r "$build" "$work/target/"

mutant index engine.rs "fn end_call(&mut self, frames: usize) {" \
    'self.bus_peaks[frames / 1000] = 0.0;' "a panic: callback"
mutant unwrap deck.rs "pub(crate) fn count_fill(&mut self) {" \
    'let _ = core::hint::black_box(self.strips.iter().map(Strip::fill).max()).unwrap();' "a panic: callback"
mutant pointer engine.rs "fn end_call(&mut self, frames: usize) {" \
    'let call: fn(usize) = |n| { core::hint::black_box(n); }; core::hint::black_box(call)(frames);' "an indirect call"
mutant rounding mix.rs "pub(crate) fn scale(x: &mut [f32], gain: Gain<'_>) {" \
    '#[cfg(target_os = "none")] let gain = match gain { Gain::Flat(c) => Gain::Flat(c * 1.000_000_1), g => g };' "where the host has Heard"
mutant slow engine.rs "fn end_call(&mut self, frames: usize) {" \
    'for i in 0..20 * frames { core::hint::black_box(i); }' "allowed"
exit $bad
