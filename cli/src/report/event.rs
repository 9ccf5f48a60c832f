//! The events of the status stream: what they carry, and their JSON.
//!
//! `None` is "not measured" or "there is none" and becomes `null`.

use std::borrow::Cow;

use engine_core::backend::Health;
use serde::{Serialize, Serializer};

use super::delivery::{Delivery, OutputLatency};

/// The first sound is out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Started {
    /// From the program's start to the stream's, ms.
    #[serde(serialize_with = "six")]
    pub after_ms: f64,
    /// Sample rate, Hz.
    pub rate: u32,
    /// Channels of the device.
    pub channels: u32,
    /// Which loudspeaker each channel is, where the driver tells: `FL`, `FR` …
    pub channel_map: Option<Vec<String>>,
    /// Frames per callback.
    pub period: Option<u32>,
    /// Periods in the device's buffer.
    pub periods: Option<u32>,
    /// Sample format of the device: `s16`, `s24`, `s24_3`, `s32`, `f32`.
    pub format: Option<&'static str>,
    /// `jack`, `alsa`, `null`, `file`.
    pub backend: String,
    /// The device or server.
    pub device: Option<String>,
    /// How long a frame takes to the ear.
    #[serde(flatten)]
    pub latency: OutputLatency,
}

/// What the transport does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Not started, or stopped.
    Stopped,
    /// Frames are played.
    Playing,
    /// Stands still and will go on.
    Paused,
    /// Played to the end.
    Ended,
}

/// Where playing is: what is heard now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Position {
    /// Frame of the song, from 0, at the device's rate.
    pub frame: u64,
    /// The song's length.
    pub length_frames: Option<u64>,
    /// What the transport does.
    pub state: State,
    /// Why it stands still, where nobody asked for it.
    pub reason: Option<String>,
    /// The song's title.
    pub song: Option<String>,
    /// The section the frame is in.
    pub section: Option<String>,
    /// How long a frame takes to the ear.
    #[serde(flatten)]
    pub latency: OutputLatency,
}

impl Position {
    /// Whether more than the frame is different.
    pub(super) fn turns(&self, next: &Self) -> bool {
        let Self {
            frame: _,
            length_frames,
            state,
            reason,
            song,
            section,
            latency: _,
        } = self;
        (length_frames, state, reason, song, section)
            != (
                &next.length_frames,
                &next.state,
                &next.reason,
                &next.song,
                &next.section,
            )
    }
}

/// What the device or server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceState {
    /// Open, and silent.
    Halted,
    /// Callbacks come.
    Running,
    /// A fault is being recovered in place.
    Recovering,
    /// Gone.
    Lost,
    /// Not there yet.
    Waiting,
}

impl From<Health> for DeviceState {
    fn from(health: Health) -> Self {
        match health {
            Health::Halted => Self::Halted,
            Health::Running => Self::Running,
            Health::Recovering => Self::Recovering,
            Health::Lost => Self::Lost,
        }
    }
}

/// The device's or server's state has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// The new one.
    pub state: DeviceState,
    /// Why.
    pub reason: Option<String>,
}

/// Something is not as it should be, and playing goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// A stable word for programs: `damaged`, `silent-bus` …
    pub code: Cow<'static, str>,
    /// One sentence for people.
    pub message: String,
    /// Name of the track it is about.
    pub track: Option<String>,
}

/// Why playing can't go on, or something asked for can't be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// A stable word for programs: `device-lost`, `no-server` …
    pub code: Cow<'static, str>,
    /// One sentence for people.
    pub message: String,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// At the end of what was to be played.
    End,
    /// Because it was asked to.
    Stopped,
    /// Because of [`Summary::error`].
    Error,
}

/// What the monitor of callbacks measured, by its level.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Latency {
    /// Nothing.
    #[default]
    Off,
    /// What can be seen from outside the callback.
    Sampled {
        /// Callbacks.
        total_callbacks: u64,
        /// Time between two callbacks in which the work must be done, ms.
        budget_ms: f64,
        /// Callbacks per second.
        callbacks_per_s: f64,
        /// Longest time seen without a callback, ms.
        longest_gap_ms: f64,
    },
    /// Every callback's duration.
    Full {
        /// Mean duration, ms.
        mean_ms: f64,
        /// Longest, ms.
        max_ms: f64,
        /// Shortest, ms.
        min_ms: f64,
        /// Callbacks over 80 % of the budget.
        xruns: u64,
        /// Time between two callbacks, ms.
        budget_ms: f64,
        /// Mean duration in per cent of the budget.
        usage_pct: f64,
        /// Callbacks.
        total_callbacks: u64,
    },
}

impl Latency {
    /// The level's word in the configuration.
    pub fn level(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Sampled { .. } => "sampled",
            Self::Full { .. } => "full",
        }
    }
}

