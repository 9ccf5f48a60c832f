//! Every compressed format: alignment with the source, length, exact seeks, loops.

use std::path::Path;

use super::super::testing::*;
use super::super::{MediaError, OpenOptions, Reader, exact_frames, open};

/// Makes `dir/name` out of `dir/source.wav` with a tool; false when it can't.
fn make(dir: &Path, name: &str, command: &[&str]) -> bool {
    let source = dir.join("source.wav");
    let out = dir.join(name);
    let args: Vec<&str> = command[1..]
        .iter()
        .map(|&a| match a {
            "IN" => source.to_str().unwrap(),
            "OUT" => out.to_str().unwrap(),
            a => a,
        })
        .collect();
    tool(name, command[0], &args)
}

const FF: [&str; 6] = ["ffmpeg", "-v", "error", "-y", "-i", "IN"];

fn ff<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&FF[..], more, &["OUT"]].concat()
}

fn stereo(rate: u32, frames: u64) -> (Vec<u8>, Vec<Vec<f32>>) {
    let (l, r) = (music(rate, frames, 1), music(rate, frames, 2));
    let bytes = wav(S16, rate, 2, frames, |f, c| {
        if c == 0 { l[f as usize] } else { r[f as usize] }
    });
    let float = |x: &[i16]| x.iter().map(|&s| f32::from(s) / 32768.0).collect();
    (bytes, vec![float(&l), float(&r)])
}

/// How many frames later than in `source` the material is in `got`, and how alike they are there.
fn offset(source: &[f32], got: &[f32]) -> (i64, f64) {
    const AROUND: i64 = 1500;
    let (from, len) = (source.len() / 3, 2500);
    let reference = &source[from..from + len];
    let power = |x: &[f32]| x.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>();
    (-AROUND..=AROUND)
        .filter_map(|shift| {
            let at = usize::try_from(from as i64 + shift).ok()?;
            let part = got.get(at..at + len)?;
            let dot: f64 = reference
                .iter()
                .zip(part)
                .map(|(&a, &b)| f64::from(a) * f64::from(b))
                .sum();
            Some((shift, dot / (power(reference) * power(part)).sqrt()))
        })
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap()
}

/// The bits that a seek gives are those of linear reading, wherever it goes.
fn check_seeks(name: &str, reader: &mut dyn Reader, all: &[Vec<f32>], targets: usize) {
    let total = all[0].len() as u64;
    let mut random = Random(99);
    for n in 0..targets {
        let target = match n {
            0 => total / 2,
            1 => 0,
            2 => total,
            3 => 1,
            4 => total.saturating_sub(1),
            5 => total + 100_000,
            _ => random.below(total),
        };
        let len = 1 + random.below(4000) as usize;
        reader.seek(target).unwrap();
        let got = take(reader, len).unwrap_or_else(|e| panic!("{name}, frame {target}: {e}"));
        let start = (target as usize).min(all[0].len());
        let end = (start + len).min(all[0].len());
        for (a, g) in all.iter().zip(&got) {
            assert_eq!(g.len(), end - start, "{name}, frame {target}");
            let other = g
                .iter()
                .zip(&a[start..end])
                .position(|(x, y)| x.to_bits() != y.to_bits());
            assert_eq!(other, None, "{name}, seek to frame {target}");
        }
    }
}

fn check_lossless(names: &[(&str, Vec<&str>, &str)]) {
    let dir = tempfile::tempdir().unwrap();
    for frames in [100_001, 1, 700] {
        let (bytes, source) = stereo(44_100, frames);
        write(dir.path(), "source.wav", &bytes);
        for (name, command, format) in names {
            if !make(dir.path(), name, command) {
                continue;
            }
            let mut r = open_default(&dir.path().join(name)).unwrap();
            assert_eq!(r.spec().format, *format);
            assert_eq!(r.spec().frames, Some(frames), "{name}");
            assert_eq!(r.spec().notice, None, "{name}");
            let (all, error) = drain(&mut *r);
            assert!(error.is_none(), "{name}: {error:?}");
            assert!(
                all == source,
                "{name}: {frames} frames, got {}",
                all[0].len()
            );
            check_seeks(name, &mut *r, &all, 40);
            // A loop: end, start, end.
            r.seek(0).unwrap();
            assert!(drain(&mut *r).0 == source, "{name}, second pass");
        }
    }
}

