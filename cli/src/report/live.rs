//! The live line of a terminal: state, position, levels, faults, title, in this order.

use super::event::Position;
use super::text::{clean, clock, state, title};

/// Cells of a level's bar.
const BAR: usize = 10;
/// Level at the bar's left end, dB.
const FLOOR_DB: f32 = -60.0;
/// Fewer columns than this are not worth a title.
const LEAST_TITLE: usize = 8;

/// A bus and its level.
#[derive(Clone, Debug, PartialEq)]
pub struct BusLevel {
    /// The bus.
    pub name: String,
    /// Highest magnitude since the last time, linear, full scale 1.0.
    pub peak: f32,
}

/// What keys and programs have switched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Switched {
    /// Numbers of the muted tracks, from 1.
    pub muted: Vec<usize>,
    /// Numbers of the soloed tracks, from 1.
    pub soloed: Vec<usize>,
    /// The loop in force: its first frame, and one past its last.
    pub looping: Option<(u64, u64)>,
}

/// The three faults so far. `None` is "not measured".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Faults the driver reported.
    pub device_xruns: Option<u64>,
    /// Callbacks over their whole budget.
    pub late_callbacks: Option<u64>,
    /// Times our data came too late.
    pub starvations: u64,
}

/// What a live line shows besides the position.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meters {
    /// Rate that the position's frames are at, Hz.
    pub rate: u32,
    /// The buses, in order.
    pub buses: Vec<BusLevel>,
    /// Mutes, solos and the loop.
    pub switched: Switched,
    /// The faults.
    pub faults: Faults,
}

/// The line, at most `columns` wide: with bars if they fit, else with numbers alone, else without
/// levels if something is switched, else cut.
pub(super) fn live_line(p: &Position, m: &Meters, columns: usize) -> String {
    let mut head = state(p.state).to_string();
    if let Some(reason) = &p.reason {
        head += &format!(" ({})", clean(reason));
    }
    head += &format!("  {}", clock(p.frame, m.rate));
    if let Some(n) = p.length_frames {
        head += &format!(" / {}", clock(n, m.rate));
    }
    let switched = switched(&m.switched, m.rate);
    head += &switched;
    let levels = |bars: bool| -> String {
        m.buses
            .iter()
            .map(|b| {
                let db = decibels(b.peak);
                let bar = if bars { bar(db) } else { String::new() };
                format!("  {}{bar} {}", clean(&b.name), number(db))
            })
            .collect()
    };
    let or_dash = |n: Option<u64>| n.map_or_else(|| "-".into(), |n| n.to_string());
    let faults = format!(
        "  xruns {}  late {}  starved {}",
        or_dash(m.faults.device_xruns),
        or_dash(m.faults.late_callbacks),
        m.faults.starvations
    );
    let mut line = format!("{head}{}{faults}", levels(true));
    if cells(&line) > columns {
        line = format!("{head}{}{faults}", levels(false));
    }
    if cells(&line) > columns && !switched.is_empty() {
        line = format!("{head}{faults}");
    }
    if let Some(title) = title(p)
        && cells(&line) + 2 + LEAST_TITLE <= columns
    {
        line += &format!("  {title}");
    }
    cut(line, columns)
}

/// `  mute 1 3  solo 2  loop 0:30.0-1:00.0`, of that what there is.
fn switched(s: &Switched, rate: u32) -> String {
    let mut text = String::new();
    for (word, tracks) in [("mute", &s.muted), ("solo", &s.soloed)] {
        if !tracks.is_empty() {
            text += &format!("  {word}");
            text.extend(tracks.iter().map(|n| format!(" {n}")));
        }
    }
    if let Some((a, b)) = s.looping {
        text += &format!("  loop {}-{}", clock(a, rate), clock(b, rate));
    }
    text
}

fn decibels(peak: f32) -> f32 {
    // A NaN is no level: `max` drops it.
    20.0 * peak.max(0.0).log10()
}

fn number(db: f32) -> String {
    if db < -99.9 {
        " -inf".into()
    } else {
        format!("{db:5.1}")
    }
}

fn bar(db: f32) -> String {
    let full = (db - FLOOR_DB) / -FLOOR_DB * BAR as f32;
    // The cast saturates: −inf is 0.
    let full = (full.ceil() as usize).min(BAR);
    let mut bar = format!(" [{}{}]", "#".repeat(full), "-".repeat(BAR - full));
    if db > 0.0 {
        // Over full scale, in the place of the bracket.
        bar.pop();
        bar.push('!');
    }
    bar
}

