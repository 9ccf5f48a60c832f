//! The host's clock, for the latency monitor.

use engine_core::clock::Clock;
use rustix::time::{ClockId, DynamicClockId, clock_gettime_dynamic};

/// The monotonic clock in nanoseconds, wrapping after about 4.3 s.
///
/// Asked of the system and not through [`std::time::Instant`], which can panic: it is read in audio callbacks.
#[derive(Clone, Copy, Debug)]
pub struct HostClock(());

impl HostClock {
    /// The clock; all are the same.
    pub fn new() -> Self {
        let clock = Self(());
        // The first reading looks up how the system is asked: not for a callback.
        clock.now();
        clock
    }
}

impl Default for HostClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for HostClock {
    fn now(&self) -> u32 {
        // Linux has this clock: there is no error in fact, and so no panic for one.
        clock_gettime_dynamic(DynamicClockId::Known(ClockId::Monotonic)).map_or(0, |time| {
            // Wraps, as a cycle counter does.
            (time.tv_sec as u32)
                .wrapping_mul(1_000_000_000)
                .wrapping_add(time.tv_nsec as u32)
        })
    }

    fn ticks_per_second(&self) -> u32 {
        1_000_000_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn it_goes_as_time_goes() {
        let (clock, host) = (HostClock::new(), Instant::now());
        let begun = clock.now();
        while host.elapsed() < Duration::from_millis(5) {}
        let ticks = clock.now().wrapping_sub(begun);
        let passed = host.elapsed().as_nanos() as u32;
        assert!((5_000_000..=passed).contains(&ticks), "{ticks} of {passed}");
    }
}
