//! A session on a JACK server that dies again and again, or stands still for a while: nothing
//! hangs, and everything is as it was when the server is back.
//!
//! Short here; with `BACKLINE_SOAK` set, as often and as long as was promised.

use std::path::Path;
use std::time::{Duration, Instant};

use backend_jack::{ConnectRule, JackOptions};
use backline::player::{Note, OnLoss, OnReturn, Output, Player, PlayerBuilder};
use backline::report::{DeviceState, Ended, State};
use backline_tests::jackd::{Jackd, Recorder};
use backline_tests::session::{SOON, close, exact, until};
use backline_tests::stems::{frame_of, name_of, setlist, song, track, write_ramp};

const RATE: u32 = 48_000;
/// Frames recorded each time.
const HEARD: usize = 9600;
/// A server's return to the first sound, promised.
const BACK: Duration = Duration::from_secs(1);

fn soak() -> bool {
    std::env::var_os("BACKLINE_SOAK").is_some()
}

/// A ramp in main and another in click, connected by these rules.
fn session(dir: &Path, server: &Jackd, connect: Vec<ConnectRule>) -> Player {
    let main = write_ramp(dir, "ramp", RATE, 5_000_000, 1.0);
    let click = write_ramp(dir, "click", RATE, 5_000_000, 1.0);
    let mut tracks = vec![track("ramp", &main), track("click", &click)];
    tracks[1].bus = Some("click".into());
    PlayerBuilder::new(setlist(vec![song("ramps", tracks)]))
        .output(Output::Jack {
            options: JackOptions {
                server_name: Some(server.name().into()),
                connect,
                ..JackOptions::default()
            },
            physical: false,
            as_songs_say: true,
        })
        .on_loss(OnLoss::Wait, OnReturn::Resume)
        .build()
        .expect("a session")
}

/// First and last frame heard on both inputs, each of which must follow the one before.
fn heard(planes: &[Vec<f32>]) -> (u64, u64) {
    let first = frame_of(planes[0][0]);
    for (i, x) in planes[0].iter().enumerate() {
        assert_eq!(*x, name_of(first + i as u64), "frame {i} after {first}");
    }
    (first, first + planes[0].len() as u64 - 1)
}

fn connections(recorder: &Recorder) -> [Vec<String>; 3] {
    ["main_L", "main_R", "click"].map(|port| recorder.connections(&format!("backline:{port}")))
}

#[test]
fn killed_again_and_again_it_plays_on_within_a_second_patched_as_before() {
    let (rounds, away) = if soak() {
        (20, Duration::from_secs(3))
    } else {
        (3, Duration::from_secs(1))
    };
    let Some(mut server) = Jackd::start(256, RATE) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::open(&server, "recorder", 2, HEARD);
    let rules = vec![
        exact("main_L", &recorder.input(1)),
        exact("main_R", "system:playback_2"),
    ];
    let player = session(dir.path(), &server, rules);
    player.play();
    until("sound", || recorder.full());
    // By hand: one more connection of a port that has none, one of another port, one rule undone.
    until("the rules", || connections(&recorder)[1].len() == 1);
    recorder.connect("backline:click", &recorder.input(2));
    recorder.connect("backline:main_R", "system:playback_4");
    recorder.disconnect("backline:main_R", "system:playback_2");
    let patched = [
        vec![recorder.input(1)],
        vec!["system:playback_4".to_owned()],
        vec![recorder.input(2)],
    ];
    until("the patch", || connections(&recorder) == patched);
    // What was taken apart counts as meant so after a while.
    std::thread::sleep(Duration::from_millis(2500));
    let mut last = heard(&recorder.take().expect("it is full")).1;
    let mut slowest = Duration::ZERO;
    let mut recorder = Some(recorder);
    for round in 0..rounds {
        server.kill();
        // This process can't have clients of two servers.
        drop(recorder.take());
        until("the loss", || player.status().position.reason.is_some());
        let position = player.status().position;
        assert_eq!(position.state, State::Paused);
        assert!(position.frame > last, "{} ≤ {last}", position.frame);
        std::thread::sleep(away);
        // Another period each time.
        server.restart_at([128, 1024, 256][round % 3], RATE);
        let returned = Instant::now();
        let now = Recorder::open(&server, "recorder", 2, HEARD);
        until("sound", || now.sounds());
        slowest = slowest.max(returned.elapsed());
        until("the recording", || now.full());
        until("the patch", || connections(&now) == patched);
        let (first, end) = heard(&now.take().expect("it is full"));
        recorder = Some(now);
        assert!(
            (position.frame.saturating_sub(4096)..position.frame + u64::from(RATE))
                .contains(&first),
            "held at {}, {first} came",
            position.frame
        );
        last = end;
    }
    println!("slowest return of {rounds}: {slowest:?}");
    // A busy machine may take its time, but not when nothing else was to be done.
    let limit = if soak() { BACK } else { BACK * 10 };
    assert!(slowest < limit, "{slowest:?} after the server was back");
    let summary = close(player, SOON);
    assert_eq!((summary.ended, summary.error), (Ended::Stopped, None));
    assert_eq!((summary.losses as usize, summary.abandoned), (rounds, 0));
    assert!(summary.reason.is_some_and(|r| r.contains("went away")));
}

#[test]
fn a_server_that_stands_still_hangs_nothing_and_counts_as_lost() {
    let Some(server) = Jackd::start(256, RATE) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::open(&server, "recorder", 1, HEARD);
    let mut player = session(
        dir.path(),
        &server,
        vec![exact("main_L", &recorder.input(1))],
    );
    player.play();
    until("sound", || recorder.full());
    drop(recorder);
    server.freeze();
    let frozen = Instant::now();
    until("the loss", || {
        matches!(
            player.next_note(Duration::from_millis(10)),
            Some(Note::Device(d)) if d.state == DeviceState::Lost
        )
    });
    // It still does as it is told.
    until("the hold", || player.status().position.reason.is_some());
    player.set_master(0.25);
    until("a wish", || player.status().master == 0.25);
    let held = player.status().position.frame;
    std::thread::sleep(Duration::from_secs(5).saturating_sub(frozen.elapsed()));
    server.thaw();
    until("playing", || {
        player.status().position.state == State::Playing
    });
    let position = player.status().position;
    assert!(
        (held..held + 5 * u64::from(RATE)).contains(&position.frame),
        "held at {held}, plays on at {}",
        position.frame
    );
    let summary = close(player, SOON);
    assert_eq!((summary.ended, summary.error), (Ended::Stopped, None));
    assert_eq!((summary.losses, summary.abandoned), (1, 1));
    assert!(
        summary
            .reason
            .is_some_and(|r| r.contains("stopped calling"))
    );
}

#[test]
fn quitting_while_the_server_stands_still_takes_no_longer_than_the_deadline() {
    let Some(server) = Jackd::start(256, RATE) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let player = session(dir.path(), &server, Vec::new());
    player.play();
    until("playing", || player.status().position.frame > 0);
    server.freeze();
    let summary = close(player, SOON);
    assert_eq!((summary.ended, summary.error), (Ended::Stopped, None));
}
