//! From the inputs of a command to songs: files, folders, song files and setlists.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::file::{Document, parse, stem_of};
use super::folder::{audio_files, name_of, song_of};
use super::{OnEnd, Setlist, Song, SongError, SongFile};
use crate::located::{self, ReadError};

/// What is to be loaded.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Audio files, folders, song files or a setlist file; `-` is standard input.
    pub inputs: &'a [PathBuf],
    /// Each audio file is a song of its own.
    pub sequence: bool,
    /// What happens at the end of every song, whatever the files say.
    pub on_end: Option<OnEnd>,
    /// Ceiling of the levels in song files, dB.
    pub max_gain_db: f64,
}

/// Loads what is played: at least one song of at least one track. Audio files are not opened.
///
/// Where neither the request nor a file says what happens at a song's end, a setlist made of
/// several inputs plays through, and everything else stops.
///
/// # Errors
/// See [`SongError`]; inputs that don't go together are [`SongError::Usage`].
pub fn load(request: &Request<'_>) -> Result<Setlist, SongError> {
    let stdin = |input: &&PathBuf| input.as_os_str() == "-";
    if request.inputs.iter().filter(stdin).count() > 1 {
        return usage("`-` (standard input) can be given only once");
    }
    let kinds = request
        .inputs
        .iter()
        .map(|input| kind(input, None).map(|kind| (kind, input.as_path())))
        .collect::<Result<Vec<_>, _>>()?;
    let all = |wanted: Kind| kinds.iter().all(|(kind, _)| *kind == wanted);
    let songs = if kinds.is_empty() {
        return usage("nothing to play: name audio files, a folder of stems, or a song file");
    } else if request.sequence {
        sequence(&kinds)?
    } else if all(Kind::Audio) {
        vec![(
            song_of(title_of(request.inputs), request.inputs.to_vec()),
            None,
        )]
    } else if kinds.iter().any(|(kind, _)| *kind == Kind::Audio) {
        return usage(
            "audio files can't be mixed with folders or song files: give the stems of one song, or several songs",
        );
    } else {
        songs(&kinds, request.max_gain_db)?
    };
    let through = kinds.len() > 1 || request.sequence;
    let unsaid = if through { OnEnd::Next } else { OnEnd::Stop };
    if request.on_end.is_some() && songs.iter().any(|(song, _)| song.idle) {
        return usage("the setlist has an idle song, which follows every song; leave out --on-end");
    }
    let finish = |(mut song, said): (Song, Option<OnEnd>)| {
        song.on_end = request.on_end.or(said).unwrap_or(unsaid);
        song
    };
    Ok(Setlist {
        songs: songs.into_iter().map(finish).collect(),
    })
}

/// The same, without what can't be loaded: beside the songs comes a sentence on each input, and each song of
/// a setlist, that is left out.
///
/// # Errors
/// As [`load`], when nothing is left, and for inputs that don't go together.
pub fn load_what_can_be(request: &Request<'_>) -> Result<(Setlist, Vec<String>), SongError> {
    let error = match load(request) {
        Ok(setlist) => return Ok((setlist, Vec::new())),
        Err(error @ SongError::Usage(_)) => return Err(error),
        Err(error) => error,
    };
    let (mut songs, mut left_out) = (Vec::new(), Vec::new());
    let mut take = |loaded: Result<Vec<Song>, SongError>| match loaded {
        Ok(more) => {
            songs.extend(more);
            Ok(())
        }
        Err(error @ SongError::Usage(_)) => Err(error),
        Err(error) => {
            left_out.push(error.to_string());
            Ok(())
        }
    };
    let is_toml = |path: &Path| {
        path.extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("toml"))
    };
    match request.inputs {
        [lone] if is_toml(lone) => {
            let Ok(Document::Setlist(entries)) = read(lone, None, request.max_gain_db) else {
                return Err(error);
            };
            for entry in entries {
                let song = entry_song(&entry.file, lone, request.max_gain_db);
                if entry.idle && song.is_err() {
                    // Without it there is nothing to be played between the others.
                    return Err(error);
                }
                take(song.map(|(mut song, said)| {
                    let said = request.on_end.or(entry.on_end).or(said);
                    song.on_end = said.unwrap_or(OnEnd::Stop);
                    entry.hand_over(&mut song);
                    vec![song]
                }))?;
            }
        }
        // Several audio files are the stems of one song.
        several if request.sequence || several.iter().any(|i| i.is_dir() || is_toml(i)) => {
            for input in several {
                let one = Request {
                    inputs: std::slice::from_ref(input),
                    on_end: request.on_end.or(Some(OnEnd::Next)),
                    ..request.clone()
                };
                take(load(&one).map(|setlist| setlist.songs))?;
            }
        }
        _ => return Err(error),
    }
    match songs.is_empty() {
        true => Err(error),
        false => Ok((Setlist { songs }, left_out)),
    }
}

/// What an input is by the look of it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Audio,
    Folder,
    Toml,
}

fn kind(path: &Path, named_in: Option<&Path>) -> Result<Kind, SongError> {
    if path.as_os_str() == "-" {
        return Ok(Kind::Audio);
    }
    let named_in = named_in.map(Path::to_owned);
    let path_buf = path.to_owned();
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(Kind::Folder),
        Ok(metadata) if !metadata.is_file() => Err(SongError::Special {
            path: path_buf,
            named_in,
        }),
        Ok(_) => Ok(match path.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("toml") => Kind::Toml,
            _ => Kind::Audio,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(SongError::Missing {
            path: path_buf,
            named_in,
        }),
        Err(error) => Err(SongError::Unreadable {
            path: path_buf,
            named_in,
            error,
        }),
    }
}

