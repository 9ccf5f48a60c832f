#!/usr/bin/env bash
# Sees every check of the real-time contract fail: applies each patch of tests/mutants to a copy of the tree and runs the check the
# patch names, which must fail and say so. A patch that no longer applies fails, too.
#
#   mutants.sh [NAME...]     all of them, or those
#
# The head of a patch: "Check: COMMAND" and "Says: PATTERN" (grep -E), what the command must print.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
work=${CARGO_TARGET_DIR:-$top/target}/mutants
mkdir -p "$work"
work=$(cd "$work" && pwd)
[ $# -gt 0 ] || set -- $(cd tests/mutants && printf '%s\n' *.patch | sed 's/\.patch$//')

failed=()
for name; do
    patch=$top/tests/mutants/$name.patch
    check=$(sed -n 's/^Check: //p' "$patch")
    says=$(sed -n 's/^Says: //p' "$patch")
    [ -n "$check" ] && [ -n "$says" ] || { echo "$patch lacks its head" >&2; exit 1; }
    echo "== mutant $name: $check"
    rm -rf "$work/tree"
    mkdir -p "$work/tree"
    # What is committed and what is not: the tree as it is. Times are kept, so that only what changed is compiled.
    git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -T - -cf - | tar -xf - -C "$work/tree"
    # Outside of any repository, or it would look for the files there.
    if ! (cd "$work/tree" && GIT_CEILING_DIRECTORIES=$work git apply "$patch"); then
        echo "== mutant $name: the patch no longer applies"
        failed+=("$name")
        continue
    fi
    status=0
    (cd "$work/tree" && CARGO_TARGET_DIR=$work/target timeout -k 10 1800 bash -c "$check") >"$work/$name.log" 2>&1 </dev/null || status=$?
    if [ "$status" = 0 ]; then
        echo "== mutant $name: the check saw nothing"
        failed+=("$name")
    elif ! grep -aqE -- "$says" "$work/$name.log"; then
        echo "== mutant $name: the check failed for another reason (see $work/$name.log):"
        tail -n 5 "$work/$name.log"
        failed+=("$name")
    else
        echo "== mutant $name: caught"
    fi
done
rm -rf "$work/tree"
[ ${#failed[@]} -eq 0 ] || { echo "mutants not caught: ${failed[*]}" >&2; exit 1; }
echo "all $# mutants caught"