/// Columns that a character takes: 2 for East Asian wide ones and pictures, 0 for those
/// that join the one before. Wide blocks as in Unicode's `EastAsianWidth`, roughly.
fn cell(c: char) -> usize {
    match c as u32 {
        0x300..=0x36f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

fn cells(text: &str) -> usize {
    text.chars().map(cell).sum()
}

pub(super) fn cut(mut text: String, columns: usize) -> String {
    let mut used = 0;
    let end = text.char_indices().find(|(_, c)| {
        used += cell(*c);
        used > columns
    });
    if let Some((at, _)) = end {
        text.truncate(at);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::event::State;
    use super::*;
    use proptest::prelude::*;

    fn position() -> Position {
        Position {
            frame: 48_000 * 83,
            length_frames: Some(48_000 * 200),
            state: State::Playing,
            reason: None,
            song: Some("Song".into()),
            section: Some("Verse".into()),
            latency: Default::default(),
        }
    }

    fn meters() -> Meters {
        Meters {
            rate: 48_000,
            buses: vec![
                BusLevel {
                    name: "main".into(),
                    peak: 0.25,
                },
                BusLevel {
                    name: "click".into(),
                    peak: 0.0,
                },
            ],
            switched: Switched::default(),
            faults: Faults {
                device_xruns: Some(1),
                late_callbacks: None,
                starvations: 2,
            },
        }
    }

    #[test]
    fn what_fits_is_shown() {
        let (p, m) = (position(), meters());
        assert_eq!(
            live_line(&p, &m, 120),
            "playing  1:23.0 / 3:20.0  main [########--] -12.0  click [----------]  -inf  \
             xruns 1  late -  starved 2  Song, Verse"
        );
        assert_eq!(
            live_line(&p, &m, 80),
            "playing  1:23.0 / 3:20.0  main -12.0  click  -inf  xruns 1  late -  starved 2"
        );
        assert_eq!(live_line(&p, &m, 20), "playing  1:23.0 / 3:");
        assert_eq!(live_line(&p, &m, 0), "");
    }

    #[test]
    fn what_is_switched_is_shown_before_levels() {
        let (p, mut m) = (position(), meters());
        m.switched = Switched {
            muted: vec![1, 12],
            soloed: vec![3],
            looping: Some((48_000 * 30, 48_000 * 60)),
        };
        let line = live_line(&p, &m, 200);
        let part = "3:20.0  mute 1 12  solo 3  loop 0:30.0-1:00.0  main [";
        assert!(line.contains(part), "{line}");
        m.switched.looping = None;
        assert_eq!(
            live_line(&p, &m, 80),
            "playing  1:23.0 / 3:20.0  mute 1 12  solo 3  xruns 1  late -  starved 2"
        );
    }

    #[test]
    fn levels() {
        assert_eq!(bar(0.0), " [##########]");
        assert_eq!(bar(0.1), " [##########!");
        assert_eq!(bar(-60.0), " [----------]");
        assert_eq!(bar(-59.9), " [#---------]");
        assert_eq!(bar(f32::NEG_INFINITY), " [----------]");
        assert_eq!(number(decibels(f32::NAN)), " -inf");
        assert_eq!(number(decibels(2.0)), "  6.0");
        assert_eq!(number(decibels(32.0)), " 30.1");
    }

    #[test]
    fn a_reason_is_told() {
        let mut p = position();
        p.state = State::Paused;
        p.reason = Some("device\x1b lost".into());
        p.length_frames = None;
        let line = live_line(&p, &Meters::default(), 100);
        assert_eq!(
            line,
            "paused (device\u{fffd} lost)  3984000f  xruns -  late -  starved 0  Song, Verse"
        );
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(cells("音楽"), 4);
        assert_eq!(cells("e\u{301}"), 1);
        assert_eq!(cut("音楽".into(), 3), "音");
    }

    proptest! {
        #[test]
        fn never_wider_than_the_terminal(song in ".{0,40}", name in ".{0,12}", peak: f32, columns in 0usize..200) {
            let mut p = position();
            p.song = Some(song);
            let mut m = meters();
            m.buses[0] = BusLevel { name, peak };
            let line = live_line(&p, &m, columns);
            prop_assert!(cells(&line) <= columns);
            prop_assert!(!line.chars().any(char::is_control));
        }
    }
}
