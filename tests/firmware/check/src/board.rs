//! The boards that QEMU has, and what they play.

use engine_core::block::{MonoBlock, StereoBlock};
use program::Piece;
use program::pieces::{LARGE, SMALL};

use crate::twin;

/// One board.
pub struct Board {
    /// What its figures are called.
    pub name: &'static str,
    /// QEMU's name of it.
    pub machine: &'static str,
    /// What Rust compiles for.
    pub target: &'static str,
    /// 2 to the power of this is the time of one instruction, ns.
    pub icount_shift: u32,
    /// What it plays.
    pub piece: &'static Piece,
    /// What the host's twin notes of it.
    pub notes: fn() -> Vec<String>,
    /// Whether it can play the loads: in software they would take as long as they are meaningless.
    pub loads: bool,
}

/// All of them.
pub static BOARDS: [Board; 2] = [
    Board {
        name: "cortex-m4f",
        machine: "mps2-an386",
        target: "thumbv7em-none-eabihf",
        // 125 million instructions a second.
        icount_shift: 3,
        piece: &LARGE,
        notes: || twin::notes::<StereoBlock<64>, 4, 2, 3, 64>(&LARGE),
        loads: true,
    },
    Board {
        name: "cortex-m0",
        machine: "microbit",
        target: "thumbv6m-none-eabi",
        // As many, as an RP2040 does; the 16 million of this board would not do.
        icount_shift: 3,
        piece: &SMALL,
        notes: || twin::notes::<MonoBlock<64>, 2, 1, 1, 16>(&SMALL),
        loads: false,
    },
];
