//! Whole screens, and what keys and the mouse do on them.
//!
//! A screen is compared with a file in `snapshots/`; `BACKLINE_SNAPSHOTS=write` writes it anew.

use std::time::Duration;

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

use super::input::{self, Action};
use super::layout::Layout;
use super::log::{Line, Weight};
use super::look::Look;
use super::model::{Model, Strip, Wave};
use super::{draw, meter};
use crate::control::{Looped, Switch, Target, Verb, When};
use crate::player::{BusMeter, Status, TrackMeter};
use crate::report::{Latency, OutputLatency, Position, State};
use crate::song::tempo::{Grid, Stretch};
use crate::song::{Song, Span, Time};
use crate::terminal::{Event, Mouse, MouseDoes};
use crate::units::{Level, SongRef, TrackRef, gain_from_db};

const RATE: u32 = 48_000;

fn seconds(s: f64) -> u64 {
    (s * f64::from(RATE)) as u64
}

/// A song of eight tracks, half a minute in, with something of everything.
fn model(look: Look) -> Model {
    let names = [
        "drums", "bass", "keys", "guitar", "pad", "lead", "click", "cue",
    ];
    let tracks = names.iter().enumerate().map(|(i, name)| TrackMeter {
        name: (*name).to_owned(),
        bus: match *name {
            "click" | "cue" => (*name).to_owned(),
            _ => "main".to_owned(),
        },
        gain: gain_from_db([2.0, 0.0, -3.5, 0.0, -12.0, 0.0, 0.0, -0.0][i]),
        pan: [0.0, 0.0, -0.25, 0.45, -0.1, 1.0, 0.0, 0.0][i],
        mute: i == 4,
        solo: false,
        peak: gain_from_db([-3.0, -9.5, -18.0, -24.0, -200.0, -6.0, -40.0, -200.0][i]),
    });
    let buses = [
        ("main", 0.0, 0.4),
        ("click", -6.0, -46.0),
        ("cue", 0.0, -200.0),
    ];
    let status = Status {
        position: Position {
            frame: seconds(20.25),
            length_frames: Some(seconds(34.0)),
            state: State::Playing,
            reason: None,
            song: Some("Eight Bars Home".into()),
            section: Some("Chorus".into()),
            latency: OutputLatency::new(480, RATE),
        },
        rate: RATE,
        songs: vec!["Eight Bars Home".into()],
        backend: "alsa".into(),
        device: "hw:CARD=USB".into(),
        tracks: tracks.collect(),
        buses: buses
            .iter()
            .map(|(name, level, peak)| BusMeter {
                name: (*name).to_owned(),
                level: gain_from_db(*level),
                peak: gain_from_db(*peak),
            })
            .collect(),
        master: gain_from_db(-1.5),
        device_xruns: Some(1),
        starvations: 0,
        ..Status::default()
    };
    let mut model = Model::new(look);
    let spans = [
        ("Count-in", 0.0, 2.0),
        ("Intro", 2.0, 6.0),
        ("Verse", 6.0, 14.0),
        ("Chorus", 14.0, 30.0),
        ("Outro", 30.0, 34.0),
    ];
    model.sections = spans
        .iter()
        .map(|(name, start, end)| Span {
            name: (*name).to_owned(),
            start: seconds(*start),
            end: seconds(*end),
        })
        .collect();
    model.wave = Wave {
        levels: (0..1024u32)
            .map(|i| {
                (i * 37 % 101) as f32 / 101.0 * if i < 64 { 0.1 } else { 0.3 + i as f32 / 1500.0 }
            })
            .collect(),
        reading: None,
    };
    model.log = vec![
        Line {
            at: Duration::from_secs(0),
            weight: Weight::Note,
            text: "Playing at 48000 Hz on 2 channels through alsa, device hw:CARD=USB (period 2048 frames, ready after 81 ms).".into(),
        },
        Line {
            at: Duration::from_secs(14),
            weight: Weight::Warning,
            text: "warning: bus cue has no output: it is silent".into(),
        },
    ];
    model.take(status, Duration::from_millis(33));
    model
}

