//! Monitoring of callback times: what the callback notes down, and what a reader makes of it.
//!
//! The callback's side is a [`Monitor`], the common ground a [`MonitorBoard`] of atomics with
//! one writer (the callback) and any readers. The callback only loads and stores; means and
//! percentiles are the reader's work.
//!
//! Only callbacks that play, at [`MonitorLevel::Full`], are counted: the engine doesn't bring any
//! other one before the monitor.

use core::sync::atomic::{AtomicU32, Ordering};

use portable_atomic::AtomicF32;

use crate::clock::Clock;
use crate::histogram::{Counts, Histogram, bump};

/// Durations kept for [`MonitorBoard::stats`]: the last this many.
pub const DURATIONS: usize = 100;

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
    /// Its number, modulo 2³². A gap is the time since the callback of the number before.
    pub number: u32,
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
    /// When the callback that was measured last began, and its number.
    last: Option<(u32, u32)>,
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
    /// in ticks; `None` for want of a clock.
    #[inline]
    pub fn begin<C: Clock + ?Sized>(&self, clock: &C) -> Option<u32> {
        (clock.ticks_per_second() != 0).then(|| clock.now())
    }

    /// At the end of a callback that [`begin`](Self::begin) began at `started`. `None` is a
    /// callback that isn't to be counted.
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
        // A gap must not span callbacks that were not measured.
        let gap = self
            .last
            .filter(|(_, number)| number.wrapping_add(1) == call.number)
            .map(|(last, _)| started.wrapping_sub(last));
        self.last = Some((started, call.number));

        let basis = (call.frames, call.rate, per_second);
        if basis != self.basis {
            self.basis = basis;
            let ticks = u64::from(call.frames) * u64::from(per_second);
            let rate = u64::from(call.rate);
            self.late = u32::try_from(ticks / rate).unwrap_or(u32::MAX);
            let four_fifths = ticks.saturating_mul(4) / (rate * 5);
            self.tight = u32::try_from(four_fifths).unwrap_or(u32::MAX);
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

#[cfg(test)]
mod tests;
