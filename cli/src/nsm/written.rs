//! A song as it is kept in a session: a song file, and links to its audio.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::symlink;
use std::path::{Component, Path};

use serde::Serialize;

use crate::made::{FrameRate, Made};
use crate::player::SongMixer;
use crate::song::{Handover, OnEnd, Time, check_name, unique};
use crate::units::gain_from_db;

#[derive(Serialize)]
struct Out<'a> {
    version: i64,
    title: String,
    on_end: OnEnd,
    #[serde(skip_serializing_if = "Option::is_none")]
    crossfade: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    tracks: Vec<OutTrack>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    buses: Vec<OutBus<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sections: Vec<OutSection<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tempo: Vec<OutTempo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    click: Option<OutClick>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ltc: Option<OutLtc>,
}

#[derive(Serialize)]
struct OutTrack {
    name: String,
    file: String,
    gain_db: f64,
    pan: f64,
    mute: bool,
    solo: bool,
    bus: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<String>,
}

#[derive(Serialize)]
struct OutBus<'a> {
    name: &'a str,
    level_db: f64,
    follow_master: bool,
    #[serde(skip_serializing_if = "<[u16]>::is_empty")]
    outputs: &'a [u16],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    jack: &'a [String],
}

#[derive(Serialize)]
struct OutSection<'a> {
    name: &'a str,
    start: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<String>,
}

#[derive(Serialize)]
struct OutTempo {
    at: String,
    bpm: f64,
    meter: String,
}

#[derive(Serialize)]
struct OutClick {
    name: String,
    bus: String,
    gain_db: f64,
    pan: f64,
    mute: bool,
    accents: Vec<u32>,
    count_in: u32,
}

#[derive(Serialize)]
struct OutLtc {
    fps: &'static str,
    start: String,
    name: String,
    bus: String,
    gain_db: f64,
    mute: bool,
}

/// Writes a song, its mixer as it stands, into the folder `home`, with links to audio that isn't in it.
/// Returns the names its tracks have there: they are those of the song, cut to what a song file
/// takes.
///
/// # Errors
/// The folder can't be written.
pub(super) fn write_song(home: &Path, song: &SongMixer) -> io::Result<Vec<String>> {
    fs::create_dir_all(home)?;
    let names = track_names(song);
    // The file's times have no count-in in them.
    let before = |time: &Time| match time {
        Time::Nanos(nanos) => Time::Nanos(nanos.saturating_sub(song.song.lead_nanos)),
        other => other.clone(),
    };
    let (mut click, mut ltc) = (None, None);
    let mut tracks = Vec::new();
    for (i, (track, name)) in song.song.tracks.iter().zip(&names).enumerate() {
        // Channels of a wide stem that are set otherwise are kept elsewhere.
        let setting = song.strips.iter().find(|s| s.track == i).map(|s| s.setting);
        let setting = setting.unwrap_or_default();
        match &track.made {
            None => {}
            Some(Made::Click(made)) => {
                click = Some(OutClick {
                    name: name.clone(),
                    bus: track.bus_name().to_owned(),
                    gain_db: db_from_gain(setting.gain),
                    pan: shortest(setting.pan),
                    mute: setting.mute,
                    accents: made.accents.clone(),
                    count_in: made.count_in,
                });
                continue;
            }
            Some(Made::Ltc(made)) => {
                let rate = FrameRate::ALL.iter().find(|(_, rate)| *rate == made.rate);
                ltc = Some(OutLtc {
                    fps: rate.map_or("25", |(name, _)| name),
                    start: made.start.to_string(),
                    name: name.clone(),
                    bus: track.bus_name().to_owned(),
                    gain_db: db_from_gain(setting.gain),
                    mute: setting.mute,
                });
                continue;
            }
        }
        tracks.push(OutTrack {
            name: name.clone(),
            file: link(home, &track.file)?,
            gain_db: db_from_gain(setting.gain),
            pan: shortest(setting.pan),
            mute: setting.mute,
            solo: setting.solo,
            bus: track.bus_name().to_owned(),
            offset: (before(&track.offset) != Time::Nanos(0))
                .then(|| before(&track.offset).to_string()),
        });
    }
    let level = |name: &str| song.levels.iter().find(|(n, _)| n == name).map(|(_, l)| *l);
    let declared = song.song.buses.iter().map(|bus| OutBus {
        name: &bus.name,
        level_db: db_from_gain(level(&bus.name).unwrap_or(bus.level)),
        follow_master: bus.follow_master,
        outputs: &bus.outputs,
        jack: &bus.jack,
    });
    let is_declared = |name: &str| song.song.buses.iter().any(|b| b.name == name);
    let implied = (song.levels.iter()).filter(|(name, level)| !is_declared(name) && *level != 1.0);
    let implied = implied.map(|(name, level)| OutBus {
        name,
        level_db: db_from_gain(*level),
        follow_master: crate::song::Bus::named(name).follow_master,
        outputs: &[],
        jack: &[],
    });
    // (With `--on-end` it may have one that it doesn't use.)
    let goes_on = song.song.on_end == OnEnd::Next;
    let out = Out {
        version: 1,
        title: cut(&song.song.title),
        on_end: song.song.on_end,
        crossfade: match (&song.song.handover, goes_on) {
            (Handover::Crossfade(time), true) => Some(time.to_string()),
            _ => None,
        },
        after: match (&song.song.handover, goes_on) {
            (Handover::After(time), true) => Some(time.to_string()),
            _ => None,
        },
        tracks,
        buses: declared.chain(implied).collect(),
        sections: (song.song.sections.iter())
            // That of the count-in, which is made again.
            .filter(|s| {
                s.end
                    .as_ref()
                    .is_none_or(|end| before(end) != Time::Nanos(0))
            })
            .map(|s| OutSection {
                name: &s.name,
                start: before(&s.start).to_string(),
                end: s.end.as_ref().map(|end| before(end).to_string()),
            })
            .collect(),
        tempo: (song.song.tempo.iter())
            .enumerate()
            .map(|(i, stretch)| OutTempo {
                at: match i {
                    0 => before(&song.song.first_bar()),
                    _ => before(&stretch.at),
                }
                .to_string(),
                bpm: stretch.micro_bpm as f64 / 1e6,
                meter: format!("{}/{}", stretch.beats, stretch.unit),
            })
            .collect(),
        click,
        ltc,
    };
    let body = toml::to_string(&out).map_err(io::Error::other)?;
    let text = format!("# Written by backline when its session was saved.\n\n{body}");
    replace(&home.join("song.toml"), &text)?;
    Ok(names)
}

