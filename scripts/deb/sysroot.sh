#!/usr/bin/env bash
# Fetches the C library, ALSA's and JACK's of Debian bookworm for an architecture, and unpacks them into a folder. Nothing is
# installed, no root is needed: apt works on a state of its own.
#
#   sysroot.sh ARCHITECTURE FOLDER
set -euo pipefail
arch=$1
folder=$2
mirror=${BACKLINE_DEB_MIRROR:-http://deb.debian.org/debian}
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ ! -e "$folder/complete" ] || exit 0
[ -r "$keys" ] || { echo "deb: Debian's keys are not in $keys; install debian-archive-keyring" >&2; exit 1; }
echo "deb: fetches bookworm's libraries for $arch, about 20 MB"
rm -rf "$folder"
apt=$folder/apt
mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
: >"$apt/status"
printf 'deb [arch=%s signed-by=%s] %s bookworm main\n' "$arch" "$keys" "$mirror" >"$apt/sources.list"
own_apt() {
    apt-get -qq -o APT::Architecture="$arch" -o APT::Architectures="$arch" -o Dir::State="$apt/state" -o Dir::State::status="$apt/status" \
        -o Dir::Cache="$apt/cache" -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::Etc::preferencesparts=/dev/null -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none -o Debug::NoLocking=1 "$@"
}
own_apt update
own_apt install -y --no-install-recommends --download-only libc6-dev libgcc-12-dev libasound2-dev libjack-jackd2-dev >/dev/null
for package in "$apt"/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$folder"
done
# Merged /usr, as on an installed system: the emulator looks for the loader's libraries in one place only.
cp -a "$folder/lib/." "$folder/usr/lib/"
rm -rf "$folder/lib"
ln -s usr/lib "$folder/lib"
if [ -d "$folder/lib64" ]; then
    cp -a "$folder/lib64/." "$folder/usr/lib64/" 2>/dev/null || { mkdir -p "$folder/usr/lib64" && cp -a "$folder/lib64/." "$folder/usr/lib64/"; }
    rm -rf "$folder/lib64"
    ln -s usr/lib64 "$folder/lib64"
fi
rm -rf "$apt"
touch "$folder/complete"
