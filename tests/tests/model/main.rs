//! Random programs of commands, changed controls, cuts, withheld data and block sizes, run by the
//! engine and by a slow, obvious reference mixer.
//!
//! What is heard agrees with the reference bit for bit where nothing moves, and to
//! 1e-6 · max(1, Σ|c·x|) where a ramp or a fade runs. What is told agrees as well: events and the frames
//! they happened at, position, starvations, the stop flag. All of it is the same to the bit however the
//! frames between two steps are divided into calls; no call allocates
//! (see `backline_trap`, which ends the program); and in the end every block has come home.
//!
//! `BACKLINE_SOAK=1` runs a million programs. A failure names the seed; `BACKLINE_SEED=N` runs that
//! one alone.

mod check;
mod curve;
mod deck;
mod engine;
mod generator;
mod mix;
mod program;
mod transport;

use check::{Runner, Seen, check, shrink};
use engine::small;
use engine_core::host::BLOCK;
use generator::Limits;

/// Runs so many thousand programs, every day or in a soak.
fn run_programs(run: Runner, limits: Limits, every_day: u64, soak: u64) {
    let mut seen = Seen::default();
    if let Ok(seed) = std::env::var("BACKLINE_SEED") {
        let seed = seed.parse().expect("a number in BACKLINE_SEED");
        return run_program(run, limits, seed, &mut seen);
    }
    let soaks = std::env::var_os("BACKLINE_SOAK").is_some();
    let programs = 1000 * if soaks { soak } else { every_day };
    for seed in 0..programs {
        run_program(run, limits, seed, &mut seen);
    }
    println!("in {programs} programs: {seen:?}");
    let each = |n: u64, what| assert!(n > programs / 20, "programs lead to few {what}: {seen:?}");
    each(seen.settled / 100, "samples that are compared bit by bit");
    each(seen.moving / 100, "samples in a ramp or fade");
    each(seen.cuts, "cuts");
    each(seen.dropped_cuts, "cuts that don't take place");
    each(seen.pauses, "pauses");
    each(seen.ends, "natural ends");
    each(seen.starvations, "starvations");
    each(seen.in_step, "steps with an outside transport");
}

fn run_program(run: Runner, limits: Limits, seed: u64, seen: &mut Seen) {
    let program = generator::program(seed, limits);
    let Err(first) = check(&program, run, limits.block, seed, seen) else {
        return;
    };
    // Panics on the way are expected.
    std::panic::set_hook(Box::new(|_| {}));
    let fault = |p: &_| check(p, run, limits.block, seed, &mut Seen::default()).err();
    let least = shrink(&program, |p| fault(p).is_some());
    let last = fault(&least).unwrap_or_default();
    let _ = std::panic::take_hook();
    panic!("BACKLINE_SEED={seed}: {first}\n\nmade smaller: {last}\n{least}");
}

#[test]
fn a_small_engine_is_the_reference() {
    let limits = Limits {
        block: small::BLOCK,
        blocks: small::RING - 1,
        frames: 1200,
    };
    run_programs(engine::on_small, limits, 10, 950);
}

#[test]
fn the_host_engine_is_the_reference() {
    let limits = Limits {
        block: BLOCK,
        blocks: 48,
        frames: 4000,
    };
    run_programs(engine::on_host, limits, 1, 50);
}
