//! The JACK backend and the player on it in the virtual machine: jackd at periods no busy host
//! could hold, by its own clock and on a card of the kernel.
//!
//! The guest's clock counts instructions: an xrun or a starvation in here is the program's fault.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use backend_jack::{ConnectRule, Jack, JackOptions};
use backline::player::{Note, OnLoss, OnReturn, Output, Player, PlayerBuilder};
use backline::report::{DeviceState, Ended, State};
use backline_tests::guest::{RATE, unplug, until};
use backline_tests::jackd::{Jackd, Recorder};
use backline_tests::noise::{Noise, mix, noise, stems};
use backline_tests::stems::setlist;
use engine_core::backend::{Backend, Closed, Halt, Wish};
use engine_core::convert::SampleFormat;
use engine_core::monitor::MonitorLevel;

const LONG: Duration = Duration::from_secs(20);

/// The server's output for `port` goes to the recorder's input `n`.
fn to(recorder: &Recorder, port: &str, n: usize) -> ConnectRule {
    ConnectRule::Exact {
        port: port.into(),
        dest: recorder.input(n),
    }
}

fn options(server: &Jackd, connect: Vec<ConnectRule>) -> JackOptions {
    JackOptions {
        server_name: Some(server.name().into()),
        connect,
        ..JackOptions::default()
    }
}

/// The first frame and the two samples where `heard` isn't what `expected` says of each frame.
fn difference(
    heard: &[f32],
    frames: u64,
    expected: impl Fn(u64) -> f32,
) -> Option<(u64, Option<f32>, f32)> {
    (0..frames)
        .map(|i| (i, heard.get(i as usize).copied(), expected(i)))
        .find(|(_, came, expected)| *came != Some(*expected))
}

/// Two seconds of the backend alone, into a recorder.
fn backend_on(server: &Jackd, period: u32) {
    let frames = 2 * u64::from(RATE);
    let recorder = Recorder::open(server, "recorder", 2, frames as usize);
    let connect = vec![to(&recorder, "a", 1), to(&recorder, "b", 2)];
    let mut backend = Jack::new(options(server, connect));
    let granted = backend
        .open(&Wish {
            rate: None,
            period: None,
            periods: None,
            format: None,
            outs: &["a", "b"],
        })
        .unwrap();
    assert_eq!((granted.rate, granted.period), (RATE, period));
    let (process, given) = Noise::new(SampleFormat::F32, frames);
    backend.start(process).unwrap();
    until("the end", || given.load(Ordering::Acquire) >= frames);
    until("the recording", || recorder.full());
    backend.halt(Halt::Drain, LONG).unwrap();
    let report = backend.report();
    assert_eq!((report.device_xruns, report.xrun_frames), (0, 0));
    assert_eq!(backend.close(LONG), Closed::Clean);
    for (channel, plane) in recorder.finish(LONG).iter().enumerate() {
        let sample = |frame| noise(24, frame, channel) as f32 / 8_388_608.0;
        assert_eq!(difference(plane, frames, sample), None, "channel {channel}");
    }
}

/// Eight stems, seven in main and one in click, into a recorder.
fn player_on(server: &Jackd, seconds: u64) {
    let frames = seconds * u64::from(RATE);
    let dir = tempfile::tempdir().unwrap();
    let lengths = [
        frames, 50_000, frames, frames, frames, 70_001, frames, frames,
    ];
    let mut song = stems(dir.path(), &lengths);
    song.tracks[2].bus = Some("click".into());
    let recorder = Recorder::open(server, "recorder", 3, frames as usize);
    let connect = vec![
        to(&recorder, "main_L", 1),
        to(&recorder, "main_R", 2),
        to(&recorder, "click", 3),
    ];
    let mut player = PlayerBuilder::new(setlist(vec![song]))
        .output(Output::Jack {
            options: options(server, connect),
            physical: false,
            as_songs_say: true,
        })
        .monitor_level(MonitorLevel::Full)
        .build()
        .unwrap();
    player.play();
    let summary = player.wait().unwrap();
    assert_eq!(summary.ended, Ended::End, "{:?}", summary.error);
    assert_eq!(summary.frames, frames);
    assert_eq!((summary.device_xruns, summary.starvations), (Some(0), 0));
    assert_eq!(summary.late_callbacks, Some(0));
    let heard = recorder.finish(LONG);
    let (main, click) = (&[0, 1, 3, 4, 5, 6, 7][..], &[2][..]);
    assert_eq!(heard.len(), 3);
    for (plane, numbers) in heard.iter().zip([main, main, click]) {
        let sample = |frame| mix(&lengths, numbers, frame) as f32 / 32_768.0;
        assert_eq!(difference(plane, frames, sample), None, "stems {numbers:?}");
    }
}

#[test]
fn the_backend_is_exact_at_64_frames() {
    if let Some(server) = Jackd::start(64, RATE) {
        backend_on(&server, 64);
    }
}

#[test]
fn the_backend_is_exact_on_a_card() {
    if let Some(server) = Jackd::start_on_card("hw:Dummy", 128, 2, RATE) {
        backend_on(&server, 128);
    }
}

#[test]
fn the_player_is_exact_at_64_frames() {
    if let Some(server) = Jackd::start(64, RATE) {
        player_on(&server, 3);
    }
}

#[test]
fn the_player_is_exact_on_a_card() {
    if let Some(server) = Jackd::start_on_card("hw:Dummy", 128, 2, RATE) {
        player_on(&server, 3);
    }
}

fn waiting_player(server: &Jackd, dir: &Path) -> Player {
    PlayerBuilder::new(setlist(vec![stems(dir, &[3 * u64::from(RATE); 3])]))
        .output(Output::Jack {
            options: options(server, Vec::new()),
            physical: false,
            as_songs_say: true,
        })
        .on_loss(OnLoss::Wait, OnReturn::Resume)
        .build()
        .unwrap()
}

/// jackd says nothing to its clients when its card is pulled out: the graph just stands still.
#[test]
fn a_card_pulled_out_under_the_server_is_a_loss_and_playing_goes_on_with_the_next_server() {
    let Some(mut server) = Jackd::start_on_card("hw:Dummy", 128, 2, RATE) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let mut player = waiting_player(&server, dir.path());
    player.play();
    until("a second of the song", || {
        player.status().position.frame > u64::from(RATE)
    });
    let card = unplug("snd_dummy");
    until("the loss", || {
        matches!(
            player.next_note(Duration::from_millis(10)),
            Some(Note::Device(d)) if d.state == DeviceState::Lost
        )
    });
    until("the hold", || {
        let position = player.status().position;
        position.state == State::Paused && position.reason.is_some()
    });
    let held = player.status().position.frame;
    server.kill();
    card.plug_in();
    server.restart();
    until("playing", || {
        player.status().position.state == State::Playing
    });
    let resumed = player.status().position.frame;
    assert!(
        (held..held + u64::from(RATE) / 2).contains(&resumed),
        "held at {held}, plays on at {resumed}"
    );
    let summary = player.wait().unwrap();
    assert_eq!(summary.ended, Ended::End, "{:?}", summary.error);
    assert_eq!(summary.starvations, 0);
}
