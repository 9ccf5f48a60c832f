//! The clock that the player gives its engine.

use std::time::Instant;

use engine_core::clock::Clock;

/// Nanoseconds of the monotonic clock, as the player's.
#[derive(Clone, Copy, Debug)]
pub struct Monotonic(Instant);

impl Monotonic {
    /// A clock that begins at 0 now.
    pub fn new() -> Self {
        Self(Instant::now())
    }
}

impl Default for Monotonic {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for Monotonic {
    fn now(&self) -> u32 {
        self.0.elapsed().as_nanos() as u32
    }

    fn ticks_per_second(&self) -> u32 {
        1_000_000_000
    }
}