/// Writes a file as a whole, or leaves it as it is.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let mut file = File::create(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

fn track_names(song: &SongMixer) -> Vec<String> {
    unique(song.song.tracks.iter().map(|t| cut(&t.name)).collect())
}

/// A name that a song file takes. Numbers that make it unique have room.
fn cut(name: &str) -> String {
    if check_name(name).is_ok() {
        return name.to_owned();
    }
    let short: String = name.chars().filter(|c| !c.is_control()).take(58).collect();
    match short.trim() {
        "" => "unnamed".to_owned(),
        short => short.to_owned(),
    }
}

/// What a file is called in `home`: its own path when it is in there, else that of a link to it.
fn link(home: &Path, file: &Path) -> io::Result<String> {
    let (home, file) = (std::path::absolute(home)?, std::path::absolute(file)?);
    if let Ok(inside) = file.strip_prefix(&home)
        && let Some(name) = inside.to_str()
        && inside
            .components()
            .all(|c| matches!(c, Component::Normal(_)))
    {
        return Ok(name.to_owned());
    }
    let plain = |name: Option<&std::ffi::OsStr>| {
        let name = name.unwrap_or_default().to_string_lossy();
        name.replace(char::is_control, "_")
    };
    let (stem, extension) = (plain(file.file_stem()), plain(file.extension()));
    let mut number = 1;
    loop {
        let count = if number == 1 {
            String::new()
        } else {
            format!(" {number}")
        };
        let name = match extension.as_str() {
            "" => format!("{stem}{count}"),
            extension => format!("{stem}{count}.{extension}"),
        };
        let at = home.join(&name);
        match symlink(&file, &at) {
            Ok(()) => return Ok(name),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                if fs::read_link(&at).is_ok_and(|target| target == file) {
                    return Ok(name);
                }
                number += 1;
            }
            Err(e) => return Err(e),
        }
    }
}

