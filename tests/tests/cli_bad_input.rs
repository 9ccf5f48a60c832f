//! What can't be played: one plain sentence, the right exit code, the same in the status stream.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use backline_tests::program::{Home, Outcome};

/// The only line of standard error, or the first of two where the second is a hint.
fn sentence(outcome: &Outcome) -> &str {
    let lines: Vec<&str> = outcome.err.lines().collect();
    assert!((1..=2).contains(&lines.len()), "{outcome:#?}");
    let sentence = lines[0].strip_prefix("backline: ").unwrap_or_else(|| {
        panic!("without the program's name: {outcome:#?}");
    });
    assert!(!sentence.is_empty(), "{outcome:#?}");
    assert!(!sentence.ends_with('.'), "{outcome:#?}");
    for jargon in ["panicked", "Error {", "Err(", "os error", "unwrap"] {
        assert!(!outcome.err.contains(jargon), "{jargon}: {outcome:#?}");
    }
    sentence
}

/// Plays `args`, which can't be: `code`, and every one of `says` in the sentence; the same in JSON.
fn refused(home: &Home, args: &str, code: i32, says: &[&str]) {
    let text = home.run(&format!("play {args}"));
    assert_eq!(text.code, Some(code), "{args}: {text:#?}");
    assert_eq!(text.out, Vec::<String>::new(), "{args}");
    let told = sentence(&text);
    for words in says {
        assert!(told.contains(words), "{args}: no `{words}` in `{told}`");
    }
    let json = home.run(&format!("play {args} --status json"));
    assert_eq!(json.code, Some(code), "{args}: {json:#?}");
    let summary = json.summary();
    assert_eq!(summary["ended"], "error", "{args}");
    assert_eq!(summary["frames"], 0, "{args}");
    assert_eq!(summary["error"]["message"], told, "{args}");
    let events = json.events();
    let errors: Vec<_> = events.iter().filter(|e| e["event"] == "error").collect();
    assert_eq!(errors.len(), 1, "{args}: {json:#?}");
    assert_eq!(errors[0]["message"], told, "{args}");
    assert_eq!(errors[0]["code"], summary["error"]["code"], "{args}");
    assert_eq!(sentence(&json), told, "{args}");
}

#[test]
fn a_missing_file_is_66() {
    let home = Home::new();
    home.wav("here.wav", 100);
    refused(
        &home,
        "gone.wav --backend null",
        66,
        &["gone.wav", "no such file"],
    );
    refused(&home, "here.wav gone.wav --backend null", 66, &["gone.wav"]);
    refused(&home, "nowhere/ --backend null", 66, &["nowhere"]);
    // Whatever else is missing.
    refused(&home, "gone.wav", 66, &["gone.wav"]);
}

#[test]
fn a_folder_without_audio_is_66() {
    let home = Home::new();
    home.file("empty/readme.txt", "no music");
    home.wav("empty/deeper/a.wav", 100);
    refused(
        &home,
        "empty --backend null",
        66,
        &["empty", "no playable audio"],
    );
}

#[test]
fn an_unreadable_file_is_66() {
    let mut home = Home::new();
    let path = home.wav("secret.wav", 100);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("our file");
    if fs::File::open(&path).is_ok() {
        home = home.powerless();
    }
    refused(&home, "secret.wav --backend null", 66, &["secret.wav"]);
}

#[test]
fn files_that_hold_no_audio_are_65() {
    let home = Home::new();
    home.wav("good.wav", 100);
    home.file("empty.wav", "");
    home.file(
        "letter.wav",
        "Dear band,\nthe rehearsal is at eight.\n".repeat(50),
    );
    home.file(
        "noise.flac",
        (0..4096u32)
            .map(|n| ((n * 7919) >> 3) as u8)
            .collect::<Vec<_>>(),
    );
    refused(
        &home,
        "empty.wav --backend null",
        65,
        &["empty.wav", "empty"],
    );
    refused(&home, "letter.wav --backend null", 65, &["letter.wav"]);
    refused(
        &home,
        "good.wav letter.wav --backend null",
        65,
        &["letter.wav"],
    );
    refused(&home, "noise.flac --backend null", 65, &["noise.flac"]);
}

#[test]
fn a_header_alone_and_what_is_left_of_one_never_panic() {
    let home = Home::new();
    let whole = fs::read(home.wav("whole.wav", 100)).expect("a file");
    for length in [1, 4, 11, 12, 20, 36, 43, 44, 45, 60] {
        home.file("cut.wav", &whole[..length]);
        let outcome = home.run("play cut.wav --backend null --status json");
        assert!(
            matches!(outcome.code, Some(0 | 65)),
            "{length}: {outcome:#?}"
        );
        let summary = outcome.summary();
        assert_eq!(
            summary["ended"] == "error",
            outcome.code == Some(65),
            "{length}"
        );
    }
}

