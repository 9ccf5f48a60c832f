//! `session.toml`: what of a session no song file says.

use std::path::{Component, Path};

use engine_core::controls::TrackSetting;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::config::{self, Layer, Settings};
use crate::exit::{Code, Failure};
use crate::located::{self, Located, ReadError};
use crate::save::shortest;
use crate::song::Time;
use crate::song::fields::{GainDb, Pan, TimeText};
use crate::units::{exact_db, gain_from_db};

/// The file's name.
pub(super) const NAME: &str = "session.toml";

/// What the file says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stored {
    /// Folders of the songs, in order, relative to the session's.
    pub songs: Vec<String>,
    /// Index of the song in play.
    pub song: usize,
    /// Linear.
    pub master: f32,
    pub looping: Option<(Time, Time)>,
    pub mono: bool,
    /// Channels of wide stems that aren't set as their track is: song, strip, setting.
    pub channels: Vec<(usize, String, TrackSetting)>,
    /// Settings that go before the configuration.
    pub settings: Layer,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    version: Spanned<i64>,
    songs: Vec<Spanned<String>>,
    song: Option<usize>,
    master_db: Option<GainDb>,
    #[serde(rename = "loop")]
    looping: Option<[TimeText; 2]>,
    #[serde(default)]
    mono: bool,
    #[serde(default)]
    settings: Layer,
    #[serde(default)]
    channels: Vec<RawChannel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawChannel {
    song: usize,
    name: String,
    gain_db: GainDb,
    pan: Pan,
    mute: bool,
    solo: bool,
}

/// Reads the file; `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<Stored>, Failure> {
    let at = |at: Located| {
        let Located { line, column, what } = at;
        let place = format!("{}:{line}:{column}", path.display());
        Failure::new(Code::Data, format!("{place}: {what}"))
    };
    let text = match located::read(path) {
        Ok(text) => text,
        Err(ReadError::Io(e)) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(ReadError::Io(e)) => {
            let message = format!("{}: can't be read: {e}", path.display());
            return Err(Failure::new(Code::NoInput, message));
        }
        Err(ReadError::Text(e)) => return Err(at(e)),
    };
    located::parse(&text)
        .and_then(|raw| stored(&text, raw))
        .map(Some)
        .map_err(at)
}

fn stored(text: &str, raw: Raw) -> Result<Stored, Located> {
    if *raw.version.get_ref() != 1 {
        let what = format!(
            "version {} of sessions is not known here",
            raw.version.get_ref()
        );
        return Err(Located::at(text, raw.version.span().start, what));
    }
    for song in &raw.songs {
        let inside = |c: Component<'_>| matches!(c, Component::Normal(_) | Component::CurDir);
        if song.get_ref().is_empty() || !Path::new(song.get_ref()).components().all(inside) {
            let what = "expected a folder in the session's own";
            return Err(Located::at(text, song.span().start, what));
        }
    }
    let channels = raw.channels.into_iter().map(|c| {
        let setting = TrackSetting {
            gain: gain_from_db(c.gain_db.0),
            pan: c.pan.0,
            mute: c.mute,
            solo: c.solo,
        };
        (c.song.saturating_sub(1), c.name, setting)
    });
    Ok(Stored {
        songs: raw.songs.into_iter().map(Spanned::into_inner).collect(),
        song: raw.song.unwrap_or(1).saturating_sub(1),
        master: raw.master_db.map_or(1.0, |db| gain_from_db(db.0)),
        looping: raw.looping.map(|[a, b]| (a.0, b.0)),
        mono: raw.mono,
        channels: channels.collect(),
        settings: raw.settings.flattened(),
    })
}

#[derive(Serialize)]
struct Out<'a> {
    version: i64,
    songs: &'a [String],
    song: usize,
    master_db: f64,
    #[serde(rename = "loop", skip_serializing_if = "Option::is_none")]
    looping: Option<[String; 2]>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    mono: bool,
    #[serde(skip_serializing_if = "toml::Table::is_empty")]
    settings: toml::Table,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    channels: Vec<OutChannel<'a>>,
}

#[derive(Serialize)]
struct OutChannel<'a> {
    song: usize,
    name: &'a str,
    gain_db: f64,
    pan: f64,
    mute: bool,
    solo: bool,
}

