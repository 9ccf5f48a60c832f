//! The device or server goes away and comes back: playing goes on at the right place.

use std::path::{Path, PathBuf};
use std::time::Duration;

use backline::player::{Note, OnLoss, OnReturn, Output, Player, PlayerBuilder};
use backline::render::{Options, Pulled, Rendering};
use backline::report::{DeviceState, Ended, State};
use backline::song::Song;
use backline_tests::alsa_rig::isolated;
use backline_tests::jackd::{Jackd, Recorder};
use backline_tests::session::{SOON, alsa, close, faulty, finish, jack, read_raw, until};
use backline_tests::stems::{frame_of, name_of, setlist, song, track, write_ramp};
use engine_core::convert::SampleFormat;

const RATE: u32 = 48_000;
const PERIOD: u32 = 2048;
const PORTS: [&str; 2] = ["main_L", "main_R"];

fn session(dir: &Path, frames: u64, output: Output, back: OnReturn) -> Player {
    let file = write_ramp(dir, "ramp", RATE, frames, 1.0);
    PlayerBuilder::new(setlist(vec![song("ramp", vec![track("ramp", &file)])]))
        .output(output)
        .poll(Duration::from_millis(10))
        .rate(Some(RATE))
        // Deep enough for a busy machine: an xrun of its own would spoil the count.
        .period(Some(PERIOD), Some(4))
        .format(Some(SampleFormat::F32))
        .on_loss(OnLoss::Wait, back)
        .build()
        .expect("a session")
}

/// First and last frame heard, each of which must follow the one before.
fn heard(planes: &[Vec<f32>]) -> (u64, u64) {
    let plane = &planes[0];
    let begin = plane.iter().position(|x| *x != 0.0).expect("sound");
    let end = plane.iter().rposition(|x| *x != 0.0).expect("sound");
    let first = frame_of(plane[begin]);
    for (i, x) in plane[begin..=end].iter().enumerate() {
        assert_eq!(*x, name_of(first + i as u64), "frame {i} after {first}");
    }
    (first, first + (end - begin) as u64)
}

#[test]
fn a_jack_server_that_was_killed_comes_back_with_sound_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut server) = Jackd::start(256, RATE) else {
        return;
    };
    let recorder = Recorder::open(&server, "recorder", 2, 24_000);
    let output = jack(&server, &PORTS, Some(&recorder));
    let player = session(dir.path(), 4_000_000, output, OnReturn::Resume);
    player.play();
    let (first, last) = heard(&recorder.finish(SOON));
    assert_eq!((first, last), (0, 23_999));
    server.kill();
    until("the loss shows", || {
        let p = player.status().position;
        p.state == State::Paused && p.reason.is_some()
    });
    let place = player.status().position.frame;
    assert!(
        place > last - 1024,
        "{place} is before what was heard, {last}"
    );
    server.restart();
    // Of the same name, so that the player's connections are made again.
    let recorder = Recorder::open(&server, "recorder", 2, 24_000);
    let planes = recorder.finish(SOON);
    assert_eq!(planes[0].len(), 24_000, "as much sound as before");
    // A connection is made after the stream has started: the beginning may be missed.
    let (again, _) = heard(&planes);
    assert!(
        (place..place + u64::from(RATE) * 5).contains(&again),
        "{place} → {again}"
    );
    assert_eq!(player.status().position.state, State::Playing);
    let summary = close(player, SOON);
    assert_eq!((summary.ended, summary.starvations), (Ended::Stopped, 0));
}

/// What the device still held when it went was given and never heard, so it is heard now. How much
/// it held was last seen a period or two before.
fn check_return(next: u64, first: u64) {
    assert!(
        first <= next && next - first <= 2 * u64::from(PERIOD),
        "{next} was next, {first} came"
    );
}

#[test]
fn a_device_unplugged_again_and_again_goes_on_where_it_was() {
    isolated(
        "a_device_unplugged_again_and_again_goes_on_where_it_was",
        |folder| {
            let gone = folder.join("gone");
            let settings = format!("SPEED=1,FAULT=disconnect@30000,GONE={}", gone.display());
            let (file, device) = faulty(folder, &settings);
            // The last part is well inside the fourth.
            let length = 100_000;
            let player = session(folder, length, alsa(device), OnReturn::Resume);
            player.play();
            let (mut next, mut parts) = (0, 0);
            while !player.is_over() && next < length {
                until("unplugged, or the end", || {
                    let p = player.status().position;
                    (gone.exists() && p.reason.is_some()) || player.is_over()
                });
                let (first, last) = heard(&read_raw(&file, 2));
                check_return(next, first);
                next = last + 1;
                parts += 1;
                let _ = std::fs::remove_file(&gone);
                until("back, or the end", || {
                    player.status().position.reason.is_none() || player.is_over()
                });
            }
            let summary = finish(player, SOON);
            assert_eq!(summary.ended, Ended::End);
            assert!(parts >= 4, "{parts} parts");
            assert_eq!(next, length, "the last frame");
        },
    );
}

