//! Plain WAV: every width, lying headers, pipes, and more than 4 GiB.

use std::fs::OpenOptions as FsOptions;
use std::io::{Cursor, Read, Seek, SeekFrom, Write};

use super::super::stream::WavPipe;
use super::super::testing::*;
use super::super::{MediaError, OpenOptions, Reader, exact_frames};

fn value(frame: u64, channel: usize) -> f32 {
    f32::from(step(frame, channel)) / 32768.0
}

fn check_all(reader: &mut dyn Reader, frames: u64, want: impl Fn(u64, usize) -> f32) {
    let channels = reader.spec().channels;
    let (planes, error) = drain(reader);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(planes[0].len() as u64, frames);
    for (c, plane) in planes.iter().enumerate() {
        for (f, &x) in plane.iter().enumerate() {
            assert_eq!(x, want(f as u64, c), "frame {f}, channel {c}");
        }
    }
    let mut random = Random(11);
    for _ in 0..60 {
        let to = random.below(frames + 2);
        reader.seek(to).unwrap();
        let got = take(reader, 300).unwrap();
        assert_eq!(got[0].len() as u64, 300.min(frames.saturating_sub(to)));
        for (c, plane) in got.iter().enumerate().take(channels) {
            for (i, &x) in plane.iter().enumerate() {
                assert_eq!(x, want(to + i as u64, c));
            }
        }
    }
}

#[test]
fn every_width_gives_its_very_samples() {
    let dir = tempfile::tempdir().unwrap();
    let widths = [
        (Store(1, 8), "WAV 8-bit"),
        (Store(1, 16), "WAV 16-bit"),
        (Store(1, 24), "WAV 24-bit"),
        (Store(1, 32), "WAV 32-bit"),
        (Store(3, 32), "WAV 32-bit float"),
        (Store(3, 64), "WAV 64-bit float"),
    ];
    for (store, name) in widths {
        for channels in [1, 2, 6] {
            let path = write(
                dir.path(),
                "a.wav",
                &wav(store, 44_100, channels, 30_011, step),
            );
            let mut r = open_default(&path).unwrap();
            assert_eq!(r.spec().format, name);
            assert_eq!(r.spec().frames, Some(30_011));
            assert_eq!((r.spec().rate, r.spec().channels), (44_100, channels));
            assert_eq!(r.spec().notice, None);
            check_all(&mut *r, 30_011, |f, c| match store {
                Store(_, 8) => f32::from(step(f, c) >> 8) / 128.0,
                _ => value(f, c),
            });
        }
    }
}

#[test]
fn companded_wav_agrees_with_symphonia() {
    use super::super::decoder::Decoder;
    use super::super::packets::Packets;
    let dir = tempfile::tempdir().unwrap();
    for tag in [6u16, 7] {
        let mut bytes = wav(Store(1, 8), 8000, 1, 256, |f, _| {
            (((f as i32) - 128) << 8) as i16
        });
        bytes[20..22].copy_from_slice(&tag.to_le_bytes());
        // symphonia asks for the size of an extension, even if it is 0.
        bytes[16] = 18;
        bytes.splice(36..36, [0, 0]);
        bytes[4..8].copy_from_slice(&(38 + 256u32).to_le_bytes());
        let path = write(dir.path(), "a.wav", &bytes);
        let mut r = open_default(&path).unwrap();
        let (ours, _) = drain(&mut *r);
        let mut theirs = Vec::new();
        let mut block = Vec::new();
        let mut decoder = Decoder::open(&path, "wav").unwrap();
        while let Ok(Some(_)) = decoder.next(&mut block) {
            theirs.extend_from_slice(&block[0]);
        }
        assert_eq!(ours[0], theirs);
        assert_eq!(ours[0].len(), 256);
    }
}