/// 120 bpm in 4/4.
fn grid() -> Grid {
    let song = Song {
        tempo: vec![Stretch {
            at: Time::Nanos(0),
            micro_bpm: 120_000_000,
            beats: 4,
            unit: 4,
        }],
        ..Song::default()
    };
    Grid::new(&song, RATE)
}

fn monitored(model: &mut Model, usage_pct: f64) {
    model.status.latency = Latency::Full {
        mean_ms: 42.667 * usage_pct / 100.0,
        max_ms: 42.667 * usage_pct / 50.0,
        min_ms: 0.01,
        xruns: 3,
        budget_ms: 42.667,
        usage_pct,
        total_callbacks: 12_345,
    };
    model.panes.latency = true;
}

fn drawn(model: &Model, width: u16, height: u16) -> (Buffer, Layout) {
    let layout = Layout::new(Rect::new(0, 0, width, height), model);
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| draw::draw(model, &layout, frame.buffer_mut()))
        .unwrap();
    (terminal.backend().buffer().clone(), layout)
}

fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let lines = buffer.content.chunks(width).map(|row| {
        let line: String = row.iter().map(|cell| cell.symbol()).collect();
        line.trim_end().to_owned() + "\n"
    });
    lines.collect()
}

fn check(name: &str, model: &Model, width: u16, height: u16) -> Buffer {
    let (buffer, _) = drawn(model, width, height);
    let shown = text(&buffer);
    let path = format!(
        "{}/src/tui/snapshots/{name}.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    if std::env::var_os("BACKLINE_SNAPSHOTS").is_some_and(|v| v == "write") {
        std::fs::write(&path, &shown).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        shown, wanted,
        "\n{name} is now:\n{shown}\ninstead of:\n{wanted}"
    );
    buffer
}

#[test]
fn screens_of_80_by_24() {
    let m = model(Look::COLOUR);
    check("80x24", &m, 80, 24);
    let mut m = model(Look::COLOUR);
    monitored(&mut m, 62.0);
    m.panes.songs = Some(true);
    m.status.songs = vec!["One".into(), "Eight Bars Home".into(), "Three".into()];
    m.status.song = 1;
    m.status.looping = Some((seconds(14.0), seconds(30.0)));
    check("80x24-panes", &m, 80, 24);
    m.panes.help = true;
    check("80x24-help", &m, 80, 24);
}

#[test]
fn screens_of_120_by_40() {
    let mut m = model(Look::COLOUR);
    check("120x40", &m, 120, 40);
    m.grid = grid();
    m.armed = Some("Outro".into());
    monitored(&mut m, 12.0);
    m.status.songs = vec!["One".into(), "Eight Bars Home".into(), "Three".into()];
    m.status.song = 1;
    check("120x40-panes", &m, 120, 40);
}

#[test]
fn a_screen_without_colours_has_none_and_tells_things_apart() {
    let mut m = model(Look::MONO);
    monitored(&mut m, 90.0);
    let buffer = check("80x24-mono", &m, 80, 24);
    for cell in &buffer.content {
        assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset));
    }
    // The mute that is on and those that are off.
    let (_, layout) = drawn(&m, 80, 24);
    let at = |strip: usize| {
        let row = layout.row(Strip::Track(strip), &m).unwrap();
        &buffer[(row.x + layout.columns.mute.0, row.y)]
    };
    assert_eq!((at(4).symbol(), at(3).symbol()), ("M", "M"));
    assert!(at(4).modifier.contains(Modifier::REVERSED));
    assert!(!at(3).modifier.contains(Modifier::REVERSED));
}

