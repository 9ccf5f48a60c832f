//! `backline bench`. What it finds depends on the machine; that it finds, where, and how it says so
//! does not.

use std::fs;
use std::path::Path;

use backline_tests::jackd::Jackd;
use backline_tests::program::{Home, Outcome, Running};
use serde_json::Value;

/// Runs it, and sees that nothing is left behind.
fn run(home: &Home, server: Option<&Jackd>, args: &str) -> Outcome {
    let room = home.path().join("tmp");
    fs::create_dir_all(&room).expect("a folder");
    let mut command = home.backline(args);
    command.env("TMPDIR", &room);
    if let Some(server) = server {
        command.env("JACK_DEFAULT_SERVER", server.name());
    }
    let outcome = Running::start(&mut command).finish();
    assert_eq!(files(&room), 0, "left behind");
    outcome
}

fn files(folder: &Path) -> usize {
    fs::read_dir(folder).expect("a folder").count()
}

fn document(outcome: &Outcome) -> Value {
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    serde_json::from_str(&outcome.text()).expect("one document")
}

#[test]
fn the_null_backend_is_measured_at_four_periods() {
    let home = Home::new();
    let outcome = run(
        &home,
        None,
        "bench --backend null --stems 3 --seconds 6 --json",
    );
    let found = document(&outcome);
    assert_eq!(outcome.err, "");
    assert_eq!(
        (&found["backend"], &found["rate"]),
        (&"null".into(), &48_000.into())
    );
    assert_eq!((&found["stems"], &found["seconds"]), (&3.into(), &6.into()));
    let periods = found["periods"].as_array().expect("a list");
    let frames: Vec<&Value> = periods.iter().map(|p| &p["period_frames"]).collect();
    assert_eq!(frames, [64, 128, 256, 512]);
    for period in periods {
        assert!(period["error"].is_null(), "{period}");
        let asked = &period["asked"];
        assert_eq!(asked["stems"], 3);
        assert!(asked["callbacks"].as_u64() > Some(0), "{period}");
        assert!(
            asked["worst_ms"].as_f64() >= asked["mean_ms"].as_f64(),
            "{period}"
        );
        // Nothing there that could report one.
        assert!(asked["device_xruns"].is_null(), "{period}");
        let holds = asked["late_callbacks"] == 0 && asked["starvations"] == 0;
        assert_eq!(asked["holds"], holds, "{period}");
        let most = &period["most"]["stems"];
        assert!(!holds || most.as_u64() >= Some(3), "{period}");
    }
    let profiles = ["low-latency", "modern", "balanced", "legacy"];
    let profile = found["profile"].as_str().expect("a profile");
    assert!(profiles.contains(&profile), "{found}");
}

#[test]
fn without_a_device_it_measures_on_the_null_backend_and_says_so() {
    let home = Home::new();
    let text = run(&home, None, "bench --stems 1 --seconds 6");
    assert_eq!(text.code, Some(0), "{text:#?}");
    assert!(
        text.err.contains("measured on the null backend"),
        "{text:#?}"
    );
    assert!(text.err.contains("no JACK server is running"), "{text:#?}");
    assert!(text.text().contains("Suggested: --profile "), "{text:#?}");
}

#[test]
fn a_device_that_was_named_and_is_not_there_is_69() {
    let home = Home::new();
    for args in [
        "--device hw:CARD=Nowhere",
        "--backend jack",
        "--backend alsa",
    ] {
        let refused = run(&home, None, &format!("bench {args} --seconds 6 --json"));
        assert_eq!(
            (refused.code, refused.text().as_str()),
            (Some(69), ""),
            "{refused:#?}"
        );
        assert!(refused.err.starts_with("backline: "), "{refused:#?}");
    }
}

#[test]
fn no_room_for_the_stem_is_74() {
    let home = Home::new();
    let mut command = home.backline("bench --backend null --seconds 6");
    command.env("TMPDIR", home.path().join("nowhere"));
    let refused = Running::start(&mut command).finish();
    assert_eq!(refused.code, Some(74), "{refused:#?}");
    assert!(refused.err.contains("temporary files"), "{refused:#?}");
}

#[test]
fn under_jack_the_servers_period_is_measured() {
    let Some(server) = Jackd::start(256, 44_100) else {
        return;
    };
    let home = Home::new();
    let outcome = run(&home, Some(&server), "bench --stems 2 --seconds 6 --json");
    let found = document(&outcome);
    assert_eq!(
        (&found["backend"], &found["rate"]),
        (&"jack".into(), &44_100.into())
    );
    let periods = found["periods"].as_array().expect("a list");
    assert_eq!(periods.len(), 1);
    assert_eq!(periods[0]["period_frames"], 256);
    assert!(periods[0]["asked"]["device_xruns"].is_u64(), "{found}");
    assert!(found["profile"].is_null(), "{found}");
}

#[test]
fn an_alsa_device_is_measured() {
    let home = Home::new();
    let config = home.file("null.conf", "pcm.stage { type null }\n");
    let home = home.with_alsa(config);
    let outcome = run(
        &home,
        None,
        "bench --device stage --stems 2 --seconds 6 --json",
    );
    let found = document(&outcome);
    assert_eq!(found["backend"], "alsa");
    let periods = found["periods"].as_array().expect("a list");
    assert_eq!(periods.len(), 4, "{found}");
}
