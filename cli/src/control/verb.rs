//! The verbs: what can be asked of a session, whichever way it comes in.
//!
//! A verb is written as words, `gain drums -6`, on every path: as arguments of `backline ctl`, as
//! `verb` and `args` of a request on the socket. [`Verb::parse`] is the only place that reads them.

use std::fmt;
use std::path::PathBuf;

use super::refusal::{ErrorCode, Refusal};
use crate::config::MonitorLevel;
use crate::song::Time;
use crate::units::{Level, SongRef, TimeRange, TrackRef, parse_pan};

/// Fastest subscription, reports per second.
pub const MAX_RATE: u32 = 30;
const DEFAULT_RATE: u32 = 10;
/// Word of a trigger that counts only while nothing triggered plays.
const IF_IDLE: &str = "if-idle";
/// Longest fade of a trigger, s.
const LONGEST_FADE_S: u64 = 60;

/// Something that can be asked of a session. Levels are as they were given, and end at the
/// session's ceiling.
#[derive(Clone, Debug, PartialEq)]
pub enum Verb {
    /// Play from where it is; after the end, from the beginning.
    Play,
    /// Fade out and hold the position.
    Pause,
    /// Pause if it plays, play if it doesn't.
    Toggle,
    /// Fade out and go back to the song's start.
    Stop,
    /// Go to a place of the song with a short fade.
    Seek(Target),
    /// Go to a place, now with a short fade, or later without one.
    Jump(Time, When),
    /// Loop or stop looping, without a gap.
    Loop(Looped),
    /// Go to the next song of the setlist.
    Next,
    /// Go to the song before.
    Previous,
    /// Play a song once, and go back to the idle song.
    Trigger {
        /// Which.
        song: SongRef,
        /// How long it and what plays sound together: seconds or frames.
        fade: Option<Time>,
        /// Not while a triggered song plays.
        if_idle: bool,
    },
    /// Go to the start of a song of the setlist, by its number or its title.
    Song(SongRef),
    /// Set a track's gain.
    Gain(TrackRef, Level),
    /// Set a track's pan, −1 … +1.
    Pan(TrackRef, f32),
    /// Mute a track or not.
    Mute(TrackRef, Switch),
    /// Solo a track or not, besides others.
    Solo(TrackRef, Switch),
    /// End every solo.
    ClearSolo,
    /// Set a bus's level.
    Bus(String, Level),
    /// Set the master level.
    Master(Level),
    /// Set the volume: the hardware's, or without a mixer the master level.
    Volume(Level),
    /// Take a level to another over a time.
    Fade {
        /// Which level.
        what: Fader,
        /// Where to.
        to: Level,
        /// How long: seconds or frames.
        over: Time,
    },
    /// Switch the latency monitor; and have it so in the configuration from now on, or not.
    Monitor(MonitorLevel, Keep),
    /// Load other songs: audio files, folders, song files or a setlist.
    Load(Vec<PathBuf>),
    /// Write the mixer as it stands into the song's file, or all of the song into a new one.
    Save(Option<PathBuf>),
    /// Tell everything there is to know.
    Status,
    /// Tell the levels that are heard.
    Meters,
    /// Tell every change from now on, and the meters so many times a second (0 is never). Only on
    /// a connection that stays.
    Subscribe(u32),
    /// Fade out and end the session.
    Quit,
}

/// Where to seek.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A place of the song.
    At(Time),
    /// So far on from where it is; seconds or frames.
    Forward(Time),
    /// So far back.
    Back(Time),
}

/// When to jump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// As soon as it can be, with a short fade.
    #[default]
    Now,
    /// Where the section that is playing ends, hard.
    SectionEnd,
    /// Where the next bar begins, hard.
    NextBar,
}

/// Whether something counts for this session or also for those that come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// For this one.
    #[default]
    Session,
    /// It is written into the configuration file.
    Saved,
}

