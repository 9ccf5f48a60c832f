//! A piece: stems, wiring, and a score of what the controller does after which call.

use engine_core::controls::TrackSetting;
use engine_core::strip::StripSpec;

use crate::material::Stem;

/// What is played, and how.
pub struct Piece {
    /// Output rate, Hz.
    pub rate: u32,
    /// Length of the ramps on changed controls, frames.
    pub ramp: u32,
    /// Frames of one call.
    pub period: usize,
    /// Output planes.
    pub planes: usize,
    /// The planes of each bus. Only the first bus follows the master.
    pub buses: &'static [&'static [u16]],
    /// How each track is wired, and its material.
    pub tracks: &'static [(StripSpec, Stem)],
    /// Length of the song, frames.
    pub length: u64,
    /// Calls between two polls of the stop flag.
    pub poll: u32,
    /// Acts, each carried out once so many calls have been made.
    pub score: &'static [(u32, Act)],
}

/// One thing the controller does.
#[derive(Clone, Copy)]
pub enum Act {
    /// Sets a track's strip and commits.
    Track(usize, TrackSetting),
    /// Sets the master level, linear.
    Master(f32),
    /// Takes a track's gain to a level, linear, over so many frames.
    Fade(u16, f32, u32),
    /// Makes the deck that is free ready to play from this song frame on.
    Prepare(u64),
    /// Sends the deck made ready first: to be cut to when the one in play has given so many frames, with
    /// a fade of so many.
    Cut(u64, u32),
    /// Starts the deck made ready first.
    Play,
}
