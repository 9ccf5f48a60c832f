//! The monitor on a clock that is set by hand.

extern crate std;
use super::*;
use crate::clock::NoClock;
use core::cell::Cell;
use proptest::prelude::*;
use std::vec::Vec;

/// A clock of nanoseconds that is set by hand and counts how often it is read.
#[derive(Default)]
struct Hand {
    now: Cell<u32>,
    reads: Cell<u32>,
}

impl Clock for Hand {
    fn now(&self) -> u32 {
        self.reads.set(self.reads.get() + 1);
        self.now.get()
    }

    fn ticks_per_second(&self) -> u32 {
        1_000_000_000
    }
}

impl Hand {
    fn pass(&self, ns: u32) {
        self.now.set(self.now.get().wrapping_add(ns));
    }
}

/// 480 frames at 48 kHz: a budget of 10 ms.
const CALL: Call = Call {
    number: 0,
    frames: 480,
    rate: 48_000,
    fill_frames: 4096,
};

const MS: u32 = 1_000_000;

struct Rig {
    clock: Hand,
    number: u32,
    monitor: Monitor,
    board: MonitorBoard,
}

impl Rig {
    fn new() -> Self {
        Self {
            clock: Hand::default(),
            number: u32::MAX - 1,
            monitor: Monitor::new(),
            board: MonitorBoard::new(),
        }
    }

    /// A callback of `ns`, then `idle` ns until the next.
    fn call(&mut self, ns: u32, idle: u32, call: Call) {
        let started = self.monitor.begin(&self.clock);
        self.clock.pass(ns);
        let call = Call {
            number: self.number,
            ..call
        };
        self.monitor.end(started, &self.clock, &self.board, call);
        self.clock.pass(idle);
        if call.frames > 0 {
            self.number = self.number.wrapping_add(1);
        }
    }

    /// A callback that isn't measured.
    fn unmeasured(&mut self, ns: u32) {
        self.number = self.number.wrapping_add(1);
        self.clock.pass(ns);
    }

    fn full(&mut self, ns: u32) {
        self.call(ns, 0, CALL);
    }
}

#[test]
fn all_zero_when_empty() {
    static BOARD: MonitorBoard = MonitorBoard::new();
    assert_eq!(BOARD.stats(), LatencyStats::default());
    assert_eq!(BOARD.late_callbacks(), 0);
    assert_eq!(BOARD.process_times().percentile(500), 0);
    assert_eq!(BOARD.ticks_to_ms(5), 0.0);
}

#[test]
fn statistics_of_a_few_callbacks() {
    let mut rig = Rig::new();
    for ms in [1, 2, 6] {
        rig.full(ms * MS);
    }
    assert_eq!(
        rig.board.stats(),
        LatencyStats {
            mean_ms: 3.0,
            max_ms: 6.0,
            min_ms: 1.0,
            xruns: 0,
            budget_ms: 10.0,
            usage_pct: 30.0,
            total_callbacks: 3,
        }
    );
}

#[test]
fn mean_and_extremes_are_of_the_last_hundred_and_counts_of_all() {
    let mut rig = Rig::new();
    for _ in 0..150 {
        rig.full(9 * MS);
    }
    for _ in 0..99 {
        rig.full(2 * MS);
    }
    let stats = rig.board.stats();
    assert_eq!((stats.max_ms, stats.min_ms), (9.0, 2.0));
    assert_eq!((stats.xruns, stats.total_callbacks), (150, 249));
    rig.full(4 * MS);
    let stats = rig.board.stats();
    assert_eq!(
        (stats.max_ms, stats.min_ms, stats.mean_ms),
        (4.0, 2.0, 2.02)
    );
    assert_eq!((stats.xruns, stats.total_callbacks), (150, 250));
}

