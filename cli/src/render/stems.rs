//! Stems of a rendering: which track goes to which file, and to which output planes.

use engine_core::bus::NO_OUT;

use crate::player::PlayerError;
use crate::player::loaded::Loaded;

/// Longest file name, bytes, without its extension: file systems take 255 in all.
const MAX_NAME: usize = 200;

/// A file with one track of every song that has such a track, as long as the whole rendering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StemFile {
    /// The track's name.
    pub track: String,
    /// The file's, unique among them also where capitals don't count.
    pub file: String,
    /// Its channels.
    pub channels: usize,
    /// The first of its planes among those of all stems.
    pub(super) first: usize,
}

/// The stems of a session.
#[derive(Clone, Debug, Default)]
pub(super) struct Stems {
    pub files: Vec<StemFile>,
    pub planes: usize,
}

impl Stems {
    /// All tracks of all songs, those of the same name and width in one file; with `only`, the
    /// tracks that feed this bus.
    pub fn of(songs: &[Loaded], only: Option<&str>) -> Self {
        let mut stems = Self::default();
        for song in songs {
            for (track, spec) in song.song.tracks.iter().zip(&song.specs) {
                if only.is_some_and(|only| track.bus_name() != only)
                    || stems.find(&track.name, spec.channels).is_some()
                {
                    continue;
                }
                let file = file_name(&track.name, &stems.files);
                stems.files.push(StemFile {
                    track: track.name.clone(),
                    file,
                    channels: spec.channels,
                    first: stems.planes,
                });
                stems.planes += spec.channels;
            }
        }
        stems
    }

    fn find(&self, track: &str, channels: usize) -> Option<&StemFile> {
        self.files
            .iter()
            .find(|f| f.track == track && f.channels == channels)
    }

    /// Output planes of the direct outs of a song's strips, the first stem's first plane being
    /// number `from`.
    pub fn directs(&self, song: &Loaded, from: u16) -> Result<Vec<[u16; 2]>, PlayerError> {
        let too_many =
            || PlayerError::Song("the songs have too many different tracks for one folder".into());
        song.strips
            .iter()
            .map(|strip| {
                let track = &song.song.tracks[strip.track];
                let channels = song.specs[strip.track].channels;
                let Some(file) = self.find(&track.name, channels) else {
                    return Ok([NO_OUT; 2]);
                };
                let plane = usize::from(from) + file.first + strip.first;
                let plane = u16::try_from(plane)
                    .ok()
                    .filter(|p| *p < NO_OUT - 1)
                    .ok_or_else(too_many)?;
                Ok(match strip.channels {
                    2 => [plane, plane + 1],
                    _ => [plane, NO_OUT],
                })
            })
            .collect()
    }
}

/// A file name for a track: nothing in it leads to another folder, hides the file or upsets a
/// shell or another system's disk.
fn file_name(track: &str, taken: &[StemFile]) -> String {
    let mut base: String = track
        .chars()
        .map(|c| match c {
            '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '_',
            c if c.is_control() => '_',
            c => c,
        })
        .collect();
    if base.starts_with(['.', '-']) {
        base.insert(0, '_');
    }
    let mut end = base.len().min(MAX_NAME);
    while !base.is_char_boundary(end) {
        end -= 1;
    }
    base.truncate(end);
    let base = base.trim();
    let base = if base.is_empty() { "track" } else { base };
    let mut name = format!("{base}.wav");
    let mut n = 2;
    while taken
        .iter()
        .any(|f| f.file.to_lowercase() == name.to_lowercase())
    {
        name = format!("{base}-{n}.wav");
        n += 1;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(tracks: &[&str]) -> Vec<String> {
        let mut files: Vec<StemFile> = Vec::new();
        for track in tracks {
            let file = file_name(track, &files);
            files.push(StemFile {
                track: (*track).to_owned(),
                file,
                channels: 1,
                first: 0,
            });
        }
        files.into_iter().map(|f| f.file).collect()
    }

    #[test]
    fn names_stay_in_the_folder_and_apart() {
        assert_eq!(
            names(&[
                "Bass", "bass", "../x", "a/b", "", ".", "-n", "a\nb", "Flöte 1"
            ]),
            [
                "Bass.wav",
                "bass-2.wav",
                "_.._x.wav",
                "a_b.wav",
                "track.wav",
                "_..wav",
                "_-n.wav",
                "a_b-2.wav",
                "Flöte 1.wav"
            ]
        );
    }

    #[test]
    fn a_long_name_is_cut_between_letters() {
        let long = "ö".repeat(300);
        let [name] = &names(&[&long])[..] else {
            panic!()
        };
        assert_eq!(name.len(), 204);
        let pair = names(&[&long, &long]);
        assert!(pair[1].ends_with("ö-2.wav") && pair[1].len() < 255);
    }
}