#[test]
fn a_track_that_is_not_there_is_64() {
    let home = Home::new();
    home.wav("song/drums.wav", 100);
    for flag in [
        "--gain vox=-6",
        "--mute vox",
        "--solo vox",
        "--pan vox=0",
        "--bus vox=cue",
    ] {
        refused(
            &home,
            &format!("song {flag} --backend null"),
            64,
            &["`vox`", "drums"],
        );
    }
    refused(&home, "song --mute 2 --backend null", 64, &["no track 2"]);
    refused(
        &home,
        "song --start @Bridge --backend null",
        64,
        &["Bridge"],
    );
    refused(
        &home,
        "song --start 5:00 --backend null",
        64,
        &["nothing is left of `song`", "0:00.1 long"],
    );
    refused(
        &home,
        "song --loop=5:00..6:00 --backend null",
        64,
        &["loop"],
    );
}

#[test]
fn a_song_file_is_refused_with_line_and_column() {
    let home = Home::new();
    home.wav("song/drums.wav", 100);
    let song = "version = 1\n[[tracks]]\nname = \"drums\"\nfile = \"drums.wav\"\n";
    home.file("song/song.toml", format!("{song}volume = 3\n"));
    refused(
        &home,
        "song --backend null",
        65,
        &["song.toml:5:1: ", "volume"],
    );
    home.file("song/song.toml", format!("{song}gain_db = \n"));
    refused(&home, "song --backend null", 65, &["song.toml:5:"]);
    home.file("song/song.toml", song.replace("drums.wav", "bass.wav"));
    refused(&home, "song --backend null", 66, &["song.toml", "bass.wav"]);
    // And whole it plays.
    home.file("song/song.toml", song);
    assert_eq!(home.run("play song --backend null").code, Some(0));
}

#[test]
fn more_tracks_than_fit_are_65() {
    let home = Home::new();
    for n in 0..=128 {
        home.wav(&format!("song/{n:03}.wav"), 10);
    }
    refused(&home, "song --backend null", 65, &["129 tracks", "128"]);
}

#[test]
fn buses_that_do_not_fit_are_refused() {
    let home = Home::new();
    home.wav("song/drums.wav", 100);
    // No channels, more than a device has, a stem that is wider.
    for out in ["main=", "main=0", "main=x", "=1"] {
        let outcome = home.run(&format!("play song --out {out} --backend null"));
        assert_eq!(outcome.code, Some(64), "{out}: {outcome:#?}");
        assert!(sentence(&outcome).contains("--out"), "{out}");
    }
    let song = "version = 1\n[[tracks]]\nname = \"drums\"\nfile = \"drums.wav\"\n\
                [[buses]]\nname = \"main\"\noutputs = []\n";
    home.file("song/song.toml", song);
    refused(&home, "song --backend null", 65, &["song.toml:7:"]);
    fs::remove_file(home.path().join("song/song.toml")).expect("our file");
    // Seventeen buses.
    let outs: Vec<String> = (1..=17).map(|n| format!("--out b{n}={n}")).collect();
    let args = format!("song {} --backend null", outs.join(" "));
    refused(&home, &args, 65, &["18 buses"]);
}

#[test]
fn a_device_that_is_not_there_is_69() {
    let home = Home::new();
    home.wav("a.wav", 100);
    refused(
        &home,
        "a.wav --device hw:CARD=Nowhere",
        69,
        &["hw:CARD=Nowhere"],
    );
    refused(&home, "a.wav --backend jack", 69, &["JACK"]);
    refused(
        &home,
        "a.wav --server nobody --backend jack",
        69,
        &["nobody"],
    );
    // These are for JACK alone: nothing else would do what they ask for.
    refused(&home, "a.wav --ports tracks", 69, &["--ports", "JACK"]);
}

#[test]
fn without_any_backend_the_null_one_is_named() {
    let home = Home::new();
    home.wav("a.wav", 100);
    refused(&home, "a.wav", 69, &["--backend null", "JACK", "ALSA"]);
}

#[test]
fn flags_that_make_no_sense_are_64_and_never_reach_the_stream() {
    let home = Home::new();
    home.wav("a.wav", 100);
    for args in [
        "",
        "play",
        "dance",
        "play a.wav --speed 2",
        "play a.wav --repeat 0",
        "play a.wav --loop --repeat 2",
        "play a.wav --gain a=loud",
        "play a.wav --start 0:10 --end 0:05",
        "play a.wav --backend jack --device hw:0",
        "play a.wav --backend null --mixer Master",
        "play a.wav --backend null --mixer Master,x",
        "play a.wav --backend null --volume loud",
        "play a.wav --backend null --volume -3 --master -6",
        "play a.wav --connect none --backend null",
        "play - -",
        "render a.wav",
    ] {
        let outcome = home.run(args);
        assert_eq!(outcome.code, Some(64), "{args}: {outcome:#?}");
        assert_eq!(outcome.text(), "", "{args}");
        sentence(&outcome);
    }
}