#[test]
fn xruns_are_over_80_per_cent_and_late_is_over_the_whole() {
    let mut rig = Rig::new();
    for (ns, xruns, late) in [
        (8 * MS, 0, 0),
        (8 * MS + 1, 1, 0),
        (10 * MS, 2, 0),
        (10 * MS + 1, 3, 1),
    ] {
        rig.full(ns);
        let board = &rig.board;
        assert_eq!((board.stats().xruns, board.late_callbacks()), (xruns, late));
    }
}

#[test]
fn limits_are_exact_where_they_are_no_whole_tick() {
    for rate in [8000, 11_025, 44_100, 48_000, 96_000] {
        for frames in [1, 7, 64, 441, 1024, 4096] {
            let budget = u64::from(frames) * 1_000_000_000;
            let limits = [budget * 4 / 5 / u64::from(rate), budget / u64::from(rate)];
            for (limit, late) in limits.into_iter().zip([0, 1]) {
                let mut rig = Rig::new();
                let call = Call {
                    frames,
                    rate,
                    ..CALL
                };
                rig.call(limit as u32, 0, call);
                assert_eq!(rig.board.stats().xruns, late, "{frames} at {rate}");
                rig.call(limit as u32 + 1, 0, call);
                let board = &rig.board;
                assert_eq!(
                    (board.stats().xruns, board.late_callbacks()),
                    (1 + late, late)
                );
            }
        }
    }
}

#[test]
fn the_clock_is_read_twice() {
    let mut rig = Rig::new();
    rig.full(MS);
    assert_eq!(rig.clock.reads.get(), 2);
}

#[test]
fn without_a_clock_nothing_is_measured() {
    let board = MonitorBoard::new();
    let mut monitor = Monitor::new();
    let started = monitor.begin(&NoClock);
    assert_eq!(started, None);
    monitor.end(started, &NoClock, &board, CALL);
    assert_eq!(board.stats(), LatencyStats::default());
}

#[test]
fn gaps_do_not_span_what_was_not_measured() {
    let mut rig = Rig::new();
    rig.call(MS, 9 * MS, CALL);
    assert_eq!(rig.board.gaps().total(), 0);
    rig.call(MS, 9 * MS, CALL);
    let mut want = Histogram::default();
    want.counts[Histogram::bucket(10 * MS)] = 1;
    assert_eq!(rig.board.gaps(), want);
    rig.unmeasured(501 * MS);
    rig.call(MS, 9 * MS, CALL);
    assert_eq!(rig.board.gaps(), want);
    rig.call(MS, 9 * MS, CALL);
    assert_eq!(rig.board.gaps().total(), 2);
    assert_eq!(rig.board.stats().total_callbacks, 4);
}

#[test]
fn a_clock_that_wraps_is_no_matter() {
    let mut rig = Rig::new();
    rig.clock.now.set(u32::MAX - MS / 2);
    rig.call(MS, 9 * MS, CALL);
    rig.call(MS, 9 * MS, CALL);
    let stats = rig.board.stats();
    assert_eq!((stats.mean_ms, stats.max_ms), (1.0, 1.0));
    assert_eq!(rig.board.gaps().counts[Histogram::bucket(10 * MS)], 1);
}

#[test]
fn calls_of_no_frames_do_not_count_and_the_budget_follows_the_period() {
    let mut rig = Rig::new();
    rig.call(50 * MS, 0, Call { frames: 0, ..CALL });
    assert_eq!(rig.board.stats(), LatencyStats::default());
    rig.full(2 * MS);
    rig.call(2 * MS, 0, Call { frames: 96, ..CALL });
    let stats = rig.board.stats();
    assert_eq!(
        (stats.budget_ms, stats.usage_pct, stats.xruns),
        (2.0, 100.0, 1)
    );
    let max = Call {
        number: 0,
        frames: u32::MAX,
        rate: 1,
        fill_frames: u32::MAX,
    };
    rig.call(u32::MAX, 0, max);
    assert_eq!(
        (rig.board.stats().xruns, rig.board.late_callbacks()),
        (1, 0)
    );
}

