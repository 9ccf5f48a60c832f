//! Profiles: four settings under one name, from safe to fast.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::values::words;

words! {
    /// A set of values for period, periods, ring and priority.
    Profile {
        /// 4096 frames × 3, for old or busy machines
        Legacy = "legacy",
        /// 2048 frames × 3, for playing back
        #[default] Balanced = "balanced",
        /// 1024 frames × 2
        Modern = "modern",
        /// 128 frames × 2, for playing along
        LowLatency = "low-latency",
    }
}

/// What a profile sets. Under JACK the server has its own period and priority, and only the ring applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProfileValues {
    /// Frames of a period.
    pub period: u32,
    /// Periods in the device's buffer.
    pub periods: u32,
    /// Length of the rings between disk and callback, ms.
    pub ring_ms: u32,
    /// Real-time priority of the audio thread.
    pub rt_priority: u8,
}

impl Profile {
    /// What it sets. Rings are far longer than a device's buffer, so that a slow disk is not heard;
    /// priorities stay below 80, where interrupt threads begin to matter.
    pub const fn values(self) -> ProfileValues {
        let (period, periods, ring_ms, rt_priority) = match self {
            Self::Legacy => (4096, 3, 2000, 60),
            Self::Balanced => (2048, 3, 1000, 60),
            Self::Modern => (1024, 2, 1000, 65),
            Self::LowLatency => (128, 2, 500, 70),
        };
        ProfileValues {
            period,
            periods,
            ring_ms,
            rt_priority,
        }
    }
}
