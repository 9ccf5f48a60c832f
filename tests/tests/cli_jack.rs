//! `backline play` with a JACK server.

use std::process::Command;
use std::time::{Duration, Instant};

use backline_tests::conductor::Conductor;
use backline_tests::jackd::{Jackd, Recorder};
use backline_tests::program::{Home, Outcome, Running};
use backline_tests::session::until;
use libc::SIGTERM;
use serde_json::Value;

fn command(home: &Home, server: &Jackd, args: &str) -> Command {
    let mut command = home.backline(args);
    command.env("JACK_DEFAULT_SERVER", server.name());
    command
}

fn run(home: &Home, server: &Jackd, args: &str) -> Outcome {
    Running::start(&mut command(home, server, args)).finish()
}

#[test]
fn a_running_server_is_used_and_only_main_is_connected() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    home.wav("song/drums.wav", 20_000);
    home.wav("song/click.wav", 20_000);
    let watcher = Recorder::open(&server, "watcher", 1, 1);
    let mut playing = Running::start(&mut command(&home, &server, "play song --status json"));
    let started = playing.wait_for("start", |e| e["event"] == "started");
    assert_eq!(started["backend"], "jack");
    assert_eq!(started["rate"], 48_000);
    assert_eq!(started["period"], 256);
    playing.wait_until_playing();
    let to = |port: &str| watcher.connections(&format!("backline:{port}"));
    assert_eq!(to("main_L"), ["system:playback_1"]);
    assert_eq!(to("main_R"), ["system:playback_2"]);
    assert_eq!(to("click_L"), Vec::<String>::new());
    assert_eq!(to("click_R"), Vec::<String>::new());
    playing.signal(SIGTERM);
    let ended = playing.finish();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let summary = ended.summary();
    assert_eq!(summary["backend"], "jack");
    assert!(summary["device_xruns"].is_u64(), "{summary}");
    assert_eq!(
        ended.warnings(),
        Vec::<String>::new(),
        "the default profile needs no notice"
    );
}

#[test]
fn connections_are_made_as_told() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    home.wav("a.wav", 20_000);
    let watcher = Recorder::open(&server, "watcher", 1, 1);
    let connected = |args: &str, port: &str| {
        let args = format!("play a.wav --status json --name mine {args}");
        let mut playing = Running::start(&mut command(&home, &server, &args));
        playing.wait_until_playing();
        let to = watcher.connections(&format!("mine:{port}"));
        playing.signal(SIGTERM);
        let ended = playing.finish();
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        to
    };
    assert_eq!(connected("--connect none", "main_L"), Vec::<String>::new());
    let exact = "--connect main_L=system:playback_3";
    assert_eq!(connected(exact, "main_L"), ["system:playback_3"]);
    let pattern = "--connect main_R=/.*playback_4/";
    assert_eq!(connected(pattern, "main_R"), ["system:playback_4"]);
    assert_eq!(connected(pattern, "main_L"), Vec::<String>::new());
}

#[test]
fn what_the_server_decides_can_not_be_asked_for() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    home.wav("a.wav", 100);
    for (flags, says) in [
        ("--rate 44100", "--rate asks for 44100 Hz"),
        ("--period 128", "--period asks for a period of 128 frames"),
        ("--format s16", "--format asks for samples of s16"),
    ] {
        let refused = run(&home, &server, &format!("play a.wav {flags}"));
        assert_eq!(refused.code, Some(64), "{refused:#?}");
        assert!(refused.err.contains(says), "{refused:#?}");
    }
    let same = run(
        &home,
        &server,
        "play a.wav --rate 48000 --period 256 --format f32",
    );
    assert_eq!(same.code, Some(0), "{same:#?}");
    let profile = run(&home, &server, "play a.wav --profile modern --status json");
    assert_eq!(profile.code, Some(0), "{profile:#?}");
    assert_eq!(
        profile.warnings(),
        ["under JACK only ring_ms of the profile modern applies"]
    );
    home.file("c.toml", "rate = 44100\n");
    let file = run(&home, &server, "play a.wav --config c.toml --status json");
    assert_eq!(file.code, Some(0), "{file:#?}");
    assert_eq!(file.warnings().len(), 1, "{file:#?}");
}

#[test]
fn the_server_is_listed() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    let listed = run(&home, &server, "devices --json");
    assert_eq!(listed.code, Some(0), "{listed:#?}");
    let document: Value = serde_json::from_str(&listed.text()).expect("one document");
    let jack = &document["jack"];
    assert_eq!(jack["server"], server.name());
    assert_eq!(
        (&jack["rate"], &jack["period"]),
        (&48_000.into(), &256.into())
    );
    assert_eq!(
        jack["outputs"].as_array().map(Vec::len),
        Some(Jackd::CHANNELS)
    );
    assert_eq!(jack["outputs"][0]["name"], "system:playback_1");
    let text = run(&home, &server, "devices").text();
    assert!(text.contains("system:playback_1"), "{text}");
}

