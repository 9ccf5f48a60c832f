//! An outside transport (JACK's) that says which frame is due: what a driver tells of it before a call.
//!
//! An engine that has been told of one follows it from then on. It plays only while that transport
//! rolls, and only a deck that is *in step*: one that was cut to [`At::Outside`](crate::cut::At::Outside)
//! frame `a` gives its own frame `f` exactly when the transport is at `a + f`. Out of step it is silent
//! until a deck comes that isn't. So what is heard is the transport's frame or nothing, and never
//! another frame. Nothing ends and nothing fades there: a deck past its end is silence, in step, and
//! every cut is hard.

/// Where the outside transport is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Outside {
    /// It rolls: the frame is that of the first frame of the next call, and moves on with it.
    pub rolling: bool,
    /// Its frame.
    pub frame: u64,
}

/// What the board shows of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Followed {
    /// Where the outside transport is after the last call.
    pub at: Outside,
    /// The deck in play gives exactly its frames, or will as soon as it rolls.
    pub in_step: bool,
}

/// What an outside transport may be asked to do. Everyone who follows it hears the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Move {
    /// Roll, as soon as all who follow are ready.
    Start,
    /// Stand.
    Stop,
    /// Go to this frame, rolling or not.
    Locate(u64),
}
