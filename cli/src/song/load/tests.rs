//! Inputs of every kind, on real folders.

use super::*;
use crate::exit::{Code, Failure};
use engine_core::controls::TrackSetting;

use crate::song::{Overrides, Strips, Time};
use tempfile::TempDir;

/// A folder with these files: a text that begins with `version` or is empty.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

fn try_load(root: &TempDir, inputs: &[&str], sequence: bool) -> Result<Setlist, Failure> {
    let inputs: Vec<PathBuf> = inputs
        .iter()
        .map(|input| {
            if *input == "-" {
                "-".into()
            } else {
                root.path().join(input)
            }
        })
        .collect();
    let request = Request {
        inputs: &inputs,
        sequence,
        on_end: None,
        max_gain_db: 12.0,
    };
    Ok(load(&request)?)
}

fn songs(root: &TempDir, inputs: &[&str]) -> Vec<Song> {
    try_load(root, inputs, false).unwrap().songs
}

/// Asserts code and sentence of a refusal; `~` in it stands for the folder.
fn refused(root: &TempDir, inputs: &[&str], code: Code, sentence: &str) {
    let sentence = sentence.replace('~', &root.path().display().to_string());
    assert_eq!(
        try_load(root, inputs, false).unwrap_err(),
        Failure::new(code, sentence)
    );
}

fn names(song: &Song) -> Vec<&str> {
    song.tracks
        .iter()
        .map(|track| track.name.as_str())
        .collect()
}

const SONG: &str = "version = 1\n[[tracks]]\nfile = 'a.wav'\n";

#[test]
fn a_folder_is_one_song_of_its_stems() {
    let root = folder(&[
        ("My Song/10 vox.wav", ""),
        ("My Song/2 drums.FLAC", ""),
        ("My Song/click.mp3", ""),
        ("My Song/notes.txt", ""),
        ("My Song/.hidden.wav", ""),
        ("My Song/._2 drums.flac", ""),
        ("My Song/old/bass.wav", ""),
    ]);
    fs::create_dir(root.path().join("My Song/folder.wav")).unwrap();
    let songs = songs(&root, &["My Song"]);
    assert_eq!(songs.len(), 1);
    let song = &songs[0];
    assert_eq!(song.title, "My Song");
    assert_eq!(names(song), ["2 drums", "10 vox", "click"]);
    assert_eq!(
        song.tracks[0].file,
        root.path().join("My Song/2 drums.FLAC")
    );
    let buses: Vec<&str> = song.tracks.iter().map(|track| track.bus_name()).collect();
    assert_eq!(buses, ["main", "main", "click"]);
    assert_eq!(song.on_end, OnEnd::Stop);
    assert_eq!((song.tracks[0].gain, song.tracks[0].pan), (1.0, 0.0));
    assert_eq!(song.tracks[0].offset, Time::Nanos(0));
}

#[test]
fn a_folder_without_audio_is_66() {
    let root = folder(&[
        ("empty/notes.txt", ""),
        ("empty/.a.wav", ""),
        ("empty/sub/a.wav", ""),
    ]);
    refused(
        &root,
        &["empty"],
        Code::NoInput,
        "~/empty: no playable audio in this folder (subfolders and hidden files are not looked at)",
    );
}

#[test]
fn a_folder_with_a_song_file_plays_that() {
    let root = folder(&[("x/song.toml", SONG), ("x/a.wav", ""), ("x/b.wav", "")]);
    assert_eq!(names(&songs(&root, &["x"])[0]), ["a"]);
    assert_eq!(songs(&root, &["x"]), songs(&root, &["x/song.toml"]));
}

#[test]
fn files_are_the_stems_of_one_song_in_their_order() {
    let root = folder(&[
        ("x/b.wav", ""),
        ("x/a.wav", ""),
        ("y/a.wav", ""),
        ("noise", ""),
    ]);
    let one = songs(&root, &["x/b.wav", "x/a.wav"]);
    assert_eq!((one.len(), one[0].title.as_str()), (1, "x"));
    assert_eq!(names(&one[0]), ["b", "a"]);
    assert_eq!(
        names(&songs(&root, &["x/a.wav", "y/a.wav", "-"])[0]),
        ["a", "a 2", "stdin"]
    );
    // A file that is named is tried, whatever it is called.
    assert_eq!(names(&songs(&root, &["noise"])[0]), ["noise"]);
    assert_eq!(songs(&root, &["-"])[0].title, "standard input");
}

