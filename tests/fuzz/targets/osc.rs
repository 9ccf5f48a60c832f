//! libFuzzer's way to `backline_fuzz::osc`.
#![no_main]

use backline_fuzz::{Bounded, run, watch};

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

libfuzzer_sys::fuzz_target!(init: watch(), |data: &[u8]| run(backline_fuzz::osc, data));
