//! How many stems a machine and its device hold: the real player, feeder and engine on the real
//! driver, at several periods, with nothing to be heard.
//!
//! A trial plays so many stems for a while. It *holds* when no callback was late, the device
//! reported no xrun and nothing starved. The margin is the part of the period that the longest
//! callback left. For each period the stems that were asked for are tried first, then the most
//! there may be, then what lies between, by halving.

mod material;
mod suggest;
mod trial;

use std::time::Duration;

use engine_core::convert::SampleFormat;
use engine_core::host::TRACKS;
use serde::Serialize;

use crate::player::{Output, PlayerError};

use material::Material;
pub use suggest::suggest;
pub use trial::{Place, Trial};

/// Most stems there may be.
pub const MOST: usize = TRACKS;

/// Counts that are tried between those that hold and those that don't.
const LADDER: [usize; 14] = [1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 80, 96, 112];

/// Most trials at a period: what was asked, the most, and four between.
const TRIALS: u32 = 6;

/// Why nothing can be measured.
#[derive(Debug, thiserror::Error)]
pub enum CapacityError {
    /// The stem can't be written to the folder for temporary files. Make room there, or set `TMPDIR`.
    #[error("the stem to measure with can't be written to the folder for temporary files: {0}")]
    Material(std::io::Error),
    /// The device or server refuses, or does not play.
    #[error(transparent)]
    Player(#[from] PlayerError),
}

/// What is to be measured, where, and for how long.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// Where.
    pub output: Output,
    /// Hz; `None` is the device's or server's choice.
    pub rate: Option<u32>,
    /// Periods in the device's buffer.
    pub periods: Option<u32>,
    /// Sample format of the device.
    pub format: Option<SampleFormat>,
    /// Length of the rings, ms.
    pub ring_ms: u32,
    /// Stems to try first, 1 to [`MOST`].
    pub stems: usize,
    /// Measuring time of a trial.
    pub trial: Duration,
}

/// Measuring time of a trial, so that all trials at so many periods take at most `seconds` together.
pub fn share(seconds: u32, periods: usize) -> Duration {
    let periods = u32::try_from(periods.max(1)).unwrap_or(1);
    Duration::from_secs(seconds.into()) / (periods * TRIALS)
}

/// What was measured at one period.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AtPeriod {
    /// Frames, as granted.
    pub period_frames: u32,
    /// The period's time, ms.
    pub budget_ms: f64,
    /// With the stems that were asked for.
    pub asked: Trial,
    /// With the most stems that hold; `None` when not even one does.
    pub most: Option<Trial>,
}

impl Measurement {
    /// Measures at a period of `period` frames (`None` is the server's). Tells `watch` before each
    /// trial how many stems it has.
    ///
    /// # Errors
    /// Why the device or server refuses, or why the material can't be written.
    pub fn at(
        &self,
        period: Option<u32>,
        watch: &mut dyn FnMut(usize),
    ) -> Result<(Place, AtPeriod), CapacityError> {
        let written = |rate| Material::new(rate).map_err(CapacityError::Material);
        let mut material = written(self.rate.unwrap_or(48_000))?;
        watch(self.stems);
        let (mut place, mut asked) = trial::run(self, period, self.stems, &material)?;
        if place.rate != material.rate() {
            // Those stems were resampled.
            material = written(place.rate)?;
            watch(self.stems);
            (place, asked) = trial::run(self, period, self.stems, &material)?;
        }
        let most = most(asked.clone(), |stems| {
            watch(stems);
            Ok::<_, CapacityError>(trial::run(self, period, stems, &material)?.1)
        })?;
        let at = AtPeriod {
            period_frames: place.period,
            budget_ms: f64::from(place.period) * 1000.0 / f64::from(place.rate.max(1)),
            asked,
            most,
        };
        Ok((place, at))
    }
}

/// The trial with the most stems that holds, given what one of them showed.
fn most<E>(
    first: Trial,
    mut run: impl FnMut(usize) -> Result<Trial, E>,
) -> Result<Option<Trial>, E> {
    let mut most = None;
    let mut fails = MOST + 1;
    let mut holds = 0;
    let mut next = Some(MOST).filter(|n| *n != first.stems);
    let mut trial = first;
    loop {
        if trial.holds {
            holds = trial.stems;
            most = Some(trial);
        } else {
            fails = trial.stems;
        }
        let stems = match next.take() {
            // When few don't hold, many needn't be tried.
            Some(n) if n < fails => n,
            _ => {
                let between = LADDER.iter().filter(|n| **n > holds && **n < fails);
                let between: Vec<usize> = between.copied().collect();
                match between.get(between.len() / 2) {
                    Some(n) => *n,
                    None => return Ok(most),
                }
            }
        };
        trial = run(stems)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(stems: usize, holds: bool) -> Trial {
        Trial {
            stems,
            holds,
            ..Trial::default()
        }
    }

    /// On a machine that holds `limit` stems: what is found, and the trials it took.
    fn search(limit: usize, first: usize) -> (Option<usize>, u32) {
        let mut trials = 1;
        let found = most(trial(first, first <= limit), |stems| {
            trials += 1;
            Ok::<_, ()>(trial(stems, stems <= limit))
        });
        (found.unwrap().map(|t| t.stems), trials)
    }

    #[test]
    fn the_most_that_holds_is_found_in_few_trials() {
        for first in 1..=MOST {
            assert_eq!(search(MOST, first).0, Some(MOST));
            assert_eq!(search(0, first).0, None);
            for limit in 1..MOST {
                let (found, trials) = search(limit, first);
                let best = LADDER.into_iter().chain([first]).filter(|n| *n <= limit);
                assert_eq!(found, best.max(), "{limit} hold, {first} first");
                assert!(trials <= TRIALS, "{limit} hold, {first} first: {trials}");
            }
        }
        assert_eq!(search(MOST, 24), (Some(MOST), 2));
    }

    #[test]
    fn the_time_is_shared_out() {
        assert_eq!(share(24, 4), Duration::from_secs(1));
        assert_eq!(share(3, 1), Duration::from_millis(500));
    }
}
