//! Notes: what a player tells whoever listens.

use crate::report::{Device, Failure, Position, Started, Summary, Warning};

/// Something happened. The bodies are those of the status stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// The first sound is out.
    Started(Started),
    /// Where playing is: ten times a second, and when something changes.
    Position(Position),
    /// The device's state changed.
    Device(Device),
    /// Something is not as it should be, and playing goes on.
    Warning(Warning),
    /// Something can't go on.
    Error(Failure),
    /// The run is over; the last note.
    Summary(Summary),
}
