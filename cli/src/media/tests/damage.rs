//! Damaged and foreign files: what is good is given, then one error; never a panic or a hang.

use std::path::Path;
use std::time::{Duration, Instant};

use super::super::testing::*;
use super::super::{MediaError, OpenOptions, Reader, at_rate, open};

fn kind(path: &Path) -> &'static str {
    match open_default(path) {
        Ok(_) => "opened",
        Err(MediaError::Missing(_)) => "missing",
        Err(MediaError::Unreadable { .. }) => "unreadable",
        Err(MediaError::Unsupported { .. }) => "unsupported",
        Err(MediaError::Damaged { .. }) => "damaged",
    }
}

#[test]
fn what_is_no_audio_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path();
    assert_eq!(kind(&d.join("none.wav")), "missing");
    assert_eq!(kind(d), "unsupported");
    assert_eq!(kind(&write(d, "empty.wav", b"")), "unsupported");
    assert_eq!(kind(&write(d, "one.wav", b"R")), "unsupported");
    let text = "This is not audio.\n".repeat(1000);
    for name in ["text.wav", "text.flac", "text.mp3", "text.m4a", "text.ogg"] {
        assert_eq!(
            kind(&write(d, name, text.as_bytes())),
            "unsupported",
            "{name}"
        );
    }
    let file = write(d, "plain", b"x");
    assert_eq!(kind(&file.join("inside")), "unreadable");
    let mut random = Random(5);
    let noise: Vec<u8> = (0..300_000).map(|_| random.below(256) as u8).collect();
    assert_eq!(kind(&write(d, "noise.mp3", &noise)), "unsupported");
    for magic in [
        &b"fLaC"[..],
        b"OggS",
        b"caff",
        b"FORM\0\0\0\0AIFF",
        b"\0\0\0\x18ftypM4A ",
        b"\x1a\x45\xdf\xa3",
        b"RIFF",
        b"ID3\x04\0\0\0\0\0\0",
    ] {
        let bytes = [magic, &noise[..2000]].concat();
        assert_eq!(kind(&write(d, "magic", &bytes)), "unsupported", "{magic:?}");
    }
}

/// Names and bytes of one small file of every format that the tools here can make.
fn material(frames: u64) -> Vec<(String, Vec<u8>)> {
    let dir = tempfile::tempdir().unwrap();
    let m = music(44_100, frames, 3);
    let source = write(
        dir.path(),
        "source.wav",
        &wav(S16, 44_100, 2, frames, |f, c| m[f as usize] >> c),
    );
    let source = source.to_str().unwrap();
    let mut all = vec![("s.wav".to_string(), std::fs::read(source).unwrap())];
    let list: [(&str, &[&str]); 13] = [
        ("a.flac", &["-c:a", "flac"]),
        ("a.mp3", &["-b:a", "128k"]),
        ("x.mp3", &["-b:a", "128k", "-write_xing", "0"]),
        ("a.ogg", &["-c:a", "libvorbis"]),
        ("f.ogg", &["-c:a", "flac"]),
        ("a.m4a", &["-c:a", "alac"]),
        ("b.m4a", &["-c:a", "aac", "-movflags", "+faststart"]),
        ("a.aac", &["-c:a", "aac"]),
        ("a.aiff", &[]),
        ("a.caf", &["-c:a", "pcm_s16le"]),
        ("a.mka", &["-c:a", "libvorbis"]),
        ("ima.wav", &["-c:a", "adpcm_ima_wav"]),
        ("rf64.wav", &["-rf64", "always"]),
    ];
    for (name, args) in list {
        let out = dir.path().join(name);
        let args = [
            &["-v", "error", "-y", "-i", source],
            args,
            &[out.to_str().unwrap()],
        ]
        .concat();
        if tool(name, "ffmpeg", &args) {
            all.push((name.into(), std::fs::read(out).unwrap()));
        }
    }
    all
}

#[test]
fn a_cut_file_gives_its_beginning_and_then_one_error() {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in material(100_000) {
        let whole = write(dir.path(), &name, &bytes);
        let mut r = open_default(&whole).unwrap();
        let (good, error) = drain(&mut *r);
        assert!(error.is_none(), "{name}: {error:?}");
        drop(r);
        let cut = write(dir.path(), &name, &bytes[..bytes.len() * 6 / 10]);
        let mut r = match open_default(&cut) {
            Ok(r) => r,
            Err(e) => {
                // Only an index at the end of the file excuses this (and Matroska, whose demuxer
                // needs the whole segment).
                assert!(matches!(&name[..], "a.m4a" | "a.mka"), "{e}");
                continue;
            }
        };
        let (planes, error) = drain(&mut *r);
        let n = planes[0].len();
        assert!(n > 40_000 && n < 80_000, "{name}: {n}");
        let same = planes.iter().zip(&good).all(|(a, b)| a[..] == b[..n]);
        assert!(same, "{name}: the good part changed");
        // Raw ADTS and Matroska tell no length: their end may be the end.
        if !matches!(&name[..], "a.aac" | "a.mka") {
            match error {
                Some(MediaError::Damaged { frame, .. }) => assert_eq!(frame as usize, n, "{name}"),
                e => panic!("{name}: {e:?}"),
            }
        }
        assert!(
            matches!(drain(&mut *r), (p, None) if p[0].is_empty()),
            "{name}"
        );
        r.seek(20_000).unwrap();
        let again = take(&mut *r, 500).unwrap();
        assert_eq!(
            again[0][..],
            good[0][20_000..20_500],
            "{name}: after a seek back"
        );
    }
}

