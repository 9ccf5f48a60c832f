//! `backline play` as a program: status lines, summary, exit codes.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use backline_tests::alsa_rig;
use backline_tests::program::{Home, Outcome, Running};
use serde_json::{Value, json};

const NULL: &str = "--backend null --status json --no-keys";

fn keys(value: &Value) -> Vec<&str> {
    let object = value.as_object().expect("an object");
    let mut keys: Vec<&str> = object.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn sorted(keys: &str) -> Vec<&str> {
    let mut keys: Vec<&str> = keys.split_whitespace().collect();
    keys.sort_unstable();
    keys
}

fn of<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|e| e["event"] == name).collect()
}

#[test]
fn a_song_plays_to_its_end_and_the_summary_is_as_documented() {
    let home = Home::new();
    home.wav("drums.wav", 700);
    home.wav("bass.wav", 500);
    let played = home.run(&format!("play drums.wav bass.wav {NULL} --monitor off"));
    assert_eq!(played.code, Some(0), "{played:#?}");
    assert_eq!(played.err, "");
    let mut summary = played.summary();
    summary["t_ms"] = json!(0);
    assert_eq!(
        summary,
        json!({
            "event": "summary", "v": 1, "t_ms": 0,
            "frames": 33_600, "seconds": 0.7, "damaged": 0, "rate": 48_000,
            "backend": "null", "device": "null", "ended": "end",
            "device_xruns": null, "late_callbacks": null,
            "starvations": 0, "starved_frames": 0, "clips": 0,
            "losses": 0, "reason": null, "abandoned": 0,
            "output_latency_frames": 0, "output_latency_ms": 0.0, "cpu_load_pct": null,
            "max_delay_ms": null, "cycle_late_ms": null, "drift_ppm": null, "rt_priority": null,
            "monitoring": "off",
            "latency": {
                "mean_ms": 0.0, "max_ms": 0.0, "min_ms": 0.0, "xruns": 0,
                "budget_ms": 0.0, "usage_pct": 0.0, "total_callbacks": 0
            },
            "error": null
        })
    );
}

#[test]
fn started_and_positions_are_as_documented() {
    let home = Home::new();
    home.wav("song/drums.wav", 900);
    let played = home.run(&format!("play song {NULL} --period 256"));
    let events = played.events();
    let started = of(&events, "started");
    assert_eq!(started.len(), 1, "{played:#?}");
    assert_eq!(
        keys(started[0]),
        sorted(
            "event v t_ms after_ms rate channels channel_map period periods format backend device output_latency_frames output_latency_ms"
        )
    );
    assert_eq!(started[0]["rate"], 48_000);
    assert_eq!(started[0]["channels"], 2);
    assert_eq!(started[0]["period"], 256);
    assert_eq!(started[0]["backend"], "null");
    let positions = of(&events, "position");
    let frames: Vec<u64> = positions
        .iter()
        .filter_map(|p| p["frame"].as_u64())
        .collect();
    assert!(frames.len() >= 3, "{played:#?}");
    assert!(frames.is_sorted(), "{frames:?}");
    assert_eq!(frames.last(), Some(&43_200));
    for position in &positions {
        assert_eq!(
            keys(position),
            sorted(
                "event v t_ms frame length_frames state reason song section output_latency_frames output_latency_ms"
            )
        );
        assert_eq!(position["length_frames"], 43_200);
        assert_eq!(position["song"], "song");
    }
    assert_eq!(positions.last().map(|p| &p["state"]), Some(&json!("ended")));
}

#[test]
fn the_three_levels_of_the_monitor() {
    let home = Home::new();
    home.wav("a.wav", 600);
    let of = |level: &str| {
        home.run(&format!("play a.wav {NULL} --monitor {level}"))
            .summary()
    };
    let full = of("full");
    assert_eq!(full["monitoring"], "full");
    assert!(full["late_callbacks"].is_u64(), "{full}");
    assert!(
        full["latency"]["total_callbacks"].as_u64() > Some(10),
        "{full}"
    );
    assert!(full["latency"]["mean_ms"].as_f64() > Some(0.0), "{full}");
    assert_eq!(
        keys(&full["latency"]),
        sorted("mean_ms max_ms min_ms xruns budget_ms usage_pct total_callbacks")
    );
    let sampled = of("sampled");
    assert_eq!(sampled["monitoring"], "sampled");
    assert!(sampled["late_callbacks"].is_null(), "{sampled}");
    assert!(sampled["latency"]["mean_ms"].is_null(), "{sampled}");
    assert!(
        sampled["latency"]["total_callbacks"].as_u64() > Some(10),
        "{sampled}"
    );
    assert!(
        sampled["latency"]["callbacks_per_s"].as_f64() > Some(0.0),
        "{sampled}"
    );
    assert!(sampled["latency"]["longest_gap_ms"].is_f64(), "{sampled}");
}

