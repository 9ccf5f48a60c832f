#!/usr/bin/env bash
# Makes the seeds of the fuzzer: one small file of every format, from the encoders that users have. The results are committed, so that
# nobody needs to run this; an encoder of another version gives other bytes.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
media=$here/seeds/media
wav=$here/seeds/wav
mkdir -p "$media" "$wav"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# make OUT SECONDS CHANNELS RATE OPTION...: a sweep with a little noise.
make() {
    local out=$1 seconds=$2 channels=$3 rate=$4
    shift 4
    ffmpeg -v error -y -bitexact -f lavfi \
        -i "aevalsrc=exprs=0.3*sin(2*PI*(200+3000*t)*t)+0.02*(random(1)-0.5):s=$rate:d=$seconds" \
        -ac "$channels" -fflags +bitexact -flags:a +bitexact -map_metadata -1 "$@" "$out"
}

make "$media/s16.wav" 0.01 2 48000
make "$media/s24.aiff" 0.01 2 44100 -c:a pcm_s24be
make "$media/sowt.aiff" 0.01 1 44100 -f aiff -c:a pcm_s16le
make "$media/f32.caf" 0.01 1 96000 -c:a pcm_f32le
make "$media/alac.caf" 0.1 1 44100 -c:a alac -sample_fmt s16p
make "$work/stereo.wav" 0.05 2 44100
make "$work/six.wav" 0.02 6 48000
for name in stereo six; do flac --silent --force --no-padding -8 -o "$media/$name.flac" "$work/$name.wav"; done
make "$media/xing.mp3" 0.2 1 44100 -b:a 64k
make "$media/bare.mp3" 0.2 2 48000 -b:a 64k -write_xing 0 -id3v2_version 0
make "$media/mpeg2.mp3" 0.2 1 22050 -b:a 24k -write_xing 0
make "$media/two.mp2" 0.1 1 48000 -b:a 64k
make "$media/vorbis.ogg" 0.2 1 44100 -c:a libvorbis -q:a 0
make "$media/flac.ogg" 0.05 1 44100 -c:a flac -sample_fmt s16
make "$media/opus.ogg" 0.1 1 48000 -c:a libopus -b:a 16k
make "$media/alac.m4a" 0.1 1 44100 -c:a alac -sample_fmt s16p
make "$media/aac.m4a" 0.2 1 44100 -c:a aac -b:a 32k
make "$media/front.m4a" 0.1 2 48000 -c:a aac -b:a 32k -movflags +faststart
make "$media/pieces.mp4" 0.2 1 44100 -c:a aac -b:a 32k -movflags +frag_keyframe+empty_moov+default_base_moof -frag_duration 50000
make "$media/flac.mp4" 0.05 1 44100 -c:a flac -sample_fmt s16 -strict -2
make "$media/raw.aac" 0.2 1 44100 -c:a aac -b:a 32k
make "$media/vorbis.mka" 0.1 1 44100 -c:a libvorbis -q:a 0
make "$media/flac.mka" 0.05 1 44100 -c:a flac -sample_fmt s16
make "$media/pcm.mka" 0.02 1 44100 -c:a pcm_s16le
make "$media/opus.webm" 0.1 1 48000 -c:a libopus -b:a 16k
make "$media/ima.wav" 0.1 1 44100 -c:a adpcm_ima_wav
make "$media/ms.wav" 0.1 2 44100 -c:a adpcm_ms
make "$media/alaw.wav" 0.02 1 8000 -c:a pcm_alaw
make "$media/rf64.wav" 0.01 1 48000 -rf64 always

make "$wav/u8.wav" 0.005 1 8000 -c:a pcm_u8
make "$wav/s16.wav" 0.005 2 44100
make "$wav/s24.wav" 0.005 1 48000 -c:a pcm_s24le
make "$wav/s32.wav" 0.002 2 96000 -c:a pcm_s32le
make "$wav/f32.wav" 0.002 2 48000 -c:a pcm_f32le
make "$wav/f64.wav" 0.002 1 48000 -c:a pcm_f64le
make "$wav/mulaw.wav" 0.01 1 8000 -c:a pcm_mulaw
make "$wav/six.wav" 0.002 6 48000
make "$wav/rf64.wav" 0.005 2 48000 -rf64 always
make "$wav/ima.wav" 0.05 1 22050 -c:a adpcm_ima_wav
make "$work/pipe.wav" 0.005 1 48000
# As a recorder that couldn't go back leaves it: sizes of all ones; and the same as BW64 without a ds64.
{ head -c 4 "$work/pipe.wav"; printf '\377\377\377\377'; head -c 40 "$work/pipe.wav" | tail -c 32; printf '\377\377\377\377'; tail -c +45 "$work/pipe.wav"; } >"$wav/pipe.wav"
{ printf BW64; tail -c +5 "$wav/pipe.wav"; } >"$wav/bw64.wav"
du -sb "$media" "$wav"
