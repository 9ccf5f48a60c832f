//! Audio files: opening, reading and seeking them as planar float, whatever the format.
//!
//! Everything behind [`Reader`] is off the audio thread and may allocate and block on a disk.

use std::path::PathBuf;

mod aiff;
mod blemish;
mod caf;
mod decoder;
mod mono;
mod mp3;
mod mp4;
mod mpeg;
mod names;
mod ogg;
mod open;
mod packets;
mod pcm;
mod preload;
mod resample;
mod riff;
mod shared;
mod sniff;
mod stream;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod vorbis;
mod wav;

pub use decoder::is_decoding;
pub use mono::mono;
pub use names::is_audio_name;
use open::check_shape;
pub use open::open;
pub use resample::resampled_frames;
pub use shared::Shared;

/// What is known of an opened audio file.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Where it came from; `-` for standard input.
    pub path: PathBuf,
    /// Container and codec for people: `WAV 24-bit`, `FLAC`, `MP3`.
    pub format: String,
    /// Sample rate, Hz.
    pub rate: u32,
    /// Channels, at least 1.
    pub channels: usize,
    /// Length in frames at `rate`, where the file tells it exactly.
    pub frames: Option<u64>,
    /// One sentence for the user when the start of the material can't be known exactly.
    pub notice: Option<String>,
}

/// A file's audio as planar float (channels × frames), at the file's own rate or resampled.
///
/// Frame 0 is the first frame of the material: encoder delay is removed where it is known.
pub trait Reader: Send {
    /// What is known of the file. `frames` is at this reader's `rate`.
    fn spec(&self) -> &Spec;

    /// Fills the planes (one per channel, all of one length) from their beginning and returns the
    /// frames read. Fewer than asked only at the end or before damage; 0 at the end.
    ///
    /// # Errors
    /// Damage is reported once, by the call that would otherwise give its first frame;
    /// afterwards the reader is at its end (0 frames) until a `seek`.
    fn read(&mut self, planes: &mut [&mut [f32]]) -> Result<usize, MediaError>;

    /// Whether every sample is +0 or at least 2⁻⁴⁰ in magnitude, and finite, as those that were
    /// integers are: they need no cleaning.
    fn is_clean(&self) -> bool {
        false
    }

    /// Makes `frame` (from 0; at or past the end is legal) the next frame that `read` gives:
    /// the very frame that reading from the start would have given there.
    fn seek(&mut self, frame: u64) -> Result<(), MediaError>;
}

/// Why a file can't be played.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// It is not there. Check the path.
    #[error("{}: no such file", .0.display())]
    Missing(PathBuf),
    /// It can't be read. Check its permissions and the disk.
    #[error("{}: can't be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// It is no audio file that backline knows. `backline info` lists what a file is.
    #[error("{}: {what}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// Why, in words.
        what: String,
    },
    /// Its content is damaged from `frame` on; what came before is good.
    #[error("{}: damaged at frame {frame}: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// First frame that is missing, at the file's rate.
        frame: u64,
        /// What the decoder said.
        what: String,
    },
}

/// How to open a file.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Formats that can only be sought by decoding are loaded into memory up to this size (bytes
    /// of float samples); a larger one is refused. Default 64 MB.
    pub preload_limit: u64,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            preload_limit: 64_000_000,
        }
    }
}

/// Resamples a reader to `rate` Hz, frame 0 on frame 0; the reader itself when it has that rate
/// (or `rate` is 0). The result has [`resampled_frames`] frames, and a seek gives the very bits that
/// reading from the start gives.
///
/// # Errors
/// [`MediaError::Unsupported`]: the two rates have so small a common divisor that one step of the resampler
/// would be more than 400 000 frames, or four million samples (44 100 to 48 000 Hz takes about a thousand frames).
pub fn at_rate(reader: Box<dyn Reader>, rate: u32) -> Result<Box<dyn Reader>, MediaError> {
    if rate == 0 || reader.spec().rate == rate {
        return Ok(reader);
    }
    Ok(Box::new(resample::Resampled::new(reader, rate)?))
}

/// The exact number of frames of a reader: what its file tells, else by reading all of it. The
/// reader is at frame 0 afterwards. Damage ends the count: what is good before it counts.
///
/// # Errors
/// The file can't be read, or (a pipe that outgrew the preload limit) not sought back.
pub fn exact_frames(reader: &mut dyn Reader) -> Result<u64, MediaError> {
    const CHUNK: usize = 16 * 1024;
    if let Some(frames) = reader.spec().frames {
        return Ok(frames);
    }
    reader.seek(0)?;
    let mut planes = vec![vec![0.0; CHUNK]; reader.spec().channels];
    let mut frames = 0;
    loop {
        match with_slices(&mut planes, 0, CHUNK, |slices| reader.read(slices)) {
            Ok(0) | Err(MediaError::Damaged { .. }) => break,
            Ok(n) => frames += n as u64,
            Err(e) => return Err(e),
        }
    }
    reader.seek(0)?;
    Ok(frames)
}

/// Lends frames `[from, to)` of `planes` as slices, without an allocation for up to eight channels.
fn with_slices<R>(
    planes: &mut [Vec<f32>],
    from: usize,
    to: usize,
    work: impl FnOnce(&mut [&mut [f32]]) -> R,
) -> R {
    let n = planes.len();
    let slices = planes
        .iter_mut()
        .map(|p| p.get_mut(from..to).unwrap_or_default());
    let mut few: [&mut [f32]; 8] = Default::default();
    if n <= few.len() {
        few.iter_mut().zip(slices).for_each(|(a, b)| *a = b);
        return work(few.get_mut(..n).unwrap_or_default());
    }
    work(&mut slices.collect::<Vec<_>>())
}
