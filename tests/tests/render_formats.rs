//! Every format the README lists: a part begins where it should, loops and repeats are seamless to
//! the sample, and a stem of a format lines up with the same material as WAV.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use backline_tests::program::Home;

const RATE: u64 = 48_000;
const FRAMES: u64 = 60_000;

/// How a format is made by ffmpeg, and how far a sample may be off the original: `None` is lossy.
const FORMATS: [(&str, &[&str], Option<f32>); 10] = [
    ("wav", &["-c:a", "pcm_s24le"], Some(0.0)),
    ("aiff", &["-c:a", "pcm_s16be"], Some(0.0)),
    ("caf", &["-c:a", "pcm_s16be"], Some(0.0)),
    ("flac", &["-c:a", "flac"], Some(0.0)),
    ("alac.m4a", &["-c:a", "alac"], Some(0.0)),
    ("mp3", &["-c:a", "libmp3lame", "-b:a", "192k"], None),
    ("ogg", &["-c:a", "libvorbis", "-q:a", "6"], None),
    ("aac.m4a", &["-c:a", "aac", "-b:a", "192k"], None),
    ("adpcm.wav", &["-c:a", "adpcm_ms"], None),
    ("mka", &["-c:a", "libvorbis", "-q:a", "6"], None),
];

/// Material that is nowhere like itself: a sweep over noise, 16-bit grained, both channels apart.
fn material(home: &Home) -> (PathBuf, Vec<f32>) {
    let mut seed = 1u32;
    let mut samples = Vec::new();
    let mut bytes = Vec::new();
    for i in 0..FRAMES {
        let t = i as f64 / RATE as f64;
        for channel in 0..2 {
            seed ^= seed << 13;
            seed ^= seed >> 17;
            seed ^= seed << 5;
            let noise = f64::from(seed) / f64::from(u32::MAX) - 0.5;
            let tone =
                (t * (300.0 + 900.0 * t + 50.0 * f64::from(channel)) * std::f64::consts::TAU).sin();
            let x = ((tone * 0.4 + noise * 0.02) * 32768.0).round() as i16;
            samples.push(f32::from(x) / 32768.0);
            bytes.extend_from_slice(&x.to_le_bytes());
        }
    }
    (home.file("material.raw", bytes), samples)
}

fn encode(home: &Home, raw: &Path, suffix: &str, how: &[&str]) -> Option<PathBuf> {
    let path = home.path().join(format!("stem.{suffix}"));
    let status = Command::new("ffmpeg")
        .args([
            "-v", "error", "-f", "s16le", "-ar", "48000", "-ac", "2", "-i",
        ])
        .arg(raw)
        .args(how)
        .arg(&path)
        .stdin(Stdio::null())
        .status();
    status.is_ok_and(|s| s.success()).then_some(path)
}

/// Renders with these options and returns the interleaved samples.
fn render(home: &Home, stem: &Path, options: &str) -> Vec<f32> {
    let out = home.path().join("out.wav");
    let args = format!(
        "render {} -o {} --format f32 --status none {options}",
        stem.display(),
        out.display()
    );
    let outcome = home.run(&args);
    assert!(
        outcome.text().is_empty() || !outcome.text().contains("backline:"),
        "{}",
        outcome.text()
    );
    let bytes = std::fs::read(&out).unwrap();
    let data = bytes.windows(4).position(|w| w == b"data").unwrap() + 8;
    bytes[data..]
        .as_chunks::<4>()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b))
        .collect()
}

/// Index of the first difference, in frames.
fn differ(a: &[f32], b: &[f32]) -> Option<usize> {
    if a.len() != b.len() {
        return Some(a.len().min(b.len()) / 2);
    }
    a.iter()
        .zip(b)
        .position(|(a, b)| a.to_bits() != b.to_bits())
        .map(|i| i / 2)
}

#[test]
fn parts_and_repeats_of_every_format_are_seamless() {
    let home = Home::new();
    let (raw, original) = material(&home);
    for (suffix, how, exact) in FORMATS {
        let Some(stem) = encode(&home, &raw, suffix, how) else {
            println!(
                "SKIP parts_and_repeats_of_every_format_are_seamless: ffmpeg can't make {suffix}"
            );
            continue;
        };
        let whole = render(&home, &stem, "");
        if exact.is_some() {
            assert_eq!(differ(&whole, &original), None, "{suffix}: the whole");
        } else {
            // In step with the original: the error is far under the signal.
            let n = whole.len().min(original.len());
            let error: f64 = whole[..n]
                .iter()
                .zip(&original)
                .map(|(a, b)| f64::from(a - b).powi(2))
                .sum();
            let signal: f64 = original[..n].iter().map(|x| f64::from(*x).powi(2)).sum();
            assert!(error < signal * 0.05, "{suffix}: {}", error / signal);
        }
        let thrice = render(&home, &stem, "--repeat 3");
        assert_eq!(thrice.len(), 3 * whole.len(), "{suffix}");
        for (i, pass) in thrice.chunks(whole.len()).enumerate() {
            assert_eq!(differ(pass, &whole), None, "{suffix}: pass {i}");
        }
        for (a, b) in [(1151usize, 1153usize), (31_234, 47_777)] {
            let part = render(&home, &stem, &format!("--start {a}f --end {b}f --repeat 2"));
            let want = &whole[2 * a..2 * b];
            assert_eq!(part.len(), 2 * want.len(), "{suffix}: {a} to {b}");
            for (i, pass) in part.chunks(want.len()).enumerate() {
                assert_eq!(differ(pass, want), None, "{suffix}: {a} to {b}, pass {i}");
            }
        }
    }
}
