//! How punctual the server is: what it tells of itself, gathered for the report.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use engine_core::backend::Timing;

/// Not measured.
const UNKNOWN: u32 = u32::MAX;

/// Punctuality, from several threads. Times in µs.
#[derive(Debug)]
pub(crate) struct Punctuality {
    /// f32 bits, %.
    load: AtomicU32,
    /// Longest delay of the server's own cycle.
    max_delay: AtomicU32,
    /// Longest time from the beginning of a cycle to that of its callback.
    late: AtomicU32,
}

impl Default for Punctuality {
    fn default() -> Self {
        Self {
            load: AtomicU32::new(UNKNOWN),
            max_delay: AtomicU32::new(UNKNOWN),
            late: AtomicU32::new(UNKNOWN),
        }
    }
}

impl Punctuality {
    /// What the server says now: its load (%) and its longest delay (µs).
    pub(crate) fn tell(&self, load: f32, max_delay_us: f32) {
        self.load.store(load.to_bits(), Relaxed);
        // Whole µs are enough.
        self.max_delay.store(max_delay_us.max(0.0) as u32, Relaxed);
    }

    /// By the process callback: it began so long after its cycle did.
    pub(crate) fn began_late(&self, us: u32) {
        let most = match self.late.load(Relaxed) {
            UNKNOWN => 0,
            most => most,
        };
        self.late.store(most.max(us.min(UNKNOWN - 1)), Relaxed);
    }

    /// For the report.
    pub(crate) fn timing(&self) -> Timing {
        let us = |n: u32| (n != UNKNOWN).then_some(n);
        Timing {
            load_pct: us(self.load.load(Relaxed)).map(f32::from_bits),
            max_delay_us: us(self.max_delay.load(Relaxed)),
            late_us: us(self.late.load(Relaxed)),
            drift_ppm: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_is_not_zero() {
        let p = Punctuality::default();
        assert_eq!(p.timing(), Timing::default());
        p.tell(12.5, 37.9);
        p.began_late(5);
        p.began_late(3);
        let timing = Timing {
            load_pct: Some(12.5),
            max_delay_us: Some(37),
            late_us: Some(5),
            drift_ppm: None,
        };
        assert_eq!(p.timing(), timing);
    }
}