#[test]
fn several_folders_or_song_files_are_a_setlist() {
    let root = folder(&[
        ("x/a.wav", ""),
        ("y/a.wav", ""),
        (
            "y/s.toml",
            &format!("version = 1\non_end = 'hold'\n{}", &SONG[12..]),
        ),
    ]);
    let set = songs(&root, &["y/s.toml", "x"]);
    let titles: Vec<&str> = set.iter().map(|song| song.title.as_str()).collect();
    assert_eq!(titles, ["s", "x"]);
    // What a song file says goes before "play through".
    assert_eq!((set[0].on_end, set[1].on_end), (OnEnd::Hold, OnEnd::Next));
}

#[test]
fn on_end_of_the_command_goes_before_all() {
    let root = folder(&[("x/a.wav", ""), ("y/a.wav", "")]);
    let inputs = [root.path().join("x"), root.path().join("y")];
    let request = Request {
        inputs: &inputs,
        sequence: false,
        on_end: Some(OnEnd::Loop),
        max_gain_db: 12.0,
    };
    assert!(
        load(&request)
            .unwrap()
            .songs
            .iter()
            .all(|song| song.on_end == OnEnd::Loop)
    );
}

#[test]
fn a_setlist_file_names_songs_of_every_kind() {
    let text = "version = 1\n[[songs]]\nfile = 'x'\non_end = 'loop'\n[[songs]]\nfile = 'y/s.toml'\n[[songs]]\nfile = 'x/a.wav'";
    let root = folder(&[
        ("set.toml", text),
        ("x/a.wav", ""),
        ("x/b.wav", ""),
        ("y/s.toml", SONG),
        ("y/a.wav", ""),
    ]);
    let set = songs(&root, &["set.toml"]);
    let seen: Vec<_> = set
        .iter()
        .map(|song| (song.title.as_str(), song.tracks.len(), song.on_end))
        .collect();
    assert_eq!(
        seen,
        [
            ("x", 2, OnEnd::Loop),
            ("s", 1, OnEnd::Stop),
            ("a", 1, OnEnd::Stop)
        ]
    );
    refused(
        &root,
        &["set.toml", "x"],
        Code::Usage,
        "~/set.toml is a setlist; it is played alone",
    );
}

#[test]
fn what_songs_and_setlists_name_must_be_there() {
    let root = folder(&[
        ("set.toml", "version = 1\n[[songs]]\nfile = 'gone'"),
        ("outer.toml", "version = 1\n[[songs]]\nfile = 'set.toml'"),
        ("x/song.toml", SONG),
        ("y/song.toml", "version = 1\n[[songs]]\nfile = 'a'"),
        ("z/song.toml", "version = 1\n[[tracks]]\nfile = '.'"),
        ("bad.toml", "version = 1\nx = 1"),
    ]);
    refused(
        &root,
        &["set.toml"],
        Code::NoInput,
        "~/set.toml: ~/gone: no such file or folder",
    );
    refused(
        &root,
        &["outer.toml"],
        Code::Data,
        "~/set.toml:1:1: this is a setlist, and the setlist ~/outer.toml can't hold another",
    );
    refused(
        &root,
        &["x"],
        Code::NoInput,
        "~/x/song.toml: ~/x/a.wav: no such file or folder",
    );
    refused(
        &root,
        &["y"],
        Code::Data,
        "~/y/song.toml:1:1: a folder's song.toml is a song; call a setlist otherwise and name that file",
    );
    refused(
        &root,
        &["z"],
        Code::NoInput,
        "~/z/song.toml: ~/z/.: a folder, where an audio file belongs",
    );
    refused(
        &root,
        &["gone.wav"],
        Code::NoInput,
        "~/gone.wav: no such file or folder",
    );
    refused(
        &root,
        &["bad.toml"],
        Code::Data,
        "~/bad.toml:2:1: unknown key `x`, expected one of `version`, `title`, `on_end`, `crossfade`, `after`, `tracks`, `buses`, `sections`, `tempo`, `click`, `cue`, `ltc`, `songs`, `idle`",
    );
}

