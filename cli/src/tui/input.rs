//! From what was pressed to what is asked of the session, and of the screen.

use super::layout::{Layout, Under};
use super::meter::FLOOR_DB;
use super::model::{Model, Strip};
use crate::control::{Looped, Switch, Target, Verb, When};
use crate::song::{Span, Time};
use crate::terminal::{Event, Mouse, MouseDoes, track};
use crate::units::{Level, SongRef, TrackRef};

/// What a key of the arrows skips, s.
const SKIP_S: u64 = 5;
/// What a key of pages skips, s.
const LONG_SKIP_S: u64 = 30;
/// A step of a level, dB.
const STEP_DB: f64 = 1.0;
/// Below this a level is silence, dB.
const SILENCE_DB: f64 = FLOOR_DB as f64 + 10.0;
/// A step of a pan.
const STEP_PAN: f64 = 0.05;

/// What follows from something that was pressed.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// The session is to do this.
    Order(Verb),
    /// The screen is to be drawn anew.
    Redraw,
    /// The latency monitor was shown or hidden.
    Latency(bool),
}

/// A key: how it is written, what it does, and how it stands on the screen all the time, if it does.
pub type Key = (
    &'static str,
    &'static str,
    Option<(&'static str, &'static str)>,
);

/// Every key. `<>` and `^v` are arrows, drawn as the terminal can.
pub const KEYS: &[Key] = &[
    ("space", "play, pause", Some(("space", "play"))),
    ("<>", "5 s back, forward", Some(("<>", "5 s"))),
    ("PgUp PgDn", "30 s back, forward", None),
    ("Home", "to the start", None),
    ("[ ]", "section before, next", Some(("[]", "section"))),
    ("{ }", "jump there on the next bar", None),
    ("l", "loop the section, or stop", Some(("l", "loop"))),
    ("p n", "song before, next", None),
    ("m 1-9 0", "mute track 1-9, 10", Some(("m1", "mute"))),
    ("s 1-9 0", "solo track 1-9, 10", Some(("s1", "solo"))),
    ("x", "end every solo", None),
    ("^v", "select a strip", Some(("^v+-", "level"))),
    ("M S", "mute, solo the selected one", None),
    ("+ -", "its level, 1 dB up, down", None),
    ("u", "its level to 0 dB", None),
    (", .", "its pan to the left, right", None),
    ("c", "pan to the centre", None),
    ("w", "save in the song's file", None),
    ("r", "reset held peaks", None),
    ("d", "latency monitor on, off", None),
    ("t", "setlist on, off", None),
    ("Ctrl-L", "draw the screen anew", None),
    ("?", "this help", Some(("?", "help"))),
    ("q", "fade out and quit", Some(("q", "quit"))),
];

/// What the mouse does.
pub const MOUSE: &[(&str, &str)] = &[
    ("wave form", "click or drag: seek"),
    ("section", "click: go to its start"),
    ("strip", "click: select; wheel: level"),
    ("M, S", "click: mute, solo"),
    ("pan", "wheel: pan"),
    ("song", "click: play it"),
];

fn order(verb: Verb) -> Option<Action> {
    Some(Action::Order(verb))
}

fn seconds(s: u64) -> Time {
    Time::Nanos(s * 1_000_000_000)
}

