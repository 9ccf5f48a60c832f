//! What is played: from inputs to songs whose files have been looked at. The same whether a session begins with it
//! or it is loaded while another plays.

use std::path::PathBuf;

use engine_core::ticket::TicketDrum;

use super::PlayerError;
use super::loaded::{LoadOptions, Loaded, load_all};
use crate::song::{self, OnEnd, Overrides, Request, Setlist, SongError};

/// How inputs are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// Each audio file is a song of its own.
    pub sequence: bool,
    /// What happens at the end of every song, whatever the files say.
    pub on_end: Option<OnEnd>,
    /// Ceiling of levels, dB.
    pub max_gain_db: f64,
    /// What can't be loaded is left out, unless nothing can.
    pub leave_out: bool,
}

impl Reading {
    /// Reads song files and folders; audio files are not opened. Beside the songs comes a sentence on each input that is left out.
    ///
    /// # Errors
    /// As [`song::load`].
    pub fn setlist(&self, inputs: &[PathBuf]) -> Result<(Setlist, Vec<String>), SongError> {
        let request = Request {
            inputs,
            sequence: self.sequence,
            on_end: self.on_end,
            max_gain_db: self.max_gain_db,
        };
        match self.leave_out {
            true => song::load_what_can_be(&request),
            false => song::load(&request).map(|setlist| (setlist, Vec::new())),
        }
    }
}

/// Why what was to be loaded isn't.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error(transparent)]
    Song(#[from] SongError),
    #[error(transparent)]
    Player(#[from] PlayerError),
}

impl LoadError {
    /// What was asked for makes no sense, whatever the files say.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Song(SongError::Usage(_)) | Self::Player(PlayerError::Usage(_))
        )
    }
}

/// Songs that were loaded, and sentences on those that were left out.
pub(crate) struct Programme {
    pub songs: Vec<Loaded>,
    pub left_out: Vec<String>,
}

impl Programme {
    /// Loads what can be played while a session lasts. What flags said of the tracks it began with doesn't count. Tickets are
    /// still to be drawn.
    ///
    /// # Errors
    /// The first thing that can't be opened, or makes no sense.
    pub fn load(
        inputs: &[PathBuf],
        reading: &Reading,
        options: &LoadOptions,
    ) -> Result<Self, LoadError> {
        let (mut setlist, mut left_out) = reading.setlist(inputs)?;
        if reading.leave_out {
            for song in &mut setlist.songs {
                song.on_end = OnEnd::Next;
            }
        }
        let options = LoadOptions {
            overrides: Overrides::default(),
            ..options.clone()
        };
        let (songs, skipped) = load_all(setlist, &mut TicketDrum::new(), &options)?;
        left_out.extend(skipped);
        Ok(Self { songs, left_out })
    }
}
