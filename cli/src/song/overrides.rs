//! Mixer settings of the command line, laid over the songs.

use super::{Bus, Setlist, Song, SongError};
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

impl Overrides {
    /// Lays them over every song. Levels above `max_gain_db` (dB) are clamped; the returned notices
    /// (one sentence each, for the user) say so.
    ///
    /// # Errors
    /// [`SongError::Usage`]: no song has a track that is named, or a bus is to have another number
    /// of channels than its song file says.
    pub fn apply(&self, setlist: &mut Setlist, max_gain_db: f64) -> Result<Vec<String>, SongError> {
        for track in self.tracks() {
            if !setlist.songs.iter().any(|song| find(song, track).is_some()) {
                return Err(SongError::Usage(unknown_track(setlist, track)));
            }
        }
        for song in &mut setlist.songs {
            self.apply_to(song, max_gain_db)?;
        }
        let above = self
            .gains
            .iter()
            .filter(|(_, level)| level.is_above(max_gain_db));
        Ok(above
            .map(|(track, level)| {
                format!("track `{track}`: {level} is above the ceiling, {max_gain_db} dB is used (--max-gain-db)")
            })
            .collect())
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

    fn apply_to(&self, song: &mut Song, max_gain_db: f64) -> Result<(), SongError> {
        for (track, level) in &self.gains {
            if let Some(at) = find(song, track) {
                song.tracks[at].gain = level.gain(max_gain_db);
            }
        }
        for (track, pan) in &self.pans {
            if let Some(at) = find(song, track) {
                song.tracks[at].pan = *pan;
            }
        }
        for track in &self.mutes {
            if let Some(at) = find(song, track) {
                song.tracks[at].mute = true;
            }
        }
        for track in &self.solos {
            if let Some(at) = find(song, track) {
                song.tracks[at].solo = true;
            }
        }
        for (track, bus) in &self.buses {
            if let Some(at) = find(song, track) {
                song.tracks[at].bus = Some(bus.clone());
            }
        }
        for (name, outputs) in &self.outs {
            route(song, name, outputs)?;
        }
        Ok(())
    }
}

fn find(song: &Song, track: &TrackRef) -> Option<usize> {
    match track {
        TrackRef::Number(number) => number.checked_sub(1).filter(|at| *at < song.tracks.len()),
        TrackRef::Name(name) => song.tracks.iter().position(|track| track.name == *name),
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

fn unknown_track(setlist: &Setlist, track: &TrackRef) -> String {
    let [song] = setlist.songs.as_slice() else {
        return format!("no song has a track `{track}`");
    };
    let names: Vec<String> = (song.tracks.iter())
        .map(|track| TrackRef::Name(track.name.clone()).to_string())
        .collect();
    match track {
        TrackRef::Number(number) => {
            let count = song.tracks.len();
            format!(
                "there is no track {number}: `{}` has {count} ({})",
                song.title,
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