/// What to loop.
#[derive(Clone, Debug, PartialEq)]
pub enum Looped {
    /// Nothing.
    Off,
    /// The section that is playing; the song, where there is none.
    Here,
    /// A section by name.
    Section(String),
    /// From a place to another; open ends are the song's.
    Between(TimeRange),
}

/// On, off, or the other of the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Switch {
    /// On.
    #[default]
    On,
    /// Off.
    Off,
    /// What it isn't.
    Toggle,
}

impl Switch {
    /// `None` toggles.
    pub fn wanted(self) -> Option<bool> {
        match self {
            Self::On => Some(true),
            Self::Off => Some(false),
            Self::Toggle => None,
        }
    }
}

/// A level that can be faded.
#[derive(Clone, Debug, PartialEq)]
pub enum Fader {
    /// A track's gain.
    Track(TrackRef),
    /// A bus's level.
    Bus(String),
    /// The master level.
    Master,
}

/// Every verb: its name, its arguments as help shows them, and what it does.
pub const VERBS: &[(&str, &str, &str)] = &[
    (
        "play",
        "",
        "Play from where it is; after the end, from the beginning",
    ),
    ("pause", "", "Fade out and hold the position"),
    ("toggle", "", "Pause if it plays, play if it doesn't"),
    ("stop", "", "Fade out and go back to the song's start"),
    (
        "seek",
        "PLACE",
        "Go to a place: 1:30, 96000f, @SECTION, +5 or -5 (seconds from here)",
    ),
    (
        "jump",
        "PLACE [now|section-end|next-bar]",
        "Go to a place now, when the present section ends, or where the next bar begins",
    ),
    (
        "loop",
        "[@SECTION|A..B|off]",
        "Loop a section, a part, or (without argument) the section that is playing; or stop looping",
    ),
    ("next", "", "Go to the next song"),
    ("previous", "", "Go to the song before"),
    (
        "trigger",
        "SONG [FADE] [if-idle]",
        "Play a song once, fading over FADE (seconds), and go back to the idle song; if-idle: not while another plays",
    ),
    (
        "song",
        "SONG",
        "Go to a song of the setlist, by its number or its title",
    ),
    ("gain", "TRACK LEVEL", "Set a track's gain: -6, -inf, x0.5"),
    (
        "pan",
        "TRACK PAN",
        "Set a track's pan: -1 (left) to 1 (right)",
    ),
    ("mute", "TRACK [on|off|toggle]", "Mute a track, or not"),
    (
        "solo",
        "TRACK [on|off|toggle]",
        "Solo a track besides others, or not",
    ),
    ("clear-solo", "", "End every solo"),
    ("bus", "BUS LEVEL", "Set a bus's level"),
    ("master", "LEVEL", "Set the master level"),
    (
        "volume",
        "LEVEL",
        "Set the volume: the card's (--mixer), else the master level",
    ),
    (
        "fade",
        "track TRACK|bus BUS|master LEVEL TIME",
        "Take a level to another over a time: 3 (seconds), 0:10, 4800f",
    ),
    (
        "monitor",
        "off|sampled|full [save]",
        "Switch the latency monitor; with save, in the configuration file as well",
    ),
    (
        "load",
        "PATH...",
        "Play something else: audio files (one song), folders of stems, song files, or a setlist",
    ),
    (
        "save",
        "[FILE]",
        "Write the mixer as it stands into the song's file, or the song into a new file",
    ),
    ("status", "", "Tell everything there is to know"),
    ("meters", "", "Tell the levels that are heard"),
    (
        "subscribe",
        "[RATE]",
        "Tell every change from now on, and the meters RATE times a second (0 to 30; 10)",
    ),
    ("quit", "", "Fade out and end the session"),
];

/// The words of a request, handed out one by one.
struct Words<'a> {
    verb: &'a str,
    shape: &'static str,
    left: std::slice::Iter<'a, String>,
}

