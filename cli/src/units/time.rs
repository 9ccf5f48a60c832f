//! Times: `[[H:]MM:]SS[.fff]`, `Nf`, `@SECTION` and ranges of them, exact to the nanosecond.

use std::fmt;
use std::str::FromStr;

use super::UnitError;
use crate::song::Time;

const EXPECTED: &str =
    "a time such as `90`, `1:30.5`, `1:02:30`, `96000f` (frames) or `@chorus` (a section)";
const NANOS: u64 = 1_000_000_000;

impl FromStr for Time {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        if let Some(section) = text.strip_prefix('@') {
            if section.trim().is_empty() {
                return Err(UnitError::new("the name of a section after `@`", text));
            }
            return Ok(Time::Section(section.to_owned()));
        }
        if let Some(frames) = text.strip_suffix('f') {
            return whole(frames)
                .map(Time::Frames)
                .ok_or_else(|| UnitError::new(EXPECTED, text));
        }
        clock(text).map(Time::Nanos)
    }
}

/// A number of digits only.
fn whole(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn clock(text: &str) -> Result<u64, UnitError> {
    let error = || UnitError::new(EXPECTED, text);
    let (clock, fraction) = match text.split_once('.') {
        Some((clock, fraction)) => (
            clock,
            nanos(fraction).ok_or_else(|| fraction_error(fraction, text))?,
        ),
        None => (text, 0),
    };
    let parts: Vec<u64> = clock
        .split(':')
        .map(whole)
        .collect::<Option<_>>()
        .ok_or_else(error)?;
    let below_60 = |n: u64| {
        if n < 60 {
            Ok(n)
        } else {
            Err(UnitError::new(
                "minutes and seconds below 60 after a `:`",
                text,
            ))
        }
    };
    let seconds = match parts[..] {
        [s] => Some(s),
        [m, s] => {
            let s = below_60(s)?;
            m.checked_mul(60).and_then(|m| m.checked_add(s))
        }
        [h, m, s] => {
            let (m, s) = (below_60(m)?, below_60(s)?);
            h.checked_mul(3600).and_then(|h| h.checked_add(m * 60 + s))
        }
        _ => return Err(error()),
    };
    seconds
        .and_then(|s| s.checked_mul(NANOS))
        .and_then(|n| n.checked_add(fraction))
        .ok_or_else(|| UnitError::new("a time of less than 500 years", text))
}

/// The digits after the point as nanoseconds.
fn nanos(fraction: &str) -> Option<u64> {
    if fraction.len() > 9 {
        return None;
    }
    whole(fraction).map(|n| n * 10u64.pow(9 - fraction.len() as u32))
}

fn fraction_error(fraction: &str, text: &str) -> UnitError {
    if fraction.len() > 9 && fraction.bytes().all(|b| b.is_ascii_digit()) {
        UnitError::new("at most nine digits after the point (nanoseconds)", text)
    } else {
        UnitError::new(EXPECTED, text)
    }
}

/// The shortest text that parses to the same time: `0:05`, `1:02:30.5`, `96000f`, `@chorus`.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Time::Nanos(nanos) => {
                let (seconds, fraction) = (nanos / NANOS, nanos % NANOS);
                let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
                if h > 0 {
                    write!(f, "{h}:{m:02}:{s:02}")?;
                } else {
                    write!(f, "{m}:{s:02}")?;
                }
                if fraction > 0 {
                    write!(f, ".{}", format!("{fraction:09}").trim_end_matches('0'))?;
                }
                Ok(())
            }
            Time::Frames(frames) => write!(f, "{frames}f"),
            Time::Section(section) => write!(f, "@{section}"),
        }
    }
}

/// `A..B`: from A, inclusive, to B, exclusive.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeRange {
    /// First frame; `None` (`..B`) is the song's start.
    pub start: Option<Time>,
    /// One past the last frame; `None` (`A..`) is the song's end.
    pub end: Option<Time>,
}

impl FromStr for TimeRange {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let expected = "a range such as `1:00..1:30`, `@verse..@chorus`, `1:00..` or `..1:30`";
        let (start, end) = text
            .split_once("..")
            .ok_or_else(|| UnitError::new(expected, text))?;
        let side = |side: &str| (!side.is_empty()).then(|| side.parse()).transpose();
        let range = Self {
            start: side(start)?,
            end: side(end)?,
        };
        match (&range.start, &range.end) {
            (None, None) => Err(UnitError::new(expected, text)),
            (Some(start), Some(end)) if start.is_known_not_before(end) => {
                Err(UnitError::new("a range whose end is after its start", text))
            }
            (None, Some(Time::Nanos(0) | Time::Frames(0))) => {
                Err(UnitError::new("a range whose end is after its start", text))
            }
            _ => Ok(range),
        }
    }
}

impl Time {
    /// Whether it is certainly at or after `other`. Seconds and frames can't be compared before the
    /// rate is known; zero can.
    pub fn is_known_not_before(&self, other: &Time) -> bool {
        match (self, other) {
            (Time::Nanos(a), Time::Nanos(b)) | (Time::Frames(a), Time::Frames(b)) => a >= b,
            (_, Time::Nanos(0) | Time::Frames(0)) => !matches!(self, Time::Section(_)),
            (Time::Section(a), Time::Section(b)) => a == b,
            _ => false,
        }
    }
}

impl fmt::Display for TimeRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(start) = &self.start {
            write!(f, "{start}")?;
        }
        f.write_str("..")?;
        match &self.end {
            Some(end) => write!(f, "{end}"),
            None => Ok(()),
        }
    }
}

