//! The same sessions on PipeWire, through its libjack: exact, survived, followed. It reports neither xruns nor its own
//! death, so nothing here asks for those; what differs is in `cli/docs/jack.md`.
//!
//! Short here; with `BACKLINE_SOAK` set, as often as was promised.

use std::path::Path;
use std::time::{Duration, Instant};

use backline::control::{Connection, Verb};
use backline::player::{OnLoss, OnReturn, Player, PlayerBuilder, Transport};
use backline::report::{Ended, State};
use backline::song::Song;
use backline_tests::conductor::Conductor;
use backline_tests::dice::Dice;
use backline_tests::jackd::{Jackd, Recorder};
use backline_tests::keyboard::Keyboard;
use backline_tests::pipewire::{under_pipewire, under_pipewire_as_it_comes};
use backline_tests::program::{Home, Running};
use backline_tests::session::{SOON, close, jack, jack_to, until};
use backline_tests::stems::{frame_of, name_of, setlist, song, track, write_f32_wav};
use engine_core::monitor::MonitorLevel;

const RATE: u32 = 48_000;
const PORTS: [&str; 2] = ["main_L", "main_R"];

/// A stereo stem whose samples name their frames, on the right negated.
fn stem(dir: &Path, frames: u64) -> Song {
    let left: Vec<f32> = (0..frames).map(name_of).collect();
    let right = left.iter().map(|x| -x).collect();
    let path = dir.join("stem.wav");
    write_f32_wav(&path, RATE, &[left, right]);
    song("stem", vec![track("stem", &path)])
}

fn play(dir: &Path, server: &Jackd, recorder: &Recorder, frames: u64) -> Player {
    let player = PlayerBuilder::new(setlist(vec![stem(dir, frames)]))
        .output(jack(server, &PORTS, Some(recorder)))
        .on_loss(OnLoss::Wait, OnReturn::Resume)
        .build()
        .expect("a session");
    player.play();
    player
}

fn times(short: usize, long: usize) -> usize {
    if std::env::var_os("BACKLINE_SOAK").is_some() {
        long
    } else {
        short
    }
}

/// The first frame heard; every other follows the one before, on both sides.
#[track_caller]
fn heard(planes: &[Vec<f32>]) -> u64 {
    let first = frame_of(planes[0][0]);
    for (i, (l, r)) in planes[0].iter().zip(&planes[1]).enumerate() {
        let name = name_of(first + i as u64);
        assert_eq!((*l, *r), (name, -name), "frame {i} after {first}");
    }
    first
}

#[test]
fn what_is_played_is_heard_exactly() {
    const FRAMES: usize = 5 * RATE as usize;
    under_pipewire("what_is_played_is_heard_exactly", |server| {
        let dir = tempfile::tempdir().unwrap();
        let recorder = Recorder::open(&server, "rec", 2, FRAMES);
        let player = play(dir.path(), &server, &recorder, 20 * u64::from(RATE));
        until("recorded", || recorder.full());
        let planes = recorder.finish(SOON);
        assert_eq!((planes[0].len(), heard(&planes)), (FRAMES, 0));
        let status = player.status();
        assert_eq!(status.starvations, 0);
        close(player, SOON);
    });
}

/// What a desktop's settings do.
fn settle(key: &str, value: u32) {
    let mut set = std::process::Command::new("pw-metadata");
    set.args(["-n", "settings", "0", key, &value.to_string()]);
    let done = set.output().expect("pw-metadata");
    assert!(done.status.success(), "{done:?}");
}

#[test]
fn a_changed_quantum_loses_nothing_and_a_changed_rate_not_the_place() {
    let test = "a_changed_quantum_loses_nothing_and_a_changed_rate_not_the_place";
    under_pipewire_as_it_comes(test, |server| {
        const FRAMES: usize = 5 * RATE as usize;
        let dir = tempfile::tempdir().unwrap();
        let recorder = Recorder::open(&server, "rec", 2, FRAMES);
        let player = play(dir.path(), &server, &recorder, 100 * u64::from(RATE));
        player.set_monitor_level(MonitorLevel::Full);
        let period = || player.latency_stats().budget_ms * RATE as f32 / 1000.0;
        for quantum in [512, 2048, 1024] {
            settle("clock.force-quantum", quantum);
            // (PipeWire takes powers of two; calls longer than the first period are split.)
            let call = quantum.min(1024) as f32;
            until("the quantum", || (period() - call).abs() < 1.0);
            let from = player.status().callbacks;
            until("some of it", || player.status().callbacks > from + 10);
        }
        assert!(!recorder.full(), "there is more to come");
        until("recorded", || recorder.full());
        let planes = recorder.finish(SOON);
        assert_eq!((planes[0].len(), heard(&planes)), (FRAMES, 0));
        let before = player.status().position.frame as f64 / f64::from(RATE);
        settle("clock.force-rate", 44_100);
        until("the rate", || player.status().rate == 44_100);
        until("sound", || player.status().position.state == State::Playing);
        let now = player.status().position.frame as f64 / 44_100.0;
        assert!(
            (before - 0.2..before + 20.0).contains(&now),
            "{before} → {now}"
        );
        let status = player.status();
        assert_eq!((status.losses, status.starvations), (0, 0));
        close(player, SOON);
    });
}

