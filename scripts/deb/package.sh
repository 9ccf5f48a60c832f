#!/usr/bin/env bash
# Makes the package of an architecture from what was built for it.
#
#   package.sh ARCHITECTURE SYSROOT OUT     with SOURCE_DATE_EPOCH set: the time of every file in it
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$top"
. scripts/deb/architectures.sh
arch=$1
sysroot=$2
out=$3
target=$(deb_rust_target "$arch")
triplet=$(deb_triplet "$arch")
read -ra runner <<<"$(deb_runner "$arch" "$sysroot")"
built=${CARGO_TARGET_DIR:-$top/target}/$target/release/backline
# 1: the first package of that version.
version=$(sed -n '/^\[workspace.package\]/,/^\[/ s/^version *= *"\(.*\)"/\1/p' Cargo.toml)-1
maintainer="The backline developers <maintainers@backline.invalid>"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
: "${SOURCE_DATE_EPOCH:?}"
umask 022
chmod 755 "$root"

install -D -m 755 "$built" "$root/usr/bin/backline"
"$triplet-strip" --strip-unneeded "$root/usr/bin/backline"

# What the program itself knows: the same as everybody gets from `backline man` and `backline completions`.
program() { "${runner[@]}" "$built" "$@"; }
mkdir -p "$root/usr/share/man"
program man "$root/usr/share/man/man1"
gzip -9n "$root"/usr/share/man/man1/*
install -d "$root/usr/share/bash-completion/completions" "$root/usr/share/zsh/vendor-completions" "$root/usr/share/fish/vendor_completions.d"
program completions bash >"$root/usr/share/bash-completion/completions/backline"
program completions zsh >"$root/usr/share/zsh/vendor-completions/_backline"
program completions fish >"$root/usr/share/fish/vendor_completions.d/backline.fish"

doc=$root/usr/share/doc/backline
install -d "$doc"
install -m 644 README.md cli/docs/*.md "$doc"
install -m 644 cli/docs/*.json "$doc"
gzip -9n <CHANGELOG.md >"$doc/changelog.gz"
gzip -9n <<EOF >"$doc/changelog.Debian.gz"
backline ($version) stable; urgency=medium

  * What is new stands in changelog.gz.

 -- $maintainer  $(LC_ALL=C date -u -R --date="@$SOURCE_DATE_EPOCH")
EOF
scripts/deb/copyright.py "$target" >"$doc/copyright"
install -D -m 644 cli/dist/backline.desktop "$root/usr/share/applications/backline.desktop"
# Units as `backline unit` shows them; none is started by installing them.
install -D -m 644 cli/dist/backline.service "$root/usr/lib/systemd/system/backline.service"
install -D -m 644 cli/dist/backline-user.service "$root/usr/lib/systemd/user/backline.service"
install -D -m 644 cli/dist/limits.conf "$root/etc/security/limits.d/backline.conf"
install -d "$root/DEBIAN"
echo /etc/security/limits.d/backline.conf >"$root/DEBIAN/conffiles"
[ "$arch" != armhf ] || install -m 755 scripts/deb/preinst "$root/DEBIAN/preinst"

# The oldest C library that has every symbol, and the packages of the libraries that are linked.
glibc=$("$triplet-objdump" -T "$root/usr/bin/backline" | grep -o 'GLIBC_[0-9.]*' | cut -d_ -f2 | sort -Vu | tail -n 1)
depends="libc6 (>= $glibc)"
while read -r library; do
    case $library in
    libc.so.* | libm.so.* | ld-linux*) ;;
    libgcc_s.so.1) depends+=", libgcc-s1" ;;
    libasound.so.2) depends+=", libasound2 (>= 1.2.5)" ;;
    *)
        echo "deb: no package is known for $library" >&2
        exit 1
        ;;
    esac
done < <("$triplet-objdump" -p "$root/usr/bin/backline" | awk '$1 == "NEEDED" { print $2 }')
cat >"$root/DEBIAN/control" <<EOF
Package: backline
Version: $version
Architecture: $arch
Maintainer: $maintainer
Section: sound
Priority: optional
Depends: $depends
Recommends: libjack-jackd2-0 | libjack-0.125
Suggests: jackd2, pipewire-jack
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Description: real-time multitrack player for JACK and ALSA
 backline plays many audio files (stems) in sample-exact sync through JACK,
 PipeWire or ALSA: the stems to the speakers, the click and the cues to the
 drummer. It seeks, loops and jumps without a gap or a click, survives the loss
 of its device or server, and says why when there is no sound.
 .
 For bands, theatres and churches with a laptop, and for Raspberry Pis that
 play for years unattended.
EOF
(cd "$root" && find . -path ./DEBIAN -prune -o -type f -print | sed 's|^\./||' | LC_ALL=C sort | xargs md5sum >DEBIAN/md5sums)
chmod -R go-w "$root"
find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --build --root-owner-group -Zxz "$root" "$out/backline_${version}_$arch.deb" >/dev/null
echo "deb: $out/backline_${version}_$arch.deb"
