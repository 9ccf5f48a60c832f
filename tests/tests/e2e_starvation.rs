//! Sync under starvation: a device that asks faster than the stems can be read. Whatever happens,
//! no frame is skipped or repeated and the stems stay together.

use std::path::Path;
use std::time::{Duration, Instant};

use backline::player::PlayerBuilder;
use backline::report::{Ended, State};
use backline::song::{Bus, Song};
use backline_tests::rush::Rush;
use backline_tests::session::{SOON, close, finish, until};
use backline_tests::stems::{frame_of, setlist, song, track, write_f32_wav, write_ramp};

const RATE: u32 = 48_000;
/// Stems that name their frames, on outputs 1 to 8. Output 9 carries a constant: whatever fades the
/// others shows there, so that they can be read through a fade. Output 10 is only slow.
const RAMPS: usize = 8;
/// Of the constant; that of the ramps is 1.
const LEVEL: f32 = 0.5;

fn ramps(dir: &Path, frames: u64) -> Song {
    let mut tracks: Vec<_> = (0..RAMPS)
        .map(|i| {
            let name = format!("stem{i}");
            let path = write_ramp(dir, &name, RATE, frames, 1.0);
            track(&name, &path)
        })
        .collect();
    let path = dir.join("level.wav");
    write_f32_wav(&path, RATE, &[vec![LEVEL; frames as usize]]);
    tracks.push(track("level", &path));
    // One that takes longer to read than the others: its rings run dry first.
    let path = write_ramp(dir, "slow", 2 * RATE, 2 * frames, 1.0);
    tracks.push(track("slow", &path));
    let mut song = song("ramps", tracks);
    for (i, t) in song.tracks.iter_mut().enumerate() {
        let name = format!("out{}", i + 1);
        t.bus = Some(name.clone());
        song.buses.push(Bus {
            outputs: vec![i as u16 + 1],
            ..Bus::named(&name)
        });
    }
    song
}

/// The frame that all stems are on, read through any fade; `None` when all are silent.
///
/// # Panics
/// When they are not on the same one.
fn common_frame(planes: &[Vec<f32>], i: usize) -> Option<u64> {
    let level = planes[RAMPS][i];
    let first = planes[0][i];
    for (n, plane) in planes[..RAMPS].iter().enumerate() {
        assert_eq!(plane[i].to_bits(), first.to_bits(), "stem {n} is elsewhere");
    }
    if level == 0.0 {
        assert_eq!(first, 0.0);
        return None;
    }
    // 2⁻²³ is a frame, and the two roundings of a fade are less than half of that.
    let fade = f64::from(level) / f64::from(LEVEL);
    Some(frame_of((f64::from(first) / fade) as f32))
}

#[test]
fn frames_are_neither_skipped_nor_repeated_and_stems_stay_together() {
    let dir = tempfile::tempdir().unwrap();
    let length = 400_000;
    let device = Rush::new(RATE, 256);
    let player = PlayerBuilder::new(setlist(vec![ramps(dir.path(), length)]))
        .output(device.output())
        .poll(Duration::from_millis(10))
        .ring_ms(100)
        .build()
        .unwrap();
    player.play();
    let limit = Instant::now() + Duration::from_secs(60);
    // The frame expected next, the holds met, and the frames they lasted.
    let (mut next, mut holds, mut silent) = (0u64, 0u64, 0u64);
    let mut in_hold = false;
    let mut size = 1;
    while next < length {
        assert!(Instant::now() < limit, "never came: frame {next}");
        size = size * 7 % 997 + 1;
        let Some(planes) = device.call(size) else {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        };
        for i in 0..size {
            match common_frame(&planes, i) {
                Some(frame) => {
                    // A fade begins at 0: that one frame was there, and not heard.
                    let inaudible = u64::from(in_hold);
                    assert_eq!(frame, next + inaudible, "after {holds} holds");
                    next = frame + 1;
                    in_hold = false;
                }
                None if next == 0 || next >= length => {}
                None => {
                    holds += u64::from(!in_hold);
                    silent += 1;
                    in_hold = true;
                }
            }
        }
    }
    // What follows the end is silent, and the session ends.
    let summary = loop {
        match device.call(256) {
            Some(planes) => assert!(planes.iter().flatten().all(|x| *x == 0.0)),
            None => break finish(player, SOON),
        }
    };
    assert_eq!((summary.ended, summary.frames), (Ended::End, length));
    assert!(holds > 3, "the device was not fast enough to starve");
    assert_eq!(summary.starvations, holds, "each is counted once");
    // The frame at which the fade-in begins is one of the song's.
    assert_eq!(summary.starved_frames, silent - holds);
    eprintln!("{holds} holds, {silent} frames of silence");
}

#[test]
fn a_hold_shows_in_the_status_and_a_seek_leaves_it() {
    let dir = tempfile::tempdir().unwrap();
    let device = Rush::new(RATE, 256);
    let player = PlayerBuilder::new(setlist(vec![ramps(dir.path(), 900_000)]))
        .output(device.output())
        .poll(Duration::from_millis(10))
        .ring_ms(100)
        .build()
        .unwrap();
    player.play();
    until("the start", || device.call(64).is_some());
    for target in [700_000u64, 3, 123_456, 500_000, 1] {
        until("a hold", || {
            device.call(2000);
            let p = player.status().position;
            p.state == State::Playing && p.reason.is_some()
        });
        player.seek(backline::player::Place::At(backline::song::Time::Frames(
            target,
        )));
        // The new place is faded in, over the hold's 64 frames or, when the old place sounds
        // again by then, over the 8 ms of a seek.
        let limit = Instant::now() + SOON;
        loop {
            assert!(Instant::now() < limit, "never came: frame {target}");
            let Some(planes) = device.call(256) else {
                panic!("{target}: {:?}", player.status().position);
            };
            let full = |i: &usize| planes[RAMPS][*i] == LEVEL;
            let frames = (0..256)
                .filter(full)
                .filter_map(|i| common_frame(&planes, i));
            let near = |f: &u64| (target..target + 512).contains(f);
            if frames.into_iter().any(|f| near(&f)) {
                break;
            }
        }
    }
    let summary = close(player, SOON);
    assert_eq!(summary.ended, Ended::Stopped);
}