#[test]
fn flac_is_exact() {
    check_lossless(&[
        (
            "a.flac",
            vec!["flac", "-s", "-f", "-o", "OUT", "IN"],
            "FLAC",
        ),
        ("b.flac", ff(&["-c:a", "flac"]), "FLAC"),
        (
            "c.ogg",
            vec!["flac", "-s", "-f", "--ogg", "-o", "OUT", "IN"],
            "Ogg FLAC",
        ),
    ]);
}

#[test]
fn alac_is_exact() {
    check_lossless(&[
        ("a.m4a", ff(&["-c:a", "alac"]), "M4A ALAC"),
        ("b.caf", ff(&["-c:a", "alac"]), "CAF ALAC"),
    ]);
}

#[test]
fn aiff_and_caf_are_exact() {
    check_lossless(&[
        ("a.aiff", ff(&["-c:a", "pcm_s16be"]), "AIFF 16-bit"),
        ("b.aiff", ff(&["-c:a", "pcm_s24be"]), "AIFF 24-bit"),
        ("i.aiff", ff(&["-c:a", "pcm_f32be"]), "AIFF 32-bit float"),
        ("j.aiff", ff(&["-c:a", "pcm_s16le"]), "AIFF 16-bit"),
        ("k.aiff", ff(&["-c:a", "pcm_s32be"]), "AIFF 32-bit"),
        ("c.caf", ff(&["-c:a", "pcm_s16le"]), "CAF 16-bit"),
        ("d.caf", ff(&["-c:a", "pcm_f32le"]), "CAF 32-bit float"),
        (
            "e.wav",
            ff(&["-c:a", "pcm_s24le", "-rf64", "always"]),
            "RF64 24-bit",
        ),
        ("f.wav", vec!["sox", "IN", "-b", "24", "OUT"], "WAV 24-bit"),
        (
            "g.aifc",
            vec!["sox", "IN", "-t", "aifc", "OUT"],
            "AIFF 16-bit",
        ),
        ("h.mka", ff(&["-c:a", "flac"]), "Matroska FLAC"),
    ]);
}

struct Lossy<'a> {
    name: &'a str,
    command: Vec<&'a str>,
    /// The file's length in frames is that of the source, and told by its header.
    exact: bool,
    format: &'a str,
}

fn check_lossy(rate: u32, list: &[Lossy]) {
    let dir = tempfile::tempdir().unwrap();
    let frames = 150_001;
    let (bytes, source) = stereo(rate, frames);
    write(dir.path(), "source.wav", &bytes);
    for Lossy {
        name,
        command,
        exact,
        format,
    } in list
    {
        if !make(dir.path(), name, command) {
            continue;
        }
        let mut r = open_default(&dir.path().join(name)).unwrap();
        assert_eq!(r.spec().format, *format);
        let told = r.spec().frames;
        let notice = r.spec().notice.clone();
        let (all, error) = drain(&mut *r);
        assert!(error.is_none(), "{name}: {error:?}");
        if *exact {
            assert_eq!(told, Some(frames), "{name}");
            assert_eq!(notice, None, "{name}");
            let (shift, alike) = offset(&source[0], &all[0]);
            assert_eq!(shift, 0, "{name} ({alike:.3})");
            assert!(alike > 0.7, "{name}: {alike}");
            assert_eq!(offset(&source[1], &all[1]).0, 0, "{name}");
        } else {
            assert!(notice.is_some(), "{name} has no notice");
        }
        assert_eq!(
            exact_frames(&mut *r).unwrap(),
            all[0].len() as u64,
            "{name}"
        );
        if let Some(told) = told {
            assert_eq!(told, all[0].len() as u64, "{name}");
        }
        check_seeks(name, &mut *r, &all, 60);
        r.seek(0).unwrap();
        let (again, _) = drain(&mut *r);
        assert!(again == all, "{name}, second pass");
    }
}

fn lossy<'a>(name: &'a str, command: Vec<&'a str>, exact: bool, format: &'a str) -> Lossy<'a> {
    Lossy {
        name,
        command,
        exact,
        format,
    }
}

