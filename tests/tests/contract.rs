//! The real-time contract, watched from outside while the program plays: no allocation in a callback,
//! no system call on the audio thread but its driver's wait, no page fault.
//!
//! The trap for allocations is in every other test, too: see `backline-trap`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use backline_tests::alsa_rig::isolated;
use backline_tests::jackd::Jackd;
use backline_tests::keyboard::Keyboard;
use backline_tests::process::{audio_thread, page_faults};
use backline_tests::program::{Home, Running, wait_until};
use engine_core::denormals::flush_denormals;
use libc::{SIGABRT, SIGCONT, SIGTERM, SIGTSTP, SIGUSR1};

/// A way to play: the options that choose it, and its audio thread's name.
struct Way {
    options: &'static str,
    thread: &'static str,
    /// Plays on it meanwhile.
    keyboard: Option<Keyboard>,
    server: Option<Jackd>,
    alsa: Option<PathBuf>,
}

fn null() -> Way {
    Way {
        options: "--backend null --period 256",
        thread: "backline-null",
        keyboard: None,
        server: None,
        alsa: None,
    }
}

fn jack() -> Option<Way> {
    let server = Jackd::start(256, 48_000)?;
    Some(Way {
        options: "--backend jack --midi=jack --map map.toml --connect control_in=keyboard:out",
        // libjack's threads have the name of the one that opened the client.
        thread: "jack-client",
        keyboard: Some(Keyboard::open(&server)),
        server: Some(server),
        alsa: None,
    })
}

/// Inside [`isolated`] only.
fn alsa() -> Way {
    Way {
        options: "--device faulty:SPEED=1 --period 256 --periods 4",
        thread: "backline-alsa",
        keyboard: None,
        server: None,
        alsa: std::env::var_os("ALSA_CONFIG_PATH").map(Into::into),
    }
}

impl Way {
    fn home(&self) -> Home {
        let home = match &self.alsa {
            Some(config) => Home::new().with_alsa(config),
            None => Home::new(),
        };
        let map = "version = 1\n[[map]]\ncontroller = 7\ndo = \"master\"\n";
        home.file("map.toml", map);
        home
    }

    /// Has MIDI come in, more of it than fits.
    fn strum(&self) {
        if let Some(keyboard) = &self.keyboard {
            keyboard.wait_heard();
            for _ in 0..5 {
                keyboard.send(&vec![&[0xb0_u8, 7, 120][..]; 300]);
            }
        }
    }

    fn command(&self, home: &Home, args: &str) -> Command {
        let mut command = home.backline(&format!("{args} {}", self.options));
        if let Some(server) = &self.server {
            command.env("JACK_DEFAULT_SERVER", server.name());
        }
        command
    }
}

/// Two songs of three stems.
fn songs(home: &Home) {
    for stem in ["drums", "keys", "click"] {
        home.wav(&format!("one/{stem}.wav"), 900);
        home.wav(&format!("two/{stem}.wav"), 1_100);
    }
}

// ---- allocation ----

/// All that a session does in a callback: a start, a loop's seams, a pause and a resume with their
/// fades, statistics, the cut to the next song, the natural end.
fn plays_trapped(way: &Way) {
    let home = way
        .home()
        .with_program(env!("CARGO_BIN_EXE_backline-trapped"));
    songs(&home);
    let to_the_end = Running::start(&mut way.command(
        &home,
        "play one two --status json --monitor full --start 0.2 --pan drums=-0.5 --solo keys",
    ))
    .finish();
    assert_eq!(to_the_end.code, Some(0), "{to_the_end:#?}");
    assert_eq!(to_the_end.summary()["ended"], "end");

    let mut looping =
        Running::start(&mut way.command(&home, "play one --status json --loop=0.1..0.3"));
    looping.wait_until_playing();
    way.strum();
    looping.signal(SIGUSR1);
    looping.signal(SIGTSTP);
    wait_until("the stop", || looping.state() == Some('T'));
    looping.signal(SIGCONT);
    looping.wait_until_playing();
    looping.signal(SIGTERM);
    let ended = looping.finish();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(ended.summary()["frames"].as_u64() > Some(0));
}

#[test]
fn no_callback_allocates_on_null() {
    plays_trapped(&null());
}

#[test]
fn no_callback_allocates_on_jack() {
    if let Some(way) = jack() {
        plays_trapped(&way);
    }
}

#[test]
fn no_callback_allocates_on_alsa() {
    isolated("no_callback_allocates_on_alsa", |_| plays_trapped(&alsa()));
}

