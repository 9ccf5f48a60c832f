//! Monitoring of callback times: what the callback notes down, and what a reader makes of it.
//!
//! The callback's side is a [`Monitor`], the common ground a [`MonitorBoard`] of atomics with
//! one writer (the callback) and any readers. The callback only loads and stores; means and
//! percentiles are the reader's work.
//!
//! Only callbacks that play are counted: for any other one the engine passes
//! [`MonitorLevel::Off`] to [`Monitor::begin`].

use core::sync::atomic::{AtomicU32, Ordering};

use portable_atomic::AtomicF32;

use crate::clock::Clock;

/// Durations kept for [`MonitorBoard::stats`]: the last this many.
pub const DURATIONS: usize = 100;

/// Buckets of a [`Histogram`].
pub const BUCKETS: usize = 32;

/// How much is measured, and what it costs. May be changed while running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u32)]
pub enum MonitorLevel {
    /// Nothing: the callback reads no clock and stores nothing.
    #[default]
    Off = 0,
    /// Nothing in the callback; a controller samples the engine's callback counter from outside.
    Sampled = 1,
    /// Two clock reads and some stores per callback.
    Full = 2,
}

impl MonitorLevel {
    /// The level of a number made by `level as u32`, as it comes from an atomic; any other
    /// number is `Off`.
    #[inline]
    pub const fn from_u32(level: u32) -> Self {
        match level {
            1 => Self::Sampled,
            2 => Self::Full,
            _ => Self::Off,
        }
    }
}

/// What a callback was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Call {
    /// Frames it had to make. A call of 0 frames is not counted.
    pub frames: u32,
    /// Sample rate, Hz.
    pub rate: u32,
    /// Frames ready in the rings, on the track that has the fewest.
    pub fill_frames: u32,
}

/// The callback's side.
#[derive(Clone, Debug, Default)]
pub struct Monitor {
    /// When the callback before this one began, if that was measured.
    last: Option<u32>,
    /// Where the next duration goes, below [`DURATIONS`].
    slot: usize,
    /// For what the budget was worked out last: frames, Hz, ticks per second.
    basis: (u32, u32, u32),
    /// 80 % of the budget and all of it, ticks, rounded down. More than that is more than
    /// the exact limit, too.
    tight: u32,
    late: u32,
}

impl Monitor {
    /// A monitor that has seen nothing.
    pub const fn new() -> Self {
        Self {
            last: None,
            slot: 0,
            basis: (0, 0, 0),
            tight: 0,
            late: 0,
        }
    }

    /// At the beginning of a callback. The result goes to [`end`](Self::end): when it began,
    /// in ticks; `None` if it isn't measured, because of its level or for want of a clock.
    #[inline]
    pub fn begin<C: Clock + ?Sized>(&mut self, level: MonitorLevel, clock: &C) -> Option<u32> {
        if level != MonitorLevel::Full || clock.ticks_per_second() == 0 {
            // A gap must not span callbacks that were not measured. Stored at the change only.
            if self.last.is_some() {
                self.last = None;
            }
            return None;
        }
        Some(clock.now())
    }

    /// At the end of a callback that [`begin`](Self::begin) began at `started`.
    #[inline]
    pub fn end<C: Clock + ?Sized>(
        &mut self,
        started: Option<u32>,
        clock: &C,
        board: &MonitorBoard,
        call: Call,
    ) {
        if let Some(started) = started {
            let ended = clock.now();
            self.note(started, ended, clock.ticks_per_second(), board, call);
        }
    }

