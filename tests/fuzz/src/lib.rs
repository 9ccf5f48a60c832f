//! What is fuzzed: one function per kind of input, and the guard that each case runs under.
//!
//! The targets in `targets/` call these with the fuzzer's inputs; `tests/tests/fuzz_replay.rs` calls
//! them with the committed ones, built as any test is.

mod guard;
mod media;
mod midi;
mod osc;
mod protocol;
mod scratch;
mod toml;
mod wav;

pub use guard::{Bounded, MEMORY, check, watch};
pub use media::media;
pub use midi::midi;
pub use osc::osc;
pub use protocol::protocol;
pub use toml::toml;
pub use wav::wav;

/// Runs a case for libFuzzer, to which an abort is a find.
pub fn run(work: fn(&[u8]), data: &[u8]) {
    if let Err(what) = check(work, data) {
        eprintln!("{what}");
        std::process::abort();
    }
}
