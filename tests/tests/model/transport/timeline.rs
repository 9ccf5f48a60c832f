//! The reference's time: one frame after the other, looking before each at everything that may be
//! due.

use engine_core::deck::RESERVE;
use engine_core::event::EventKind;
use engine_core::status::State;

use super::{Crossfade, Data, Pending, Reference, deck_ticket};
use crate::curve::{Glide, crossfade};
use crate::deck::Deck;
use crate::mix::{Envelope, Heard, mix};
use crate::program::When;

impl<'p> Reference<'p> {
    /// With nothing playing, the deck faded to is the one that counts, and a cut that is due needs no
    /// data.
    pub(super) fn cut_at_rest(&mut self) {
        if self.plays() {
            return;
        }
        if let Some(fade) = self.fade.take() {
            self.playing = Some(fade.to);
        }
        if let Some(p) = self.pending {
            match (self.playing, p.at) {
                (_, When::Outside { .. }) => {
                    self.cut_with_outside();
                }
                (Some(deck), When::Frame { of, .. }) if of != deck => self.drop_pending(),
                (Some(deck), When::Frame { frame, .. }) if frame > self.decks[deck].frame => {}
                _ => self.cut(p),
            }
        }
    }

    /// A cut that is due while something plays; whether there was one.
    fn cut_if_due(&mut self) -> bool {
        let (Some(p), Some(deck), None) = (self.pending, self.playing, &self.fade) else {
            return false;
        };
        match p.at {
            When::Frame { of, .. } if of != deck => self.drop_pending(),
            When::Frame { frame, .. } if frame > self.decks[deck].frame => return false,
            When::Outside { .. } => return false,
            _ if !self.decks[p.deck].is_primed() => return false,
            _ => self.cut(p),
        }
        true
    }

    /// A cut at a frame of the outside transport, made on that very frame or never; whether anything
    /// came of it.
    fn cut_with_outside(&mut self) -> bool {
        let (Some(p), Some(outside)) = (self.pending, self.outside) else {
            return false;
        };
        let When::Outside { frame } = p.at else {
            return false;
        };
        if frame == outside.frame && self.decks[p.deck].is_primed() {
            self.cut(p);
        } else if outside.rolling && frame <= outside.frame {
            self.drop_pending();
        } else {
            return false;
        }
        true
    }

    fn cut(&mut self, p: Pending) {
        self.pending = None;
        let song = self.decks[p.deck].plan.song;
        self.decks[p.deck].apply(&self.controls[song], 0);
        let old = self.playing.map(|d| self.decks[d].clone());
        if let Some(old) = old.as_ref().filter(|old| old.plan.song == song) {
            self.decks[p.deck].take_ramps(old);
            if !self.plays() {
                self.decks[p.deck].settle();
            }
        }
        self.tell(EventKind::Cut {
            to: deck_ticket(p.deck),
            asked: match p.at {
                When::Now | When::Outside { .. } => None,
                When::Frame { frame, .. } => Some(frame),
            },
            actual: old.as_ref().map_or(0, |old| old.frame),
        });
        if p.frames > 0
            && self.outside.is_none()
            && self.plays()
            && self.sounds()
            && self.data == Data::There
        {
            self.fade = Some(Crossfade {
                to: p.deck,
                curve: p.curve,
                frames: p.frames,
                at: 0,
            });
            return;
        }
        self.origin = match p.at {
            When::Outside { frame } => Some(frame),
            _ => None,
        };
        self.playing = Some(p.deck);
        if self.data != Data::There {
            self.go_on();
            if self.outside.is_some() || old.is_some_and(|old| old.left() == 0) {
                // What begins after an end begins unfaded, and what an outside transport asks for.
                self.guard = Glide::resting(1.0);
            }
        }
        if self.state == State::Ended {
            self.state = State::Stopped;
        }
    }

    /// Frames to a cut at a fixed frame whose deck isn't primed, where the old deck must hold: not
    /// when it ends before.
    fn frames_to_missing_deck(&self) -> Option<u64> {
        let (Some(p), Some(deck), None) = (self.pending, self.playing, &self.fade) else {
            return None;
        };
        let When::Frame { frame, .. } = p.at else {
            return None;
        };
        let deck = &self.decks[deck];
        let distance = frame.saturating_sub(deck.frame);
        let ends_before = distance > 0 && deck.left() <= distance;
        (!self.decks[p.deck].is_primed() && !ends_before).then_some(distance)
    }

    /// Nothing follows the deck in play though something is to.
    fn waits_for_follower(&self) -> bool {
        self.pending.is_none()
            && self.fade.is_none()
            && self.outside.is_none()
            && self.playing.is_some_and(|d| self.decks[d].awaits())
    }

