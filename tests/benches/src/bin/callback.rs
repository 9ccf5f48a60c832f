//! Calls the engine for callgrind, which counts what happens inside `counted` and nothing else.
//!
//! `callback STEMS FRAMES off|sampled|full|direct CALLS`; `scripts/instructions.sh` runs it. `direct` is `off` with
//! planes of its own for each stem.

use std::hint::black_box;

use backline_benches::clock::Monotonic;
use backline_benches::mixer::Mixer;
use engine_core::host::BLOCK;
use engine_core::monitor::MonitorLevel;

/// One callback.
#[inline(never)]
fn counted(mixer: &mut Mixer<Monotonic>, frames: usize) -> [f32; 2] {
    black_box(&mut *mixer).call(black_box(frames))
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [stems, frames, level, calls] = arguments.as_slice() else {
        eprintln!("callback STEMS FRAMES off|sampled|full|direct CALLS");
        std::process::exit(64);
    };
    let number = |s: &String| s.parse::<usize>().expect("a number");
    let (stems, frames, calls) = (number(stems), number(frames), number(calls));
    let monitor = match level.as_str() {
        "sampled" => MonitorLevel::Sampled,
        "full" => MonitorLevel::Full,
        _ => MonitorLevel::Off,
    };
    // A block for settling in, then whole blocks only: a call that changes blocks costs more.
    let warm = BLOCK.div_ceil(frames);
    let blocks = ((warm + calls) * frames).div_ceil(BLOCK) + 1;
    let make = if level == "direct" {
        Mixer::direct
    } else {
        Mixer::new
    };
    let mut mixer = make(stems, blocks, frames, Monotonic::new());
    mixer.monitor(monitor);
    for _ in 0..warm {
        mixer.call(frames);
    }
    let mut last = [0.0; 2];
    for _ in 0..calls {
        last = counted(&mut mixer, frames);
    }
    assert!(last != [0.0; 2], "it plays");
    assert_eq!(mixer.fault(), None);
}
