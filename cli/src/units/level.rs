//! Levels: decibels on every surface, linear factors inside.

use std::fmt;
use std::str::FromStr;

use super::{UnitError, finite};

/// The ceiling of every level where nothing else is configured, dB.
pub const DEFAULT_MAX_GAIN_DB: f64 = 12.0;

const EXPECTED: &str = "a level in dB such as `-6`, `+3.5dB` or `-inf`, or a factor such as `x0.5`";

/// A level as it was given: in dB (`-6`, `-6dB`, `-inf`) or as a linear factor (`x0.5`).
/// Never NaN, never +∞.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level(Given);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Given {
    Db(f64),
    Factor(f64),
}

impl Level {
    /// 0 dB.
    pub const UNITY: Level = Level(Given::Db(0.0));

    /// A level in dB; −∞ is silence.
    ///
    /// # Errors
    /// NaN and +∞ are no levels.
    pub fn from_db(db: f64) -> Result<Self, UnitError> {
        if db.is_nan() || db == f64::INFINITY {
            return Err(UnitError::new(EXPECTED, &db.to_string()));
        }
        Ok(Self(Given::Db(db)))
    }

    /// The linear gain, clamped to the ceiling `max_db` (dB) and to 0 from below.
    pub fn gain(self, max_db: f64) -> f32 {
        match self.0 {
            Given::Db(db) => gain_from_db(db.min(max_db)),
            Given::Factor(factor) => (factor.max(0.0) as f32).min(gain_from_db(max_db)),
        }
    }

    /// The same level in dB; a factor of 0 or below is −∞.
    pub fn db(self) -> f64 {
        match self.0 {
            Given::Db(db) => db,
            Given::Factor(factor) if factor <= 0.0 => f64::NEG_INFINITY,
            Given::Factor(factor) => 20.0 * libm::log10(factor),
        }
    }

    /// Whether [`Self::gain`] would clamp it to the ceiling.
    pub fn is_above(self, max_db: f64) -> bool {
        match self.0 {
            Given::Db(db) => db > max_db,
            Given::Factor(factor) => factor as f32 > gain_from_db(max_db),
        }
    }
}

impl FromStr for Level {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || UnitError::new(EXPECTED, text);
        let trimmed = text.trim();
        if let Some(factor) = trimmed.strip_prefix(['x', 'X']) {
            return finite(factor)
                .map(|f| Self(Given::Factor(f)))
                .ok_or_else(error);
        }
        let number = match trimmed
            .len()
            .checked_sub(2)
            .and_then(|at| trimmed.split_at_checked(at))
        {
            Some((number, suffix)) if suffix.eq_ignore_ascii_case("db") => number.trim_end(),
            _ => trimmed,
        };
        if number.eq_ignore_ascii_case("-inf") {
            return Ok(Self(Given::Db(f64::NEG_INFINITY)));
        }
        finite(number)
            .map(|db| Self(Given::Db(db)))
            .ok_or_else(error)
    }
}

/// The shortest text that parses to the same level: `-6 dB`, `-inf dB`, `x0.5`.
impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Given::Db(db) => write!(f, "{db} dB"),
            Given::Factor(factor) => write!(f, "x{factor}"),
        }
    }
}

/// The linear gain of a level in dB: 10^(dB/20) in f64, rounded to f32. `libm` and not the system's
/// mathematics, so that it is the same number on every machine. NaN gives silence.
pub fn gain_from_db(db: f64) -> f32 {
    if db.is_nan() {
        return 0.0;
    }
    libm::pow(10.0, db / 20.0) as f32
}

/// The level in dB of a linear gain; −∞ for 0, for less, and for NaN.
pub fn db_from_gain(gain: f32) -> f64 {
    if gain > 0.0 {
        20.0 * libm::log10(f64::from(gain))
    } else {
        f64::NEG_INFINITY
    }
}

