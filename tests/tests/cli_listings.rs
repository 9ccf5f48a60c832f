//! The commands that print something and end.

use std::fs;
use std::process::Stdio;

use backline_tests::program::{Home, Running};
use serde_json::Value;

#[test]
fn devices_without_any_are_told_plainly() {
    let home = Home::new();
    let text = home.run("devices");
    assert_eq!((text.code, text.err.as_str()), (Some(0), ""), "{text:#?}");
    assert_eq!(
        text.text(),
        "No JACK server is running.\n\nNo ALSA device was found."
    );
    let json = home.run("devices --json");
    let document: Value = serde_json::from_str(&json.text()).expect("one document");
    assert_eq!(document, serde_json::json!({ "jack": null, "alsa": [] }));
}

#[test]
fn alsa_s_own_names_are_listed() {
    let home = Home::new();
    let config = "pcm.stage { type null hint { show on description \"The stage\" } }\n";
    let config = home.file("stage.conf", config);
    let home = home.with_alsa(config);
    let json = home.run("devices --json");
    let document: Value = serde_json::from_str(&json.text()).expect("one document");
    let devices = document["alsa"].as_array().expect("a list");
    let stage = devices.iter().find(|device| device["name"] == "stage");
    assert_eq!(stage.expect("it")["description"], "The stage", "{document}");
    let text = home.run("devices").text();
    assert!(
        text.contains("stage") && text.contains("The stage"),
        "{text}"
    );
}

#[test]
fn files_are_described_and_the_others_named() {
    let home = Home::new();
    home.wav("a.wav", 500);
    home.file("b.wav", "no audio");
    let one = home.run("info a.wav --json");
    assert_eq!(one.code, Some(0), "{one:#?}");
    let document: Value = serde_json::from_str(&one.text()).expect("one document");
    assert_eq!(document[0]["frames"], 24_000);
    assert_eq!(document[0]["rate"], 48_000);
    assert_eq!(document[0]["channels"], 2);
    assert_eq!(document[0]["peak_db"], -12.04);
    let mixed = home.run("info gone.wav a.wav b.wav");
    assert_eq!(mixed.code, Some(66), "{mixed:#?}");
    assert!(mixed.text().contains("24000"), "{mixed:#?}");
    assert_eq!(mixed.err.lines().count(), 2, "{mixed:#?}");
    assert!(
        mixed.err.lines().all(|line| line.starts_with("backline: ")),
        "{mixed:#?}"
    );
    assert_eq!(home.run("info b.wav").code, Some(65));
    let none = home.run("info b.wav --json");
    assert_eq!(none.text(), "[]");
}

#[test]
fn the_configuration_shows_its_sources() {
    let home = Home::new();
    home.file("c.toml", "period = 512\n");
    let mut command = home.backline("config show --json --config c.toml --profile modern");
    command.env("BACKLINE_POLL_MS", "750");
    let shown = Running::start(&mut command).finish();
    assert_eq!(shown.code, Some(0), "{shown:#?}");
    let document: Value = serde_json::from_str(&shown.text()).expect("one document");
    let settings = &document["settings"];
    // The profile was chosen by a flag, which goes before the file.
    assert_eq!(settings["period"]["value"], 1024, "{document:#}");
    assert_eq!(settings["controller.poll_ms"]["value"], 750);
    assert_eq!(settings["controller.poll_ms"]["source"], "BACKLINE_POLL_MS");
    let text = home.run("config show --config c.toml").text();
    assert!(text.contains("period = 512"), "{text}");
}

#[test]
fn pages_and_completions() {
    let home = Home::new();
    let page = home.run("man");
    assert_eq!(page.code, Some(0));
    assert!(page.text().contains(".TH backline 1"), "{page:#?}");
    assert_eq!(home.run("man share/man1").code, Some(0));
    let play = fs::read_to_string(home.path().join("share/man1/backline-play.1"));
    assert!(play.expect("a page").contains("EXIT STATUS"));
    home.file("taken", "");
    let taken = home.run("man taken");
    assert_eq!(taken.code, Some(74), "{taken:#?}");
    assert!(
        taken.err.starts_with("backline: taken: can't be written: "),
        "{taken:#?}"
    );
    for shell in ["bash", "zsh", "fish"] {
        let script = home.run(&format!("completions {shell}"));
        assert_eq!(script.code, Some(0), "{shell}");
        assert!(script.text().contains("backline"), "{shell}");
    }
}

#[test]
fn help_and_version_are_0_and_on_stdout() {
    let home = Home::new();
    for args in ["--help", "-h", "play --help", "--version"] {
        let help = home.run(args);
        assert_eq!((help.code, help.err.as_str()), (Some(0), ""), "{args}");
        assert!(help.text().contains("backline"), "{args}");
    }
    assert_eq!(home.run("").code, Some(64));
}

#[test]
fn listings_end_quietly_when_nobody_reads_them() {
    let home = Home::new();
    home.wav("a.wav", 100);
    for args in [
        "--help",
        "devices",
        "info a.wav",
        "config show",
        "man",
        "completions bash",
    ] {
        let mut command = home.backline(args);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        drop(child.stdout.take());
        let ended = child.wait_with_output().expect("its end");
        assert_eq!(ended.status.code(), Some(0), "{args}: {ended:?}");
        assert!(ended.stderr.is_empty(), "{args}: {ended:?}");
    }
    // A full disk is another matter.
    let full = fs::OpenOptions::new().write(true).open("/dev/full");
    let mut command = home.backline("config show");
    let ended = command
        .stdout(full.expect("a device"))
        .output()
        .expect("its end");
    assert_eq!(ended.status.code(), Some(74), "{ended:?}");
}