impl<'a> Words<'a> {
    fn wrong(&self, what: impl fmt::Display) -> Refusal {
        Refusal::new(ErrorCode::BadValue, format!("{}: {what}", self.verb))
    }

    fn usage(&self) -> String {
        let shape = self.shape;
        format!(
            "{}{}{shape}",
            self.verb,
            if shape.is_empty() { "" } else { " " }
        )
    }

    fn next(&mut self) -> Result<&'a str, Refusal> {
        match self.left.next() {
            Some(word) => Ok(word),
            None => Err(self.wrong(format_args!(
                "an argument is missing: it is `{}`",
                self.usage()
            ))),
        }
    }

    fn parsed<T>(
        &mut self,
        how: impl Fn(&str) -> Result<T, crate::units::UnitError>,
    ) -> Result<T, Refusal> {
        let word = self.next()?;
        how(word).map_err(|e| self.wrong(e))
    }

    fn may(&mut self) -> Option<&'a str> {
        self.left.next().map(String::as_str)
    }

    fn expected(&self, expected: &'static str, given: &str) -> Refusal {
        self.wrong(crate::units::UnitError::new(expected, given))
    }
}

impl Verb {
    /// Reads a verb and its arguments.
    ///
    /// # Errors
    /// [`ErrorCode::UnknownVerb`] or [`ErrorCode::BadValue`], with the sentence for it.
    pub fn parse(verb: &str, args: &[String]) -> Result<Self, Refusal> {
        let Some((name, shape, _)) = VERBS.iter().find(|(name, ..)| *name == verb) else {
            let shown: String = verb.chars().take(40).collect();
            let shown = crate::report::clean(&shown);
            return Err(Refusal::new(
                ErrorCode::UnknownVerb,
                format!("there is no verb `{shown}`"),
            ));
        };
        let mut words = Words {
            verb: name,
            shape,
            left: args.iter(),
        };
        let parsed = Self::read(&mut words)?;
        match words.may() {
            Some(_) => Err(words.wrong(format_args!(
                "an argument too many: it is `{}`",
                words.usage()
            ))),
            None => Ok(parsed),
        }
    }

    fn read(words: &mut Words<'_>) -> Result<Self, Refusal> {
        Ok(match words.verb {
            "play" => Self::Play,
            "pause" => Self::Pause,
            "toggle" => Self::Toggle,
            "stop" => Self::Stop,
            "seek" => Self::Seek(words.parsed(target)?),
            "jump" => {
                let to = words.parsed(str::parse)?;
                let when = match words.may() {
                    None | Some("now") => When::Now,
                    Some("section-end") => When::SectionEnd,
                    Some("next-bar") => When::NextBar,
                    Some(other) => {
                        return Err(words.expected("now, section-end or next-bar", other));
                    }
                };
                Self::Jump(to, when)
            }
            "loop" => Self::Loop(match words.may() {
                None => Looped::Here,
                Some("off") => Looped::Off,
                Some(word) => looped(word).map_err(|e| words.wrong(e))?,
            }),
            "next" => Self::Next,
            "previous" => Self::Previous,
            "trigger" => trigger(words)?,
            "song" => Self::Song(words.parsed(str::parse)?),
            "gain" => Self::Gain(words.parsed(str::parse)?, words.parsed(str::parse)?),
            "pan" => Self::Pan(words.parsed(str::parse)?, words.parsed(parse_pan)?),
            "mute" => Self::Mute(words.parsed(str::parse)?, switch(words)?),
            "solo" => Self::Solo(words.parsed(str::parse)?, switch(words)?),
            "clear-solo" => Self::ClearSolo,
            "bus" => Self::Bus(words.next()?.to_owned(), words.parsed(str::parse)?),
            "master" => Self::Master(words.parsed(str::parse)?),
            "volume" => Self::Volume(words.parsed(str::parse)?),
            "fade" => {
                let what = match words.next()? {
                    "track" => Fader::Track(words.parsed(str::parse)?),
                    "bus" => Fader::Bus(words.next()?.to_owned()),
                    "master" => Fader::Master,
                    other => return Err(words.expected("track, bus or master", other)),
                };
                Self::Fade {
                    what,
                    to: words.parsed(str::parse)?,
                    over: words.parsed(length)?,
                }
            }
            "monitor" => {
                let level = match words.next()? {
                    "off" => MonitorLevel::Off,
                    "sampled" => MonitorLevel::Sampled,
                    "full" => MonitorLevel::Full,
                    other => return Err(words.expected("off, sampled or full", other)),
                };
                let keep = match words.may() {
                    None => Keep::Session,
                    Some("save") => Keep::Saved,
                    Some(other) => return Err(words.expected("save or nothing", other)),
                };
                Self::Monitor(level, keep)
            }
            "load" => {
                let mut files = vec![words.next()?];
                while let Some(file) = words.may() {
                    files.push(file);
                }
                if files.contains(&"") {
                    return Err(words.expected("the name of a file or a folder", ""));
                }
                Self::Load(files.into_iter().map(PathBuf::from).collect())
            }
            "save" => Self::Save(match words.may() {
                None => None,
                Some("") => return Err(words.expected("the name of a file", "")),
                Some(file) => Some(file.into()),
            }),
            "status" => Self::Status,
            "meters" => Self::Meters,
            "subscribe" => Self::Subscribe(match words.may() {
                None => DEFAULT_RATE,
                Some(word) => match word.parse() {
                    Ok(rate) if rate <= MAX_RATE => rate,
                    _ => return Err(words.expected("a whole number from 0 to 30", word)),
                },
            }),
            _ => Self::Quit,
        })
    }

