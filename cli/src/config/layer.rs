//! What one source (flags, environment or file) says; also the shape of the configuration file.

use std::path::PathBuf;

use engine_core::convert::{Dither, SampleFormat};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::Profile;
use super::values::{self, *};
use crate::control::OscAddress;
use crate::control::surface::{InputName, MidiFrom};
use crate::units::{Connect, Level, MixerName};

/// What one source says. `None` is nothing.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Values for whichever of `period`, `periods`, `ring_ms` and `rt_priority` the same source doesn't give.
    pub profile: Option<Profile>,
    /// Which way to the ears.
    pub backend: Option<BackendChoice>,
    /// ALSA device.
    #[serde(default, deserialize_with = "text")]
    pub device: Option<String>,
    /// Sample rate, Hz.
    #[serde(default, deserialize_with = "rate")]
    pub rate: Option<u32>,
    /// Frames of a period.
    #[serde(default, deserialize_with = "period")]
    pub period: Option<u32>,
    /// Periods in the device's buffer.
    #[serde(default, deserialize_with = "periods")]
    pub periods: Option<u32>,
    /// Sample format of the device.
    #[serde(default, deserialize_with = "format")]
    pub format: Option<SampleFormat>,
    /// Dither to 16 bit.
    #[serde(default, deserialize_with = "dither")]
    pub dither: Option<Dither>,
    /// The hardware's volume.
    #[serde(default, deserialize_with = "mixer")]
    pub mixer: Option<MixerName>,
    /// What the volume is set to.
    #[serde(default, deserialize_with = "level")]
    pub volume: Option<Level>,
    /// What it is never let above.
    #[serde(default, deserialize_with = "level")]
    pub volume_max: Option<Level>,
    /// What the device gets while nothing is to be heard.
    pub keep_alive: Option<KeepAlive>,
    /// Which loudspeaker each channel is.
    #[serde(default, deserialize_with = "text")]
    pub channel_map: Option<String>,
    /// Length of the rings, ms.
    #[serde(default, deserialize_with = "ring_ms")]
    pub ring_ms: Option<u32>,
    /// Real-time priority of the audio thread.
    #[serde(default, deserialize_with = "rt_priority")]
    pub rt_priority: Option<u32>,
    /// Refuse rather than resample.
    pub strict_rate: Option<bool>,
    /// Ceiling of every level, dB.
    #[serde(default, deserialize_with = "max_gain_db")]
    pub max_gain_db: Option<f64>,
    /// Limit for files that are loaded as a whole, MB.
    #[serde(default, deserialize_with = "preload_limit")]
    pub preload_limit: Option<u32>,
    /// JACK client's name.
    #[serde(default, deserialize_with = "name")]
    pub name: Option<String>,
    /// JACK server's name.
    #[serde(default, deserialize_with = "text")]
    pub server: Option<String>,
    /// Start the JACK server if it doesn't run.
    pub start_server: Option<bool>,
    /// Which JACK ports there are.
    pub ports: Option<Ports>,
    /// What JACK ports are connected to.
    #[serde(default, deserialize_with = "connect")]
    pub connect: Option<Vec<Connect>>,
    /// What JACK's transport has to do with it.
    pub transport: Option<Transport>,
    /// Path of the control socket, or `none`.
    #[serde(default, deserialize_with = "text")]
    pub control: Option<String>,
    /// Group whose members may use the control socket, too.
    #[serde(default, deserialize_with = "text")]
    pub control_group: Option<String>,
    /// Where OSC is served.
    #[serde(default, deserialize_with = "osc")]
    pub osc: Option<OscAddress>,
    /// The mapping of surfaces.
    #[serde(default, deserialize_with = "map")]
    pub map: Option<PathBuf>,
    /// Whether MIDI is heard.
    #[serde(default, deserialize_with = "midi")]
    pub midi: Option<MidiFrom>,
    /// Inputs that are opened.
    #[serde(default, deserialize_with = "input")]
    pub input: Option<Vec<InputName>>,
    /// What is reported.
    pub status: Option<Status>,
    /// What damage does.
    pub on_damage: Option<OnDamage>,
    /// Whether to wait for an absent device.
    pub wait_device: Option<WaitDevice>,
    /// File for metrics.
    #[serde(default, deserialize_with = "text")]
    pub metrics: Option<String>,
    /// File for kept state.
    #[serde(default, deserialize_with = "text")]
    pub keep_state: Option<String>,
    /// What the loss of the device does.
    pub on_loss: Option<OnLoss>,
    /// What its return does.
    pub on_return: Option<OnReturn>,
    /// Poll interval of the controller, ms. In the file: `[controller] poll_ms`.
    #[serde(skip)]
    pub poll_ms: Option<u32>,
    /// How closely callbacks are watched. In the file: `[monitoring]`.
    #[serde(skip)]
    pub monitor: Option<MonitorLevel>,
    pub(crate) controller: Option<Controller>,
    pub(crate) monitoring: Option<Monitoring>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Controller {
    #[serde(default, deserialize_with = "poll_ms")]
    poll_ms: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Monitoring(Option<MonitorLevel>);

impl<'de> Deserialize<'de> for Monitoring {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Raw {
            enable_latency_monitor: Option<bool>,
            level: Option<MonitorLevel>,
        }
        let raw = Raw::deserialize(deserializer)?;
        let full = raw.level == Some(MonitorLevel::Full);
        match (raw.enable_latency_monitor, raw.level) {
            (Some(enabled), Some(level)) if enabled != full => Err(D::Error::custom(format!(
                "`enable_latency_monitor = {enabled}` and `level = \"{}\"` contradict each other; remove one",
                level.word()
            ))),
            (_, Some(level)) => Ok(Self(Some(level))),
            (Some(true), None) => Ok(Self(Some(MonitorLevel::Full))),
            (Some(false), None) => Ok(Self(Some(MonitorLevel::Off))),
            (None, None) => Ok(Self(None)),
        }
    }
}

