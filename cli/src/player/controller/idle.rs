//! A setlist with an idle song: that goes round and round until a trigger has another one played, once.

use engine_core::ticket::Ticket;

use super::Controller;
use super::orders::Outcome;
use super::waiting::Await;
use crate::control::{ErrorCode, Refusal};
use crate::song::Time;
use crate::units::{SongRef, frames_from_nanos};

/// What there is to remember.
#[derive(Default)]
pub(in super::super) struct Idle {
    /// Index of the idle song.
    pub song: Option<usize>,
    /// The deck that was triggered last with a fade of its own, and that fade in frames.
    fade: Option<(Ticket, u32)>,
    /// The same while that is being arranged.
    wanted: Option<u32>,
}

impl Idle {
    /// With this idle song.
    pub fn new(song: Option<usize>) -> Self {
        Self {
            song,
            ..Self::default()
        }
    }

    /// What comes after a song that can't be played, of so many; and how many there are to be tried in turn.
    pub(super) fn next_of(&self, song: usize, count: usize) -> (usize, usize) {
        match self.song {
            // The others wait for their triggers.
            Some(idle) => (idle, 1),
            None => ((song + 1) % count, count),
        }
    }

    /// The fade that a trigger which is being carried out wants, frames.
    pub(super) fn wanted(&self) -> Option<u32> {
        self.wanted
    }

    /// The fade that a trigger wanted for this deck, frames.
    pub(super) fn fade_of(&self, deck: Ticket) -> Option<u32> {
        let (of, fade) = self.fade?;
        (of == deck).then_some(fade)
    }
}

impl Controller {
    pub(super) fn order_trigger(
        &mut self,
        song: &SongRef,
        fade: Option<&Time>,
        if_idle: bool,
    ) -> Result<Outcome, Refusal> {
        let Some(idle) = self.idle.song else {
            let message =
                "trigger: there is no idle song to come back to; a setlist names one with `idle`";
            return Err(Refusal::new(ErrorCode::NoSong, message));
        };
        let titles = self.songs.iter().map(|s| s.song.title.as_str());
        let Some(song) = song.among(titles) else {
            let song = crate::report::clean(&song.to_string());
            let message = format!("trigger: there is no song `{song}` in the setlist");
            return Err(Refusal::new(ErrorCode::NoSong, message));
        };
        let bound_for = match (&self.hold, self.decks.on_its_way(self.current)) {
            (None, Some((song, _))) => song,
            _ => self.song,
        };
        if if_idle && self.rolling && bound_for != idle {
            return Ok(Outcome::At(self.here()));
        }
        self.orders.superseded(|what| matches!(what, Await::Rest));
        self.rolling = true;
        if let Some(hold) = &mut self.hold {
            hold.was_rolling = true;
        }
        let frames = match fade {
            Some(Time::Nanos(nanos)) => Some(frames_from_nanos(*nanos, self.rate())),
            Some(Time::Frames(frames)) => Some(*frames),
            _ => None,
        };
        let frames = frames.map(|frames| u32::try_from(frames).unwrap_or(u32::MAX));
        self.idle.wanted = frames;
        let deck = self.change_song(song);
        self.idle.wanted = None;
        self.idle.fade = deck.zip(frames);
        Ok(self.cutting(deck, self.parts[song].start))
    }
}
