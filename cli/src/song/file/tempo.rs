//! The tempo map of a song file.

use toml::Spanned;

use super::File;
use super::raw::RawStretch;
use crate::located::Located;
use crate::song::Time;
use crate::song::tempo::{BPM, MAX_BEATS, Stretch};

impl File<'_> {
    pub(super) fn tempo(
        &self,
        raw: Option<Spanned<Vec<RawStretch>>>,
    ) -> Result<Vec<Stretch>, Located> {
        let Some(raw) = raw else {
            return Ok(Vec::new());
        };
        if raw.get_ref().is_empty() {
            return self.error(&raw, "a tempo map needs at least one tempo");
        }
        let mut stretches: Vec<Stretch> = Vec::new();
        for raw in raw.into_inner() {
            let at = match &raw.at {
                Some(at) => self.own_time(at, "a tempo's own time")?,
                None if stretches.is_empty() => Time::Nanos(0),
                None => {
                    return self.error(
                        &raw.bpm,
                        "`at` is missing: every tempo but the first needs it",
                    );
                }
            };
            if let (Some(before), Some(place)) = (stretches.last(), &raw.at)
                && before.at.is_known_not_before(&at)
            {
                return self.error(place, "a tempo must begin after the one before it");
            }
            let bpm = raw.bpm.get_ref().0;
            if !BPM.contains(&bpm) {
                let what = format!(
                    "expected beats per minute from {} to {}, not `{bpm}`",
                    BPM.start(),
                    BPM.end()
                );
                return self.error(&raw.bpm, what);
            }
            let (beats, unit) = match (&raw.meter, stretches.last()) {
                (Some(meter), _) => self.meter(meter)?,
                (None, Some(before)) => (before.beats, before.unit),
                (None, None) => (4, 4),
            };
            stretches.push(Stretch {
                at,
                // In range, so that it is exact as far as a f64 is.
                micro_bpm: (bpm * 1e6).round() as u64,
                beats,
                unit,
            });
        }
        Ok(stretches)
    }

    fn meter(&self, raw: &Spanned<String>) -> Result<(u32, u32), Located> {
        let numbers = raw.get_ref().split_once('/').and_then(|(beats, unit)| {
            let beats = beats.parse().ok().filter(|b| (1..=MAX_BEATS).contains(b))?;
            let unit: u32 = unit.parse().ok()?;
            (unit.is_power_of_two() && unit <= 64).then_some((beats, unit))
        });
        match numbers {
            Some(meter) => Ok(meter),
            None => {
                let what = format!(
                    "expected a meter such as \"4/4\" or \"6/8\", not `{}`",
                    raw.get_ref()
                );
                self.error(raw, what)
            }
        }
    }
}