#[test]
fn a_debug_build_monitors_at_full_unless_told_otherwise() {
    let home = Home::new();
    home.wav("a.wav", 200);
    let level = if cfg!(debug_assertions) {
        "full"
    } else {
        "off"
    };
    let plain = home.run(&format!("play a.wav {NULL}")).summary();
    assert_eq!(plain["monitoring"], level);
    let mut told = home.backline(&format!("play a.wav {NULL}"));
    told.env("BACKLINE_MONITOR", "sampled");
    let told = Running::start(&mut told).finish().summary();
    assert_eq!(told["monitoring"], "sampled");
}

#[test]
fn parts_repeats_and_setlists_count_their_frames() {
    let home = Home::new();
    home.wav("one/a.wav", 400);
    home.wav("two/a.wav", 300);
    let frames = |args: &str| home.run(&format!("play {args} {NULL}")).summary()["frames"].clone();
    assert_eq!(frames("one --start 4800f --end 0.3"), 9_600);
    assert_eq!(frames("one --repeat 3 --end 0.2"), 28_800);
    assert_eq!(frames("one two"), 33_600);
    assert_eq!(frames("--sequence one two --repeat 2"), 67_200);
}

#[test]
fn an_endless_loop_ends_when_asked_to() {
    let home = Home::new();
    home.wav("a.wav", 300);
    for how in ["--loop", "--loop=0.1..0.2", "--on-end loop"] {
        let mut playing = home.start(&format!("play a.wav {NULL} {how}"));
        // Longer than the song.
        playing.wait_for("sixth position", |e| e["t_ms"].as_u64() > Some(800));
        playing.signal(libc::SIGTERM);
        let played = playing.finish();
        assert_eq!(played.code, Some(0), "{how}: {played:#?}");
        let summary = played.summary();
        assert_eq!(summary["ended"], "stopped", "{how}");
        assert!(
            summary["frames"].as_u64() > Some(14_400),
            "{how}: {summary}"
        );
    }
}

#[test]
fn a_song_that_holds_stays_open_at_its_end() {
    let home = Home::new();
    home.wav("a.wav", 200);
    let mut playing = home.start(&format!("play a.wav {NULL} --on-end hold"));
    playing.wait_for("end", |e| e["event"] == "position" && e["state"] == "ended");
    playing.signal(libc::SIGTERM);
    let played = playing.finish();
    assert_eq!(played.code, Some(0), "{played:#?}");
    assert_eq!(played.summary()["ended"], "stopped");
    assert_eq!(played.summary()["frames"], 9_600);
}

#[test]
fn people_get_sentences_on_stderr_and_nothing_on_stdout() {
    let home = Home::new();
    home.wav("drums.wav", 300);
    home.wav("click.wav", 300);
    let played = home.run("play drums.wav click.wav --backend null --monitor off");
    assert_eq!(played.code, Some(0), "{played:#?}");
    assert_eq!(played.out, Vec::<String>::new());
    let lines: Vec<&str> = played.err.lines().collect();
    assert!(lines[0].starts_with("warning: bus `click`"), "{lines:#?}");
    assert!(
        lines[1].starts_with("Playing at 48000 Hz on 2 channels through null"),
        "{lines:#?}"
    );
    assert!(
        lines
            .iter()
            .any(|l| l.starts_with("Played 0.300 s (14400 frames at 48000 Hz)")),
        "{lines:#?}"
    );
    assert!(!played.err.contains('\u{1b}'), "{played:#?}");
    let quiet = home.run("play drums.wav --backend null --status none");
    assert_eq!(
        (quiet.code, quiet.err.as_str()),
        (Some(0), ""),
        "{quiet:#?}"
    );
}

