//! An eventfd: how the audio thread and its owner wake each other.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

/// A flag that can be waited for, alone or together with a device's descriptors.
#[derive(Debug)]
pub(crate) struct EventFd(OwnedFd);

impl EventFd {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: no pointers; the result is checked before it is used.
        let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` is open, new, and owned by nobody else.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    pub(crate) fn raw(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Raises the flag. A counter that is already full is as good as raised.
    pub(crate) fn raise(&self) {
        let one = 1u64;
        // SAFETY: eight readable bytes at `one`, the size an eventfd wants.
        let _ = unsafe { libc::write(self.raw(), (&raw const one).cast(), 8) };
    }

    /// Lowers the flag.
    pub(crate) fn lower(&self) {
        let mut count = 0u64;
        // SAFETY: eight writable bytes at `count`; the descriptor does not block.
        let _ = unsafe { libc::read(self.raw(), (&raw mut count).cast(), 8) };
    }

    /// Waits until the flag is raised or `timeout` is over, and lowers it.
    pub(crate) fn wait(&self, timeout: Duration) {
        let mut fds = [pollfd(self.raw())];
        if poll(&mut fds, timeout).is_ok_and(|n| n > 0) {
            self.lower();
        }
    }

    /// Lets `time` pass, unless what the flag is raised for is `wanted`. A flag that is raised behind what it was raised for,
    /// which had been seen by then, is lowered: left up, it would end every nap to come.
    pub(crate) fn nap(&self, time: Duration, wanted: impl Fn() -> bool) {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let mut fds = [pollfd(self.raw())];
            if !poll(&mut fds, left).is_ok_and(|n| n > 0) {
                return;
            }
            self.lower();
            if wanted() {
                return;
            }
        }
    }
}

/// A descriptor to be polled for input.
pub(crate) fn pollfd(fd: RawFd) -> libc::pollfd {
    libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    }
}

/// `ppoll` without a signal mask: how many descriptors are ready, or the error number.
pub(crate) fn poll(fds: &mut [libc::pollfd], timeout: Duration) -> Result<usize, i32> {
    let limit = libc::timespec {
        tv_sec: timeout.as_secs().min(3600) as libc::time_t,
        tv_nsec: timeout.subsec_nanos() as _,
    };
    // SAFETY: `fds` is valid for its length during the call, `limit` outlives it, no mask is given.
    let n = unsafe {
        libc::ppoll(
            fds.as_mut_ptr(),
            fds.len() as libc::nfds_t,
            &limit,
            core::ptr::null(),
        )
    };
    usize::try_from(n).map_err(|_| errno())
}

/// The calling thread's last error number.
pub(crate) fn errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raised_flag_wakes_once() {
        let e = EventFd::new().unwrap();
        e.raise();
        e.raise();
        let start = Instant::now();
        e.wait(Duration::from_secs(20));
        assert!(start.elapsed() < Duration::from_secs(10));
        let mut fds = [pollfd(e.raw())];
        assert_eq!(poll(&mut fds, Duration::ZERO), Ok(0));
    }

    #[test]
    fn a_flag_without_a_command_ends_no_nap() {
        let e = EventFd::new().unwrap();
        let nap = |wanted: bool, time: Duration| {
            e.raise();
            let start = Instant::now();
            e.nap(time, || wanted);
            start.elapsed()
        };
        let short = Duration::from_millis(20);
        assert!(nap(false, short) >= short);
        assert!(nap(true, Duration::from_secs(20)) < Duration::from_secs(10));
    }
}