#[test]
fn a_pipewire_that_dies_is_noticed_and_played_on_when_it_is_back() {
    let test = "a_pipewire_that_dies_is_noticed_and_played_on_when_it_is_back";
    under_pipewire(test, |mut server| {
        let dir = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::open(&server, "rec", 2, 9600);
        let player = play(dir.path(), &server, &recorder, 100 * u64::from(RATE));
        until("sound", || recorder.full());
        for round in 0..times(2, 20) {
            let last = heard(&recorder.finish(SOON));
            server.kill();
            // The watchdog's doing: nobody says that it died.
            until("the loss", || player.status().position.reason.is_some());
            let position = player.status().position;
            assert_eq!(position.state, State::Paused);
            std::thread::sleep(Duration::from_secs(times(1, 3) as u64));
            server.restart();
            let returned = Instant::now();
            recorder = Recorder::open(&server, "rec", 2, 9600);
            until("sound", || recorder.full());
            let took = returned.elapsed();
            println!("recorded again after {took:?}");
            // (A short run may share its machine with other tests.)
            assert!(took < Duration::from_secs(times(10, 1) as u64), "{took:?}");
            let first = frame_of(recorder.take().expect("it is full")[0][0]);
            let held = position.frame;
            assert!(
                first > last
                    && (held.saturating_sub(8192)..held + u64::from(RATE)).contains(&first),
                "held at {held}, {first} came"
            );
            recorder = Recorder::open(&server, "again", 2, 9600);
            // By hand, once: from then on it is one of the connections that come back.
            for (n, port) in PORTS.iter().enumerate().filter(|_| round == 0) {
                recorder.connect(&format!("backline:{port}"), &recorder.input(n + 1));
            }
            until("more of it", || recorder.full());
        }
        close(player, SOON);
    });
}

#[test]
fn a_pipewire_that_stands_still_hangs_nothing() {
    under_pipewire("a_pipewire_that_stands_still_hangs_nothing", |server| {
        let dir = tempfile::tempdir().unwrap();
        let recorder = Recorder::open(&server, "rec", 2, 9600);
        let player = play(dir.path(), &server, &recorder, 100 * u64::from(RATE));
        until("sound", || recorder.full());
        server.freeze();
        until("the loss", || player.status().position.reason.is_some());
        player.set_master(0.5);
        until("an answer", || player.status().master == 0.5);
        std::thread::sleep(Duration::from_secs(times(1, 5) as u64));
        server.thaw();
        until("its return", || {
            player.status().position.state == State::Playing
        });
        close(player, SOON);
    });
}

#[test]
fn its_transport_is_followed_exactly() {
    under_pipewire("its_transport_is_followed_exactly", |server| {
        let dir = tempfile::tempdir().unwrap();
        let end = 8 * RATE;
        let conductor = Conductor::open(&server, 2, end.into());
        let inputs = (1..=2).map(|n| conductor.input(n));
        let player = PlayerBuilder::new(setlist(vec![stem(dir.path(), end.into())]))
            .output(jack_to(&server, &PORTS, inputs))
            .transport(Transport::Follow)
            .build()
            .unwrap();
        player.play();
        until("connected", || {
            (1..=2).all(|n| !conductor.connections(n).is_empty())
        });
        until("it follows", || player.status().position.reason.is_some());
        let mut dice = Dice::new(7);
        let locates = times(30, 200);
        for _ in 0..locates {
            let to = dice.below(end);
            if dice.one_in(2) {
                conductor.stop();
                conductor.wait_standing();
                conductor.locate(to);
                conductor.wait_standing_at(to);
            } else {
                conductor.locate(to);
            }
            conductor.start();
            conductor.wait_rolling_from(to);
        }
        let (right, silent) = conductor.right_and_silent();
        println!("{right} right, {silent} silent");
        assert!(right > locates as u64 * 2 * 1024, "{right} samples heard");
        assert_eq!(silent, 0);
        assert_eq!(close(player, SOON).ended, Ended::Stopped);
    });
}

/// The program itself on this PipeWire.
fn program(home: &Home, args: &str) -> Running {
    let args = format!("play stem.wav --backend jack --status json {args}");
    let mut command = home.backline(&args);
    for name in ["LD_LIBRARY_PATH", "XDG_RUNTIME_DIR", "PIPEWIRE_QUANTUM"] {
        command.env(
            name,
            std::env::var_os(name).expect("under_pipewire sets it"),
        );
    }
    Running::start(&mut command)
}

