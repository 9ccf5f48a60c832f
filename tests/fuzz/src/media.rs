//! Any bytes as an audio file: opened, read, sought, resampled.

use backline::media::{MediaError, OpenOptions, Reader, at_rate, open};

use super::scratch::with_file;

/// Samples, all channels together, that are read of one case.
const SAMPLES: usize = 1 << 20;
/// Smallest magnitude of a sample that needs no cleaning.
const SMALLEST: f32 = 1.0 / (1u64 << 40) as f32;
/// Rates that files are brought to, Hz.
const RATES: [u32; 4] = [48_000, 44_100, 96_000, 192_000];

/// Opens the bytes as a file, reads from its start, then seeks here and there; now and then the same
/// at another rate.
///
/// # Panics
/// When a reader breaks its promises.
pub fn media(data: &[u8]) {
    with_file(data, |path| {
        let mut choice = Choice::from(data);
        let Ok(mut reader) = open(path, &OpenOptions::default()) else {
            return;
        };
        play(&mut *reader, &mut choice);
        // Resampling costs more than all the rest.
        if choice.below(4) == 0 && reader.seek(0).is_ok() {
            let rate = RATES[choice.below(RATES.len() as u64) as usize];
            if let Ok(mut reader) = at_rate(reader, rate) {
                play(&mut *reader, &mut choice);
            }
        }
    });
}

/// Reads from the start, seeks, and reads again.
pub(crate) fn play(reader: &mut dyn Reader, choice: &mut Choice) {
    let (channels, claimed) = (reader.spec().channels, reader.spec().frames);
    assert!((1..=128).contains(&channels), "{channels} channels");
    let room = SAMPLES / channels;
    let (frames, end) = read(reader, room, choice);
    if let Some(claimed) = claimed {
        assert!(frames as u64 <= claimed, "{frames} frames of {claimed}");
    }
    if end == End::Natural {
        let known = reader.spec().frames;
        assert_eq!(known, Some(frames as u64), "frames at the natural end");
    }
    let length = claimed.unwrap_or(frames as u64);
    for turn in 0..6 {
        let target = match turn {
            0 => 0,
            1 => length.saturating_sub(1),
            2 => length,
            3 => u64::MAX >> choice.below(64),
            _ => choice.below(length.saturating_add(2)),
        };
        if reader.seek(target).is_err() {
            continue;
        }
        let (frames, _) = read(reader, 3000.min(room), choice);
        if let Some(length) = reader.spec().frames {
            let left = length.saturating_sub(target);
            assert!(
                frames as u64 <= left,
                "{frames} frames from {target} of {length}"
            );
        }
    }
}

/// How reading ended.
#[derive(Debug, PartialEq)]
pub(crate) enum End {
    /// At the end of what was asked for.
    Asked,
    /// At the end of the material.
    Natural,
    /// With an error.
    Error,
}

/// Reads on in pieces, at most `room` frames, and returns their number.
fn read(reader: &mut dyn Reader, room: usize, choice: &mut Choice) -> (usize, End) {
    let channels = reader.spec().channels;
    let mut planes = vec![vec![0.0f32; 5000.min(room)]; channels];
    let mut done = 0;
    while done < room {
        let want = 1 + choice.below(5000.min(room - done) as u64) as usize;
        let mut slices: Vec<&mut [f32]> = planes.iter_mut().map(|p| &mut p[..want]).collect();
        match reader.read(&mut slices) {
            Ok(0) => {
                assert!(matches!(reader.read(&mut slices), Ok(0)), "after the end");
                return (done, End::Natural);
            }
            Ok(n) => {
                assert!(n <= want, "{n} frames, asked for {want}");
                if reader.is_clean() {
                    let clean = |x: &f32| x.to_bits() == 0 || (SMALLEST..=1.0).contains(&x.abs());
                    assert!(slices.iter().all(|plane| plane[..n].iter().all(clean)));
                }
                done += n;
            }
            Err(error) => {
                if matches!(error, MediaError::Damaged { .. }) {
                    let after = reader.read(&mut slices);
                    assert!(matches!(after, Ok(0)), "{after:?} after {error}");
                }
                return (done, End::Error);
            }
        }
    }
    (done, End::Asked)
}

/// What a case does with its bytes, chosen by the bytes, so that a case is always the same.
pub(crate) struct Choice(u64);

impl From<&[u8]> for Choice {
    /// FNV-1a.
    fn from(data: &[u8]) -> Self {
        let sum = data.iter().fold(0xcbf2_9ce4_8422_2325u64, |sum, &byte| {
            (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(sum | 1)
    }
}

impl Choice {
    /// A number below `n` (xorshift64*).
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % n.max(1)
    }
}
