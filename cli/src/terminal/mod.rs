//! The terminal while something plays: its keys, its width, and leaving it as it was found.
//!
//! A job in the background is left in peace: the terminal is read and changed only while this
//! process's group is in its foreground, and is taken up again when it comes back there.

mod decode;
mod keys;
mod mode;

pub use decode::Key;
pub use keys::Keys;
pub use mode::{foreground, restore, width};

#[cfg(test)]
mod tests;
