#!/bin/sh
# Cargo's RUSTC_WRAPPER for the fuzzer: what reads bytes of strangers gets the counters that guide libFuzzer, everything else is built
# as it is. (In the mixer, the resampler and the command line they would only cost time.)
case " $* " in
*" --crate-name build_script_"* | *" --crate-type proc-macro "*) ;;
*" --crate-name backline"* | *" --crate-name symphonia"* | *" --crate-name toml"* | *" --crate-name serde"* | *" --crate-name winnow"*)
    exec "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
        -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares
    ;;
esac
exec "$@"
