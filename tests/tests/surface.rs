//! Inputs of the program: keys by way of a pipe that carries what an input device says, and the mapping's mistakes.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::process::Command;

use backline::control::{Connection, Verb};
use backline_tests::program::{Home, LONG, wait_until};
use serde_json::Value;

/// A `struct input_event`.
fn key(ms: usize, code: u16, down: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend((ms / 1000).to_ne_bytes());
    bytes.extend((ms % 1000 * 1000).to_ne_bytes());
    bytes.extend(1u16.to_ne_bytes());
    bytes.extend(code.to_ne_bytes());
    bytes.extend(i32::from(down).to_ne_bytes());
    bytes
}

fn status(home: &Home) -> Value {
    let path = home.path().join("run/backline/backline.sock");
    let mut session = Connection::open(&path).unwrap();
    session.send(&Verb::Status).unwrap();
    session.next(Some(LONG)).unwrap().unwrap().body["ok"].clone()
}

#[test]
fn keys_do_what_the_mapping_says() {
    let home = Home::new();
    home.wav("show/drums.wav", 20_000);
    home.wav("show/lead vox.wav", 20_000);
    let keys = home.path().join("keys");
    assert!(
        Command::new("mkfifo")
            .arg(&keys)
            .status()
            .unwrap()
            .success()
    );
    home.file(
        "map.toml",
        "version = 1\n\
         [[map]]\nkey = \"KEY_PAGEDOWN\"\ndo = \"toggle\"\n\
         [[map]]\nkey = \"KEY_A\"\ndo = [\"gain drums -6\", \"mute 'lead vox' toggle\"]\n\
         [[map]]\nkey = \"KEY_B\"\non = \"release\"\ndo = \"seek 10\"\n\
         [[map]]\nkey = \"KEY_C\"\ndo = \"gain bass -6\"\n\
         [[map]]\nkey = 17\ndo = \"quit\"\n",
    );
    let play = "play show --backend null --status json --no-keys --on-end loop --map map.toml";
    let mut program = home.start(&format!("{play} --input evdev:{}", keys.display()));
    program.wait_until_playing();
    let mut to = OpenOptions::new().write(true).open(&keys).unwrap();
    let mut press = |ms: usize, code: u16| {
        // Each contact bounces.
        for (after, down) in [
            (0, true),
            (2, false),
            (4, true),
            (100, false),
            (101, true),
            (103, false),
        ] {
            to.write_all(&key(ms + after, code, down)).unwrap();
        }
    };
    press(1_000, 109);
    wait_until("paused", || status(&home)["state"] == "paused");
    press(2_000, 30);
    wait_until("muted", || status(&home)["tracks"][1]["mute"] == true);
    assert_eq!(status(&home)["tracks"][0]["gain_db"], -6.0);
    press(3_000, 48);
    wait_until("sought", || status(&home)["frame"] == 480_000);
    press(4_000, 46);
    let warning = program.wait_for("warning", |e| {
        e["event"] == "warning" && e["code"] == "input"
    });
    let said = warning["message"].as_str().unwrap();
    assert!(
        said.starts_with("key KEY_C: there is no track `bass`"),
        "{said}"
    );
    press(5_000, 109);
    wait_until("playing", || status(&home)["state"] == "playing");
    press(6_000, 17);
    let outcome = program.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn what_cannot_be_heard_or_mapped_is_said_before_anything_plays() {
    let home = Home::new();
    home.wav("show/a.wav", 100);
    home.file(
        "good.toml",
        "version = 1\n[[map]]\nnote = 1\ndo = \"play\"\n",
    );
    home.file(
        "bad.toml",
        "version = 1\n[[map]]\nnote = 1\ndo = \"dance\"\n",
    );
    let run = |args: &str, code: i32, said: &str| {
        let outcome = home.run(&format!("play show --backend null {args}"));
        assert_eq!(outcome.code, Some(code), "{outcome:?}");
        assert!(outcome.err.contains(said), "{said}: {outcome:?}");
    };
    run(
        "--map bad.toml",
        78,
        "backline: bad.toml:4:6: there is no verb `dance`\n",
    );
    run(
        "--map none.toml",
        78,
        "backline: none.toml: can't be read: No such file",
    );
    run(
        "--input evdev:/x",
        64,
        "backline: --input needs a mapping that says what it does\n",
    );
    run(
        "--map good.toml --input serial:/x",
        64,
        "expected an input such as",
    );
    run(
        "--map good.toml --input evdev:good.toml",
        69,
        "good.toml: can't be read: that is no input device\n",
    );
    run(
        "--map good.toml --input gpio:nochip/1",
        69,
        "gpio:nochip/1: there is no chip `/dev/nochip`",
    );
    // Nothing is there yet, and it plays all the same.
    run(
        "--map good.toml --input evdev:/nowhere",
        0,
        "evdev:/nowhere: not there; it is used once it is\n",
    );
}

#[test]
fn what_is_pressed_next_is_learned() {
    let home = Home::new();
    let keys = home.path().join("keys");
    assert!(
        Command::new("mkfifo")
            .arg(&keys)
            .status()
            .unwrap()
            .success()
    );
    home.file("map.toml", "# mine\nversion = 1\n");
    let learn = |verb: &str| {
        let map = "--map map.toml";
        home.start(&format!(
            "learn {map} --input evdev:{} {verb}",
            keys.display()
        ))
    };
    let program = learn("gain drums -6");
    // (Opening it waits for the reader.)
    let mut to = OpenOptions::new().write(true).open(&keys).unwrap();
    to.write_all(&key(0, 109, false)).unwrap();
    to.write_all(&key(9, 109, true)).unwrap();
    let outcome = program.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(
        outcome
            .err
            .ends_with("key KEY_PAGEDOWN: gain drums -6 (map.toml)\n"),
        "{outcome:?}"
    );
    let text = std::fs::read_to_string(home.path().join("map.toml")).unwrap();
    let entry = "[[map]]\nkey = \"KEY_PAGEDOWN\"\ndo = \"gain drums -6\"\n";
    assert_eq!(text, format!("# mine\nversion = 1\n\n{entry}"));
    for (args, code, said) in [
        (
            "learn --input evdev:keys play",
            64,
            "there is no mapping to write to",
        ),
        (
            "learn --map map.toml play",
            64,
            "there is no input to learn from",
        ),
        (
            "learn --map map.toml --input evdev:keys dance",
            64,
            "backline: there is no verb `dance`\n",
        ),
        (
            "learn --map map.toml --input evdev:map.toml play",
            69,
            "that is no input device",
        ),
    ] {
        let outcome = home.run(args);
        assert_eq!(outcome.code, Some(code), "{outcome:?}");
        assert!(outcome.err.contains(said), "{outcome:?}");
    }
}
