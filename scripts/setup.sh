#!/usr/bin/env bash
# Sees to it that what a target needs is there: says what is missing and how long it takes, then installs it with apt. Nothing
# missing means nothing is asked of sudo or apt.
#
#   setup.sh build|demo|test|fuzz|soak|deb            install what is missing
#   setup.sh build|demo|test|fuzz|soak|deb --check    only say what is missing; exit 1 if anything is
#
# As a normal user without sudo it prints the command to type and exits 1. Rust: the cargo in PATH or in ~/.cargo/bin if it is new
# enough, else Debian's cargo-web, else the line to type.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$top/scripts/rust.sh"
target=${1:?usage: setup.sh build|demo|test|fuzz|soak|deb [--check]}
check=${2-}

have() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ]; }

# Development files of a library, from whichever package: PipeWire's jack.pc is as good as JACK's own.
library() {
    if have pkg-config; then
        pkg-config --exists "$1"
    else
        compgen -G "/usr/lib/*/pkgconfig/$1.pc" >/dev/null || compgen -G "/usr/*/pkgconfig/$1.pc" >/dev/null
    fi
}

busybox_is_static() { have busybox && ! ldd "$(command -v busybox)" >/dev/null 2>&1; }

packages=()
need() { # need PACKAGE PROBE...: PACKAGE is missing unless PROBE succeeds
    local package=$1
    shift
    "$@" || packages+=("$package")
}

need gcc have cc
need libc6-dev test -e /usr/include/stdlib.h
need pkg-config have pkg-config
need libjack-jackd2-dev library jack
need libasound2-dev library alsa
if [[ $target = fuzz || $target = soak ]]; then
    # libFuzzer is C++.
    need g++ have c++
fi
if [[ $target = test || $target = soak ]]; then
    need jackd2 have jackd
    need pipewire have pipewire
    need pipewire-jack have pw-jack
    need alsa-utils have aplay
    need sox have sox
    need ffmpeg have ffmpeg
    need flac have flac
    need lame have lame
    need vorbis-tools have oggenc
    need libltc-dev library ltc
    need tmux have tmux
    need zsh have zsh
    need fish have fish
    need valgrind have valgrind
    need strace have strace
    need systemd have systemd-analyze
    need dbus-daemon have dbus-daemon
    need binutils have objdump
    # The feature opus builds libopus.
    need cmake have cmake
    need xz-utils have xz
    # The firmware.
    need qemu-system-arm have qemu-system-arm
    # The guest with kernel sound drivers.
    if [ "$(uname -m)" = x86_64 ]; then
        need qemu-system-x86 have qemu-system-x86_64
        need busybox-static busybox_is_static
        need cpio have cpio
        need kmod have depmod
    fi
fi
if [ "$target" = deb ]; then
    # Compilers for what this machine isn't.
    need gcc-x86-64-linux-gnu have x86_64-linux-gnu-gcc
    need gcc-aarch64-linux-gnu have aarch64-linux-gnu-gcc
    need gcc-arm-linux-gnueabihf have arm-linux-gnueabihf-gcc
    need qemu-user-static have qemu-aarch64-static
    need python3 have python3
    need xz-utils have xz
    need debian-archive-keyring test -e /usr/share/keyrings/debian-archive-keyring.gpg
fi

rust=$(rust_found)
if [ -z "$rust" ] && have apt-get && rust_in_apt; then
    packages+=(cargo-web rustc-web)
    [ "$target" != test ] || packages+=(rustfmt-web)
    rust="Debian's cargo-web"
fi

if [ ${#packages[@]} -eq 0 ] && [ -n "$rust" ]; then
    echo "setup: nothing to install; Rust is $rust"
    exit 0
fi

if [ ${#packages[@]} -gt 0 ]; then
    echo "setup: make $target needs these packages: ${packages[*]}"
fi
if [ -z "$rust" ]; then
    echo "setup: no Rust $(rust_wanted) or newer here ($(rust_seen)). Type:"
    echo "    $(rust_line)"
fi
[ "$check" != --check ] || exit 1

command=""
if [ ${#packages[@]} -gt 0 ]; then
    if ! have apt-get; then
        echo "setup: this system has no apt; install what provides those (the names are Debian's) and try again" >&2
        exit 1
    fi
    install="apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=600 ${packages[*]}"
    preseed=""
    case " ${packages[*]} " in *" jackd2 "*)
        # The one question jackd2 asks: whether the group audio may use real-time priorities.
        preseed="echo 'jackd2 jackd/tweak_rt_limits boolean true' | debconf-set-selections && "
        ;;
    esac
    command="apt-get update; ${preseed}DEBIAN_FRONTEND=noninteractive $install"
    # Where the lists are there, apt knows the exact size.
    bytes=$(LC_ALL=C apt-get install --print-uris -y --no-install-recommends "${packages[@]}" 2>/dev/null |
        awk '/^\x27/ { n += $3 } END { printf "%d", n }' || true)
    if [ "${bytes:-0}" -gt 0 ]; then
        mb=$(((bytes + 999999) / 1000000))
        echo "setup: $mb MB to fetch, about $((10 + mb / 2)) s on a 20 Mbit/s line"
    else
        echo "setup: a few minutes, depending on the line"
    fi
    removed=$(LC_ALL=C apt-get install -s -y --no-install-recommends "${packages[@]}" 2>/dev/null | awk '/^Remv / { printf "%s ", $2 }' || true)
    [ -z "$removed" ] || echo "setup: apt removes these, which are in the way: $removed"
fi
if [ -z "$rust" ]; then
    [ -z "$command" ] || echo "setup: and the packages: sudo sh -c \"$command\"" >&2
    exit 1
fi

if [ "$(id -u)" = 0 ]; then
    as_root=(sh -c)
elif have sudo && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    as_root=(sudo sh -c)
else
    echo "setup: only root can install them, and sudo can't be used here. As root, type:" >&2
    echo "    sh -c \"$command\"" >&2
    exit 1
fi
"${as_root[@]}" "$command" </dev/null || { echo "setup: apt failed (see above); nothing was built" >&2; exit 1; }
if [ -z "$(rust_found)" ]; then
    echo "setup: still no usable Rust ($(rust_seen)). Type:" >&2
    echo "    $(rust_line)" >&2
    exit 1
fi
