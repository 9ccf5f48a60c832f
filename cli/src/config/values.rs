//! The settings that are words, and the ranges of those that are numbers.

use std::ops::RangeInclusive;

use clap::ValueEnum;
use engine_core::convert::{Dither, SampleFormat};
use serde::{Deserialize, Serialize};

/// Sample rates, Hz.
pub const RATE: RangeInclusive<i64> = 4_000..=768_000;
/// Frames of a period.
pub const PERIOD: RangeInclusive<i64> = 16..=8_192;
/// Periods in a device's buffer.
pub const PERIODS: RangeInclusive<i64> = 2..=16;
/// Length of the rings between disk and callback, ms.
pub const RING_MS: RangeInclusive<i64> = 100..=20_000;
/// Real-time priority (`SCHED_FIFO`) of an ALSA stream's thread.
pub const RT_PRIORITY: RangeInclusive<i64> = 1..=98;
/// Poll interval of the controller, ms.
pub const POLL_MS: RangeInclusive<i64> = 10..=1_000;
/// Limit for files that are loaded as a whole, MB (10⁶ bytes).
pub const PRELOAD_MB: RangeInclusive<i64> = 1..=65_536;
/// Ceiling of every level, dB.
pub const MAX_GAIN_DB: RangeInclusive<f64> = -60.0..=24.0;

/// Waiting for an absent device, s.
pub const WAIT_DEVICE_S: RangeInclusive<i64> = 0..=86_400;

/// Whether to wait, at the start, for a device or server that isn't there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WaitDevice {
    /// No: it is an error.
    #[default]
    No,
    /// As long as it takes. In the file: `true`.
    Endless,
    /// For so many seconds.
    Seconds(u32),
}

impl Serialize for WaitDevice {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::No => serializer.serialize_bool(false),
            Self::Endless => serializer.serialize_bool(true),
            Self::Seconds(seconds) => serializer.serialize_u32(*seconds),
        }
    }
}

impl<'de> Deserialize<'de> for WaitDevice {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected true, false or a number of seconds")]
        enum Said {
            Whether(bool),
            Seconds(i64),
        }
        match Said::deserialize(deserializer)? {
            Said::Whether(false) => Ok(Self::No),
            Said::Whether(true) => Ok(Self::Endless),
            Said::Seconds(seconds) if WAIT_DEVICE_S.contains(&seconds) => {
                Ok(Self::Seconds(u32::try_from(seconds).unwrap_or(u32::MAX)))
            }
            Said::Seconds(seconds) => Err(serde::de::Error::custom(format!(
                "`wait_device` is {seconds}; it can be {} to {} s",
                WAIT_DEVICE_S.start(),
                WAIT_DEVICE_S.end()
            ))),
        }
    }
}

/// What a device gets while nothing is to be heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepAlive {
    /// Nothing: the stream stops.
    #[default]
    No,
    /// Silence. In the file also `true`.
    Silence,
    /// Noise of one step, also in place of digital silence.
    Noise,
}

impl Serialize for KeepAlive {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::No => serializer.serialize_bool(false),
            Self::Silence => serializer.serialize_str("silence"),
            Self::Noise => serializer.serialize_str("noise"),
        }
    }
}

impl<'de> Deserialize<'de> for KeepAlive {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::Boolean(false) => Ok(Self::No),
            toml::Value::Boolean(true) => Ok(Self::Silence),
            toml::Value::String(word) if word == "silence" => Ok(Self::Silence),
            toml::Value::String(word) if word == "noise" => Ok(Self::Noise),
            _ => Err(serde::de::Error::custom(
                "expected true, false, `silence` or `noise`",
            )),
        }
    }
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] #[value(name = $word)] $variant,)+
        }

        impl $name {
            /// The word of the command line and the configuration for it.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }
    )+};
}
pub(super) use words;

words! {
    /// Which way to the ears.
    BackendChoice {
        /// A JACK server that already runs, else the default ALSA device
        #[default] Auto = "auto",
        /// JACK (also PipeWire's)
        Jack = "jack",
        /// An ALSA device
        Alsa = "alsa",
        /// No device: plays to nowhere, in real time
        Null = "null",
    }
    /// What is reported while playing.
    Status {
        /// For people, on stderr
        #[default] Text = "text",
        /// One JSON object per line, on stdout
        Json = "json",
        /// A mixer and a transport on the whole terminal
        Tui = "tui",
        /// Nothing but errors
        None = "none",
    }
    /// How closely the callbacks are watched.
    MonitorLevel {
        /// Not at all, at no cost
        #[default] Off = "off",
        /// Their number, from outside
        Sampled = "sampled",
        /// The duration of each
        Full = "full",
    }
    /// Which JACK ports there are.
    Ports {
        /// One per channel of each bus
        #[default] Buses = "buses",
        /// One per channel of each track, and none of the buses
        Tracks = "tracks",
        /// One per channel of each bus and of each track
        Both = "both",
    }
    /// What JACK's transport and the player have to do with each other.
    Transport {
        /// Nothing
        #[default] None = "none",
        /// It says when and from where to play
        Follow = "follow",
        /// As follow, and play, pause and seek move it
        Lead = "lead",
    }
    /// What a damaged stem does.
    OnDamage {
        /// It is silent from there on, with a warning; the others play on
        #[default] Warn = "warn",
        /// Playing stops, and the exit code is 65
        Stop = "stop",
    }
    /// What the loss of the server or device does.
    OnLoss {
        /// Wait until it is back
        #[default] Wait = "wait",
        /// Stop the song; it can be started again once the device is back
        Stop = "stop",
        /// End with exit code 69
        Exit = "exit",
    }
    /// What happens when a lost server or device is back.
    OnReturn {
        /// Play on from where it was lost
        Resume = "resume",
        /// Start the song over
        Restart = "restart",
        /// Stay paused
        #[default] Stay = "stay",
    }
}

/// The word for a sample format.
pub const fn format_word(format: SampleFormat) -> &'static str {
    match format {
        SampleFormat::S16 => "s16",
        SampleFormat::S24 => "s24",
        SampleFormat::S24_3 => "s24_3",
        SampleFormat::S32 => "s32",
        SampleFormat::F32 => "f32",
    }
}

/// The sample format of a word.
pub fn parse_format(word: &str) -> Option<SampleFormat> {
    use SampleFormat::{F32, S16, S24, S24_3, S32};
    [S16, S24, S24_3, S32, F32]
        .into_iter()
        .find(|format| format_word(*format) == word)
}

/// The word for a dither.
pub const fn dither_word(dither: Dither) -> &'static str {
    match dither {
        Dither::None => "none",
        Dither::Tpdf => "tpdf",
    }
}

/// The dither of a word.
pub fn parse_dither(word: &str) -> Option<Dither> {
    [Dither::None, Dither::Tpdf]
        .into_iter()
        .find(|dither| dither_word(*dither) == word)
}

/// Whether `name` can be a JACK client's name and a socket's file name.
///
/// # Errors
/// What it must be like.
pub fn check_client_name(name: &str) -> Result<(), &'static str> {
    let fits = (1..=63).contains(&name.len())
        && !name.starts_with('.')
        && !name.contains([':', '/'])
        && !name.chars().any(char::is_control)
        && name.trim() == name;
    match fits {
        true => Ok(()),
        false => Err("a name of 1 to 63 bytes without `:` and `/` that doesn't begin with `.`"),
    }
}
