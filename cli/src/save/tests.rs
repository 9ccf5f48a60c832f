use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use engine_core::controls::TrackSetting;

use super::*;
use crate::config::MonitorLevel;
use crate::player::Strip;
use crate::song::{Document, Song};
use crate::units::{exact_db, gain_from_db};

/// The song of a text, as it would be loaded from `path`.
fn read(path: &Path, text: &str) -> Song {
    match parse(path, text, 12.0).unwrap() {
        Document::Song { mut song, .. } => {
            song.source = Some(SongFile {
                path: path.to_owned(),
                text: text.into(),
            });
            song
        }
        other => panic!("{other:?}"),
    }
}

/// Its mixer, as the file says.
fn mixer(song: Song) -> SongMixer {
    let tracks = song.tracks.iter().enumerate();
    let strips = tracks.map(|(track, t)| Strip {
        name: t.name.clone(),
        track,
        setting: TrackSetting {
            gain: t.gain,
            pan: t.pan,
            mute: t.mute,
            solo: t.solo,
        },
    });
    let mut levels: Vec<(String, f32)> = song
        .buses
        .iter()
        .map(|b| (b.name.clone(), b.level))
        .collect();
    for track in &song.tracks {
        if !levels.iter().any(|(name, _)| name == track.bus_name()) {
            levels.push((track.bus_name().to_owned(), 1.0));
        }
    }
    SongMixer {
        strips: strips.collect(),
        levels,
        song: Arc::new(song),
    }
}

const TEXT: &str = r#"# The show of Friday.
version = 1   # always
title = "Blue"

[[tracks]]
# She likes it loud.
pan = -0.30     # left
file = "a.wav"
gain_db = -3.50 # careful

[[tracks]]
file = "b.wav"

# Where the click goes.
[[buses]]
level_db = 0
name = "click"

[[tempo]]
bpm = 120

[click]
bus = "click" # not main

[cue]
sounds = [{ file = "go.wav", at = 1 }] # spoken

[ltc]
fps = 25
# The end.
"#;

fn home() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("song.toml");
    fs::write(&path, TEXT).unwrap();
    (folder, path)
}

#[test]
fn what_differs_is_written_and_all_else_stays_to_the_letter() {
    let (folder, path) = home();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let mut song = mixer(read(&path, TEXT));
    // Nothing was changed: nothing is.
    assert_eq!(&*write_back(&song, 12.0).unwrap().text, TEXT);
    song.strips[0].setting.gain = gain_from_db(-6.0);
    song.strips[1].setting = TrackSetting {
        gain: 0.0,
        pan: 0.25,
        mute: true,
        solo: true,
    };
    song.strips[2].setting.gain = gain_from_db(-12.0);
    song.strips[3].setting.gain = gain_from_db(2.0);
    song.strips[4].setting.mute = true;
    song.levels
        .iter_mut()
        .find(|(n, _)| n == "click")
        .unwrap()
        .1 = gain_from_db(3.0);
    song.levels.iter_mut().find(|(n, _)| n == "main").unwrap().1 = gain_from_db(-1.0);
    let saved = write_back(&song, 12.0).unwrap();
    let wanted = TEXT
        .replace("gain_db = -3.50 #", "gain_db = -6.0 #")
        .replace(
            "file = \"b.wav\"\n",
            "file = \"b.wav\"\ngain_db = -inf\npan = 0.25\nmute = true\nsolo = true\n",
        )
        .replace("level_db = 0\n", "level_db = 3.0\n")
        .replace(
            "name = \"click\"\n",
            "name = \"click\"\n\n[[buses]]\nname = \"main\"\nlevel_db = -1.0\n",
        )
        .replace("# not main\n", "# not main\ngain_db = -12.0\n")
        .replace("# spoken\n", "# spoken\ngain_db = 2.0\n")
        .replace("fps = 25\n", "fps = 25\nmute = true\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), wanted);
    assert_eq!(&*saved.text, wanted);
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o640
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    // What was there before is the one that isn't on the disk any more.
    let refusal = write_back(&song, 12.0).unwrap_err();
    assert_eq!(refusal.code, ErrorCode::FileChanged);
    Arc::make_mut(&mut song.song).source = Some(saved.clone());
    assert_eq!(write_back(&song, 12.0).unwrap(), saved);
}

#[test]
fn lists_in_brackets_and_lines_of_windows_stay_what_they_are() {
    let (_folder, path) = home();
    let text = "version = 1\r\ntracks = [\r\n  { file = \"a.wav\" }, # one\r\n  { file = \"b.wav\", gain_db = 1 },\r\n]\r\nbuses = [{ name = \"main\" }]\r\n";
    fs::write(&path, text).unwrap();
    let mut song = mixer(read(&path, text));
    song.strips[0].setting.mute = true;
    song.strips[1].setting.gain = 1.0;
    song.levels[0].1 = 0.5;
    let wanted = text
        .replace("\"a.wav\" }", "\"a.wav\", mute = true }")
        .replace("gain_db = 1 ", "gain_db = 0.0 ")
        .replace("\"main\" }", "\"main\", level_db = -6.0206 }");
    let level = exact_db(0.5).to_string();
    let wanted = wanted.replace("-6.0206", &level);
    assert_eq!(&*write_back(&song, 12.0).unwrap().text, wanted);
}

#[test]
fn a_link_stays_one_and_what_cannot_be_written_is_as_it_was() {
    let (folder, path) = home();
    let real = folder.path().join("real.toml");
    fs::rename(&path, &real).unwrap();
    std::os::unix::fs::symlink("real.toml", &path).unwrap();
    let mut song = mixer(read(&path, TEXT));
    song.strips[0].setting.mute = true;
    write_back(&song, 12.0).unwrap();
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    let text = fs::read_to_string(&real).unwrap();
    assert!(text.contains("mute = true"), "{text}");
    // Changed by somebody else, gone, and not a text any more.
    for change in ["# mine\n", "\0"] {
        fs::write(&real, format!("{TEXT}{change}")).unwrap();
        let refusal = write_back(&song, 12.0).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::FileChanged, "{refusal}");
        assert_eq!(
            fs::read_to_string(&real).unwrap(),
            format!("{TEXT}{change}")
        );
    }
    fs::remove_file(&real).unwrap();
    let refusal = write_back(&song, 12.0).unwrap_err();
    assert_eq!(refusal.code, ErrorCode::NotWritten, "{refusal}");
}

