//! Tracks that no file has, as they are rendered and played: the click is on its beats and only on its bus, cues are the recordings
//! at their places, and the time code is what an independent decoder hears.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use backline_tests::program::backline_bin;
use backline_tests::stems::write_f32_wav;

/// Renders a song file's tracks, and returns the samples of one of them.
fn stem(folder: &Path, track: &str, rate: u32, more: &[&str]) -> Vec<f32> {
    let out = folder.join("out");
    let status = Command::new(backline_bin())
        .args(["render", "--config", "none", "--format", "f32"])
        .arg(folder.join("song.toml"))
        .args(["--rate", &rate.to_string()])
        .arg("--stems")
        .arg(&out)
        .args(more)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        status.status.success(),
        "{}",
        String::from_utf8_lossy(&status.stderr)
    );
    samples(&out.join(format!("{track}.wav")))
}

/// The samples of a float WAV.
fn samples(path: &Path) -> Vec<f32> {
    let data = std::fs::read(path).unwrap();
    let mut at = 12;
    loop {
        let size = u32::from_le_bytes(data[at + 4..at + 8].try_into().unwrap()) as usize;
        if &data[at..at + 4] == b"data" {
            let words = data[at + 8..at + 8 + size].chunks_exact(4);
            return words
                .map(|w| f32::from_le_bytes(w.try_into().unwrap()))
                .collect();
        }
        at += 8 + size + size % 2;
    }
}

/// A song of silence, `seconds` long.
fn song(folder: &Path, seconds: usize, rest: &str) {
    write_f32_wav(
        &folder.join("a.wav"),
        48_000,
        &[vec![0.0; seconds * 48_000]],
    );
    let text = format!("version = 1\n[[tracks]]\nfile = 'a.wav'\n{rest}\n");
    std::fs::write(folder.join("song.toml"), text).unwrap();
}

/// What libltc hears: at which sample each frame began, and its number; `None` where the machine has no libltc.
fn decoded(folder: &Path, samples: &[f32], per_frame: u32) -> Option<Vec<(i64, String, bool)>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("rig/ltc_read.c");
    let program = folder.join("ltc_read");
    let built = Command::new("cc")
        .args(["-O1", "-Wall", "-o"])
        .arg(&program)
        .arg(source)
        .args(["-lltc", "-lm"])
        .output()
        .unwrap();
    if !built.status.success() {
        println!(
            "SKIP ltc: the decoder can't be built (libltc-dev): {}",
            String::from_utf8_lossy(&built.stderr)
        );
        return None;
    }
    let mut decoder = Command::new(program)
        .arg(per_frame.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let bytes: Vec<u8> = samples.iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut input = decoder.stdin.take().unwrap();
    let feeding = std::thread::spawn(move || input.write_all(&bytes));
    let output = decoder.wait_with_output().unwrap();
    feeding.join().unwrap().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        (
            words[0].parse().unwrap(),
            words[1].to_owned(),
            words[2] == "1",
        )
    });
    Some(lines.collect())
}

/// The time code `count` frames after `hours` o'clock of a rate that drops no numbers.
fn plain(hours: u64, count: u64, fps: u64) -> String {
    let seconds = count / fps;
    format!(
        "{:02}:{:02}:{:02}:{:02}",
        hours,
        seconds / 60,
        seconds % 60,
        count % fps
    )
}

#[test]
fn an_independent_decoder_hears_the_position() {
    for (fps, name) in [(24, "24"), (25, "25"), (30, "30")] {
        for rate in [44_100, 48_000] {
            let folder = tempfile::tempdir().unwrap();
            let rest = format!("[ltc]\nfps = {name}\nstart = '10:00:00:00'");
            song(folder.path(), 65, &rest);
            // From the middle of the song on, as after a seek.
            for (start, more) in [(0, &[][..]), (58, &["--start", "58"])] {
                let heard = stem(folder.path(), "ltc", rate, more);
                let per_frame = rate / fps;
                let Some(codes) = decoded(folder.path(), &heard, per_frame) else {
                    return;
                };
                assert!(
                    codes.len() as u32 >= (65 - start) * fps - 3,
                    "{}",
                    codes.len()
                );
                for (at, code, drop) in &codes {
                    let count = (*at as f64 * f64::from(fps) / f64::from(rate)).round() as u64;
                    let begins = count as f64 * f64::from(rate) / f64::from(fps);
                    assert!((*at as f64 - begins).abs() < 4.0, "{at} {begins}");
                    let wanted = plain(10, count + u64::from(start * fps), fps.into());
                    assert_eq!((code, *drop), (&wanted, false), "{name} at {rate}");
                }
            }
        }
    }
}