#[test]
fn mp3_is_aligned_and_sought_exactly() {
    let lame = |more: &[&'static str]| [&["lame", "--quiet"], more, &["IN", "OUT"]].concat();
    check_lossy(
        44_100,
        &[
            lossy("128.mp3", lame(&["-b", "128"]), true, "MP3"),
            lossy("320.mp3", lame(&["-b", "320"]), true, "MP3"),
            lossy(
                "32.mp3",
                lame(&["-b", "32", "--resample", "44.1"]),
                false,
                "MP3",
            ),
            lossy("v2.mp3", lame(&["-V2"]), true, "MP3"),
            lossy("mono-less.mp3", lame(&["-b", "128", "-t"]), false, "MP3"),
            lossy("vbr-less.mp3", lame(&["-V4", "-t"]), false, "MP3"),
            lossy(
                "ff.mp3",
                ff(&["-c:a", "libmp3lame", "-b:a", "192k"]),
                true,
                "MP3",
            ),
            lossy(
                "tagged.mp3",
                ff(&["-b:a", "64k", "-metadata", "title=x", "-id3v2_version", "4"]),
                true,
                "MP3",
            ),
            lossy("a.mp2", ff(&["-c:a", "mp2"]), false, "MP2"),
        ],
    );
    check_lossy(
        24_000,
        &[
            lossy(
                "low.mp3",
                lame(&["-b", "8", "--resample", "24"]),
                false,
                "MP3",
            ),
            lossy(
                "low-abr.mp3",
                lame(&["--abr", "24", "--resample", "24"]),
                true,
                "MP3",
            ),
        ],
    );
}

#[test]
fn vorbis_is_aligned_and_sought_exactly() {
    check_lossy(
        44_100,
        &[
            lossy(
                "a.ogg",
                vec!["oggenc", "-Q", "-q", "5", "-o", "OUT", "IN"],
                true,
                "Ogg Vorbis",
            ),
            lossy(
                "b.ogg",
                vec!["oggenc", "-Q", "-q", "-1", "-o", "OUT", "IN"],
                true,
                "Ogg Vorbis",
            ),
            lossy(
                "c.ogg",
                ff(&["-c:a", "libvorbis", "-q:a", "6"]),
                true,
                "Ogg Vorbis",
            ),
        ],
    );
}

#[test]
fn short_vorbis_files_have_their_length() {
    let dir = tempfile::tempdir().unwrap();
    for frames in [1, 100, 2000, 5000, 20_000] {
        let (bytes, _) = stereo(48_000, frames);
        write(dir.path(), "source.wav", &bytes);
        if !make(dir.path(), "a.ogg", &["oggenc", "-Q", "-o", "OUT", "IN"]) {
            return;
        }
        let mut r = open_default(&dir.path().join("a.ogg")).unwrap();
        let (all, error) = drain(&mut *r);
        assert!(error.is_none(), "{frames}: {error:?}");
        assert_eq!(all[0].len() as u64, frames);
        check_seeks("a.ogg", &mut *r, &all, 20);
    }
}

#[test]
fn aac_in_m4a_is_aligned_by_its_edit_list() {
    check_lossy(
        48_000,
        &[
            lossy(
                "a.m4a",
                ff(&["-c:a", "aac", "-b:a", "192k"]),
                true,
                "M4A AAC",
            ),
            lossy(
                "front.m4a",
                ff(&["-c:a", "aac", "-movflags", "+faststart"]),
                true,
                "M4A AAC",
            ),
            lossy("a.mov", ff(&["-c:a", "aac", "-f", "mov"]), true, "M4A AAC"),
            lossy(
                "no-edits.m4a",
                ff(&["-c:a", "aac", "-use_editlist", "0"]),
                false,
                "M4A AAC",
            ),
            lossy(
                "a.aac",
                ff(&["-c:a", "aac", "-f", "adts"]),
                false,
                "ADTS AAC",
            ),
        ],
    );
}

#[test]
fn adpcm_has_the_length_that_its_fact_chunk_tells() {
    let dir = tempfile::tempdir().unwrap();
    let (bytes, source) = stereo(44_100, 60_001);
    write(dir.path(), "source.wav", &bytes);
    for (name, command) in [
        ("ima.wav", vec!["sox", "IN", "-e", "ima-adpcm", "OUT"]),
        ("ms.wav", vec!["sox", "IN", "-e", "ms-adpcm", "OUT"]),
    ] {
        if !make(dir.path(), name, &command) {
            continue;
        }
        let mut r = open_default(&dir.path().join(name)).unwrap();
        assert_eq!(r.spec().format, "WAV ADPCM");
        let (all, error) = drain(&mut *r);
        assert!(error.is_none(), "{name}: {error:?}");
        assert_eq!(all[0].len(), 60_001, "{name}");
        assert_eq!(offset(&source[0], &all[0]).0, 0, "{name}");
        check_seeks(name, &mut *r, &all, 30);
    }
}

#[test]
fn vorbis_in_matroska_is_held_in_memory_and_exact() {
    let dir = tempfile::tempdir().unwrap();
    let (bytes, source) = stereo(48_000, 90_000);
    write(dir.path(), "source.wav", &bytes);
    if !make(dir.path(), "a.mka", &ff(&["-c:a", "libvorbis"])) {
        return;
    }
    let mut r = open_default(&dir.path().join("a.mka")).unwrap();
    let (all, error) = drain(&mut *r);
    assert!(error.is_none());
    assert_eq!(offset(&source[0], &all[0]).0, 0);
    check_seeks("a.mka", &mut *r, &all, 30);
}

#[test]
fn what_must_be_in_memory_is_refused_beyond_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    let (bytes, _) = stereo(48_000, 90_000);
    write(dir.path(), "source.wav", &bytes);
    for (name, codec) in [("a.m4a", "aac"), ("a.mka", "libvorbis"), ("a.aac", "aac")] {
        if !make(dir.path(), name, &ff(&["-c:a", codec])) {
            continue;
        }
        let options = OpenOptions {
            preload_limit: 700_000,
        };
        let e = open(&dir.path().join(name), &options)
            .err()
            .expect("refused");
        assert!(matches!(e, MediaError::Unsupported { .. }));
        assert!(e.to_string().contains("--preload-limit"), "{e}");
    }
}