#[test]
fn the_death_of_the_server_ends_it_with_69_when_told_so() {
    let Some(mut server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    home.wav("a.wav", 60_000);
    let args = "play a.wav --status json --on-loss exit";
    let mut playing = Running::start(&mut command(&home, &server, args));
    playing.wait_until_playing();
    server.kill();
    let ended = playing.finish();
    assert_eq!(ended.code, Some(69), "{ended:#?}");
    assert_eq!(ended.summary()["error"]["code"], "device-lost");
}

#[test]
fn the_death_of_the_server_is_told_and_survived_at_another_rate_and_period() {
    let Some(mut server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    home.wav("a.wav", 60_000);
    let args = "play a.wav --status json --on-return resume --connect main_L=system:playback_3";
    let mut playing = Running::start(&mut command(&home, &server, args));
    playing.wait_until_playing();
    server.kill();
    let lost = playing.wait_for("loss", |e| e["event"] == "device" && e["state"] == "lost");
    let reason = lost["reason"].as_str().expect("a reason");
    assert!(reason.contains("JACK server"), "{reason}");
    let held = playing.wait_for("held position", |e| {
        e["event"] == "position" && e["state"] == "paused" && e["reason"].is_string()
    });
    let seconds = held["frame"].as_f64().expect("a frame") / 48_000.0;
    assert_eq!(held["length_frames"], 60 * 48_000);
    server.restart_at(128, 44_100);
    let back = playing.wait_for("return", |e| e["event"] == "device");
    assert_eq!(back["state"], "running");
    let again = playing.wait_until_playing();
    assert_eq!(again["length_frames"], 60 * 44_100);
    let now = again["frame"].as_f64().expect("a frame") / 44_100.0;
    assert!((seconds..seconds + 5.0).contains(&now), "{seconds} → {now}");
    let watcher = Recorder::open(&server, "watcher", 1, 1);
    assert_eq!(
        watcher.connections("backline:main_L"),
        ["system:playback_3"]
    );
    playing.signal(SIGTERM);
    let ended = playing.finish();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let summary = ended.summary();
    assert_eq!(
        (&summary["losses"], &summary["abandoned"]),
        (&1.into(), &0.into())
    );
    assert_eq!(summary["reason"], reason);
    assert_eq!(summary["rate"], 44_100);
}

#[test]
fn by_default_it_stays_where_it_was_when_the_server_is_back() {
    let Some(mut server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    home.wav("a.wav", 60_000);
    let args = "play a.wav --status json --connect main_L=conductor:in_1";
    let mut playing = Running::start(&mut command(&home, &server, args));
    playing.wait_until_playing();
    server.kill();
    let held = playing.wait_for("the hold", |e| {
        e["event"] == "position" && e["state"] == "paused" && e["reason"].is_string()
    });
    server.restart();
    playing.wait_for("its return", |e| {
        e["event"] == "device" && e["state"] == "running"
    });
    // One that wants silence.
    let conductor = Conductor::open(&server, 1, 0);
    until("the connection", || !conductor.connections(1).is_empty());
    conductor.wait_cycles(100);
    conductor.right_and_silent();
    playing.signal(SIGTERM);
    let ended = playing.finish();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let events = ended.events();
    // What is missing is said once, not at every return.
    assert_eq!(ended.warnings().len(), 1, "{ended:#?}");
    let back = (events.iter()).position(|e| e["event"] == "device" && e["state"] == "running");
    let after = events[back.expect("its return")..].iter();
    let positions: Vec<_> = after.filter(|e| e["event"] == "position").collect();
    assert_eq!(positions[0]["state"], "paused", "{ended:#?}");
    for position in positions {
        assert_ne!(position["state"], "playing", "{ended:#?}");
        assert_eq!(position["frame"], held["frame"], "{ended:#?}");
    }
}

#[test]
fn what_became_of_the_server_is_told_in_words() {
    let Some(mut server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    home.wav("a.wav", 60_000);
    let mut playing = Running::start(&mut command(&home, &server, "play a.wav"));
    let pid = playing.pid();
    let watcher = Recorder::open(&server, "watcher", 1, 1);
    until("a client", || {
        !watcher.connections("backline:main_L").is_empty()
    });
    drop(watcher);
    server.kill();
    // It waits for the server and asks for it again and again, which shows in no output.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(1500) {
        assert!(!playing.is_over(), "{pid}");
        std::thread::sleep(Duration::from_millis(20));
    }
    server.restart();
    let watcher = Recorder::open(&server, "watcher", 1, 1);
    until("it is back", || {
        !watcher.connections("backline:main_L").is_empty()
    });
    playing.signal(SIGTERM);
    let ended = playing.finish();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    for line in [
        "device: lost: The JACK server went away",
        "paused at ",
        "device: running: backline@",
        "The device or server was lost once; the last time: The JACK server went away",
    ] {
        assert!(ended.err.contains(line), "{line}: {ended:#?}");
    }
    let spam = ended.err.matches("No JACK server").count();
    assert!(spam <= 1, "{ended:#?}");
}

#[test]
fn the_transport_is_followed_when_told_so() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    home.wav("a.wav", 20_000);
    let conductor = Conductor::open(&server, 1, 0);
    let args = "play a.wav --status json --connect none --transport follow";
    let mut playing = Running::start(&mut command(&home, &server, args));
    let waits = |e: &Value| {
        e["event"] == "position"
            && e["state"] == "paused"
            && e["reason"] == "JACK's transport stands still"
    };
    playing.wait_for("standing", waits);
    conductor.locate(480_000);
    conductor.start();
    let plays = |e: &Value| {
        e["event"] == "position" && e["state"] == "playing" && e["frame"].as_u64() > Some(480_000)
    };
    playing.wait_for("rolling", plays);
    playing.signal(SIGTERM);
    let ended = playing.finish();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let summary = ended.summary();
    assert_eq!(summary["ended"], "stopped");
    assert_eq!(summary["starvations"], 0, "{summary}");
    assert!(conductor.rolling());
    assert_eq!(ended.warnings(), Vec::<String>::new());
}

#[test]
fn a_transport_needs_jack_and_a_straight_time() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    home.wav("a.wav", 100);
    for (flags, says) in [
        ("--transport follow --loop", "leave out --loop and --repeat"),
        (
            "--transport lead --repeat 2",
            "leave out --loop and --repeat",
        ),
        ("--transport follow --start 0:00.01", "leave out --start"),
        (
            "--transport follow --backend null",
            "--transport is for JACK",
        ),
        ("--transport sometimes", "sometimes"),
    ] {
        let refused = run(&home, &server, &format!("play a.wav {flags}"));
        assert_eq!(refused.code, Some(64), "{refused:#?}");
        assert!(refused.err.contains(says), "{refused:#?}");
    }
    // No server, whoever asked for the transport.
    let says = "is for JACK, and no JACK server is running";
    let refused = home.run("play a.wav --transport follow");
    assert_eq!(refused.code, Some(64), "{refused:#?}");
    assert!(
        refused.err.contains(&format!("--transport {says}")),
        "{refused:#?}"
    );
    let refused = Running::start(
        home.backline("play a.wav")
            .env("BACKLINE_TRANSPORT", "lead"),
    );
    let refused = refused.finish();
    assert_eq!(refused.code, Some(64), "{refused:#?}");
    assert!(
        refused.err.contains(&format!("BACKLINE_TRANSPORT {says}")),
        "{refused:#?}"
    );
    let refused = home.run("play a.wav --transport follow --backend jack");
    assert_eq!(refused.code, Some(69), "{refused:#?}");
    // In a file it stands ready.
    home.file("c.toml", "transport = \"follow\"\n");
    let played = home.run("play a.wav --config c.toml --backend null --status json");
    assert_eq!(played.code, Some(0), "{played:#?}");
    assert_eq!(
        played.warnings(),
        ["c.toml: transport is for JACK, and the backend here is null"]
    );
}

#[test]
fn latency_and_the_server_s_punctuality_are_told() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    home.wav("a.wav", 60_000);
    let _desk = Recorder::with_latency(&server, "desk", 1, 1, Some(4800));
    let args = "play a.wav --connect main_L=desk:in_1 --monitor full --status json";
    let mut playing = Running::start(&mut command(&home, &server, args));
    let known = |e: &Value| {
        e["event"] == "position"
            && e["output_latency_frames"] == 4800
            && e["output_latency_ms"] == 100.0
    };
    playing.wait_for("its latency", known);
    playing.signal(SIGTERM);
    let ended = playing.finish();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let summary = ended.summary();
    assert_eq!(summary["output_latency_frames"], 4800);
    assert_eq!(summary["output_latency_ms"], 100.0);
    for measured in ["cpu_load_pct", "max_delay_ms", "cycle_late_ms"] {
        assert!(summary[measured].is_number(), "{measured}: {summary}");
    }
    let priority = &summary["rt_priority"];
    assert!(priority.is_u64() || priority.is_null(), "{summary}");

    // Without a clock in the callback nobody knows how late that began.
    let args = "play a.wav --connect none --monitor off --status json";
    let mut playing = Running::start(&mut command(&home, &server, args));
    playing.wait_until_playing();
    playing.signal(SIGTERM);
    let summary = playing.finish().summary();
    assert_eq!(summary["cycle_late_ms"], Value::Null, "{summary}");
    assert_eq!(summary["output_latency_frames"], 0, "{summary}");
}