#[test]
fn drop_frame_leaves_out_two_numbers_a_minute() {
    let folder = tempfile::tempdir().unwrap();
    song(
        folder.path(),
        65,
        "[ltc]\nfps = '29.97df'\nstart = '10:00:00:00'",
    );
    let heard = stem(folder.path(), "ltc", 48_000, &[]);
    let Some(codes) = decoded(folder.path(), &heard, 1602) else {
        return;
    };
    let at = |wanted: &str| codes.iter().find(|(_, code, _)| code == wanted);
    assert!(codes.iter().all(|(_, _, drop)| *drop));
    assert!(at("10:01:00:00").is_none() && at("10:01:00:01").is_none());
    let (first, ..) = at("10:01:00:02").expect("the frame after 10:00:59:29");
    // The 1800th frame, of 1001/30000 s.
    let begins = 1800.0 * 1001.0 / 30_000.0 * 48_000.0;
    assert!((*first as f64 - begins).abs() < 4.0, "{first} {begins}");
}

#[test]
fn the_click_is_on_the_beat_behind_its_count_in_and_never_on_main() {
    let folder = tempfile::tempdir().unwrap();
    let ones = vec![0.25; 48_000 * 4];
    song(
        folder.path(),
        1,
        "[[tempo]]\nat = 0.5\nbpm = 120\nmeter = '3/4'\n[click]\ncount_in = 2",
    );
    write_f32_wav(&folder.path().join("a.wav"), 48_000, &[ones]);
    let click = stem(folder.path(), "click", 48_000, &[]);
    // Two bars of 120 bpm are 3 s; half a second is there already.
    let music = stem(folder.path(), "a", 48_000, &[]);
    let first = music.iter().position(|x| *x != 0.0).unwrap();
    assert_eq!(first, 120_000);
    let starts: Vec<usize> = (1..click.len())
        .filter(|i| click[*i] != 0.0 && click[i.saturating_sub(48)..*i].iter().all(|x| *x == 0.0))
        .map(|i| i - 1)
        .collect();
    let wanted: Vec<usize> = (0..13).map(|n| n * 24_000).collect();
    assert_eq!(starts, wanted);
    // Accents: the first of three.
    let peak = |at: usize| {
        click[at..at + 1440]
            .iter()
            .fold(0.0f32, |a, b| a.max(b.abs()))
    };
    for (n, at) in wanted.iter().enumerate() {
        assert_eq!(peak(*at) > 0.7, n % 3 == 0, "beat {n}");
    }
    // The mix has the music and nothing of the click.
    let mix = folder.path().join("mix.wav");
    let status = Command::new(backline_bin())
        .args(["render", "--config", "none", "--format", "f32", "-o"])
        .arg(&mix)
        .arg(folder.path().join("song.toml"))
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    for (i, frame) in samples(&mix).chunks_exact(2).enumerate() {
        let wanted = if i < 120_000 { 0.0 } else { 0.25 };
        assert_eq!(frame, [wanted; 2], "{i}");
    }
}

/// A recording of `frames` samples that are all its own.
fn recording(path: &Path, frames: u32, seed: u32) -> Vec<f32> {
    let samples: Vec<f32> = (0..frames)
        .map(|n| (n * 7 + seed) as f32 / 65_536.0)
        .collect();
    write_f32_wav(path, 48_000, std::slice::from_ref(&samples));
    samples
}

