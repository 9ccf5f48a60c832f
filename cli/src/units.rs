//! The units of every surface (flags, song files, configuration): levels, times, tracks.
//!
//! Everything here turns text into a value or says in one phrase what was expected.

mod connect;
mod level;
mod mixer_name;
mod song;
mod time;
mod track;

use std::borrow::Cow;

pub use connect::Connect;
pub use level::{DEFAULT_MAX_GAIN_DB, Level, db_from_gain, exact_db, gain_from_db};
pub use mixer_name::MixerName;
pub use song::SongRef;
pub use time::{TimeRange, frames_from_nanos};
pub use track::{
    TrackRef, parse_bus_outputs, parse_pan, parse_track_bus, parse_track_gain, parse_track_pan,
    split_last_equals,
};

/// Text that is not what was wanted. Correct it as the message says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, not `{given}`")]
pub struct UnitError {
    /// What would have been right, with an example.
    pub expected: Cow<'static, str>,
    /// What was given.
    pub given: String,
}

impl UnitError {
    pub(crate) fn new(expected: impl Into<Cow<'static, str>>, given: &str) -> Self {
        Self {
            expected: expected.into(),
            given: given
                .chars()
                .map(|c| if c.is_control() { '\u{fffd}' } else { c })
                .collect(),
        }
    }
}

/// A finite decimal number (`-6`, `+3.5`, `1e-3`), or nothing: unlike Rust's own parser it takes no
/// `nan` and no `inf`.
pub(crate) fn finite(text: &str) -> Option<f64> {
    let plain = |b: u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E');
    if !text.bytes().all(plain) {
        return None;
    }
    text.parse().ok().filter(|n: &f64| n.is_finite())
}

pub(crate) use track::check_bus_name;
