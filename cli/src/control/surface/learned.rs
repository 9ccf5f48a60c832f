//! Learning: an entry for what has just happened, written behind those that are there, whose comments and order stay.

use std::path::Path;

use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

use super::event::{Event, MidiEvent, key_name};
use super::map::Map;
use crate::atomic::rewrite;
use crate::exit::{Code, Failure};
use crate::located::{self, ReadError};

/// The verb as one text, with quotes where they are needed.
fn line(words: &[String]) -> String {
    let quoted = words.iter().map(|word| {
        let plain =
            !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || "\"'".contains(c));
        match (plain, word.contains('"')) {
            (true, _) => word.clone(),
            (_, false) => format!("\"{word}\""),
            (_, true) => format!("'{word}'"),
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// The entry of a mapping that has `words` done when `event` happens. `None` for one that is no press of anything.
fn entry(event: &Event, words: &[String]) -> Option<Table> {
    let mut table = Table::new();
    let number = |n: u8| value(i64::from(n));
    match event {
        Event::Midi(MidiEvent::Note {
            channel,
            note,
            velocity: 1..,
        }) => {
            table.insert("note", number(*note));
            table.insert("channel", number(*channel));
        }
        Event::Midi(MidiEvent::Controller {
            channel,
            controller,
            value: 1..,
        }) => {
            table.insert("controller", number(*controller));
            table.insert("channel", number(*channel));
        }
        Event::Midi(MidiEvent::Program { channel, program }) => {
            table.insert("program", number(*program));
            table.insert("channel", number(*channel));
        }
        Event::Key { code, down: true } => {
            let name = key_name(*code);
            table.insert(
                "key",
                match name.parse::<i64>() {
                    Ok(number) => value(number),
                    Err(_) => value(name),
                },
            );
        }
        Event::Line { line, down: true } => {
            table.insert("line", value(line.to_string()));
        }
        _ => return None,
    }
    table.insert("do", value(line(words)));
    Some(table)
}

/// The text of a mapping with an entry more. `text` may be empty: then it is a new one. `None` for an event that is no
/// press of anything.
///
/// # Errors
/// What makes no sense, of the text or of the verb, with its place.
pub fn learned(text: &str, event: &Event, words: &[String]) -> Result<Option<String>, String> {
    let complain = |at: located::Located| format!("{}:{}: {}", at.line, at.column, at.what);
    let begun = match text.trim().is_empty() {
        true => format!("{text}version = 1\n"),
        false => text.to_owned(),
    };
    Map::parse(&begun).map_err(complain)?;
    let mut document: DocumentMut = begun.parse().map_err(|_| "1:1: not TOML".to_owned())?;
    let Some(entry) = entry(event, words) else {
        return Ok(None);
    };
    let all = document
        .entry("map")
        .or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    let Some(all) = all.as_array_of_tables_mut() else {
        return Err("1:1: `map` is written as `map = […]`; write it as `[[map]]`".into());
    };
    all.push(entry);
    let text = document.to_string();
    match Map::parse(&text) {
        Ok(_) => Ok(Some(text)),
        Err(at) => Err(at.what),
    }
}

/// Writes the entry into the file, whole or not at all; the file may not be there yet. Whether the event was a press.
///
/// # Errors
/// Code 78: the file makes no sense. 74: it can't be written.
pub fn write_learned(path: &Path, event: &Event, words: &[String]) -> Result<bool, Failure> {
    let shown = path.display();
    let text = match located::read(path) {
        Ok(text) => text,
        Err(ReadError::Io(e)) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(ReadError::Io(e)) => {
            return Err(Failure::new(
                Code::Config,
                format!("{shown}: can't be read: {e}"),
            ));
        }
        Err(ReadError::Text(at)) => {
            let message = format!("{shown}:{}:{}: {}", at.line, at.column, at.what);
            return Err(Failure::new(Code::Config, message));
        }
    };
    let text = learned(&text, event, words)
        .map_err(|why| Failure::new(Code::Config, format!("{shown}:{why}")))?;
    let Some(text) = text else { return Ok(false) };
    rewrite(path, text.as_bytes())
        .map_err(|e| Failure::new(Code::Io, format!("{shown}: can't be written: {e}")))?;
    Ok(true)
}
