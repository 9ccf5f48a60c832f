//! JACK's transport: where it is in a cycle, and the question whether we could play there.
//!
//! The client is a *slow-sync* one: whoever starts or locates the transport makes the server ask it in every
//! cycle whether it is ready, for 2 s at most (the server's time-out is left as it is). Both the question and the
//! cycle come on the audio thread, one after the other.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use engine_core::backend::Process;
use engine_core::outside::Outside;

use crate::process::FREEWHEEL_WAIT;
use crate::process::PAUSE;
use crate::shared::{Mode, Shared};

/// Answers the server's question whether `process` could play at once where the transport is.
pub(crate) fn ready(process: &mut impl Process, shared: &Arc<Shared>, at: Outside) -> bool {
    if shared.mode() == Mode::Silent {
        // Nothing of ours will be heard: nobody is to wait.
        return true;
    }
    process.follow(at);
    if process.in_step() {
        return true;
    }
    shared.freewheeling() && wait(process, shared)
}

/// In freewheel the time-out is counted in cycles, and over before a file could be opened. There
/// the server waits for its clients, so the answer may take its time.
#[cold]
#[inline(never)]
fn wait(process: &mut impl Process, shared: &Shared) -> bool {
    let start = Instant::now();
    while shared.freewheeling() && shared.mode() == Mode::Play && start.elapsed() < FREEWHEEL_WAIT {
        if process.in_step() {
            return true;
        }
        thread::sleep(PAUSE);
    }
    false
}
