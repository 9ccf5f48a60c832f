#!/usr/bin/env bash
# Tests the scripts themselves, on machines made up of a handful of fake commands: what setup.sh says and does when packages are
# missing, which output demo.sh ends up with, and that no failing step and no SKIP gets lost.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

# A machine: a folder of commands that is all there is in PATH.
tools="bash sh awk sed grep sort head cat ls basename dirname test tr uname env xargs mktemp rm mkdir printf tee wc ldd timeout"
machine() {
    bin=$work/bin
    rm -rf "$bin"
    mkdir -p "$bin"
    local tool
    for tool in $tools; do ln -s "$(PATH=/usr/bin:/bin command -v "$tool")" "$bin/$tool"; done
    fake id 'case "$1" in -u) echo 1000 ;; *) echo somebody ;; esac'
    fake rustc 'echo "rustc 1.99.0 (0 2026-01-01)"'
    fake cargo 'echo "cargo 1.99.0"'
    for tool in cc aplay cmake jackd pipewire pw-jack sox ffmpeg flac lame oggenc tmux zsh fish valgrind strace systemd-analyze dbus-daemon objdump git xz qemu-system-arm qemu-system-x86_64 busybox cpio depmod; do fake "$tool" 'exit 0'; done
    fake pkg-config 'exit 0'
    # Reaching either of these when nothing is missing is a fault.
    fake apt-get 'echo "apt-get $*" >>"$LOG"'
    fake sudo 'echo "sudo $*" >>"$LOG"; exit 1'
    fake apt-cache 'echo "  Candidate: 1.96.0"'
    : >"$work/log"
}
fake() { rm -f "$bin/$1"; printf '#!/bin/sh\n%s\n' "$2" >"$bin/$1"; chmod +x "$bin/$1"; }

# on_machine COMMAND...: runs it there; its output in $output, its exit code in $code.
on_machine() {
    code=0
    output=$(env -i PATH="$bin" HOME="$work" LOG="$work/log" ${extra-} "$@" 2>&1 </dev/null) || code=$?
}

expect() { # expect WHAT CODE PATTERN...: patterns as grep -E, `!` before one it must not match
    local what=$1 wanted=$2 pattern
    shift 2
    local wrong=
    [ "$code" = "$wanted" ] || wrong="exit code $code, not $wanted"
    for pattern; do
        case $pattern in
        !*) ! grep -qE -- "${pattern#!}" <<<"$output" || wrong="says '${pattern#!}'" ;;
        *) grep -qE -- "$pattern" <<<"$output" || wrong="doesn't say '$pattern'" ;;
        esac
    done
    if [ -n "$wrong" ]; then
        echo "$what: $wrong"
        sed 's/^/    /' <<<"$output"
        bad=1
    fi
}