/// The file's text. Of the settings those are kept that were given as flags, now or when the session
/// was written before.
pub(super) fn text(stored: &Stored, settings: &Settings, path: &Path) -> Result<String, Failure> {
    let out = Out {
        version: 1,
        songs: &stored.songs,
        song: stored.song + 1,
        master_db: exact_db(stored.master),
        looping: (stored.looping.as_ref()).map(|(a, b)| [a.to_string(), b.to_string()]),
        mono: stored.mono,
        settings: kept(settings, path),
        channels: (stored.channels.iter())
            .map(|(song, name, s)| OutChannel {
                song: song + 1,
                name,
                gain_db: exact_db(s.gain),
                pan: shortest(s.pan),
                mute: s.mute,
                solo: s.solo,
            })
            .collect(),
    };
    let body = toml::to_string(&out)
        .map_err(|e| Failure::new(Code::Software, format!("a session can't be written: {e}")))?;
    Ok(format!(
        "# Written by backline when its session is saved; each song's own settings are in its song.toml.\n\n{body}"
    ))
}

/// The settings a session keeps, as keys of a configuration file.
fn kept(settings: &Settings, path: &Path) -> toml::Table {
    let session = path.display().to_string();
    let mut table = toml::Table::new();
    for row in config::rows(settings) {
        // The manager gives the name; the status is for whoever runs it.
        let ours = !matches!(row.key, "name" | "status");
        if !ours || !(row.by_flag || row.source == session) {
            continue;
        }
        let Ok(value) = toml::Value::try_from(&row.value) else {
            continue;
        };
        match row.key.split_once('.') {
            None => drop(table.insert(row.key.to_owned(), value)),
            Some((group, key)) => {
                let group = table
                    .entry(group)
                    .or_insert_with(|| toml::Value::Table(toml::Table::new()));
                if let Some(group) = group.as_table_mut() {
                    group.insert(key.to_owned(), value);
                }
            }
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigFile;

    fn all() -> Stored {
        Stored {
            songs: vec![".".into(), "02 Blue Monday".into()],
            song: 1,
            master: gain_from_db(-3.0),
            looping: Some((Time::Nanos(12_500_000_000), Time::Nanos(30_000_000_001))),
            mono: true,
            channels: vec![(
                1,
                "pads.3".into(),
                TrackSetting {
                    gain: 0.0,
                    pan: -0.3,
                    mute: true,
                    solo: false,
                },
            )],
            settings: Layer::default(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        assert_eq!(read(&path), Ok(None));
        let nothing = Layer::default();
        let flags = Layer {
            ports: Some(config::Ports::Both),
            connect: Some(vec!["main_L=a:b".parse().unwrap()]),
            poll_ms: Some(50),
            monitor: Some(config::MonitorLevel::Sampled),
            name: Some("x".into()),
            max_gain_db: Some(0.0),
            ..Layer::default()
        };
        let settings = Settings::resolve(&flags, &nothing, &ConfigFile::default()).unwrap();
        std::fs::write(&path, text(&all(), &settings, &path).unwrap()).unwrap();
        let found = read(&path).unwrap().unwrap();
        let kept = Layer {
            name: None,
            ..flags
        };
        assert_eq!(
            found,
            Stored {
                settings: kept.clone(),
                ..all()
            }
        );
        // And again, when no flag says so any more.
        let session = ConfigFile {
            path: Some(path.clone()),
            layer: kept,
            notice: None,
        };
        let file = ConfigFile::default();
        let settings = Settings::in_session(&nothing, &nothing, Some(&session), &file).unwrap();
        assert_eq!(settings.ports.value, config::Ports::Both);
        std::fs::write(&path, text(&all(), &settings, &path).unwrap()).unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), found);
    }

    #[test]
    fn nonsense_is_told_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        for (text, says) in [
            (
                "version = 2\nsongs = []",
                "1:11: version 2 of sessions is not known here",
            ),
            (
                "version = 1\nsongs = [\"../x\"]",
                "2:10: expected a folder in the session's own",
            ),
            (
                "version = 1\nsongs = [\"/x\"]",
                "2:10: expected a folder in the session's own",
            ),
            ("version = 1\nsongs = [\"x\"]\nsong = \"a\"", "3:8: "),
            ("version = 1\nsongs = []\nother = 1", "3:1: "),
        ] {
            std::fs::write(&path, text).unwrap();
            let failure = read(&path).unwrap_err();
            assert_eq!(failure.code, Code::Data);
            let place = format!("{}:{says}", path.display());
            assert!(failure.message.starts_with(&place), "{}", failure.message);
        }
    }
}