    fn least(&self, f: impl Fn(&Deck<'p>) -> u64) -> u64 {
        let decks = self.in_play().map(|d| f(&self.decks[d]));
        decks.min().unwrap_or(u64::MAX)
    }

    fn starve(&mut self, reserve: u64) {
        self.starved[0] += 1;
        let deck = self.playing.unwrap_or_default();
        let frame = self.decks[deck].frame;
        let deck = deck_ticket(deck);
        self.tell(EventKind::Starved { deck, frame });
        self.held = 0;
        self.data = Data::RunsOut;
        self.guard.go(0.0, reserve as u32);
        if reserve == 0 {
            self.data = Data::Missing;
        }
    }

    fn go_on(&mut self) {
        self.data = Data::There;
        self.guard.go(1.0, RESERVE);
        let held_frames = std::mem::take(&mut self.held);
        self.tell(EventKind::Recovered { held_frames });
    }

    fn may_go_on(&self) -> bool {
        // Not for a few frames up to the next hold.
        let soon = |distance| distance <= u64::from(RESERVE);
        !self.frames_to_missing_deck().is_some_and(soon)
            && !self.waits_for_follower()
            && self.in_play().all(|d| self.decks[d].may_resume())
    }

    /// Looks at everything that is due before the next frame; whether the decks give one.
    fn look(&mut self) -> bool {
        loop {
            if !self.plays() {
                self.cut_at_rest();
                return false;
            }
            if self.end_if_due() {
                continue;
            }
            match self.look_outside() {
                Some(true) => {}
                Some(false) => return false,
                None => continue,
            }
            if self.cut_if_due() {
                continue;
            }
            let Some(playing) = self.playing else {
                return false;
            };
            let deck = &self.decks[playing];
            if deck.frame == 0 && !deck.is_primed() {
                // Nothing starts before everything can.
                return false;
            }
            if self.data == Data::Missing {
                if !self.may_go_on() {
                    self.held += 1;
                    self.starved[1] += 1;
                    return false;
                }
                self.go_on();
            }
            if self.waits_for_follower() {
                self.starve(0);
                continue;
            }
            let reserve = u64::from(RESERVE);
            if let Some(distance) = self.frames_to_missing_deck()
                && distance <= reserve
            {
                if self.data == Data::There {
                    self.starve(distance.min(self.least(Deck::available)));
                    continue;
                }
                // On the way to a hold already, but it must be reached in time.
                if distance < u64::from(self.guard.left()) {
                    self.guard.go(0.0, distance as u32);
                }
            }
            if self.data == Data::There && self.least(Deck::usable) == 0 {
                self.starve(self.least(Deck::available).min(reserve));
                continue;
            }
            if self.data == Data::RunsOut && !self.guard.moves() {
                self.data = Data::Missing;
                continue;
            }
            return true;
        }
    }

    /// What an outside transport allows: a frame, silence, or another look.
    fn look_outside(&mut self) -> Option<bool> {
        let Some(outside) = self.outside else {
            return Some(true);
        };
        if let Some(fade) = self.fade.take() {
            self.playing = Some(fade.to);
        }
        if self.cut_with_outside() {
            return None;
        }
        if !outside.rolling {
            return Some(false);
        }
        if self.in_step() && self.data != Data::Missing {
            self.joined = true;
            return Some(true);
        }
        if self.data != Data::Missing {
            if !self.joined {
                // Whoever comes in while it rolls has done nothing wrong.
                return Some(false);
            }
            self.starve(0);
        }
        self.held += 1;
        self.starved[1] += 1;
        Some(false)
    }

    /// The end of a fade-out or of the song; whether there was one.
    fn end_if_due(&mut self) -> bool {
        if let Some(to) = self.leaving
            && (!self.envelope.moves() || self.data == Data::Missing || self.kept_silent())
        {
            self.rest(to);
            return true;
        }
        let deck = self.playing.filter(|d| {
            let deck = &self.decks[*d];
            let alone = self.pending.is_none() && self.fade.is_none() && self.outside.is_none();
            deck.left() == 0 && !deck.awaits() && alone
        });
        if let Some(deck) = deck {
            self.stop_flag = Some(deck_ticket(deck));
            self.rest(State::Ended);
        }
        deck.is_some()
    }

    pub(super) fn one_frame(&mut self) {
        let gives = self.look();
        let planes = if gives {
            self.give()
        } else {
            vec![Heard::default(); self.program.planes]
        };
        self.heard.push(planes);
        // Ramps go with the output, position and fades with what is given.
        self.master.pass();
        for deck in self.in_play() {
            self.decks[deck].pass();
        }
        self.frame += 1;
        if let Some(outside) = &mut self.outside {
            outside.frame += u64::from(outside.rolling);
        }
        if gives {
            self.guard.pass();
            self.envelope.pass();
            for deck in self.in_play() {
                self.decks[deck].frame += 1;
            }
            if let Some(fade) = &mut self.fade {
                fade.at += 1;
                if fade.at == fade.frames {
                    self.playing = Some(fade.to);
                    self.fade = None;
                }
            }
            if self.data == Data::RunsOut && !self.guard.moves() {
                self.data = Data::Missing;
            }
        }
        // What this frame brought to an end has ended with it.
        if self.plays() {
            self.end_if_due();
            self.cut_at_rest();
        }
    }

    fn give(&self) -> Vec<Heard> {
        let value = self.guard.value() * self.envelope.value();
        let moves = self.guard.moves() || self.envelope.moves();
        let sides = match &self.fade {
            Some(fade) => crossfade(fade.curve, fade.at, fade.frames),
            None => [1.0; 2],
        };
        let envelopes = sides.map(|side| Envelope {
            value: f64::from(value) * f64::from(side),
            moves: moves || self.fade.is_some(),
        });
        let decks = self.in_play().map(|d| &self.decks[d]);
        let decks: Vec<_> = decks.zip(envelopes).collect();
        mix(self.program, &decks, self.master)
    }
}
