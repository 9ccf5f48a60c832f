//! A song as it is kept in a session: a song file, and links to its audio.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Component, Path};

use crate::atomic::write_atomically;
use crate::player::SongMixer;
use crate::save::whole;

/// Writes a song, its mixer as it stands, into the folder `home`, with links to audio that isn't in it.
/// Returns the names its tracks have there: they are those of the song, cut to what a song file
/// takes.
///
/// # Errors
/// The folder can't be written.
pub(super) fn write_song(home: &Path, song: &SongMixer) -> io::Result<Vec<String>> {
    fs::create_dir_all(home)?;
    let head = "Written by backline when its session was saved.";
    let (text, names) = whole(song, head, &mut |file| link(home, file))?;
    write_atomically(&home.join("song.toml"), text.as_bytes(), true)?;
    Ok(names)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What a song file says of bars, the click, time code and the next song is there again, also after a second time.
    #[test]
    fn what_is_made_and_how_it_goes_on_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.wav", "beat.wav", "verse.wav"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let text = "version = 1\ncrossfade = 2.5\n[[tracks]]\nfile = 'a.wav'\noffset = 1.25\n[[sections]]\nname = 'verse'\nstart = 3\n\
            [[tempo]]\nat = 0.5\nbpm = 137.3\nmeter = '3/4'\n[[tempo]]\nat = 60\nbpm = 90\n\
            [click]\naccents = [1, 3]\ncount_in = 2\nname = 'tick'\nsubdivision = 3\nbeat_file = 'beat.wav'\n\
            [cue]\npan = -0.5\n[[cue.sounds]]\nfile = 'verse.wav'\nat = '@verse'\nbefore_bars = 2\n[[cue.sounds]]\nfile = 'verse.wav'\nat = 9\nbefore = 1.5\n[ltc]\nfps = '29.97df'\nstart = '10:00:00:00'\nbus = 'code'\n";
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
}