/// The same as a person would write it: the level with the fewest digits that is exactly this gain again.
pub fn exact_db(gain: f32) -> f64 {
    let db = db_from_gain(gain);
    (0..=12)
        .filter_map(|digits| format!("{db:.digits$}").parse().ok())
        .find(|short: &f64| gain_from_db(*short) == gain)
        .map_or(db, |short| short + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn gain(text: &str) -> f32 {
        text.parse::<Level>().unwrap().gain(DEFAULT_MAX_GAIN_DB)
    }

    #[test]
    fn exact_levels_come_back_as_they_were() {
        for db in [0.0, 12.0, -6.0, -3.5, -0.1, -60.0, 7.25, f64::NEG_INFINITY] {
            assert_eq!(exact_db(gain_from_db(db)), db);
        }
        let mut gain = 1e-6_f32;
        while gain < 4.0 {
            assert_eq!(gain_from_db(exact_db(gain)), gain, "{gain}");
            gain *= 1.000_37;
        }
    }

    #[test]
    fn known_values() {
        assert_eq!(gain("0"), 1.0);
        assert_eq!(gain("-0"), 1.0);
        assert_eq!(gain("-20"), 0.1);
        assert_eq!(gain("-6"), 0.501_187_2);
        assert_eq!(gain("-6dB"), gain("-6"));
        assert_eq!(gain(" -6 db "), gain("-6"));
        assert_eq!(gain("+6.5DB"), gain("6.5"));
        assert_eq!(gain("-inf"), 0.0);
        assert_eq!(gain("-INFdB"), 0.0);
        assert_eq!(gain("x0.5"), 0.5);
        assert_eq!(gain("x1"), 1.0);
        assert_eq!(gain("X0"), 0.0);
    }

    #[test]
    fn out_of_range_clamps() {
        let ceiling = gain_from_db(12.0);
        assert_eq!(ceiling, 3.981_071_7);
        assert_eq!(gain("40"), ceiling);
        assert_eq!(gain("x100"), ceiling);
        assert_eq!(gain("x1e300"), ceiling);
        assert_eq!(gain("x-0.5"), 0.0);
        assert_eq!("40".parse::<Level>().unwrap().gain(60.0), 100.0);
        assert!("12.1".parse::<Level>().unwrap().is_above(12.0));
        assert!(!"12".parse::<Level>().unwrap().is_above(12.0));
        assert!("x4".parse::<Level>().unwrap().is_above(12.0));
        assert!(!"x3.9".parse::<Level>().unwrap().is_above(12.0));
    }

    #[test]
    fn what_is_no_level_is_refused() {
        for text in [
            "", "nan", "NaN", "inf", "+inf", "infinity", "loud", "x", "xx1", "x-inf", "1,5", "dB",
            "--3", "1e999", "6 dBFS", "0x10", "é", "xnan",
        ] {
            let error = text.parse::<Level>().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("expected {EXPECTED}, not `{text}`")
            );
        }
        assert!(Level::from_db(f64::NAN).is_err());
        assert!(Level::from_db(f64::INFINITY).is_err());
    }

    #[test]
    fn printing() {
        assert_eq!("-6.50db".parse::<Level>().unwrap().to_string(), "-6.5 dB");
        assert_eq!("-inf".parse::<Level>().unwrap().to_string(), "-inf dB");
        assert_eq!("x0.50".parse::<Level>().unwrap().to_string(), "x0.5");
        assert_eq!("x0".parse::<Level>().unwrap().db(), f64::NEG_INFINITY);
        assert_eq!(db_from_gain(0.1).round(), -20.0);
        assert_eq!(db_from_gain(0.0), f64::NEG_INFINITY);
    }

    proptest! {
        #[test]
        fn text_round_trips(db in -200.0..200.0f64, factor in 0.0..1e6f64) {
            for text in [format!("{db}"), format!("{db}dB"), format!("x{factor}")] {
                let level: Level = text.parse().unwrap();
                prop_assert_eq!(level, level.to_string().parse().unwrap());
            }
        }

        #[test]
        fn any_text_is_answered(text in ".*") {
            if let Ok(level) = text.parse::<Level>() {
                let gain = level.gain(DEFAULT_MAX_GAIN_DB);
                prop_assert!((0.0..=gain_from_db(DEFAULT_MAX_GAIN_DB)).contains(&gain));
            }
        }

        #[test]
        fn db_and_gain_agree(db in -120.0..24.0f64) {
            prop_assert!((db_from_gain(gain_from_db(db)) - db).abs() < 1e-6);
        }
    }
}
