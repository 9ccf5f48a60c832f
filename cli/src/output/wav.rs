//! The WAV writer.

use std::path::{Path, PathBuf};

use engine_core::convert::{Converter, Dither};

use super::OutputError;
use super::header::{Extent, Header, WavFormat};
use super::sink::Sink;

/// Most channels of a WAV file written here.
pub const MAX_CHANNELS: usize = 512;

/// Bytes gathered before the system is asked to write them.
const BUFFER: usize = 256 * 1024;

/// Writes a WAV file, or a WAV stream to a pipe, a device or standard output (`-`).
///
/// A file appears under its name only when [`finish`](Self::finish) has completed it; until then
/// a file that was there before stays as it is. It is removed when writing fails or when the
/// writer is dropped. Over 4 GiB it becomes an RF64 (EBU Tech 3306). A stream is written as it
/// comes and carries the largest sizes, since they aren't known.
pub struct WavWriter {
    path: PathBuf,
    header: Header,
    /// `None` after a failure.
    sink: Option<Sink>,
    converter: Converter<MAX_CHANNELS>,
    buffer: Vec<u8>,
    /// Bytes of samples so far, those in the buffer included.
    bytes: u64,
    clips: u64,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Frames.
    pub frames: u64,
    /// Samples that were beyond full scale and saturated; 0 for float.
    pub clips: u64,
}

impl WavWriter {
    /// Opens `path` (`-` is standard output) for `channels` channels at `rate` Hz. `dither` counts
    /// for 16 bit only.
    ///
    /// # Errors
    /// All that can be known before the first sample: the folder, the permissions, the channels.
    pub fn create(
        path: &Path,
        format: WavFormat,
        dither: Dither,
        rate: u32,
        channels: usize,
    ) -> Result<Self, OutputError> {
        Self::create_rf64_from(path, format, dither, rate, channels, u32::MAX.into())
    }

    fn create_rf64_from(
        path: &Path,
        format: WavFormat,
        dither: Dither,
        rate: u32,
        channels: usize,
        rf64_from: u64,
    ) -> Result<Self, OutputError> {
        if !(1..=MAX_CHANNELS).contains(&channels) {
            return Err(OutputError::Channels {
                path: path.into(),
                channels,
            });
        }
        let header = Header {
            format,
            rate,
            channels: channels as u16,
            rf64_from,
        };
        let sink = Sink::open(path)?;
        let extent = if sink.is_stream() {
            Extent::Stream
        } else {
            Extent::Bytes(0)
        };
        let mut buffer = Vec::with_capacity(BUFFER);
        buffer.extend(header.bytes(extent));
        Ok(Self {
            path: path.into(),
            header,
            sink: Some(sink),
            converter: Converter::new(format.sample_format(), dither),
            buffer,
            bytes: 0,
            clips: 0,
        })
    }

    /// Converts and writes the first `frames` frames of `planes` (channels × frames).
    ///
    /// Where a plane is missing or short, silence is written.
    ///
    /// # Errors
    /// The output can't be gone on with; it is removed already.
    pub fn write(&mut self, planes: &[&[f32]], frames: usize) -> Result<(), OutputError> {
        let block = usize::from(self.header.block());
        let at_once = (BUFFER / block).max(1);
        let mut views: [&[f32]; MAX_CHANNELS] = [&[]; MAX_CHANNELS];
        let channels = usize::from(self.header.channels);
        let mut done = 0;
        while done < frames {
            let n = at_once.min(frames - done);
            self.make_room(n * block)?;
            for (view, plane) in views.iter_mut().zip(planes) {
                *view = plane.get(done..).unwrap_or_default();
            }
            let start = self.buffer.len();
            self.buffer.resize(start + n * block, 0);
            let (Some(out), Some(views)) = (self.buffer.get_mut(start..), views.get(..channels))
            else {
                break;
            };
            self.clips += u64::from(self.converter.interleave(views, n, out));
            self.bytes += (n * block) as u64;
            done += n;
        }
        Ok(())
    }

    /// Writes samples that are interleaved and in the file's format already. Whole frames in all;
    /// a call may give any part of one.
    ///
    /// # Errors
    /// The output can't be gone on with; it is removed already.
    pub fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        self.make_room(bytes.len())?;
        if bytes.len() > BUFFER {
            self.put(bytes)?;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Frames so far.
    pub fn frames(&self) -> u64 {
        self.bytes / u64::from(self.header.block())
    }

    /// Samples so far that were beyond full scale and saturated.
    pub fn clips(&self) -> u64 {
        self.clips
    }

    /// Completes the output: from here on a file is there under its name, and on the disk.
    ///
    /// # Errors
    /// The output is not complete; a file has been removed.
    pub fn finish(mut self) -> Result<Written, OutputError> {
        let stream = self.sink.as_ref().is_none_or(Sink::is_stream);
        if !stream && self.bytes % 2 == 1 {
            // Chunks start at even places.
            self.buffer.push(0);
        }
        self.flush()?;
        let header = self.header.bytes(Extent::Bytes(self.bytes));
        self.sink
            .take()
            .ok_or_else(|| OutputError::Failed(self.path.clone()))?
            .commit(&header)
            .map_err(|e| OutputError::from_io(&self.path, e))?;
        Ok(Written {
            frames: self.frames(),
            clips: self.clips,
        })
    }

    fn make_room(&mut self, bytes: usize) -> Result<(), OutputError> {
        if self.sink.is_none() {
            return Err(OutputError::Failed(self.path.clone()));
        }
        if self.buffer.len() + bytes > BUFFER {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        let buffer = std::mem::take(&mut self.buffer);
        let result = self.put(&buffer);
        self.buffer = buffer;
        self.buffer.clear();
        result
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        let Some(sink) = &mut self.sink else {
            return Err(OutputError::Failed(self.path.clone()));
        };
        if let Err(e) = sink.write(bytes) {
            self.sink = None;
            return Err(OutputError::from_io(&self.path, e));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