    /// The files it names.
    pub fn files_mut(&mut self) -> &mut [PathBuf] {
        match self {
            Self::Save(Some(file)) => std::slice::from_mut(file),
            Self::Load(files) => files,
            _ => &mut [],
        }
    }

    /// Its name and its arguments: what [`parse`](Self::parse) reads.
    pub fn words(&self) -> (&'static str, Vec<String>) {
        fn words(all: &[&dyn ToString]) -> Vec<String> {
            all.iter().map(|word| word.to_string()).collect()
        }
        match self {
            Self::Play => ("play", vec![]),
            Self::Pause => ("pause", vec![]),
            Self::Toggle => ("toggle", vec![]),
            Self::Stop => ("stop", vec![]),
            Self::Seek(Target::At(time)) => ("seek", words(&[time])),
            Self::Seek(Target::Forward(time)) => ("seek", vec![format!("+{time}")]),
            Self::Seek(Target::Back(time)) => ("seek", vec![format!("-{time}")]),
            Self::Jump(to, When::Now) => ("jump", words(&[to])),
            Self::Jump(to, When::SectionEnd) => ("jump", words(&[to, &"section-end"])),
            Self::Jump(to, When::NextBar) => ("jump", words(&[to, &"next-bar"])),
            Self::Loop(Looped::Off) => ("loop", words(&[&"off"])),
            Self::Loop(Looped::Here) => ("loop", vec![]),
            Self::Loop(Looped::Section(name)) => ("loop", vec![format!("@{name}")]),
            Self::Loop(Looped::Between(range)) => ("loop", words(&[range])),
            Self::Next => ("next", vec![]),
            Self::Previous => ("previous", vec![]),
            Self::Trigger {
                song,
                fade,
                if_idle,
            } => {
                let fade = fade.iter().map(Time::to_string);
                let when = if_idle.then(|| IF_IDLE.to_owned());
                let words = [song.to_string()].into_iter().chain(fade).chain(when);
                ("trigger", words.collect())
            }
            Self::Song(song) => ("song", words(&[song])),
            Self::Gain(track, level) => ("gain", words(&[track, level])),
            Self::Pan(track, pan) => ("pan", words(&[track, pan])),
            Self::Mute(track, on) => ("mute", words(&[track, on])),
            Self::Solo(track, on) => ("solo", words(&[track, on])),
            Self::ClearSolo => ("clear-solo", vec![]),
            Self::Bus(bus, level) => ("bus", words(&[bus, level])),
            Self::Master(level) => ("master", words(&[level])),
            Self::Volume(level) => ("volume", words(&[level])),
            Self::Fade { what, to, over } => (
                "fade",
                match what {
                    Fader::Track(track) => words(&[&"track", track, to, over]),
                    Fader::Bus(bus) => words(&[&"bus", bus, to, over]),
                    Fader::Master => words(&[&"master", to, over]),
                },
            ),
            Self::Monitor(level, Keep::Session) => ("monitor", words(&[&level.word()])),
            Self::Monitor(level, Keep::Saved) => ("monitor", words(&[&level.word(), &"save"])),
            Self::Load(files) => (
                "load",
                files.iter().map(|f| f.display().to_string()).collect(),
            ),
            Self::Save(file) => (
                "save",
                file.iter().map(|f| f.display().to_string()).collect(),
            ),
            Self::Status => ("status", vec![]),
            Self::Meters => ("meters", vec![]),
            Self::Subscribe(rate) => ("subscribe", words(&[rate])),
            Self::Quit => ("quit", vec![]),
        }
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Toggle => "toggle",
        })
    }
}

