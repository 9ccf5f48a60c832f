//! What an audio thread needs of the system: a real-time priority, a stack that is there, and no
//! signal handlers.

use crate::eventfd::errno;

/// Stack an audio thread is given in advance, bytes.
const STACK: usize = 256 * 1024;

/// Gives the calling thread `SCHED_FIFO` at `priority` (1 to 99). Threads and processes that it
/// starts do not inherit it.
///
/// # Errors
/// The error number: `EPERM` when `RLIMIT_RTPRIO` does not allow it (group `audio` on most
/// systems, `LimitRTPRIO=` of a unit), `EINVAL` for a priority out of range. The thread goes on
/// with the priority it had.
pub fn promote(priority: u8) -> Result<(), i32> {
    // SAFETY: an all-zero `sched_param` is valid, and it outlives the call; 0 is the calling thread.
    let done = unsafe {
        let mut param: libc::sched_param = core::mem::zeroed();
        param.sched_priority = i32::from(priority);
        libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &param)
    };
    if done == 0 { Ok(()) } else { Err(errno()) }
}

/// Writes to the 256 KiB of the calling thread's stack below this call, so that no page of it is
/// missing later on. Call it once, on the audio thread.
#[inline(never)]
pub fn touch_stack() {
    let mut depth = [0u8; STACK];
    for page in depth.chunks_mut(4096) {
        if let Some(first) = page.first_mut() {
            *core::hint::black_box(first) = 1;
        }
    }
    core::hint::black_box(&depth);
}

/// Keeps signals from the calling thread and those it starts: their handlers run on another one.
pub fn block_signals() {
    // SAFETY: an all-zero `sigset_t` is valid storage, filled before it is used; the mask is the
    // calling thread's own.
    unsafe {
        let mut all: libc::sigset_t = core::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &all, core::ptr::null_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promotion_takes_effect_or_says_why_not() {
        let (result, policy) = std::thread::spawn(|| {
            let result = promote(1);
            // SAFETY: no pointers; 0 is the calling thread.
            (result, unsafe { libc::sched_getscheduler(0) })
        })
        .join()
        .unwrap();
        let fifo = policy & !libc::SCHED_RESET_ON_FORK == libc::SCHED_FIFO;
        match result {
            Ok(()) => assert!(fifo),
            Err(e) => assert!(!fifo && e == libc::EPERM, "error {e}"),
        }
    }

    #[test]
    fn a_priority_out_of_range_is_refused() {
        assert_eq!(promote(100), Err(libc::EINVAL));
    }
}
