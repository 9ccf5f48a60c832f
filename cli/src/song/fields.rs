//! Values of song files that TOML has no type for, with errors in the words of the file.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

use super::Time;
use crate::made::FrameRate;
use crate::units::Level;

/// A level in dB: a number, `-inf` allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct GainDb(pub f64);

/// Beats per minute, of whatever size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bpm(pub f64);

/// A position from −1 to +1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pan(pub f32);

/// A time: a string as on the command line, or a number of seconds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TimeText(pub Time);

/// A number of either TOML type.
struct Number(&'static str);

impl Visitor<'_> for Number {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<f64, E> {
        Ok(number as f64)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<f64, E> {
        Ok(number)
    }
}

impl<'de> Deserialize<'de> for GainDb {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a level in dB such as -6.0 or -inf";
        let db = deserializer.deserialize_any(Number(expected))?;
        Level::from_db(db)
            .map(|_| Self(db))
            .map_err(|_| de::Error::custom(format!("expected {expected}, not `{db}`")))
    }
}

impl<'de> Deserialize<'de> for Bpm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "beats per minute such as 137.3";
        deserializer.deserialize_any(Number(expected)).map(Self)
    }
}

/// Frames a second of time code.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fps(pub FrameRate);

impl<'de> Deserialize<'de> for Fps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FpsVisitor;

        impl Visitor<'_> for FpsVisitor {
            type Value = Fps;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("24, 25, \"29.97df\" or 30 frames a second")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Fps, E> {
                let found = FrameRate::ALL.iter().find(|(name, _)| *name == text);
                found.map(|(_, rate)| Fps(*rate)).ok_or_else(|| {
                    E::custom(format!(
                        "expected 24, 25, \"29.97df\" or 30 frames a second, not `{text}`"
                    ))
                })
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Fps, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Fps, E> {
                self.visit_str(&number.to_string())
            }
        }

        deserializer.deserialize_any(FpsVisitor)
    }
}

impl<'de> Deserialize<'de> for Pan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a position from -1.0 (left) to 1.0 (right)";
        let pan = deserializer.deserialize_any(Number(expected))?;
        if (-1.0..=1.0).contains(&pan) {
            Ok(Self(pan as f32))
        } else {
            Err(de::Error::custom(format!(
                "expected {expected}, not `{pan}`"
            )))
        }
    }
}

impl<'de> Deserialize<'de> for TimeText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimeVisitor;

        impl Visitor<'_> for TimeVisitor {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time such as \"1:30.5\" or a number of seconds")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Time, E> {
                seconds.to_string().parse().map_err(E::custom)
            }

            /// To the nearest nanosecond, by way of the shortest decimal that is this number.
            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Time, E> {
                let shortest = seconds.to_string();
                let text = match shortest.split_once('.') {
                    Some((_, fraction)) if fraction.len() > 9 => format!("{seconds:.9}"),
                    _ => shortest,
                };
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(TimeVisitor).map(Self)
    }
}
