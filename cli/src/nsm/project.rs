//! The folder of a session.

use std::fs;
use std::path::{Path, PathBuf};

use engine_core::controls::TrackSetting;

use super::stored::{self, Stored};
use super::written::write_song;
use crate::atomic::write_atomically;
use crate::config::{ConfigFile, Settings};
use crate::exit::{Code, Failure};
use crate::media::is_audio_name;
use crate::player::Mixer;
use crate::song::{Time, natural_order};

/// The folder of a session: song folders with a `song.toml` and (links to) audio each, and a
/// `session.toml` for what belongs to none of them.
#[derive(Clone, Debug)]
pub struct Project {
    folder: PathBuf,
    /// The songs' folders, relative to the session's.
    homes: Vec<String>,
}

/// What a session holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Contents {
    /// Nothing to play.
    Nothing,
    /// Songs.
    Songs(Box<Restored>),
}

/// Songs of a session, and how they were.
#[derive(Clone, Debug, PartialEq)]
pub struct Restored {
    /// Song folders in order.
    pub inputs: Vec<PathBuf>,
    /// Settings that the session keeps.
    pub settings: ConfigFile,
    /// Master level, linear.
    pub master: f32,
    /// Index of the song it was at.
    pub song: usize,
    /// The loop that song was in.
    pub looping: Option<(Time, Time)>,
    /// Every stem is folded to one channel.
    pub mono: bool,
    /// Strips that their songs can't tell of.
    pub strips: Vec<(usize, String, TrackSetting)>,
}

impl Project {
    /// The session in `folder`, which need not exist.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            homes: Vec::new(),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What there is to play: what was saved, or else what somebody has put there: stems or a song.toml in the
    /// folder itself, or else folders with them.
    ///
    /// # Errors
    /// Code 65 or 66: the session's file is none, or something can't be read.
    pub fn contents(&mut self) -> Result<Contents, Failure> {
        let path = self.folder.join(stored::NAME);
        let saved = stored::read(&path)?;
        self.homes = match &saved {
            Some(saved) => saved.songs.clone(),
            None => self.found()?,
        };
        if self.homes.is_empty() {
            return Ok(Contents::Nothing);
        }
        let saved = saved.unwrap_or(Stored {
            songs: Vec::new(),
            song: 0,
            master: 1.0,
            looping: None,
            mono: false,
            channels: Vec::new(),
            settings: Default::default(),
        });
        Ok(Contents::Songs(Box::new(Restored {
            inputs: self.homes.iter().map(|h| self.home(h)).collect(),
            settings: ConfigFile {
                path: Some(path),
                layer: saved.settings,
                notice: None,
            },
            master: saved.master,
            song: saved.song,
            looping: saved.looping,
            mono: saved.mono,
            strips: saved.channels,
        })))
    }

    /// Writes every song and the rest.
    ///
    /// # Errors
    /// Code 74: the folder can't be written.
    pub fn save(&mut self, mixer: &Mixer, mono: bool, settings: &Settings) -> Result<(), Failure> {
        let path = self.folder.join(stored::NAME);
        let failed = |e: std::io::Error| {
            let folder = self.folder.display();
            let message = format!("the session can't be written into {folder}: {e}");
            Failure::new(Code::Io, message)
        };
        if self.homes.len() != mixer.songs.len() {
            let titles = mixer.songs.iter().map(|s| s.song.title.as_str());
            self.homes = titles.enumerate().map(|(i, t)| home_of(i, t)).collect();
        }
        let mut channels = Vec::new();
        for (index, (song, home)) in mixer.songs.iter().zip(&self.homes).enumerate() {
            let names = write_song(&self.home(home), song).map_err(failed)?;
            for strip in &song.strips {
                let first = song.strips.iter().find(|s| s.track == strip.track);
                if first.is_some_and(|first| first.setting != strip.setting) {
                    // The track may have another name there, but the channel has the same number.
                    let number = strip.name.rsplit('.').next().unwrap_or_default();
                    let name = names.get(strip.track).map_or("", String::as_str);
                    channels.push((index, format!("{name}.{number}"), strip.setting));
                }
            }
        }
        let stored = Stored {
            songs: self.homes.clone(),
            song: mixer.song,
            master: mixer.master,
            looping: (mixer.looping).map(|(a, b)| (Time::Nanos(a), Time::Nanos(b))),
            mono,
            channels,
            settings: Default::default(),
        };
        let text = stored::text(&stored, settings, &path)?;
        fs::create_dir_all(&self.folder).map_err(failed)?;
        write_atomically(&path, text.as_bytes(), true).map_err(failed)
    }

