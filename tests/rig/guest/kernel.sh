#!/usr/bin/env bash
# Prepares the guest: a Debian kernel that QEMU boots directly, and an initramfs with BusyBox, the sound modules and ALSA's
# configuration. Nothing is installed; no root is needed. Everything lands in target/guest and is made once.
#
#   kernel.sh           prepare (quiet and quick when it has been done)
#   kernel.sh --check   say in one line what is missing; exit 1 if anything is
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../../.." && pwd)
out=${CARGO_TARGET_DIR:-$top/target}/guest
PATH=$PATH:/usr/sbin:/sbin
meta=linux-image-amd64

# Drivers the tests load by name; what those need comes along.
modules=(snd-aloop snd-dummy snd-hda-intel snd-hda-codec-generic xhci-pci snd-usb-audio
    snd-hrtimer snd-seq snd-seq-midi snd-virmidi
    evdev uinput configfs)

missing() {
    local tool
    [ "$(uname -m)" = x86_64 ] || { echo "the guest needs an x86-64 machine, this is $(uname -m)"; return; }
    for tool in qemu-system-x86_64 busybox cpio depmod modprobe dpkg-deb apt-get xz; do
        command -v "$tool" >/dev/null || { echo "$tool is not installed"; return; }
    done
    if ldd "$(command -v busybox)" >/dev/null 2>&1; then
        echo "busybox is not the static one (package busybox-static)"
        return
    fi
    [ -d /usr/share/alsa ] || { echo "no /usr/share/alsa (package libasound2-data)"; return; }
    [ -f "$out/initramfs.cpio" ] || fetched || [ -n "$(package)" ] ||
        echo "apt knows no $meta (apt-get update? not Debian?)"
}

# Whether the package is here already: then nothing needs the network.
fetched() {
    local debs=("$out"/linux-image-*.deb)
    [ -f "${debs[0]}" ]
}

# The image package the metapackage stands for today.
package() {
    apt-cache depends "$meta" 2>/dev/null | awk '/Depends: linux-image-/ { print $2; exit }'
}

problem=$(missing)
if [ -n "$problem" ]; then
    echo "$problem" >&2
    exit 1
fi
[ "${1-}" != --check ] || exit 0

mkdir -p "$out"
exec 9>"$out/lock"
flock 9
current() {
    local file
    for file in kernel.sh gpio.sh init; do [ "$out/initramfs.cpio" -nt "$here/$file" ] || return 1; done
}
current && exit 0

work=$(mktemp -d "$out/kernel.XXXXXX")
trap 'rm -rf "$work"' EXIT
debs=("$out"/linux-image-*.deb)
if [ ! -f "${debs[0]}" ]; then
    echo "guest: fetching $(package) (about 70 MB, unpacked only)" >&2
    (cd "$work" && apt-get -q -o APT::Sandbox::User="$(id -un)" download "$(package)" >&2)
    mv "$work"/linux-image-*.deb "$out/"
    debs=("$out"/linux-image-*.deb)
fi

mkdir "$work/pkg"
dpkg-deb -x "${debs[0]}" "$work/pkg"
# From Debian 13 on, the modules lie under /usr.
[ -d "$work/pkg/lib" ] || ln -s usr/lib "$work/pkg/lib"
release=$(ls "$work/pkg/lib/modules")
depmod -b "$work/pkg" "$release"

# QEMU enters an uncompressed kernel directly (PVH), which spares the guest the unpacking: half the boot time.
unpack() { # unpack MAGIC TOOL...: the payload of the bzImage that begins with MAGIC
    local magic=$1 at
    shift
    for at in $(LC_ALL=C grep -abo "$magic" "$work/pkg/boot/vmlinuz-$release" | cut -d: -f1); do
        # What follows the payload makes the tool complain after it has written everything.
        tail -c "+$((at + 1))" "$work/pkg/boot/vmlinuz-$release" | "$@" >"$work/vmlinux" 2>/dev/null || true
        [ "$(head -c 4 "$work/vmlinux")" = $'\x7fELF' ] && return 0
    done
    return 1
}
unpack $'\xfd7zXZ' xz -dc || { command -v zstd >/dev/null && unpack $'\x28\xb5\x2f\xfd' zstd -dc; } ||
    { echo "guest: no xz or zstd payload in vmlinuz-$release" >&2; exit 1; }

root=$work/root
lib=usr/lib/modules/$release
mkdir -p "$root"/{dev,proc,sys,tmp,run,etc,root,mnt,usr/bin,usr/lib64,usr/share,"$lib"}
for link in bin lib lib64 sbin; do ln -s "usr/${link/sbin/bin}" "$root/$link"; done
cp -L "$(command -v busybox)" "$root/usr/bin/busybox"
cp -r /usr/share/alsa "$root/usr/share/"
install -m 755 "$here/init" "$root/init"
# A GPIO chip. Debian 12's kernel has none, so it is made of its source; without it, the test that wants it says so.
makes=
if modprobe -d "$work/pkg" -S "$release" --show-depends gpio-sim >/dev/null 2>&1; then modules+=(gpio-sim); else makes=1; fi
for module in "${modules[@]}"; do
    modprobe -d "$work/pkg" -S "$release" --show-depends "$module" | awk '$1 == "insmod" { print $2 }'
done | sort -u | while read -r file; do
    to=$root/$lib/${file#*"/modules/$release/"}
    mkdir -p "${to%/*}"
    case $file in
    *.xz) xz -dc "$file" >"${to%.xz}" ;;
    *) cp "$file" "$to" ;;
    esac
done
if [ -n "$makes" ]; then
    echo "guest: making the module gpio-sim (about 150 MB to fetch, unpacked only)" >&2
    "$here/gpio.sh" "$release" "${debs[0]}" "$root/$lib/gpio-sim.ko" || echo "guest: it can't be made" >&2
fi
cp "$work/pkg/lib/modules/$release"/modules.{order,builtin,builtin.modinfo} "$root/$lib/"
depmod -b "$root" "$release"
(cd "$root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$work/initramfs.cpio"
mv "$work/vmlinux" "$out/vmlinux"
mv "$work/initramfs.cpio" "$out/initramfs.cpio"
echo "guest: Linux $release is ready in ${out#"$top/"}" >&2