type Loaded = (Song, Option<OnEnd>);

/// `--sequence`: every audio file, also those of folders, is a song. A lone file is no stem, so its
/// name chooses no bus: an announcement called "guide" is to be heard.
fn sequence(kinds: &[(Kind, &Path)]) -> Result<Vec<Loaded>, SongError> {
    let folders = kinds
        .iter()
        .filter(|(kind, _)| *kind == Kind::Folder)
        .count();
    if kinds.iter().any(|(kind, _)| *kind == Kind::Toml) {
        return usage("--sequence takes audio files or folders of them, not song files");
    }
    if folders != 0 && folders != kinds.len() {
        return usage("--sequence takes audio files or folders of them, not both");
    }
    let mut songs = Vec::new();
    for (kind, path) in kinds {
        let files = match kind {
            Kind::Folder if path.join("song.toml").exists() => {
                let path = path.display();
                return usage(format!(
                    "{path} holds a song.toml, so it is one song; play it without --sequence"
                ));
            }
            Kind::Folder => audio_files(path)?,
            _ => vec![path.to_path_buf()],
        };
        for file in files {
            let mut song = song_of(title_of(std::slice::from_ref(&file)), vec![file]);
            for track in &mut song.tracks {
                track.bus = Some("main".to_owned());
            }
            songs.push((song, None));
        }
    }
    Ok(songs)
}

/// Folders and song files in order, or one setlist file.
fn songs(kinds: &[(Kind, &Path)], max_gain_db: f64) -> Result<Vec<Loaded>, SongError> {
    let mut songs = Vec::new();
    for (kind, path) in kinds {
        match kind {
            Kind::Toml => match read(path, None, max_gain_db)? {
                Document::Song { song, on_end } => songs.push(checked(song, on_end, path)?),
                Document::Setlist(entries) if kinds.len() == 1 => {
                    for entry in entries {
                        let (mut song, said) = entry_song(&entry.file, path, max_gain_db)?;
                        entry.hand_over(&mut song);
                        songs.push((song, entry.on_end.or(said)));
                    }
                }
                Document::Setlist(_) => {
                    let path = path.display();
                    return usage(format!("{path} is a setlist; it is played alone"));
                }
            },
            _ => songs.push(folder(path, max_gain_db)?),
        }
    }
    Ok(songs)
}

/// A song that a setlist names.
fn entry_song(file: &Path, setlist: &Path, max_gain_db: f64) -> Result<Loaded, SongError> {
    match kind(file, Some(setlist))? {
        Kind::Folder => folder(file, max_gain_db),
        Kind::Audio => Ok((song_of(stem_of(file), vec![file.to_owned()]), None)),
        Kind::Toml => match read(file, Some(setlist), max_gain_db)? {
            Document::Song { song, on_end } => checked(song, on_end, file),
            Document::Setlist(_) => Err(SongError::Invalid {
                path: file.to_owned(),
                line: 1,
                column: 1,
                what: format!(
                    "this is a setlist, and the setlist {} can't hold another",
                    setlist.display()
                ),
            }),
        },
    }
}

fn folder(path: &Path, max_gain_db: f64) -> Result<Loaded, SongError> {
    let file = path.join("song.toml");
    // A dangling link is there, and an error, too.
    if fs::symlink_metadata(&file).is_err() {
        return Ok((song_of(name_of(path), audio_files(path)?), None));
    }
    match read(&file, None, max_gain_db)? {
        Document::Song { song, on_end } => checked(song, on_end, &file),
        Document::Setlist(_) => Err(SongError::Invalid {
            path: file,
            line: 1,
            column: 1,
            what: "a folder's song.toml is a song; call a setlist otherwise and name that file"
                .into(),
        }),
    }
}

/// A song whose stems are all there.
fn checked(song: Song, on_end: Option<OnEnd>, file: &Path) -> Result<Loaded, SongError> {
    for path in song.files() {
        if kind(path, Some(file))? == Kind::Folder {
            return Err(SongError::Folder {
                path: path.clone(),
                named_in: file.to_owned(),
            });
        }
    }
    Ok((song, on_end))
}

fn read(path: &Path, named_in: Option<&Path>, max_gain_db: f64) -> Result<Document, SongError> {
    kind(path, named_in)?;
    let text = located::read(path).map_err(|error| match error {
        ReadError::Io(error) => SongError::Unreadable {
            path: path.to_owned(),
            named_in: named_in.map(Path::to_owned),
            error,
        },
        ReadError::Text(at) => SongError::Invalid {
            path: path.to_owned(),
            line: at.line,
            column: at.column,
            what: at.what,
        },
    })?;
    let mut document = parse(path, &text, max_gain_db)?;
    if let Document::Song { song, .. } = &mut document {
        song.source = Some(SongFile {
            path: path.to_owned(),
            text: text.into(),
        });
    }
    Ok(document)
}

/// The title of a song made of files: that of the only one, else of the folder they share.
fn title_of(files: &[PathBuf]) -> String {
    match files {
        [file] if file.as_os_str() == "-" => "standard input".to_owned(),
        [file] => stem_of(file),
        [first, rest @ ..] => match first.parent() {
            Some(folder) if rest.iter().all(|file| file.parent() == Some(folder)) => {
                name_of(folder)
            }
            _ => stem_of(first),
        },
        [] => String::new(),
    }
}

fn usage<T>(what: impl Into<String>) -> Result<T, SongError> {
    Err(SongError::Usage(what.into()))
}

#[cfg(test)]
mod tests;
