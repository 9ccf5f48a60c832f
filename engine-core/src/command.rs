//! Commands: events that the controller sends to the callback through a fixed ring.

use crate::cut::Cut;
use crate::fade::Curve;
use crate::ticket::Ticket;

/// One thing to do at the first frame of the next call. `D` is the deck as the platform holds it.
/// Fades are in frames; 0 is at once.
pub enum Command<D> {
    /// Cut to another deck, now or at a frame. Replaces a cut that is pending.
    Cut(Cut<D>),
    /// Drop the pending cut, if it is this deck's; the deck comes back.
    Cancel(Ticket),
    /// Make the pending cut now instead, with this fade, if it is to this deck and at a frame of another: see
    /// [`At`](crate::cut::At).
    Hasten {
        /// The deck that is to be cut to.
        deck: Ticket,
        /// Frames during which both decks sound.
        fade: u32,
        /// Shape of the fade.
        curve: Curve,
    },
    /// Play, from stopped or paused. A first start is not faded (0).
    Play {
        /// Fade-in, frames.
        fade: u32,
    },
    /// Fade out and hold the position.
    Pause {
        /// Fade-out, frames.
        fade: u32,
    },
    /// Fade out and stop.
    Stop {
        /// Fade-out, frames.
        fade: u32,
    },
    /// Stop at once and give every deck back.
    Eject,
    /// Take the gain of a track, or of several that belong together, to a level over a time. Set the controls to the same gain
    /// first, without a commit.
    FadeTrack {
        /// The song it is meant for.
        song: Ticket,
        /// Index of the first track.
        track: u16,
        /// Number of tracks, all from the same frame on.
        count: u16,
        /// Linear.
        gain: f32,
        /// Length, frames.
        frames: u32,
    },
    /// Take a bus's level to a level over a time, likewise.
    FadeBus {
        /// The song it is meant for.
        song: Ticket,
        /// Bus index.
        bus: u8,
        /// Linear.
        level: f32,
        /// Length, frames.
        frames: u32,
    },
    /// Take the master to a level over a time. Set the board's master to the same level
    /// afterwards, never before: it would be taken for a change of its own.
    FadeMaster {
        /// Linear.
        level: f32,
        /// Length, frames.
        frames: u32,
    },
    /// Solo this track and no other, in one step. Set the controls likewise first, without a
    /// commit.
    ExclusiveSolo {
        /// The song it is meant for.
        song: Ticket,
        /// Track index.
        track: u16,
    },
}
