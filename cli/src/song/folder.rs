//! Folders of stems.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::file::stem_of;
use super::names::{clean, unique};
use super::{Song, SongError, Time, Track, natural_order};
use crate::media::is_audio_name;

/// The audio files directly in `folder`, in [`natural_order`] of their names. Hidden files and
/// subfolders are passed over; a link counts as what it leads to.
pub(super) fn audio_files(folder: &Path) -> Result<Vec<PathBuf>, SongError> {
    let unreadable = |error| SongError::Unreadable {
        path: folder.to_owned(),
        named_in: None,
        error,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path();
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if hidden || !is_audio_name(&path) {
            continue;
        }
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => {
                files.push((entry.file_name().to_string_lossy().into_owned(), path));
            }
            Ok(_) => {}
            // A link to a stem that is gone: playing without that stem would go unnoticed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(SongError::Missing {
                    path,
                    named_in: None,
                });
            }
            Err(error) => {
                return Err(SongError::Unreadable {
                    path,
                    named_in: None,
                    error,
                });
            }
        }
    }
    if files.is_empty() {
        return Err(SongError::Empty(folder.to_owned()));
    }
    files.sort_by(|(a, x), (b, y)| natural_order(a, b).then_with(|| x.cmp(y)));
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// A song of stems that start together, named after their files. `-` is standard input.
pub(super) fn song_of(title: String, files: Vec<PathBuf>) -> Song {
    let names = files.iter().map(|file| match file.as_os_str() == "-" {
        true => "stdin".to_owned(),
        false => stem_of(file),
    });
    let tracks = unique(names.collect())
        .into_iter()
        .zip(files)
        .map(|(name, file)| Track {
            name,
            file,
            made: None,
            gain: 1.0,
            pan: 0.0,
            mute: false,
            solo: false,
            bus: None,
            offset: Time::Nanos(0),
        })
        .collect();
    Song {
        title,
        tracks,
        ..Song::default()
    }
}

/// A folder's name for people, also that of `.` and `..`.
pub(super) fn name_of(folder: &Path) -> String {
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    match folder.file_name() {
        Some(name) => clean(&name.to_string_lossy()),
        None => fs::canonicalize(folder)
            .ok()
            .and_then(|full| full.file_name().map(|name| clean(&name.to_string_lossy())))
            .unwrap_or_else(|| "/".to_owned()),
    }
}
