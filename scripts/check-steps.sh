# shellcheck shell=bash
# Sourced by check.sh and test.sh: the steps both have.

check_steps() {
    step scripts scripts/selftest.sh
    # Whether they are caught takes long (make soak), whether they still fit doesn't.
    step mutants-fit mutants_fit
    step lock-fuzz cargo tree --locked --quiet --depth 0 --manifest-path tests/fuzz/Cargo.toml
    if cargo fmt --version >/dev/null 2>&1; then
        step fmt cargo fmt --check
        step fmt-fuzz cargo fmt --manifest-path tests/fuzz/Cargo.toml --check
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
    for features in "" jack alsa rtkit; do
        step "features-${features:-none}" cargo "$lint" -p backline --no-default-features --features "$features" "${deny[@]}"
    done
    core_steps "$lint" "${deny[@]}"
    step rustdoc env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
}

# The core on its own with every set of features, on this machine and on microcontrollers.
core_steps() {
    local lint=$1 target features
    shift
    for features in "" alloc defmt alloc,defmt; do
        step "core-${features:-alone}" cargo "$lint" -p engine-core --all-targets --features "$features" "$@"
    done
    for target in $rust_bare_targets; do
        if ! rust_has_target "$target"; then
            skip "core-$target" "Rust's core library for it is not installed (rustup target add $target)"
            continue
        fi
        for features in "" defmt alloc alloc,defmt; do
            if [[ $target = thumbv6m* && $features = alloc* ]]; then continue; fi
            step "core-$target-${features:-alone}" cargo "$lint" -p engine-core --target "$target" --features "$features" "$@"
        done
    done
    # No compare-and-swap, no shared ownership: it must say so, not fail somewhere inside.
    target=thumbv6m-none-eabi
    if rust_has_target "$target"; then
        step "core-$target-alloc" fails_with "feature \`alloc\` needs" cargo check -p engine-core --target "$target" --features alloc
    fi
}

# fails_with TEXT COMMAND...: whether the command fails and says so.
fails_with() {
    local text=$1 output
    shift
    if output=$("$@" 2>&1); then
        echo "did not fail: $*"
        return 1
    fi
    grep -qF -- "$text" <<<"$output" || { echo "$output"; return 1; }
}

mutants_fit() {
    local patch
    for patch in tests/mutants/*.patch; do
        git apply --check "$patch" || { echo "$patch no longer fits"; return 1; }
    done
}
