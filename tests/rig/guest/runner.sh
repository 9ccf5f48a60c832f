#!/usr/bin/env bash
# Runs one program in a virtual machine with real kernel sound drivers and hands back its output and exit code. Made to be
# cargo's runner, so that a plain #[test] plays to hw:Dummy:
#
#   CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER=$PWD/tests/rig/guest/runner.sh \
#       cargo test -p backline-tests --test guest_smoke -- --test-threads=1
#
# The guest's clock counts its instructions (QEMU -icount) and skips idle time: a busy host makes it slower, never late. An xrun in here is
# the fault of the program. One CPU: races are not exercised.
#
# In the guest: BACKLINE_GUEST=1, root, cards Loopback and Dummy; jackd with its drivers and `backline` from the same target
# folder (named by BACKLINE_BIN), where the host has them; an HDA and a USB card wait for `modprobe snd-hda-intel` or
# `modprobe xhci-pci` with `modprobe snd-usb-audio`. Variables that begin with RUST_ or BACKLINE_ are handed in. Further:
#
#   GUEST_BACKLINE another `backline` than that of the same target folder
#   GUEST_BINS     programs to bring along into /bin, with their libraries (paths, separated by spaces)
#   GUEST_FILES    files and folders to bring along at the same absolute path
#   GUEST_MODULES  what to load before the start (default "snd-aloop snd-dummy")
#   GUEST_QEMU     more arguments for QEMU; -audiodev ids `hda` and `usb` are the cards' sinks (default: none)
#   GUEST_AUDIO    folder for the sinks' hda.wav and usb.wav: what the cards would have sounded
#   GUEST_ICOUNT   0: two CPUs in real time instead of counted instructions
#   GUEST_TIMEOUT  seconds of the host's time (default 300; then exit code 124)
#   GUEST_MEMORY   MB (default 512)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../../.." && pwd)
out=${CARGO_TARGET_DIR:-$top/target}/guest
PATH=$PATH:/usr/sbin:/sbin
[ $# -ge 1 ] || { echo "usage: runner.sh PROGRAM [ARGUMENT...]" >&2; exit 64; }
program=$(readlink -f "$1")
shift
"$here/kernel.sh"

run=$(mktemp -d "$out/run.XXXXXX")
trap 'rm -rf "$run"' EXIT
root=$run/root
mkdir -p "$root/guest" "$root/usr/bin"

# put FILE [AT]: FILE at its own path or AT; the guest has /bin, /lib and /lib64 under /usr.
put() {
    local at=${2:-$1}
    case $at in /bin/* | /lib/* | /lib64/* | /sbin/*) at=/usr$at ;; esac
    [ -e "$root$at" ] && return
    mkdir -p "$root${at%/*}"
    cp -rL "$1" "$root$at"
}

# libraries FILE: those the loader would find for it.
libraries() {
    local file
    { ldd "$1" 2>/dev/null || true; } | { grep -oE '/[^ ]+' || true; } | while read -r file; do put "$file"; done
}

bring() {
    put "$1" "/usr/bin/$(basename "$1")"
    libraries "$1"
}

put "$program" "/usr/bin/$(basename "$program")"
strip --strip-debug "$root/usr/bin/$(basename "$program")" 2>/dev/null || true
libraries "$program"
backline=${GUEST_BACKLINE:-$(dirname "$program")/../backline}
if [ -x "$backline" ]; then
    put "$(readlink -f "$backline")" /usr/bin/backline
    strip --strip-debug "$root/usr/bin/backline"
    libraries "$backline"
fi
# libjack and its drivers are loaded at run time; no header names them.
while read -r file; do
    put "$file"
    libraries "$file"
done < <(ldconfig -p | awk '/libjack\.so\.0 .*x86-64/ { print $NF; exit }')
if jackd=$(command -v jackd); then
    bring "$jackd"
    ! jack_wait=$(command -v jack_wait) || bring "$jack_wait"
    drivers=/usr/lib/x86_64-linux-gnu/jack
    if [ -d "$drivers" ]; then
        put "$drivers"
        for file in "$drivers"/*.so; do libraries "$file"; done
    fi
fi
for file in ${GUEST_BINS-}; do bring "$(command -v "$file")"; done
for file in ${GUEST_FILES-}; do put "$file"; done

{
    echo "export BACKLINE_GUEST=1 JACK_NO_AUDIO_RESERVATION=1 JACK_NO_START_SERVER=1"
    [ ! -x "$root/usr/bin/backline" ] || echo "export BACKLINE_BIN=/bin/backline"
    printf 'GUEST_MODULES=%q\n' "${GUEST_MODULES-snd-aloop snd-dummy}"
    while IFS= read -r name; do printf 'export %s=%q\n' "$name" "${!name}"; done < <(compgen -e | grep -E '^(RUST|BACKLINE)_' | grep -vE '^BACKLINE_(BIN|GUEST)$')
} >"$root/guest/environment"
{
    echo '#!/bin/sh'
    printf 'exec %q' "/bin/$(basename "$program")"
    [ $# -eq 0 ] || printf ' %q' "$@"
    echo
} >"$root/guest/run"
chmod 755 "$root/guest/run"
# The kernel unpacks archives one after the other into the same root.
{
    cat "$out/initramfs.cpio"
    (cd "$root" && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0)
} >"$run/initramfs.cpio"
rm -rf "$root"

sink() {
    if [ -n "${GUEST_AUDIO-}" ]; then
        echo "wav,id=$1,path=$GUEST_AUDIO/$1.wav,out.frequency=48000,out.channels=2,out.format=s16"
    else
        echo "none,id=$1,out.frequency=48000,out.channels=2,out.format=s16"
    fi
}
if [ "${GUEST_ICOUNT-1}" = 0 ]; then
    clock=(-accel tcg,thread=multi -smp 2)
else
    clock=(-accel tcg,thread=single -icount "shift=2,sleep=off" -smp 1)
fi
status=0
# shellcheck disable=SC2086  # GUEST_QEMU is a list
timeout --foreground -k 5 "${GUEST_TIMEOUT:-300}" qemu-system-x86_64 -M pc "${clock[@]}" -cpu max -m "${GUEST_MEMORY:-512}" \
    -nodefaults -no-user-config -display none -no-reboot \
    -kernel "$out/vmlinux" -initrd "$run/initramfs.cpio" \
    -append "console=ttyS0 quiet panic=-1 mitigations=off nokaslr" \
    -audiodev "$(sink hda)" -device intel-hda -device hda-output,audiodev=hda \
    -audiodev "$(sink usb)" -device qemu-xhci,id=xhci -device usb-audio,audiodev=usb,id=dac,bus=xhci.0 \
    -serial stdio -serial "file:$run/code" ${GUEST_QEMU-} </dev/null | sed -u -e 's/\r$//' -e '/reboot: Power down$/d' || status=${PIPESTATUS[0]}
if [ "$status" = 124 ] || [ "$status" = 137 ]; then
    echo "guest: not done after ${GUEST_TIMEOUT:-300} s, ended" >&2
    exit 124
fi
code=$(tr -dc 0-9 <"$run/code" 2>/dev/null || true)
if [ -z "$code" ]; then
    echo "guest: ended without an exit code (QEMU said $status)" >&2
    exit 70
fi
exit "$code"
