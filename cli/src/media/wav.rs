//! Uncompressed WAV, RF64, BW64, AIFF and CAF from a file: large reads straight into planar float.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::pcm::{Coding, deinterleave};
use super::riff::{Forward, Head};
use super::{MediaError, Reader, Spec};

/// Bytes asked of the file at once: few system calls, and what came is unpacked while the cache
/// still holds it.
const WINDOW_BYTES: usize = 32 * 1024;

/// Reads at an offset until `out` is full or the file ends.
pub(super) fn read_full_at(file: &File, mut offset: u64, out: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while let Some(room) = out.get_mut(done..).filter(|r| !r.is_empty()) {
        match file.read_at(room, offset) {
            Ok(0) => break,
            Ok(n) => {
                done += n;
                offset = offset.saturating_add(n as u64);
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(done)
}

/// A file read from front to back without moving its cursor.
pub(super) struct Walk<'a> {
    pub(super) file: &'a File,
    pub(super) pos: u64,
}

impl Forward for Walk<'_> {
    fn fill(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = read_full_at(self.file, self.pos, out)?;
        self.pos = self.pos.saturating_add(n as u64);
        Ok(n)
    }

    fn skip(&mut self, n: u64) -> io::Result<()> {
        self.pos = self.pos.saturating_add(n);
        Ok(())
    }
}

/// Plain samples in a file.
pub(super) struct WavFile {
    spec: Spec,
    file: File,
    coding: Coding,
    frame_bytes: u64,
    data_start: u64,
    /// Whole frames that the file holds.
    frames: u64,
    /// Frames that its header claims; more than `frames` when it was cut off.
    claimed: u64,
    /// Next frame to give.
    pos: u64,
    /// The damage at `frames` was reported since the last seek.
    reported: bool,
    window: Vec<u8>,
    /// Frame at which the window starts, and the frames in it.
    window_at: u64,
    window_frames: u64,
}

impl WavFile {
    /// A reader of the samples that `head` describes; `len` is the file's length in bytes.
    pub(super) fn new(path: &Path, file: File, len: u64, head: &Head, coding: Coding) -> Self {
        let frame_bytes = (coding.bytes() * head.channels) as u64;
        let there = len.saturating_sub(head.data_start);
        let claim = match head.data_len {
            Some(n) if head.doubtful && n > there => there,
            Some(n) => n,
            None => there,
        };
        let frames = claim.min(there) / frame_bytes;
        let window_frames = (WINDOW_BYTES as u64 / frame_bytes).max(1);
        Self {
            spec: Spec {
                path: path.into(),
                format: format!("{} {}", head.form, coding.name()),
                rate: head.rate,
                channels: head.channels,
                frames: Some(frames),
                notice: None,
            },
            file,
            coding,
            frame_bytes,
            data_start: head.data_start,
            frames,
            claimed: claim / frame_bytes,
            pos: 0,
            reported: false,
            window: vec![0; (window_frames * frame_bytes) as usize],
            window_at: 0,
            window_frames: 0,
        }
    }

    /// Brings frames from `pos` on into the window.
    fn load(&mut self) -> Result<(), MediaError> {
        let want = (self.window.len() as u64 / self.frame_bytes).min(self.frames - self.pos);
        let bytes = (want * self.frame_bytes) as usize;
        let room = self.window.get_mut(..bytes).unwrap_or_default();
        let offset = self.data_start + self.pos * self.frame_bytes;
        self.window_frames = 0;
        let got =
            read_full_at(&self.file, offset, room).map_err(|error| MediaError::Unreadable {
                path: self.spec.path.clone(),
                error,
            })?;
        self.window_at = self.pos;
        self.window_frames = got as u64 / self.frame_bytes;
        if self.window_frames == 0 {
            // It was cut while open.
            self.frames = self.pos;
        }
        Ok(())
    }
}

impl Reader for WavFile {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn read(&mut self, planes: &mut [&mut [f32]]) -> Result<usize, MediaError> {
        let asked = planes.iter().map(|p| p.len()).min().unwrap_or(0);
        let mut done = 0;
        while done < asked && self.pos < self.frames {
            let ahead = self.pos.wrapping_sub(self.window_at);
            if ahead >= self.window_frames {
                match self.load() {
                    Ok(()) => continue,
                    Err(_) if done > 0 => return Ok(done),
                    Err(e) => return Err(e),
                }
            }
            let n = (self.window_frames - ahead).min((asked - done) as u64);
            let from = (ahead * self.frame_bytes) as usize;
            let bytes = (n * self.frame_bytes) as usize;
            let part = self.window.get(from..from + bytes).unwrap_or_default();
            deinterleave(self.coding, part, self.spec.channels, planes, done);
            done += n as usize;
            self.pos += n;
        }
        let missing = self.pos >= self.frames && self.pos < self.claimed;
        if done == 0 && asked > 0 && missing && !self.reported {
            self.reported = true;
            return Err(MediaError::Damaged {
                path: self.spec.path.clone(),
                frame: self.pos,
                what: format!(
                    "the file ends there, its header claims {} frames",
                    self.claimed
                ),
            });
        }
        Ok(done)
    }

    fn is_clean(&self) -> bool {
        self.coding.is_integer()
    }

    fn seek(&mut self, frame: u64) -> Result<(), MediaError> {
        self.pos = frame;
        self.reported = false;
        Ok(())
    }
}