    fn note(
        &mut self,
        started: u32,
        ended: u32,
        per_second: u32,
        board: &MonitorBoard,
        call: Call,
    ) {
        if call.frames == 0 || call.rate == 0 {
            return;
        }
        let duration = ended.wrapping_sub(started);
        let gap = self.last.map(|last| started.wrapping_sub(last));
        self.last = Some(started);

        let basis = (call.frames, call.rate, per_second);
        if basis != self.basis {
            self.basis = basis;
            let ticks = u64::from(call.frames) * u64::from(per_second);
            let rate = u64::from(call.rate);
            self.late = u32::try_from(ticks / rate).unwrap_or(u32::MAX);
            // 4/5 in two steps; 4 times the product may not fit.
            let (whole, rest) = (ticks / 5, ticks % 5);
            // ⌊4t/5⌋ = 4⌊t/5⌋ + ⌊4(t mod 5)/5⌋, and nested floors are one.
            let four_fifths = whole.saturating_mul(4).saturating_add(rest * 4 / 5);
            self.tight = u32::try_from(four_fifths / rate).unwrap_or(u32::MAX);
            let budget_ms = call.frames as f32 * 1000.0 / call.rate as f32;
            board.budget_ms.store(budget_ms, Ordering::Relaxed);
            board.ticks_per_second.store(per_second, Ordering::Relaxed);
        }

        if let Some(slot) = board.durations.get(self.slot) {
            slot.store(duration, Ordering::Relaxed);
        }
        self.slot = if self.slot + 1 < DURATIONS {
            self.slot + 1
        } else {
            0
        };
        // Before the counts that refer to it: no reader sees more late callbacks than callbacks.
        bump(&board.total, Ordering::Relaxed);
        if duration > self.tight {
            bump(&board.tight, Ordering::Release);
        }
        if duration > self.late {
            bump(&board.late, Ordering::Release);
        }
        board.process.add(duration);
        board.fill.add(call.fill_frames);
        if let Some(gap) = gap {
            board.gap.add(gap);
        }
        // Last, so that a reader who sees a duration counted finds it, and the budget, stored.
        let filled = board.filled.load(Ordering::Relaxed);
        if filled < DURATIONS as u32 {
            board.filled.store(filled + 1, Ordering::Release);
        }
    }
}

/// One more, for a single writer. Stays at 2³² − 1 (66 days of callbacks of 64 frames at 48 kHz).
#[inline]
fn bump(count: &AtomicU32, order: Ordering) {
    let n = count.load(Ordering::Relaxed);
    count.store(n.saturating_add(1), order);
}

/// What the callback notes down. One writer, the [`Monitor`] it was first given to.
///
/// A fresh one is all zero; it may be a static.
#[derive(Debug)]
pub struct MonitorBoard {
    durations: [AtomicU32; DURATIONS],
    /// Durations there are.
    filled: AtomicU32,
    total: AtomicU32,
    tight: AtomicU32,
    late: AtomicU32,
    budget_ms: AtomicF32,
    ticks_per_second: AtomicU32,
    process: Counts,
    gap: Counts,
    fill: Counts,
}

/// Statistics of the callbacks that played. All zero as long as there were none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LatencyStats {
    /// Mean process time of the last 100 callbacks at most, ms.
    pub mean_ms: f32,
    /// Longest of these, ms.
    pub max_ms: f32,
    /// Shortest of these, ms.
    pub min_ms: f32,
    /// Callbacks that took more than 80 % of their budget, of all there were. A warning
    /// sign: neither the device's xruns nor late callbacks.
    pub xruns: u32,
    /// Time between two callbacks: frames / rate of the last one, ms.
    pub budget_ms: f32,
    /// `mean_ms` in per cent of `budget_ms`.
    pub usage_pct: f32,
    /// Callbacks there were.
    pub total_callbacks: u32,
}

impl MonitorBoard {
    /// An empty board.
    pub const fn new() -> Self {
        Self {
            durations: [const { AtomicU32::new(0) }; DURATIONS],
            filled: AtomicU32::new(0),
            total: AtomicU32::new(0),
            tight: AtomicU32::new(0),
            late: AtomicU32::new(0),
            budget_ms: AtomicF32::new(0.0),
            ticks_per_second: AtomicU32::new(0),
            process: Counts::new(),
            gap: Counts::new(),
            fill: Counts::new(),
        }
    }

    /// The statistics so far. While callbacks come, one or two of the durations may already be
    /// newer than the counts.
    pub fn stats(&self) -> LatencyStats {
        let filled = self.filled.load(Ordering::Acquire);
        if filled == 0 {
            return LatencyStats::default();
        }
        let mut sum = 0u64;
        let (mut max, mut min) = (0, u32::MAX);
        for duration in self.durations.iter().take(filled as usize) {
            let duration = duration.load(Ordering::Relaxed);
            sum += u64::from(duration);
            max = max.max(duration);
            min = min.min(duration);
        }
        // In f64, rounded once: a mean of equal durations is that duration.
        let mean_ms = self.ms(sum as f64 / f64::from(filled));
        let budget_ms = self.budget_ms.load(Ordering::Relaxed);
        let xruns = self.tight.load(Ordering::Acquire);
        LatencyStats {
            mean_ms: mean_ms as f32,
            max_ms: self.ms(f64::from(max)) as f32,
            min_ms: self.ms(f64::from(min)) as f32,
            xruns,
            budget_ms,
            usage_pct: (mean_ms / f64::from(budget_ms) * 100.0) as f32,
            total_callbacks: self.total.load(Ordering::Relaxed),
        }
    }