#[test]
fn channels_of_a_wide_stem_must_agree() {
    let (_folder, path) = home();
    let mut song = mixer(read(&path, TEXT));
    let mut second = song.strips[0].clone();
    second.setting.mute = true;
    song.strips.push(second);
    let refusal = write_back(&song, 12.0).unwrap_err();
    assert_eq!(refusal.code, ErrorCode::NotWritten);
    assert_eq!(fs::read_to_string(&path).unwrap(), TEXT);
}

#[test]
fn a_folder_of_stems_gets_a_song_file_that_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let stems = folder.path().join("stems");
    fs::create_dir(&stems).unwrap();
    for name in ["drums.wav", "click.wav"] {
        fs::write(stems.join(name), "").unwrap();
    }
    let setlist = crate::song::load(&crate::song::Request {
        inputs: std::slice::from_ref(&stems),
        sequence: false,
        on_end: None,
        max_gain_db: 12.0,
    });
    let mut song = mixer(setlist.unwrap().songs.remove(0));
    song.strips[1].setting.gain = gain_from_db(-7.5);
    let refusal = write_back(&song, 12.0).unwrap_err();
    assert_eq!(refusal.code, ErrorCode::NoFile);
    let path = stems.join("song.toml");
    let said = format!(
        "`stems` was read from no song file; `save FILE` writes one, such as {}",
        path.display()
    );
    assert_eq!(refusal.message, said);
    assert_eq!(
        write_new(&song, &stems.join("song"), 12.0)
            .unwrap_err()
            .code,
        ErrorCode::BadValue
    );
    let file = write_new(&song, &path, 12.0).unwrap();
    let again = read(&path, &file.text);
    assert_eq!(again.title, "stems");
    let of = |song: &Song| -> Vec<(String, PathBuf, String)> {
        let tracks = song.tracks.iter();
        let all = tracks.map(|t| (t.name.clone(), t.file.clone(), t.bus_name().to_owned()));
        all.collect()
    };
    assert_eq!(of(&again), of(&song.song));
    assert!(file.text.contains("file = \"drums.wav\""), "{}", file.text);
    assert_eq!(again.tracks[1].gain, gain_from_db(-7.5));
    // It is there now, and is not written over by another song.
    let refusal = write_new(&song, &path, 12.0).unwrap_err();
    assert_eq!(refusal.code, ErrorCode::BadValue, "{refusal}");
    // From another folder.
    let file = write_new(&song, &folder.path().join("b.toml"), 12.0).unwrap();
    assert!(
        file.text.contains("file = \"stems/drums.wav\""),
        "{}",
        file.text
    );
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("c.toml");
    let file = write_new(&song, &path, 12.0).unwrap();
    assert_eq!(of(&read(&path, &file.text)), of(&song.song));
    let nowhere = elsewhere.path().join("none/c.toml");
    let refusal = write_new(&song, &nowhere, 12.0).unwrap_err();
    assert_eq!(refusal.code, ErrorCode::NotWritten, "{refusal}");
}

#[test]
fn the_monitors_level_is_written_where_it_stands() {
    let path = Path::new("config.toml");
    let of = |text: &str, level| config::edited(path, text, level).unwrap();
    assert_eq!(
        of("", MonitorLevel::Full),
        "[monitoring]\nlevel = \"full\"\n"
    );
    assert_eq!(
        of("# mine\nrate = 48000 # Hz\n", MonitorLevel::Sampled),
        "# mine\nrate = 48000 # Hz\n\n[monitoring]\nlevel = \"sampled\"\n"
    );
    assert_eq!(
        of(
            "[monitoring]\nlevel = \"off\" # quiet\n[controller]\n",
            MonitorLevel::Full
        ),
        "[monitoring]\nlevel = \"full\" # quiet\n[controller]\n"
    );
    let older = "[monitoring]\nenable_latency_monitor = true # yes\n";
    assert_eq!(of(older, MonitorLevel::Full), older);
    assert_eq!(of(older, MonitorLevel::Off), older.replace("true", "false"));
    assert_eq!(
        of(older, MonitorLevel::Sampled),
        older.replace("true", "false") + "level = \"sampled\"\n"
    );
    let broken = config::edited(path, "rate = 1\n", MonitorLevel::Full).unwrap_err();
    assert_eq!(broken.code, ErrorCode::NotWritten);
}
