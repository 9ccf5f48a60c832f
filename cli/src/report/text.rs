//! Sentences for people.

use super::event::{
    Device, DeviceState, Ended, Latency, Position, Started, State, Summary, Warning,
};

/// The backend that renders.
const FILE: &str = "file";

/// Text from a file or a driver, fit for a line of a terminal: no control characters, which
/// could be commands to it, and none that turn the direction of writing.
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' | '\r' => ' ',
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// Frames as time: `0:12.3`, `1:02:03.4`; cut, not rounded. Frames when there is no rate.
pub fn clock(frames: u64, rate: u32) -> String {
    if rate == 0 {
        return format!("{frames}f");
    }
    let rate = u64::from(rate);
    let s = frames / rate;
    let tenth = frames % rate * 10 / rate;
    if s < 3600 {
        format!("{}:{:02}.{tenth}", s / 60, s % 60)
    } else {
        format!("{}:{:02}:{:02}.{tenth}", s / 3600, s / 60 % 60, s % 60)
    }
}

/// A count and its noun.
fn count(n: u64, one: &str) -> String {
    match n {
        0 => format!("no {one}s"),
        1 => format!("1 {one}"),
        n => format!("{n} {one}s"),
    }
}

/// `through alsa, device hw:PCH`, `to out.wav`.
fn through(backend: &str, device: Option<&str>) -> String {
    match device {
        Some(d) if backend == FILE => format!("to {}", clean(d)),
        Some(d) if !d.is_empty() => format!("through {}, device {}", clean(backend), clean(d)),
        _ => format!("through {}", clean(backend)),
    }
}

pub(super) fn started(s: &Started) -> String {
    let mut details = Vec::new();
    if let Some(n) = s.period {
        let times = s.periods.map_or_else(String::new, |n| format!(" × {n}"));
        details.push(format!("period {n} frames{times}"));
    }
    details.extend(s.format.map(str::to_owned));
    if let Some(ms) = s.latency.ms {
        details.push(format!("latency {ms:.1} ms"));
    }
    details.push(format!("ready after {:.0} ms", s.after_ms));
    let verb = if s.backend == FILE {
        "Rendering"
    } else {
        "Playing"
    };
    let map = s.channel_map.as_ref();
    let map = map.map_or_else(String::new, |map| format!(" ({})", clean(&map.join(" "))));
    // Stems alone have each a width of their own.
    let channels = match s.channels {
        0 => String::new(),
        n => format!(" on {}{map}", count(n.into(), "channel")),
    };
    format!(
        "{verb} at {} Hz{channels} {} ({}).",
        s.rate,
        through(&s.backend, s.device.as_deref()),
        details.join(", ")
    )
}

pub(super) fn state(state: State) -> &'static str {
    match state {
        State::Stopped => "stopped",
        State::Playing => "playing",
        State::Paused => "paused",
        State::Ended => "ended",
    }
}

/// `playing at 0:12.3 of 3:00.0: Song, Verse`
pub(super) fn position(p: &Position, rate: u32) -> String {
    let mut line = format!("{} at {}", state(p.state), clock(p.frame, rate));
    if let Some(n) = p.length_frames {
        line += &format!(" of {}", clock(n, rate));
    }
    if let Some(title) = title(p) {
        line += &format!(": {title}");
    }
    if let Some(reason) = &p.reason {
        line += &format!(" ({})", clean(reason));
    }
    line
}

/// Song and section, as far as there are any.
pub(super) fn title(p: &Position) -> Option<String> {
    let names: Vec<_> = [&p.song, &p.section]
        .into_iter()
        .flatten()
        .map(|n| clean(n))
        .collect();
    (!names.is_empty()).then(|| names.join(", "))
}

pub(super) fn device(d: &Device) -> String {
    let state = match d.state {
        DeviceState::Halted => "device: silent",
        DeviceState::Running => "device: running",
        DeviceState::Recovering => "device: recovering",
        DeviceState::Lost => "device: lost",
        DeviceState::Waiting => "device: waiting",
    };
    match &d.reason {
        Some(r) if !r.is_empty() => format!("{state}: {}", clean(r)),
        _ => state.into(),
    }
}

pub(super) fn warning(w: &Warning) -> String {
    match &w.track {
        Some(t) => format!("warning: {} (track {})", clean(&w.message), clean(t)),
        None => format!("warning: {}", clean(&w.message)),
    }
}

pub(super) fn error(message: &str) -> String {
    format!("backline: {}", clean(message))
}