for script in scripts/*.sh scripts/deb/*.sh scripts/deb/preinst tests/rig/guest/*.sh demo/*.sh tests/firmware/*.sh .ci/run; do bash -n "$script" || bad=1; done

machine
on_machine scripts/setup.sh demo
expect "nothing missing" 0 "nothing to install; Rust is 1.99.0"
[ ! -s "$work/log" ] || { echo "nothing missing, yet: $(cat "$work/log")"; bad=1; }

machine
rm "$bin/cc" "$bin/sudo"
on_machine scripts/setup.sh demo
expect "no sudo" 1 "needs these packages: gcc$" "apt-get install .* gcc\"$" "As root"

machine
rm "$bin/jackd" "$bin/sudo"
on_machine scripts/setup.sh test
expect "jackd2 asks nothing" 1 "tweak_rt_limits boolean true" "packages: jackd2$"

machine
rm "$bin/sudo"
on_machine scripts/setup.sh soak
expect "fuzzing needs a C++ compiler" 1 "packages: g\\+\\+$"

machine
fake pkg-config '[ "$2" != jack ]'
fake id 'echo 0'
on_machine scripts/setup.sh build
expect "root installs" 0 "packages: libjack-jackd2-dev$"
output=$(cat "$work/log")
expect "root installs what it said" 0 "^apt-get update$" "^apt-get install -y .* libjack-jackd2-dev$"

machine
fake apt-get 'case "$*" in *print-uris*) echo "'"'http://a/b' b.deb 12300000 SHA256:0"'" ;; *-s*) echo "Remv cargo [1]" ;; *update*) ;; *) exit 100 ;; esac'
fake id 'echo 0'
rm "$bin/cc"
on_machine scripts/setup.sh build
expect "apt fails" 1 "13 MB to fetch" "removes these.*: cargo" "apt failed"

machine
rm "$bin/cc" "$bin/apt-get"
on_machine scripts/setup.sh build
expect "no apt" 1 "packages: gcc$" "no apt"

machine
fake rustc 'echo "rustc 1.63.0"'
rm "$bin/sudo"
on_machine scripts/setup.sh build
# The machine that runs this may have a good Rust in /usr/bin, which setup.sh is right to find.
if [ $code != 0 ]; then
    expect "old Rust, Debian has a new one" 1 "packages: cargo-web rustc-web$"
    fake apt-cache 'echo "  Candidate: 1.85.0"'
    on_machine scripts/setup.sh build
    expect "old Rust, Debian's too old" 1 "no Rust .* \(found 1.63.0\)" "sh.rustup.rs" "!packages:"
fi

# A player that finds only what $WORKS names.
player=$work/player
cat >"$player" <<'P'
#!/bin/sh
case "$*" in
*"$WORKS"*) echo "playing: $*" ;;
*) echo "backline: no such device"; exit ${CODE-69} ;;
esac
P
chmod +x "$player"
asound=$work/asound
mkdir -p "$asound/card0" "$asound/card1" "$work/nodes"
echo HDMI >"$asound/card0/id"
echo DAC >"$asound/card1/id"
printf '00-03: HDMI 0 : HDMI 0 : playback 1\n01-00: USB Audio : USB Audio : playback 1 : capture 1\n01-01: In : In : capture 1\n' >"$asound/pcm"
machine
demo() { extra="DEMO_BACKLINE=$player DEMO_ASOUND=$asound DEMO_NODES=$work/nodes $1"; shift; on_machine scripts/demo.sh "$@"; extra=; }

demo "WORKS=jack"
expect "demo on JACK" 0 "playing: play demo/song --backend jack$" "played through a JACK server" "!default" "Next"
demo "WORKS=jack" --start 0:10
expect "demo passes options on" 0 "playing: play demo/song --backend jack --start 0:10$"
demo "WORKS=--device"
expect "demo on a card" 0 "not a JACK server" "not the default" "playing: .*hw:CARD=DAC,DEV=0" "!HDMI" "!SILENT" "!DEV=1"
demo "WORKS=null"
expect "demo without sound" 0 "not the card hw:CARD=DAC" "SILENT" "playing: .*--backend null"
demo "WORKS=nothing CODE=65"
expect "demo with a broken song" 65 "stopped with exit code 65" "!trying the default"

# Steps: a failure is remembered, a SKIP is told, and CI allows none.
cat >"$work/steps" <<'P'
set -euo pipefail
top=$1
. scripts/steps.sh
steps_begin
for s in $2; do case $s in fails) step fails sh -c 'exit 3' ;; skips) step skips echo "SKIP sound: no card" ;; once) step once twice sh -c "test -e $1/seen || { : >$1/seen; exit 3; }" ;; never) step never twice sh -c 'exit 3' ;; *) step works echo fine ;; esac; done
steps_end
P
steps() { extra="CARGO_TARGET_DIR=$work/target $1"; on_machine bash "$work/steps" "$work" "$2"; extra=; }
steps CI=false "works"
expect "steps pass" 0 "all steps passed"
steps CI=false "fails works"
expect "a failing step" 1 "FAILED: fails \(exit 3\)" "works ok" "!all steps passed"
steps CI=false "skips works"
expect "a SKIP" 0 "SKIP sound: no card" "all steps passed"
steps CI=true "once works"
expect "a step that fails once" 0 "AGAIN once: it failed at first" "all steps passed"
steps CI=true "never works"
expect "a step that fails twice" 1 "FAILED: never \(exit 3\)" "!all steps passed"
steps CI=true "skips works"
expect "a SKIP in CI" 1 "CI=true allows none" "!all steps passed"

[ $bad = 0 ] && echo "the scripts behave"
exit $bad