#[test]
fn percentiles_are_upper_ends_of_buckets() {
    let mut rig = Rig::new();
    for i in 0..1000 {
        rig.full(if i < 10 { 7_000 } else { 1_000 });
    }
    let h = rig.board.process_times();
    assert_eq!(h.total(), 1000);
    assert_eq!(
        [0, 500, 990, 991, 1000, 9999].map(|p| h.percentile(p)),
        [1023, 1023, 1023, 8191, 8191, 8191]
    );
    assert_eq!(rig.board.ticks_to_ms(8_000), 0.008);
    let mut want = Histogram::default();
    want.counts[Histogram::bucket(4096)] = 1000;
    assert_eq!(rig.board.fills(), want);
}

#[test]
fn levels_survive_an_atomic() {
    for level in [MonitorLevel::Off, MonitorLevel::Sampled, MonitorLevel::Full] {
        assert_eq!(MonitorLevel::from_u32(level as u32), level);
    }
    assert_eq!(MonitorLevel::from_u32(77), MonitorLevel::Off);
}

/// Readers never see more callbacks over the limit than callbacks, nor a mean outside its
/// extremes, while the writer runs.
#[test]
fn a_reader_beside_the_writer_sees_nothing_impossible() {
    let rounds: u32 = if cfg!(miri) { 200 } else { 50_000 };
    let board = std::sync::Arc::new(MonitorBoard::new());
    let theirs = board.clone();
    let writer = std::thread::spawn(move || {
        let mut monitor = Monitor::new();
        for i in 0..rounds {
            let started = i.wrapping_mul(10 * MS);
            let ended = started.wrapping_add(9 * MS);
            monitor.note(started, ended, 1_000_000_000, &theirs, CALL);
        }
    });
    let mut last = 0;
    while last < rounds {
        let stats = board.stats();
        assert!(stats.xruns <= stats.total_callbacks);
        assert!(stats.total_callbacks >= last);
        last = stats.total_callbacks;
        if stats == LatencyStats::default() {
            std::thread::yield_now();
        } else {
            assert_eq!((stats.mean_ms, stats.usage_pct), (9.0, 90.0));
        }
    }
    writer.join().unwrap();
    assert_eq!(board.stats().xruns, rounds);
}

proptest! {
    /// Against the rule, worked out the plain way.
    #[test]
    fn statistics_by_the_rule(
        durations in prop::collection::vec(1u32..20_000_000, 1..250),
        frames in 1u32..5000,
        rate in prop::sample::select(&[8000u32, 44_100, 48_000, 96_000, 192_000][..]),
    ) {
        let mut rig = Rig::new();
        for d in &durations {
            rig.call(*d, 1000, Call { number: 0, frames, rate, fill_frames: 1 });
        }
        let stats = rig.board.stats();
        let ms: Vec<f64> = durations.iter().map(|d| f64::from(*d) / 1e6).collect();
        let recent = &ms[ms.len().saturating_sub(100)..];
        let budget = f64::from(frames) / f64::from(rate) * 1e3;
        let mean = recent.iter().sum::<f64>() / recent.len() as f64;
        let close = |a: f32, b: f64| (f64::from(a) - b).abs() <= b * 1e-6;
        prop_assert!(close(stats.mean_ms, mean));
        prop_assert!(close(stats.max_ms, recent.iter().copied().fold(0.0, f64::max)));
        prop_assert!(close(stats.min_ms, recent.iter().copied().fold(f64::MAX, f64::min)));
        prop_assert!(close(stats.budget_ms, budget));
        prop_assert!(close(stats.usage_pct, mean / budget * 100.0));
        // Exactly: d / 1e9 > 0.8 · frames / rate.
        let over = |num: u64, den: u64| durations.iter().filter(|d| {
            u64::from(**d) * u64::from(rate) * den > num * u64::from(frames) * 1_000_000_000
        }).count() as u32;
        prop_assert_eq!(stats.xruns, over(4, 5));
        prop_assert_eq!(rig.board.late_callbacks(), over(1, 1));
        prop_assert_eq!(stats.total_callbacks as usize, durations.len());
    }
}