#[test]
fn kinds_do_not_mix() {
    let root = folder(&[("x/a.wav", ""), ("y/song.toml", SONG), ("y/a.wav", "")]);
    let mixed = "audio files can't be mixed with folders or song files: give the stems of one song, or several songs";
    refused(&root, &["x", "x/a.wav"], Code::Usage, mixed);
    refused(&root, &["x/a.wav", "y/song.toml"], Code::Usage, mixed);
    refused(&root, &["-", "x"], Code::Usage, mixed);
    refused(
        &root,
        &["-", "-"],
        Code::Usage,
        "`-` (standard input) can be given only once",
    );
    refused(
        &root,
        &[],
        Code::Usage,
        "nothing to play: name audio files, a folder of stems, or a song file",
    );
}

#[test]
fn a_sequence_is_a_song_per_file() {
    let root = folder(&[
        ("x/10 guide.wav", ""),
        ("x/2 talk.wav", ""),
        ("x/n.txt", ""),
        ("y/song.toml", SONG),
        ("y/a.wav", ""),
    ]);
    let set = try_load(&root, &["x"], true).unwrap().songs;
    let seen: Vec<_> = set
        .iter()
        .map(|song| (song.title.as_str(), song.tracks[0].bus_name(), song.on_end))
        .collect();
    assert_eq!(
        seen,
        [
            ("2 talk", "main", OnEnd::Next),
            ("10 guide", "main", OnEnd::Next)
        ]
    );
    assert_eq!(
        try_load(&root, &["x/2 talk.wav", "y/a.wav"], true)
            .unwrap()
            .songs
            .len(),
        2
    );
    let sentence = |inputs: &[&str]| try_load(&root, inputs, true).unwrap_err();
    assert_eq!(
        sentence(&["y/song.toml"]),
        Failure::usage("--sequence takes audio files or folders of them, not song files")
    );
    assert_eq!(
        sentence(&["x", "y/a.wav"]),
        Failure::usage("--sequence takes audio files or folders of them, not both")
    );
    let y = root.path().join("y");
    let y = y.display();
    assert_eq!(
        sentence(&["y"]),
        Failure::usage(format!(
            "{y} holds a song.toml, so it is one song; play it without --sequence"
        ))
    );
}

#[test]
#[cfg(unix)]
fn links_and_special_files() {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    let root = folder(&[("x/a.wav", ""), ("links/b.wav", "")]);
    symlink(root.path().join("x/a.wav"), root.path().join("links/a.wav")).unwrap();
    assert_eq!(names(&songs(&root, &["links"])[0]), ["a", "b"]);
    let _socket = UnixListener::bind(root.path().join("socket.wav")).unwrap();
    refused(
        &root,
        &["socket.wav"],
        Code::NoInput,
        "~/socket.wav: not a regular file; a stream is given as `-`",
    );
    symlink("gone", root.path().join("links/c.wav")).unwrap();
    refused(
        &root,
        &["links"],
        Code::NoInput,
        "~/links/c.wav: no such file or folder",
    );
    symlink("gone", root.path().join("x/song.toml")).unwrap();
    refused(
        &root,
        &["x"],
        Code::NoInput,
        "~/x/song.toml: no such file or folder",
    );
}

