//! The song as the player wants it, whatever it came from. Times are exact; levels are linear.

use std::path::PathBuf;
use std::sync::Arc;

use super::handover::Handover;
use super::names::suggested_bus;
use super::tempo::Stretch;
use crate::made::Made;

/// A point of time in a song, kept as it was given and turned into frames once per deck.
#[derive(Clone, Debug, PartialEq)]
pub enum Time {
    /// Nanoseconds from the song's start.
    Nanos(u64),
    /// Frames at the output rate.
    Frames(u64),
    /// The start of the section of that name.
    Section(String),
}

/// What happens when a song ends.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Deserialize,
    serde::Serialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum OnEnd {
    /// Stop (the next song waits).
    #[default]
    Stop,
    /// Stay open at the end, stopped.
    Hold,
    /// Go on with the next song without a gap.
    Next,
    /// Start over without a gap.
    Loop,
}

/// One stem of a song. A file of more than two channels becomes that many mono tracks when loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Unique in the song.
    pub name: String,
    /// The audio file; `-` is a WAV on standard input. Empty when it is made.
    pub file: PathBuf,
    /// What is played instead of a file.
    pub made: Option<Made>,
    /// Linear gain, from 0.
    pub gain: f32,
    /// −1 (left) to +1 (right).
    pub pan: f32,
    /// Starts muted.
    pub mute: bool,
    /// Starts soloed.
    pub solo: bool,
    /// Name of the bus it feeds; `None` is the bus its name suggests (click, cue) or main.
    pub bus: Option<String>,
    /// Silence before its first frame.
    pub offset: Time,
}

impl Track {
    /// The bus it feeds: the one it names, else the one its name suggests.
    pub fn bus_name(&self) -> &str {
        match &self.bus {
            Some(bus) => bus,
            None => suggested_bus(&self.name),
        }
    }
}

/// A named output of a song.
#[derive(Clone, Debug, PartialEq)]
pub struct Bus {
    /// Unique in the song: `main`, `click`, `cue` …
    pub name: String,
    /// 1-based device channels, one per bus channel; empty when nothing was said.
    pub outputs: Vec<u16>,
    /// Linear level, from 0.
    pub level: f32,
    /// Whether the master level applies.
    pub follow_master: bool,
    /// JACK ports to connect to, one entry per bus channel (as in `--connect`); empty when nothing was said.
    pub jack: Vec<String>,
}

impl Bus {
    /// A bus as it is when only its name is known: no outputs, unity, and following the master
    /// unless it is `click`, `cue` or `ltc`.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            outputs: Vec::new(),
            level: 1.0,
            follow_master: !matches!(name, "click" | "cue" | "ltc"),
            jack: Vec::new(),
        }
    }
}

/// A named part of a song, `[start, end)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// Unique in the song.
    pub name: String,
    /// First frame.
    pub start: Time,
    /// One past the last frame; `None` is the next section's start or the song's end.
    pub end: Option<Time>,
}

/// Tracks, buses and sections that start together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Song {
    /// For people; the file's or folder's name when not given.
    pub title: String,
    /// In order: number 1 is the first.
    pub tracks: Vec<Track>,
    /// Declared buses, in order; those only implied by tracks are not here.
    pub buses: Vec<Bus>,
    /// In order of start.
    pub sections: Vec<Section>,
    /// The tempo map, in order of start; empty when the song has none.
    pub tempo: Vec<Stretch>,
    /// How much later everything is than the song's file says, to make room for a count-in; ns. All times of
    /// the song have it in them already.
    pub lead_nanos: u64,
    /// What happens at the end.
    pub on_end: OnEnd,
    /// How the next song takes over, where it is gone on with.
    pub handover: Handover,
    /// It goes round and round, and every other song of the setlist goes back to it.
    pub idle: bool,
    /// The song file it was read from, if it was.
    pub source: Option<SongFile>,
}

/// A song file as it was when it was read or written last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SongFile {
    /// Where it is.
    pub path: PathBuf,
    /// What stands in it.
    pub text: Arc<str>,
}

/// Songs in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Setlist {
    /// At least one.
    pub songs: Vec<Song>,
}

impl Song {
    /// Every audio file it is played from, in order: stems, and the recordings of made tracks.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.tracks.iter().flat_map(|track| match &track.made {
            None => vec![&track.file],
            Some(made) => made.files(),
        })
    }
}