/// The level in dB that is exactly this gain again, with as few digits as that takes.
pub(super) fn db_from_gain(gain: f32) -> f64 {
    if gain <= 0.0 {
        return f64::NEG_INFINITY;
    }
    let db = 20.0 * libm::log10(f64::from(gain));
    (0..=12)
        .filter_map(|digits| format!("{db:.digits$}").parse().ok())
        .find(|short: &f64| gain_from_db(*short) == gain)
        .map_or(db, |short| short + 0.0)
}

/// The number with the digits that an `f32` needs.
pub(super) fn shortest(x: f32) -> f64 {
    x.to_string().parse().unwrap_or(f64::from(x))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a song file says of bars, the click, time code and the next song is there again, also after a second time.
    #[test]
    fn what_is_made_and_how_it_goes_on_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.wav"), "").unwrap();
        let text = "version = 1\ncrossfade = 2.5\n[[tracks]]\nfile = 'a.wav'\noffset = 1.25\n[[sections]]\nname = 'verse'\nstart = 3\n\
            [[tempo]]\nat = 0.5\nbpm = 137.3\nmeter = '3/4'\n[[tempo]]\nat = 60\nbpm = 90\n\
            [click]\naccents = [1, 3]\ncount_in = 2\nname = 'tick'\n[ltc]\nfps = '29.97df'\nstart = '10:00:00:00'\nbus = 'code'\n";
        let path = folder.path().join("song.toml");
        let read = |text: &str| match crate::song::parse(&path, text, 12.0).unwrap() {
            crate::song::Document::Song { song, .. } => song,
            other => panic!("{other:?}"),
        };
        let first = read(text);
        assert!(first.lead_nanos > 0);
        let mut song = first.clone();
        for _ in 0..2 {
            let mixer = SongMixer {
                strips: song_strips(&song),
                levels: Vec::new(),
                song: std::sync::Arc::new(song),
            };
            write_song(folder.path(), &mixer).unwrap();
            song = read(&fs::read_to_string(&path).unwrap());
            assert_eq!(song, first);
        }
    }

    /// The settings that a song's own file gives its tracks.
    fn song_strips(song: &crate::song::Song) -> Vec<crate::player::Strip> {
        let tracks = song.tracks.iter().enumerate();
        tracks
            .map(|(track, t)| crate::player::Strip {
                name: t.name.clone(),
                track,
                setting: engine_core::controls::TrackSetting {
                    gain: t.gain,
                    pan: t.pan,
                    mute: t.mute,
                    solo: t.solo,
                },
            })
            .collect()
    }

    #[test]
    fn levels_come_back_as_they_were() {
        for db in [0.0, 12.0, -6.0, -3.5, -0.1, -60.0, 7.25] {
            assert_eq!(db_from_gain(gain_from_db(db)), db);
        }
        assert_eq!(db_from_gain(0.0), f64::NEG_INFINITY);
        let mut gain = 1e-6_f32;
        while gain < 4.0 {
            assert_eq!(gain_from_db(db_from_gain(gain)), gain, "{gain}");
            gain *= 1.000_37;
        }
        assert_eq!(shortest(-0.3), -0.3);
    }

    #[test]
    fn audio_outside_is_linked_once_and_audio_inside_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        fs::create_dir_all(home.join("in")).unwrap();
        for name in ["a/drums.wav", "b/drums.wav", "home/in/own.wav"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        let of = |name: &str| link(&home, &folder.path().join(name)).unwrap();
        assert_eq!(of("a/drums.wav"), "drums.wav");
        assert_eq!(of("b/drums.wav"), "drums 2.wav");
        assert_eq!(of("a/drums.wav"), "drums.wav");
        assert_eq!(of("home/in/own.wav"), "in/own.wav");
        assert_eq!(of("home/drums 2.wav"), "drums 2.wav");
        assert_eq!(fs::read(home.join("drums 2.wav")).unwrap(), b"b/drums.wav");
        assert_eq!(fs::read_dir(&home).unwrap().count(), 3);
    }

    #[test]
    fn long_names_are_cut_to_what_a_song_file_takes() {
        assert_eq!(cut("Drums"), "Drums");
        assert_eq!(cut(" \u{7}"), "unnamed");
        let long = "é".repeat(200);
        assert_eq!(check_name(&cut(&long)), Ok(()));
        let names = unique(vec![cut(&long), cut(&long)]);
        assert!(names.iter().all(|n| check_name(n).is_ok()));
    }
}
