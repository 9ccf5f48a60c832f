//! The monitor's level in a configuration file.

use std::path::Path;

use toml_edit::{DocumentMut, Item, Table, TableLike, Value, value};

use super::not_written;
use crate::atomic::rewrite;
use crate::config::{ConfigFile, MonitorLevel};
use crate::control::{ErrorCode, Refusal};
use crate::located::{self, ReadError};

/// Writes `[monitoring] level` into a configuration file, whatever else was changed in it meanwhile.
///
/// # Errors
/// It can't be read, makes no sense, or can't be written. It is as it was then.
pub(crate) fn write_monitor_level(path: &Path, level: MonitorLevel) -> Result<(), Refusal> {
    let text = match located::read(path) {
        Ok(text) => text,
        Err(ReadError::Io(e)) => return Err(not_written(path, &e)),
        Err(ReadError::Text(at)) => {
            let message = format!("{}:{}:{}: {}", path.display(), at.line, at.column, at.what);
            return Err(Refusal::new(ErrorCode::NotWritten, message));
        }
    };
    let text = edited(path, &text, level)?;
    rewrite(path, text.as_bytes()).map_err(|e| not_written(path, &e))
}

/// The text of a configuration with that level, and all else as it was.
pub(super) fn edited(path: &Path, text: &str, level: MonitorLevel) -> Result<String, Refusal> {
    let wrong = |why: String| Refusal::new(ErrorCode::NotWritten, why);
    ConfigFile::parse(path, text).map_err(|failure| wrong(failure.message))?;
    let broken = || wrong(format!("{}: can't be changed", path.display()));
    let mut document: DocumentMut = text.parse().map_err(|_| broken())?;
    let table = document
        .entry("monitoring")
        .or_insert(Item::Table(Table::new()))
        .as_table_like_mut()
        .ok_or_else(broken)?;
    set_level(table, level);
    let mut new = document.to_string();
    if text.contains("\r\n") && !new.contains("\r\n") {
        new = new.replace('\n', "\r\n");
    }
    let read = ConfigFile::parse(path, &new).map_err(|failure| wrong(failure.message))?;
    match read.monitor == Some(level) {
        true => Ok(new),
        false => Err(broken()),
    }
}

fn set_level(table: &mut dyn TableLike, level: MonitorLevel) {
    let full = level == MonitorLevel::Full;
    // The older key says only whether it is full, and must not contradict.
    if let Some(Item::Value(old)) = table.get_mut("enable_latency_monitor") {
        replace(old, full.into());
        let enough = level != MonitorLevel::Sampled;
        if enough && !table.contains_key("level") {
            return;
        }
    }
    match table.get_mut("level") {
        Some(Item::Value(old)) => replace(old, level.word().into()),
        _ => {
            table.insert("level", value(level.word()));
        }
    }
}

fn replace(old: &mut Value, mut new: Value) {
    *new.decor_mut() = old.decor().clone();
    *old = new;
}
