//! What the return of a JACK server does: by policy, and with its transport, also at another rate.

use std::path::Path;

use backline::player::{OnLoss, OnReturn, Output, Player, PlayerBuilder, Transport};
use backline::report::State;
use backline_tests::conductor::Conductor;
use backline_tests::jackd::{Jackd, Recorder};
use backline_tests::session::{SOON, close, jack_to, until};
use backline_tests::stems::{frame_of, name_of, setlist, song, track, write_ramp};

const RATE: u32 = 48_000;
/// The other rate, which is the stem's own in the tests of transports: there it is heard unchanged.
const OTHER: u32 = 44_100;
const HEARD: usize = 4800;

fn to(server: &Jackd, dest: &str) -> Output {
    jack_to(server, &["main_L"], std::iter::once(dest.to_owned()))
}

fn session(dir: &Path, rate: u32, output: Output, loss: OnLoss, back: OnReturn) -> PlayerBuilder {
    let ramp = write_ramp(dir, "ramp", rate, 120 * u64::from(rate), 1.0);
    PlayerBuilder::new(setlist(vec![song("ramp", vec![track("ramp", &ramp)])]))
        .output(output)
        .on_loss(loss, back)
}

/// The first frame heard; every other follows the one before.
#[track_caller]
fn heard(planes: &[Vec<f32>]) -> u64 {
    let first = frame_of(planes[0][0]);
    for (i, x) in planes[0].iter().enumerate() {
        assert_eq!(*x, name_of(first + i as u64), "frame {i} after {first}");
    }
    first
}

/// Kills the server; the frame at which the session is held.
fn lose(server: &mut Jackd, player: &Player) -> u64 {
    server.kill();
    until("the loss", || player.status().position.reason.is_some());
    player.status().position.frame
}

#[test]
fn it_starts_over_or_waits_to_be_told_as_the_policy_has_it() {
    for (loss, back) in [
        (OnLoss::Wait, OnReturn::Restart),
        (OnLoss::Wait, OnReturn::Stay),
        (OnLoss::Stop, OnReturn::Resume),
    ] {
        let Some(mut server) = Jackd::start(256, RATE) else {
            return;
        };
        let dir = tempfile::tempdir().unwrap();
        let recorder = Recorder::open(&server, "recorder", 1, HEARD);
        let output = to(&server, &recorder.input(1));
        let player = session(dir.path(), RATE, output, loss, back)
            .start(Some(backline::song::Time::Frames(1)))
            .build()
            .unwrap();
        player.play();
        until("sound", || recorder.full());
        let far = 2_000_000;
        player.seek(backline::player::Place::At(backline::song::Time::Frames(
            far,
        )));
        until("it is far on", || player.status().position.frame > far);
        drop(recorder);
        let held = lose(&mut server, &player);
        assert!(held > far);
        server.restart();
        let recorder = Recorder::open(&server, "recorder", 1, HEARD);
        if back == OnReturn::Restart {
            until("the recording", || recorder.full());
            let first = heard(&recorder.finish(SOON));
            assert!(first < far, "held at {held}, {first} came");
        } else {
            until("its ports", || {
                !recorder.connections("backline:main_L").is_empty()
            });
            until("its return", || player.status().position.reason.is_none());
            let callbacks = player.status().callbacks;
            until("cycles", || player.status().callbacks > callbacks + 50);
            let position = player.status().position;
            assert_eq!(position.state, State::Paused, "{loss:?} {back:?}");
            assert_eq!(position.frame, held, "{loss:?} {back:?}");
            assert!(!recorder.sounds(), "{loss:?} {back:?}");
            player.play();
            until("the recording", || recorder.full());
            assert_eq!(heard(&recorder.finish(SOON)), held, "{loss:?} {back:?}");
        }
        close(player, SOON);
    }
}

#[test]
fn the_transport_of_a_server_that_is_back_at_another_rate_is_followed() {
    let Some(mut server) = Jackd::start(256, RATE) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let output = to(&server, "conductor:in_1");
    let player = session(dir.path(), OTHER, output, OnLoss::Wait, OnReturn::Resume)
        .transport(Transport::Follow)
        .build()
        .unwrap();
    player.play();
    let conductor = Conductor::open(&server, 0, 0);
    until("it follows", || player.status().position.reason.is_some());
    conductor.locate(1_000_000);
    conductor.start();
    until("it plays", || player.status().position.frame > 1_000_000);
    drop(conductor);
    assert!(lose(&mut server, &player) > 1_000_000);
    server.restart_at(128, OTHER);
    let conductor = Conductor::open(&server, 1, 120 * u64::from(OTHER));
    until("the connection", || !conductor.connections(1).is_empty());
    // The new server's transport is another one, and has another place.
    conductor.locate(300_000);
    conductor.start();
    until("the sound", || {
        conductor.right_and_silent().0 > u64::from(OTHER)
    });
    let position = player.status().position;
    assert_eq!(position.state, State::Playing);
    assert!((300_000..1_000_000).contains(&position.frame));
    // (It is faded out at the end, and a fade is no frame of the song.)
    close(player, SOON);
}

#[test]
fn the_transport_of_a_server_that_is_back_at_another_rate_is_led_to_the_place() {
    for back in [OnReturn::Resume, OnReturn::Stay] {
        let Some(mut server) = Jackd::start(256, RATE) else {
            return;
        };
        let dir = tempfile::tempdir().unwrap();
        let output = to(&server, "conductor:in_1");
        let player = session(dir.path(), OTHER, output, OnLoss::Wait, back)
            .transport(Transport::Lead)
            .start(Some(backline::song::Time::Frames(1_000_000)))
            .build()
            .unwrap();
        player.play();
        until("it plays", || player.status().position.frame > 1_000_000);
        let held = lose(&mut server, &player);
        let held = held as f64 / f64::from(RATE);
        server.restart_at(128, OTHER);
        let conductor = Conductor::open(&server, 1, 120 * u64::from(OTHER));
        if back == OnReturn::Stay {
            let there = || f64::from(conductor.frame()) / f64::from(OTHER);
            until("the place", || (there() - held).abs() < 0.001);
            until("the connection", || !conductor.connections(1).is_empty());
            conductor.wait_cycles(50);
            assert!(!conductor.rolling());
            assert_eq!(player.status().position.state, State::Paused);
            player.play();
        }
        until("the sound", || {
            conductor.right_and_silent().0 > u64::from(OTHER)
        });
        let now = f64::from(conductor.frame()) / f64::from(OTHER);
        assert!((held + 0.9..held + 30.0).contains(&now), "{held} → {now}");
        close(player, SOON);
    }
}
