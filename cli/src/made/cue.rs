//! Cues: short recordings at places of the song, "verse in two" before the verse.

use std::path::PathBuf;

use super::Maker;
use super::sounds::{Sound, Sounds, add};
use crate::media::MediaError;
use crate::song::tempo::Grid;
use crate::song::{Song, Time};

/// Longest cue, s.
pub(super) const LONGEST_S: u32 = 60;

/// All cues of a song; those that sound together are added.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cue {
    /// In the order of the file.
    pub sounds: Vec<CueSound>,
}

/// A recording and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct CueSound {
    /// The recording, up to 60 s; several channels are averaged.
    pub file: PathBuf,
    /// What it is about.
    pub at: Time,
    /// How much earlier it begins.
    pub before: Before,
}

/// A distance to what comes.
#[derive(Clone, Debug, PartialEq)]
pub enum Before {
    /// A time.
    Time(Time),
    /// So many bar lines.
    Bars(u32),
}

pub(super) struct Cues(Vec<(i64, Sound)>);

impl CueSound {
    /// The frame it begins at, at `rate` Hz; below 0 where the song is too short before it.
    pub(crate) fn start(&self, song: &Song, rate: u32) -> i64 {
        // Its section is there: the song's file has been read.
        let frame = |time: &Time| song.frame(time, rate).unwrap_or(u64::MAX);
        let signed = |frame: u64| i64::try_from(frame).unwrap_or(i64::MAX);
        let at = frame(&self.at);
        match &self.before {
            Before::Time(time) => signed(at).saturating_sub(signed(frame(time))),
            Before::Bars(bars) => Grid::new(song, rate).bars_before(at, *bars),
        }
    }
}

impl Cue {
    pub(super) fn maker(
        &self,
        song: &Song,
        rate: u32,
        sounds: &Sounds,
    ) -> Result<Cues, MediaError> {
        let cues = self.sounds.iter().map(|cue| {
            let sound = sounds.load(&cue.file, rate, LONGEST_S)?;
            Ok((cue.start(song, rate), sound))
        });
        cues.collect::<Result<_, _>>().map(Cues)
    }
}

impl Maker for Cues {
    fn make(&self, from: u64, plane: &mut [f32]) {
        plane.fill(0.0);
        for (start, sound) in &self.0 {
            add(sound, *start, from, plane);
        }
    }
}
