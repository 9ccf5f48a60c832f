//! The control socket of the program: the documented conversation, who may have it, and what hostile clients
//! can't do.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use backline_tests::flood::hostile;
use backline_tests::program::{Home, LONG, Running, wait_until};
use serde_json::Value;

/// A song of two minutes with two tracks and two sections.
fn show(home: &Home) -> PathBuf {
    home.wav("show/drums.wav", 120_000);
    home.wav("show/vox.wav", 120_000);
    home.file(
        "show/song.toml",
        "version = 1\ntitle = \"show\"\non_end = \"loop\"\n\
         [[tracks]]\nname = \"drums\"\nfile = \"drums.wav\"\n\
         [[tracks]]\nname = \"vox\"\nfile = \"vox.wav\"\n\
         [[sections]]\nname = \"Verse\"\nstart = \"0\"\n\
         [[sections]]\nname = \"Chorus\"\nstart = \"1:00\"\n",
    );
    home.path().join("run/backline/backline.sock")
}

const PLAY: &str = "play show --backend null --status json --no-keys";

/// Starts the program, and waits until it plays.
fn playing(home: &Home, more: &str) -> Running {
    let mut program = home.start(&format!("{PLAY} {more}"));
    program.wait_until_playing();
    program
}

fn connect(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).expect("the session listens");
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// Sends a request, and returns the line that answers it.
fn ask(path: &Path, request: &str) -> Value {
    let mut stream = connect(path);
    // One connection too many is closed before it has asked, and told why.
    let _ = writeln!(stream, "{request}");
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"))
}

#[test]
fn the_documented_conversation_is_what_is_said() {
    let doc = include_str!("../../cli/docs/protocol.md");
    let text = doc.split("```text\n").nth(1).unwrap();
    let text = text.split("```").next().unwrap();
    let home = Home::new();
    let path = show(&home);
    let program = playing(&home, "");
    let mut stream = connect(&path);
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut said = 0;
    for line in text.lines() {
        if let Some(request) = line.strip_prefix("> ") {
            writeln!(stream, "{request}").unwrap();
        } else if let Some(reply) = line.strip_prefix("< ") {
            assert_eq!(lines.next().expect("a line").unwrap(), reply);
            said += 1;
        }
    }
    assert!(said > 10, "{said}");
    let outcome = program.finish();
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert!(!path.exists(), "the socket was left behind");
}

#[test]
fn every_verb_and_code_is_documented() {
    let doc = include_str!("../../cli/docs/protocol.md");
    for (verb, ..) in backline::control::VERBS {
        assert!(doc.contains(&format!("`{verb}`")), "{verb}");
    }
    for code in backline::control::ErrorCode::ALL {
        assert!(doc.contains(&format!("`{}`", code.word())), "{code:?}");
    }
    assert!(doc.contains(&backline::control::LINE_LIMIT.to_string()));
}

#[test]
fn the_socket_is_the_users_alone_and_one_sessions_alone() {
    let home = Home::new();
    let path = show(&home);
    let first = playing(&home, "");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    let second = home.run(PLAY);
    assert_eq!(second.code, Some(69), "{second:?}");
    assert!(second.text().contains("listens on"), "{second:?}");
    let other = playing(&home, "--name left --control-group 0");
    assert_eq!(mode(&home.path().join("run/backline/left.sock")), 0o660);
    // Two run: which one is meant?
    let ctl = home.run("ctl status");
    assert_eq!(ctl.code, Some(64), "{ctl:?}");
    assert!(ctl.err.contains("backline, left"), "{ctl:?}");
    let ctl = home.run("ctl --name left quit");
    assert_eq!((ctl.code, ctl.err.as_str()), (Some(0), ""));
    assert_eq!(other.finish().code, Some(0));
    let ctl = home.run("ctl status");
    assert_eq!(ctl.code, Some(0), "{ctl:?}");
    assert!(ctl.text().contains("drums"), "{ctl:?}");
    // Killed, it leaves its socket behind; the next one takes its place.
    first.signal(9);
    drop(first);
    assert!(path.exists());
    let ctl = home.run("ctl status");
    assert_eq!(ctl.code, Some(69), "{ctl:?}");
    let again = playing(&home, "");
    assert_eq!(home.run("ctl quit").code, Some(0));
    assert_eq!(again.finish().code, Some(0));
    // Without a folder for it there is none, and no word about it.
    let mut bare = home.backline(PLAY);
    let mut bare = Running::start(bare.env_remove("XDG_RUNTIME_DIR"));
    bare.wait_until_playing();
    bare.signal(15);
    let bare = bare.finish();
    assert_eq!((bare.code, bare.err.as_str()), (Some(0), ""));
    assert!(
        bare.events().iter().all(|e| e["event"] != "warning"),
        "{bare:?}"
    );
}