/// The account of a whole run.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Song frames delivered, repeats included.
    pub frames: u64,
    /// Their time, s.
    pub seconds: f64,
    /// Stems that were found damaged.
    pub damaged: u32,
    /// Sample rate, Hz; `None` when it never came to that.
    pub rate: Option<u32>,
    /// `jack`, `alsa`, `null`, `file`.
    pub backend: Option<String>,
    /// The device or server.
    pub device: Option<String>,
    /// How it ended.
    pub ended: Ended,
    /// Faults the driver reported; `None` where a driver reports none.
    pub device_xruns: Option<u64>,
    /// Callbacks over their whole budget; `None` where no clock is read.
    pub late_callbacks: Option<u64>,
    /// Times our data came too late.
    pub starvations: u64,
    /// Frames they lasted.
    pub starved_frames: u64,
    /// Samples beyond full scale that saturated.
    pub clips: u64,
    /// Times the device or server was lost.
    pub losses: u32,
    /// Why, the last time.
    pub reason: Option<String>,
    /// Drivers that hung and were left behind with what they had.
    pub abandoned: u32,
    /// The way to the ear.
    pub delivery: Delivery,
    /// The monitor's measurements.
    pub latency: Latency,
    /// What ended it, if that was an error.
    pub error: Option<Failure>,
}

/// A line of the stream.
#[derive(Serialize)]
struct Line<'a, T> {
    event: &'static str,
    v: u8,
    t_ms: u64,
    #[serde(flatten)]
    body: &'a T,
}

#[derive(Serialize)]
struct SummaryBody<'a> {
    frames: u64,
    #[serde(serialize_with = "six")]
    seconds: f64,
    damaged: u32,
    rate: Option<u32>,
    backend: Option<&'a str>,
    device: Option<&'a str>,
    ended: Ended,
    device_xruns: Option<u64>,
    late_callbacks: Option<u64>,
    starvations: u64,
    starved_frames: u64,
    clips: u64,
    losses: u32,
    reason: Option<&'a str>,
    abandoned: u32,
    #[serde(flatten)]
    delivery: Delivery,
    monitoring: &'static str,
    latency: LatencyBody,
    error: Option<&'a Failure>,
    /// Only there when a reader was too slow.
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped_lines: Option<u64>,
}

#[derive(Default, Serialize)]
struct LatencyBody {
    #[serde(serialize_with = "some_six")]
    mean_ms: Option<f64>,
    #[serde(serialize_with = "some_six")]
    max_ms: Option<f64>,
    #[serde(serialize_with = "some_six")]
    min_ms: Option<f64>,
    xruns: Option<u64>,
    #[serde(serialize_with = "six")]
    budget_ms: f64,
    #[serde(serialize_with = "some_six")]
    usage_pct: Option<f64>,
    total_callbacks: u64,
    #[serde(serialize_with = "some_six", skip_serializing_if = "Option::is_none")]
    callbacks_per_s: Option<f64>,
    #[serde(serialize_with = "some_six", skip_serializing_if = "Option::is_none")]
    longest_gap_ms: Option<f64>,
}

impl From<&Latency> for LatencyBody {
    fn from(latency: &Latency) -> Self {
        match *latency {
            Latency::Off => Self {
                mean_ms: Some(0.0),
                max_ms: Some(0.0),
                min_ms: Some(0.0),
                xruns: Some(0),
                usage_pct: Some(0.0),
                ..Self::default()
            },
            Latency::Sampled {
                total_callbacks,
                budget_ms,
                callbacks_per_s,
                longest_gap_ms,
            } => Self {
                budget_ms,
                total_callbacks,
                callbacks_per_s: Some(callbacks_per_s),
                longest_gap_ms: Some(longest_gap_ms),
                ..Self::default()
            },
            Latency::Full {
                mean_ms,
                max_ms,
                min_ms,
                xruns,
                budget_ms,
                usage_pct,
                total_callbacks,
            } => Self {
                mean_ms: Some(mean_ms),
                max_ms: Some(max_ms),
                min_ms: Some(min_ms),
                xruns: Some(xruns),
                budget_ms,
                usage_pct: Some(usage_pct),
                total_callbacks,
                ..Self::default()
            },
        }
    }
}

/// Six decimals: nanoseconds of a ms, and no tails from binary fractions.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn six<S: Serializer>(value: &f64, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_f64((value * 1e6).round() / 1e6)
}

pub(super) fn some_six<S: Serializer>(value: &Option<f64>, s: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(v) => six(v, s),
        None => s.serialize_none(),
    }
}

/// One line of the stream, with its line end. `t_ms` counts from the reporter's birth.
pub(super) fn json<T: Serialize>(event: &'static str, t_ms: u64, body: &T) -> String {
    let line = Line {
        event,
        v: 1,
        t_ms,
        body,
    };
    // Plain structs with string keys always have a JSON.
    let mut line = serde_json::to_string(&line).unwrap_or_default();
    line.push('\n');
    line
}

/// The line of a summary. `dropped` lines before it never came out.
pub(super) fn summary_json(t_ms: u64, s: &Summary, dropped: u64) -> String {
    let body = SummaryBody {
        frames: s.frames,
        seconds: s.seconds,
        damaged: s.damaged,
        rate: s.rate,
        backend: s.backend.as_deref(),
        device: s.device.as_deref(),
        ended: s.ended,
        device_xruns: s.device_xruns,
        late_callbacks: s.late_callbacks,
        starvations: s.starvations,
        starved_frames: s.starved_frames,
        clips: s.clips,
        losses: s.losses,
        reason: s.reason.as_deref(),
        abandoned: s.abandoned,
        delivery: s.delivery,
        monitoring: s.latency.level(),
        latency: (&s.latency).into(),
        error: s.error.as_ref(),
        dropped_lines: (dropped > 0).then_some(dropped),
    };
    json("summary", t_ms, &body)
}

#[cfg(test)]
pub(super) mod tests;
