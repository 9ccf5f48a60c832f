//! What went wrong with a PCM, told from its state and the error number together.
//!
//! The error number alone does not tell: an unplugged USB card gives EBADFD, ENODEV or EPIPE, and some
//! plug-ins answer every fault with EPIPE.

use alsa::pcm::PCM;

use crate::refusal;

/// A fault, by what has to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing: try again.
    None,
    /// The device ran out of frames, or says so: prepare it and go on.
    Xrun,
    /// The system slept: resume, else prepare.
    Suspended,
    /// The device is gone.
    Gone,
    /// Something else: prepare it, a few times.
    Other,
}

/// A PCM's state, without a panic on one that is new to the crate.
pub(crate) fn state(pcm: &PCM) -> u32 {
    u32::try_from(pcm.state_raw()).unwrap_or(alsa_sys::SND_PCM_STATE_DISCONNECTED)
}

/// Tells the fault from the error number (0: none, only the state speaks) and the state.
pub(crate) fn tell(errno: i32, state: u32) -> Fault {
    match state {
        alsa_sys::SND_PCM_STATE_DISCONNECTED => return Fault::Gone,
        alsa_sys::SND_PCM_STATE_XRUN => return Fault::Xrun,
        alsa_sys::SND_PCM_STATE_SUSPENDED => return Fault::Suspended,
        _ => {}
    }
    match errno {
        0 | libc::EAGAIN | libc::EINTR => Fault::None,
        libc::EPIPE => Fault::Xrun,
        libc::ESTRPIPE => Fault::Suspended,
        libc::EBADFD => Fault::Gone,
        e if refusal::is_gone(e) => Fault::Gone,
        _ => Fault::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alsa_sys::*;

    #[test]
    fn the_state_outweighs_the_error_number() {
        assert_eq!(tell(libc::EPIPE, SND_PCM_STATE_DISCONNECTED), Fault::Gone);
        assert_eq!(tell(libc::EPIPE, SND_PCM_STATE_SUSPENDED), Fault::Suspended);
        assert_eq!(tell(libc::EIO, SND_PCM_STATE_XRUN), Fault::Xrun);
        assert_eq!(tell(0, SND_PCM_STATE_RUNNING), Fault::None);
        assert_eq!(tell(libc::EPIPE, SND_PCM_STATE_RUNNING), Fault::Xrun);
        assert_eq!(tell(libc::ENODEV, SND_PCM_STATE_RUNNING), Fault::Gone);
        assert_eq!(tell(libc::EBADFD, SND_PCM_STATE_SETUP), Fault::Gone);
        assert_eq!(tell(libc::EIO, SND_PCM_STATE_RUNNING), Fault::Other);
        assert_eq!(tell(libc::EAGAIN, SND_PCM_STATE_RUNNING), Fault::None);
    }
}
