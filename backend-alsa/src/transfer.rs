//! The stage between engine and device: frames that are converted and not yet taken.
//!
//! A driver may take fewer frames than offered, or refuse them and need healing first. Staged frames stay
//! where they are until the device has them, so that none is lost or given twice.

use alsa::pcm::PCM;

use crate::locked::Locked;

/// Interleaved device samples that wait to be taken.
pub(crate) struct Stage {
    bytes: Locked<u8>,
    frame_bytes: usize,
    /// First frame not taken yet, and one past the last.
    from: usize,
    to: usize,
}

impl Stage {
    pub(crate) fn new(frames: usize, frame_bytes: usize, lock: bool) -> Self {
        Self {
            bytes: Locked::new(frames * frame_bytes, lock),
            frame_bytes,
            from: 0,
            to: 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.from >= self.to
    }

    /// Frames that wait.
    pub(crate) fn frames(&self) -> usize {
        self.to.saturating_sub(self.from)
    }

    /// Forgets what waits.
    pub(crate) fn clear(&mut self) {
        self.from = 0;
        self.to = 0;
    }

    /// The stage's bytes, to be filled from the start; then call [`Stage::filled`].
    pub(crate) fn storage(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// The first `frames` frames of the storage wait now.
    pub(crate) fn filled(&mut self, frames: usize) {
        self.from = 0;
        self.to = frames.min(self.bytes.len() / self.frame_bytes.max(1));
    }

    /// Stages silence: all zero bytes in every format used here.
    pub(crate) fn fill_silent(&mut self, frames: usize) {
        self.bytes.fill(0);
        self.filled(frames);
    }

    /// The last `frames` that were handed over wait again.
    pub(crate) fn take_back(&mut self, frames: usize) {
        self.from = self.from.saturating_sub(frames);
    }

    /// Hands over as much as the device takes at once: frames taken, 0 when it has no room.
    /// `Err` is an error number; nothing was taken then.
    pub(crate) fn hand_over(&mut self, pcm: &PCM, mapped: bool) -> Result<usize, i32> {
        let range = self.from * self.frame_bytes..self.to * self.frame_bytes;
        let waiting = self.bytes.get(range).unwrap_or_default();
        let frame_bytes = self.frame_bytes;
        let io = pcm.io_bytes();
        let taken = if mapped {
            io.mmap(waiting.len() / frame_bytes.max(1), |area| {
                let n = area.len().min(waiting.len()) / frame_bytes.max(1);
                let bytes = n * frame_bytes;
                if let (Some(to), Some(from)) = (area.get_mut(..bytes), waiting.get(..bytes)) {
                    to.copy_from_slice(from);
                }
                n
            })
        } else {
            io.writei(waiting)
        };
        match taken {
            Ok(n) => {
                self.from += n.min(self.frames());
                Ok(n)
            }
            Err(e) if matches!(e.errno(), libc::EAGAIN | libc::EINTR) => Ok(0),
            Err(e) => Err(e.errno()),
        }
    }
}
