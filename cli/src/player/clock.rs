//! The host's clock, for the latency monitor.

use std::sync::OnceLock;
use std::time::Instant;

use engine_core::clock::Clock;

/// The monotonic clock in nanoseconds, wrapping after about 4.3 s.
#[derive(Clone, Copy, Debug)]
pub struct HostClock {
    start: Instant,
}

impl HostClock {
    /// A clock; all of a process share their zero.
    pub fn new() -> Self {
        static START: OnceLock<Instant> = OnceLock::new();
        Self {
            start: *START.get_or_init(Instant::now),
        }
    }
}

impl Default for HostClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for HostClock {
    fn now(&self) -> u32 {
        // Wraps, as a cycle counter does.
        self.start.elapsed().as_nanos() as u32
    }

    fn ticks_per_second(&self) -> u32 {
        1_000_000_000
    }
}
