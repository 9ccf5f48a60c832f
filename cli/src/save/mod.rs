//! Writing back: what was changed while it played, into the song's file or the configuration, as a whole or not at all.

mod config;
mod edit;
#[cfg(test)]
mod tests;
mod whole;

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

pub(crate) use config::write_monitor_level;
pub(crate) use whole::{shortest, whole};

use engine_core::ticket::Ticket;

use crate::atomic::rewrite;
use crate::config::MonitorLevel;
use crate::control::{ErrorCode, Refusal};
use crate::located::{self, ReadError};
use crate::player::SongMixer;
use crate::song::{SongFile, parse};

/// Writes the mixer as it stands into the file that the song was read from: what differs from what it says, and nothing else.
/// The file as it is then.
///
/// # Errors
/// It was read from none; that was changed since; it can't say that, or be written. It is as it was then.
pub(crate) fn write_back(song: &SongMixer, max_gain_db: f64) -> Result<SongFile, Refusal> {
    let Some(source) = &song.song.source else {
        return Err(Refusal::new(ErrorCode::NoFile, no_file(song)));
    };
    let path = &source.path;
    match located::read(path) {
        Ok(text) if *text == *source.text => {}
        Ok(_) | Err(ReadError::Text(_)) => return Err(changed(path)),
        Err(ReadError::Io(e)) => return Err(not_written(path, &e)),
    }
    let text = edit::edited(source, song, max_gain_db)?;
    if *text != *source.text {
        rewrite(path, text.as_bytes()).map_err(|e| not_written(path, &e))?;
    }
    Ok(SongFile {
        path: path.clone(),
        text: text.into(),
    })
}

/// Writes a song file that isn't there yet, with all there is to the song. One that the song was read from is written back.
///
/// # Errors
/// There is something of that name; it can't say that, or be written. Nothing is there then.
pub(crate) fn write_new(
    song: &SongMixer,
    path: &Path,
    max_gain_db: f64,
) -> Result<SongFile, Refusal> {
    let bad = |what: String| Refusal::new(ErrorCode::BadValue, format!("save: {what}"));
    let shown = path.display();
    if !path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("toml"))
    {
        return Err(bad(format!(
            "a song file's name ends in .toml, not `{shown}`"
        )));
    }
    let path = std::path::absolute(path).map_err(|e| not_written(path, &e))?;
    if let Some(source) = &song.song.source
        && same_file(&path, &source.path)
    {
        return write_back(song, max_gain_db);
    }
    if fs::symlink_metadata(&path).is_ok() {
        return Err(bad(format!(
            "{shown} is there already; remove it, or give another name"
        )));
    }
    edit::one_setting_each(song)?;
    if song.song.tracks.iter().any(|t| t.file.as_os_str() == "-") {
        return Err(bad("standard input can't be in a song file".into()));
    }
    let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
    let head = "Written by backline.";
    let (text, _) = whole(song, head, &mut |file| name_in(&folder, file))
        .map_err(|e| not_written(&path, &e))?;
    // A reader of it finds what was meant.
    parse(&path, &text, max_gain_db).map_err(|e| bad(e.to_string()))?;
    rewrite(&path, text.as_bytes()).map_err(|e| not_written(&path, &e))?;
    Ok(SongFile {
        path,
        text: text.into(),
    })
}

/// What an audio file is called in a song file of that folder: relative where it is in there, so that the folder can be moved.
fn name_in(folder: &Path, file: &Path) -> io::Result<String> {
    let file = std::path::absolute(file)?;
    let inside = file.strip_prefix(folder).ok();
    let plain = |path: &&Path| path.components().all(|c| matches!(c, Component::Normal(_)));
    let name = inside.filter(plain).unwrap_or(&file);
    name.to_str().map(str::to_owned).ok_or_else(|| {
        let what = format!("the name of {} is no UTF-8", file.display());
        io::Error::new(io::ErrorKind::InvalidInput, what)
    })
}

fn same_file(one: &Path, other: &Path) -> bool {
    match (fs::canonicalize(one), fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

fn no_file(song: &SongMixer) -> String {
    let folder = song.song.tracks.iter().find_map(|t| t.file.parent());
    let folder = std::path::absolute(folder.unwrap_or(Path::new("."))).unwrap_or_default();
    format!(
        "`{}` was read from no song file; `save FILE` writes one, such as {}",
        song.song.title,
        folder.join("song.toml").display()
    )
}

fn changed(path: &Path) -> Refusal {
    let message = format!(
        "{} was changed since it was loaded, so nothing is written to it; load it again, or save to another file",
        shown(path)
    );
    Refusal::new(ErrorCode::FileChanged, message)
}

fn not_written(path: &Path, why: &io::Error) -> Refusal {
    let message = format!("{}: can't be written: {why}", shown(path));
    Refusal::new(ErrorCode::NotWritten, message)
}

/// With its folder: who reads it may be in another one.
fn shown(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.display().to_string()
}

/// Something that was written, and where.
#[derive(Debug)]
pub(crate) enum Written {
    /// A song of that ticket.
    Song(Ticket, SongFile),
    /// The monitor's level, in that configuration file.
    Monitor(MonitorLevel, PathBuf),
}