/// What follows from an event. The model is changed where only the screen is concerned.
pub fn event(model: &mut Model, layout: &Layout, event: Event) -> Option<Action> {
    if let Event::Mouse(mouse) = event {
        return pointed(model, layout, mouse);
    }
    let prefix = model.prefix.take();
    if let (Some(prefix), Event::Char(digit @ '0'..='9')) = (prefix, event) {
        let number = TrackRef::Number(track(digit).into());
        if usize::from(track(digit)) > model.status.tracks.len() {
            return None;
        }
        return order(match prefix {
            'm' => Verb::Mute(number, Switch::Toggle),
            _ => Verb::Solo(number, Switch::Toggle),
        });
    }
    if model.panes.help {
        // Whatever it is, it takes the help away, and only that; but for the end.
        model.panes.help = false;
        if event != Event::Char('q') {
            return None;
        }
    }
    match event {
        Event::Char(' ') => order(Verb::Toggle),
        Event::Left => order(Verb::Seek(Target::Back(seconds(SKIP_S)))),
        Event::Right => order(Verb::Seek(Target::Forward(seconds(SKIP_S)))),
        Event::PageUp => order(Verb::Seek(Target::Back(seconds(LONG_SKIP_S)))),
        Event::PageDown => order(Verb::Seek(Target::Forward(seconds(LONG_SKIP_S)))),
        Event::Home => order(Verb::Seek(Target::At(Time::Frames(0)))),
        Event::Char('[') => seek_section(section_before(model)),
        Event::Char(']') => seek_section(section_after(model)),
        Event::Char('{') => jump_section(model, section_before(model)),
        Event::Char('}') => jump_section(model, section_after(model)),
        Event::Char('l') => order(Verb::Loop(match model.status.looping {
            Some(_) => Looped::Off,
            None => Looped::Here,
        })),
        Event::Char('n') => order(Verb::Next),
        Event::Char('p') => order(Verb::Previous),
        Event::Char('q') => order(Verb::Quit),
        Event::Char('x') => order(Verb::ClearSolo),
        Event::Char(prefix @ ('m' | 's')) => {
            model.prefix = Some(prefix);
            None
        }
        Event::Char('M') => selected_track(model, |t| Verb::Mute(t, Switch::Toggle)),
        Event::Char('S') => selected_track(model, |t| Verb::Solo(t, Switch::Toggle)),
        Event::Up | Event::Char('k') => {
            model.select_by(-1);
            None
        }
        Event::Down | Event::Char('j') => {
            model.select_by(1);
            None
        }
        Event::Char('+' | '=') => step(model, model.selected, STEP_DB),
        Event::Char('-' | '_') => step(model, model.selected, -STEP_DB),
        Event::Char('u') => level(model, model.selected, 0.0),
        Event::Char(',' | '<') => pan_selected(model, |pan| pan - STEP_PAN),
        Event::Char('.' | '>') => pan_selected(model, |pan| pan + STEP_PAN),
        Event::Char('c') => pan_selected(model, |_| 0.0),
        Event::Char('w') => order(Verb::Save(None)),
        Event::Char('r') => {
            model.clear_peaks();
            None
        }
        Event::Char('d') => {
            model.panes.latency = !model.panes.latency;
            Some(Action::Latency(model.panes.latency))
        }
        Event::Char('t') => {
            let shown = !layout.songs.is_empty();
            model.panes.songs = Some(!shown);
            None
        }
        Event::Char('?' | 'h') | Event::Help => {
            model.panes.help = true;
            None
        }
        Event::Char('\x0c') => Some(Action::Redraw),
        _ => None,
    }
}

fn pointed(model: &mut Model, layout: &Layout, mouse: Mouse) -> Option<Action> {
    if model.panes.help {
        if mouse.does == MouseDoes::Press {
            model.panes.help = false;
        }
        return None;
    }
    let under = layout.under(mouse.column, mouse.row, model)?;
    match (mouse.does, under) {
        (MouseDoes::Press | MouseDoes::Drag, Under::Frame(frame)) => {
            order(Verb::Seek(Target::At(Time::Frames(frame))))
        }
        (MouseDoes::Press, Under::Section(i)) => {
            let name = model.sections.get(i)?.name.clone();
            order(Verb::Seek(Target::At(Time::Section(name))))
        }
        (MouseDoes::Press, Under::Mute(i)) => {
            model.selected = Strip::Track(i);
            selected_track(model, |t| Verb::Mute(t, Switch::Toggle))
        }
        (MouseDoes::Press, Under::Solo(i)) => {
            model.selected = Strip::Track(i);
            selected_track(model, |t| Verb::Solo(t, Switch::Toggle))
        }
        (MouseDoes::Press, Under::Strip(strip)) => {
            model.selected = strip;
            None
        }
        (MouseDoes::Press, Under::Pan(i)) => {
            model.selected = Strip::Track(i);
            None
        }
        (MouseDoes::WheelUp | MouseDoes::WheelDown, Under::Strip(strip)) => {
            let up = mouse.does == MouseDoes::WheelUp;
            step(model, strip, if up { STEP_DB } else { -STEP_DB })
        }
        (MouseDoes::WheelUp | MouseDoes::WheelDown, Under::Pan(i)) => {
            let up = mouse.does == MouseDoes::WheelUp;
            let by = if up { STEP_PAN } else { -STEP_PAN };
            pan(model, i, model.pan(i) + by)
        }
        (MouseDoes::Press, Under::Song(i)) => order(Verb::Song(SongRef::Number(i + 1))),
        (MouseDoes::Press, Under::Transport) => order(Verb::Toggle),
        (MouseDoes::Press, Under::Keys) => {
            model.panes.help = true;
            None
        }
        _ => None,
    }
}

