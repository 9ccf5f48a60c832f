//! Helpers of the media tests: material whose samples name their frame, and a WAV writer.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{MediaError, OpenOptions, Reader, Spec, open, with_slices};

/// A reader in memory whose every sample names its frame and channel.
pub struct Ramp {
    spec: Spec,
    pos: u64,
    len: u64,
    /// Reports damage at its end.
    pub damaged: bool,
    reported: bool,
}

impl Ramp {
    pub fn new(rate: u32, channels: usize, len: u64) -> Self {
        Self {
            spec: Spec {
                path: "ramp".into(),
                format: "ramp".into(),
                rate,
                channels,
                frames: Some(len),
                notice: None,
            },
            pos: 0,
            len,
            damaged: false,
            reported: false,
        }
    }

    /// Forgets its length until the end.
    pub fn unknown(mut self) -> Self {
        self.spec.frames = None;
        self
    }

    pub fn value(frame: u64, channel: usize) -> f32 {
        ((frame * 2 + channel as u64 * 977) % 65_536) as f32 / 65_536.0 - 0.5
    }
}

impl Reader for Ramp {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn read(&mut self, planes: &mut [&mut [f32]]) -> Result<usize, MediaError> {
        let asked = planes[0].len() as u64;
        let n = asked.min(self.len.saturating_sub(self.pos));
        if n == 0 && self.damaged && !self.reported {
            self.reported = true;
            return Err(MediaError::Damaged {
                path: "ramp".into(),
                frame: self.len,
                what: "test".into(),
            });
        }
        for (c, plane) in planes.iter_mut().enumerate() {
            for (i, x) in plane.iter_mut().take(n as usize).enumerate() {
                *x = Self::value(self.pos + i as u64, c);
            }
        }
        self.pos += n;
        Ok(n as usize)
    }

    fn seek(&mut self, frame: u64) -> Result<(), MediaError> {
        self.pos = frame;
        self.reported = false;
        Ok(())
    }
}

/// xorshift64*, for targets and mutations that are the same on every run.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % n.max(1)
    }
}

/// How a test WAV stores its samples: format tag and bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Store(pub u16, pub u16);

pub const S16: Store = Store(1, 16);
pub const S24: Store = Store(1, 24);

/// The value, in 16-bit steps, that a test WAV holds at `frame` of `channel`: unique within
/// 65 536 frames.
pub fn step(frame: u64, channel: usize) -> i16 {
    (frame
        .wrapping_mul(25_173)
        .wrapping_add(channel as u64 * 13_849)
        % 65_536) as u16 as i16
}

/// A WAV in memory: `frames` frames of `sample(frame, channel)` in 16-bit steps.
pub fn wav(
    store: Store,
    rate: u32,
    channels: usize,
    frames: u64,
    sample: impl Fn(u64, usize) -> i16,
) -> Vec<u8> {
    let Store(tag, bits) = store;
    let align = channels * usize::from(bits / 8);
    let mut b = Vec::new();
    b.extend(b"RIFF");
    b.extend((36 + frames as u32 * align as u32).to_le_bytes());
    b.extend(b"WAVEfmt ");
    b.extend(16u32.to_le_bytes());
    b.extend(tag.to_le_bytes());
    b.extend((channels as u16).to_le_bytes());
    b.extend(rate.to_le_bytes());
    b.extend((rate * align as u32).to_le_bytes());
    b.extend((align as u16).to_le_bytes());
    b.extend(bits.to_le_bytes());
    b.extend(b"data");
    b.extend((frames as u32 * align as u32).to_le_bytes());
    for f in 0..frames {
        for c in 0..channels {
            let s = sample(f, c);
            match store {
                Store(1, 8) => b.push((((s >> 8) as i32) + 128) as u8),
                Store(1, 16) => b.extend(s.to_le_bytes()),
                Store(1, 24) => b.extend(&(i32::from(s) << 8).to_le_bytes()[..3]),
                Store(1, _) => b.extend((i32::from(s) << 16).to_le_bytes()),
                Store(_, 32) => b.extend((f32::from(s) / 32768.0).to_le_bytes()),
                Store(..) => b.extend((f64::from(s) / 32768.0).to_le_bytes()),
            }
        }
    }
    b
}

/// Music-like material: a few decaying tones and noise, in 16-bit steps. Every stretch of it is
/// different, so that an offset shows.
pub fn music(rate: u32, frames: u64, seed: u64) -> Vec<i16> {
    let mut random = Random(seed | 1);
    let mut out = Vec::with_capacity(frames as usize);
    let mut low = 0.0f64;
    for f in 0..frames {
        let t = f as f64 / f64::from(rate);
        let sweep = (t * (200.0 + 300.0 * t)).fract();
        let tone = (sweep * std::f64::consts::TAU).sin() * 0.3;
        let noise = random.below(65_536) as f64 / 65_536.0 - 0.5;
        low += (noise - low) * 0.2;
        out.push(((tone + low * 0.5) * 30_000.0) as i16);
    }
    out
}

pub fn open_default(path: &Path) -> Result<Box<dyn Reader>, MediaError> {
    open(path, &OpenOptions::default())
}

/// Reads on to the end in pieces of changing size: planes and the error that ended it, if any.
pub fn drain(reader: &mut dyn Reader) -> (Vec<Vec<f32>>, Option<MediaError>) {
    let channels = reader.spec().channels;
    let mut all = vec![Vec::new(); channels];
    let mut random = Random(7);
    let mut part = vec![vec![0.0f32; 5000]; channels];
    loop {
        let n = 1 + random.below(5000) as usize;
        match with_slices(&mut part, 0, n, |slices| reader.read(slices)) {
            Ok(0) => return (all, None),
            Ok(n) => {
                for (a, p) in all.iter_mut().zip(&part) {
                    a.extend_from_slice(&p[..n]);
                }
            }
            Err(e) => return (all, Some(e)),
        }
        assert!(all[0].len() < 50_000_000, "a reader without an end");
    }
}

/// `n` frames from where the reader stands.
pub fn take(reader: &mut dyn Reader, n: usize) -> Result<Vec<Vec<f32>>, MediaError> {
    let mut part = vec![vec![0.0f32; n]; reader.spec().channels];
    let got = with_slices(&mut part, 0, n, |slices| reader.read(slices))?;
    part.iter_mut().for_each(|p| p.truncate(got));
    Ok(part)
}

/// Runs a tool that makes test material. `false` (and a line that says so) when it is missing.
pub fn tool(test: &str, program: &str, args: &[&str]) -> bool {
    let run = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output();
    match run {
        Err(e) => {
            println!("SKIP {test}: {program} can't be run: {e}");
            false
        }
        Ok(out) if !out.status.success() => {
            let said = String::from_utf8_lossy(&out.stderr);
            println!("SKIP {test}: {program} failed: {}", said.trim());
            false
        }
        Ok(_) => true,
    }
}

pub fn write(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}