    /// Callbacks that took more than their whole budget. Says something only where a clock
    /// was read, that is at [`MonitorLevel::Full`].
    pub fn late_callbacks(&self) -> u32 {
        self.late.load(Ordering::Acquire)
    }

    /// Process times, ticks; [`ticks_to_ms`](Self::ticks_to_ms) converts.
    pub fn process_times(&self) -> Histogram {
        self.process.read()
    }

    /// Times from the beginning of one callback to the next one's, ticks.
    pub fn gaps(&self) -> Histogram {
        self.gap.read()
    }

    /// Frames that were ready in the rings.
    pub fn fills(&self) -> Histogram {
        self.fill.read()
    }

    /// Ticks of the monitor's clock in ms; 0 before the first callback.
    pub fn ticks_to_ms(&self, ticks: u32) -> f32 {
        self.ms(f64::from(ticks)) as f32
    }

    fn ms(&self, ticks: f64) -> f64 {
        match self.ticks_per_second.load(Ordering::Relaxed) {
            0 => 0.0,
            per_second => ticks * 1000.0 / f64::from(per_second),
        }
    }
}

impl Default for MonitorBoard {
    fn default() -> Self {
        Self::new()
    }
}

/// The counts behind a [`Histogram`].
#[derive(Debug)]
struct Counts([AtomicU32; BUCKETS]);

impl Counts {
    const fn new() -> Self {
        Self([const { AtomicU32::new(0) }; BUCKETS])
    }

    #[inline]
    fn add(&self, value: u32) {
        if let Some(count) = self.0.get(Histogram::bucket(value)) {
            bump(count, Ordering::Relaxed);
        }
    }

    fn read(&self) -> Histogram {
        let mut counts = [0; BUCKETS];
        for (n, count) in counts.iter_mut().zip(&self.0) {
            *n = count.load(Ordering::Relaxed);
        }
        Histogram { counts }
    }
}

/// How often values of each magnitude occurred: bucket 0 counts zeros, bucket `k` values of
/// `2^(k−1) ..= 2^k − 1`, the last one everything from 2³⁰ on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Histogram {
    /// The counts; each stays at 2³² − 1.
    pub counts: [u32; BUCKETS],
}

impl Histogram {
    /// The bucket of a value.
    #[inline]
    pub const fn bucket(value: u32) -> usize {
        let bits = (u32::BITS - value.leading_zeros()) as usize;
        if bits < BUCKETS { bits } else { BUCKETS - 1 }
    }

    /// Largest value that a bucket counts.
    pub const fn upper(bucket: usize) -> u32 {
        if bucket < BUCKETS - 1 {
            (1 << bucket) - 1
        } else {
            u32::MAX
        }
    }

