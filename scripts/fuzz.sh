#!/usr/bin/env bash
# Fuzzes whatever reads bytes of strangers (tests/fuzz) for SECONDS (60) a target: all targets, or those that are named. Needs no
# nightly: rustc has the counters that guide libFuzzer, and libfuzzer-sys brings it along.
#
#   fuzz.sh [media|wav|toml|protocol|osc|midi]...
#   SECONDS_EACH=1200 fuzz.sh media
#
# A find is kept in target/fuzz/finds. Mend it, and put the file into tests/fuzz/finds/TARGET, where every `cargo test` replays it.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
. scripts/rust.sh
[ $# -gt 0 ] || set -- media wav toml protocol osc midi
seconds=${SECONDS_EACH:-60}
target=${CARGO_TARGET_DIR:-$top/target}/fuzz

scripts/setup.sh fuzz
rust_into_path
(cd tests/fuzz && RUSTC_WRAPPER=$PWD/rustc.sh CARGO_TARGET_DIR=$target cargo build --release --locked)

# Longest input: a few times the largest seed.
declare -A longest=([media]=16384 [wav]=4096 [toml]=4096 [protocol]=4096 [osc]=2048 [midi]=4096)
failed=
for name; do
    [ -n "${longest[$name]-}" ] || { echo "fuzz: no target $name; there are: ${!longest[*]}" >&2; exit 64; }
    finds=$target/finds/$name
    corpus=$target/corpus/$name
    mkdir -p "$finds" "$corpus"
    inputs=("$corpus" "tests/fuzz/seeds/$name")
    [ ! -d "tests/fuzz/finds/$name" ] || inputs+=("tests/fuzz/finds/$name")
    echo "fuzz: $name, $seconds s"
    # The guard in the target measures processor time and memory. libFuzzer's limit goes by the clock on the wall, which says
    # nothing on a busy machine.
    if "$target/release/$name" "${inputs[@]}" -dict="tests/fuzz/$name.dict" -artifact_prefix="$finds/" \
        -max_len="${longest[$name]}" -timeout=$((seconds + 600)) -report_slow_units=$((seconds + 600)) -rss_limit_mb=512 -max_total_time="$seconds" \
        -print_final_stats=1 >"$target/$name.log" 2>&1 </dev/null; then
        grep -aE '^stat::(number_of_executed_units|average_exec_per_sec|peak_rss_mb)' "$target/$name.log"
    else
        grep -aE '^(panic|took|memory allocation|==[0-9]+==|SUMMARY)|Test unit written' "$target/$name.log" | cut -c1-300 || true
        failed="$failed $name"
    fi
done
[ -z "$failed" ] || { echo "fuzz: found something in:$failed (see $target/finds)" >&2; exit 1; }