// ISO/IEC 14496-3, 1.6.5: the ways in which a file says that its upper half is replicated.
#[test]
fn he_aac_is_refused_however_it_is_signalled() {
    let dir = tempfile::tempdir().unwrap();
    let (bytes, _) = stereo(48_000, 20_000);
    write(dir.path(), "source.wav", &bytes);
    if make(dir.path(), "a.m4a", &ff(&["-c:a", "aac"])) {
        let path = dir.path().join("a.m4a");
        assert!(open_default(&path).is_ok());
        let plain = std::fs::read(&path).unwrap();
        // The descriptor's tag and length, as ffmpeg writes it.
        let tag = [5, 0x80, 0x80, 0x80, 5];
        let at = plain.windows(5).position(|w| w == tag).unwrap() + 5;
        for (how, config) in [
            ("extension behind AAC-LC", [0x11, 0x90, 0x56, 0xe5, 0x98]),
            ("object type 5", [0x2b, 0x11, 0x88, 0, 0]),
            ("object type 29", [0xeb, 0x09, 0x88, 0, 0]),
            ("half the rate", [0x13, 0x10, 0, 0, 0]),
        ] {
            let mut bytes = plain.clone();
            bytes[at..at + 5].copy_from_slice(&config);
            let e = open_default(&write(dir.path(), "he.m4a", &bytes)).err();
            let e = e.expect(how).to_string();
            assert!(e.contains("HE-AAC isn't supported"), "{how}: {e}");
        }
        // The extension that says no.
        let mut bytes = plain;
        bytes[at..at + 5].copy_from_slice(&[0x11, 0x90, 0x56, 0xe5, 0]);
        assert!(open_default(&write(dir.path(), "lc.m4a", &bytes)).is_ok());
    }
    if make(dir.path(), "a.aac", &ff(&["-c:a", "aac", "-ar", "22050"])) {
        let e = open_default(&dir.path().join("a.aac")).err();
        let e = e.expect("a raw stream at a core's rate").to_string();
        assert!(e.contains("most likely HE-AAC"), "{e}");
    }
}

#[cfg(feature = "opus")]
#[test]
fn opus_is_aligned() {
    let dir = tempfile::tempdir().unwrap();
    let (bytes, source) = stereo(48_000, 90_001);
    write(dir.path(), "source.wav", &bytes);
    for name in ["a.opus", "a.ogg", "a.mka"] {
        if !make(dir.path(), name, &ff(&["-c:a", "libopus"])) {
            continue;
        }
        let mut r = open_default(&dir.path().join(name)).unwrap();
        let (all, error) = drain(&mut *r);
        assert!(error.is_none(), "{name}: {error:?}");
        assert_eq!(offset(&source[0], &all[0]).0, 0, "{name}");
        if name != "a.mka" {
            assert_eq!(r.spec().frames, Some(90_001));
            assert_eq!(all[0].len(), 90_001);
        }
        check_seeks(name, &mut *r, &all, 30);
    }
}

#[cfg(not(feature = "opus"))]
#[test]
fn opus_names_the_feature_that_it_needs() {
    let dir = tempfile::tempdir().unwrap();
    let (bytes, _) = stereo(48_000, 9000);
    write(dir.path(), "source.wav", &bytes);
    if make(dir.path(), "a.opus", &ff(&["-c:a", "libopus"])) {
        let e = open_default(&dir.path().join("a.opus"))
            .err()
            .expect("refused");
        assert!(e.to_string().contains("feature `opus`"), "{e}");
    }
}
