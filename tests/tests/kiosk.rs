//! `backline play --kiosk`: what it does when something is the matter, and what a service manager hears of it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use backline::kiosk::Attendant;
use backline::null::Null;
use backline::player::{Driver, EngineBorrower, Output, PlayerBuilder};
use backline::song::{Request, load};
use backline_tests::jackd::Jackd;
use backline_tests::over_null::OverNull;
use backline_tests::program::{Home, Running, wait_until};
use backline_tests::service::Manager;
use engine_core::backend::{Played, Process};
use libc::{SIGHUP, SIGTERM};

const KIOSK: &str = "play --kiosk --backend null --status json --monitor off";
/// Long enough to be missed often, short enough for a test.
const WATCHDOG_MS: u64 = 600;

fn is_alive(text: &str) -> bool {
    text == "WATCHDOG=1"
}

/// SIGTERM ends it with 0, soon.
fn ends(running: Running) -> backline_tests::program::Outcome {
    let asked = Instant::now();
    running.signal(SIGTERM);
    let ended = running.finish();
    let took = asked.elapsed();
    assert_eq!((ended.code, ended.signal), (Some(0), None), "{ended:#?}");
    // On a machine that does nothing else: within a second.
    let limit = if std::env::var_os("BACKLINE_SOAK").is_some() {
        1
    } else {
        10
    };
    assert!(took < Duration::from_secs(limit), "{took:?}");
    ended
}

fn start(home: &Home, manager: &Manager, args: &str) -> Running {
    Running::start(manager.runs(&mut home.backline(args), WATCHDOG_MS))
}

/// The watchdog is fed, again and again.
fn is_fed(manager: &mut Manager) {
    manager.forget();
    for _ in 0..3 {
        manager.wait_for("the watchdog", is_alive);
    }
}

fn song(running: &mut Running, title: &str) {
    running.wait_for(title, |e| {
        e["event"] == "position" && e["song"] == title && e["state"] == "playing"
    });
}

