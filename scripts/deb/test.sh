#!/usr/bin/env bash
# Checks packages: what is in them, what they ask for, that each program runs (a foreign one under emulation) and renders the same bytes
# as every other (but for the last bits where it resamples), that the ARMv6 of the first Raspberry Pi is refused in one sentence, and that packing again gives the same file.
#
# With DEB_REFERENCE, a program of this machine, theirs are compared with what that renders.
#
#   test.sh FOLDER ARCHITECTURE...
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$top"
. scripts/deb/architectures.sh
out=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
wrong() { echo "deb: $*" >&2; bad=1; }

# What every package has.
files="usr/bin/backline usr/share/man/man1/backline.1.gz usr/share/man/man1/backline-play.1.gz
usr/share/bash-completion/completions/backline usr/share/zsh/vendor-completions/_backline usr/share/fish/vendor_completions.d/backline.fish
usr/share/doc/backline/copyright usr/share/doc/backline/README.md etc/security/limits.d/backline.conf"

# render NAME: with the words in `program`. At the song's own rate all give the same bytes; at another, transforms differ between kinds of
# processors in their last bits.
render() {
    local rate
    for rate in 48000 44100; do
        if ! "${program[@]}" render demo/song --config none -o "$work/$1-$rate.wav" --rate $rate --format f32 --start 0:20 --end 0:25 2>"$work/said"; then
            cat "$work/said" >&2
            return 1
        fi
    done
}

first=
if [ -n "${DEB_REFERENCE-}" ]; then
    first=reference
    program=("$DEB_REFERENCE")
    render $first
fi
for arch; do
    package=$(echo "$out"/backline_*_"$arch".deb)
    [ -f "$package" ] || { wrong "there is no package for $arch"; continue; }
    root=$work/$arch
    dpkg-deb -x "$package" "$root"
    dpkg-deb -e "$package" "$root/DEBIAN"
    for file in $files; do
        [ -s "$root/$file" ] || wrong "$arch: $file is missing or empty"
    done
    cmp cli/dist/backline.service "$root/usr/lib/systemd/system/backline.service" || wrong "$arch: its unit is another one"
    cmp cli/dist/backline-user.service "$root/usr/lib/systemd/user/backline.service" || wrong "$arch: its unit for users is another one"
    field() { dpkg-deb -f "$package" "$1"; }
    [ "$(field Architecture)" = "$arch" ] || wrong "$arch: says it is for $(field Architecture)"
    case $(field Recommends) in *libjack*) ;; *) wrong "$arch: doesn't recommend libjack" ;; esac
    case $(field Depends) in
    *libjack*) wrong "$arch: can't be installed without libjack" ;;
    *libasound2*) ;;
    *) wrong "$arch: doesn't depend on ALSA: $(field Depends)" ;;
    esac
    # Bookworm's C library is 2.36.
    glibc=$(field Depends | sed -n 's/.*libc6 (>= \([0-9.]*\)).*/\1/p')
    [ "$(printf '%s\n2.36\n' "${glibc:-99}" | sort -V | tail -n 1)" = 2.36 ] || wrong "$arch: needs a C library newer than bookworm's: $glibc"
    (cd "$root" && md5sum --quiet -c DEBIAN/md5sums) || wrong "$arch: the sums don't fit"
    ! grep -qaF "$top" "$root/usr/bin/backline" || wrong "$arch: the program holds the path it was built in"
    for crate in alsa symphonia-core rubato; do
        grep -q "^Files: crate/$crate/" "$root/usr/share/doc/backline/copyright" || wrong "$arch: the licence of $crate isn't listed"
    done

    read -ra runner <<<"$(deb_runner "$arch" "$out/sysroot-$arch")"
    program=("${runner[@]}" "$root/usr/bin/backline")
    "${program[@]}" --version | grep -q '^backline ' || wrong "$arch: doesn't run"
    render "$arch" || wrong "$arch: can't render"
    first=${first:-$arch}
    cmp "$work/$first-48000.wav" "$work/$arch-48000.wav" || wrong "$arch renders other bytes than $first"
    apart=$(scripts/deb/near.py "$work/$first-44100.wav" "$work/$arch-44100.wav") || wrong "$arch resamples otherwise than $first: $apart"
    echo "deb: $arch: $(stat -c %s "$package") bytes, $(field Depends); renders $(sha256sum <"$work/$arch-48000.wav" | cut -c1-16), resampled $apart"

    if [ "$arch" = armhf ]; then
        mkdir -p "$work/pi"
        printf '#!/bin/sh\necho "$MACHINE"\n' >"$work/pi/uname"
        chmod +x "$work/pi/uname"
        said=$(MACHINE=armv6l PATH=$work/pi:$PATH "$root/DEBIAN/preinst" install 2>&1) && wrong "armhf: installs on ARMv6"
        case $said in *ARMv6*) [ "$(wc -l <<<"$said")" = 1 ] || wrong "armhf: more than a sentence on ARMv6" ;; *) wrong "armhf: says nothing of ARMv6: $said" ;; esac
        MACHINE=armv7l PATH=$work/pi:$PATH "$root/DEBIAN/preinst" install || wrong "armhf: refuses ARMv7"
        MACHINE=aarch64 PATH=$work/pi:$PATH "$root/DEBIAN/preinst" install || wrong "armhf: refuses a 64-bit kernel"
    fi
    mkdir -p "$work/again"
    SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)} scripts/deb/package.sh "$arch" "$out/sysroot-$arch" "$work/again" >/dev/null
    cmp "$package" "$work/again/$(basename "$package")" || wrong "$arch: packing again gives another file"
done
exit $bad