    /// Values counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|n| u64::from(*n)).sum()
    }

    /// A bound that at least `per_mille` of 1000 values do not exceed (500 for the median, 999
    /// for 99.9 %): the upper end of the bucket in which that value lies, so less than twice the value. 0 when
    /// nothing was counted; more than 1000 is taken as 1000.
    pub fn percentile(&self, per_mille: u32) -> u32 {
        let total = self.total();
        // At least the first value, even for 0.
        let rank = (total * u64::from(per_mille.min(1000)))
            .div_ceil(1000)
            .max(1);
        let mut seen = 0;
        for (bucket, n) in self.counts.iter().enumerate() {
            seen += u64::from(*n);
            if seen >= rank {
                return Self::upper(bucket);
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
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
        frames: 480,
        rate: 48_000,
        fill_frames: 4096,
    };

    const MS: u32 = 1_000_000;

    struct Rig {
        clock: Hand,
        monitor: Monitor,
        board: MonitorBoard,
    }

    impl Rig {
        fn new() -> Self {
            Self {
                clock: Hand::default(),
                monitor: Monitor::new(),
                board: MonitorBoard::new(),
            }
        }

        /// A callback of `ns`, then `idle` ns until the next.
        fn call(&mut self, level: MonitorLevel, ns: u32, idle: u32, call: Call) {
            let started = self.monitor.begin(level, &self.clock);
            self.clock.pass(ns);
            self.monitor.end(started, &self.clock, &self.board, call);
            self.clock.pass(idle);
        }

        fn full(&mut self, ns: u32) {
            self.call(MonitorLevel::Full, ns, 0, CALL);
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
    fn off_and_sampled_read_no_clock_and_store_nothing() {
        for level in [MonitorLevel::Off, MonitorLevel::Sampled] {
            let mut rig = Rig::new();
            rig.call(level, 20 * MS, 0, CALL);
            assert_eq!(rig.clock.reads.get(), 0);
            assert_eq!(rig.board.stats(), LatencyStats::default());
            assert_eq!(rig.board.fills().total(), 0);
        }
        let mut rig = Rig::new();
        rig.full(MS);
        assert_eq!(rig.clock.reads.get(), 2);
    }

    #[test]
    fn without_a_clock_nothing_is_measured() {
        let board = MonitorBoard::new();
        let mut monitor = Monitor::new();
        let started = monitor.begin(MonitorLevel::Full, &NoClock);
        assert_eq!(started, None);
        monitor.end(started, &NoClock, &board, CALL);
        assert_eq!(board.stats(), LatencyStats::default());
    }

    #[test]
    fn gaps_do_not_span_what_was_not_measured() {
        let mut rig = Rig::new();
        rig.call(MonitorLevel::Full, MS, 9 * MS, CALL);
        assert_eq!(rig.board.gaps().total(), 0);
        rig.call(MonitorLevel::Full, MS, 9 * MS, CALL);
        let mut want = Histogram::default();
        want.counts[Histogram::bucket(10 * MS)] = 1;
        assert_eq!(rig.board.gaps(), want);
        rig.call(MonitorLevel::Off, MS, 500 * MS, CALL);
        rig.call(MonitorLevel::Full, MS, 9 * MS, CALL);
        assert_eq!(rig.board.gaps(), want);
        rig.call(MonitorLevel::Full, MS, 9 * MS, CALL);
        assert_eq!(rig.board.gaps().total(), 2);
        assert_eq!(rig.board.stats().total_callbacks, 4);
    }

    #[test]
    fn a_clock_that_wraps_is_no_matter() {
        let mut rig = Rig::new();
        rig.clock.now.set(u32::MAX - MS / 2);
        rig.call(MonitorLevel::Full, MS, 9 * MS, CALL);
        rig.call(MonitorLevel::Full, MS, 9 * MS, CALL);
        let stats = rig.board.stats();
        assert_eq!((stats.mean_ms, stats.max_ms), (1.0, 1.0));
        assert_eq!(rig.board.gaps().counts[Histogram::bucket(10 * MS)], 1);
    }

    #[test]
    fn calls_of_no_frames_do_not_count_and_the_budget_follows_the_period() {
        let mut rig = Rig::new();
        rig.call(MonitorLevel::Full, 50 * MS, 0, Call { frames: 0, ..CALL });
        assert_eq!(rig.board.stats(), LatencyStats::default());
        rig.full(2 * MS);
        rig.call(MonitorLevel::Full, 2 * MS, 0, Call { frames: 96, ..CALL });
        let stats = rig.board.stats();
        assert_eq!(
            (stats.budget_ms, stats.usage_pct, stats.xruns),
            (2.0, 100.0, 1)
        );
        let max = Call {
            frames: u32::MAX,
            rate: 1,
            fill_frames: u32::MAX,
        };
        rig.call(MonitorLevel::Full, u32::MAX, 0, max);
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
        #[test]
        fn every_value_lies_in_its_bucket(value in any::<u32>(), shift in 0u32..32) {
            let value = value >> shift;
            let bucket = Histogram::bucket(value);
            prop_assert!(value <= Histogram::upper(bucket));
            prop_assert!(bucket == 0 || value > Histogram::upper(bucket - 1));
        }

        /// Against the rule, worked out the plain way.
        #[test]
        fn statistics_by_the_rule(
            durations in prop::collection::vec(1u32..20_000_000, 1..250),
            frames in 1u32..5000,
            rate in prop::sample::select(&[8000u32, 44_100, 48_000, 96_000, 192_000][..]),
        ) {
            let mut rig = Rig::new();
            for d in &durations {
                rig.call(MonitorLevel::Full, *d, 1000, Call { frames, rate, fill_frames: 1 });
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
}
