//! Names for completion: of the session that runs, asked at that moment.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use serde_json::Value;

use crate::control::{Connection, Verb, find, folders, sessions};

/// How long a session may take to answer. Whoever presses the tab key waits for it.
const PATIENCE: Duration = Duration::from_millis(500);

/// A track's number or name.
pub(super) fn tracks() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| of_tracks(current))
}

/// A song's number or title.
pub(super) fn songs() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let songs = listed("songs").into_iter().enumerate();
        let songs = songs.filter_map(|(i, title)| {
            let title = typed(title.as_str()?, current);
            Some((title, Some(format!("song {}", i + 1))))
        });
        matching(songs, current)
    })
}

/// A bus.
pub(super) fn buses() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| of_buses(current))
}

/// A section, or one of these words.
pub(super) fn sections(words: &'static [&'static str]) -> ArgValueCompleter {
    ArgValueCompleter::new(move |current: &OsStr| {
        let mut all = of_words(words, current);
        all.extend(of_sections(current));
        all
    })
}

/// One of these words.
pub(super) fn words(words: &'static [&'static str]) -> ArgValueCompleter {
    ArgValueCompleter::new(move |current: &OsStr| of_words(words, current))
}

/// A session.
pub(super) fn names() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let all = answer(|| {
            let all = sessions(&folders(&|name| std::env::var_os(name)));
            Some(all.into_iter().map(|(name, _)| name).collect())
        });
        let all: Vec<String> = all.unwrap_or_default();
        matching(all.into_iter().map(|name| (name, None)), current)
    })
}

/// The words of `fade`.
pub(super) fn fade() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        // Those before the one that is typed.
        let given = given_after("fade");
        let given: Vec<&str> = given.iter().map(String::as_str).collect();
        match given[..] {
            [] => of_words(&["track", "bus", "master"], current),
            ["track"] => of_tracks(current),
            ["bus"] => of_buses(current),
            _ => Vec::new(),
        }
    })
}

fn of_words(words: &[&str], current: &OsStr) -> Vec<CompletionCandidate> {
    matching(words.iter().map(|w| ((*w).to_owned(), None)), current)
}

fn of_tracks(current: &OsStr) -> Vec<CompletionCandidate> {
    let tracks = listed("tracks").into_iter().filter_map(|track| {
        let name = typed(track["name"].as_str()?, current);
        Some((name, Some(format!("track {}", track["number"]))))
    });
    matching(tracks, current)
}

/// A name that is not to be taken for a number, or that was begun as one.
fn typed(name: &str, current: &OsStr) -> String {
    let forced = current.to_str().is_some_and(|c| c.starts_with("name:"));
    match forced || name.bytes().all(|b| b.is_ascii_digit()) {
        true => format!("name:{name}"),
        false => name.to_owned(),
    }
}

fn of_buses(current: &OsStr) -> Vec<CompletionCandidate> {
    let buses = listed("buses").into_iter();
    let buses = buses.filter_map(|bus| Some((bus["name"].as_str()?.to_owned(), None)));
    matching(buses, current)
}

fn of_sections(current: &OsStr) -> Vec<CompletionCandidate> {
    let sections = listed("sections").into_iter();
    let sections = sections.filter_map(|s| Some((format!("@{}", s.as_str()?), None)));
    matching(sections, current)
}

/// Those that begin as what was typed, and can be typed.
fn matching(
    all: impl Iterator<Item = (String, Option<String>)>,
    current: &OsStr,
) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    all.filter(|(name, _)| name.starts_with(&*current) && !name.contains(char::is_control))
        .map(|(name, help)| CompletionCandidate::new(name).help(help.map(Into::into)))
        .collect()
}

/// What a session's state lists under a key; nothing where there is no session, or not one.
fn listed(key: &'static str) -> Vec<Value> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let control = (given("--control"))
        .or_else(|| {
            given("--name")
                .is_none()
                .then(|| variable("BACKLINE_CONTROL"))?
        })
        .filter(|path| path != "none");
    let name = given("--name").or_else(|| variable("BACKLINE_NAME"));
    let list = answer(move || {
        let path = match control {
            Some(path) => PathBuf::from(path),
            None => find(name.as_deref(), &folders(&|name| std::env::var_os(name))).ok()?,
        };
        let mut session = Connection::open(&path).ok()?;
        session.send(&Verb::Status).ok()?;
        let reply = session.next(Some(PATIENCE)).ok()??;
        reply.body["ok"][key].as_array().cloned()
    });
    list.unwrap_or_default()
}

/// What `ask` finds out, if it does in time: a session may hang, and its socket's queue be full. The program ends soon.
fn answer<T: Send + 'static>(ask: impl FnOnce() -> Option<T> + Send + 'static) -> Option<T> {
    let (to, from) = mpsc::channel();
    thread::Builder::new().spawn(move || to.send(ask())).ok()?;
    from.recv_timeout(PATIENCE).ok()?
}

/// The words of the line that is completed, up to the one that is typed.
fn line() -> Vec<OsString> {
    if let Some(mut words) = super::completing::line() {
        words.pop();
        return words;
    }
    let words = std::env::args_os().skip_while(|word| word != "--").skip(1);
    let mut words: Vec<OsString> = words.collect();
    // zsh says which it is, else it is the last.
    let index = std::env::var("_CLAP_COMPLETE_INDEX");
    let index = index.ok().and_then(|i| i.parse().ok());
    words.truncate(index.unwrap_or(words.len().saturating_sub(1)));
    words
}

/// The value of an option that was given.
fn given(option: &str) -> Option<String> {
    let words = line();
    let mut words = words.iter().map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        if word == option {
            return words.next().map(Into::into);
        }
        if let Some(value) = word.strip_prefix(option).and_then(|v| v.strip_prefix('=')) {
            return Some(value.to_owned());
        }
    }
    None
}

/// The words after this one, but for options.
fn given_after(verb: &str) -> Vec<String> {
    let words = line();
    let words = words.iter().skip_while(|word| *word != verb).skip(1);
    let words = words.map(|word| word.to_string_lossy().into_owned());
    words.filter(|word| !word.starts_with("--")).collect()
}