#[test]
fn a_hole_in_the_middle_never_shifts_what_follows() {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in material(200_000) {
        if !matches!(&name[..], "a.flac" | "a.mp3" | "x.mp3" | "a.ogg" | "f.ogg") {
            continue;
        }
        let whole = write(dir.path(), &name, &bytes);
        let (good, _) = drain(&mut *open_default(&whole).unwrap());
        let at = bytes.len() / 2;
        for (what, broken) in [
            ("removed", [&bytes[..at], &bytes[at + 5000..]].concat()),
            (
                "zeroed",
                [&bytes[..at], &[0; 5000], &bytes[at + 5000..]].concat(),
            ),
        ] {
            let path = write(dir.path(), &name, &broken);
            let mut r = open_default(&path).unwrap();
            let (planes, error) = drain(&mut *r);
            let n = planes[0].len();
            assert!((50_000..150_000).contains(&n), "{name}, {what}: {n}");
            assert!(planes[0][..] == good[0][..n], "{name}, {what}");
            assert!(
                matches!(error, Some(MediaError::Damaged { frame, .. }) if frame as usize == n),
                "{name}, {what}: {error:?}"
            );
        }
    }
}

/// Opens, reads, seeks and loops whatever is there; only a panic or a hang fails.
fn exercise(path: &Path, random: &mut Random) {
    let options = OpenOptions {
        preload_limit: 20_000_000,
    };
    let Ok(reader) = open(path, &options) else {
        return;
    };
    let mut reader: Box<dyn Reader> = match random.below(3) {
        0 => at_rate(reader, 48_000).unwrap(),
        _ => reader,
    };
    let channels = reader.spec().channels;
    let mut part = vec![vec![0.0f32; 3000]; channels];
    for _ in 0..3 {
        let mut frames = 0usize;
        let mut errors = 0;
        while frames < 3_000_000 {
            let mut slices: Vec<&mut [f32]> = part.iter_mut().map(|p| &mut p[..]).collect();
            match reader.read(&mut slices) {
                Ok(0) => break,
                Ok(n) => frames += n,
                Err(_) => {
                    errors += 1;
                    assert_eq!(errors, 1, "{}: an error twice", path.display());
                }
            }
        }
        let far = [100, 30_000, 1 << 20, u64::MAX][random.below(4) as usize];
        let to = random.below(far);
        let _ = reader.seek(to);
    }
}

#[test]
fn mutated_files_never_panic_or_hang() {
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random(2024);
    let begin = Instant::now();
    let mut runs = 0;
    let all = material(20_000);
    'all: for round in 0..24 {
        for (name, bytes) in &all {
            // A slow machine does fewer rounds; one case that hangs still shows below.
            if round > 1 && begin.elapsed() > Duration::from_secs(20) {
                break 'all;
            }
            let mut b = bytes.clone();
            if random.below(4) == 0 {
                b.truncate(random.below(b.len() as u64) as usize);
            }
            // Heads are where lengths and counts are.
            let reach = if random.below(2) == 0 {
                600
            } else {
                b.len() as u64
            };
            for _ in 0..1 + random.below(12) {
                let at = random.below(reach) as usize;
                let value = [0, 0xff, 0x7f, 0x80, random.below(256) as u8];
                if let Some(x) = b.get_mut(at) {
                    *x = value[random.below(5) as usize];
                }
            }
            let path = write(dir.path(), name, &b);
            let one = Instant::now();
            exercise(&path, &mut random);
            assert!(
                one.elapsed() < Duration::from_secs(20),
                "{name} took {:?}",
                one.elapsed()
            );
            runs += 1;
        }
    }
    assert!(runs >= all.len());
}

#[test]
fn a_decoders_panic_is_damage_and_known_as_its_own_while_it_lasts() {
    use super::super::decoder::contained;
    use super::super::is_decoding;
    assert!(contained(|| Ok(is_decoding())).unwrap());
    assert!(contained::<()>(|| panic!("on purpose")).is_err());
    assert!(!is_decoding());
}
