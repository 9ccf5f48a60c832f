//! The mapping: which event asks for which verb. One TOML file, read before anything plays.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use toml::Spanned;

use super::super::Verb;
use super::event::{Event, LineName, MidiEvent, key_code};
use crate::exit::{Code, Failure};
use crate::located::{self, Located, ReadError};

/// Entries of a mapping.
const ENTRIES: usize = 1024;
/// How long keys and lines may bounce, ms, where nothing else is said.
const BOUNCE_MS: u64 = 30;
/// A level's lowest step but silence, dB.
const LOWEST_DB: f64 = -60.0;

/// A mapping, and what it has to remember of its inputs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    entries: Vec<Entry>,
}

/// What an event asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Which entry of the mapping says so, from 0.
    pub entry: usize,
    /// The verb.
    pub verb: Verb,
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    trigger: Trigger,
    /// It counts when it is let go, not when it is pressed.
    release: bool,
    bounce: Duration,
    actions: Vec<Action>,
    /// When it last changed.
    changed: Option<Duration>,
    /// A controller's last value.
    value: Option<u8>,
}

#[derive(Clone, Debug, PartialEq)]
enum Trigger {
    Note(Option<u8>, u8),
    Controller(Option<u8>, u8),
    Program(Option<u8>, u8),
    Key(u16),
    Line(LineName),
}

#[derive(Clone, Debug, PartialEq)]
enum Action {
    Verb(Verb),
    /// The last word is the controller's value, from the one to the other.
    Follow {
        verb: &'static str,
        words: Vec<String>,
        from: f64,
        to: f64,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    version: Option<Spanned<i64>>,
    debounce_ms: Option<Spanned<i64>>,
    #[serde(default)]
    map: Vec<Spanned<RawEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    note: Option<Spanned<i64>>,
    controller: Option<Spanned<i64>>,
    program: Option<Spanned<i64>>,
    channel: Option<Spanned<i64>>,
    key: Option<Spanned<Name>>,
    line: Option<Spanned<String>>,
    on: Option<On>,
    debounce_ms: Option<Spanned<i64>>,
    range: Option<Spanned<[f64; 2]>>,
    #[serde(rename = "do")]
    what: Spanned<Words>,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum On {
    Press,
    Release,
}

/// A key by its name or its number.
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(name) => Ok(Self(name)),
            toml::Value::Integer(number) => Ok(Self(number.to_string())),
            _ => Err(D::Error::custom(
                "expected a key such as \"KEY_PAGEDOWN\" or its number",
            )),
        }
    }
}

/// One verb, or several.
struct Words(Vec<String>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Shape {
            One(String),
            Many(Vec<String>),
        }
        let shape = Shape::deserialize(deserializer).map_err(|_| {
            D::Error::custom("expected a verb such as \"toggle\", or a list of them")
        })?;
        Ok(Self(match shape {
            Shape::One(one) => vec![one],
            Shape::Many(many) => many,
        }))
    }
}

/// A complaint about a place in the text.
type Wrong = (usize, String);

fn number(
    value: &Spanned<i64>,
    what: &str,
    range: std::ops::RangeInclusive<i64>,
) -> Result<u8, Wrong> {
    let number = *value.get_ref();
    match u8::try_from(number) {
        Ok(fitting) if range.contains(&number) => Ok(fitting),
        _ => Err((
            value.span().start,
            format!(
                "`{what}` is {number}; it can be {} to {}",
                range.start(),
                range.end()
            ),
        )),
    }
}

fn bounce(value: &Spanned<i64>) -> Result<Duration, Wrong> {
    match u64::try_from(*value.get_ref()) {
        Ok(ms) if ms <= 5000 => Ok(Duration::from_millis(ms)),
        _ => Err((
            value.span().start,
            format!(
                "`debounce_ms` is {}; it can be 0 to 5000 ms",
                value.get_ref()
            ),
        )),
    }
}

