//! Measures what monitoring at `full` adds to a callback of 64 frames and 8 stereo stems, and fails
//! when that is half a per cent of the time there is or more.
//!
//! The levels take turns, a few calls each, and medians are compared: what the machine does besides
//! strikes both alike.

use std::time::Instant;

use backline_benches::clock::Monotonic;
use backline_benches::mixer::{Mixer, RATE};
use engine_core::host::BLOCK;
use engine_core::monitor::MonitorLevel;

const STEMS: usize = 8;
const FRAMES: usize = 64;
const TURNS: usize = 4000;
/// Calls of a turn: two whole blocks.
const CALLS: usize = 2 * BLOCK / FRAMES;
const LIMIT_PCT: f64 = 0.5;

fn main() {
    let mut mixer = Mixer::new(STEMS, 8, FRAMES, Monotonic::new());
    let levels = [MonitorLevel::Off, MonitorLevel::Full];
    let mut times = [const { Vec::new() }; 2];
    for _ in 0..TURNS {
        for (level, times) in levels.into_iter().zip(&mut times) {
            mixer.refill();
            mixer.monitor(level);
            mixer.call(FRAMES);
            mixer.refill();
            let begun = Instant::now();
            for _ in 0..CALLS {
                mixer.call(FRAMES);
            }
            times.push(begun.elapsed().as_secs_f64() * 1e9 / CALLS as f64);
        }
    }
    assert_eq!(mixer.fault(), None);
    let [off, full] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    });
    let budget = FRAMES as f64 * 1e9 / f64::from(RATE);
    let pct = (full - off) / budget * 100.0;
    println!(
        "monitoring, {STEMS} stereo stems, {FRAMES} frames: off {off:.0} ns, full {full:.0} ns, \
         {pct:.4} % of the time there is; allowed are {LIMIT_PCT} %"
    );
    if pct >= LIMIT_PCT {
        std::process::exit(1);
    }
}
