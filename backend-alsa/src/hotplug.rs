//! Noticing that a sound device came or went, without a daemon's help: inotify on `/dev/snd`.
//!
//! The folder itself goes with the last card. What grants access to a device, such as udev, does so after it
//! made the node: that is a change, too.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// See the module.
#[derive(Debug)]
pub struct Watch {
    fd: OwnedFd,
}

const SOUND: &CStr = c"/dev/snd";
const ABOVE: &CStr = c"/dev";

impl Watch {
    /// Watches from now on.
    ///
    /// # Errors
    /// The system's, when a limit of inotify is reached.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers; the result is checked before it is used.
        let fd = unsafe { libc::inotify_init1(libc::IN_NONBLOCK | libc::IN_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` is open, new, and owned by nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let watch = Self { fd };
        watch.add(ABOVE, libc::IN_CREATE | libc::IN_MOVED_TO)?;
        watch.add_sound();
        Ok(watch)
    }

    fn add(&self, folder: &CStr, mask: u32) -> io::Result<()> {
        // SAFETY: `folder` ends with NUL and outlives the call.
        let added = unsafe { libc::inotify_add_watch(self.fd.as_raw_fd(), folder.as_ptr(), mask) };
        if added < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// It may not be there: then its coming is seen one folder above.
    fn add_sound(&self) {
        let _ = self.add(SOUND, libc::IN_CREATE | libc::IN_ATTRIB | libc::IN_MOVED_TO);
    }

    /// Whether something came, or got other rights, since this was asked last. Never blocks.
    pub fn changed(&mut self) -> bool {
        let mut changed = false;
        let mut events = [0u8; 4096];
        loop {
            // SAFETY: as many writable bytes as said; the descriptor does not block.
            let n = unsafe {
                libc::read(
                    self.fd.as_raw_fd(),
                    events.as_mut_ptr().cast(),
                    events.len(),
                )
            };
            let Some(told) = usize::try_from(n).ok().filter(|n| *n > 0) else {
                break;
            };
            changed |= tells_of_sound(events.get(..told).unwrap_or_default());
        }
        if changed {
            // The folder may be a new one. Watching one that is watched changes nothing.
            self.add_sound();
        }
        changed
    }
}

/// Whether one of these events is about a sound device. Everything else in `/dev` is nothing to us.
fn tells_of_sound(mut events: &[u8]) -> bool {
    const HEAD: usize = size_of::<libc::inotify_event>();
    while let Some((head, rest)) = events.split_at_checked(HEAD) {
        let word = |at: usize| {
            let bytes = head
                .get(at..at + 4)
                .and_then(|b| <[u8; 4]>::try_from(b).ok());
            u32::from_ne_bytes(bytes.unwrap_or_default())
        };
        let (mask, len) = (word(4), word(12) as usize);
        let (name, next) = rest.split_at_checked(len).unwrap_or((rest, &[]));
        let name = name.split(|b| *b == 0).next().unwrap_or_default();
        let sound = name == b"snd"
            || [&b"pcmC"[..], b"controlC"]
                .iter()
                .any(|start| name.starts_with(start));
        if sound || mask & libc::IN_Q_OVERFLOW != 0 {
            return true;
        }
        events = next;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(mask: u32, name: &str) -> Vec<u8> {
        let mut padded = name.as_bytes().to_vec();
        padded.resize(16, 0);
        let mut event = Vec::new();
        for word in [1, mask, 0, padded.len() as u32] {
            event.extend(word.to_ne_bytes());
        }
        event.extend(padded);
        event
    }

    #[test]
    fn only_sound_devices_count() {
        let create = libc::IN_CREATE;
        assert!(tells_of_sound(&event(create, "pcmC0D0p")));
        assert!(tells_of_sound(&event(create, "snd")));
        assert!(!tells_of_sound(&event(create, "ttyUSB0")));
        assert!(tells_of_sound(
            &[event(create, "sda"), event(libc::IN_ATTRIB, "controlC1")].concat()
        ));
        assert!(tells_of_sound(&event(libc::IN_Q_OVERFLOW, "")));
        assert!(!tells_of_sound(&event(create, "sda")[..20]));
        assert!(!tells_of_sound(&[]));
    }

    #[test]
    fn nothing_has_changed_when_nothing_has() {
        let mut watch = Watch::new().unwrap();
        assert!(!watch.changed());
    }
}
