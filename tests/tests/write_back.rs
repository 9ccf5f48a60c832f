//! What was changed while it plays, written back: into the song's file, a new one, or the configuration.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use backline::control::Answer;
use backline::player::PlayerBuilder;
use backline::song::{Request, load};
use backline_tests::program::{Home, Running};
use backline_tests::session::SOON;
use backline_tests::stage::{CALL, Stage};
use backline_tests::stems::write_ramp;
use serde_json::Value;

const SONG: &str = "# Friday\nversion = 1\non_end = \"loop\"\n\n[[tracks]]\nfile = \"drums.wav\" # loud\n\n\
    [[tracks]]\nfile = \"vox.wav\"\ngain_db = -3 # softer\n";

fn show(home: &Home) {
    home.wav("show/drums.wav", 20_000);
    home.wav("show/vox.wav", 20_000);
}

fn playing(home: &Home, more: &str) -> Running {
    let play = "play show --backend null --status json --no-keys --on-end loop";
    let mut program = home.start(&format!("{play} {more}"));
    program.wait_until_playing();
    program
}

/// Asks by `ctl`; what it printed.
fn ctl(home: &Home, line: &str) -> String {
    let outcome = home.run(&format!("ctl {line}"));
    assert_eq!(outcome.code, Some(0), "{line}: {outcome:?}");
    outcome.text()
}

/// The same of what is refused.
fn refused(home: &Home, line: &str, code: i32, said: &str) {
    let outcome = home.run(&format!("ctl {line}"));
    assert_eq!(outcome.code, Some(code), "{line}: {outcome:?}");
    assert!(outcome.err.contains(said), "{line}: {outcome:?}");
}

fn text(home: &Home, name: &str) -> String {
    fs::read_to_string(home.path().join(name)).unwrap()
}

#[test]
fn the_mixer_goes_into_the_songs_file_and_nobody_elses_change_is_lost() {
    let home = Home::new();
    show(&home);
    let path = home.file("show/song.toml", SONG);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let _program = playing(&home, "--mute vox");
    ctl(&home, "gain drums -6.5");
    ctl(&home, "bus main -1");
    assert_eq!(ctl(&home, "save"), format!("saved in {}", path.display()));
    let wanted = SONG
        .replace("# loud\n", "# loud\ngain_db = -6.5\n")
        .replace("# softer\n", "# softer\nmute = true\n")
        + "\n[[buses]]\nname = \"main\"\nlevel_db = -1.0\n";
    assert_eq!(text(&home, "show/song.toml"), wanted);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Again, after a change more; the file of before is its own doing.
    ctl(&home, "mute vox off");
    ctl(&home, "save");
    let wanted = wanted.replace("mute = true", "mute = false");
    assert_eq!(text(&home, "show/song.toml"), wanted);
    // Somebody else's change counts for nothing while it plays, and isn't written over.
    let other = wanted.replace("-6.5", "-9");
    fs::write(&path, &other).unwrap();
    let status: Value = serde_json::from_str(&ctl(&home, "--json status")).unwrap();
    assert_eq!(status["ok"]["tracks"][0]["gain_db"], -6.5);
    refused(&home, "save", 65, "was changed since it was loaded");
    assert_eq!(text(&home, "show/song.toml"), other);
    // A copy can be made all the same, by a path from where `ctl` is.
    let copy = home.path().join("copy.toml");
    let said = format!("saved in {}", copy.display());
    assert_eq!(ctl(&home, "save copy.toml"), said);
    let copied = text(&home, "copy.toml");
    assert!(
        copied.contains("file = \"show/drums.wav\"\ngain_db = -6.5\n"),
        "{copied}"
    );
    refused(&home, "save copy.toml", 64, "is there already");
    refused(&home, "save copy", 64, "ends in .toml");
    // Loaded again, it counts, and is written to.
    ctl(&home, "load show");
    let status: Value = serde_json::from_str(&ctl(&home, "--json status")).unwrap();
    assert_eq!(status["ok"]["tracks"][0]["gain_db"], -9.0);
    assert_eq!(status["ok"]["state"], "playing");
    ctl(&home, "gain drums -7");
    ctl(&home, "save");
    assert_eq!(text(&home, "show/song.toml"), other.replace("-9", "-7.0"));
    let checked = home.run("check copy.toml --json");
    assert_eq!(checked.code, Some(0), "{checked:?}");
}

#[test]
fn a_folder_of_stems_gets_a_file_and_the_next_save_goes_there() {
    let home = Home::new();
    show(&home);
    let _program = playing(&home, "");
    let path = home.path().join("show/song.toml");
    refused(
        &home,
        "save",
        64,
        &format!("`save FILE` writes one, such as {}", path.display()),
    );
    ctl(&home, "pan vox -0.5");
    ctl(&home, "save show/song.toml");
    assert!(text(&home, "show/song.toml").contains("pan = -0.5\n"));
    ctl(&home, "pan vox 0.25");
    ctl(&home, "save");
    assert!(text(&home, "show/song.toml").contains("pan = 0.25\n"));
    ctl(&home, "pan vox 0");
    ctl(&home, "save show/song.toml");
    assert!(text(&home, "show/song.toml").contains("pan = 0.0\n"));
}

