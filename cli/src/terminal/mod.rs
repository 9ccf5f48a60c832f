//! The terminal while something plays: its keys, its width, a screen of our own on it, and leaving it
//! as it was found.
//!
//! A job in the background is left in peace: the terminal is read and changed only while this
//! process's group is in its foreground, and is taken up again when it comes back there.

mod capture;
mod decode;
mod event;
mod keys;
mod mode;
mod screen;

pub use capture::Capture;
pub use decode::Key;
pub(crate) use decode::track;
pub use event::{Event, Mouse, MouseDoes};
pub use keys::Keys;
pub use mode::{foreground, restore, width};
pub use screen::{Screen, Turn};

#[cfg(test)]
mod tests;
