//! The timeline of one call: what happens at which frame, and how far the mixer may run until
//! something changes.

use super::{Engine, Guard, Incoming};
use crate::cut::At;
use crate::deck::RESERVE;
use crate::event::EventKind;
use crate::fade::{Fade, Side};
use crate::platform::Platform;
use crate::status::State;

/// Changes without a frame between them; more than this in one place can't be.
const CHANGES: usize = 16;

/// What the next frames are.
pub(super) enum Next {
    /// Something changed: look again.
    Again,
    /// This many frames of the decks.
    Give(usize),
    /// This many frames of silence, the position standing still.
    Wait(usize),
}

impl<
    P: Platform<N, T, U, C>,
    const N: usize,
    const T: usize,
    const U: usize,
    const C: usize,
    const F: usize,
> Engine<P, N, T, U, C, F>
{
    /// Gives at least one and at most `max` frames to the planes from `at` on.
    pub(super) fn step(&mut self, planes: &mut [&mut [f32]], at: usize, max: usize) -> usize {
        let max = max.min(F);
        let mut next = Next::Again;
        for _ in 0..CHANGES {
            next = self.look(max);
            if !matches!(next, Next::Again) {
                break;
            }
        }
        let n = match next {
            Next::Give(n) => {
                self.give(planes, at, n);
                n
            }
            Next::Wait(n) => {
                self.idle(n);
                n
            }
            Next::Again => {
                self.idle(max);
                max
            }
        };
        self.engine_frame = self.engine_frame.wrapping_add(n as u64);
        self.move_outside(n as u64);
        if self.is_rolling() {
            self.after();
        }
        n
    }

    /// What follows from the frames just given, in the same call: the end of a fade, of a
    /// fade-out, of the song.
    fn after(&mut self) {
        self.finish_fade();
        if self.guard_state == Guard::Closing && self.guard.is_settled() {
            self.hold();
        }
        if !self.finish_leaving() {
            self.finish_song();
        }
        // Where a fade-out or the song ended within a call, what waits for that happens there,
        // not with the next call.
        self.cut_at_rest();
    }

    fn look(&mut self, max: usize) -> Next {
        if !self.is_rolling() {
            self.cut_at_rest();
            return Next::Wait(self.until_outside_cut(max));
        }
        self.finish_fade();
        if self.finish_leaving() {
            return Next::Again;
        }
        let max = match self.look_outside(max) {
            Next::Give(n) => n,
            other => return other,
        };
        if self.try_cut() {
            return Next::Again;
        }
        if self.finish_song() {
            return Next::Again;
        }
        let Some(deck) = self.deck.as_deref() else {
            self.state = State::Stopped;
            return Next::Again;
        };
        let deck_left = deck.left();
        if !deck.has_begun() && !deck.is_primed() {
            // The group gate: nothing starts before everything can. Not a starvation.
            return Next::Wait(max);
        }
        if self.guard_state == Guard::Held {
            if !self.may_leave_hold() {
                self.count_hold(max);
                return Next::Wait(max);
            }
            self.leave_hold();
        }
        if self.awaits_follower() {
            self.starve(0);
            return Next::Again;
        }
        let mut n = max as u64;
        if self.leaving.is_some() {
            n = n.min(u64::from(self.envelope.remaining()));
        }
        if let Some(incoming) = &self.incoming {
            n = n.min(u64::from(incoming.fade_in.remaining()));
        }
        if let Some((distance, primed)) = self.pending_distance() {
            if primed || (distance > 0 && deck_left <= distance) {
                // (A natural end is never faded, whatever comes or doesn't come after it.)
                n = n.min(distance);
            } else if self.guard_state == Guard::Open {
                if distance > u64::from(RESERVE) {
                    n = n.min(distance - u64::from(RESERVE));
                } else {
                    // Not beyond the data: that may be missing, too.
                    self.starve(distance.min(self.both(|d| d.available())));
                    return Next::Again;
                }
            } else if distance < u64::from(self.guard.remaining()) {
                // On the way to a hold already, but it must be reached in time.
                self.guard.glide(0.0, u32::try_from(distance).unwrap_or(0));
            }
        }
        if self.guard_state == Guard::Closing {
            if self.guard.is_settled() {
                self.hold();
                return Next::Again;
            }
            n = n.min(u64::from(self.guard.remaining()));
        } else {
            let usable = self.both(|d| d.usable());
            if usable == 0 {
                self.starve(self.both(|d| d.available()).min(u64::from(RESERVE)));
                return Next::Again;
            }
            n = n.min(usable);
        }
        if deck_left > 0 {
            n = n.min(deck_left);
        }
        Next::Give(usize::try_from(n).unwrap_or(max).max(1))
    }

    /// The deck in play is at its end, where another is to follow, and none is in sight.
    fn awaits_follower(&self) -> bool {
        self.pending.is_none()
            && self.incoming.is_none()
            && !self.follows()
            && self.deck.as_deref().is_some_and(|d| d.awaits())
    }

    /// The lesser of a figure of the decks in play.
    pub(super) fn both(&self, f: impl Fn(&crate::deck::Deck<P, N, T, U, C>) -> u64) -> u64 {
        let incoming = self.incoming.as_ref().map_or(u64::MAX, |i| f(&i.deck));
        self.deck.as_deref().map_or(u64::MAX, &f).min(incoming)
    }

    /// Frames to a pending cut at a fixed frame, and whether its deck is primed. A fade that runs
    /// goes first.
    fn pending_distance(&self) -> Option<(u64, bool)> {
        if self.incoming.is_some() {
            return None;
        }
        let cut = self.pending.as_ref()?;
        let At::Frame { frame, .. } = cut.at else {
            return None;
        };
        let deck = self.deck.as_deref()?;
        Some((frame.saturating_sub(deck.frame()), cut.deck.is_primed()))
    }

    fn try_cut(&mut self) -> bool {
        if self.incoming.is_some() {
            return false;
        }
        let (Some(cut), Some(deck)) = (&self.pending, self.deck.as_deref()) else {
            return false;
        };
        match cut.at {
            At::Frame { of, .. } if of != deck.spec().ticket => {
                self.drop_pending();
                true
            }
            At::Frame { frame, .. } if frame > deck.frame() => false,
            At::Outside { .. } => false,
            _ if !cut.deck.is_primed() => false,
            _ => {
                self.cut_now();
                true
            }
        }
    }

    /// Carries the pending cut out at this very frame.
    pub(super) fn cut_now(&mut self) {
        let Some(cut) = self.pending.take() else {
            return;
        };
        let mut new = cut.deck;
        new.apply_controls(0);
        let mut actual = 0;
        if let Some(old) = self.deck.as_deref() {
            actual = old.frame();
            if old.spec().song == new.spec().song {
                new.take_ramps(old);
                if !self.is_rolling() {
                    new.settle();
                }
            }
        }
        self.tell(EventKind::Cut {
            to: new.spec().ticket,
            asked: match cut.at {
                At::Now | At::Outside { .. } => None,
                At::Frame { frame, .. } => Some(frame),
            },
            actual,
        });
        // (A deck that waits for its first data is silent: what is cut to instead begins unfaded.)
        let sounding = self.is_rolling()
            && self.guard_state == Guard::Open
            && self.deck.as_deref().is_some_and(|d| d.has_begun());
        if cut.fade > 0 && sounding && !self.follows() {
            self.incoming = Some(Incoming {
                deck: new,
                fade_in: Fade::new(cut.curve, Side::In, cut.fade),
                fade_out: Fade::new(cut.curve, Side::Out, cut.fade),
            });
            return;
        }
        self.following.origin = match cut.at {
            At::Outside { frame } => Some(frame),
            _ => None,
        };
        let mut at_end = self.follows();
        if let Some(old) = self.deck.replace(new) {
            at_end |= old.left() == 0;
            self.give_back(old);
        }
        if self.guard_state != Guard::Open {
            self.leave_hold();
            if at_end {
                // What begins after an end begins unfaded, as does what an outside transport asks for.
                self.guard.set(1.0);
            }
        }
        if self.state == State::Ended {
            self.state = State::Stopped;
        }
    }

    fn finish_fade(&mut self) {
        if self.incoming.as_ref().is_some_and(|i| i.fade_in.is_over()) {
            self.end_fade();
        }
    }

    /// The deck that is faded to is the one that counts.
    pub(super) fn end_fade(&mut self) {
        if let Some(incoming) = self.incoming.take()
            && let Some(old) = self.deck.replace(incoming.deck)
        {
            self.give_back(old);
        }
    }

    fn finish_leaving(&mut self) -> bool {
        match self.leaving {
            // Silence that a hold has brought will do as well: the data may never come.
            Some(to)
                if self.envelope.is_settled()
                    || self.guard_state == Guard::Held
                    || self.is_kept_silent() =>
            {
                self.arrive(to);
                true
            }
            _ => false,
        }
    }

    /// The natural end: only when nothing is to follow in this engine.
    fn finish_song(&mut self) -> bool {
        let over = self
            .deck
            .as_deref()
            .is_some_and(|d| d.left() == 0 && !d.awaits())
            && self.pending.is_none()
            && self.incoming.is_none()
            && !self.follows();
        if over {
            if let Some(deck) = self.deck.as_deref() {
                self.board.raise_stop_flag(deck.spec().ticket);
            }
            self.arrive(State::Ended);
        }
        over
    }

    /// Data (or the next deck) is missing: fades out over the `reserve` that is left, then holds.
    pub(super) fn starve(&mut self, reserve: u64) {
        self.counters.starvations = self.counters.starvations.wrapping_add(1);
        if let Some(deck) = self.deck.as_deref() {
            let (deck, frame) = (deck.spec().ticket, deck.frame());
            self.tell(EventKind::Starved { deck, frame });
        }
        self.held = 0;
        if reserve == 0 {
            self.hold();
        } else {
            self.guard_state = Guard::Closing;
            self.guard
                .glide(0.0, u32::try_from(reserve).unwrap_or(RESERVE));
        }
    }

    fn hold(&mut self) {
        self.guard_state = Guard::Held;
        self.guard.set(0.0);
    }

    /// So many frames of a hold.
    pub(super) fn count_hold(&mut self, frames: usize) {
        let frames = u32::try_from(frames).unwrap_or(u32::MAX);
        self.held = self.held.saturating_add(frames);
        let c = &mut self.counters;
        c.starved_frames = c.starved_frames.wrapping_add(frames);
    }

    fn may_leave_hold(&self) -> bool {
        if let Some((distance, false)) = self.pending_distance() {
            let left = self.deck.as_deref().map_or(0, |d| d.left());
            // Not for a few frames up to the next hold, unless it is the end that comes first.
            if distance <= u64::from(RESERVE) && (distance == 0 || left > distance) {
                return false;
            }
        }
        if self.awaits_follower() {
            return false;
        }
        // The rest of a fade-out that is still on its way to the hold.
        let first = u64::from(self.guard.remaining());
        self.deck.as_deref().is_none_or(|d| d.may_resume(first))
            && self
                .incoming
                .as_ref()
                .is_none_or(|i| i.deck.may_resume(first))
    }

    fn leave_hold(&mut self) {
        self.guard_state = Guard::Open;
        self.guard.glide(1.0, RESERVE);
        let held_frames = self.held;
        self.held = 0;
        self.tell(EventKind::Recovered { held_frames });
    }

    /// Output goes on while the position stands still.
    fn idle(&mut self, frames: usize) {
        self.master.advance(frames);
        let incoming = self.incoming.as_mut().map(|i| &mut *i.deck);
        for deck in self.deck.as_deref_mut().into_iter().chain(incoming) {
            deck.idle(frames);
        }
    }

    /// Pulled drive: whether the next `frames` frames can be given without starving.
    pub(super) fn is_covered(&self, frames: u64) -> bool {
        if !self.is_rolling() {
            return true;
        }
        if let Some(outside) = self.following.outside {
            return self.is_covered_outside(outside, frames);
        }
        let Some(deck) = self.deck.as_deref() else {
            return true;
        };
        if !deck.has_begun() && !deck.is_primed() {
            return false;
        }
        if self.guard_state != Guard::Open && !self.may_leave_hold() {
            return false;
        }
        if self.both(|d| d.usable()) < frames {
            return false;
        }
        // What comes after the decks in play: once a running fade is over, the later one counts.
        let (last, soonest) = match &self.incoming {
            Some(i) => (&*i.deck, u64::from(i.fade_in.remaining())),
            None => (deck, 0),
        };
        let ends = last.spec().followed && last.left() < frames;
        let Some(cut) = &self.pending else {
            return !ends;
        };
        let distance = match cut.at {
            At::Now => soonest,
            At::Outside { .. } => return !ends,
            At::Frame { of, .. } if of != last.spec().ticket => return !ends,
            At::Frame { frame, .. } => frame.saturating_sub(last.frame()).max(soonest),
        };
        if cut.deck.is_primed() {
            distance > frames || cut.deck.usable() >= frames
        } else if last.left() <= distance {
            distance >= frames
        } else {
            // The fade-out before the hold begins earlier.
            distance >= frames.saturating_add(u64::from(RESERVE))
        }
    }
}