fn switch(words: &mut Words<'_>) -> Result<Switch, Refusal> {
    match words.may() {
        None | Some("on") => Ok(Switch::On),
        Some("off") => Ok(Switch::Off),
        Some("toggle") => Ok(Switch::Toggle),
        Some(other) => Err(words.expected("on, off or toggle", other)),
    }
}

fn trigger(words: &mut Words<'_>) -> Result<Verb, Refusal> {
    let song = words.parsed(str::parse)?;
    let (fade, if_idle) = match (words.may(), words.may()) {
        (None, _) => (None, false),
        (Some(IF_IDLE), None) => (None, true),
        (Some(fade), None) => (Some(fade), false),
        (Some(fade), Some(IF_IDLE)) => (Some(fade), true),
        (_, Some(other)) => return Err(words.expected(IF_IDLE, other)),
    };
    let fade = fade.map(length).transpose().map_err(|e| words.wrong(e))?;
    let limit = match &fade {
        Some(Time::Nanos(nanos)) => *nanos <= LONGEST_FADE_S * 1_000_000_000,
        Some(Time::Frames(frames)) => *frames <= LONGEST_FADE_S * 192_000,
        _ => true,
    };
    match limit {
        true => Ok(Verb::Trigger {
            song,
            fade,
            if_idle,
        }),
        false => Err(words.wrong("the songs can sound together for a minute at most")),
    }
}

fn target(text: &str) -> Result<Target, crate::units::UnitError> {
    if let Some(by) = text.strip_prefix('+') {
        return length(by).map(Target::Forward);
    }
    if let Some(by) = text.strip_prefix('-') {
        return length(by).map(Target::Back);
    }
    text.parse().map(Target::At)
}

/// A time that is a length: seconds or frames.
fn length(text: &str) -> Result<Time, crate::units::UnitError> {
    match text.parse()? {
        Time::Section(_) => Err(crate::units::UnitError::new(
            "a length such as `3`, `0:10` or `4800f`",
            text,
        )),
        length => Ok(length),
    }
}

fn looped(text: &str) -> Result<Looped, crate::units::UnitError> {
    // A name may hold two points as well; then it is a range, as in `--loop`.
    if text.contains("..") {
        return text.parse().map(Looped::Between);
    }
    match text.strip_prefix('@') {
        Some(name) if !name.trim().is_empty() => Ok(Looped::Section(name.to_owned())),
        _ => Err(crate::units::UnitError::new(
            "a section such as `@chorus`, a part such as `1:00..1:30`, or off",
            text,
        )),
    }
}
