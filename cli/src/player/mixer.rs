//! Every song's mixer as it stands: what a session keeps.

use std::sync::Arc;

use engine_core::controls::TrackSetting;

use super::controller::Controller;
use super::loaded::Loaded;
use crate::song::Song;

/// The mixer of a player, of all its songs.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixer {
    /// One for each song of the setlist.
    pub songs: Vec<SongMixer>,
    /// Master level, linear.
    pub master: f32,
    /// Index of the song in play.
    pub song: usize,
    /// It loops, from and to this time (ns from its start).
    pub looping: Option<(u64, u64)>,
}

/// The mixer of one song.
#[derive(Clone, Debug, PartialEq)]
pub struct SongMixer {
    /// The song as it was loaded, flags of the command line included.
    pub song: Arc<Song>,
    /// In order: one for each track, or each channel of a track of more than two.
    pub strips: Vec<Strip>,
    /// Names and linear levels of its buses.
    pub levels: Vec<(String, f32)>,
}

/// A strip of a mixer.
#[derive(Clone, Debug, PartialEq)]
pub struct Strip {
    /// The track's name, or `name.1` … of a track of more than two channels.
    pub name: String,
    /// Index of its track in the song.
    pub track: usize,
    /// How it is set.
    pub setting: TrackSetting,
}

impl Mixer {
    /// Whether the other is set the same, whatever song is in play. Loops count where both play
    /// the same song.
    pub fn sounds_like(&self, other: &Self) -> bool {
        let loops = self.song != other.song || self.looping == other.looping;
        loops && self.master == other.master && self.songs == other.songs
    }
}

impl Controller {
    pub(super) fn mixer(&self) -> Mixer {
        const SECOND: u128 = 1_000_000_000;
        let rate = u128::from(self.device.0.max(1));
        let nanos = |frames: u64| {
            // Rounded; a frame is far longer than 1 ns, so that the way back is exact.
            u64::try_from((u128::from(frames) * SECOND + rate / 2) / rate).unwrap_or(u64::MAX)
        };
        Mixer {
            songs: self
                .songs
                .iter()
                .map(|song| self.song_mixer(song))
                .collect(),
            master: self.master,
            song: self.song,
            looping: self.looping.map(|l| (nanos(l.a), nanos(l.b))),
        }
    }

    /// The mixer of one of the songs.
    pub(super) fn song_mixer(&self, song: &Loaded) -> SongMixer {
        SongMixer {
            song: song.song.clone(),
            strips: (song.strips.iter().enumerate())
                .map(|(i, strip)| Strip {
                    name: strip.name.clone(),
                    track: strip.track,
                    setting: song.controls.track(i),
                })
                .collect(),
            levels: (song.buses().iter())
                .filter_map(|bus| {
                    let at = self.layout.bus(&bus.name)?;
                    Some((bus.name.clone(), song.controls.level(at)))
                })
                .collect(),
        }
    }
}
