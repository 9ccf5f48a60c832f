#!/usr/bin/env bash
# Mixes many stems with backline and with what else can do it, and prints one table: how many times as fast backline is, by wall
# clock. The tools take turns, and of each the best of three runs counts; what the machine does besides strikes all of them alike.
#
#   bench-render.sh [STEMS [SECONDS]]     24 stereo stems of 300 s, unless told otherwise
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
backline=${BENCH_BACKLINE:-${CARGO_TARGET_DIR:-target}/release/backline}
stems=${1:-24}
seconds=${2:-300}
work=${CARGO_TARGET_DIR:-target}/bench/$stems-$seconds
rounds=3

have() { command -v "$1" >/dev/null 2>&1; }
quiet() { "$backline" render --config none --status none "$@"; }

# Stems from the demo song: another track, and another place in it, for each. They are as soft as 24 of them need to be.
mkdir -p "$work"
for ((i = 1; i <= stems; i++)); do
    stem=$work/$i.wav
    [ ! -e "$stem" ] || continue
    [ "$i" != 1 ] || echo "bench: making $stems stems of $seconds s in $work"
    from=$((i % 16))
    quiet demo/song -o "$work/long.wav" --start "$from" --repeat $((seconds / (34 - from) + 1)) --solo $((i % 6 + 1)) \
        --pan "$((i % 6 + 1))=0.$((i % 8))" --master -24
    quiet "$work/long.wav" -o "$stem" --end "$seconds" --format s16
done
rm -f "$work/long.wav"
kinds=(wav)
if have flac; then
    [ -e "$work/$stems.flac" ] || flac --totally-silent -f "$work"/*.wav
    kinds+=(flac)
fi

# mix TOOL KIND: all stems of a kind to one 16-bit file.
mix() {
    local tool=$1 kind=$2 i
    local files=() inputs=() chains=()
    for ((i = 1; i <= stems; i++)); do
        files+=("$work/$i.$kind")
        inputs+=(-i "$work/$i.$kind")
        chains+=("-a:$i" -i "$work/$i.$kind")
    done
    case $tool in
    backline) quiet "${files[@]}" -o "$work/backline.out.wav" --format s16 ;;
    ecasound) ecasound -q -b:4096 -z:mixmode,sum "${chains[@]}" -a:all -f:s16_le,2,48000 -o "$work/ecasound.out.wav" ;;
    sox) sox -m "${files[@]}" -b 16 "$work/sox.out.wav" ;;
    ffmpeg) ffmpeg -nostdin -y -loglevel error "${inputs[@]}" -filter_complex "amix=inputs=$stems:normalize=0" -c:a pcm_s16le "$work/ffmpeg.out.wav" ;;
    esac >"$work/$tool.log" 2>&1 </dev/null
}

tools=(backline)
missing=()
for tool in ecasound sox ffmpeg; do
    if have "$tool"; then tools+=("$tool"); else missing+=("$tool"); fi
done

declare -A best
for kind in "${kinds[@]}"; do
    for ((round = 0; round < rounds; round++)); do
        for tool in "${tools[@]}"; do
            begun=${EPOCHREALTIME/[.,]/}
            mix "$tool" "$kind" || { echo "bench: $tool failed on $kind:" >&2; cat "$work/$tool.log" >&2; best[$tool-$kind]=failed; continue; }
            taken=$((${EPOCHREALTIME/[.,]/} - begun))
            old=${best[$tool-$kind]-$taken}
            [ "$old" = failed ] || best[$tool-$kind]=$((taken < old ? taken : old))
        done
    done
done

# Whoever left something out would be fast.
size() { stat -c %s "$work/$1.out.wav" 2>/dev/null || echo 0; }
want=$((seconds * 48000 * 4))
for tool in "${tools[@]}"; do
    got=$(size "$tool")
    [ $((got > want ? got - want : want - got)) -lt 20000 ] || echo "bench: $tool wrote $got bytes, where $want and a header were expected" >&2
done

echo
printf '%s stereo stems of %s s to one file, 48 kHz, 16 bit\n' "$stems" "$seconds"
printf '%-22s' ""
printf '%14s' "${kinds[@]^^}"
echo
for tool in "${tools[@]}"; do
    case $tool in
    backline) printf '%-22s' "backline, × real time" ;;
    *) printf '%-22s' "faster than $tool" ;;
    esac
    for kind in "${kinds[@]}"; do
        awk -v tool="$tool" -v t="${best[$tool-$kind]}" -v ours="${best[backline-$kind]}" -v s="$seconds" 'BEGIN {
            if (t == "failed" || ours == "failed") printf "%14s", "failed"
            else if (tool == "backline") printf "%14.0f", s * 1e6 / t
            else printf "%12.1f ×", t / ours
        }'
    done
    echo
done
[ ${#missing[@]} -eq 0 ] || echo "not found here: ${missing[*]}"
have flac || echo "not found here: flac, so no FLAC stems"
rm -f "$work"/*.out.wav
