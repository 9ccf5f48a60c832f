//! How a track is named on the command line, and the `TRACK=VALUE` of options.

use std::fmt;
use std::str::FromStr;

use super::{Level, UnitError, finite};
use crate::song::check_name;

/// A track as it was named: `3` is the third, anything else a name, `name:3` the name `3`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TrackRef {
    /// 1-based number.
    Number(usize),
    /// Name, in full and with its case.
    Name(String),
}

impl FromStr for TrackRef {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let expected =
            "a track: its number from 1, its name, or `name:2` for one whose name is a number";
        let error = || UnitError::new(expected, text);
        if let Some(name) = text.strip_prefix("name:") {
            return if name.is_empty() {
                Err(error())
            } else {
                Ok(Self::Name(name.to_owned()))
            };
        }
        if text.is_empty() {
            return Err(error());
        }
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Self::Name(text.to_owned()));
        }
        match text.parse() {
            Ok(0) | Err(_) => Err(error()),
            Ok(number) => Ok(Self::Number(number)),
        }
    }
}

/// As it would be given: parses to the same track.
impl fmt::Display for TrackRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => {
                let ambiguous =
                    name.starts_with("name:") || name.bytes().all(|b| b.is_ascii_digit());
                write!(f, "{}{name}", if ambiguous { "name:" } else { "" })
            }
        }
    }
}

/// Splits `NAME=VALUE` at its last `=`, so that a name may contain one.
///
/// # Errors
/// There is none, or nothing before it; `expected` says what it should look like.
pub fn split_last_equals<'a>(
    text: &'a str,
    expected: &'static str,
) -> Result<(&'a str, &'a str), UnitError> {
    match text.rsplit_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name, value)),
        _ => Err(UnitError::new(expected, text)),
    }
}

/// `TRACK=LEVEL`.
pub fn parse_track_gain(text: &str) -> Result<(TrackRef, Level), UnitError> {
    let (track, level) = split_last_equals(text, "TRACK=LEVEL such as `drums=-6`")?;
    Ok((track.parse()?, level.parse()?))
}

/// `TRACK=PAN`.
pub fn parse_track_pan(text: &str) -> Result<(TrackRef, f32), UnitError> {
    let (track, pan) = split_last_equals(text, "TRACK=PAN such as `drums=-0.5`")?;
    Ok((track.parse()?, parse_pan(pan)?))
}

/// `TRACK=BUS`.
pub fn parse_track_bus(text: &str) -> Result<(TrackRef, String), UnitError> {
    let (track, bus) = split_last_equals(text, "TRACK=BUS such as `drums=main`")?;
    Ok((track.parse()?, check_bus_name(bus, text)?))
}

/// `BUS=3,4`: the 1-based device channels of a bus, one per bus channel.
pub fn parse_bus_outputs(text: &str) -> Result<(String, Vec<u16>), UnitError> {
    let expected =
        "BUS=CHANNELS such as `click=3` or `main=1,2` (device channels from 1, each once)";
    let error = || UnitError::new(expected, text);
    let (bus, list) = split_last_equals(text, expected)?;
    let mut outputs = Vec::new();
    for channel in list.split(',').map(str::trim) {
        let digits = channel.bytes().all(|b| b.is_ascii_digit());
        let number: u16 = digits
            .then(|| channel.parse().ok())
            .flatten()
            .ok_or_else(error)?;
        if number == 0 || outputs.contains(&number) {
            return Err(error());
        }
        outputs.push(number);
    }
    Ok((check_bus_name(bus, text)?, outputs))
}

/// A position from −1 (left) to +1 (right).
pub fn parse_pan(text: &str) -> Result<f32, UnitError> {
    finite(text.trim())
        .filter(|pan| (-1.0..=1.0).contains(pan))
        .map(|pan| pan as f32)
        .ok_or_else(|| UnitError::new("a position from -1 (left) to 1 (right)", text))
}