#[test]
fn a_header_that_claims_too_much_is_damage_at_the_real_end() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = wav(S24, 48_000, 2, 10_000, step);
    let path = write(dir.path(), "cut.wav", &bytes[..44 + 6 * 7000 + 5]);
    let mut r = open_default(&path).unwrap();
    assert_eq!(r.spec().frames, Some(7000));
    for _ in 0..2 {
        let (planes, error) = drain(&mut *r);
        assert_eq!(planes[1].len(), 7000);
        assert_eq!(planes[1][6999], value(6999, 1));
        assert!(
            matches!(error, Some(MediaError::Damaged { frame: 7000, .. })),
            "{error:?}"
        );
        let (rest, error) = drain(&mut *r);
        assert!(rest[0].is_empty() && error.is_none());
        r.seek(0).unwrap();
    }
    r.seek(7000).unwrap();
    assert!(take(&mut *r, 10).is_err());
    assert_eq!(take(&mut *r, 10).unwrap()[0].len(), 0);
    r.seek(20_000).unwrap();
    assert_eq!(take(&mut *r, 10).unwrap()[0].len(), 0);
}

#[test]
fn a_file_cut_while_it_plays_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a.wav", &wav(S16, 48_000, 2, 200_000, step));
    let mut r = open_default(&path).unwrap();
    take(&mut *r, 10).unwrap();
    let file = FsOptions::new().write(true).open(&path).unwrap();
    file.set_len(44 + 4 * 100_000 + 3).unwrap();
    let (planes, error) = drain(&mut *r);
    assert_eq!(planes[0].len(), 100_000 - 10);
    assert!(
        matches!(error, Some(MediaError::Damaged { frame: 100_000, .. })),
        "{error:?}"
    );
}

#[test]
fn sizes_that_a_recorder_never_filled_in_mean_the_end_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    for size in [0u32, u32::MAX, 0x7fff_f000] {
        let mut bytes = wav(S16, 48_000, 2, 5000, step);
        bytes[4..8].copy_from_slice(&size.to_le_bytes());
        bytes[40..44].copy_from_slice(&size.to_le_bytes());
        let path = write(dir.path(), "a.wav", &bytes);
        let mut r = open_default(&path).unwrap();
        assert_eq!(r.spec().frames, Some(5000));
        check_all(&mut *r, 5000, value);
    }
}

#[test]
fn an_empty_wav_is_empty_and_not_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a.wav", &wav(S16, 48_000, 2, 0, step));
    let mut r = open_default(&path).unwrap();
    assert_eq!(r.spec().frames, Some(0));
    assert!(matches!(drain(&mut *r), (p, None) if p[0].is_empty()));
}

/// A sparse RF64 of 4.5 GiB whose only samples are at its end.
#[test]
fn rf64_beyond_four_gigabytes() {
    let dir = tempfile::tempdir().unwrap();
    let frames: u64 = (4608u64 << 20) / 4;
    let mark = frames - 1000;
    for form in [b"RF64", b"BW64"] {
        let path = dir.path().join("big.wav");
        let mut f = std::fs::File::create(&path).unwrap();
        let mut head = form.to_vec();
        head.extend(u32::MAX.to_le_bytes());
        head.extend(b"WAVEds64");
        head.extend(28u32.to_le_bytes());
        head.extend((72 + frames * 4).to_le_bytes());
        head.extend((frames * 4).to_le_bytes());
        head.extend(frames.to_le_bytes());
        head.extend(0u32.to_le_bytes());
        let plain = wav(S16, 48_000, 2, 0, step);
        head.extend(&plain[12..40]);
        head.extend(u32::MAX.to_le_bytes());
        f.write_all(&head).unwrap();
        f.seek(SeekFrom::Start(head.len() as u64 + mark * 4))
            .unwrap();
        let tail: Vec<u8> = (mark..frames)
            .flat_map(|f| [step(f, 0).to_le_bytes(), step(f, 1).to_le_bytes()].concat())
            .collect();
        f.write_all(&tail).unwrap();

        let mut r = open_default(&path).unwrap();
        assert_eq!(r.spec().format.as_bytes(), [&form[..], b" 16-bit"].concat());
        assert_eq!(r.spec().frames, Some(frames));
        r.seek(mark - 5).unwrap();
        let got = take(&mut *r, 2000).unwrap();
        assert_eq!(got[0].len(), 1005);
        assert_eq!(got[0][..5], [0.0; 5]);
        for i in 0..1000 {
            assert_eq!(got[0][5 + i as usize], value(mark + i, 0));
            assert_eq!(got[1][5 + i as usize], value(mark + i, 1));
        }
        assert_eq!(take(&mut *r, 10).unwrap()[0].len(), 0);
        // The same with a plain header that gave up counting, as ffmpeg writes to a pipe.
        let mut plain = wav(S16, 48_000, 2, 0, step);
        plain[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
        f.seek(SeekFrom::Start(0)).unwrap();
        f.write_all(&plain).unwrap();
        let r = open_default(&path).unwrap();
        assert_eq!(r.spec().frames, Some(frames + 36 / 4));
    }
}

/// Gives its bytes in odd little pieces, as a pipe does.
struct Drip(Cursor<Vec<u8>>, Random);

impl Read for Drip {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = (1 + self.1.below(7000) as usize).min(out.len());
        self.0.read(&mut out[..n])
    }
}

