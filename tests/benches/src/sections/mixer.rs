//! The bare mixer: time per stereo stem and frame against a loop that only reads, scales and adds.

use std::hint::black_box;
use std::time::Instant;

use engine_core::host::BLOCK;

use crate::bare::Bare;
use crate::table::{Table, Wanted};
use backline_benches::clock::Monotonic;
use backline_benches::mixer::Mixer;

/// Blocks of a stem: a second of sound, as the player's rings hold.
const BLOCKS: usize = 187;

/// Measures.
///
/// # Panics
/// When the mixer starves: then it didn't mix.
pub fn run(table: &mut Table, quick: bool) {
    println!(
        "mixer: ns per stereo stem and frame, and against the bare loop; the best of many passes over a second of sound"
    );
    let rounds = if quick { 5 } else { 25 };
    let mut costs = Vec::new();
    for stems in [8, 16, 32, 64, 128] {
        for frames in [64, 256] {
            let (ours, bare) = measure(stems, frames, rounds);
            println!("  {stems:3} stems, {frames:3} frames: {ours:.3} ns, bare loop {bare:.3} ns");
            let what = format!("mixer, {stems} stems, {frames} frames: time against the bare loop");
            table.line(what, ours / bare, "×", Wanted::AtMost(1.3));
            costs.push((stems, frames, ours));
        }
    }
    let cost = |stems, frames| {
        let found = costs.iter().find(|c| (c.0, c.1) == (stems, frames));
        found.map_or(f64::NAN, |c| c.2)
    };
    let what = "mixer, 64 frames: a stem of 128 against one of 8";
    table.line(what, cost(128, 64) / cost(8, 64), "×", Wanted::Nothing);
    for stems in [8, 128] {
        let what = format!("mixer, {stems} stems: a sample at 256 frames against one at 64");
        let ratio = cost(stems, 256) / cost(stems, 64);
        table.line(what, ratio, "×", Wanted::AtMost(1.0));
    }
}

/// ns per stereo stem and frame: of the mixer, and of the bare loop.
fn measure(stems: usize, frames: usize, rounds: usize) -> (f64, f64) {
    let mut mixer = Mixer::new(stems, BLOCKS + 1, frames, Monotonic::new());
    let mut bare = Bare::new(stems, BLOCKS, frames);
    let mut best = [[f64::INFINITY; BLOCKS]; 2];
    for _ in 0..rounds {
        bare.rewind();
        pass(&mut best[1], frames, || bare.call(black_box(frames)));
        mixer.refill();
        pass(&mut best[0], frames, || mixer.call(black_box(frames)));
    }
    assert_eq!(mixer.fault(), None);
    let per = 1e9 / (BLOCKS * BLOCK * stems) as f64;
    let [ours, theirs] = best.map(|best| best.iter().sum::<f64>() * per);
    (ours, theirs)
}

/// A second of sound, timed block by block: of each block the best pass counts, so that what else the
/// machine does strikes as little as may be.
fn pass<T>(best: &mut [f64; BLOCKS], frames: usize, mut call: impl FnMut() -> T) {
    for best in best {
        let begun = Instant::now();
        for _ in 0..BLOCK / frames {
            black_box(call());
        }
        *best = best.min(begun.elapsed().as_secs_f64());
    }
}
