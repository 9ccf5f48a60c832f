//! Short recordings that a made track plays again and again: clicks of one's own, spoken cues.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::media::{self, MediaError, OpenOptions, Reader};

/// Frames that are read at a time.
const CHUNK: usize = 16 * 1024;

/// Sounds that have been read, by file and rate: decks of one song share them.
#[derive(Clone, Default)]
pub(crate) struct Sounds(Arc<Mutex<HashMap<(PathBuf, u32), Sound>>>);

/// One channel of samples.
pub(super) type Sound = Arc<[f32]>;

impl Sounds {
    /// A file as one channel (the average of all) at `rate` Hz, up to `longest_s` seconds of it.
    ///
    /// # Errors
    /// It can't be read, is damaged, or is longer.
    pub(super) fn load(&self, file: &Path, rate: u32, longest_s: u32) -> Result<Sound, MediaError> {
        let key = (file.to_owned(), rate);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sound) = known.get(&key) {
            return Ok(sound.clone());
        }
        let reader = media::open(file, &OpenOptions::default())?;
        let sound: Sound = read(media::at_rate(media::mono(reader), rate)?, longest_s)?.into();
        known.insert(key, sound.clone());
        Ok(sound)
    }
}

/// Whether a file can be such a sound.
///
/// # Errors
/// As of [`Sounds::load`].
pub(super) fn look(file: &Path, longest_s: u32) -> Result<(), MediaError> {
    read(
        media::mono(media::open(file, &OpenOptions::default())?),
        longest_s,
    )
    .map(drop)
}

fn read(mut reader: Box<dyn Reader>, longest_s: u32) -> Result<Vec<f32>, MediaError> {
    let longest = reader.spec().rate as usize * longest_s as usize;
    let mut sound = Vec::new();
    let mut plane = vec![0.0; CHUNK];
    loop {
        let n = reader.read(&mut [&mut plane])?;
        if n == 0 {
            return Ok(sound);
        }
        sound.extend_from_slice(plane.get(..n).unwrap_or_default());
        if sound.len() > longest {
            return Err(MediaError::Unsupported {
                path: reader.spec().path.clone(),
                what: format!(
                    "longer than the {longest_s} s that such a sound may have; make it a track of its own"
                ),
            });
        }
    }
}

/// Adds a sound that begins at frame `start` to the samples from frame `from` on.
pub(super) fn add(sound: &[f32], start: i64, from: u64, plane: &mut [f32]) {
    let from = i64::try_from(from).unwrap_or(i64::MAX);
    // (Where `usize` has 32 bits, what is farther is nowhere near.)
    let apart = |frames: i64| usize::try_from(frames.max(0)).unwrap_or(usize::MAX);
    let ahead = apart(start.saturating_sub(from));
    let passed = apart(from.saturating_sub(start));
    let rest = sound.get(passed..).unwrap_or_default();
    let out = plane.get_mut(ahead..).unwrap_or_default();
    out.iter_mut().zip(rest).for_each(|(out, x)| *out += *x);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_is_added_where_it_is() {
        let sound = [1.0, 2.0, 3.0];
        for (start, from, wanted) in [
            (10, 10, [1.0, 2.0, 3.0, 0.0]),
            (12, 10, [0.0, 0.0, 1.0, 2.0]),
            (9, 10, [2.0, 3.0, 0.0, 0.0]),
            (-1, 0, [2.0, 3.0, 0.0, 0.0]),
            (7, 10, [0.0; 4]),
            (14, 10, [0.0; 4]),
            (i64::MAX, 0, [0.0; 4]),
            (i64::MIN, u64::MAX, [0.0; 4]),
        ] {
            let mut plane = [0.0; 4];
            add(&sound, start, from, &mut plane);
            assert_eq!(plane, wanted, "{start} {from}");
        }
    }
}