/// Puts a sound into a plane.
fn lay(plane: &mut [f32], at: i64, sound: &[f32]) {
    for (n, x) in sound.iter().enumerate() {
        if let Some(out) = usize::try_from(at + n as i64)
            .ok()
            .and_then(|i| plane.get_mut(i))
        {
            *out += *x;
        }
    }
}

#[test]
fn cues_and_clicks_of_ones_own_are_the_recordings_at_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    song(
        dir,
        8,
        "[[sections]]\nname = 'verse'\nstart = 5\n[[tempo]]\nat = 1\nbpm = 120\n\
        [click]\nsubdivision = 2\nbeat_file = 'b.wav'\nbetween_file = 'o.wav'\n\
        [cue]\n[[cue.sounds]]\nfile = 'say.wav'\nat = '@verse'\nbefore_bars = 1\n\
        [[cue.sounds]]\nfile = 'say.wav'\nat = '@verse'\nbefore = 0.25\n\
        [[cue.sounds]]\nfile = 'go.wav'\nat = 5.5\n[[cue.sounds]]\nfile = 'go.wav'\nat = 0.1\nbefore = 0.2",
    );
    let beat = recording(&dir.join("b.wav"), 15_000, 1);
    let between = recording(&dir.join("o.wav"), 100, 2);
    let say = recording(&dir.join("say.wav"), 40_000, 3);
    let go = recording(&dir.join("go.wav"), 9_000, 4);
    let mut cues = vec![0.0; 8 * 48_000];
    // A bar of 2 s before the verse, a quarter of a second before it, over the end of that, and cut by the song's start.
    lay(&mut cues, 3 * 48_000, &say);
    lay(&mut cues, 5 * 48_000 - 12_000, &say);
    lay(&mut cues, 5 * 48_000 + 24_000, &go);
    lay(&mut cues, -4_800, &go);
    let mut clicks = vec![0.0; 8 * 48_000];
    for n in 0.. {
        let at = 48_000 + n * 12_000;
        if at >= 8 * 48_000 {
            break;
        }
        // Beats ring out over what is between them.
        lay(&mut clicks, at, if n % 2 == 0 { &beat } else { &between });
    }
    for (start, more) in [(0, &[][..]), (4, &["--start", "4"])] {
        let from = start * 48_000;
        for (track, wanted) in [("cue", &cues), ("click", &clicks)] {
            let heard = stem(dir, track, 48_000, more);
            assert!(heard == wanted[from..], "{track} from {start} s");
        }
    }
}

#[test]
fn a_recording_that_cannot_be_one_is_found_before_anything_plays() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let cue = "[[cue.sounds]]\nfile = 'say.wav'\nat = 1";
    let said = || {
        let out = Command::new(backline_bin())
            .args(["check", "--config", "none"])
            .arg(dir.join("song.toml"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let all = [out.stdout, out.stderr].concat();
        (out.status.code(), String::from_utf8(all).unwrap())
    };
    let has = |code: i32, what: &str| {
        let (got, text) = said();
        assert_eq!(got, Some(code), "{text}");
        assert!(text.contains(what), "{what}: {text}");
    };
    song(dir, 2, cue);
    has(1, "say.wav");
    recording(&dir.join("say.wav"), 61 * 48_000, 0);
    has(1, "longer than the 60 s that such a sound may have");
    // Its end is missing.
    recording(&dir.join("say.wav"), 12_000, 0);
    let whole = std::fs::read(dir.join("say.wav")).unwrap();
    std::fs::write(dir.join("say.wav"), &whole[..whole.len() - 8_000]).unwrap();
    has(1, "say.wav");
    std::fs::write(dir.join("say.wav"), whole).unwrap();
    song(dir, 2, "[[cue.sounds]]\nfile = 'say.wav'\nat = 3");
    has(0, "begins at 0:03.0, behind the end");
    song(
        dir,
        2,
        "[[cue.sounds]]\nfile = 'say.wav'\nat = 0\nbefore = 0.1",
    );
    has(0, "before the song and loses its beginning");
}
