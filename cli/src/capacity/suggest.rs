//! From figures to a profile.

use super::AtPeriod;
use crate::config::Profile;

/// What must be left of the period, %: half of it, for what other programs may do one day.
const MARGIN_PCT: f64 = 50.0;

/// The profile with the shortest period at which the stems that were asked for hold with half of the
/// time to spare, in words too. Profiles above 512 frames are judged by what was measured at the
/// longest period: they leave more.
pub fn suggest(measured: &[AtPeriod]) -> (Profile, String) {
    let of = |profile: Profile| {
        let period = profile.values().period;
        let fitting = measured.iter().filter(|at| at.period_frames <= period);
        fitting.max_by_key(|at| at.period_frames)
    };
    for profile in [Profile::LowLatency, Profile::Modern, Profile::Balanced] {
        let Some(at) = of(profile) else { continue };
        let (stems, frames, margin) = (at.asked.stems, at.period_frames, at.asked.margin_pct);
        let wanted = match profile {
            Profile::Balanced => 0.0,
            _ => MARGIN_PCT,
        };
        if at.asked.holds && margin >= wanted {
            let why = format!(
                "{stems} stems hold at {frames} frames and leave {margin:.0} % of the time"
            );
            return (profile, why);
        }
    }
    let why = match measured.iter().max_by_key(|at| at.period_frames) {
        Some(at) => format!(
            "{} stems do not hold at {} frames",
            at.asked.stems, at.period_frames
        ),
        None => "nothing could be measured".to_owned(),
    };
    (Profile::Legacy, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::Trial;

    fn at(period_frames: u32, holds: bool, margin_pct: f64) -> AtPeriod {
        AtPeriod {
            period_frames,
            budget_ms: f64::from(period_frames) / 48.0,
            asked: Trial {
                stems: 24,
                holds,
                margin_pct,
                ..Trial::default()
            },
            most: None,
        }
    }

    fn of(measured: &[AtPeriod]) -> Profile {
        suggest(measured).0
    }

    #[test]
    fn the_shortest_period_with_time_to_spare() {
        let good = at(512, true, 95.0);
        assert_eq!(
            of(&[at(64, false, -2.0), at(128, true, 60.0), good.clone()]),
            Profile::LowLatency
        );
        assert_eq!(of(&[at(128, true, 49.0), good.clone()]), Profile::Modern);
        assert_eq!(of(&[at(128, false, 80.0), good]), Profile::Modern);
        assert_eq!(
            of(&[at(128, false, -10.0), at(512, true, 20.0)]),
            Profile::Balanced
        );
        assert_eq!(
            of(&[at(128, false, -10.0), at(512, false, -1.0)]),
            Profile::Legacy
        );
        assert_eq!(of(&[]), Profile::Legacy);
        let why = suggest(&[at(128, true, 97.3)]).1;
        assert_eq!(
            why,
            "24 stems hold at 128 frames and leave 97 % of the time"
        );
    }
}
