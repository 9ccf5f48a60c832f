//! What the test firmware does, without the hardware: stems of 16-bit material in flash, fed
//! through the engine's own block rings; an engine that a "DMA interrupt" calls; and a controller
//! that plays a score on it until the stop flag is raised.
//!
//! The firmware and the host run this same code. What the [`Controller`] notes and what the
//! [`Stage`] hashes must be the same on both, bit for bit.
#![no_std]

mod block;
mod controller;
pub mod load;
mod material;
mod memory;
pub mod pieces;
mod platform;
mod score;
mod stage;
mod supply;

pub use block::Stock;
pub use controller::{Controller, Note};
pub use material::Stem;
pub use memory::{Ends, Memory};
pub use platform::{RING, Statics};
pub use score::{Act, Piece};
pub use stage::{Hashes, Stage};
