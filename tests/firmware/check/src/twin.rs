//! The host's twin of the firmware: the same program, the calls made between two turns of the main loop.

use program::{Controller, Hashes, Memory, Note, Piece, Stage, Stock};

/// What the controller of a piece notes.
pub fn notes<B: Stock, const T: usize, const U: usize, const C: usize, const F: usize>(
    piece: &'static Piece,
) -> Vec<String> {
    let memory: &'static mut Memory<B, T, U, C, F> = Box::leak(Box::default());
    let hashes: &'static Hashes = Box::leak(Box::new(Hashes::new()));
    let ends = memory.make(piece);
    let mut stage = Stage::<B, T, U, C, F, 64>::new(ends.engine, piece, hashes);
    let (handle, controls, kits) = (ends.handle, ends.controls, ends.kits);
    let mut controller = Controller::new(piece, handle, controls, kits, hashes);
    let mut notes = Vec::new();
    while !controller.is_over() {
        while controller.turn(|note: Note| notes.push(format!("{note:?}")), || {}) {}
        stage.process();
        stage.convert();
        stage.note();
    }
    notes
}
