//! MIDI through a port of the JACK client: heard, mapped, learned, and no trouble to the sound.

use std::process::Command;

use backline::control::{Connection, Verb};
use backline_tests::jackd::{Jackd, Recorder};
use backline_tests::keyboard::Keyboard;
use backline_tests::program::{Home, LONG, Running, wait_until};
use libc::SIGTERM;
use serde_json::Value;

const MAP: &str = r#"version = 1
[[map]]
note = 36
do = "toggle"
[[map]]
note = 37
on = "release"
do = "seek 10"
[[map]]
program = 3
do = "mute 'lead vox' toggle"
[[map]]
controller = 7
channel = 2
do = "gain drums"
range = [-40, 6]
[[map]]
controller = 64
do = "solo drums toggle"
[[map]]
note = 99
do = "quit"
"#;

fn home() -> Home {
    let home = Home::new();
    home.wav("show/drums.wav", 60_000);
    home.wav("show/lead vox.wav", 60_000);
    home.file("map.toml", MAP);
    home
}

fn command(home: &Home, server: &Jackd, args: &str) -> Command {
    let mut command = home.backline(args);
    command.env("JACK_DEFAULT_SERVER", server.name());
    command
}

fn status(home: &Home) -> Value {
    let path = home.path().join("run/backline/backline.sock");
    let mut session = Connection::open(&path).unwrap();
    session.send(&Verb::Status).unwrap();
    session.next(Some(LONG)).unwrap().unwrap().body["ok"].clone()
}

const PLAY: &str = "play show --status json --on-end loop --midi=jack --map map.toml";

#[test]
fn what_comes_by_the_port_does_what_the_mapping_says() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = home();
    let keyboard = Keyboard::open(&server);
    let watcher = Recorder::open(&server, "watcher", 1, 1);
    let mut program = Running::start(&mut command(&home, &server, PLAY));
    program.wait_until_playing();
    // Nothing is connected that nobody asked for.
    assert_eq!(keyboard.heard_by(), Vec::<String>::new());
    let main = || watcher.connections("backline:main_L");
    assert_eq!(main(), ["system:playback_1"]);
    keyboard.connect("backline:control_in");
    // A clock and a bend are nothing to it.
    keyboard.send(&[&[0xf8], &[0xe0, 1, 2], &[0x99, 36, 1]]);
    wait_until("paused", || status(&home)["state"] == "paused");
    keyboard.send(&[&[0x80, 37, 64], &[0xc0, 2], &[0xb0, 64, 127]]);
    wait_until("muted", || status(&home)["tracks"][1]["mute"] == true);
    wait_until("sought", || status(&home)["frame"] == 480_000);
    wait_until("soloed", || status(&home)["tracks"][0]["solo"] == true);
    // Of a fader's way the last place counts, and only on its channel.
    keyboard.send(&[
        &[0xb1, 7, 3],
        &[0xb1, 7, 0],
        &[0xb0, 7, 64],
        &[0xb1, 7, 127],
    ]);
    let gain = || status(&home)["tracks"][0]["gain_db"].as_f64();
    wait_until("faded", || gain() == Some(6.0));
    // More in one cycle than is looked at: the rest is lost, said, and nothing waits.
    keyboard.send(&vec![&[0xb0_u8, 1, 1][..]; 400]);
    let warning = program.wait_for("warning", |e| {
        e["event"] == "warning" && e["code"] == "input"
    });
    assert_eq!(
        warning["message"],
        "MIDI: 144 messages came faster than can be heard, and went unheard"
    );
    keyboard.send(&[&[0x90, 36, 127]]);
    wait_until("playing", || status(&home)["state"] == "playing");
    keyboard.send(&[&[0x90, 99, 127]]);
    let outcome = program.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn the_port_is_connected_as_told_and_again_on_the_next_server() {
    let Some(mut server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = home();
    let keyboard = Keyboard::open(&server);
    let rule = "--connect control_in=/keyboard:.*/";
    let mut program = Running::start(&mut command(&home, &server, &format!("{PLAY} {rule}")));
    program.wait_until_playing();
    keyboard.wait_heard();
    assert_eq!(keyboard.heard_by(), ["backline:control_in"]);
    let watcher = Recorder::open(&server, "watcher", 1, 1);
    // Who says what is heard has not said that nothing is to sound.
    assert_eq!(
        watcher.connections("backline:main_L"),
        ["system:playback_1"]
    );
    keyboard.send(&[&[0x90, 36, 1]]);
    wait_until("paused", || status(&home)["state"] == "paused");
    drop((keyboard, watcher));
    server.restart_at(128, 48_000);
    program.wait_for("the server", |e| {
        e["event"] == "device" && e["state"] == "running"
    });
    // It is paused, and in the graph all the same.
    let keyboard = Keyboard::open(&server);
    keyboard.wait_heard();
    keyboard.send(&[&[0x90, 36, 1]]);
    wait_until("playing", || status(&home)["state"] == "playing");
    program.signal(SIGTERM);
    let outcome = program.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn what_is_played_next_is_learned() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = home();
    let keyboard = Keyboard::open(&server);
    let learn = "learn --map new.toml --midi=jack --connect control_in=keyboard:out gain drums";
    let program = Running::start(&mut command(&home, &server, learn));
    keyboard.wait_heard();
    keyboard.send(&[&[0x90, 36, 1], &[0xb4, 20, 64]]);
    let outcome = program.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let said = "MIDI: connect what is to be heard to backline:control_in\n";
    assert!(outcome.err.contains(said), "{outcome:?}");
    let text = std::fs::read_to_string(home.path().join("new.toml")).unwrap();
    assert!(text.contains("controller = 20\nchannel = 5\n"), "{text}");
    assert!(text.contains("do = \"gain drums\"\n"), "{text}");
}

#[test]
fn without_a_server_it_is_refused_when_it_was_asked_for() {
    let home = home();
    let run = |args: &str| {
        let mut command = home.backline(&format!("play show --end 0.1 --map map.toml {args}"));
        command.env("JACK_DEFAULT_SERVER", "backline-none");
        Running::start(&mut command).finish()
    };
    let refused = run("--midi=jack --backend null");
    assert_eq!(refused.code, Some(64), "{refused:?}");
    let said = "--midi asks for MIDI through JACK, and the backend here is null";
    assert!(refused.err.contains(said), "{refused:?}");
    let refused = run("--midi=jack");
    assert_eq!(refused.code, Some(69), "{refused:?}");
    let said = "--midi asks for MIDI through JACK, and no JACK server is running";
    assert!(refused.err.contains(said), "{refused:?}");
    home.file("config.toml", "midi = \"jack\"\n");
    let passed = run("--config config.toml --backend null");
    assert_eq!(passed.code, Some(0), "{passed:?}");
    let said = "asks for MIDI through JACK, and the backend here is null: none is heard";
    assert!(passed.err.contains(said), "{passed:?}");
    for (args, said) in [
        (
            "--midi=jack --connect main_L=a:b play",
            "--connect: the one port there is to connect is control_in",
        ),
        (
            "--input evdev:x --server y play",
            "--server is for --midi=jack",
        ),
    ] {
        let refused = home.run(&format!("learn --map map.toml {args}"));
        assert_eq!(refused.code, Some(64), "{refused:?}");
        assert!(refused.err.contains(said), "{refused:?}");
    }
}