#[test]
fn a_return_may_also_start_over_or_stay() {
    isolated("a_return_may_also_start_over_or_stay", |folder| {
        for back in [OnReturn::Restart, OnReturn::Stay] {
            let gone = folder.join("gone");
            let settings = format!("SPEED=1,FAULT=disconnect@30000,GONE={}", gone.display());
            let (file, device) = faulty(folder, &settings);
            let mut player = session(folder, 400_000, alsa(device), back);
            player.play();
            until("unplugged", || {
                gone.exists() && player.status().position.reason.is_some()
            });
            let (first, last) = heard(&read_raw(&file, 2));
            assert_eq!(first, 0);
            let place = player.status().position.frame;
            check_return(last + 1, place);
            std::fs::remove_file(&gone).unwrap();
            until("back", || player.status().position.reason.is_none());
            if back == OnReturn::Stay {
                until("the place", || player.status().position.frame == place);
                assert_ne!(player.status().position.state, State::Playing);
                player.play();
            }
            until("unplugged again", || gone.exists());
            let (first, _) = heard(&read_raw(&file, 2));
            let wanted = if back == OnReturn::Stay { place } else { 0 };
            assert_eq!(first, wanted, "{back:?}");
            let mut told = Vec::new();
            while told.len() < 3 {
                let note = player.next_note(SOON).expect("lost, back, lost again");
                if let Note::Device(device) = note {
                    told.push(device.state);
                }
            }
            assert_eq!(
                told,
                [DeviceState::Lost, DeviceState::Running, DeviceState::Lost]
            );
            close(player, SOON);
            let _ = std::fs::remove_file(&gone);
        }
    });
}

/// What of a session is heard after the card of 48 kHz and float has come back as another one.
fn comes_back_as(folder: &Path, rates: &str, formats: &str) -> (u64, PathBuf, Player) {
    let (gone, as_rates, as_formats) = (
        folder.join("gone"),
        folder.join("rates"),
        folder.join("formats"),
    );
    std::fs::write(&as_rates, "48000").unwrap();
    std::fs::write(&as_formats, "FLOAT_LE").unwrap();
    let settings = format!(
        "SPEED=1,FAULT=disconnect@30000,GONE={},RATES={},FORMATS={}",
        gone.display(),
        as_rates.display(),
        as_formats.display()
    );
    let (file, device) = faulty(folder, &settings);
    let player = PlayerBuilder::new(setlist(vec![long_ramp(folder)]))
        .output(alsa(device))
        .poll(Duration::from_millis(10))
        .period(Some(PERIOD), Some(4))
        .on_loss(OnLoss::Wait, OnReturn::Resume)
        .build()
        .expect("a session");
    player.play();
    until("unplugged", || {
        gone.exists() && player.status().position.reason.is_some()
    });
    let (first, last) = heard(&read_raw(&file, 2));
    assert_eq!(first, 0);
    let place = player.status().position.frame;
    check_return(last + 1, place);
    std::fs::write(&as_rates, rates).unwrap();
    std::fs::write(&as_formats, formats).unwrap();
    std::fs::remove_file(&gone).unwrap();
    until("unplugged again", || {
        gone.exists() && player.status().position.reason.is_some()
    });
    (place, file, player)
}

fn long_ramp(folder: &Path) -> Song {
    let file = write_ramp(folder, "ramp", RATE, 400_000, 1.0);
    song("ramp", vec![track("ramp", &file)])
}

#[test]
fn a_card_that_comes_back_with_another_format_goes_on_exactly() {
    isolated(
        "a_card_that_comes_back_with_another_format_goes_on_exactly",
        |folder| {
            let (place, file, player) = comes_back_as(folder, "48000", "S32_LE");
            let data = std::fs::read(&file).unwrap();
            let left = data.chunks_exact(8).map(|f| [f[0], f[1], f[2], f[3]]);
            let left: Vec<i64> = left.map(|x| i32::from_le_bytes(x).into()).collect();
            assert_eq!(left.len(), 30_000);
            for (i, x) in left.iter().enumerate() {
                assert_eq!(*x, (place as i64 + i as i64 + 1) << 8, "frame {i}");
            }
            close(player, SOON);
        },
    );
}

#[test]
fn a_card_that_comes_back_at_another_rate_goes_on_exactly() {
    isolated(
        "a_card_that_comes_back_at_another_rate_goes_on_exactly",
        |folder| {
            let (place, file, player) = comes_back_as(folder, "96000", "FLOAT_LE");
            assert_eq!(player.status().rate, 96_000);
            let heard = read_raw(&file, 2).swap_remove(0);
            let options = Options {
                mix: true,
                rate: Some(96_000),
                ..Options::default()
            };
            let mut rendering = Rendering::open(setlist(vec![long_ramp(folder)]), options).unwrap();
            let mut wanted = Vec::new();
            while wanted.len() < 200_000 {
                match rendering.pull().unwrap() {
                    Pulled::Frames(n) => wanted.extend_from_slice(&rendering.mix()[0][..n]),
                    Pulled::Waiting => {}
                    Pulled::End => break,
                }
            }
            let from = 2 * place as usize;
            assert_eq!(heard.len(), 30_000);
            for (i, x) in heard.iter().enumerate() {
                assert_eq!(*x, wanted[from + i], "frame {i} after {place}");
            }
            close(player, SOON);
        },
    );
}

#[test]
fn a_card_that_has_not_got_the_songs_rate_plays_at_one_of_its_own() {
    isolated(
        "a_card_that_has_not_got_the_songs_rate_plays_at_one_of_its_own",
        |folder| {
            let file = write_ramp(folder, "ramp", 44_100, 44_100, 1.0);
            let songs = setlist(vec![song("ramp", vec![track("ramp", &file)])]);
            let build = |rate| {
                let output = alsa("faulty:SPEED=4,RATES=96000".into());
                PlayerBuilder::new(songs.clone())
                    .output(output)
                    .rate(rate)
                    .build()
            };
            let player = build(None).expect("a session");
            player.play();
            let summary = finish(player, SOON);
            assert_eq!((summary.ended, summary.frames), (Ended::End, 96_000));
            assert_eq!(summary.rate, Some(96_000));
            // One that is asked for is not to be another.
            assert!(build(Some(44_100)).is_err());
        },
    );
}