#[test]
fn a_screen_in_ascii_is_ascii() {
    let mut m = model(Look::ASCII);
    m.status.looping = Some((seconds(14.0), seconds(30.0)));
    check("80x24-ascii", &m, 80, 24);
    for help in [false, true] {
        m.panes.help = help;
        assert!(text(&drawn(&m, 80, 24).0).is_ascii());
    }
}

#[test]
fn colours_of_levels_and_loads() {
    let mut m = model(Look::COLOUR);
    let row_colours = |m: &Model, strip: Strip| -> Vec<Color> {
        let (buffer, layout) = drawn(m, 80, 24);
        let row = layout.row(strip, m).unwrap();
        let (x, width) = layout.columns.meter;
        let mut colours: Vec<Color> = (x..x + width)
            .map(|x| buffer[(row.x + x, row.y)].fg)
            .filter(|colour| *colour != Color::Reset)
            .collect();
        colours.dedup();
        colours
    };
    assert_eq!(row_colours(&m, Strip::Track(3)), [Color::Green]);
    assert_eq!(
        row_colours(&m, Strip::Track(0)),
        [Color::Green, Color::Yellow]
    );
    assert_eq!(
        row_colours(&m, Strip::Bus(0)),
        [Color::Green, Color::Yellow, Color::Red]
    );
    // The widget's colours change at 50 and 80 %.
    for (usage, colour) in [
        (49.9, Color::Green),
        (50.0, Color::Indexed(208)),
        (80.0, Color::Red),
    ] {
        monitored(&mut m, usage);
        let (buffer, layout) = drawn(&m, 120, 40);
        let bar = (layout.latency.x, layout.latency.y + 8);
        assert_eq!(buffer[bar].fg, colour, "{usage}");
    }
}