/// The words of a verb: blanks part them, but for those in quotes.
pub(super) fn words(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    for c in text.chars() {
        match quote {
            Some(q) if c == q => quote = None,
            None if matches!(c, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    match quote {
        Some(_) => Err("a quote that isn't closed"),
        None => Ok(words),
    }
}

/// The verbs whose last word a controller can be, with their lowest and highest value.
fn follows(verb: &str, words: &[String]) -> Option<(&'static str, [f64; 2])> {
    let level = [f64::NEG_INFINITY, 0.0];
    match (verb, words.len()) {
        ("gain", 1) => Some(("gain", level)),
        ("pan", 1) => Some(("pan", [-1.0, 1.0])),
        ("bus", 1) => Some(("bus", level)),
        ("master", 0) => Some(("master", level)),
        ("volume", 0) => Some(("volume", level)),
        _ => None,
    }
}

impl RawEntry {
    fn trigger(&self, start: usize) -> Result<Trigger, Wrong> {
        let channel = self.channel.as_ref();
        let channel = channel.map(|c| number(c, "channel", 1..=16)).transpose()?;
        let mut all = Vec::new();
        if let Some(note) = &self.note {
            all.push(Trigger::Note(channel, number(note, "note", 0..=127)?));
        }
        if let Some(c) = &self.controller {
            all.push(Trigger::Controller(
                channel,
                number(c, "controller", 0..=127)?,
            ));
        }
        if let Some(program) = &self.program {
            all.push(Trigger::Program(
                channel,
                number(program, "program", 1..=128)?,
            ));
        }
        let midi = !all.is_empty();
        if let Some(key) = &self.key {
            let name = &key.get_ref().0;
            let code = key_code(name).ok_or_else(|| {
                let shown: String = name.chars().take(40).collect();
                let what = format!(
                    "there is no key `{shown}`; a key is such as KEY_PAGEDOWN, or a number"
                );
                (key.span().start, what)
            })?;
            all.push(Trigger::Key(code));
        }
        if let Some(line) = &self.line {
            let name = line.get_ref().parse();
            all.push(Trigger::Line(name.map_err(
                |e: crate::units::UnitError| (line.span().start, e.to_string()),
            )?));
        }
        if let (Some(channel), false) = (&self.channel, midi) {
            let what = "`channel` is for note, controller and program";
            return Err((channel.span().start, what.into()));
        }
        let mut all = all.into_iter();
        match (all.next(), all.next()) {
            (Some(one), None) => Ok(one),
            _ => Err((
                start,
                "an entry has one of note, controller, program, key and line".into(),
            )),
        }
    }

    fn read(&self, start: usize, general: Option<Duration>) -> Result<Entry, Wrong> {
        let trigger = self.trigger(start)?;
        let at = self.what.span().start;
        let mut actions = Vec::new();
        let mut follower = false;
        for text in &self.what.get_ref().0 {
            let words = words(text).map_err(|e| (at, e.to_owned()))?;
            let (verb, words) = match words.split_first() {
                Some((verb, words)) => (verb.as_str(), words),
                None => return Err((at, "a verb is missing".into())),
            };
            if let (Trigger::Controller(..), Some((verb, usual))) = (&trigger, follows(verb, words))
            {
                follower = true;
                let [from, to] = self.range.as_ref().map_or(usual, |r| *r.get_ref());
                let action = Action::Follow {
                    verb,
                    words: words.to_vec(),
                    from,
                    to,
                };
                let sound = action.at(0).is_some() && action.at(127).is_some();
                if !sound || to == f64::NEG_INFINITY {
                    let place = self.range.as_ref().map_or(at, |r| r.span().start);
                    return Err((place, format!("`range` is no range for `{verb}`")));
                }
                actions.push(action);
                continue;
            }
            let verb = Verb::parse(verb, words).map_err(|e| (at, e.message))?;
            if matches!(verb, Verb::Status | Verb::Meters | Verb::Subscribe(_)) {
                let what = format!(
                    "`{}` asks for an answer, which nobody would read",
                    verb.words().0
                );
                return Err((at, what));
            }
            actions.push(Action::Verb(verb));
        }
        if let (Some(range), false) = (&self.range, follower) {
            let what = "`range` is for a controller and gain, pan, bus, master or volume without their value";
            return Err((range.span().start, what.into()));
        }
        let usual = match &trigger {
            Trigger::Key(_) | Trigger::Line(_) => {
                general.unwrap_or(Duration::from_millis(BOUNCE_MS))
            }
            _ => Duration::ZERO,
        };
        Ok(Entry {
            trigger,
            release: self.on == Some(On::Release),
            bounce: self.debounce_ms.as_ref().map_or(Ok(usual), bounce)?,
            actions,
            changed: None,
            value: None,
        })
    }
}

impl Action {
    /// What it asks for when its controller has that value.
    fn at(&self, value: u8) -> Option<Verb> {
        let Self::Follow {
            verb,
            words,
            from,
            to,
        } = self
        else {
            return None;
        };
        let part = f64::from(value) / 127.0;
        let number = match (value, *from) {
            (0, from) => from,
            (127, _) => *to,
            (_, f64::NEG_INFINITY) => LOWEST_DB.min(*to) + (to - LOWEST_DB.min(*to)) * part,
            (_, from) => from + (to - from) * part,
        };
        // To a thousandth: the finest that anybody sees.
        let word = ((number * 1000.0).round() / 1000.0).to_string();
        let words: Vec<String> = words.iter().cloned().chain([word]).collect();
        Verb::parse(verb, &words).ok()
    }
}

impl Map {
    /// Reads a mapping file.
    ///
    /// # Errors
    /// Code 78: it can't be read, or says what makes no sense, with line and column.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let broken = |at: Located| {
            let (path, Located { line, column, what }) = (path.display(), at);
            Failure::new(Code::Config, format!("{path}:{line}:{column}: {what}"))
        };
        match located::read(path) {
            Ok(text) => {
                let mut map = Self::parse(&text).map_err(broken)?;
                map.be_in(path.parent().unwrap_or(Path::new("")));
                Ok(map)
            }
            Err(ReadError::Text(at)) => Err(broken(at)),
            Err(ReadError::Io(e)) => {
                let message = format!("{}: can't be read: {e}", path.display());
                Err(Failure::new(Code::Config, message))
            }
        }
    }

    /// Takes the files that verbs name from that folder.
    fn be_in(&mut self, folder: &Path) {
        for action in self.entries.iter_mut().flat_map(|e| &mut e.actions) {
            if let Action::Verb(verb) = action {
                for file in verb.files_mut().iter_mut().filter(|f| f.as_os_str() != "-") {
                    *file = folder.join(&*file);
                }
            }
        }
    }

    /// Reads the text of a mapping.
    pub(crate) fn parse(text: &str) -> Result<Self, Located> {
        let raw: Raw = located::parse(text)?;
        let wrong = |(offset, what): Wrong| Located::at(text, offset, what);
        match &raw.version {
            Some(version) if *version.get_ref() == 1 => {}
            Some(version) => {
                let what = format!("`version` is {}; this is for version 1", version.get_ref());
                return Err(wrong((version.span().start, what)));
            }
            None => return Err(wrong((0, "`version = 1` is missing".into()))),
        }
        let general = raw.debounce_ms.as_ref().map(bounce);
        let general = general.transpose().map_err(wrong)?;
        if let Some(over) = raw.map.get(ENTRIES) {
            let what = format!("a mapping may have {ENTRIES} entries");
            return Err(wrong((over.span().start, what)));
        }
        let entries = raw.map.iter().map(|entry| {
            let read = entry.get_ref().read(entry.span().start, general);
            read.map_err(wrong)
        });
        Ok(Self {
            entries: entries.collect::<Result<_, _>>()?,
        })
    }

    /// What an event asks for, in the order of the file. `at` is a time of the event's source, any.
    pub fn take(&mut self, event: &Event, at: Duration) -> Vec<Asked> {
        let mut asked = Vec::new();
        for (index, entry) in self.entries.iter_mut().enumerate() {
            let Some(down) = entry.is_for(event) else {
                continue;
            };
            let follow = match event {
                Event::Midi(MidiEvent::Controller { value, .. }) => Some(*value),
                _ => None,
            };
            let fires = entry.fires(down, at);
            for action in &entry.actions {
                let verb = match (action, follow) {
                    (Action::Verb(verb), _) if fires => Some(verb.clone()),
                    (Action::Follow { .. }, Some(value)) => action.at(value),
                    _ => None,
                };
                asked.extend(verb.map(|verb| Asked { entry: index, verb }));
            }
        }
        asked
    }
}

/// From the text of a mapping; the error has its place: `2:1: what is wrong`.
impl FromStr for Map {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|at| format!("{}:{}: {}", at.line, at.column, at.what))
    }
}