#[test]
fn a_broken_configuration_is_78() {
    let home = Home::new();
    home.wav("a.wav", 100);
    let broken = home.file("broken.toml", "perriod = 128\n");
    let outcome = home.run("play a.wav --backend null --config broken.toml");
    assert_eq!(outcome.code, Some(78), "{outcome:#?}");
    let name = broken.file_name().map(Path::new).expect("a name");
    assert!(
        sentence(&outcome).contains(&format!("{}:1:1", name.display())),
        "{outcome:#?}"
    );
}

#[test]
fn a_broken_configuration_is_in_the_stream_too() {
    let home = Home::new();
    home.wav("a.wav", 100);
    home.file("broken.toml", "nonsense = 1\n");
    let outcome = home.run("play a.wav --backend null --config broken.toml --status json");
    assert_eq!(outcome.code, Some(78), "{outcome:#?}");
    let summary = outcome.summary();
    assert_eq!(summary["ended"], "error");
    assert_eq!(summary["error"]["code"], "config");
    assert_eq!(summary["error"]["message"], sentence(&outcome));
}

/// A mono WAV of 32-bit float samples whose header claims `claimed` of them.
fn float_wav(rate: u32, samples: &[f32], claimed: usize) -> Vec<u8> {
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + claimed as u32 * 4).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x03\0\x01\0");
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate * 4).to_le_bytes());
    bytes.extend(b"\x04\0\x20\0data");
    bytes.extend((claimed as u32 * 4).to_le_bytes());
    bytes.extend(samples.iter().flat_map(|x| x.to_le_bytes()));
    bytes
}

#[test]
fn samples_that_are_no_numbers_are_silenced_and_told_at_any_rate() {
    let home = Home::new();
    let mut samples = vec![0.25f32; 20_000];
    samples[9_000] = f32::NAN;
    samples[9_001] = f32::INFINITY;
    samples[9_002] = 3e38;
    for rate in [48_000, 44_100] {
        home.file("bad.wav", float_wav(rate, &samples, samples.len()));
        let outcome = home.run("play bad.wav --rate 48000 --backend null --status json");
        assert_eq!(outcome.code, Some(0), "{rate}: {outcome:#?}");
        assert_eq!(outcome.err, "", "{rate}");
        let events = outcome.events();
        let warnings: Vec<_> = events.iter().filter(|e| e["event"] == "warning").collect();
        assert_eq!(warnings.len(), 1, "{rate}: {outcome:#?}");
        let told = warnings[0]["message"].as_str().expect("words");
        assert!(told.contains("no numbers"), "{rate}: {told}");
        assert_eq!(outcome.summary()["damaged"], 0, "{rate}");
    }
}

#[test]
fn a_file_shorter_than_its_header_claims_is_told_and_played() {
    let home = Home::new();
    home.file("short.wav", float_wav(48_000, &[0.25; 4800], 100_000));
    for command in [
        "play short.wav --backend null --status json",
        "render short.wav -o out.wav --status json",
    ] {
        let outcome = home.run(command);
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
        let summary = outcome.summary();
        assert_eq!(summary["frames"], 4800, "{command}");
        assert_eq!(summary["damaged"], 1, "{command}");
    }
    let outcome = home.run("render short.wav -o strict.wav --on-damage stop");
    assert_eq!(outcome.code, Some(65), "{outcome:#?}");
    assert!(!home.path().join("strict.wav").exists());
}

#[test]
fn a_rate_that_takes_too_long_to_resample_is_65() {
    let home = Home::new();
    home.file("odd.wav", float_wav(767_957, &[0.25; 4800], 4800));
    for command in ["play odd.wav --backend null", "render odd.wav -o out.wav"] {
        let outcome = home.run(&format!("{command} --rate 48000 --status json"));
        assert_eq!(outcome.code, Some(65), "{outcome:#?}");
        let told = outcome.summary()["error"]["message"].clone();
        let told = told.as_str().expect("a sentence");
        assert!(told.contains("odd.wav: 767957 Hz can't be"), "{told}");
        assert!(told.contains("convert it to 48000 Hz"), "{told}");
    }
    assert!(!home.path().join("out.wav").exists());
}

#[test]
fn a_pipe_without_a_writer_is_66_and_never_waited_for() {
    let home = Home::new();
    let made = std::process::Command::new("mkfifo")
        .arg(home.path().join("pipe"))
        .status();
    assert!(made.expect("mkfifo").success());
    for args in ["info pipe", "play pipe --backend null", "info /dev/null"] {
        let outcome = home.run(args);
        assert_eq!(outcome.code, Some(66), "{args}: {outcome:#?}");
        assert!(sentence(&outcome).contains("not a regular file"), "{args}");
    }
}

#[test]
fn a_device_name_of_any_length_is_69() {
    let home = Home::new();
    home.wav("a.wav", 100);
    for length in [300, 100_000] {
        let name = "x".repeat(length);
        let outcome = home.run(&format!("play a.wav --device {name}"));
        assert_eq!(outcome.code, Some(69), "{length}");
        assert_eq!(outcome.signal, None, "{length}");
    }
}