#[test]
fn the_allocation_trap_is_set() {
    const INSIDE: &str = "BACKLINE_TEST_TRAP";
    if std::env::var_os(INSIDE).is_some() {
        let guard = flush_denormals();
        drop(std::hint::black_box(Box::new(1u8)));
        drop(guard);
        return;
    }
    let caught = Command::new(std::env::current_exe().unwrap())
        .args(["the_allocation_trap_is_set", "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&caught.stderr);
    if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
        assert_eq!(caught.status.signal(), Some(SIGABRT), "{told}");
        assert!(
            told.contains("an audio callback allocated 1 bytes"),
            "{told}"
        );
    } else {
        eprintln!("SKIP the_allocation_trap_is_set: no flush bit to know a callback by");
    }
}

// ---- page faults ----

/// Ten seconds of playing after the first: the audio thread must not have met a page that isn't there.
fn plays_without_faults(way: &Way) {
    let home = way.home();
    songs(&home);
    let mut playing =
        Running::start(&mut way.command(&home, "play one --status json --loop --monitor off"));
    playing.wait_until_playing();
    sleep(Duration::from_secs(1));
    let thread = audio_thread(playing.pid(), way.thread);
    let before = page_faults(playing.pid(), thread);
    way.strum();
    sleep(Duration::from_secs(10));
    let after = page_faults(playing.pid(), thread);
    playing.signal(SIGTERM);
    let ended = playing.finish();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(
        (after.0 - before.0, after.1 - before.1),
        (0, 0),
        "minor and major page faults in 10 s, after {before:?} up to then"
    );
}

#[test]
fn the_audio_thread_meets_no_page_fault_on_null() {
    plays_without_faults(&null());
}

#[test]
fn the_audio_thread_meets_no_page_fault_on_jack() {
    if let Some(way) = jack() {
        plays_without_faults(&way);
    }
}

#[test]
fn the_audio_thread_meets_no_page_fault_on_alsa() {
    isolated("the_audio_thread_meets_no_page_fault_on_alsa", |_| {
        plays_without_faults(&alsa());
    });
}

/// `play` locks its memory where it may: root may, and a user as far as the limit goes.
#[test]
fn what_plays_is_locked_in_memory() {
    let way = null();
    let home = way.home();
    songs(&home);
    let mut playing =
        Running::start(&mut way.command(&home, "play one --status json --loop --monitor off"));
    playing.wait_until_playing();
    let status = fs::read_to_string(format!("/proc/{}/status", playing.pid())).unwrap();
    let limits = fs::read_to_string(format!("/proc/{}/limits", playing.pid())).unwrap();
    playing.signal(SIGTERM);
    assert_eq!(playing.finish().code, Some(0));
    let line = |text: &str, name: &str| {
        let line = text.lines().find(|l| l.starts_with(name));
        line.unwrap_or_default()[name.len()..].trim().to_owned()
    };
    let kb = |name| {
        let value = line(&status, name);
        value.trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    // CAP_IPC_LOCK is bit 14.
    let powers = u64::from_str_radix(&line(&status, "CapEff:"), 16).unwrap();
    if powers & 1 << 14 == 0 && !line(&limits, "Max locked memory").starts_with("unlimited") {
        return;
    }
    let (locked, resident) = (kb("VmLck:"), kb("VmRSS:"));
    assert!(
        locked >= resident,
        "{locked} kB locked of {resident} kB resident"
    );
}

// ---- system calls ----

/// What the audio thread of a playing program asks of the system, by name.
fn system_calls(way: &Way) -> Option<BTreeMap<String, u32>> {
    let home = way.home();
    songs(&home);
    let folder = tempfile::tempdir().unwrap();
    let mut plain = way.command(&home, "play one --status json --loop --monitor full");
    let program = plain.get_program().to_owned();
    // One file per thread; the tracer is the parent, which needs no right to attach.
    let mut traced = Command::new("strace");
    traced
        .args(["-ff", "-qq", "-s", "0", "-o"])
        .arg(folder.path().join("calls"))
        .arg(program)
        .args(plain.get_args())
        .current_dir(home.path())
        .env_clear()
        .envs(plain.get_envs().filter_map(|(k, v)| Some((k, v?))))
        .stdin(Stdio::null());
    plain.stdin(Stdio::null());
    if Command::new("strace").arg("-V").output().is_err() {
        eprintln!(
            "SKIP system calls of {}: strace is not installed",
            way.thread
        );
        return None;
    }
    let mut playing = Running::start(&mut traced);
    playing.wait_until_playing();
    sleep(Duration::from_secs(1));
    let children = format!("/proc/{0}/task/{0}/children", playing.pid());
    let children = fs::read_to_string(children).unwrap();
    let program: i32 = children.trim().parse().expect("the traced program");
    let thread = audio_thread(program, way.thread);
    let file = folder.path().join(format!("calls.{thread}"));
    let before = lines(&file).len();
    way.strum();
    // Long enough for what comes once a second; on a busy machine, until there is something to judge.
    sleep(Duration::from_secs(3));
    wait_until("system calls", || lines(&file).len() > before + 200);
    let seen = lines(&file);
    // SAFETY: no pointers; the program is a child of our child, which waits for it.
    unsafe {
        libc::kill(program, SIGTERM);
    }
    let ended = playing.finish();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let mut calls = BTreeMap::new();
    // The last line may be half written.
    for line in &seen[before..seen.len() - 1] {
        let name = line.split('(').next().unwrap_or_default();
        *calls.entry(name.to_owned()).or_default() += 1;
    }
    eprintln!("{}: {calls:?}", way.thread);
    Some(calls)
}

fn lines(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).expect("the calls of the audio thread");
    text.lines().map(str::to_owned).collect()
}

/// Only `allowed`, and the driver's own `wait` again and again.
fn assert_only(way: &Way, wait: &str, allowed: &[&str]) {
    let Some(calls) = system_calls(way) else {
        return;
    };
    for (name, count) in &calls {
        assert!(
            name == wait || allowed.contains(&name.as_str()),
            "{count} × {name} on {} in {calls:?}",
            way.thread
        );
    }
    assert!(calls.get(wait) > Some(&50), "{calls:?}");
}

#[test]
fn on_null_the_audio_thread_only_waits() {
    assert_only(&null(), "futex", &[]);
}

#[test]
fn on_jack_the_audio_thread_only_waits_and_wakes_the_next() {
    if let Some(way) = jack() {
        assert_only(&way, "futex", &[]);
    }
}

/// The rest is the plug-in's, which stands for a card here: its clock is a timer, set anew after an
/// underrun, which a busy machine causes.
#[test]
fn on_alsa_the_audio_thread_only_waits_and_hands_over() {
    isolated("on_alsa_the_audio_thread_only_waits_and_hands_over", |_| {
        assert_only(&alsa(), "ppoll", &["read", "timerfd_settime"]);
    });
}
