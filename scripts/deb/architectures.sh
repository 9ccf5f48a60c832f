# shellcheck shell=bash
# Sourced: what Debian, Rust, the C compiler and the emulator call each architecture that packages are made for.

deb_known() {
    case $1 in
    amd64 | arm64 | armhf) ;;
    *)
        echo "deb: no packages are made for $1; there are amd64, arm64 and armhf" >&2
        return 1
        ;;
    esac
}

deb_rust_target() {
    case $1 in
    amd64) echo x86_64-unknown-linux-gnu ;;
    arm64) echo aarch64-unknown-linux-gnu ;;
    armhf) echo armv7-unknown-linux-gnueabihf ;;
    esac
}

# Prefix of the C tools, and name of the folders with libraries.
deb_triplet() {
    case $1 in
    amd64) echo x86_64-linux-gnu ;;
    arm64) echo aarch64-linux-gnu ;;
    armhf) echo arm-linux-gnueabihf ;;
    esac
}

# The words before a program that run it here; none for this machine's own.
deb_runner() { # deb_runner ARCHITECTURE SYSROOT
    [ "$1" != "$(dpkg --print-architecture)" ] || return 0
    case $1 in
    amd64) echo "qemu-x86_64-static -L $2" ;;
    arm64) echo "qemu-aarch64-static -L $2" ;;
    armhf) echo "qemu-arm-static -L $2" ;;
    esac
}

# rust_has_std TARGET: whether its standard library is there.
rust_has_std() {
    local folder
    folder=$(rustc --print target-libdir --target "$1" 2>/dev/null) && compgen -G "$folder/libstd-*.rlib" >/dev/null
}
