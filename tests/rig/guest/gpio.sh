#!/usr/bin/env bash
# Makes gpio-sim, the kernel's GPIO chip without hardware, for a kernel of Debian's that has none: out of Debian's own source of that
# very kernel, against its headers. Nothing is installed; what is fetched stays beside the kernel.
#
#   gpio.sh RELEASE IMAGE.deb TO.ko
set -euo pipefail
release=$1 image=$2 to=$3
out=$(cd "$(dirname "$image")" && pwd)
version=$(dpkg-deb -f "$image" Version)
series=${release%%-*}
series=${series%.*}
flavour=${release##*-}
packages=("linux-headers-$release" "linux-headers-${release%-"$flavour"}-common" "linux-kbuild-$series" "linux-source-$series")
for tool in gcc make tar; do
    command -v "$tool" >/dev/null || { echo "$tool is not installed" >&2; exit 1; }
done

work=$(mktemp -d "$out/gpio.XXXXXX")
trap 'rm -rf "$work"' EXIT
debs=()
for package in "${packages[@]}"; do
    deb=("$out/${package}_${version}"_*.deb)
    if [ ! -f "${deb[0]}" ]; then
        (cd "$work" && apt-get -q -o APT::Sandbox::User="$(id -un)" download "$package=$version" >&2)
        mv "$work/$package"_*.deb "$out/"
        deb=("$out/${package}_${version}"_*.deb)
    fi
    debs+=("${deb[0]}")
done

# All but the source is small.
for deb in "${debs[@]:0:3}"; do dpkg-deb -x "$deb" "$work/root"; done
headers=$work/root/usr/src/linux-headers-$release
sed -i "s#/usr/src/#$work/root/usr/src/#" "$headers/Makefile"
tree=linux-source-$series
dpkg-deb --fsys-tarfile "${debs[3]}" | tar -xO "./usr/src/$tree.tar.xz" >"$work/source.tar.xz"
# (tar has all it wants before the end: xz may complain.)
{ xz -dcq "$work/source.tar.xz" || true; } |
    tar -x -C "$work" --occurrence=1 "$tree/drivers/gpio/gpio-sim.c" "$tree/drivers/gpio/gpiolib.h" "$tree/kernel/irq/irq_sim.c"

# Both in one module, and what the kernel has but doesn't export.
module=$work/module
mkdir "$module"
cp "$work/$tree/drivers/gpio/gpio-sim.c" "$module/sim.c"
cp "$work/$tree/drivers/gpio/gpiolib.h" "$work/$tree/kernel/irq/irq_sim.c" "$module/"
cat >"$module/desc.c" <<'C'
#include <linux/irq.h>
#include <linux/irqdesc.h>

struct irq_desc *irq_to_desc(unsigned int irq)
{
	struct irq_data *data = irq_get_irq_data(irq);

	return data ? irq_data_to_desc(data) : NULL;
}
C
printf 'obj-m := gpio-sim.o\ngpio-sim-y := sim.o irq_sim.o desc.o\n' >"$module/Makefile"
make -s -C "$headers" M="$module" modules >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
strip --strip-debug "$module/gpio-sim.ko"
mv "$module/gpio-sim.ko" "$to"
