//! Playing on whatever is the matter with a song: what can't be opened, and what can't be read any
//! further, is skipped; while nothing can be played it is tried again, from where it stopped.
//!
//! Each pass of a song is a deck with files that are opened anew, so what went away with a disk is there again
//! with it, and what was replaced on the disk plays from its next turn on.

use std::time::{Duration, Instant};

use engine_core::command::Command;
use engine_core::status::State;
use engine_core::ticket::Ticket;

use super::super::decks::{Preparing, Purpose};
use super::Controller;
use crate::kiosk::{Hold, HoldKind};

/// First wait before everything is tried again; doubled up to the longest.
const FIRST_TRY: Duration = Duration::from_secs(1);
const LAST_TRY: Duration = Duration::from_secs(5);
/// Without trouble for so long, all is well again.
const CALM: Duration = Duration::from_secs(10);
/// A lone song shorter than this (s) is played several times by one deck, so that files aren't opened all the time …
const SHORT_S: u64 = 10;
/// … for about so long.
const TURN_S: u64 = 60;

/// What went wrong, and when it is tried again.
#[derive(Default)]
pub(in super::super) struct KeepGoing {
    /// Songs that were skipped, each time counted.
    pub skipped: u32,
    /// Songs in a row that couldn't be played.
    failed: usize,
    last: Option<Instant>,
    wait: Duration,
    retry: Option<Retry>,
    /// Decks with stems that can't be read any further: how many, and from which frame of the song on.
    dead: Vec<(Ticket, usize, u64)>,
    /// The deck that was left because nothing of it can be.
    left: Option<Ticket>,
    /// Song and frame where it could be read no further.
    stopped: Option<(usize, u64)>,
}

/// Nothing can be played at present.
struct Retry {
    at: Instant,
    reason: String,
    song: usize,
    /// Where it goes on; `None` is the song's start.
    frame: Option<u64>,
    purpose: Purpose,
}

impl KeepGoing {
    /// `skipped` songs were left out when it began.
    pub fn new(skipped: usize) -> Self {
        Self {
            skipped: u32::try_from(skipped).unwrap_or(u32::MAX),
            ..Self::default()
        }
    }

    /// Other songs are played from now on.
    pub fn other_songs(&mut self) {
        *self = Self {
            skipped: self.skipped,
            ..Self::default()
        };
    }

    /// How often a deck repeats a song of `frames` at `rate` before files are opened again.
    pub fn passes(frames: u64, rate: u32) -> Option<u32> {
        let seconds = |s: u64| s * u64::from(rate);
        let short = frames > 0 && frames < seconds(SHORT_S);
        let passes = seconds(TURN_S).checked_div(frames)?;
        short.then(|| u32::try_from(passes).unwrap_or(u32::MAX).max(1))
    }
}

impl Controller {
    /// A song couldn't be opened: the next one, or everything again a little later.
    pub(super) fn skip(&mut self, p: &Preparing, why: &str) {
        self.warn("song", format!("{why}; it is skipped"), None);
        self.keep.skipped = self.keep.skipped.saturating_add(1);
        self.failed(p.song, p.purpose, why);
    }

    fn failed(&mut self, song: usize, purpose: Purpose, why: &str) {
        let (next, count) = self.idle.next_of(song, self.songs.len());
        self.keep.failed += 1;
        self.keep.last = Some(Instant::now());
        if self.keep.failed < count {
            self.try_song(next, None, purpose);
            return;
        }
        self.keep.failed = 0;
        match purpose {
            Purpose::Follow { .. } => {}
            // What plays is as well as it was.
            _ if self.current.is_some() && self.current != self.keep.left => return,
            // It would go on in silence.
            _ => self.send(Command::Pause { fade: 0 }),
        }
        self.keep.wait = match self.keep.wait {
            Duration::ZERO => FIRST_TRY,
            wait => (wait * 2).min(LAST_TRY),
        };
        let (song, frame) = match self.keep.stopped.take() {
            Some((song, frame)) => (song, Some(frame)),
            None => (next, None),
        };
        self.keep.retry = Some(Retry {
            at: Instant::now() + self.keep.wait,
            reason: match count {
                1 => why.to_owned(),
                _ => format!("no song can be played; the last one: {why}"),
            },
            song,
            frame,
            purpose,
        });
    }

