//! A whole session on a JACK server: every port is the song to the bit, whatever the period, through changes of it and
//! in freewheel.

use std::path::Path;

use backline::player::{Output, Player, PlayerBuilder};
use backline::song::Song;
use backline_tests::jackd::{Jackd, Recorder};
use backline_tests::session::{SOON, close, jack, until};
use backline_tests::stems::{name_of, setlist, song, track, write_f32_wav, write_ramp};

const RATE: u32 = 48_000;
const PORTS: [&str; 3] = ["main_L", "main_R", "click"];
/// What a port's samples are, by those that name the frames.
const GAINS: [f32; 3] = [1.0, -1.0, 0.5];

/// A stereo stem in main, a mono one in click.
fn two_stems(dir: &Path, frames: u64) -> Song {
    let left: Vec<f32> = (0..frames).map(name_of).collect();
    let right = left.iter().map(|x| -x).collect();
    let main = dir.join("main.wav");
    write_f32_wav(&main, RATE, &[left, right]);
    let click = write_ramp(dir, "click", RATE, frames, 0.5);
    let mut tracks = vec![track("main", &main), track("click", &click)];
    tracks[1].bus = Some("click".into());
    song("two stems", tracks)
}

fn play(dir: &Path, output: Output, frames: u64) -> Player {
    let player = PlayerBuilder::new(setlist(vec![two_stems(dir, frames)]))
        .output(output)
        .build()
        .expect("a session");
    player.play();
    player
}

/// Every port is the song from its first frame on.
#[track_caller]
fn assert_song(planes: &[Vec<f32>], frames: usize) {
    assert_eq!(planes.len(), PORTS.len());
    for ((plane, gain), port) in planes.iter().zip(GAINS).zip(PORTS) {
        assert_eq!(plane.len(), frames, "{port} is complete");
        let wrong = (0..frames).find(|&k| plane[k] != gain * name_of(k as u64));
        let wrong = wrong.map(|k| (k, plane[k] / gain * (1 << 23) as f32));
        assert_eq!(wrong, None, "first wrong frame of {port}");
    }
}

#[test]
fn every_port_is_exact_at_any_period() {
    const FRAMES: usize = 16_000;
    for period in [16, 64, 128, 1024] {
        let Some(server) = Jackd::start(period, RATE) else {
            return;
        };
        let dir = tempfile::tempdir().unwrap();
        let recorder = Recorder::open(&server, "rec", PORTS.len(), FRAMES);
        let output = jack(&server, &PORTS, Some(&recorder));
        let player = play(dir.path(), output, 10 * u64::from(RATE));
        until("recorded", || recorder.full());
        assert_song(&recorder.finish(SOON), FRAMES);
        assert_eq!(player.status().starvations, 0);
        close(player, SOON);
    }
}

#[test]
fn every_port_is_exact_through_changed_periods_and_in_freewheel() {
    const FRAMES: usize = 30 * RATE as usize;
    let Some(server) = Jackd::start(256, RATE) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::open(&server, "rec", PORTS.len(), FRAMES);
    let output = jack(&server, &PORTS, Some(&recorder));
    let player = play(dir.path(), output, 40 * u64::from(RATE));
    let callbacks = || player.status().callbacks;
    until("it plays", || callbacks() > 10);
    for period in [16, 1024, 100, 8192, 64, 256] {
        recorder.set_period(period);
        let from = callbacks();
        until("some of that period", || callbacks() > from + 4);
    }
    assert!(!recorder.full(), "there is more to come");
    recorder.freewheel(true);
    until("recorded", || recorder.full());
    // Before anybody closes: jackd 1.9.21 spins for ever otherwise.
    recorder.freewheel(false);
    assert_song(&recorder.finish(SOON), FRAMES);
    assert_eq!(player.status().starvations, 0);
    close(player, SOON);
}