#[test]
fn a_closed_stdout_does_not_end_playing() {
    let home = Home::new();
    home.wav("a.wav", 1_500);
    let mut playing = home.start(&format!("play a.wav {NULL}"));
    playing.wait_until_playing();
    playing.close_stdout();
    let played = playing.finish();
    assert_eq!(played.code, Some(0), "{played:#?}");
    assert_eq!(played.err, "");
}

#[test]
fn a_damaged_stem_is_a_warning_or_the_end() {
    let home = Home::new();
    home.wav("good.wav", 600);
    let whole = fs::read(home.wav("bad.wav", 600)).expect("a file");
    home.file("bad.wav", &whole[..whole.len() / 2]);
    let played = home.run(&format!("play good.wav bad.wav {NULL}"));
    assert_eq!(played.code, Some(0), "{played:#?}");
    assert_eq!(played.summary()["damaged"], 1, "{played:#?}");
    assert_eq!(played.summary()["frames"], 28_800);
    let events = played.events();
    let warnings = of(&events, "warning");
    let damaged: Vec<_> = warnings.iter().filter(|w| w["code"] == "damaged").collect();
    assert_eq!(damaged.len(), 1, "{played:#?}");
    assert_eq!(keys(damaged[0]), sorted("event v t_ms code message track"));
    assert_eq!(damaged[0]["track"], "bad");
    // Alone it is the whole song, and no less damaged.
    for args in ["play bad.wav", "play bad.wav --repeat 2"] {
        let alone = home.run(&format!("{args} {NULL}"));
        assert_eq!(alone.code, Some(0), "{args}: {alone:#?}");
        assert_eq!(alone.summary()["damaged"], 1, "{args}: {alone:#?}");
    }
    let alone = home.run("render bad.wav -o mix.wav --status json");
    assert_eq!(alone.summary()["damaged"], 1, "{alone:#?}");
    let stopped = home.run("render bad.wav -o stopped.wav --on-damage stop");
    assert_eq!(stopped.code, Some(65), "{stopped:#?}");
    assert!(!home.path().join("stopped.wav").exists());

    let stopped = home.run(&format!("play good.wav bad.wav {NULL} --on-damage stop"));
    assert_eq!(stopped.code, Some(65), "{stopped:#?}");
    let summary = stopped.summary();
    assert_eq!(summary["ended"], "error");
    assert_eq!(summary["error"]["code"], "damaged");
    let events = stopped.events();
    let errors = of(&events, "error");
    assert_eq!(errors.len(), 1, "{stopped:#?}");
    assert_eq!(keys(errors[0]), sorted("event v t_ms code message"));
}

#[test]
fn standard_input_plays_and_what_comes_too_late_is_a_starvation() {
    let home = Home::new();
    let wav = fs::read(home.wav("a.wav", 1_000)).expect("a file");
    // Less in the rings than the pipe is late by.
    let args = format!("play - {NULL} --ring-ms 100 --period 256 --fail-on-xrun");
    let mut piped = home.backline(&args);
    let mut playing = Running::start(piped.stdin(Stdio::piped()));
    let mut pipe = playing.stdin();
    pipe.write_all(&wav[..wav.len() / 2]).expect("a reader");
    // Half of it has been played, and stands.
    playing.wait_for("starvation", |e| {
        e["event"] == "warning" && e["code"] == "starved"
    });
    pipe.write_all(&wav[wav.len() / 2..]).expect("a reader");
    drop(pipe);
    let played = playing.finish();
    assert_eq!(played.code, Some(75), "{played:#?}");
    let summary = played.summary();
    assert_eq!(summary["frames"], 48_000, "nothing is skipped");
    assert_eq!(summary["ended"], "end");
    assert!(summary["starvations"].as_u64() >= Some(1), "{summary}");
    assert!(summary["starved_frames"].as_u64() > Some(0), "{summary}");
    assert!(played.err.contains("starvations: "), "{played:#?}");
}

fn faulty(home: &Home, fault: &str, more: &str) -> String {
    let device = format!(
        "faulty:FILE={},FAULT={fault},GONE={}",
        home.path().join("heard.raw").display(),
        home.path().join("gone").display()
    );
    format!("play a.wav --device {device} --status json --rate 48000 {more}")
}