impl Layer {
    /// Takes the values of the file's tables to their places.
    pub(crate) fn flattened(mut self) -> Self {
        self.poll_ms = self
            .controller
            .take()
            .and_then(|controller| controller.poll_ms);
        self.monitor = self.monitoring.take().and_then(|monitoring| monitoring.0);
        self
    }
}

macro_rules! ranged {
    ($($name:ident = $range:ident, $unit:literal;)+) => {$(
        fn $name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
            let number = i64::deserialize(deserializer)?;
            match u32::try_from(number) {
                Ok(fitting) if values::$range.contains(&number) => Ok(Some(fitting)),
                _ => Err(D::Error::custom(format!(
                    concat!("`", stringify!($name), "` is {}; it can be {} to {}", $unit),
                    number, values::$range.start(), values::$range.end()
                ))),
            }
        }
    )+};
}

ranged! {
    rate = RATE, " Hz";
    period = PERIOD, " frames";
    periods = PERIODS, "";
    ring_ms = RING_MS, " ms";
    rt_priority = RT_PRIORITY, "";
    preload_limit = PRELOAD_MB, " MB";
    poll_ms = POLL_MS, " ms";
}

fn max_gain_db<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let db = f64::deserialize(deserializer)?;
    match MAX_GAIN_DB.contains(&db) {
        true => Ok(Some(db)),
        false => Err(D::Error::custom(format!(
            "`max_gain_db` is {db}; it can be {} to {} dB",
            MAX_GAIN_DB.start(),
            MAX_GAIN_DB.end()
        ))),
    }
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.is_empty() || text.contains('\0') {
        true => Err(D::Error::custom("expected a name, not an empty string")),
        false => Ok(Some(text)),
    }
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let name = String::deserialize(deserializer)?;
    match check_client_name(&name) {
        Ok(()) => Ok(Some(name)),
        Err(expected) => Err(D::Error::custom(format!(
            "expected {expected}, not `{name}`"
        ))),
    }
}

fn format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SampleFormat>, D::Error> {
    let word = String::deserialize(deserializer)?;
    match parse_format(&word) {
        Some(format) => Ok(Some(format)),
        None => Err(D::Error::custom(format!(
            "unknown value `{word}`, expected one of `s16`, `s24`, `s24_3`, `s32`, `f32`"
        ))),
    }
}

fn dither<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Dither>, D::Error> {
    let word = String::deserialize(deserializer)?;
    match parse_dither(&word) {
        Some(dither) => Ok(Some(dither)),
        None => Err(D::Error::custom(format!(
            "unknown value `{word}`, expected one of `none`, `tpdf`"
        ))),
    }
}

fn mixer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<MixerName>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(D::Error::custom)
}

/// A number of dB, or a level as on the command line.
fn level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Level>, D::Error> {
    let text = match toml::Value::deserialize(deserializer)? {
        toml::Value::String(text) => text,
        toml::Value::Integer(db) => db.to_string(),
        toml::Value::Float(db) => db.to_string(),
        _ => return Err(D::Error::custom("expected a level in dB such as `-6`")),
    };
    text.parse().map(Some).map_err(D::Error::custom)
}

fn connect<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Connect>>, D::Error> {
    let rules = Vec::<String>::deserialize(deserializer)?
        .iter()
        .map(|rule| rule.parse().map_err(D::Error::custom))
        .collect::<Result<Vec<Connect>, _>>()?;
    Connect::check_all(&rules).map_err(D::Error::custom)?;
    Ok(Some(rules))
}

fn osc<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<OscAddress>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(D::Error::custom)
}

fn map<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    text(deserializer).map(|path| path.map(PathBuf::from))
}

fn midi<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<MidiFrom>, D::Error> {
    match toml::Value::deserialize(deserializer)? {
        toml::Value::Boolean(true) => Ok(Some(MidiFrom::Anyone)),
        toml::Value::Boolean(false) => Ok(Some(MidiFrom::None)),
        toml::Value::String(name) => name.parse().map(Some).map_err(D::Error::custom),
        _ => Err(D::Error::custom(
            "expected true, false, jack or the name of a MIDI client",
        )),
    }
}

fn input<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<InputName>>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    let names = names
        .iter()
        .map(|name| name.parse().map_err(D::Error::custom));
    names.collect::<Result<_, _>>().map(Some)
}
