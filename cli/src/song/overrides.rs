//! Mixer settings of the command line, laid over the songs.

use engine_core::controls::TrackSetting;

use super::{Bus, Song, SongError};
use crate::units::{Level, TrackRef};

/// What `--gain`, `--pan`, `--mute`, `--solo`, `--bus` and `--out` say. Of two for one track the later counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// Levels of tracks.
    pub gains: Vec<(TrackRef, Level)>,
    /// Positions of tracks, −1 … +1.
    pub pans: Vec<(TrackRef, f32)>,
    /// Tracks to mute.
    pub mutes: Vec<TrackRef>,
    /// Tracks to solo.
    pub solos: Vec<TrackRef>,
    /// Tracks and the bus each is to feed.
    pub buses: Vec<(TrackRef, String)>,
    /// Buses and their 1-based device channels; a bus that isn't there is made.
    pub outs: Vec<(String, Vec<u16>)>,
}

/// What there is of a song's mixer: its tracks, those of wide stems counted by channel.
pub(crate) struct Strips<'a> {
    /// Name of each (`name`, or `name.1` …), and the index of the song's track it comes from.
    pub all: Vec<(&'a str, usize)>,
}

impl Overrides {
    /// Sentences for the user: levels above `max_gain_db` (dB), which is used in their place.
    pub fn notices(&self, max_gain_db: f64) -> Vec<String> {
        let above = self
            .gains
            .iter()
            .filter(|(_, level)| level.is_above(max_gain_db));
        above
            .map(|(track, level)| {
                format!("track `{track}`: {level} is above the ceiling, {max_gain_db} dB is used (--max-gain-db)")
            })
            .collect()
    }

    /// Lays them over a song: buses over the song itself, the rest over `settings`, one per strip.
    /// Tracks that this song has not are passed over.
    ///
    /// # Errors
    /// [`SongError::Usage`]: a bus is to have another number of channels than the song file says, or one
    /// channel of a wide stem another bus than the rest.
    pub(crate) fn apply(
        &self,
        song: &mut Song,
        strips: &Strips<'_>,
        max_gain_db: f64,
        settings: &mut [TrackSetting],
    ) -> Result<(), SongError> {
        let names: Vec<String> = song.tracks.iter().map(|track| track.name.clone()).collect();
        let mut set = |track: &TrackRef, change: &dyn Fn(&mut TrackSetting)| {
            for at in strips.find(track, &names) {
                if let Some(setting) = settings.get_mut(at) {
                    change(setting);
                }
            }
        };
        for (track, level) in &self.gains {
            set(track, &|s| s.gain = level.gain(max_gain_db));
        }
        for (track, pan) in &self.pans {
            set(track, &|s| s.pan = *pan);
        }
        for track in &self.mutes {
            set(track, &|s| s.mute = true);
        }
        for track in &self.solos {
            set(track, &|s| s.solo = true);
        }
        for (track, bus) in &self.buses {
            let found = strips.find(track, &names);
            let Some((name, of)) = found.first().and_then(|at| strips.all.get(*at)) else {
                continue;
            };
            let whole = strips.all.iter().filter(|(_, t)| t == of).count();
            if found.len() < whole {
                let stem = names.get(*of).map_or("", String::as_str);
                return Err(SongError::Usage(format!(
                    "track `{name}` is a channel of `{stem}` and stays with the others: --bus {stem}={bus} moves all of them"
                )));
            }
            song.tracks[*of].bus = Some(bus.clone());
        }
        for (name, outputs) in &self.outs {
            route(song, name, outputs)?;
        }
        Ok(())
    }

    /// Whether every track that is named is in one of the songs (title, names of its tracks, strips).
    ///
    /// # Errors
    /// [`SongError::Usage`] with the tracks there are.
    pub(crate) fn check(&self, songs: &[(&Song, Strips<'_>)]) -> Result<(), SongError> {
        for track in self.tracks() {
            let known = songs.iter().any(|(song, strips)| {
                let names: Vec<String> = song.tracks.iter().map(|t| t.name.clone()).collect();
                !strips.find(track, &names).is_empty()
            });
            if !known {
                return Err(SongError::Usage(unknown_track(songs, track)));
            }
        }
        Ok(())
    }

    fn tracks(&self) -> impl Iterator<Item = &TrackRef> {
        let gains = self.gains.iter().map(|(track, _)| track);
        let pans = self.pans.iter().map(|(track, _)| track);
        let buses = self.buses.iter().map(|(track, _)| track);
        gains
            .chain(pans)
            .chain(buses)
            .chain(&self.mutes)
            .chain(&self.solos)
    }
}

impl Strips<'_> {
    /// The strips that are meant. A wide stem's own name means all of its channels.
    pub(crate) fn find(&self, track: &TrackRef, names: &[String]) -> Vec<usize> {
        let all = || self.all.iter().enumerate();
        match track {
            TrackRef::Number(number) => number
                .checked_sub(1)
                .filter(|at| *at < self.all.len())
                .into_iter()
                .collect(),
            TrackRef::Name(name) => match names.iter().position(|n| n == name) {
                Some(stem) => all()
                    .filter_map(|(at, (_, of))| (*of == stem).then_some(at))
                    .collect(),
                None => all()
                    .filter_map(|(at, (n, _))| (n == name).then_some(at))
                    .collect(),
            },
        }
    }
}

fn route(song: &mut Song, name: &str, outputs: &[u16]) -> Result<(), SongError> {
    let at = match song.buses.iter().position(|bus| bus.name == name) {
        Some(at) => at,
        None => {
            song.buses.push(Bus::named(name));
            song.buses.len() - 1
        }
    };
    let bus = &mut song.buses[at];
    let declared = if bus.jack.is_empty() {
        bus.outputs.len()
    } else {
        bus.jack.len()
    };
    if declared != 0 && declared != outputs.len() {
        return Err(SongError::Usage(format!(
            "--out gives bus `{name}` {} of the device's channels, but in song `{}` it has {declared}",
            outputs.len(),
            song.title
        )));
    }
    bus.outputs = outputs.to_vec();
    Ok(())
}

/// The sentence for a track that none of the songs has.
pub(crate) fn unknown_track(songs: &[(&Song, Strips<'_>)], track: &TrackRef) -> String {
    let [(song, strips)] = songs else {
        return format!("no song has a track `{track}`");
    };
    let names: Vec<String> = (strips.all.iter())
        .map(|(name, _)| TrackRef::Name((*name).to_owned()).to_string())
        .collect();
    match track {
        TrackRef::Number(number) => {
            format!(
                "there is no track {number}: `{}` has {} ({})",
                song.title,
                names.len(),
                names.join(", ")
            )
        }
        TrackRef::Name(name) => format!(
            "there is no track `{name}` in `{}`, which has {}",
            song.title,
            names.join(", ")
        ),
    }
}