#[test]
fn what_cannot_be_written_says_so_and_plays_on() {
    let home = Home::new().powerless();
    show(&home);
    let path = home.file("show/song.toml", SONG);
    let config = home.file("config/backline/config.toml", "# mine\n");
    let program = playing(&home, "--config config/backline/config.toml");
    ctl(&home, "gain drums -6.5");
    let folders = [
        home.path().join("show"),
        home.path().join("config/backline"),
    ];
    let mode = |folder: u32, file: u32| {
        for one in &folders {
            fs::set_permissions(one, fs::Permissions::from_mode(folder)).unwrap();
        }
        for one in [&path, &config] {
            fs::set_permissions(one, fs::Permissions::from_mode(file)).unwrap();
        }
    };
    // A folder that takes nothing, and a file that may be read only.
    for (folder, file) in [(0o555, 0o644), (0o755, 0o444)] {
        mode(folder, file);
        let said = "show/song.toml: can't be written: Permission denied";
        refused(&home, "save", 74, said);
        let said = format!("{}: can't be written: Permission denied", config.display());
        refused(&home, "monitor full save", 74, &said);
        assert_eq!(text(&home, "show/song.toml"), SONG);
        assert_eq!(text(&home, "config/backline/config.toml"), "# mine\n");
    }
    mode(0o755, 0o644);
    ctl(&home, "save");
    assert!(text(&home, "show/song.toml").contains("gain_db = -6.5\n"));
    assert_eq!(fs::read_dir(home.path().join("show")).unwrap().count(), 3);
    program.signal(15);
    let outcome = program.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(outcome.summary()["starvations"], 0);
}

#[test]
fn the_monitors_level_is_kept_in_the_configuration_in_use() {
    let home = Home::new();
    show(&home);
    {
        let _program = playing(&home, "--config none");
        refused(&home, "monitor full save", 64, "no configuration file");
        refused(&home, "monitor full always", 64, "expected save or nothing");
    }
    home.file("mine.toml", "ring_ms = 500 # enough\n");
    let level = |home: &Home| -> Value {
        let status: Value = serde_json::from_str(&ctl(home, "--json status")).unwrap();
        status["ok"]["monitoring"].clone()
    };
    {
        let _program = playing(&home, "--config mine.toml --monitor off");
        assert_eq!(level(&home), "off");
        let path = home.path().join("mine.toml");
        let said = ctl(&home, "monitor sampled save");
        assert_eq!(said, format!("saved in {}", path.display()));
        assert_eq!(level(&home), "sampled");
        assert_eq!(
            text(&home, "mine.toml"),
            "ring_ms = 500 # enough\n\n[monitoring]\nlevel = \"sampled\"\n"
        );
        // Without the word it counts for this session.
        ctl(&home, "monitor full");
        assert_eq!(level(&home), "full");
    }
    let _program = playing(&home, "--config mine.toml");
    assert_eq!(level(&home), "sampled");
}

/// What was written is said to be, also where the session ends while it is being written.
#[test]
fn a_save_at_the_end_of_the_session_is_answered() {
    for _ in 0..10 {
        let dir = tempfile::tempdir().unwrap();
        write_ramp(dir.path(), "drums", 48_000, 96_000, 1.0);
        write_ramp(dir.path(), "vox", 48_000, 96_000, 1.0);
        let path = dir.path().join("song.toml");
        fs::write(&path, SONG).unwrap();
        let songs = load(&Request {
            inputs: std::slice::from_ref(&path),
            sequence: false,
            on_end: None,
            max_gain_db: 12.0,
        });
        let mut s = Stage::new(dir, 48_000, |output| {
            let player = PlayerBuilder::new(songs.unwrap()).output(output);
            player.poll(Duration::from_millis(10)).build().unwrap()
        });
        s.begin();
        s.steps(1_000);
        s.done("gain drums -6");
        let answers = s.order("save");
        s.player.quit();
        let limit = Instant::now() + SOON;
        while !s.player.is_over() {
            assert!(Instant::now() < limit, "never over");
            s.driver.step(CALL, Duration::from_millis(5));
        }
        let last = answers.iter().last();
        let text = fs::read_to_string(&path).unwrap();
        match last {
            Some(Answer::Saved { .. }) => assert!(text.contains("gain_db = -6.0"), "{text}"),
            // The end was heard of first.
            Some(Answer::Refused(_)) => assert_eq!(text, SONG),
            other => panic!("{other:?}"),
        }
    }
}
