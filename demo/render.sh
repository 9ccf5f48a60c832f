#!/usr/bin/env bash
# Renders the demo song: score.py -> MIDI -> FluidSynth -> FLAC stems in demo/song.
# Needs python3, fluidsynth, fluid-soundfont-gm, sox, flac and espeak-ng (the spoken cues).
set -euo pipefail
cd "$(dirname "$0")"
soundfont=${SOUNDFONT:-/usr/share/sounds/sf2/FluidR3_GM.sf2}
for tool in python3 fluidsynth sox flac espeak-ng; do
    command -v "$tool" >/dev/null || { echo "render.sh: $tool is missing" >&2; exit 69; }
done
[ -f "$soundfont" ] || { echo "render.sh: no sound font at $soundfont (package fluid-soundfont-gm, or set SOUNDFONT)" >&2; exit 69; }

rate=48000
frames=$(python3 score.py --frames)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 score.py "$work"

# stem NAME PEAK_DB EFFECTS...: to one channel, through the effects, to its level in the mix, to the song's exact length.
stem() {
    local name=$1 peak=$2
    shift 2
    if [ ! -f "$work/$name.wav" ]; then
        fluidsynth -q -ni -g 0.5 -R 0 -C 0 -r "$rate" -O float -T wav -F "$work/$name.wav" "$soundfont" "$work/$name.mid" >/dev/null
    fi
    sox -V1 -D "$work/$name.wav" -c 1 -b 16 -r "$rate" "$work/$name.out.wav" "$@" gain -n "$peak" pad 0 1 trim 0 "${frames}s" fade t 0 "${frames}s" 0.4
    flac -s -8 -e -p -f --no-padding --no-seektable -o "song/$name.flac" "$work/$name.out.wav"
}

# What lies above these corners is the sound font's hiss.
mkdir -p song
stem drums -11 sinc 30-10k
stem bass -15 sinc 30-2k
stem keys -17 sinc 60-5k
stem guitar -16 sinc 100-5k
stem pad -20 sinc 150-6k
stem lead -21 sinc 200-7k
stem click -6

# The cues: each word placed on its frame.
inputs=()
while IFS=$'\t' read -r at words; do
    n=${#inputs[@]}
    espeak-ng -v en-us -s 190 -p 45 -w "$work/say.$n.wav" "$words"
    sox -V1 -D "$work/say.$n.wav" -r "$rate" -b 16 -c 1 "$work/cue.$n.wav" \
        silence 1 0.005 1% sinc 120-5k gain -n -12 pad "${at}s" 1 trim 0 "${frames}s"
    inputs+=("$work/cue.$n.wav")
done < <(python3 score.py --cues)
sox -V1 -D -m -v 1 "${inputs[0]}" $(printf -- '-v 1 %s ' "${inputs[@]:1}") "$work/cue.wav"
stem cue -12

# The sum at the levels of song.toml (drums +2 dB, main +6 dB; pan ever only lowers) must not clip.
cd song
peak=$(sox -V1 -m -v 1.26 drums.flac -v 1 bass.flac -v 1 keys.flac -v 1 guitar.flac -v 1 pad.flac -v 1 lead.flac \
    -n gain 6 stats 2>&1 | awk '/^Pk lev dB/ { print $4 }')
echo "mix peak ${peak} dBFS, $(du -cb ./*.flac | tail -1 | cut -f1) bytes, ${frames} frames at ${rate} Hz"
awk -v peak="$peak" 'BEGIN { exit !(peak < -1) }' || { echo "render.sh: the mix is too loud" >&2; exit 1; }