/// The frame at which `nanos` falls at `rate` Hz, rounded half up; saturating.
pub fn frames_from_nanos(nanos: u64, rate: u32) -> u64 {
    let second = u128::from(NANOS);
    let doubled = 2 * u128::from(nanos) * u128::from(rate);
    ((doubled + second) / (2 * second))
        .try_into()
        .unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn known_values() {
        assert_eq!(time("0"), Time::Nanos(0));
        assert_eq!(time("90"), Time::Nanos(90 * NANOS));
        assert_eq!(time("1:30"), Time::Nanos(90 * NANOS));
        assert_eq!(time("01:30.5"), Time::Nanos(90_500_000_000));
        assert_eq!(time("1:02:03.004"), Time::Nanos(3_723_004_000_000));
        assert_eq!(time("0.000000001"), Time::Nanos(1));
        assert_eq!(time("100:00"), Time::Nanos(6000 * NANOS));
        assert_eq!(time("96000f"), Time::Frames(96_000));
        assert_eq!(time("@chorus"), Time::Section("chorus".into()));
        assert_eq!(time("@2nd verse"), Time::Section("2nd verse".into()));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            ":",
            "1:",
            ":1",
            "1:2:3:4",
            "-1",
            "+1",
            "1.",
            ".5",
            "1e3",
            "f",
            "-1f",
            "1.5f",
            "one",
            "1 ",
            " 1",
            "1.5.5",
            "nan",
            "99999999999999999999f",
            "1.:2",
        ] {
            let error = text.parse::<Time>().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("expected {EXPECTED}, not `{text}`")
            );
        }
        let message = |text: &str| text.parse::<Time>().unwrap_err().to_string();
        assert_eq!(
            message("1:60"),
            "expected minutes and seconds below 60 after a `:`, not `1:60`"
        );
        assert_eq!(
            message("1:75:00"),
            "expected minutes and seconds below 60 after a `:`, not `1:75:00`"
        );
        assert_eq!(
            message("@"),
            "expected the name of a section after `@`, not `@`"
        );
        assert_eq!(
            message("1.0000000001"),
            "expected at most nine digits after the point (nanoseconds), not `1.0000000001`"
        );
        assert_eq!(
            message("99999999999"),
            "expected a time of less than 500 years, not `99999999999`"
        );
        assert_eq!(
            message("9999999999999999:00"),
            "expected a time of less than 500 years, not `9999999999999999:00`"
        );
    }

    #[test]
    fn ranges() {
        let range = |text: &str| text.parse::<TimeRange>();
        assert_eq!(
            range("1:00..@chorus").unwrap(),
            TimeRange {
                start: Some(time("60")),
                end: Some(time("@chorus"))
            }
        );
        assert_eq!(
            range("1.5..2.5").unwrap().end,
            Some(Time::Nanos(2_500_000_000))
        );
        assert_eq!(range("5..").unwrap().end, None);
        assert_eq!(range("..5").unwrap().start, None);
        assert!(range("0..48000f").is_ok());
        let expected =
            "expected a range such as `1:00..1:30`, `@verse..@chorus`, `1:00..` or `..1:30`, not";
        for text in ["", "..", "1:00", "1-2", "@verse"] {
            assert_eq!(
                range(text).unwrap_err().to_string(),
                format!("{expected} `{text}`")
            );
        }
        for text in ["2..1", "1..1", "5f..5f", "@a..@a", "..0", "1..0f"] {
            assert_eq!(
                range(text).unwrap_err().to_string(),
                format!("expected a range whose end is after its start, not `{text}`")
            );
        }
        assert!(range("a..1").is_err());
        assert!(range("1...2").is_err());
    }

    #[test]
    fn frames_round_half_up() {
        assert_eq!(frames_from_nanos(NANOS, 44_100), 44_100);
        assert_eq!(frames_from_nanos(NANOS / 2, 44_101), 22_051); // 22050.5
        assert_eq!(frames_from_nanos(1, 48_000), 0);
        assert_eq!(frames_from_nanos(10_416, 48_000), 0); // 0.499968
        assert_eq!(frames_from_nanos(10_417, 48_000), 1); // 0.500016
        assert_eq!(frames_from_nanos(u64::MAX, u32::MAX), u64::MAX);
        // A day at 44.1 kHz, where f64 seconds would still do and f32 would not.
        assert_eq!(
            frames_from_nanos(86_400 * NANOS + 22_676, 44_100),
            3_810_240_001
        );
    }

    proptest! {
        #[test]
        fn text_round_trips(nanos: u64, frames: u64, section in "[^.@\\s][^.]{0,20}") {
            for time in [Time::Nanos(nanos), Time::Frames(frames), Time::Section(section)] {
                prop_assert_eq!(time.to_string().parse::<Time>().unwrap(), time.clone());
                let range = TimeRange { start: Some(time), end: None };
                prop_assert_eq!(range.to_string().parse::<TimeRange>().unwrap(), range);
            }
        }

        #[test]
        fn any_text_is_answered(text in "[0-9:.@f]{0,12}") {
            let _ = text.parse::<Time>();
            let _ = text.parse::<TimeRange>();
        }

        #[test]
        fn frames_are_the_nearest(frame in 0u64..1 << 40, rate in 8_000u32..768_000) {
            // The time of a frame, rounded to nanoseconds, comes back to that frame.
            let nanos = (2 * u128::from(frame) * u128::from(NANOS) + u128::from(rate)) / (2 * u128::from(rate));
            prop_assert_eq!(frames_from_nanos(nanos as u64, rate), frame);
        }
    }
}