/// The account of a run in a few lines, without the last line end.
pub(super) fn summary(s: &Summary, dropped: u64) -> String {
    let how = match s.ended {
        Ended::End => "to the end",
        Ended::Stopped => "until it was stopped",
        Ended::Error => "until an error",
    };
    let mut lines = vec![format!("{}, {how}.", delivered(s))];
    if s.backend.as_deref() == Some(FILE) {
        // Nothing can be late for a file.
        lines.push(format!("Clipped: {}.", count(s.clips, "sample")));
    } else {
        lines.push(format!("Faults: {}.", faults(s)));
    }
    lines.extend(latency(&s.latency));
    lines.extend(s.delivery.sentence());
    lines.extend(losses(s));
    if s.damaged > 0 {
        lines.push(format!("Damaged: {}.", count(s.damaged.into(), "stem")));
    }
    if dropped > 0 {
        lines.push(format!(
            "Left out: {} that nobody read in time.",
            count(dropped, "line")
        ));
    }
    if let Some(e) = &s.error {
        lines.push(format!("Ended by: {}", clean(&e.message)));
    }
    lines.join("\n")
}

/// How it goes so far, in the words of a summary.
pub(super) fn statistics(s: &Summary) -> String {
    let mut lines = vec![
        format!("{}, so far.", delivered(s)),
        format!("Faults: {}.", faults(s)),
    ];
    lines.extend(latency(&s.latency));
    lines.extend(s.delivery.sentence());
    lines.extend(losses(s));
    lines.join("\n")
}

fn losses(s: &Summary) -> Option<String> {
    let n = (s.losses > 0).then_some(u64::from(s.losses))?;
    let times = if n == 1 {
        "once".into()
    } else {
        format!("{n} times")
    };
    let mut line = format!("The device or server was lost {times}");
    if s.abandoned > 0 {
        line += &format!(", {} left behind", count(s.abandoned.into(), "hung driver"));
    }
    if let Some(reason) = &s.reason {
        line += &format!("; the last time: {}", clean(reason));
    }
    Some(line.trim_end_matches('.').to_owned() + ".")
}

fn delivered(s: &Summary) -> String {
    let verb = if s.backend.as_deref() == Some(FILE) {
        "Rendered"
    } else {
        "Played"
    };
    let mut line = format!("{verb} {:.3} s ({}", s.seconds, count(s.frames, "frame"));
    if let Some(rate) = s.rate {
        line += &format!(" at {rate} Hz");
    }
    line += ")";
    if let Some(backend) = &s.backend {
        line += &format!(" {}", through(backend, s.device.as_deref()));
    }
    line
}

fn faults(s: &Summary) -> String {
    let counted = |n: Option<u64>, one| match n {
        Some(n) => count(n, one),
        None => format!("{one}s not measured"),
    };
    let mut starvations = count(s.starvations, "starvation");
    if s.starved_frames > 0 {
        starvations += &format!(" ({})", count(s.starved_frames, "frame"));
    }
    format!(
        "{}, {}, {starvations}, {}",
        counted(s.device_xruns, "device xrun"),
        counted(s.late_callbacks, "late callback"),
        count(s.clips, "clipped sample"),
    )
}

