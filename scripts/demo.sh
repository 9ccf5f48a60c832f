#!/usr/bin/env bash
# Builds the player and plays the demo song on the first output that works: a JACK server, the default device, each sound
# card but HDMI; else into nothing, SILENT. Says what was tried and why it wasn't that.
#
#   demo.sh [OPTION...]     options go to `backline play`, e.g. demo.sh --start @Chorus
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
. scripts/rust.sh
song=demo/song
sound=${DEMO_ASOUND:-/proc/asound}
nodes=${DEMO_NODES:-/dev/snd}

if [ -n "${DEMO_BACKLINE-}" ]; then
    backline=$DEMO_BACKLINE
else
    scripts/setup.sh demo
    rust_into_path
    target=${CARGO_TARGET_DIR:-target}
    backline=$target/release/backline
    [ -x "$backline" ] || echo "demo: compiling; one to three minutes the first time"
    cargo build --release -p backline
fi

# try WHAT OPTION...: plays, and ends the script unless there is no such device (69).
try() {
    local what=$1 status=0
    shift
    echo "demo: trying $what"
    "$backline" play "$song" "$@" "${options[@]}" || status=$?
    case $status in
    0) played "$what" "$@" ;;
    69) echo "demo: not $what (the line above says why)" ;;
    *)
        echo "demo: stopped with exit code $status" >&2
        exit "$status"
        ;;
    esac
}

played() {
    local what=$1
    shift
    echo
    echo "demo: played through $what."
    echo "Next, the chorus without the lead:"
    echo "    $backline play $song $(printf '%q ' "$@")--start @Chorus --mute lead"
    exit 0
}

options=("$@")
try "a JACK server" --backend jack

cards=()
if [ -r "$sound/pcm" ]; then
    # 00-03: HDMI 0 : HDMI 0 : playback 1
    while IFS= read -r line; do
        case $line in
        *HDMI* | *DisplayPort*) continue ;;
        *playback*) ;;
        *) continue ;;
        esac
        index=$((10#${line%%-*}))
        device=${line#*-}
        device=$((10#${device%%:*}))
        cards+=("hw:CARD=$(cat "$sound/card$index/id"),DEV=$device")
    done <"$sound/pcm"
fi
barred=
for node in "$nodes"/pcm*p; do
    [ -e "$node" ] && [ ! -w "$node" ] && barred=$node
done
if [ -n "$barred" ]; then
    echo "demo: you may not use the sound cards ($barred is closed to you). They are for the group audio: sudo usermod -aG audio $(id -un), then log in again."
fi
try "the default ALSA device" --backend alsa
if [ ${#cards[@]} -eq 0 ]; then
    echo "demo: no sound card here (HDMI aside)"
fi
for card in "${cards[@]}"; do
    try "the card $card" --backend alsa --device "$card"
done

echo "demo: SILENT: nothing here can sound, so the song plays into nothing, at its own pace"
try "nothing (SILENT)" --backend null
exit 69
