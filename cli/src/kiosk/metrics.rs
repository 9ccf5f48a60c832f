//! Figures for a collector, in Prometheus' text form: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt::Write as _;

use super::{HoldKind, Illness};

/// What is told. `None` is not measured, and left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// The session's name.
    pub name: String,
    /// `jack`, `alsa`, `null`; empty before there is one.
    pub backend: String,
    /// The device or server, also when it is gone.
    pub device: String,
    /// The song in play.
    pub song: Option<String>,
    /// What isn't well.
    pub illness: Option<Illness>,
    /// Why nothing plays that should.
    pub hold: Option<(HoldKind, String)>,
    /// It plays.
    pub playing: bool,
    /// Place in the song, s.
    pub position_s: f64,
    /// Since the last frame that wasn't silent, s.
    pub unheard_s: f64,
    /// Since the program began, s.
    pub uptime_s: f64,
    /// Callbacks.
    pub callbacks: u64,
    /// Song frames delivered.
    pub frames: u64,
    /// Faults the driver reported.
    pub device_xruns: Option<u64>,
    /// Callbacks over their budget.
    pub late_callbacks: Option<u64>,
    /// Times our data came too late.
    pub starvations: u64,
    /// Frames that lasted.
    pub starved_frames: u64,
    /// Samples beyond full scale.
    pub clips: u64,
    /// Times the device or server was lost.
    pub losses: u64,
    /// Drivers that hung and were left behind.
    pub abandoned: u64,
    /// Stems found damaged.
    pub damaged: u64,
    /// Songs that were skipped.
    pub skipped: u64,
    /// Times it was loaded anew.
    pub reloads: u64,
}

/// The text of a file of metrics.
pub fn to_text(f: &Figures) -> String {
    let mut out = String::with_capacity(4096);
    let name = label(&f.name);
    let mut metric = |metric: &str,
                      kind: &str,
                      help: &str,
                      more: &str,
                      value: &dyn std::fmt::Display| {
        let _ = write!(
            out,
            "# HELP backline_{metric} {help}\n# TYPE backline_{metric} {kind}\nbackline_{metric}{{name=\"{name}\"{more}}} {value}\n"
        );
    };
    let more = format!(
        ",version=\"{}\",backend=\"{}\",device=\"{}\"",
        env!("CARGO_PKG_VERSION"),
        label(&f.backend),
        label(&f.device)
    );
    metric("info", "gauge", "What plays, and on what.", &more, &1);
    if let Some(song) = &f.song {
        let more = format!(",title=\"{}\"", label(song));
        metric("song_info", "gauge", "The song in play.", &more, &1);
    }
    let well = u8::from(f.illness.is_none());
    metric(
        "healthy",
        "gauge",
        "All is well: what should move moves, and is heard.",
        "",
        &well,
    );
    if let Some(illness) = f.illness {
        let more = format!(",what=\"{}\"", illness.word());
        metric("illness", "gauge", "What isn't well.", &more, &1);
    }
    let held = u8::from(f.hold.is_some());
    let more = match &f.hold {
        Some((kind, reason)) => format!(",kind=\"{}\",reason=\"{}\"", kind.word(), label(reason)),
        None => ",kind=\"\",reason=\"\"".to_owned(),
    };
    metric(
        "hold",
        "gauge",
        "Nothing plays, for this reason.",
        &more,
        &held,
    );
    metric("playing", "gauge", "It plays.", "", &u8::from(f.playing));
    let seconds = |value: f64| format!("{value:.3}");
    metric(
        "position_seconds",
        "gauge",
        "Place in the song.",
        "",
        &seconds(f.position_s),
    );
    metric(
        "silent_seconds",
        "gauge",
        "Since the last frame that was not silent.",
        "",
        &seconds(f.unheard_s),
    );
    metric(
        "uptime_seconds",
        "gauge",
        "Since the program began.",
        "",
        &seconds(f.uptime_s),
    );
    let mut counter =
        |name: &str, help: &str, value: u64| metric(name, "counter", help, "", &value);
    counter("callbacks_total", "Calls by the driver.", f.callbacks);
    counter("frames_total", "Song frames delivered.", f.frames);
    if let Some(xruns) = f.device_xruns {
        counter("device_xruns_total", "Faults the driver reported.", xruns);
    }
    if let Some(late) = f.late_callbacks {
        counter("late_callbacks_total", "Callbacks over their budget.", late);
    }
    counter(
        "starvations_total",
        "Times the files were read too slowly.",
        f.starvations,
    );
    counter(
        "starved_frames_total",
        "Frames that lasted.",
        f.starved_frames,
    );
    counter("clips_total", "Samples beyond full scale.", f.clips);
    counter(
        "losses_total",
        "Times the device or server was lost.",
        f.losses,
    );
    counter(
        "abandoned_total",
        "Drivers that hung and were left behind.",
        f.abandoned,
    );
    counter("damaged_total", "Stems found damaged.", f.damaged);
    counter("skipped_total", "Songs that were skipped.", f.skipped);
    counter("reloads_total", "Times it was loaded anew.", f.reloads);
    out
}

/// A label's value: what would end it is escaped.
fn label(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_help_and_type_and_a_value_that_is_a_number() {
        let figures = Figures {
            name: "left".into(),
            song: Some("Sea \"shells\"\\\n".into()),
            illness: Some(Illness::Silent),
            hold: Some((HoldKind::Recovering, "the device is gone".into())),
            device_xruns: Some(3),
            late_callbacks: Some(4),
            unheard_s: 12.5,
            ..Figures::default()
        };
        let text = to_text(&figures);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len() % 3, 0);
        for metric in lines.chunks(3) {
            let name = metric[2].split('{').next().unwrap();
            assert!(
                metric[0].starts_with(&format!("# HELP {name} ")),
                "{metric:?}"
            );
            let kind = if name.ends_with("_total") {
                "counter"
            } else {
                "gauge"
            };
            assert_eq!(metric[1], format!("# TYPE {name} {kind}"));
            let (_, value) = metric[2].rsplit_once("} ").unwrap();
            value.parse::<f64>().unwrap();
        }
        let has = |line: &str| assert!(lines.contains(&line), "{line}\n{text}");
        has(r#"backline_song_info{name="left",title="Sea \"shells\"\\\n"} 1"#);
        has(r#"backline_healthy{name="left"} 0"#);
        has(r#"backline_illness{name="left",what="silent"} 1"#);
        has(r#"backline_hold{name="left",kind="recovering",reason="the device is gone"} 1"#);
        has(r#"backline_silent_seconds{name="left"} 12.500"#);
        has(r#"backline_device_xruns_total{name="left"} 3"#);
    }

    #[test]
    fn what_is_not_measured_is_left_out() {
        let text = to_text(&Figures::default());
        assert!(!text.contains("xruns") && !text.contains("late"), "{text}");
        assert!(text.contains("backline_healthy{name=\"\"} 1\n"));
        assert!(text.contains("backline_hold{name=\"\",kind=\"\",reason=\"\"} 0\n"));
    }
}