#[test]
fn ctl_says_what_is_wrong_with_the_right_code() {
    let home = Home::new();
    show(&home);
    let program = playing(&home, "");
    for (line, code, said) in [
        ("gain bass -6", 64, "there is no track `bass`"),
        ("gain drums loud", 64, "gain: expected a level in dB"),
        ("bus click 0", 64, "there is no bus `click`"),
        ("seek @Bridge", 64, "no section `Bridge`"),
        ("next", 64, "there is only this song"),
        ("jump @Bridge section-end", 64, "no section `Bridge`"),
        ("jump @Chorus next-bar", 64, "`show` has no bars"),
        (
            "jump @Chorus later",
            64,
            "expected now, section-end or next-bar",
        ),
        ("loop @Bridge", 64, "no section `Bridge`"),
        ("loop 9:00..9:30", 64, "begin within the song"),
        ("mute 9", 64, "there is no track 9"),
        ("pan drums 2", 64, "pan: expected a position"),
        ("subscribe 31", 64, "a whole number from 0 to 30"),
        ("load nowhere", 65, "nowhere: no such file or folder"),
        ("load -", 64, "load: standard input is for play"),
        ("load", 64, "is missing"),
        ("save show/song", 64, "a song file's name ends in .toml"),
        ("fade master -6 @Chorus", 64, "fade: expected a length"),
        ("fade", 64, "is missing"),
        ("dance", 64, "there is no command `dance`"),
        ("--name other pause", 69, "no session `other`"),
    ] {
        let outcome = home.run(&format!("ctl {line}"));
        assert_eq!(outcome.code, Some(code), "{line}: {outcome:?}");
        assert!(outcome.err.contains(said), "{line}: {}", outcome.err);
    }
    let path = home.path().join("run/backline/backline.sock");
    let status = ask(&path, r#"{"verb":"status"}"#);
    assert_eq!(
        status["ok"]["tracks"][0]["gain_db"], 0.0,
        "nothing has changed"
    );
    drop(program);
}

#[test]
fn subscribers_hear_of_changes_and_meters_and_the_end() {
    let home = Home::new();
    let path = show(&home);
    let program = playing(&home, "");
    let mut stream = connect(&path);
    writeln!(stream, r#"{{"id":1,"verb":"subscribe","args":[20]}}"#).unwrap();
    let lines = BufReader::new(stream).lines();
    let mut lines = lines.map(|l| serde_json::from_str::<Value>(&l.unwrap()).unwrap());
    assert_eq!(lines.next().unwrap()["ok"]["rate"], 20);
    let mut until = |what: &dyn Fn(&Value) -> bool| lines.by_ref().find(what).is_some();
    assert!(until(&|e| e["event"] == "state" && e["state"] == "playing"));
    // -18 and -12 dB: what is played on the left and on the right.
    assert!(until(
        &|e| e["event"] == "meters" && e["buses"][0]["peak_db"].as_f64() > Some(-13.0)
    ));
    ask(&path, r#"{"verb":"mute","args":["vox"]}"#);
    assert!(until(
        &|e| e["event"] == "state" && e["tracks"][1]["mute"] == true
    ));
    ask(&path, r#"{"verb":"quit"}"#);
    assert!(until(&|e| e["event"] == "bye" && e["code"] == "over"));
    assert_eq!(program.finish().code, Some(0));
}

fn memory_kb(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// 50 clients, of which ten behave. For 5 s; 60 with `BACKLINE_SOAK`.
#[test]
fn a_flood_of_clients_starves_nothing_and_nobody() {
    let seconds = if std::env::var_os("BACKLINE_SOAK").is_some() {
        60
    } else {
        5
    };
    let home = Home::new();
    let path = show(&home);
    // Short callbacks: a gain is answered when the engine has taken it.
    let mut program = playing(&home, "--period 256");
    let (stop, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    let (mut early, mut late, mut worst) = (0, 0, Duration::ZERO);
    std::thread::scope(|scope| {
        for number in 0..50 {
            let (path, stop, answered) = (&path, &stop, &answered);
            scope.spawn(move || hostile(number, path, stop, answered));
        }
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(seconds) {
            // Others are still served.
            let asked = Instant::now();
            let status = ask(&path, r#"{"verb":"status"}"#);
            worst = worst.max(asked.elapsed());
            assert_eq!(status["ok"]["state"], "playing", "{status}");
            let now = memory_kb(program.pid());
            if begun.elapsed() < Duration::from_secs(seconds) / 3 {
                early = early.max(now);
            }
            late = now;
            std::thread::sleep(Duration::from_millis(50));
        }
        stop.store(true, Ordering::Relaxed);
    });
    let answered = answered.load(Ordering::Relaxed);
    println!(
        "{answered} answers in {seconds} s, the slowest status {worst:?}, {early} then {late} kB"
    );
    let wanted = if seconds == 60 { 10_000 } else { 200 };
    assert!(answered > wanted * seconds, "{answered} answers");
    assert!(late < early + 8192, "memory grew from {early} to {late} kB");
    assert!(!program.is_over());
    // The hostile ones have gone, and everything is as it was.
    wait_until("an answer", || {
        ask(&path, r#"{"verb":"quit"}"#)["ok"]["accepted"] == true
    });
    let outcome = program.finish();
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert_eq!(outcome.summary()["starvations"], 0);
}

#[test]
fn the_65th_client_is_told_so() {
    let home = Home::new();
    let path = show(&home);
    let _program = playing(&home, "");
    let mut all: Vec<UnixStream> = (0..64).map(|_| connect(&path)).collect();
    for stream in &mut all {
        writeln!(stream, r#"{{"verb":"pause"}}"#).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        assert!(line.contains("ok"), "{line}");
    }
    let mut line = String::new();
    BufReader::new(connect(&path)).read_line(&mut line).unwrap();
    assert!(line.contains("too-many-clients"), "{line}");
    drop(all);
    wait_until("a place", || {
        ask(&path, r#"{"verb":"status"}"#)["ok"].is_object()
    });
}
