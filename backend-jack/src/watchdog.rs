//! Finds a graph that stands still without having said so.

use std::time::{Duration, Instant};

/// Watches a counter of cycles.
#[derive(Debug)]
pub(crate) struct Watchdog {
    patience: Duration,
    seen: u32,
    since: Instant,
}

impl Watchdog {
    /// A watchdog that barks when the counter stands still for `patience`.
    pub(crate) fn new(patience: Duration, now: Instant) -> Self {
        Self {
            patience,
            seen: 0,
            since: now,
        }
    }

    /// Looks at the counter: `true` when it has stood still too long. `excused` (freewheel, not
    /// active) starts the wait anew. A gap between two looks is not held against the graph: the
    /// wait ends only at a look that finds the counter where an earlier look left it.
    pub(crate) fn look(&mut self, cycles: u32, excused: bool, now: Instant) -> bool {
        if cycles != self.seen || excused {
            self.seen = cycles;
            self.since = now;
            return false;
        }
        now.saturating_duration_since(self.since) >= self.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn barks_only_after_its_patience() {
        let t0 = Instant::now();
        let at = |ms| t0 + Duration::from_millis(ms);
        let mut dog = Watchdog::new(Duration::from_secs(2), t0);
        assert!(!dog.look(1, false, at(100)));
        assert!(!dog.look(1, false, at(2099)));
        assert!(dog.look(1, false, at(2100)));
        assert!(!dog.look(2, false, at(9000)));
        assert!(!dog.look(2, true, at(20_000)));
        assert!(!dog.look(2, false, at(21_999)));
        assert!(dog.look(2, false, at(22_000)));
    }
}