fn end(playing: Running) -> serde_json::Value {
    playing.signal(libc::SIGTERM);
    let ended = playing.finish();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    ended.summary()
}

#[test]
fn the_program_itself_is_exact_and_outlives_it() {
    under_pipewire(
        "the_program_itself_is_exact_and_outlives_it",
        |mut server| {
            const FRAMES: usize = 2 * RATE as usize;
            let home = Home::new();
            stem(home.path(), 200 * u64::from(RATE));
            let mut recorder = Recorder::open(&server, "rec", 2, FRAMES);
            let args = "--on-return resume --connect main_L=rec:in_1 --connect main_R=rec:in_2";
            let mut playing = program(&home, args);
            until("recorded", || recorder.full());
            let rounds = times(1, 20);
            for round in 0..rounds {
                let planes = recorder.finish(SOON);
                let first = heard(&planes);
                assert!(planes[0].len() == FRAMES && (round > 0 || first == 0));
                server.kill();
                let held = playing.wait_for("the hold", |e| {
                    e["event"] == "position" && e["state"] == "paused" && e["reason"].is_string()
                });
                let held = held["frame"].as_u64().expect("a frame");
                std::thread::sleep(Duration::from_secs(times(1, 3) as u64));
                server.restart();
                let back = Instant::now();
                let again = playing.wait_until_playing();
                println!("round {round}: playing again after {:?}", back.elapsed());
                // (The library's test says the same of the sound itself.)
                let limit = Duration::from_secs(times(20, 1) as u64);
                assert!(back.elapsed() < limit, "too late");
                recorder = Recorder::open(&server, "rec", 2, FRAMES);
                until("recorded again", || recorder.full());
                let again = again["frame"].as_u64().expect("a frame");
                assert!(again + 8192 >= held, "held at {held}, {again} came");
            }
            assert!(heard(&recorder.finish(SOON)) > FRAMES as u64);
            let summary = end(playing);
            assert_eq!(summary["losses"], rounds);
            assert_eq!(summary["starvations"], 0);
        },
    );
}

#[test]
fn the_program_itself_follows_its_transport() {
    under_pipewire("the_program_itself_follows_its_transport", |server| {
        let home = Home::new();
        let length = 8 * RATE;
        stem(home.path(), length.into());
        let conductor = Conductor::open(&server, 2, length.into());
        let args =
            "--transport follow --connect main_L=conductor:in_1 --connect main_R=conductor:in_2";
        let mut playing = program(&home, args);
        playing.wait_for("standing", |e| {
            e["event"] == "position" && e["reason"] == "JACK's transport stands still"
        });
        until("connected", || {
            (1..=2).all(|n| !conductor.connections(n).is_empty())
        });
        let mut dice = Dice::new(11);
        let locates = times(10, 200);
        for _ in 0..locates {
            let to = dice.below(length);
            if dice.one_in(2) {
                conductor.stop();
                conductor.wait_standing();
            }
            conductor.locate(to);
            conductor.start();
            conductor.wait_rolling_from(to);
        }
        let (right, silent) = conductor.right_and_silent();
        assert!(right > locates as u64 * 2 * 1024, "{right} samples heard");
        assert_eq!(silent, 0);
        end(playing);
    });
}

#[test]
fn midi_comes_by_the_programs_port() {
    under_pipewire("midi_comes_by_the_programs_port", |server| {
        let home = Home::new();
        stem(home.path(), 200 * u64::from(RATE));
        let map = "version = 1\n[[map]]\nnote = 36\ndo = \"pause\"\n[[map]]\nprogram = 2\ndo = \"seek 10\"\n";
        home.file("map.toml", map);
        let keyboard = Keyboard::open(&server);
        let socket = home.path().join("control.sock");
        let args = format!(
            "--midi=jack --map map.toml --connect control_in=/keyboard:.*/ --control {}",
            socket.display()
        );
        let mut playing = program(&home, &args);
        playing.wait_until_playing();
        keyboard.wait_heard();
        // A link that is there may still be silent for a moment.
        let status = || {
            let mut session = Connection::open(&socket).expect("the socket");
            session.send(&Verb::Status).expect("a question");
            let line = session.next(Some(SOON)).expect("an answer");
            line.expect("an answer").body["ok"].clone()
        };
        until("paused", || {
            keyboard.send(&[&[0x90, 36, 127]]);
            status()["state"] == "paused"
        });
        keyboard.send(&[&[0xc0, 1], &[0x90, 36, 0]]);
        until("sought", || status()["frame"] == 10 * RATE);
        assert_eq!(end(playing)["starvations"], 0);
    });
}
