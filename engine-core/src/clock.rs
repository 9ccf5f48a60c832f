//! The clock of the monitor: a counter that the core can read without knowing what it is.

/// A counter of time that wraps at 2³² ticks.
///
/// A host counts nanoseconds (a span of up to 4.29 s can be measured); a microcontroller its
/// cycles. Reading must be safe in an audio callback: no lock, and no system call (on Linux,
/// `CLOCK_MONOTONIC` is read in user space).
pub trait Clock {
    /// The counter now. Spans are differences modulo 2³².
    fn now(&self) -> u32;

    /// Ticks in a second. 0 says that there is no clock: then nothing is ever measured.
    fn ticks_per_second(&self) -> u32;
}

impl<C: Clock + ?Sized> Clock for &C {
    #[inline]
    fn now(&self) -> u32 {
        (**self).now()
    }

    #[inline]
    fn ticks_per_second(&self) -> u32 {
        (**self).ticks_per_second()
    }
}

/// For an engine that has no clock: monitoring stays without effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NoClock;

impl Clock for NoClock {
    #[inline]
    fn now(&self) -> u32 {
        0
    }

    #[inline]
    fn ticks_per_second(&self) -> u32 {
        0
    }
}
