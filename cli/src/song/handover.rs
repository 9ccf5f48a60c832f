//! How the next song of a setlist takes over from one that goes on with it.

use super::Time;
use crate::units::frames_from_nanos;

/// How the next song takes over. It is loaded and ready long before.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Handover {
    /// At the very end of this one.
    #[default]
    Cut,
    /// While this one fades out, with equal power: so long before its end.
    Crossfade(Time),
    /// After so much silence.
    After(Time),
}

impl Handover {
    /// Frames both songs sound together, at `rate` Hz.
    pub fn together(&self, rate: u32) -> u64 {
        match self {
            Self::Crossfade(time) => frames(time, rate),
            _ => 0,
        }
    }

    /// Frames of silence between them, at `rate` Hz.
    pub fn silence(&self, rate: u32) -> u64 {
        match self {
            Self::After(time) => frames(time, rate),
            _ => 0,
        }
    }
}

fn frames(time: &Time, rate: u32) -> u64 {
    match time {
        Time::Nanos(nanos) => frames_from_nanos(*nanos, rate),
        Time::Frames(frames) => *frames,
        // A handover never names a section.
        Time::Section(_) => 0,
    }
}
