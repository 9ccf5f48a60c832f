//! The way from the engine to the ear: how long it takes, and how punctual who goes it is.

use engine_core::backend::Report;
use serde::Serialize;

use super::event::some_six;

/// How long a frame takes from the engine to the ear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct OutputLatency {
    /// In frames of the device.
    #[serde(rename = "output_latency_frames")]
    pub frames: Option<u32>,
    /// The same in ms.
    #[serde(rename = "output_latency_ms", serialize_with = "some_six")]
    pub ms: Option<f64>,
}

impl OutputLatency {
    /// So many frames at a rate (Hz).
    pub fn new(frames: u32, rate: u32) -> Self {
        let ms = f64::from(frames) * 1000.0 / f64::from(rate.max(1));
        Self {
            frames: Some(frames),
            ms: Some(ms),
        }
    }
}

/// What a driver tells of the way, as of late. `None` is not measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Delivery {
    /// The longest way.
    #[serde(flatten)]
    pub latency: OutputLatency,
    /// The server's estimate of its load, % of a period.
    #[serde(serialize_with = "some_six")]
    pub cpu_load_pct: Option<f64>,
    /// The longest delay of the server's own cycles, ms.
    #[serde(serialize_with = "some_six")]
    pub max_delay_ms: Option<f64>,
    /// The longest time from the beginning of a cycle to that of our callback, ms. Measured while callbacks are
    /// monitored at `full`.
    #[serde(serialize_with = "some_six")]
    pub cycle_late_ms: Option<f64>,
    /// How much faster than the system's the device's clock is, ppm; known after 10 s or more.
    #[serde(serialize_with = "some_six")]
    pub drift_ppm: Option<f64>,
    /// Real-time priority that the audio thread was granted.
    pub rt_priority: Option<u8>,
}

impl Delivery {
    /// What a driver reports.
    pub(crate) fn new(report: &Report, rate: u32) -> Self {
        let ms = |us: Option<u32>| us.map(|us| f64::from(us) / 1000.0);
        Self {
            latency: OutputLatency::new(report.latency_frames, rate),
            cpu_load_pct: report.timing.load_pct.map(f64::from),
            max_delay_ms: ms(report.timing.max_delay_us),
            cycle_late_ms: ms(report.timing.late_us),
            drift_ppm: report.timing.drift_ppm.map(f64::from),
            rt_priority: report.rt_priority,
        }
    }

    /// In words; `None` where nothing of it is known but that there is no latency.
    pub(super) fn sentence(&self) -> Option<String> {
        let mut parts = Vec::new();
        if let (Some(frames @ 1..), Some(ms)) = (self.latency.frames, self.latency.ms) {
            parts.push(format!("latency {frames} frames ({ms:.1} ms)"));
        }
        if let Some(load) = self.cpu_load_pct {
            parts.push(format!("server load {load:.0} %"));
        }
        if let Some(ms) = self.max_delay_ms {
            parts.push(format!("its cycles up to {ms:.3} ms late"));
        }
        if let Some(ms) = self.cycle_late_ms {
            parts.push(format!("callbacks up to {ms:.3} ms after their cycle"));
        }
        if let Some(ppm) = self.drift_ppm {
            parts.push(format!("its clock {ppm:+.1} ppm against the system's"));
        }
        match self.rt_priority {
            Some(n) => parts.push(format!("real-time priority {n}")),
            None if parts.is_empty() => return None,
            None => parts.push("no real-time priority".into()),
        }
        Some(format!("Output: {}.", parts.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use engine_core::backend::Timing;

    use super::*;

    #[test]
    fn frames_and_ms_and_what_was_not_measured() {
        let mut report = Report {
            latency_frames: 480,
            rt_priority: Some(5),
            ..Report::default()
        };
        let d = Delivery::new(&report, 48_000);
        assert_eq!(
            serde_json::to_string(&d).unwrap(),
            "{\"output_latency_frames\":480,\"output_latency_ms\":10.0,\"cpu_load_pct\":null,\
             \"max_delay_ms\":null,\"cycle_late_ms\":null,\"drift_ppm\":null,\"rt_priority\":5}"
        );
        let said = "Output: latency 480 frames (10.0 ms), real-time priority 5.";
        assert_eq!(d.sentence().as_deref(), Some(said));
        report.rt_priority = None;
        report.timing = Timing {
            load_pct: Some(12.4),
            max_delay_us: Some(1250),
            late_us: Some(40),
            drift_ppm: Some(-12.34),
        };
        assert_eq!(
            Delivery::new(&report, 48_000).sentence().unwrap(),
            "Output: latency 480 frames (10.0 ms), server load 12 %, its cycles up to 1.250 ms late, \
             callbacks up to 0.040 ms after their cycle, its clock -12.3 ppm against the system's, no real-time priority."
        );
        assert_eq!(Delivery::new(&Report::default(), 0).sentence(), None);
    }
}
