//! Following an outside transport: silence, a cut on the very frame, or the deck that is in step.
//! The rule is in [`crate::outside`].

use super::timeline::Next;
use super::{Engine, Guard};
use crate::cut::At;
use crate::outside::Outside;
use crate::platform::Platform;

/// What becomes of a cut at a frame of the outside transport.
enum Due {
    /// Not yet; so many frames are left while the transport rolls, none are known while it stands.
    In(Option<u64>),
    Now,
    /// The transport has gone past it.
    Missed,
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
    /// An outside transport is followed.
    #[inline]
    pub(super) fn follows(&self) -> bool {
        self.following.outside.is_some()
    }

    /// The frame of the outside transport at which the deck in play goes on.
    fn deck_goes_on_at(&self) -> Option<u64> {
        let deck = self.deck.as_deref()?;
        self.following.origin?.checked_add(deck.frame())
    }

    /// The deck in play gives the frames of the outside transport.
    pub(super) fn is_in_step(&self, outside: Outside) -> bool {
        self.deck_goes_on_at() == Some(outside.frame)
    }

    /// The outside transport lets nothing be heard just now.
    pub(super) fn is_kept_silent(&self) -> bool {
        (self.following.outside).is_some_and(|o| !o.rolling || !self.is_in_step(o))
    }

    /// Frames have gone by.
    #[inline]
    pub(super) fn move_outside(&mut self, frames: u64) {
        if let Some(outside) = &mut self.following.outside
            && outside.rolling
        {
            outside.frame = outside.frame.saturating_add(frames);
        }
    }

    /// When the pending cut is due, if it is one at a frame of the outside transport.
    fn outside_cut(&self, outside: Outside) -> Option<Due> {
        let cut = self.pending.as_ref()?;
        let At::Outside { frame } = cut.at else {
            return None;
        };
        Some(if frame == outside.frame && cut.deck.is_primed() {
            Due::Now
        } else if !outside.rolling {
            Due::In(None)
        } else if frame > outside.frame {
            Due::In(Some(frame - outside.frame))
        } else {
            Due::Missed
        })
    }

    /// Carries the pending cut out where it is due, or drops it where it was missed.
    pub(super) fn cut_with_outside(&mut self) -> bool {
        let Some(due) = self.following.outside.and_then(|o| self.outside_cut(o)) else {
            return false;
        };
        match due {
            Due::In(_) => return false,
            Due::Now => self.cut_now(),
            Due::Missed => self.drop_pending(),
        }
        true
    }

    /// `max`, or the frames to the pending cut if those are fewer.
    pub(super) fn until_outside_cut(&self, max: usize) -> usize {
        match self.following.outside.and_then(|o| self.outside_cut(o)) {
            Some(Due::In(Some(frames))) => at_most(max, frames),
            _ => max,
        }
    }

    /// `max`, or the frames to where the deck in play goes on if the transport comes to it before.
    fn until_in_step(&self, outside: Outside, max: usize) -> usize {
        match self.deck_goes_on_at() {
            Some(frame) if frame > outside.frame => at_most(max, frame - outside.frame),
            _ => max,
        }
    }

    /// How much of the next `max` frames the deck may give, as far as the outside transport goes.
    pub(super) fn look_outside(&mut self, max: usize) -> Next {
        let Some(outside) = self.following.outside else {
            return Next::Give(max);
        };
        // Begun before there was a transport.
        self.end_fade();
        if self.cut_with_outside() {
            return Next::Again;
        }
        if !outside.rolling {
            return Next::Wait(max);
        }
        let n = self.until_outside_cut(max);
        if self.is_in_step(outside) && self.guard_state != Guard::Held {
            self.following.joined = true;
            return Next::Give(n);
        }
        if self.guard_state != Guard::Held {
            if !self.following.joined {
                // Coming in while the transport rolls is no fault.
                return Next::Wait(self.until_in_step(outside, n));
            }
            self.starve(0);
        }
        self.count_hold(n);
        Next::Wait(n)
    }

    /// Whether the outside transport's frame can be played at once.
    pub(super) fn could_play_at_once(&self) -> bool {
        let Some(outside) = self.following.outside else {
            return true;
        };
        if !self.is_rolling() {
            // Nothing will be played: nobody is to wait for that.
            return true;
        }
        if matches!(self.outside_cut(outside), Some(Due::Now)) {
            return true;
        }
        self.is_in_step(outside)
            && self.guard_state == Guard::Open
            && self.deck.as_deref().is_some_and(|d| d.is_primed())
    }

    /// Pulled drive: whether the next `frames` frames can be given without starving. A deck that is
    /// out of step is silent, and no waiting helps.
    pub(super) fn is_covered_outside(&self, outside: Outside, frames: u64) -> bool {
        if !outside.rolling {
            return true;
        }
        let own = if self.is_in_step(outside) && self.guard_state != Guard::Held {
            self.both(|d| d.usable())
        } else {
            u64::MAX
        };
        let next = |from: u64| {
            let usable = self.pending.as_ref().map_or(0, |c| c.deck.usable());
            usable >= frames.saturating_sub(from)
        };
        match self.outside_cut(outside) {
            Some(Due::Now) => next(0),
            Some(Due::In(Some(from))) if from < frames => own >= from && next(from),
            _ => own >= frames,
        }
    }
}

fn at_most(max: usize, frames: u64) -> usize {
    usize::try_from(frames).unwrap_or(max).min(max)
}
