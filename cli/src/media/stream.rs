//! WAV from a pipe: read once, with what was read kept in memory so that it can be sought.

use std::io::{self, Read};
use std::path::Path;

use super::pcm::{Coding, deinterleave};
use super::riff::{Forward, HeadError, read_full, read_head};
use super::{MediaError, OpenOptions, Reader, Spec};

/// Bytes asked of the pipe at once, rounded down to whole frames.
const CHUNK_BYTES: usize = 64 * 1024;

struct Pipe<'a>(&'a mut dyn Read);

impl Forward for Pipe<'_> {
    fn fill(&mut self, out: &mut [u8]) -> io::Result<usize> {
        read_full(&mut self.0, out)
    }

    fn skip(&mut self, mut n: u64) -> io::Result<()> {
        let mut waste = [0u8; 4096];
        while n > 0 {
            let want = n.min(waste.len() as u64) as usize;
            let got = read_full(&mut self.0, &mut waste[..want])?;
            if got == 0 {
                break;
            }
            n -= got as u64;
        }
        Ok(())
    }
}

/// Plain samples from a source that can't be sought.
pub(super) struct WavPipe {
    spec: Spec,
    input: Box<dyn Read + Send>,
    coding: Coding,
    frame_bytes: usize,
    /// Frames that the header claims, where it does.
    claimed: Option<u64>,
    /// What was read so far, from frame 0; `None` once it outgrew the limit.
    kept: Option<Vec<u8>>,
    /// Largest size of `kept`, bytes.
    limit: usize,
    /// Whole frames taken from the input.
    taken: u64,
    /// Next frame to give.
    pos: u64,
    /// The last chunk that was read, frames `[taken − its frames, taken)`.
    chunk: Vec<u8>,
    ended: bool,
    reported: bool,
}

impl WavPipe {
    /// Reads the head. `path` is what the user called the source.
    pub(super) fn open(
        path: &Path,
        mut input: Box<dyn Read + Send>,
        options: &OpenOptions,
    ) -> Result<Self, MediaError> {
        let unsupported = |what: String| MediaError::Unsupported {
            path: path.into(),
            what,
        };
        let head = read_head(&mut Pipe(&mut *input), None).map_err(|e| match e {
            HeadError::Io(error) => MediaError::Unreadable {
                path: path.into(),
                error,
            },
            HeadError::Bad(what) => unsupported(format!("{what}; a pipe must deliver WAV")),
        })?;
        super::check_shape(path, head.rate, head.channels)?;
        let coding = head.coding.ok_or_else(|| {
            unsupported("compressed WAV can't be read from a pipe; write it to a file first".into())
        })?;
        let frame_bytes = coding.bytes() * head.channels;
        let claimed = head
            .data_len
            .filter(|_| !head.doubtful)
            .map(|n| n / frame_bytes as u64);
        Ok(Self {
            spec: Spec {
                path: path.into(),
                format: format!("{} {}", head.form, coding.name()),
                rate: head.rate,
                channels: head.channels,
                frames: claimed,
                notice: None,
            },
            input,
            coding,
            frame_bytes,
            claimed,
            kept: Some(Vec::new()),
            limit: usize::try_from(options.preload_limit).unwrap_or(usize::MAX),
            taken: 0,
            pos: 0,
            chunk: Vec::new(),
            ended: false,
            reported: false,
        })
    }

    /// Takes another chunk from the input; sets `ended` when there is none.
    fn take(&mut self) -> io::Result<()> {
        let whole = (CHUNK_BYTES / self.frame_bytes).max(1) as u64;
        let want = self
            .claimed
            .map_or(whole, |c| whole.min(c.saturating_sub(self.taken)));
        self.chunk.resize(want as usize * self.frame_bytes, 0);
        let got = read_full(&mut self.input, &mut self.chunk)?;
        let frames = got / self.frame_bytes;
        self.chunk.truncate(frames * self.frame_bytes);
        self.ended = (frames as u64) < want || self.claimed == Some(self.taken + frames as u64);
        self.taken += frames as u64;
        if let Some(kept) = &mut self.kept {
            if kept.len() + self.chunk.len() <= self.limit {
                kept.extend_from_slice(&self.chunk);
            } else {
                self.kept = None;
            }
        }
        if self.ended {
            self.spec.frames = Some(self.taken);
        }
        Ok(())
    }

    /// The bytes from frame `pos` on that are in memory.
    fn at_hand(&self) -> &[u8] {
        let (bytes, first) = match &self.kept {
            Some(kept) => (kept, 0),
            None => (
                &self.chunk,
                self.taken - (self.chunk.len() / self.frame_bytes) as u64,
            ),
        };
        self.pos
            .checked_sub(first)
            .and_then(|frames| usize::try_from(frames).ok()?.checked_mul(self.frame_bytes))
            .and_then(|from| bytes.get(from..))
            .unwrap_or_default()
    }
}

impl Reader for WavPipe {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn read(&mut self, planes: &mut [&mut [f32]]) -> Result<usize, MediaError> {
        let asked = planes.iter().map(|p| p.len()).min().unwrap_or(0);
        let mut done = 0;
        while done < asked {
            let part = self.at_hand();
            if part.is_empty() {
                if self.ended {
                    break;
                }
                if let Err(error) = self.take() {
                    self.ended = true;
                    return Err(MediaError::Unreadable {
                        path: self.spec.path.clone(),
                        error,
                    });
                }
                continue;
            }
            let n = (part.len() / self.frame_bytes).min(asked - done);
            let part = part.get(..n * self.frame_bytes).unwrap_or_default();
            deinterleave(self.coding, part, self.spec.channels, planes, done);
            done += n;
            self.pos += n as u64;
        }
        if done == 0
            && asked > 0
            && !self.reported
            && let Some(claimed) = self.claimed.filter(|&c| c > self.taken && self.pos < c)
        {
            self.reported = true;
            return Err(MediaError::Damaged {
                path: self.spec.path.clone(),
                frame: self.taken,
                what: format!("the stream ends there, its header claims {claimed} frames"),
            });
        }
        Ok(done)
    }

    fn is_clean(&self) -> bool {
        self.coding.is_integer()
    }

    fn seek(&mut self, frame: u64) -> Result<(), MediaError> {
        let oldest = match &self.kept {
            Some(_) => 0,
            None => self.taken - (self.chunk.len() / self.frame_bytes) as u64,
        };
        if frame < oldest {
            return Err(MediaError::Unsupported {
                path: self.spec.path.clone(),
                what: "a pipe can't be sought back beyond what fits into memory; raise --preload-limit or write it to a file first".into(),
            });
        }
        self.pos = frame;
        self.reported = false;
        Ok(())
    }
}