/// A home whose ALSA is the one of the rig.
fn rigged() -> Home {
    Home::new().with_alsa(std::env::var_os("ALSA_CONFIG_PATH").expect("the rig's"))
}

#[test]
fn xruns_make_the_exit_code_75_when_asked_to() {
    alsa_rig::isolated("xruns_make_the_exit_code_75_when_asked_to", |_| {
        let home = rigged();
        home.wav("a.wav", 1_000);
        let run = |fault: &str, more: &str| -> Outcome { home.run(&faulty(&home, fault, more)) };
        let whole = run("", "--fail-on-xrun");
        // A noisy machine may have a fault of its own.
        let faults = |o: &Outcome| {
            let s = o.summary();
            s["device_xruns"].as_u64().unwrap_or(0) + s["starvations"].as_u64().unwrap_or(0)
        };
        let expected = if faults(&whole) == 0 { 0 } else { 75 };
        assert_eq!(whole.code, Some(expected), "{whole:#?}");
        let torn = run("xrun@20000", "--fail-on-xrun");
        assert_eq!(torn.code, Some(75), "{torn:#?}");
        assert!(
            torn.summary()["device_xruns"].as_u64() >= Some(1),
            "{torn:#?}"
        );
        assert_eq!(torn.summary()["ended"], "end");
        assert!(torn.err.contains("device xruns: "), "{torn:#?}");
        let ignored = run("xrun@20000", "");
        assert_eq!(ignored.code, Some(0), "{ignored:#?}");
    });
}

#[test]
fn a_lost_device_ends_it_with_69_or_is_waited_for() {
    alsa_rig::isolated("a_lost_device_ends_it_with_69_or_is_waited_for", |_| {
        let home = rigged();
        home.wav("a.wav", 1_500);
        let lost = home.run(&faulty(&home, "disconnect@20000", "--on-loss exit"));
        assert_eq!(lost.code, Some(69), "{lost:#?}");
        let summary = lost.summary();
        assert_eq!(summary["ended"], "error");
        assert_eq!(summary["error"]["code"], "device-lost");
        // What was played is accounted for though the device is gone.
        assert_eq!(summary["rate"], 48_000);
        assert!(summary["seconds"].as_f64() > Some(0.2), "{summary}");
        assert!(summary["device"].is_string(), "{summary}");
        let events = lost.events();
        let devices = of(&events, "device");
        assert_eq!(keys(devices[0]), sorted("event v t_ms state reason"));
        assert!(devices.iter().any(|d| d["state"] == "lost"), "{lost:#?}");

        // In the last frames, when all has been given and not all been played.
        fs::remove_file(home.path().join("gone")).expect("the rig's flag");
        let at_end = home.run(&faulty(&home, "disconnect@70000", "--on-loss exit"));
        assert_eq!(at_end.code, Some(69), "{at_end:#?}");
        let summary = at_end.summary();
        assert_eq!(summary["error"]["code"], "device-lost");
        assert!(summary["frames"].as_u64() <= Some(70_000), "{summary}");
        fs::remove_file(home.path().join("gone")).expect("the rig's flag");
        let at_end = home.run(&faulty(&home, "disconnect@70000", ""));
        assert_eq!(at_end.code, Some(0), "{at_end:#?}");
        let summary = at_end.summary();
        assert_eq!(summary["ended"], "end");
        assert!(summary["frames"].as_u64() <= Some(70_000), "{summary}");
        let events = at_end.events();
        let devices = of(&events, "device");
        assert!(devices.iter().any(|d| d["state"] == "lost"), "{at_end:#?}");

        fs::remove_file(home.path().join("gone")).expect("the rig's flag");
        let mut waiting = home.start(&faulty(&home, "disconnect@20000", ""));
        waiting.wait_for("loss", |e| e["event"] == "device" && e["state"] == "lost");
        let held = waiting.wait_for("position that stands", |e| {
            e["event"] == "position" && e["state"] == "paused"
        });
        assert!(held["reason"].is_string(), "{held}");
        assert!(home.path().join("gone").exists());
        fs::remove_file(home.path().join("gone")).expect("the rig's flag");
        waiting.wait_for("return", |e| {
            e["event"] == "device" && e["state"] == "running"
        });
        waiting.signal(libc::SIGTERM);
        let ended = waiting.finish();
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        assert_eq!(ended.summary()["ended"], "stopped");
    });
}
