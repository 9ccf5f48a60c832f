//! Events: what the callback tells the controller, plain data in a fixed ring.

use crate::ticket::Ticket;

/// What happened, and at which engine frame.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Event {
    /// Frames the engine had given when it happened.
    pub engine_frame: u64,
    /// What happened.
    pub kind: EventKind,
}

/// The kinds of [`Event`]. Frames without another word are deck frames.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum EventKind {
    /// Playing, from this frame.
    Started {
        /// The deck.
        deck: Ticket,
        /// Its next frame.
        frame: u64,
    },
    /// Faded out and holding this frame.
    Paused {
        /// The deck.
        deck: Ticket,
        /// Its next frame.
        frame: u64,
    },
    /// Faded out and stopped.
    Stopped {
        /// The deck.
        deck: Ticket,
        /// Its next frame.
        frame: u64,
    },
    /// The natural end: the last frame has been given.
    Ended {
        /// The deck.
        deck: Ticket,
        /// Its length.
        frame: u64,
    },
    /// A cut took place.
    Cut {
        /// The new deck.
        to: Ticket,
        /// The frame of the old deck that was asked for; `None` for Now and for a frame of the outside
        /// transport.
        asked: Option<u64>,
        /// The frame of the old deck at which it was.
        actual: u64,
    },
    /// A deck came back without having been played: replaced, cancelled or meant for a deck that
    /// is gone.
    CutDropped {
        /// The deck that was to be cut to.
        deck: Ticket,
    },
    /// Data ran out: the deck fades out over its reserve and holds.
    Starved {
        /// The deck.
        deck: Ticket,
        /// Its next frame.
        frame: u64,
    },
    /// Data is back: the deck fades in from where it held.
    Recovered {
        /// Output frames since the hold began.
        held_frames: u32,
    },
    /// Changed controls were taken over, from this frame.
    Applied {
        /// The deck.
        deck: Ticket,
        /// Its next frame.
        frame: u64,
        /// The revision of its song's controls.
        revision: u32,
    },
    /// A timed fade was begun, from this frame: one for each command.
    FadeBegun {
        /// The deck in play; [`Ticket::NONE`] when there is none.
        deck: Ticket,
        /// Its next frame.
        frame: u64,
    },
}
