//! Noise that names its frames: every sample belongs to one frame and channel, so that a frame too
//! many, too few, or in the wrong place is seen at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use backline::song::Song;
use engine_core::backend::{Played, Process};
use engine_core::convert::SampleFormat;

use crate::guest::RATE;
use crate::stems::{song, track, write_f32_wav};

/// Bits of a stem's samples: eight stems together stay below full scale of 16 bits.
const STEM_BITS: u32 = 12;

/// A sample of noise that belongs to one frame and channel: an odd number, so never silence, of
/// `bits` bits (at most 24) with its sign.
pub fn noise(bits: u32, frame: u64, channel: usize) -> i32 {
    // The finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
    let mut x = (frame * 64 + channel as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x >> 32) as i32 >> (32 - bits) | 1
}

/// Appends a sample as a device gets it. `code` counts steps of 16 bits on a 16-bit device, of 24
/// bits on any other.
pub fn put(format: SampleFormat, code: i32, into: &mut Vec<u8>) {
    match format {
        SampleFormat::S16 => into.extend_from_slice(&(code as i16).to_le_bytes()),
        SampleFormat::S24 => into.extend_from_slice(&code.to_le_bytes()),
        SampleFormat::S24_3 => into.extend_from_slice(&code.to_le_bytes()[..3]),
        SampleFormat::S32 => into.extend_from_slice(&(code << 8).to_le_bytes()),
        SampleFormat::F32 => into.extend_from_slice(&(code as f32 / 8_388_608.0).to_le_bytes()),
    }
}

/// Bits of the noise that `format` carries unchanged.
fn bits(format: SampleFormat) -> u32 {
    if format == SampleFormat::S16 { 16 } else { 24 }
}

/// Plays `length` frames of [`noise`] on every plane, then silence.
pub struct Noise {
    format: SampleFormat,
    length: u64,
    given: Arc<AtomicU64>,
}

impl Noise {
    /// The process, and the count of frames it has given.
    pub fn new(format: SampleFormat, length: u64) -> (Self, Arc<AtomicU64>) {
        let given = Arc::new(AtomicU64::new(0));
        let noise = Self {
            format,
            length,
            given: given.clone(),
        };
        (noise, given)
    }

    /// What a device of `format` and `channels` gets for its frames from the first on.
    pub fn bytes(format: SampleFormat, channels: usize, length: u64) -> Vec<u8> {
        let mut all = Vec::with_capacity(length as usize * channels * format.bytes());
        for frame in 0..length {
            for channel in 0..channels {
                put(format, noise(bits(format), frame, channel), &mut all);
            }
        }
        all
    }
}

impl Process for Noise {
    fn process(&mut self, planes: &mut [&mut [f32]], frames: usize) -> Played {
        let given = self.given.load(Ordering::Relaxed);
        let bits = bits(self.format);
        let full_scale = (1u32 << (bits - 1)) as f32;
        for (channel, plane) in planes.iter_mut().enumerate() {
            for (i, x) in plane.iter_mut().take(frames).enumerate() {
                let frame = given + i as u64;
                *x = if frame < self.length {
                    noise(bits, frame, channel) as f32 / full_scale
                } else {
                    0.0
                };
            }
        }
        let now = (given + frames as u64).min(self.length);
        self.given.store(now, Ordering::Release);
        Played::Engine
    }

    fn ready(&mut self, _frames: usize) -> bool {
        true
    }
}

/// Writes a mono stem of noise in steps of 16 bits; `number` sets it apart from others.
fn write_stem(dir: &Path, number: usize, frames: u64) -> PathBuf {
    let path = dir.join(format!("{number}.wav"));
    let sample = |frame| noise(STEM_BITS, frame, number) as f32 / 32_768.0;
    write_f32_wav(&path, RATE, &[(0..frames).map(sample).collect()]);
    path
}

/// A song of such stems, of these lengths in frames.
pub fn stems(dir: &Path, lengths: &[u64]) -> Song {
    let tracks = lengths
        .iter()
        .enumerate()
        .map(|(n, frames)| track(&format!("stem {n}"), &write_stem(dir, n, *frames)))
        .collect();
    song("noise", tracks)
}

/// The sum of some of the [`stems`] at a frame, in steps of 16 bits.
pub fn mix(lengths: &[u64], numbers: &[usize], frame: u64) -> i32 {
    numbers
        .iter()
        .filter(|n| lengths.get(**n).is_some_and(|length| frame < *length))
        .map(|n| noise(STEM_BITS, frame, *n))
        .sum()
}