fn pipe(bytes: Vec<u8>, limit: u64) -> Result<WavPipe, MediaError> {
    let input = Box::new(Drip(Cursor::new(bytes), Random(3)));
    let options = OpenOptions {
        preload_limit: limit,
    };
    WavPipe::open("-".as_ref(), input, &options)
}

#[test]
fn a_pipe_of_unknown_length_can_be_sought_while_it_fits_into_memory() {
    for size in [0u32, u32::MAX, 0x7fff_f000] {
        let mut bytes = wav(S24, 48_000, 2, 90_000, step);
        bytes[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        bytes[40..44].copy_from_slice(&size.to_le_bytes());
        let mut r = pipe(bytes, 1_000_000).unwrap();
        assert_eq!(r.spec().frames, None);
        // Ahead, then back, before the end is known.
        r.seek(50_000).unwrap();
        assert_eq!(take(&mut r, 1).unwrap()[0][0], value(50_000, 0));
        r.seek(0).unwrap();
        check_all(&mut r, 90_000, value);
        assert_eq!(r.spec().frames, Some(90_000));
        assert_eq!(exact_frames(&mut r).unwrap(), 90_000);
    }
}

#[test]
fn a_pipe_beyond_the_limit_plays_on_but_says_no_to_a_seek_back() {
    let mut r = pipe(wav(S16, 48_000, 2, 90_000, step), 50_000).unwrap();
    assert_eq!(r.spec().frames, Some(90_000));
    let (planes, error) = drain(&mut r);
    assert!(error.is_none());
    assert_eq!(planes[0].len(), 90_000);
    assert!((0..90_000).all(|f| planes[1][f] == value(f as u64, 1)));
    let e = r.seek(0).unwrap_err();
    assert!(e.to_string().contains("--preload-limit"), "{e}");
}

#[test]
fn a_pipe_that_closes_early_is_damage_once() {
    let bytes = wav(S16, 48_000, 2, 9000, step);
    let mut r = pipe(bytes[..44 + 4 * 4000 + 2].to_vec(), 1_000_000).unwrap();
    let (planes, error) = drain(&mut r);
    assert_eq!(planes[0].len(), 4000);
    assert!(matches!(
        error,
        Some(MediaError::Damaged { frame: 4000, .. })
    ));
    assert!(matches!(drain(&mut r), (p, None) if p[0].is_empty()));
    r.seek(3999).unwrap();
    assert_eq!(take(&mut r, 9).unwrap()[0], [value(3999, 0)]);
}

#[test]
fn a_pipe_must_deliver_wav() {
    let Err(e) = pipe(b"fLaC and more that is not wav".to_vec(), 1000) else {
        panic!("opened");
    };
    assert!(matches!(&e, MediaError::Unsupported { .. }), "{e}");
}

#[test]
fn a_named_pipe_works_like_standard_input() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    if !tool("a_named_pipe", "mkfifo", &[fifo.to_str().unwrap()]) {
        return;
    }
    let path = fifo.clone();
    let writer = std::thread::spawn(move || {
        std::fs::write(path, wav(S16, 48_000, 2, 20_000, step)).unwrap();
    });
    let mut r = open_default(&fifo).unwrap();
    check_all(&mut *r, 20_000, value);
    writer.join().unwrap();
}
