//! A click on every beat of the tempo map, and between them if wanted.

use std::f64::consts::TAU;
use std::path::PathBuf;

use super::Maker;
use super::sounds::{Sound, Sounds, add};
use crate::media::MediaError;
use crate::song::Song;
use crate::song::tempo::Grid;

/// How long a click sounds, ms.
const LENGTH_MS: u32 = 30;
/// Its time constant, s: over a seventh of this it falls by a factor of e.
const DECAY_S: f64 = 0.006;
/// Pitch of a beat, and of an accented one, Hz.
const PITCH: (f64, f64) = (1000.0, 1500.0);
/// Level of a beat that isn't accented.
const SOFTER: f64 = 0.6;

/// Longest sound of one's own, s.
pub(super) const LONGEST_S: u32 = 2;
/// Level of a click between beats.
const BETWEEN: f64 = 0.3;

/// A click made from the tempo map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Click {
    /// Beats of a bar that are accented, from 1.
    pub accents: Vec<u32>,
    /// Bars of click before the music; the times of the song are later by that.
    pub count_in: u32,
    /// Clicks a beat, from 1.
    pub subdivision: u32,
    /// Recordings in place of its own sounds.
    pub sounds: ClickSounds,
}

/// Recordings of up to 2 s; several channels are averaged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClickSounds {
    /// A beat.
    pub beat: Option<PathBuf>,
    /// An accented beat; as a beat when there is none.
    pub accent: Option<PathBuf>,
    /// What is between beats; as a beat when there is none.
    pub between: Option<PathBuf>,
}

impl ClickSounds {
    /// Those there are.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.beat, &self.accent, &self.between]
            .into_iter()
            .flatten()
    }
}

impl Default for Click {
    fn default() -> Self {
        Self {
            accents: vec![1],
            count_in: 0,
            subdivision: 1,
            sounds: ClickSounds::default(),
        }
    }
}

pub(super) struct Clicks {
    /// Each beat in its parts.
    grid: Grid,
    parts: u32,
    accents: Vec<u32>,
    beat: Sound,
    accent: Sound,
    between: Sound,
}

impl Click {
    pub(super) fn maker(
        &self,
        song: &Song,
        rate: u32,
        sounds: &Sounds,
    ) -> Result<Clicks, MediaError> {
        let load = |file: &Option<PathBuf>, else_from: &Option<PathBuf>, pitch, level| match file
            .as_ref()
            .or(else_from.as_ref())
        {
            Some(file) => sounds.load(file, rate, LONGEST_S),
            None => Ok(sound(pitch, level, rate).into()),
        };
        let own = &self.sounds;
        let parts = self.subdivision.max(1);
        Ok(Clicks {
            grid: Grid::new(song, rate).divided(parts),
            parts,
            accents: self.accents.clone(),
            beat: load(&own.beat, &None, PITCH.0, SOFTER)?,
            accent: load(&own.accent, &own.beat, PITCH.1, 1.0)?,
            between: load(&own.between, &own.beat, PITCH.0, BETWEEN)?,
        })
    }
}

/// A sine that dies away. It begins at 0, with the beat's first frame. Curves come from libm, for the same samples on every
/// machine.
fn sound(pitch: f64, level: f64, rate: u32) -> Vec<f32> {
    let rate = f64::from(rate);
    let frames = (rate * f64::from(LENGTH_MS) / 1000.0) as u32;
    (0..frames)
        .map(|i| {
            let t = f64::from(i) / rate;
            (level * libm::sin(TAU * pitch * t) * libm::exp(-t / DECAY_S)) as f32
        })
        .collect()
}

impl Maker for Clicks {
    fn make(&self, from: u64, plane: &mut [f32]) {
        plane.fill(0.0);
        let longest = [&self.beat, &self.accent, &self.between];
        let longest = longest.iter().map(|s| s.len()).max().unwrap_or(0) as u64;
        let to = from.saturating_add(plane.len() as u64);
        // Those before may still sound.
        let ticks = self.grid.beats(from.saturating_sub(longest));
        for tick in ticks.take_while(|tick| tick.frame < to) {
            let (beat, part) = (
                (tick.beat - 1) / self.parts + 1,
                (tick.beat - 1) % self.parts,
            );
            let sound = match part {
                0 if self.accents.contains(&beat) => &self.accent,
                0 => &self.beat,
                _ => &self.between,
            };
            add(
                sound,
                i64::try_from(tick.frame).unwrap_or(i64::MAX),
                from,
                plane,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::song::Time;
    use crate::song::tempo::Stretch;

    /// An hour at 137.3 bpm with changes of meter: each click begins on the frame that exact arithmetic gives.
    #[test]
    fn an_hour_of_clicks_is_on_the_map() {
        for rate in [44_100u32, 48_000] {
            let stretch = |at, beats| Stretch {
                at: Time::Nanos(at),
                micro_bpm: 137_300_000,
                beats,
                unit: 4,
            };
            let song = Song {
                tempo: vec![
                    stretch(0, 4),
                    stretch(600_000_000_000, 7),
                    stretch(601_000_000_000, 3),
                ],
                ..Song::default()
            };
            let maker = Click::default();
            let maker = maker.maker(&song, rate, &Sounds::default()).unwrap();
            let hour = 3600 * u64::from(rate);
            let mut wanted = Vec::new();
            for (start, end, beats) in [(0, 600, 4), (600, 601, 7), (601, 3600, 3u64)] {
                let (start, end) = (start * u64::from(rate), end * u64::from(rate));
                for n in 0.. {
                    // round(n · 60 · rate / 137.3)
                    let exact =
                        (u128::from(n as u64) * 600 * u128::from(rate) * 2 + 1373) / (2 * 1373);
                    let frame = start + exact as u64;
                    if frame >= end {
                        break;
                    }
                    wanted.push((frame, (n as u64).is_multiple_of(beats)));
                }
            }
            let mut plane = vec![0.0; 1 << 16];
            let (mut silent, mut at, mut beats) = (u64::MAX, 0, wanted.iter());
            while at < hour {
                maker.make(at, &mut plane);
                for (i, x) in plane.iter().enumerate().take((hour - at) as usize) {
                    let frame = at + i as u64;
                    // The first sample of a click is 0, the second isn't.
                    if *x != 0.0 && (frame == 1 || silent.wrapping_add(1) == frame) && *x > 0.05 {
                        let (beat, accent) = beats.next().unwrap();
                        assert_eq!(frame, beat + 1);
                        let first = match accent {
                            true => maker.accent[1],
                            false => maker.beat[1],
                        };
                        assert_eq!(*x, first, "{frame}");
                    }
                    if *x == 0.0 {
                        silent = frame;
                    }
                }
                at += plane.len() as u64;
            }
            assert_eq!(beats.next(), None);
        }
    }
}