    fn home(&self, home: &str) -> PathBuf {
        match home {
            "." => self.folder.clone(),
            home => self.folder.join(home),
        }
    }

    /// What somebody has put there.
    fn found(&self) -> Result<Vec<String>, Failure> {
        if playable(&self.folder)? {
            return Ok(vec![".".to_owned()]);
        }
        let mut homes = Vec::new();
        for name in entries(&self.folder)? {
            let path = self.folder.join(&name);
            if !name.starts_with('.') && path.is_dir() && playable(&path)? {
                homes.push(name);
            }
        }
        homes.sort_by(|a, b| natural_order(a, b));
        Ok(homes)
    }
}

/// Whether a folder is a song.
fn playable(folder: &Path) -> Result<bool, Failure> {
    let is_stem = |name: &String| !name.starts_with('.') && is_audio_name(Path::new(name));
    let names = entries(folder)?;
    Ok(names.iter().any(|n| n == "song.toml" || is_stem(n)))
}

/// Names in a folder; none in one that isn't there.
fn entries(folder: &Path) -> Result<Vec<String>, Failure> {
    let unreadable = |e: std::io::Error| {
        let message = format!("{}: can't be read: {e}", folder.display());
        Failure::new(Code::NoInput, message)
    };
    let all = match fs::read_dir(folder) {
        Ok(all) => all,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(unreadable(e)),
    };
    let mut names = Vec::new();
    for entry in all {
        // A name that isn't UTF-8 can't stand in a song file either.
        names.extend(entry.map_err(unreadable)?.file_name().into_string());
    }
    Ok(names)
}

/// The folder of a new song: `01 Blue Monday`.
fn home_of(index: usize, title: &str) -> String {
    let allowed = |c: char| if c == '/' || c.is_control() { '_' } else { c };
    let title: String = title.chars().take(48).map(allowed).collect();
    format!("{:02} {}", index + 1, title.trim())
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[&str]) -> (tempfile::TempDir, Project) {
        let folder = tempfile::tempdir().unwrap();
        let session = folder.path().join("session");
        for file in files {
            let path = session.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        (folder, Project::new(session))
    }

    fn songs(files: &[&str]) -> Vec<String> {
        let (_folder, mut project) = project(files);
        match project.contents().unwrap() {
            Contents::Nothing => Vec::new(),
            Contents::Songs(_) => project.homes,
        }
    }

    #[test]
    fn what_somebody_puts_there_is_found() {
        assert_eq!(songs(&[]), Vec::<String>::new());
        assert_eq!(songs(&["notes.txt", ".hidden.wav"]), Vec::<String>::new());
        assert_eq!(songs(&["a.wav", "more/b.wav"]), ["."]);
        assert_eq!(songs(&["song.toml"]), ["."]);
        assert_eq!(
            songs(&["10/a.flac", "9/song.toml", "docs/x.txt", ".old/a.wav"]),
            ["9", "10"]
        );
    }

    #[test]
    fn new_songs_have_folders_that_can_be_read() {
        assert_eq!(home_of(0, "Blue Monday"), "01 Blue Monday");
        assert_eq!(home_of(11, "../AC/DC\n"), "12 .._AC_DC_");
        assert_eq!(home_of(1, "   "), "02");
        assert!(home_of(1, &"鼓".repeat(200)).len() < 255);
    }
}
