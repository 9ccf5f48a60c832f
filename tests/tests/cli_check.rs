//! `backline check`: what is the matter with songs is found before anybody plays them, and the exit code says so.

use std::fs;

use backline_tests::program::Home;
use backline_tests::stems::write_f32_wav;
use serde_json::Value;

const RATE: u32 = 48_000;

fn wav(home: &Home, name: &str, rate: u32, level: f32, seconds: f32) {
    let path = home.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let frames = (seconds * rate as f32) as usize;
    write_f32_wav(&path, rate, &[vec![level; frames]]);
}

fn song(home: &Home, folder: &str, more: &str) {
    fs::create_dir_all(home.path().join(folder)).unwrap();
    let mut text = String::from("version = 1\n");
    for name in ["drums", "bass", "keys"] {
        text += &format!("[[tracks]]\nfile = '{name}.wav'\n");
    }
    fs::write(home.path().join(folder).join("song.toml"), text + more).unwrap();
}

/// Findings that aren't fine, as (check, level, message), and the exit code.
fn check(home: &Home, args: &str) -> (Vec<(String, String, String)>, Option<i32>) {
    let outcome = home.run(&format!("check --json {args}"));
    let report: Value = serde_json::from_str(&outcome.out.join("\n")).unwrap();
    let word = |f: &Value, key: &str| f[key].as_str().unwrap().to_owned();
    let bad = report["findings"].as_array().unwrap().iter();
    let bad = bad.filter(|f| f["level"] != "ok");
    let bad = bad.map(|f| {
        assert!(f["advice"].is_string(), "{f}");
        (word(f, "check"), word(f, "level"), word(f, "message"))
    });
    (bad.collect(), outcome.code)
}

#[test]
fn a_good_song_is_good() {
    let home = Home::new();
    song(&home, "good", "");
    for name in ["drums", "bass", "keys"] {
        wav(&home, &format!("good/{name}.wav"), RATE, 0.25, 2.0);
    }
    assert_eq!(check(&home, "--strict good"), (vec![], Some(0)));
    let outcome = home.run("check good");
    let text = outcome.out.join("\n");
    assert!(
        text.contains("`good`: 3 tracks, 0:02.0 long, 48000 Hz, peak -2.5 dB"),
        "{text}"
    );
    assert!(text.contains("no failures, no warnings."), "{text}");
}

#[test]
fn everything_that_is_the_matter_is_told_at_once() {
    let home = Home::new();
    let more = "[[sections]]\nname = 'coda'\nstart = 5\n[[tempo]]\nbpm = 90\n[[tempo]]\nat = 9\nbpm = 95\n";
    song(&home, "odd", more);
    wav(&home, "odd/drums.wav", RATE, 0.9, 2.0);
    wav(&home, "odd/bass.wav", RATE, 0.6, 2.0);
    wav(&home, "odd/keys.wav", 44_100, 0.0, 2.0);
    let (found, code) = check(&home, "odd");
    assert_eq!(code, Some(0), "{found:?}");
    let kinds: Vec<&str> = found.iter().map(|(kind, ..)| kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["rates", "sections", "tempo", "sound", "clipping"],
        "{found:#?}"
    );
    assert!(found[3].2.contains("track `keys` is silent"), "{found:#?}");
    assert!(
        found[4].2.contains("up to 3.5 dB above full scale"),
        "{found:#?}"
    );
    assert!(found.iter().all(|(_, level, _)| level == "warning"));
    assert_eq!(check(&home, "--strict odd").1, Some(1));
    // The sound of it isn't looked at.
    let quick = check(&home, "--quick odd").0;
    assert_eq!(quick.len(), 3, "{quick:#?}");
}

#[test]
fn a_setlist_is_looked_through_to_its_end() {
    let home = Home::new();
    for folder in ["one", "three"] {
        song(&home, folder, "");
        for name in ["drums", "bass", "keys"] {
            wav(&home, &format!("{folder}/{name}.wav"), RATE, 0.25, 1.0);
        }
    }
    song(&home, "two", "");
    wav(&home, "two/drums.wav", RATE, 0.25, 1.0);
    // Broken off in the middle.
    let path = home.path().join("three/keys.wav");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let list = "version = 1\n[[songs]]\nfile = 'one'\n[[songs]]\nfile = 'two'\n[[songs]]\nfile = 'missing'\n[[songs]]\nfile = 'three'\n";
    fs::write(home.path().join("list.toml"), list).unwrap();
    let (found, code) = check(&home, "list.toml");
    assert_eq!(code, Some(1), "{found:#?}");
    let failures: Vec<&str> = found
        .iter()
        .filter(|(_, level, _)| level == "failure")
        .map(|(.., message)| message.as_str())
        .collect();
    assert_eq!(failures.len(), 3, "{found:#?}");
    assert!(failures[0].contains("two/bass.wav"), "{failures:#?}");
    assert!(failures[1].contains("missing"), "{failures:#?}");
    assert!(
        failures[2].contains("`three`") && failures[2].contains("`keys`"),
        "{failures:#?}"
    );
}

#[test]
fn a_lone_stem_that_is_shorter_than_all_others_is_told() {
    let home = Home::new();
    song(&home, "short", "[[tracks]]\nfile = 'lead.wav'\n");
    for name in ["drums", "bass", "lead"] {
        wav(&home, &format!("short/{name}.wav"), RATE, 0.1, 4.0);
    }
    wav(&home, "short/keys.wav", RATE, 0.1, 2.0);
    let (found, code) = check(&home, "short");
    assert_eq!(code, Some(0));
    let [(kind, _, message)] = &found[..] else {
        panic!("{found:#?}");
    };
    assert_eq!(kind, "lengths");
    assert_eq!(
        message,
        "`short`: most stems end at 0:04.0, `keys` at 0:02.0"
    );
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    let home = Home::new();
    assert_eq!(home.run("check").code, Some(64));
    let outcome = home.run("check nowhere.toml --json");
    assert_eq!(outcome.code, Some(1), "{}", outcome.err);
}