/// The song, and the settings of its tracks: `a`, `2`, and the three channels of `w`.
fn overridden(overrides: &Overrides) -> Result<(Song, Vec<TrackSetting>), Failure> {
    let text = "version = 1\n[[tracks]]\nfile = 'a.wav'\n[[tracks]]\nfile = '2.wav'\n[[tracks]]\nfile = 'w.wav'\n[[buses]]\nname = 'main'\noutputs = [1, 2]";
    let root = folder(&[
        ("s.toml", text),
        ("a.wav", ""),
        ("2.wav", ""),
        ("w.wav", ""),
    ]);
    let mut song = try_load(&root, &["s.toml"], false)?.songs.remove(0);
    let strips = || Strips {
        all: vec![("a", 0), ("2", 1), ("w.1", 2), ("w.2", 2), ("w.3", 2)],
    };
    let mut settings = vec![TrackSetting::default(); 5];
    overrides.apply(&mut song, &strips(), 12.0, &mut settings)?;
    overrides.check(&[(&song, strips())])?;
    Ok((song, settings))
}

#[test]
fn overrides_of_the_command_line() {
    let a = || "a".parse().unwrap();
    let second = || "2".parse().unwrap();
    let overrides = Overrides {
        gains: vec![
            (a(), "x0.5".parse().unwrap()),
            (second(), "20".parse().unwrap()),
            ("name:2".parse().unwrap(), "-inf".parse().unwrap()),
        ],
        pans: vec![(second(), -1.0)],
        mutes: vec![a()],
        solos: vec![second()],
        buses: vec![(second(), "click".into())],
        outs: vec![("main".into(), vec![3, 4]), ("click".into(), vec![5])],
    };
    let (song, settings) = overridden(&overrides).unwrap();
    assert_eq!((settings[0].gain, settings[1].gain), (0.5, 0.0));
    assert_eq!((settings[0].mute, settings[1].mute), (true, false));
    assert_eq!((settings[0].solo, settings[1].solo), (false, true));
    assert_eq!(
        (settings[1].pan, song.tracks[1].bus_name()),
        (-1.0, "click")
    );
    assert_eq!(song.buses.len(), 2);
    assert_eq!(
        (&song.buses[0].outputs, song.buses[0].follow_master),
        (&vec![3, 4], true)
    );
    assert_eq!(
        (&song.buses[1].outputs, song.buses[1].follow_master),
        (&vec![5], false)
    );
    assert_eq!(
        overrides.notices(12.0),
        ["track `2`: 20 dB is above the ceiling, 12 dB is used (--max-gain-db)"]
    );
}

#[test]
fn the_channels_of_a_wide_stem_are_tracks() {
    let mutes = |tracks: &[&str]| {
        let (_, settings) = overridden(&Overrides {
            mutes: tracks.iter().map(|t| t.parse().unwrap()).collect(),
            ..Overrides::default()
        })
        .unwrap();
        settings.iter().map(|s| s.mute).collect::<Vec<_>>()
    };
    assert_eq!(mutes(&["w.2"]), [false, false, false, true, false]);
    assert_eq!(mutes(&["5"]), [false, false, false, false, true]);
    assert_eq!(mutes(&["w"]), [false, false, true, true, true]);
    let bus = |track: &str| {
        overridden(&Overrides {
            buses: vec![(track.parse().unwrap(), "cue".into())],
            ..Overrides::default()
        })
    };
    assert_eq!(bus("w").unwrap().0.tracks[2].bus_name(), "cue");
    assert_eq!(
        bus("w.3").unwrap_err(),
        Failure::usage(
            "track `w.3` is a channel of `w` and stays with the others: --bus w=cue moves all of them"
        )
    );
}

#[test]
fn overrides_of_what_is_not_there() {
    let mute = |track: &str| {
        overridden(&Overrides {
            mutes: vec![track.parse().unwrap()],
            ..Overrides::default()
        })
        .unwrap_err()
    };
    assert_eq!(
        mute("6"),
        Failure::usage("there is no track 6: `s` has 5 (a, name:2, w.1, w.2, w.3)")
    );
    assert_eq!(
        mute("A"),
        Failure::usage("there is no track `A` in `s`, which has a, name:2, w.1, w.2, w.3")
    );
    let out = overridden(&Overrides {
        outs: vec![("main".into(), vec![3])],
        ..Overrides::default()
    });
    assert_eq!(
        out.unwrap_err(),
        Failure::usage(
            "--out gives bus `main` 1 of the device's channels, but in song `s` it has 2"
        )
    );
}
