//! A song file that says all there is to a song, from nothing.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::made::{Before, FrameRate, Made};
use crate::player::SongMixer;
use crate::song::{Handover, OnEnd, Time, clean, unique};
use crate::units::exact_db;

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
    cue: Option<OutCue>,
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
    subdivision: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    beat_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accent_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    between_file: Option<String>,
}

#[derive(Serialize)]
struct OutCue {
    name: String,
    bus: String,
    gain_db: f64,
    pan: f64,
    mute: bool,
    sounds: Vec<OutCueSound>,
}

#[derive(Serialize)]
struct OutCueSound {
    file: String,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before_bars: Option<u32>,
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

/// The text of a song file that says all there is to a song, its mixer as it stands, and the names its tracks have
/// there: they are those of the song, cut to what a song file takes. `head` is its first line; `file_of` says what an audio file is called in it.
///
/// # Errors
/// Those of `file_of`.
pub(crate) fn whole(
    song: &SongMixer,
    head: &str,
    file_of: &mut dyn FnMut(&Path) -> io::Result<String>,
) -> io::Result<(String, Vec<String>)> {
    let names = track_names(song);
    // The file's times have no count-in in them.
    let before = |time: &Time| match time {
        Time::Nanos(nanos) => Time::Nanos(nanos.saturating_sub(song.song.lead_nanos)),
        other => other.clone(),
    };
    let (mut click, mut cue, mut ltc) = (None, None, None);
    let mut tracks = Vec::new();
    for (i, (track, name)) in song.song.tracks.iter().zip(&names).enumerate() {
        // Channels of a wide stem that are set otherwise are kept elsewhere.
        let setting = song.strips.iter().find(|s| s.track == i).map(|s| s.setting);
        let setting = setting.unwrap_or_default();
        match &track.made {
            None => {}
            Some(Made::Click(made)) => {
                let mut named =
                    |file: &Option<PathBuf>| file.as_deref().map(&mut *file_of).transpose();
                click = Some(OutClick {
                    name: name.clone(),
                    bus: track.bus_name().to_owned(),
                    gain_db: exact_db(setting.gain),
                    pan: shortest(setting.pan),
                    mute: setting.mute,
                    accents: made.accents.clone(),
                    count_in: made.count_in,
                    subdivision: made.subdivision,
                    beat_file: named(&made.sounds.beat)?,
                    accent_file: named(&made.sounds.accent)?,
                    between_file: named(&made.sounds.between)?,
                });
                continue;
            }
            Some(Made::Cue(made)) => {
                let sounds = made.sounds.iter().map(|sound| {
                    Ok(OutCueSound {
                        file: file_of(&sound.file)?,
                        at: before(&sound.at).to_string(),
                        before: match &sound.before {
                            Before::Time(time) if *time != Time::Nanos(0) => Some(time.to_string()),
                            _ => None,
                        },
                        before_bars: match sound.before {
                            Before::Bars(bars) => Some(bars),
                            Before::Time(_) => None,
                        },
                    })
                });
                cue = Some(OutCue {
                    name: name.clone(),
                    bus: track.bus_name().to_owned(),
                    gain_db: exact_db(setting.gain),
                    pan: shortest(setting.pan),
                    mute: setting.mute,
                    sounds: sounds.collect::<io::Result<_>>()?,
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
                    gain_db: exact_db(setting.gain),
                    mute: setting.mute,
                });
                continue;
            }
        }
        tracks.push(OutTrack {
            name: name.clone(),
            file: file_of(&track.file)?,
            gain_db: exact_db(setting.gain),
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
        level_db: exact_db(level(&bus.name).unwrap_or(bus.level)),
        follow_master: bus.follow_master,
        outputs: &bus.outputs,
        jack: &bus.jack,
    });
    let is_declared = |name: &str| song.song.buses.iter().any(|b| b.name == name);
    let implied = (song.levels.iter()).filter(|(name, level)| !is_declared(name) && *level != 1.0);
    let implied = implied.map(|(name, level)| OutBus {
        name,
        level_db: exact_db(*level),
        follow_master: crate::song::Bus::named(name).follow_master,
        outputs: &[],
        jack: &[],
    });
    // (With `--on-end` it may have one that it doesn't use.)
    let goes_on = song.song.on_end == OnEnd::Next;
    let out = Out {
        version: 1,
        title: clean(&song.song.title),
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
        cue,
        ltc,
    };
    let body = toml::to_string(&out).map_err(io::Error::other)?;
    Ok((format!("# {head}\n\n{body}"), names))
}

fn track_names(song: &SongMixer) -> Vec<String> {
    unique(song.song.tracks.iter().map(|t| clean(&t.name)).collect())
}

/// The number with the digits that an `f32` needs.
pub(crate) fn shortest(x: f32) -> f64 {
    x.to_string().parse().unwrap_or(f64::from(x))
}
