//! What the feeder has to tell about the files it reads.

use engine_core::ticket::Ticket;

/// Something the controller should know of; what to do about it is the controller's policy.
#[derive(Clone, Debug, PartialEq)]
pub enum FeederEvent {
    /// A stem can't be read further: it is silent from `frame` on, in every loop pass and in
    /// every later plan. Told once in the life of a [`Source`](super::Source).
    Damaged {
        /// The deck it was read for.
        ticket: Ticket,
        /// Its place in the [`Supply`](super::Supply), from 0.
        source: usize,
        /// The source's name.
        name: String,
        /// First silent song frame, output rate.
        frame: u64,
        /// One sentence for the user, naming the file.
        what: String,
    },
    /// A stem holds samples that are no numbers (NaN) or infinite; they are played as silence.
    /// Told once in the life of a [`Source`](super::Source).
    NonFinite {
        /// The deck it was read for.
        ticket: Ticket,
        /// Its place in the [`Supply`](super::Supply), from 0.
        source: usize,
        /// The source's name.
        name: String,
        /// First song frame (output rate) of the block in which they were first met.
        frame: u64,
        /// How many there are in that block, all channels together.
        count: u32,
    },
}
