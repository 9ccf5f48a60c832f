# shellcheck shell=bash
# Sourced by check.sh and test.sh: the steps both have.

check_steps() {
    step scripts scripts/selftest.sh
    if cargo fmt --version >/dev/null 2>&1; then
        step fmt cargo fmt --check
    else
        skip fmt "rustfmt is not installed (rustup component add rustfmt)"
    fi
    # Where clippy is missing, the compiler's own warnings still count.
    local lint=check deny=()
    if cargo clippy --version >/dev/null 2>&1; then
        lint=clippy
        deny=(-- -D warnings)
    else
        skip clippy "clippy is not installed (rustup component add clippy)"
    fi
    step "$lint" cargo "$lint" --workspace --all-targets "${deny[@]}"
    # Targets that only run in the guest are left out of --all-targets.
    step "$lint-guest" cargo "$lint" -p backline-tests --test 'guest_*' "${deny[@]}"
    local features
    for features in "" jack alsa; do
        step "features-${features:-none}" cargo "$lint" -p backline --no-default-features --features "$features" "${deny[@]}"
    done
    step core-alone cargo "$lint" -p engine-core --no-default-features "${deny[@]}"
    step rustdoc env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
}