fn latency(latency: &Latency) -> Option<String> {
    match *latency {
        Latency::Off => None,
        Latency::Sampled {
            total_callbacks,
            budget_ms,
            callbacks_per_s,
            longest_gap_ms,
        } => Some(format!(
            "Callbacks: {total_callbacks}, {callbacks_per_s:.1} a second, {longest_gap_ms:.3} ms at most \
             between two looks, budget {budget_ms:.3} ms."
        )),
        Latency::Full {
            mean_ms,
            max_ms,
            min_ms,
            xruns,
            budget_ms,
            usage_pct,
            total_callbacks,
        } => Some(format!(
            "Callbacks: {total_callbacks}, {mean_ms:.3} ms on average, {min_ms:.3} to {max_ms:.3} ms, \
             budget {budget_ms:.3} ms ({usage_pct:.1} % used, {xruns} over 80 %)."
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::delivery::OutputLatency;
    use super::super::event::Failure;
    use super::super::event::tests::summary as plain;
    use super::*;

    #[test]
    fn time() {
        assert_eq!(clock(0, 48_000), "0:00.0");
        assert_eq!(clock(48_000 * 60 - 1, 48_000), "0:59.9");
        assert_eq!(clock(48_000 * 3723 + 4_800, 48_000), "1:02:03.1");
        assert_eq!(clock(7, 0), "7f");
        assert_eq!(clock(u64::MAX, 1).len(), "5124095576030431:00:15.0".len());
    }

    #[test]
    fn no_commands_to_a_terminal_come_through() {
        assert_eq!(
            clean("a\x1b[2Jb\u{7}\nc\u{9b}d\u{202e}é"),
            "a\u{fffd}[2Jb\u{fffd} c\u{fffd}d\u{fffd}é"
        );
    }

    #[test]
    fn a_start() {
        let mut s = Started {
            after_ms: 12.4,
            rate: 48_000,
            channels: 2,
            channel_map: Some(vec!["FL".into(), "FR".into()]),
            period: Some(1024),
            periods: Some(3),
            format: Some("s32"),
            backend: "alsa".into(),
            device: Some("hw:PCH".into()),
            latency: OutputLatency::new(2048, 48_000),
        };
        assert_eq!(
            started(&s),
            "Playing at 48000 Hz on 2 channels (FL FR) through alsa, device hw:PCH (period 1024 frames × 3, \
             s32, latency 42.7 ms, ready after 12 ms)."
        );
        (s.period, s.periods, s.format) = (None, None, None);
        s.device = None;
        s.channel_map = None;
        s.latency = OutputLatency::default();
        s.channels = 1;
        assert_eq!(
            started(&s),
            "Playing at 48000 Hz on 1 channel through alsa (ready after 12 ms)."
        );
        s.backend = "file".into();
        s.device = Some("mix.wav".into());
        assert_eq!(
            started(&s),
            "Rendering at 48000 Hz on 1 channel to mix.wav (ready after 12 ms)."
        );
        s.channels = 0;
        assert_eq!(
            started(&s),
            "Rendering at 48000 Hz to mix.wav (ready after 12 ms)."
        );
    }

    #[test]
    fn positions() {
        let mut p = Position {
            frame: 48_000,
            length_frames: Some(96_000),
            state: State::Playing,
            reason: None,
            song: Some("Song".into()),
            section: Some("Verse".into()),
            latency: Default::default(),
        };
        assert_eq!(
            position(&p, 48_000),
            "playing at 0:01.0 of 0:02.0: Song, Verse"
        );
        p.length_frames = None;
        p.song = None;
        p.section = None;
        p.reason = Some("lost".into());
        p.state = State::Paused;
        assert_eq!(position(&p, 48_000), "paused at 0:01.0 (lost)");
    }

    #[test]
    fn a_plain_summary() {
        assert_eq!(
            summary(&plain(), 0),
            "Played 2.000 s (96000 frames at 48000 Hz) through alsa, device hw:PCH, to the end.\n\
             Faults: no device xruns, late callbacks not measured, no starvations, no clipped samples."
        );
    }

    #[test]
    fn a_summary_with_everything() {
        let s = Summary {
            damaged: 1,
            backend: Some("alsa".into()),
            device: Some("hw:X".into()),
            ended: Ended::Error,
            device_xruns: None,
            late_callbacks: Some(1),
            starvations: 2,
            starved_frames: 300,
            clips: 4,
            losses: 2,
            reason: Some("The JACK server went away.".into()),
            abandoned: 1,
            delivery: Default::default(),
            latency: Latency::Full {
                mean_ms: 0.1,
                max_ms: 0.9,
                min_ms: 0.05,
                xruns: 3,
                budget_ms: 21.3333,
                usage_pct: 0.47,
                total_callbacks: 94,
            },
            error: Some(Failure {
                code: "lost".into(),
                message: "hw:X is gone".into(),
            }),
            ..plain()
        };
        assert_eq!(
            summary(&s, 12),
            "Played 2.000 s (96000 frames at 48000 Hz) through alsa, device hw:X, until an error.\n\
             Faults: device xruns not measured, 1 late callback, 2 starvations (300 frames), 4 clipped samples.\n\
             Callbacks: 94, 0.100 ms on average, 0.050 to 0.900 ms, budget 21.333 ms (0.5 % used, 3 over 80 %).\n\
             The device or server was lost 2 times, 1 hung driver left behind; the last time: The JACK server went away.\n\
             Damaged: 1 stem.\n\
             Left out: 12 lines that nobody read in time.\n\
             Ended by: hw:X is gone"
        );
        assert!(statistics(&s).starts_with("Played 2.000 s"));
        assert!(statistics(&s).contains("so far.\nFaults: "));
    }

    #[test]
    fn of_a_rendering_only_clips_can_be_told() {
        let s = Summary {
            backend: Some("file".into()),
            device: Some("out.wav".into()),
            device_xruns: None,
            late_callbacks: None,
            clips: 4,
            ..plain()
        };
        assert_eq!(
            summary(&s, 0),
            "Rendered 2.000 s (96000 frames at 48000 Hz) to out.wav, to the end.\n\
             Clipped: 4 samples."
        );
    }

    #[test]
    fn warnings_name_their_track() {
        let w = Warning {
            code: "damaged".into(),
            message: "bass.wav: damaged at frame 7".into(),
            track: Some("bass".into()),
        };
        assert_eq!(
            warning(&w),
            "warning: bass.wav: damaged at frame 7 (track bass)"
        );
        let d = Device {
            state: DeviceState::Lost,
            reason: Some("unplugged".into()),
        };
        assert_eq!(device(&d), "device: lost: unplugged");
    }
}