/// The name of a bus, which is part of `text`.
pub(crate) fn check_bus_name(bus: &str, text: &str) -> Result<String, UnitError> {
    check_name(bus)
        .map_err(|_| UnitError::new("the name of a bus, such as `main` or `click`", text))?;
    Ok(bus.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(name: &str) -> TrackRef {
        TrackRef::Name(name.into())
    }

    #[test]
    fn a_plain_integer_is_a_number_and_all_else_a_name() {
        let parse = |text: &str| text.parse::<TrackRef>().unwrap();
        assert_eq!(parse("2"), TrackRef::Number(2));
        assert_eq!(parse("02"), TrackRef::Number(2));
        assert_eq!(parse("name:2"), name("2"));
        assert_eq!(parse("name:name:2"), name("name:2"));
        assert_eq!(parse("2b"), name("2b"));
        assert_eq!(parse("-2"), name("-2"));
        assert_eq!(parse("٢"), name("٢"));
        assert_eq!(parse("Lead Vox"), name("Lead Vox"));
        for text in ["", "0", "name:", "99999999999999999999999"] {
            assert_eq!(
                text.parse::<TrackRef>().unwrap_err().to_string(),
                format!(
                    "expected a track: its number from 1, its name, or `name:2` for one whose name is a number, not `{text}`"
                )
            );
        }
    }

    #[test]
    fn values_split_at_the_last_equals() {
        assert_eq!(
            parse_track_gain("a=b=-6").unwrap(),
            (name("a=b"), "-6".parse().unwrap())
        );
        assert_eq!(parse_track_gain("3=x0.5").unwrap().0, TrackRef::Number(3));
        assert_eq!(parse_track_pan("drums=-1").unwrap(), (name("drums"), -1.0));
        assert_eq!(
            parse_track_bus("2=click").unwrap(),
            (TrackRef::Number(2), "click".into())
        );
        let message = |text: &str| parse_track_gain(text).unwrap_err().to_string();
        assert_eq!(
            message("drums"),
            "expected TRACK=LEVEL such as `drums=-6`, not `drums`"
        );
        assert_eq!(
            message("=-6"),
            "expected TRACK=LEVEL such as `drums=-6`, not `=-6`"
        );
        assert!(message("drums=").starts_with("expected a level in dB"));
        assert!(parse_track_bus("2=").is_err());
    }

    #[test]
    fn pan_has_a_range() {
        for text in ["-1", "1", "0", "+0.25", " .5"] {
            assert!(parse_pan(text).is_ok(), "{text}");
        }
        for text in ["1.01", "-2", "nan", "left", "", "inf"] {
            assert_eq!(
                parse_pan(text).unwrap_err().to_string(),
                format!("expected a position from -1 (left) to 1 (right), not `{text}`")
            );
        }
    }

    #[test]
    fn outputs_are_channels_from_1_each_once() {
        assert_eq!(
            parse_bus_outputs("click=3").unwrap(),
            ("click".into(), vec![3])
        );
        assert_eq!(
            parse_bus_outputs("main=4, 3").unwrap(),
            ("main".into(), vec![4, 3])
        );
        for text in [
            "click",
            "click=",
            "click=0",
            "click=1,",
            "click=1,1",
            "click=-1",
            "click=+1",
            "click=70000",
            "=1",
        ] {
            assert_eq!(
                parse_bus_outputs(text).unwrap_err().to_string(),
                format!(
                    "expected BUS=CHANNELS such as `click=3` or `main=1,2` (device channels from 1, each once), not `{text}`"
                )
            );
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(text in ".+", number in 1usize..) {
            for track in [name(&text), TrackRef::Number(number)] {
                prop_assert_eq!(track.to_string().parse::<TrackRef>().unwrap(), track.clone());
                let (back, level) = parse_track_gain(&format!("{track}=-6 dB")).unwrap();
                prop_assert_eq!((back, level.to_string()), (track, "-6 dB".to_owned()));
            }
        }
    }
}
