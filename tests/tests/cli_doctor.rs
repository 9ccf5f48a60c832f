//! `backline doctor`: what it finds, and what a script gets.

use backline_tests::jackd::Jackd;
use backline_tests::program::{Home, Running};
use serde_json::Value;

fn findings(document: &Value, check: &str) -> Vec<Value> {
    let all = document["findings"].as_array().expect("a list");
    all.iter()
        .filter(|f| f["check"] == check)
        .cloned()
        .collect()
}

#[test]
fn without_a_device_it_fails_with_1_and_says_what_to_do() {
    let home = Home::new();
    let told = home.run("doctor --json");
    assert_eq!((told.code, told.err.as_str()), (Some(1), ""), "{told:#?}");
    let document: Value = serde_json::from_str(&told.text()).expect("one document");
    let server = &findings(&document, "server")[0];
    assert_eq!(server["level"], "failure");
    assert!(server["advice"].is_string());
    let all = document["findings"].as_array().expect("a list");
    let failures = all.iter().filter(|f| f["level"] == "failure").count();
    assert_eq!(document["failures"], failures);
    let text = home.run("doctor");
    assert_eq!(text.code, Some(1), "{text:#?}");
    assert!(text.text().contains("FAILURE  server"), "{text:#?}");
}

#[test]
fn broken_settings_and_files_are_findings() {
    let home = Home::new();
    home.file("bad.toml", "period = \"x\"\n");
    let told = home.run("doctor none.wav --config bad.toml --json");
    assert_eq!(told.code, Some(1), "{told:#?}");
    let document: Value = serde_json::from_str(&told.text()).expect("one document");
    for check in ["config", "files"] {
        assert_eq!(findings(&document, check)[0]["level"], "failure", "{check}");
    }
    let usage = home.run("doctor --backend none");
    assert_eq!(usage.code, Some(64), "{usage:#?}");
}

#[test]
fn a_server_is_examined_and_warnings_count_when_strict() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    home.wav("a.wav", 10);
    let run = |args: &str| {
        let mut command = home.backline(args);
        command.env("JACK_DEFAULT_SERVER", server.name());
        Running::start(&mut command).finish()
    };
    let told = run("doctor a.wav --json");
    assert_eq!(told.code, Some(0), "{told:#?}");
    let document: Value = serde_json::from_str(&told.text()).expect("one document");
    let message = findings(&document, "server")[0]["message"].clone();
    let message = message.as_str().expect("a sentence");
    assert!(
        message.contains("(jackd) runs at 48000 Hz with a period of 256 frames (5.3 ms)"),
        "{message}"
    );
    assert_eq!(findings(&document, "files")[0]["level"], "ok");
    // As strict as there is anything to warn of on this machine.
    let warnings = document["warnings"].as_u64().expect("a count");
    let strict = run("doctor a.wav --strict");
    assert_eq!(strict.code, Some(i32::from(warnings > 0)), "{strict:#?}");
    // The server's rate is the device's.
    home.file("b.wav", wav_at(44_100));
    let strict = run("doctor b.wav --strict");
    assert_eq!(strict.code, Some(1), "{strict:#?}");
    assert!(strict.text().contains("resampled to the device's 48000 Hz"));
}

/// Two frames of 16-bit mono.
fn wav_at(rate: u32) -> Vec<u8> {
    let mut wav = b"RIFF\x28\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    wav.extend(rate.to_le_bytes());
    wav.extend((rate * 2).to_le_bytes());
    wav.extend(b"\x02\0\x10\0data\x04\0\0\0\x01\0\x02\0");
    wav
}