    /// Sets about playing a song for the purpose that another was to serve.
    fn try_song(&mut self, song: usize, frame: Option<u64>, purpose: Purpose) {
        let nothing = self.current.is_none() && self.decks.live.is_empty();
        let purpose = match purpose {
            Purpose::Follow { of, .. } if self.current != Some(of) => return,
            Purpose::Follow { .. } => purpose,
            _ if nothing => Purpose::Start,
            _ => Purpose::Jump,
        };
        let repeat = self.parts[song].repeat;
        if purpose == Purpose::Start {
            (self.song, self.looping) = (song, repeat);
        }
        let frame = frame.filter(|frame| *frame < self.parts[song].end);
        let plan = self.plan(song, frame, repeat);
        self.begin(song, plan, purpose);
    }

    /// A stem of a deck can't be read any further than `frame`.
    pub(super) fn note_damage(&mut self, deck: Ticket, frame: u64) {
        if !self.told.keep_going {
            return;
        }
        match self
            .keep
            .dead
            .iter_mut()
            .find(|(ticket, ..)| *ticket == deck)
        {
            Some((_, stems, last)) => (*stems, *last) = (*stems + 1, frame.max(*last)),
            None => self.keep.dead.push((deck, 1, frame)),
        }
    }

    /// Leaves the song in play when nothing of it can be read any further, and all that was read is played.
    fn leave_dead_song(&mut self) {
        let Some(current) = self.current else { return };
        let (stems, here) = (self.songs[self.song].song.tracks.len(), self.here());
        let dead = |(ticket, dead, from): &(Ticket, usize, u64)| {
            *ticket == current && *dead >= stems && *from <= here
        };
        if self.keep.left == Some(current) || !self.keep.dead.iter().any(dead) {
            return;
        }
        self.keep.left = Some(current);
        let title = &self.songs[self.song].song.title;
        let why = format!("`{title}` can't be read any further");
        self.warn("song", format!("{why}; it is skipped"), None);
        self.keep.skipped = self.keep.skipped.saturating_add(1);
        // When nothing else can be read either, it is the disk that went, and here it goes on.
        self.keep.stopped.get_or_insert((self.song, here));
        if self.keep.last.is_none_or(|at| at.elapsed() > FIRST_TRY) {
            self.keep.last = Some(Instant::now());
            let (next, _) = self.idle.next_of(self.song, self.songs.len());
            self.try_song(next, None, Purpose::Jump);
        } else {
            // Straight after the last trouble: not again and again without a pause.
            self.failed(self.song, Purpose::Jump, &why);
        }
    }

    /// Tries again what couldn't be played.
    pub(super) fn keep_going(&mut self) {
        if !self.told.keep_going || self.quitting.is_some() {
            return;
        }
        self.leave_dead_song();
        let decks = &self.decks;
        self.keep
            .dead
            .retain(|(ticket, ..)| decks.is_about(*ticket));
        let now = Instant::now();
        let waits = self.keep.retry.is_some();
        if !waits && self.keep.last.is_some_and(|last| now - last > CALM) {
            (self.keep.last, self.keep.stopped) = (None, None);
            (self.keep.failed, self.keep.wait) = (0, Duration::ZERO);
        }
        if self.keep.last.is_none_or(|last| now - last > FIRST_TRY)
            && self.decks.preparing.is_empty()
        {
            // What came after it plays.
            self.keep.failed = 0;
        }
        // While the device is gone nothing is prepared; its return begins anew.
        if self.hold.is_some() || self.decks.is_busy() {
            return;
        }
        if let Some(retry) = self.keep.retry.take_if(|retry| now >= retry.at) {
            self.keep.stopped = retry.frame.map(|frame| (retry.song, frame));
            self.try_song(retry.song, retry.frame, retry.purpose);
        }
    }

    /// Why nothing plays that should, and when it is tried again.
    pub(super) fn held(&self) -> Option<Hold<Instant>> {
        if let Some(hold) = &self.hold {
            return Some(Hold {
                kind: HoldKind::Recovering,
                reason: hold.reason.clone(),
                until: hold.next_try,
            });
        }
        let retry = self.keep.retry.as_ref()?;
        let position = self.rig.as_ref()?.handle.board().position();
        let plays = position.state == State::Playing && !position.holding;
        (!plays).then(|| Hold {
            kind: HoldKind::Loading,
            reason: retry.reason.clone(),
            until: retry.at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_songs_are_played_for_a_minute_before_files_are_opened_again() {
        let passes = |seconds: u64| KeepGoing::passes(seconds * 48_000, 48_000);
        assert_eq!(passes(0), None);
        assert_eq!(passes(1), Some(60));
        assert_eq!(passes(9), Some(6));
        assert_eq!(passes(10), None);
        assert_eq!(passes(3_600), None);
        assert_eq!(KeepGoing::passes(1, 48_000), Some(2_880_000));
    }
}