impl Entry {
    /// Whether its input is pressed with that event, or let go; `None` for another's. A controller says neither
    /// while it stays on one side.
    fn is_for(&mut self, event: &Event) -> Option<Option<bool>> {
        let on = |channel: Option<u8>, of: u8| channel.is_none_or(|channel| channel == of);
        match (&self.trigger, event) {
            (
                Trigger::Note(channel, note),
                Event::Midi(MidiEvent::Note {
                    channel: of,
                    note: n,
                    velocity,
                }),
            ) if on(*channel, *of) && note == n => Some(Some(*velocity > 0)),
            (
                Trigger::Controller(channel, controller),
                Event::Midi(MidiEvent::Controller {
                    channel: of,
                    controller: c,
                    value,
                }),
            ) if on(*channel, *of) && controller == c => {
                let before = self.value.replace(*value);
                let high = *value >= 64;
                // The same again is another press: many a pedal never says that it is let go.
                let crossed = before.is_none_or(|b| (b >= 64) != high) || before == Some(*value);
                Some((crossed && (high || before.is_some())).then_some(high))
            }
            (
                Trigger::Program(channel, program),
                Event::Midi(MidiEvent::Program {
                    channel: of,
                    program: p,
                }),
            ) if on(*channel, *of) && program == p => Some(Some(true)),
            (Trigger::Key(key), Event::Key { code, down }) if key == code => Some(Some(*down)),
            (Trigger::Line(line), Event::Line { line: of, down }) if line == of => {
                Some(Some(*down))
            }
            _ => None,
        }
    }

    /// Whether it counts. A contact that bounces changes again before it has rested.
    fn fires(&mut self, down: Option<bool>, at: Duration) -> bool {
        let Some(down) = down else { return false };
        let before = self.changed.replace(at);
        let rested = before.and_then(|before| at.checked_sub(before));
        down != self.release && rested.is_none_or(|rested| rested >= self.bounce)
    }
}