#[test]
fn a_service_manager_hears_of_everything_and_so_does_a_collector() {
    let home = Home::new();
    home.wav("a.wav", 2_000);
    for mut manager in [Manager::new(home.path()), Manager::without_a_path()] {
        let args = format!("{KIOSK} a.wav --metrics figures.prom");
        let mut running = start(&home, &manager, &args);
        manager.wait_for("readiness", |text| text == "READY=1");
        manager.wait_for("the song", |text| text == "STATUS=playing `a`");
        is_fed(&mut manager);
        // More than once through.
        running.wait_for("the second pass", |e| {
            e["event"] == "position" && e["frame"].as_u64() > Some(80_000)
        });
        running.wait_for("the second pass", |e| {
            e["event"] == "position" && e["frame"].as_u64() < Some(40_000)
        });
        let figures = home.path().join("figures.prom");
        wait_until("figures", || {
            fs::read_to_string(&figures)
                .is_ok_and(|t| t.contains("backline_playing{name=\"backline\"} 1"))
        });
        let text = fs::read_to_string(&figures).unwrap();
        for line in [
            "backline_healthy{name=\"backline\"} 1",
            "backline_hold{name=\"backline\",kind=\"\",reason=\"\"} 0",
            "backline_song_info{name=\"backline\",title=\"a\"} 1",
            "backline_losses_total{name=\"backline\"} 0",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
        manager.forget();
        let ended = ends(running);
        manager.wait_for("the end", |text| text == "STOPPING=1");
        let summary = ended.summary();
        assert_eq!(summary["ended"], "stopped");
        assert!(summary["frames"].as_u64() > Some(96_000), "{summary}");
    }
}

#[test]
fn waiting_for_a_server_that_comes_and_goes_and_comes() {
    let home = Home::new();
    home.wav("a.wav", 20_000);
    let mut manager = Manager::new(home.path());
    let Some(mut server) = Jackd::start(256, 48_000) else {
        return;
    };
    server.kill();
    let args = format!(
        "play --kiosk --backend jack --server {} --status json a.wav --connect none",
        server.name()
    );
    let mut running = start(&home, &manager, &args);
    manager.wait_for("readiness", |text| text == "READY=1");
    manager.wait_for("the wait", |text| text.starts_with("STATUS=waiting: "));
    is_fed(&mut manager);
    running.wait_for("the wait", |e| {
        e["event"] == "device" && e["state"] == "waiting"
    });
    server.restart();
    running.wait_until_playing();
    manager.wait_for("the song", |text| text == "STATUS=playing `a`");
    is_fed(&mut manager);
    let before = running.wait_until_playing()["frame"].as_u64();
    server.kill();
    manager.wait_for("the loss", |text| text.starts_with("STATUS=recovering: "));
    is_fed(&mut manager);
    server.restart();
    // By itself, and where it was.
    running.wait_for("the return", |e| {
        e["event"] == "device" && e["state"] == "running"
    });
    let after = running.wait_until_playing()["frame"].as_u64();
    assert!(after >= before, "{after:?} {before:?}");
    is_fed(&mut manager);
    server.kill();
    manager.wait_for("the loss", |text| text.starts_with("STATUS=recovering: "));
    ends(running);
}

#[test]
fn term_ends_it_while_it_waits_for_a_device_or_for_files() {
    let home = Home::new();
    home.wav("a.wav", 2_000);
    fs::create_dir(home.path().join("empty")).unwrap();
    for (args, hold) in [
        (
            "play --kiosk --backend jack --server nobody --status json a.wav",
            "STATUS=waiting: ",
        ),
        (
            "play --backend jack --server nobody --status json a.wav --wait-device",
            "STATUS=waiting: ",
        ),
        (
            "play --kiosk --backend null --status json empty",
            "STATUS=loading: ",
        ),
    ] {
        let mut manager = Manager::without_a_path();
        let running = start(&home, &manager, args);
        manager.wait_for("readiness", |text| text == "READY=1");
        manager.wait_for(hold, |text| text.starts_with(hold));
        let ended = ends(running);
        assert_eq!(ended.summary()["ended"], "stopped");
        manager.wait_for("the end", |text| text == "STOPPING=1");
    }
}

#[test]
fn waiting_for_a_device_has_an_end_if_it_is_given_one() {
    let home = Home::new();
    home.wav("a.wav", 500);
    let begun = Instant::now();
    let ended = home.run("play --backend jack --server nobody --status json a.wav --wait-device=1");
    assert_eq!(ended.code, Some(69), "{ended:#?}");
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let waits = |e: &serde_json::Value| e["event"] == "device" && e["state"] == "waiting";
    assert!(ended.events().iter().any(waits), "{ended:#?}");
    assert_eq!(ended.summary()["error"]["code"], "no-server");
}

#[test]
fn a_folder_that_goes_away_is_waited_for() {
    let home = Home::new();
    home.wav("stick/one.wav", 1_000);
    home.wav("stick/two.wav", 1_000);
    let mut manager = Manager::new(home.path());
    let mut running = start(&home, &manager, &format!("{KIOSK} --sequence stick"));
    manager.wait_for("a song", |text| text == "STATUS=playing `one`");
    song(&mut running, "two");
    fs::rename(home.path().join("stick"), home.path().join("pocket")).unwrap();
    let held = manager.wait_for("the hold", |text| text.starts_with("STATUS=loading: "));
    assert!(held.contains("no song can be played"), "{held}");
    is_fed(&mut manager);
    let position = running.wait_for("the hold", |e| {
        e["event"] == "position" && !e["reason"].is_null()
    });
    assert_ne!(position["state"], "stopped");
    fs::rename(home.path().join("pocket"), home.path().join("stick")).unwrap();
    manager.wait_for("a song", |text| text.starts_with("STATUS=playing `"));
    song(&mut running, "one");
    song(&mut running, "two");
    let ended = ends(running);
    // Said once, however often it was tried.
    let said = ended
        .events()
        .iter()
        .filter(|e| e["event"] == "warning")
        .count();
    assert!((1..=6).contains(&said), "{ended:#?}");
}

/// Leaves of a file only its beginning.
fn cut(path: &Path, bytes: u64) {
    fs::OpenOptions::new()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(bytes)
        .unwrap();
}

#[test]
fn a_file_that_breaks_off_is_played_to_there_and_left_and_played_again_when_it_is_whole() {
    let home = Home::new();
    let long = home.wav("long.wav", 60_000);
    home.wav("next.wav", 1_000);
    let whole = fs::read(&long).unwrap();
    // 2 s and a header are left; the header says 60.
    cut(&long, 2 * 48_000 * 8 + 44);
    let mut running = home.start(&format!("{KIOSK} --sequence long.wav next.wav"));
    for _ in 0..2 {
        song(&mut running, "long");
        song(&mut running, "next");
    }
    fs::write(&long, whole).unwrap();
    song(&mut running, "long");
    running.wait_for("what was missing", |e| {
        e["song"] == "long" && e["frame"].as_u64() > Some(130_000)
    });
    ends(running);
}

#[test]
fn what_cannot_be_opened_is_skipped_and_comes_in_when_it_can() {
    let home = Home::new();
    home.wav("one.wav", 400);
    let two = home.file("two.wav", "no sound at all");
    let mut running = home.start(&format!("{KIOSK} --sequence one.wav two.wav three.wav"));
    song(&mut running, "one");
    home.wav("three.wav", 400);
    home.wav("new.wav", 400);
    fs::rename(home.path().join("new.wav"), two).unwrap();
    song(&mut running, "two");
    song(&mut running, "three");
    song(&mut running, "one");
    let ended = ends(running);
    let warned = |name: &str| {
        let about = |e: &&serde_json::Value| {
            e["event"] == "warning" && e["message"].as_str().is_some_and(|m| m.contains(name))
        };
        ended.events().iter().filter(about).count()
    };
    assert_eq!(
        (warned("two.wav"), warned("three.wav"), warned("one.wav")),
        (1, 1, 0),
        "{ended:#?}"
    );
}

#[test]
fn hup_loads_it_again_and_what_is_broken_changes_nothing() {
    let home = Home::new();
    home.wav("one.wav", 30_000);
    home.wav("two.wav", 30_000);
    let list = home.file("list.toml", "version = 1\n[[songs]]\nfile = \"one.wav\"\n");
    let mut manager = Manager::new(home.path());
    let mut running = start(&home, &manager, &format!("{KIOSK} list.toml"));
    manager.wait_for("readiness", |text| text == "READY=1");
    song(&mut running, "one");
    fs::write(&list, "version = 1\n[[song").unwrap();
    running.signal(SIGHUP);
    manager.wait_for("the reload", |text| {
        text.starts_with("RELOADING=1\nMONOTONIC_USEC=")
    });
    manager.wait_for("its end", |text| text == "READY=1");
    let warning = running.wait_for("a warning", |e| {
        e["event"] == "warning" && e["code"] == "reload"
    });
    let said = warning["message"].as_str().unwrap();
    assert!(
        said.contains("list.toml:2:") && said.ends_with("plays on"),
        "{said}"
    );
    song(&mut running, "one");
    // Another place of the same song stays where it is.
    let before = running.wait_until_playing()["frame"].as_u64();
    fs::write(
        &list,
        "version = 1\n[[songs]]\nfile = \"two.wav\"\n[[songs]]\nfile = \"one.wav\"\n",
    )
    .unwrap();
    running.signal(SIGHUP);
    manager.wait_for("the reload", |text| text.starts_with("RELOADING=1"));
    manager.wait_for("its end", |text| text == "READY=1");
    song(&mut running, "one");
    let after = running.wait_until_playing()["frame"].as_u64();
    assert!(after >= before, "{after:?} {before:?}");
    fs::write(&list, "version = 1\n[[songs]]\nfile = \"two.wav\"\n").unwrap();
    running.signal(SIGHUP);
    song(&mut running, "two");
    is_fed(&mut manager);
    ends(running);
}

#[test]
fn a_broken_configuration_is_said_and_a_command_line_without_sense_is_an_error() {
    let home = Home::new();
    home.wav("a.wav", 500);
    let config = home.file("config.toml", "period = \"many\"\n");
    let mut command = home.backline(&format!("{KIOSK} a.wav"));
    let mut running = Running::start(command.env("BACKLINE_CONFIG", &config));
    let warning = running.wait_for("a warning", |e| e["event"] == "warning");
    assert!(
        warning["message"]
            .as_str()
            .unwrap()
            .contains("config.toml:1:"),
        "{warning}"
    );
    running.wait_until_playing();
    ends(running);
    for args in [
        "--on-loss exit",
        "--on-damage stop",
        "--loop",
        "--repeat 2",
        "--on-end stop",
        "--bogus",
        "-",
    ] {
        let ended = home.run(&format!("{KIOSK} a.wav {args}"));
        assert_eq!(ended.code, Some(64), "{args}: {ended:#?}");
    }
    let ended = home.run("play --kiosk --backend null --status json a.wav --transport follow");
    assert_eq!(ended.code, Some(64), "{ended:#?}");
}

/// Callbacks that stop when they are told to, which the backend doesn't notice.
struct Frozen {
    process: EngineBorrower,
    frozen: Arc<AtomicBool>,
}

impl Process for Frozen {
    fn process(&mut self, planes: &mut [&mut [f32]], frames: usize) -> Played {
        match self.frozen.load(Ordering::Relaxed) {
            true => {
                planes.iter_mut().for_each(|plane| plane.fill(0.0));
                Played::Silence
            }
            false => self.process.process(planes, frames),
        }
    }

    fn ready(&mut self, frames: usize) -> bool {
        self.process.ready(frames)
    }
}

#[test]
fn a_watchdog_is_not_fed_while_the_callback_is_frozen() {
    let home = Home::new();
    let wav = home.wav("a.wav", 2_000);
    let frozen = Arc::new(AtomicBool::new(false));
    let theirs = frozen.clone();
    let make = move || -> Driver {
        let frozen = theirs.clone();
        Box::new(OverNull::new(Null::new(), move |process| Frozen {
            process,
            frozen: frozen.clone(),
        }))
    };
    let setlist = load(&Request {
        inputs: &[wav],
        sequence: false,
        on_end: None,
        max_gain_db: 12.0,
    });
    let player = PlayerBuilder::new(setlist.unwrap())
        .output(Output::Other {
            name: "freezing",
            make: Arc::new(make),
        })
        .keep_going(true)
        .build()
        .unwrap();
    player.play();
    let mut manager = Manager::new(home.path());
    let metrics = home.path().join("figures.prom");
    let (mut attendant, complaint) = Attendant::new(
        "a",
        Some(metrics.clone()),
        Instant::now(),
        &|name| match name {
            "NOTIFY_SOCKET" => Some(manager.address().into()),
            "WATCHDOG_USEC" => Some("300000".into()),
            _ => None,
        },
    );
    assert_eq!(complaint, None);
    let mut looks = |time: Duration, manager: &mut Manager| {
        let end = Instant::now() + time;
        let mut fed = 0;
        while Instant::now() < end {
            if attendant.is_due() {
                assert_eq!(attendant.look(&player.status()), None);
            }
            fed += manager
                .listen(Duration::from_millis(10))
                .iter()
                .filter(|t| is_alive(t))
                .count();
        }
        fed
    };
    assert!(looks(Duration::from_secs(2), &mut manager) >= 3);
    frozen.store(true, Ordering::Relaxed);
    // (One may be on its way.)
    looks(Duration::from_millis(500), &mut manager);
    assert_eq!(looks(Duration::from_secs(4), &mut manager), 0);
    let text = fs::read_to_string(&metrics).unwrap();
    assert!(
        text.contains("backline_illness{name=\"a\",what=\"callback-stuck\"} 1"),
        "{text}"
    );
    frozen.store(false, Ordering::Relaxed);
    assert!(looks(Duration::from_secs(2), &mut manager) >= 3);
}
