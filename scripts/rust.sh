# shellcheck shell=bash
# Sourced: finds a Rust that is new enough, and puts it into PATH. Changes nothing else.

# The oldest version the workspace builds with.
rust_wanted() {
    sed -n 's/^rust-version *= *"\(.*\)"/\1/p' "$(dirname "${BASH_SOURCE[0]}")/../Cargo.toml" | head -n 1
}

version_at_least() { # version_at_least VERSION WANTED
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

# Folders that may hold a cargo, best first.
rust_folders() {
    local cargo
    if cargo=$(command -v cargo); then dirname "$cargo"; fi
    echo "${CARGO_HOME:-${HOME-}/.cargo}/bin"
    echo /usr/bin
}

# Prints e.g. "1.95.0 in /usr/bin"; nothing when there is none.
rust_found() {
    local folder version
    while read -r folder; do
        [ -x "$folder/cargo" ] && [ -x "$folder/rustc" ] || continue
        # A rustup without a toolchain has both files, and neither works.
        "$folder/cargo" --version >/dev/null 2>&1 </dev/null || continue
        version=$("$folder/rustc" --version 2>/dev/null </dev/null | awk '{ print $2 }')
        version_at_least "${version:-0}" "$(rust_wanted)" && { echo "$version in $folder"; return; }
    done < <(rust_folders)
}

# Why none was good enough.
rust_seen() {
    local version
    version=$(rustc --version 2>/dev/null </dev/null | awk '{ print $2 }') || true
    if [ -n "$version" ]; then echo "found $version"; else echo "none found"; fi
}

rust_in_apt() {
    local candidate
    candidate=$(LC_ALL=C apt-cache policy cargo-web 2>/dev/null | awk '/Candidate:/ { print $2 }')
    version_at_least "${candidate:-0}" "$(rust_wanted)"
}

rust_line() {
    if command -v rustup >/dev/null; then
        echo "rustup update stable && rustup default stable"
    else
        echo "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
    fi
}

# For the scripts that build: PATH begins with the folder of the right cargo.
rust_into_path() {
    local found
    found=$(rust_found)
    [ -n "$found" ] || { echo "no Rust $(rust_wanted) or newer ($(rust_seen)). Type: $(rust_line)" >&2; return 1; }
    PATH=${found##* in }:$PATH
    export PATH
}

# The microcontrollers the core is built for.
rust_bare_targets="thumbv6m-none-eabi thumbv7em-none-eabihf riscv32imac-unknown-none-elf"

# rust_has_target TARGET: whether its core library is there.
rust_has_target() {
    local folder
    folder=$(rustc --print target-libdir --target "$1" 2>/dev/null) && compgen -G "$folder/libcore-*.rlib" >/dev/null
}

# Fetches what is missing of the microcontrollers' core libraries, having said so. Only a rustup can; without one the checks that
# need them are skipped.
rust_fetch_targets() {
    local target missing=()
    for target in $rust_bare_targets; do
        rust_has_target "$target" || missing+=("$target")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    rust_is_rustups || return 0
    echo "setup: fetches Rust's core library for ${missing[*]}, about 60 MB on disk each"
    rustup target add "${missing[@]}" || true
}

# Whether the rustc in PATH is one that rustup looks after.
rust_is_rustups() {
    command -v rustup >/dev/null && [ "$(rustup which rustc 2>/dev/null | xargs -r dirname | xargs -r dirname)" = "$(rustc --print sysroot)" ]
}
