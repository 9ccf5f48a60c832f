//! The worst case: process times of many callbacks while other threads keep every core busy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use crate::table::{Table, Wanted};
use backline_benches::clock::Monotonic;
use backline_benches::mixer::{Mixer, RATE};

const STEMS: usize = 64;
const FRAMES: usize = 64;
const BLOCKS: usize = 187;
/// Of the audio thread, as the player's profiles have it.
const PRIORITY: i32 = 70;

/// Measures.
pub fn run(table: &mut Table, quick: bool) {
    let calls = if quick { 100_000 } else { 1_000_000 };
    let cores = thread::available_parallelism().map_or(2, usize::from);
    println!(
        "worst: {calls} callbacks of {FRAMES} frames, {STEMS} stereo stems, while {cores} threads burn the {cores} cores"
    );
    let stop = Arc::new(AtomicBool::new(false));
    let burners: Vec<_> = (0..cores)
        .map(|_| {
            let stop = stop.clone();
            thread::spawn(move || burn(&stop))
        })
        .collect();
    let audio = thread::spawn(move || {
        let fifo = real_time();
        (fifo, measure(calls))
    });
    let measured = audio.join();
    stop.store(true, Ordering::Relaxed);
    for burner in burners {
        let _ = burner.join();
    }
    let Ok((fifo, mut times)) = measured else {
        table.miss("worst: the measuring thread failed");
        return;
    };
    let how = if fifo {
        format!("SCHED_FIFO {PRIORITY}")
    } else {
        "no real-time priority".to_owned()
    };
    times.sort_unstable();
    let budget = FRAMES as f64 * 1e6 / f64::from(RATE);
    println!("  process time, µs, of {budget:.0} there are ({how}):");
    histogram(&times);
    let at = |part: f64| {
        let i = (times.len() as f64 * part) as usize;
        f64::from(times[i.min(times.len() - 1)]) / 1e3
    };
    table.line(
        format!("worst, {how}: median"),
        at(0.5),
        "µs",
        Wanted::Nothing,
    );
    table.line(
        format!("worst, {how}: 99.99 %"),
        at(0.9999),
        "µs",
        Wanted::AtMost(budget),
    );
    let late = times
        .iter()
        .filter(|t| f64::from(**t) / 1e3 > budget)
        .count();
    table.line(
        format!("worst, {how}: longest"),
        at(1.0),
        "µs",
        Wanted::Nothing,
    );
    table.line(
        format!("worst, {how}: longer than the period"),
        late as f64,
        "callbacks",
        Wanted::Nothing,
    );
}

/// Process times, ns.
fn measure(calls: usize) -> Vec<u32> {
    let mut mixer = Mixer::new(STEMS, BLOCKS + 1, FRAMES, Monotonic::new());
    let mut times = vec![0u32; calls];
    let per_fill = mixer.frames() / FRAMES;
    for times in times.chunks_mut(per_fill) {
        mixer.refill();
        let round = Instant::now();
        for time in times {
            let begun = Instant::now();
            mixer.call(FRAMES);
            *time = u32::try_from(begun.elapsed().as_nanos()).unwrap_or(u32::MAX);
        }
        // Linux stops a real-time thread that takes more than 95 % of a second.
        thread::sleep(round.elapsed() / 5);
    }
    assert_eq!(mixer.fault(), None);
    times
}

/// Memory and arithmetic, as a busy program's.
fn burn(stop: &AtomicBool) {
    let mut room = vec![1u64; 1 << 20];
    let mut x = 1u64;
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..10_000 {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let i = (x >> 44) as usize;
            room[i] ^= x;
        }
    }
    std::hint::black_box(room);
}

/// Asks for SCHED_FIFO for this thread.
fn real_time() -> bool {
    let param = libc::sched_param {
        sched_priority: PRIORITY,
    };
    // SAFETY: 0 is the calling thread, and the parameter outlives the call.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &param) == 0 }
}

/// One line for every power of two.
fn histogram(sorted: &[u32]) {
    let mut from = 0;
    while from < sorted.len() {
        let bits = 32 - sorted[from].leading_zeros();
        let end = 1u64 << bits;
        let n = sorted[from..].partition_point(|t| u64::from(*t) < end);
        println!("    below {:>10.1}: {n}", end as f64 / 1e3);
        from += n;
    }
}
