# shellcheck shell=bash
# Sourced: runs named steps, goes on after a failure, and adds up at the end. Output of every step is kept in target/logs.
#
# A check that this machine can't run says `SKIP name: reason`, a test likewise. With CI=true a SKIP is a failure.

steps_begin() {
    logs=${CARGO_TARGET_DIR:-$top/target}/logs
    mkdir -p "$logs"
    failed=()
    skipped=()
    again=()
    begun=$SECONDS
}

# On an unattended machine a hanging command must not eat all the time there is.
limited() {
    if [ "${CI-}" = true ] && [ "$(type -t "$1")" = file ]; then
        set -- timeout -k 10 "${STEP_TIMEOUT:-1200}" "$@"
    fi
    "$@"
}

# For tests in the virtual machine: what fails is run once more, and that is told at the end. Its clock counts instructions, but when
# QEMU serves the guest's devices depends on the host, and in some hundred runs one failed that never did again.
twice() {
    limited "$@" && return
    echo "AGAIN: it failed at first"
    limited "$@"
}

# step NAME COMMAND...
step() {
    local name=$1 start=$SECONDS status=0
    shift
    echo "== $name"
    limited "$@" </dev/null 2>&1 | tee "$logs/$name.log" || status=${PIPESTATUS[0]}
    while read -r line; do skipped+=("$line"); done < <(grep -aoE '^SKIP .*' "$logs/$name.log")
    ! grep -aq '^AGAIN: ' "$logs/$name.log" || again+=("$name")
    if [ "$status" != 0 ]; then
        failed+=("$name (exit $status)")
        echo "== $name FAILED with exit code $status after $((SECONDS - start)) s"
    else
        echo "== $name ok, $((SECONDS - start)) s"
    fi
}

# skip NAME REASON
skip() {
    skipped+=("SKIP $1: $2")
    echo "SKIP $1: $2"
}

# The closing lines, and the exit code.
steps_end() {
    echo
    [ ${#again[@]} -eq 0 ] || printf 'AGAIN %s: it failed at first\n' "${again[@]}"
    [ ${#skipped[@]} -eq 0 ] || printf '%s\n' "${skipped[@]}" | sort -u
    if [ ${#failed[@]} -gt 0 ]; then
        printf 'FAILED: %s\n' "${failed[@]}"
        exit 1
    fi
    if [ "${CI-}" = true ] && [ ${#skipped[@]} -gt 0 ]; then
        echo "FAILED: ${#skipped[@]} skipped, and CI=true allows none"
        exit 1
    fi
    echo "all steps passed in $((SECONDS - begun)) s"
}
