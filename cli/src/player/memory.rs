//! Keeping what the audio thread touches in memory.

use rustix::mm::{MlockAllFlags, mlockall};

/// Locks the pages that the process has by now: the engine, the decks and their blocks, the code
/// that plays them, and the stack of an audio thread that exists by then, as ALSA's does. Called where a
/// song was loaded, not where the driver starts: the call holds up one processor for a moment. Pages that were
/// never touched are not brought in, and what is mapped later is not locked: locking all of the
/// future (`MCL_FUTURE`) makes the start of a thread fail where there is a limit.
///
/// Where the system allows less than the process has (`RLIMIT_MEMLOCK`; the group `audio` has no
/// limit on most systems, nor has `LimitMEMLOCK=infinity` of a unit), nothing is locked.
pub(super) fn lock() {
    // Nobody can do anything about a refusal, and playing goes on without.
    let _ = mlockall(MlockAllFlags::CURRENT | MlockAllFlags::ONFAULT);
}