#[test]
fn any_size_and_anything_in_names_is_drawn() {
    let mut m = model(Look::COLOUR);
    monitored(&mut m, 300.0);
    m.status.tracks[0].name = "音楽\x1b[2J\u{202e}é".repeat(9);
    m.status.songs = vec!["\n".into(); 300];
    m.status.song = 299;
    m.sections[1].name = "音楽".repeat(50);
    m.status.position.reason = Some("\x07".repeat(300));
    for track in 0..120 {
        let mut more = m.status.tracks[0].clone();
        more.name = format!("{track}");
        m.status.tracks.push(more);
    }
    m.take(m.status.clone(), Duration::from_secs(1));
    for help in [false, true] {
        m.panes.help = help;
        for songs in [None, Some(true), Some(false)] {
            m.panes.songs = songs;
            for width in (0..=140).step_by(7) {
                for height in 0..45 {
                    let (buffer, layout) = drawn(&m, width, height);
                    assert!(
                        !text(&buffer).contains(['\x1b', '\x07']),
                        "{width}x{height}"
                    );
                    for strip in [Strip::Track(0), Strip::Track(127), Strip::Master] {
                        m.selected = strip;
                        let _ = layout.under(width / 2, height / 2, &m);
                    }
                    m.selected = Strip::Track(64);
                    // What is selected is seen, wherever there is anything.
                    let layout = Layout::new(Rect::new(0, 0, width, height), &m);
                    if layout.tracks.height > 0 {
                        assert!(
                            layout.row(Strip::Track(64), &m).is_some(),
                            "{width}x{height}"
                        );
                    }
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_pressed_it_can_be_drawn(
        pressed in proptest::collection::vec((0u8..8, 0u8..128, 0u16..130, 0u16..45), 0..60),
    ) {
        let mut m = model(Look::COLOUR);
        m.status.songs = (0..30).map(|n| n.to_string()).collect();
        let area = Rect::new(0, 0, 120, 40);
        for (kind, byte, column, row) in pressed {
            let does = match kind {
                0 => MouseDoes::Press,
                1 => MouseDoes::Drag,
                2 => MouseDoes::WheelUp,
                _ => MouseDoes::WheelDown,
            };
            let event = match kind {
                0..=3 => Event::Mouse(Mouse { does, column, row }),
                4 => Event::Up,
                5 => Event::Down,
                _ => Event::Char(byte.into()),
            };
            let layout = Layout::new(area, &m);
            if let Some(Action::Order(verb)) = input::event(&mut m, &layout, event) {
                // It is one that any other path could ask for.
                let (name, words) = verb.words();
                prop_assert!(Verb::parse(name, &words).is_ok(), "{name} {words:?}");
            }
            let mut buffer = Buffer::empty(area);
            draw::draw(&m, &Layout::new(area, &m), &mut buffer);
        }
    }
}

/// Presses something on a screen of 80×24.
fn press(model: &mut Model, event: Event) -> Option<Action> {
    let layout = Layout::new(Rect::new(0, 0, 80, 24), model);
    input::event(model, &layout, event)
}

fn key(model: &mut Model, c: char) -> Option<Action> {
    press(model, Event::Char(c))
}

fn at(time: Time) -> Option<Action> {
    Some(Action::Order(Verb::Seek(Target::At(time))))
}

#[test]
fn every_key_does_what_it_says() {
    let mut m = model(Look::COLOUR);
    let order = |verb| Some(Action::Order(verb));
    let nanos = |s: u64| Time::Nanos(s * 1_000_000_000);
    assert_eq!(key(&mut m, ' '), order(Verb::Toggle));
    assert_eq!(
        press(&mut m, Event::Left),
        order(Verb::Seek(Target::Back(nanos(5))))
    );
    assert_eq!(
        press(&mut m, Event::Right),
        order(Verb::Seek(Target::Forward(nanos(5))))
    );
    assert_eq!(
        press(&mut m, Event::PageDown),
        order(Verb::Seek(Target::Forward(nanos(30))))
    );
    assert_eq!(press(&mut m, Event::Home), at(Time::Frames(0)));
    // Six seconds into the chorus.
    assert_eq!(key(&mut m, '['), at(Time::Section("Chorus".into())));
    assert_eq!(key(&mut m, ']'), at(Time::Section("Outro".into())));
    let jump = |name: &str, when| order(Verb::Jump(Time::Section(name.into()), when));
    assert_eq!(key(&mut m, '}'), jump("Outro", When::SectionEnd));
    m.grid = grid();
    assert_eq!(key(&mut m, '}'), jump("Outro", When::NextBar));
    assert_eq!(key(&mut m, '{'), jump("Chorus", When::NextBar));
    m.status.position.frame = seconds(15.0);
    assert_eq!(key(&mut m, '['), at(Time::Section("Verse".into())));
    m.status.position.frame = seconds(1.0);
    assert_eq!(key(&mut m, '['), at(Time::Section("Count-in".into())));
    m.status.position.frame = seconds(33.0);
    assert_eq!(key(&mut m, ']'), None);
    assert_eq!(key(&mut m, 'l'), order(Verb::Loop(Looped::Here)));
    m.status.looping = Some((0, 1));
    assert_eq!(key(&mut m, 'l'), order(Verb::Loop(Looped::Off)));
    assert_eq!(key(&mut m, 'n'), order(Verb::Next));
    assert_eq!(key(&mut m, 'p'), order(Verb::Previous));
    assert_eq!(key(&mut m, 'x'), order(Verb::ClearSolo));
    assert_eq!(key(&mut m, 'q'), order(Verb::Quit));
    let number = TrackRef::Number;
    assert_eq!(key(&mut m, 'm'), None);
    assert_eq!(
        key(&mut m, '3'),
        order(Verb::Mute(number(3), Switch::Toggle))
    );
    assert_eq!(key(&mut m, '3'), None);
    assert_eq!(key(&mut m, 's'), None);
    assert_eq!(
        key(&mut m, '8'),
        order(Verb::Solo(number(8), Switch::Toggle))
    );
    // There is no tenth track.
    assert_eq!(key(&mut m, 's'), None);
    assert_eq!(key(&mut m, '0'), None);
    // A key other than a digit ends it.
    assert_eq!(key(&mut m, 'm'), None);
    assert_eq!(key(&mut m, ' '), order(Verb::Toggle));
    assert_eq!(key(&mut m, '3'), None);
    assert_eq!(key(&mut m, 'd'), Some(Action::Latency(true)));
    assert_eq!(key(&mut m, 'd'), Some(Action::Latency(false)));
    assert_eq!(key(&mut m, '\x0c'), Some(Action::Redraw));
    assert_eq!(key(&mut m, 't'), None);
    assert_eq!(m.panes.songs, Some(true));
    // Help is closed by any key, which does nothing else.
    for open in [Event::Char('?'), Event::Help] {
        assert_eq!(press(&mut m, open), None);
        assert!(m.panes.help);
        assert_eq!(key(&mut m, ' '), None);
        assert!(!m.panes.help);
    }
    assert!(m.tracks[0].highest > meter::FLOOR_DB);
    m.buses[0].take(2.0, Duration::ZERO, Duration::ZERO);
    assert!(m.buses[0].over());
    m.buses[0].take(0.0, Duration::from_secs(60), Duration::from_secs(60));
    assert_eq!(key(&mut m, 'r'), None);
    assert!(!m.buses[0].over());
}

#[test]
fn levels_and_pans_of_what_is_selected() {
    let mut m = model(Look::COLOUR);
    let db = |db: f64| Level::from_db(db).unwrap();
    let gain = |track, level: f64| {
        Some(Action::Order(Verb::Gain(
            TrackRef::Number(track),
            db(level),
        )))
    };
    // Pressed faster than the status follows.
    assert_eq!(key(&mut m, '+'), gain(1, 3.0));
    assert_eq!(key(&mut m, '+'), gain(1, 4.0));
    assert_eq!(key(&mut m, '-'), gain(1, 3.0));
    assert_eq!(key(&mut m, 'u'), gain(1, 0.0));
    assert_eq!(m.level(Strip::Track(0)), 0.0);
    let status = m.status.clone();
    // What was asked for counts for a while, then what is.
    m.take(status.clone(), Duration::from_millis(500));
    assert_eq!(m.level(Strip::Track(0)), 0.0);
    m.take(status, Duration::from_millis(700));
    assert!((m.level(Strip::Track(0)) - 2.0).abs() < 0.001);

    press(&mut m, Event::Down);
    press(&mut m, Event::Down);
    assert_eq!(m.selected, Strip::Track(2));
    let pan = |track, pan| Some(Action::Order(Verb::Pan(TrackRef::Number(track), pan)));
    assert_eq!(key(&mut m, ','), pan(3, -0.3));
    assert_eq!(key(&mut m, '.'), pan(3, -0.25));
    assert_eq!(key(&mut m, 'c'), pan(3, 0.0));
    assert_eq!(
        key(&mut m, 'M'),
        Some(Action::Order(Verb::Mute(
            TrackRef::Number(3),
            Switch::Toggle
        )))
    );
    for _ in 0..6 {
        press(&mut m, Event::Down);
    }
    assert_eq!(m.selected, Strip::Bus(0));
    assert_eq!(
        key(&mut m, '-'),
        Some(Action::Order(Verb::Bus("main".into(), db(-1.0))))
    );
    assert_eq!((key(&mut m, 'M'), key(&mut m, ',')), (None, None));
    for _ in 0..20 {
        press(&mut m, Event::Down);
    }
    assert_eq!(m.selected, Strip::Master);
    assert_eq!(
        key(&mut m, '+'),
        Some(Action::Order(Verb::Master(db(-0.5))))
    );
    // Down to silence and back.
    for _ in 0..80 {
        key(&mut m, '-');
    }
    assert_eq!(m.level(Strip::Master), f64::NEG_INFINITY);
    assert_eq!(key(&mut m, '-'), None);
    assert_eq!(
        key(&mut m, '+'),
        Some(Action::Order(Verb::Master(db(-60.0))))
    );
    for _ in 0..20 {
        press(&mut m, Event::Up);
    }
    assert_eq!(m.selected, Strip::Track(0));
}

#[test]
fn the_mouse_does_what_it_points_at() {
    let mut m = model(Look::COLOUR);
    let layout = Layout::new(Rect::new(0, 0, 80, 24), &m);
    let mouse = |m: &mut Model, does, column, row| {
        let event = Event::Mouse(Mouse { does, column, row });
        input::event(m, &layout, event)
    };
    use MouseDoes::{Drag, Press, Release, WheelDown, WheelUp};
    let row = layout.row(Strip::Track(3), &m).unwrap().y;
    let order = |verb| Some(Action::Order(verb));
    let fourth = || TrackRef::Number(4);
    let (mute, solo, pan) = (
        layout.columns.mute.0,
        layout.columns.solo.0,
        layout.columns.pan.0,
    );
    assert_eq!(
        mouse(&mut m, Press, mute, row),
        order(Verb::Mute(fourth(), Switch::Toggle))
    );
    assert_eq!(
        mouse(&mut m, Press, solo, row),
        order(Verb::Solo(fourth(), Switch::Toggle))
    );
    assert_eq!(m.selected, Strip::Track(3));
    let db = |db: f64| Level::from_db(db).unwrap();
    assert_eq!(
        mouse(&mut m, WheelUp, 30, row),
        order(Verb::Gain(fourth(), db(1.0)))
    );
    assert_eq!(
        mouse(&mut m, WheelDown, pan + 1, row),
        order(Verb::Pan(fourth(), 0.4))
    );
    assert_eq!(mouse(&mut m, Release, 30, row), None);
    let bus = layout.row(Strip::Bus(1), &m).unwrap().y;
    assert_eq!(mouse(&mut m, Press, 30, bus), None);
    assert_eq!(m.selected, Strip::Bus(1));
    assert_eq!(
        mouse(&mut m, WheelDown, 30, bus),
        order(Verb::Bus("click".into(), db(-7.0)))
    );
    // The middle of the song, and the verse.
    let wave = layout.wave;
    let half = || at(Time::Frames(seconds(17.0)));
    assert_eq!(
        mouse(&mut m, Press, wave.x + wave.width / 2, wave.y),
        half()
    );
    assert_eq!(mouse(&mut m, Drag, wave.x + wave.width / 2, wave.y), half());
    let verse = layout.ruler.x + 20;
    assert_eq!(
        mouse(&mut m, Press, verse, layout.ruler.y),
        at(Time::Section("Verse".into()))
    );
    assert_eq!(mouse(&mut m, Press, 2, 0), order(Verb::Toggle));
    assert_eq!(mouse(&mut m, Press, 2, 23), None);
    assert!(m.panes.help);
    assert_eq!(mouse(&mut m, Press, mute, row), None);
    assert!(!m.panes.help);
}

#[test]
fn a_song_of_the_list_is_clicked_on() {
    let mut m = model(Look::COLOUR);
    m.status.songs = (1..=9).map(|n| format!("Song {n}")).collect();
    m.status.song = 8;
    let layout = Layout::new(Rect::new(0, 0, 120, 40), &m);
    let list = layout.songs;
    let event = |row| {
        Event::Mouse(Mouse {
            does: MouseDoes::Press,
            column: list.x + 5,
            row,
        })
    };
    assert_eq!(input::event(&mut m, &layout, event(list.y)), None);
    assert_eq!(
        input::event(&mut m, &layout, event(list.y + 3)),
        Some(Action::Order(Verb::Song(SongRef::Number(3))))
    );
}
