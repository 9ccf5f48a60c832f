//! The program in each state that it may be stuck in: it uses next to nothing of a processor there, and SIGTERM ends
//! it within a second, with 0.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{ChildStdin, Stdio};
use std::time::{Duration, Instant};

use backline_tests::alsa_rig::isolated;
use backline_tests::jackd::Jackd;
use backline_tests::process::cpu_share;
use backline_tests::program::{Home, Running, wait_until};
use libc::SIGTERM;
use serde_json::Value;

/// Per cent of a core.
const MOST: f64 = 5.0;
/// How long it is watched.
const WATCHED: Duration = Duration::from_millis(1500);
/// From the signal to the end.
const ENDS: Duration = Duration::from_secs(1);
/// The machine may be too busy with other things to be fast once, or twice.
const TRIES: u32 = 4;

/// Brings the program into a state, watches it there, and ends it, a few times if need be.
fn state(what: &str, mut enter: impl FnMut() -> Running) {
    let mut seen = Vec::new();
    for _ in 0..TRIES {
        let running = enter();
        let share = cpu_share(running.pid(), WATCHED);
        let asked = Instant::now();
        running.signal(SIGTERM);
        let ended = running.finish();
        let took = asked.elapsed();
        assert_eq!(
            (ended.code, ended.signal),
            (Some(0), None),
            "{what}: {ended:#?}"
        );
        assert_eq!(ended.summary()["ended"], "stopped", "{what}");
        seen.push((share, took));
        if share < MOST && took < ENDS {
            println!("{what}: {share:.2} % of a core, ended after {took:?}");
            return;
        }
    }
    panic!("{what}: per cent of a core, time to the end: {seen:?}");
}

fn is_device(event: &Value, state: &str) -> bool {
    event["event"] == "device" && event["state"] == state
}

/// Inside [`isolated`] only: a home with a song, and the rig's devices.
fn home() -> Home {
    let config = std::env::var_os("ALSA_CONFIG_PATH").expect("the rig's");
    let home = Home::new().with_alsa(config);
    home.wav("a.wav", 60_000);
    home
}

const PLAY: &str = "play a.wav --status json --no-keys";

/// Plays on the faulty device until it is lost, and then, with what that device is, for ever.
fn lost(home: &Home, settings: &str) -> Running {
    let mut running = home.start(&format!(
        "{PLAY} --period 512 --device faulty:SPEED=1,{settings}"
    ));
    running.wait_for("the loss", |e| is_device(e, "lost"));
    running
}

fn waiting(home: &Home, device: &str) -> Running {
    let mut running = home.start(&format!("{PLAY} {device}"));
    running.wait_for("the wait", |e| is_device(e, "waiting"));
    running
}

fn flag(folder: &Path) -> String {
    folder.join("gone").display().to_string()
}

#[test]
fn while_a_device_is_not_there() {
    isolated("while_a_device_is_not_there", |folder| {
        let home = home();
        let gone = flag(folder);
        std::fs::write(&gone, "").unwrap();
        state("waiting for a device", || {
            waiting(&home, &format!("--wait-device --device faulty:GONE={gone}"))
        });
        state("waiting for one that refuses", || {
            waiting(&home, "--kiosk --device faulty:FAULT=busy")
        });
        state("recovering", || {
            let _ = std::fs::remove_file(&gone);
            lost(&home, &format!("FAULT=disconnect@9600,GONE={gone}"))
        });
        let _ = std::fs::remove_file(&gone);
        state("stopped by a loss", || {
            let _ = std::fs::remove_file(&gone);
            lost(
                &home,
                &format!("FAULT=disconnect@9600,GONE={gone} --on-loss stop"),
            )
        });
    });
}

#[test]
fn while_a_device_is_no_good() {
    isolated("while_a_device_is_no_good", |_| {
        let home = home();
        for fault in ["hang", "dead", "sick"] {
            state(fault, || lost(&home, &format!("FAULT={fault}@2400")));
        }
        // Its first moments, with a poll that says at once that there is room.
        state("always ready", || {
            let mut running = home.start(&format!(
                "{PLAY} --period 512 --device faulty:SPEED=1,FAULT=noroom@2400"
            ));
            running.wait_for("the fault", |e| e["frame"].as_u64() > Some(9_600));
            running
        });
    });
}

#[test]
fn while_it_plays_or_is_paused() {
    isolated("while_it_plays_or_is_paused", |_| {
        let home = home();
        for device in ["--backend null", "--device faulty:SPEED=1"] {
            state(device, || {
                let mut running = home.start(&format!("{PLAY} {device}"));
                running.wait_until_playing();
                running
            });
        }
    });
}

#[test]
fn without_a_server() {
    let home = Home::new();
    home.wav("a.wav", 60_000);
    state("waiting for a server", || {
        waiting(&home, "--wait-device --backend jack --server nobody")
    });
    let Some(mut server) = Jackd::start(1024, 48_000) else {
        return;
    };
    state("the server is gone", || {
        server.restart();
        let mut running = home.start(&format!(
            "{PLAY} --backend jack --server {} --connect none",
            server.name()
        ));
        running.wait_until_playing();
        server.kill();
        running.wait_for("the loss", |e| is_device(e, "lost"));
        running
    });
}

#[test]
fn while_files_are_awaited() {
    let home = Home::new();
    std::fs::create_dir(home.path().join("empty")).unwrap();
    let mut pipes: Vec<ChildStdin> = Vec::new();
    state("loading from a pipe that says nothing", || {
        let mut command = home.backline("play - --backend null --status json");
        let mut running = Running::start(command.stdin(Stdio::piped()));
        pipes.push(running.stdin());
        wait_until("the signals to be caught", || running.catches(SIGTERM));
        running
    });
    state("a folder without a song", || {
        let mut running = home.start("play --kiosk --backend null --status json empty");
        running.wait_for("the hold", |e| e["event"] == "warning");
        running
    });
}

/// Files that the program has open.
fn files(running: &Running) -> usize {
    let open = std::fs::read_dir(format!("/proc/{}/fd", running.pid()));
    open.expect("the program runs").count()
}

#[test]
fn after_a_flood_of_clients() {
    let home = Home::new();
    home.wav("a.wav", 60_000);
    state("after a flood", || {
        let mut running = home.start(&format!("{PLAY} --backend null"));
        running.wait_until_playing();
        let path = home.path().join("run/backline/backline.sock");
        let (before, mut clients) = (files(&running), Vec::new());
        for n in 0..70 {
            let Ok(mut stream) = UnixStream::connect(&path) else {
                continue;
            };
            stream
                .set_write_timeout(Some(Duration::from_millis(100)))
                .unwrap();
            let line = match n % 4 {
                0 => "{\"verb\":\"status\"}\n".repeat(4000),
                1 => "{\"verb\":\"subscribe\",\"args\":[30]}\n{\"verb\":\"gain\",\"args\":[1,0]}\n"
                    .repeat(2000),
                2 => "a".repeat(1 << 20),
                _ => "{\"verb\":\"pau".into(),
            };
            // Nothing is read, so not everything is taken.
            let _ = stream.write_all(line.as_bytes());
            clients.push(stream);
        }
        drop(clients);
        // What had been sent by then is worked off.
        wait_until("the last of them to be gone", || files(&running) <= before);
        running
    });
}