/// This section's start, or that of the one before when it has only just begun.
fn section_before(model: &Model) -> Option<&Span> {
    const JUST_S: u64 = 2;
    let frame = model.status.position.frame;
    let just = u64::from(model.status.rate) * JUST_S;
    let mut all = model.sections.iter();
    let here = all.rposition(|s| s.start <= frame);
    here.and_then(|i| {
        let section = model.sections.get(i)?;
        match frame - section.start > just || i == 0 {
            true => Some(section),
            false => model.sections.get(i - 1),
        }
    })
}

fn section_after(model: &Model) -> Option<&Span> {
    let frame = model.status.position.frame;
    model.sections.iter().find(|s| s.start > frame)
}

fn seek_section(section: Option<&Span>) -> Option<Action> {
    let name = section?.name.clone();
    order(Verb::Seek(Target::At(Time::Section(name))))
}

/// In time: on the next bar, or where there are no bars at the end of the present section.
fn jump_section(model: &Model, section: Option<&Span>) -> Option<Action> {
    let when = match model.grid.next_bar(model.status.position.frame) {
        Some(_) => When::NextBar,
        None => When::SectionEnd,
    };
    let name = section?.name.clone();
    order(Verb::Jump(Time::Section(name), when))
}

fn selected_track(model: &Model, verb: impl Fn(TrackRef) -> Verb) -> Option<Action> {
    match model.selected {
        Strip::Track(i) => order(verb(TrackRef::Number(i + 1))),
        Strip::Bus(_) | Strip::Master => None,
    }
}

/// A level a step up or down. Silence is below the scale's lower end.
fn step(model: &mut Model, strip: Strip, by: f64) -> Option<Action> {
    let now = model.level(strip);
    let to = if now < SILENCE_DB {
        if by < 0.0 {
            return None;
        }
        SILENCE_DB
    } else {
        now + by
    };
    // Displayed to a tenth, so a step ends on one.
    level(model, strip, (to * 10.0).round() / 10.0)
}

fn level(model: &mut Model, strip: Strip, db: f64) -> Option<Action> {
    let db = if db < SILENCE_DB {
        f64::NEG_INFINITY
    } else {
        db
    };
    let level = Level::from_db(db).ok()?;
    let verb = match strip {
        Strip::Track(i) => Verb::Gain(TrackRef::Number(i + 1), level),
        Strip::Bus(i) => Verb::Bus(model.status.buses.get(i)?.name.clone(), level),
        Strip::Master => Verb::Master(level),
    };
    model.want(strip, false, db);
    order(verb)
}

fn pan_selected(model: &mut Model, to: impl Fn(f64) -> f64) -> Option<Action> {
    match model.selected {
        Strip::Track(i) => pan(model, i, to(model.pan(i))),
        Strip::Bus(_) | Strip::Master => None,
    }
}

fn pan(model: &mut Model, track: usize, to: f64) -> Option<Action> {
    // To a hundredth, as it is displayed.
    let to = (to * 100.0).round().clamp(-100.0, 100.0) / 100.0;
    model.want(Strip::Track(track), true, to);
    order(Verb::Pan(TrackRef::Number(track + 1), to as f32))
}
