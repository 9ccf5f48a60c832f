//! Jumps that wait: for the end of a section, or for the next bar.

use engine_core::status::{Position, State};
use engine_core::ticket::Ticket;

use super::super::decks::{Live, Purpose};
use super::Controller;
use super::orders::Outcome;
use crate::control::{ErrorCode, Refusal, When};
use crate::song::Time;
use crate::song::tempo::Grid;

/// Pieces of a plan that are looked through for a bar: a loop without one has none in all its passes.
const PIECES: usize = 4;

impl Controller {
    pub(super) fn order_jump(&mut self, to: &Time, when: When) -> Result<Outcome, Refusal> {
        let frame = self.place(to)?.min(self.parts[self.song].end);
        let on_bar = when == When::NextBar;
        if on_bar && self.songs[self.song].song.tempo.is_empty() {
            let message = format!(
                "jump: `{}` has no bars; its song file needs a tempo map (`[[tempo]]`)",
                self.songs[self.song].song.title
            );
            return Err(Refusal::new(
                ErrorCode::BadValue,
                crate::report::clean(&message),
            ));
        }
        let due = match when {
            When::Now => None,
            When::SectionEnd => self.section_end(),
            When::NextBar => self.next_bar(),
        };
        let deck = match due {
            Some((of, at)) => {
                let plan = self.plan(self.song, Some(frame), self.looping);
                self.begin(self.song, plan, Purpose::Due { of, at, on_bar })
            }
            None => self.jump(frame),
        };
        Ok(self.cutting(deck, frame))
    }

    /// The deck in play, and its frame at which the section that is playing ends (the song's end, where
    /// there is none). Nothing while nothing plays.
    fn section_end(&self) -> Option<(Ticket, u64)> {
        let (live, position) = self.playing()?;
        let song = &self.songs[self.song];
        let (rate, here) = (self.rate(), live.plan.song_frame(position.deck_frame));
        let part_end = self.parts[self.song].end;
        let end = song
            .song
            .spans(rate, song.length(rate))
            .into_iter()
            .find(|s| (s.start..s.end).contains(&here))
            .map_or(part_end, |s| s.end.min(part_end));
        // A loop may end before the section does: then its end is the one that comes.
        let piece = live
            .plan
            .pieces(position.deck_frame)
            .next()
            .filter(|piece| !piece.song.is_empty())?;
        let end = end.min(piece.song.end);
        Some((
            live.ticket,
            piece.deck + end.saturating_sub(piece.song.start),
        ))
    }

    /// The deck in play and where it is, while it plays.
    fn playing(&self) -> Option<(&Live, Position)> {
        let position = self.rig.as_ref()?.handle.board().position();
        let live = self.decks.find(self.current?)?;
        let plays = position.state == State::Playing && position.deck == live.ticket;
        (plays && self.hold.is_none()).then_some((live, position))
    }

    /// The deck in play, and its frame at which the next bar begins.
    fn next_bar(&self) -> Option<(Ticket, u64)> {
        let (live, position) = self.playing()?;
        let bar = self.bar_from(live.ticket, position.deck_frame + 1)?;
        Some((live.ticket, bar))
    }

    /// The first frame of a deck, from `frame` on, with which a bar of its song begins; at its end, that.
    pub(super) fn bar_from(&self, deck: Ticket, frame: u64) -> Option<u64> {
        let live = self.decks.find(deck)?;
        let grid = Grid::new(&self.songs.get(live.song)?.song, self.rate());
        let bar = live.plan.pieces(frame).take(PIECES).find_map(|piece| {
            let bar = grid.bars(piece.song.start, piece.song.end).next()?;
            Some(piece.deck + (bar - piece.song.start))
        });
        bar.or_else(|| live.plan.deck_len())
    }
}
