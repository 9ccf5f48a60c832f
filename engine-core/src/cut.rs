//! The cut: the change from one deck to another at an exact frame.

use crate::fade::Curve;
use crate::ticket::Ticket;

/// When a cut is to take place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum At {
    /// On the first frame of the next call for which the new deck is primed.
    Now,
    /// When the old deck has given this many frames. If the new deck isn't primed by then, the old
    /// one holds. If that frame is past already: on the first frame of the next call.
    Frame {
        /// The old deck. When another one plays by then, the new deck comes back unplayed.
        of: Ticket,
        /// Frames the old deck has given.
        frame: u64,
    },
    /// When the outside transport is at this frame: on exactly that frame while it rolls, at once
    /// where it stands there. Always hard. When the transport rolls past it, or comes to it before the new deck
    /// is primed, the new deck comes back unplayed.
    Outside {
        /// The transport's frame; that is where the new deck's first frame belongs.
        frame: u64,
    },
}

/// A change to `deck`.
pub struct Cut<D> {
    /// The deck to play from then on.
    pub deck: D,
    /// When.
    pub at: At,
    /// Frames during which both decks sound; 0 is a hard cut, as is every one while an outside transport
    /// is followed.
    pub fade: u32,
    /// Linear within a song, equal power between songs.
    pub curve: Curve,
}
