//! Signals to `backline play`.

use std::process::Stdio;
use std::time::{Duration, Instant};

use backline_tests::jackd::{Jackd, Recorder};
use backline_tests::program::{Home, LONG, Running, wait_until};
use libc::{SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGTERM, SIGTSTP, SIGUSR1};

const ARGS: &str = "play a.wav --backend null --status json --loop --monitor off";

fn home() -> Home {
    let home = Home::new();
    home.wav("a.wav", 2_000);
    home
}

fn playing(home: &Home) -> Running {
    let mut playing = home.start(ARGS);
    playing.wait_until_playing();
    playing
}

#[test]
fn term_and_hup_end_it_with_a_summary_and_0() {
    let home = home();
    for signal in [SIGTERM, SIGHUP] {
        let playing = playing(&home);
        playing.signal(signal);
        let ended = playing.finish();
        assert_eq!((ended.code, ended.signal), (Some(0), None), "{ended:#?}");
        let summary = ended.summary();
        assert_eq!(summary["ended"], "stopped");
        assert!(summary["frames"].as_u64() > Some(0), "{summary}");
        assert!(summary["error"].is_null(), "{summary}");
        assert_eq!(ended.err, "");
    }
}

#[test]
fn term_fades_out_on_jack_and_the_last_frame_is_out_before_the_ports_go() {
    const FADE: usize = 960;
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    home.wav("a.wav", 60_000);
    // Longer than the session will be: what it has got by then is looked at.
    let recorder = Recorder::open(&server, "recorder", 2, 60 * 48_000);
    let mut command = home.backline(
        "play a.wav --status json --connect main_L=recorder:in_1 --connect main_R=recorder:in_2",
    );
    let mut playing = Running::start(command.env("JACK_DEFAULT_SERVER", server.name()));
    playing.wait_until_playing();
    wait_until("sound", || recorder.sounds());
    playing.signal(SIGTERM);
    let ended = playing.finish();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    // 20 ms at 48 kHz from the stem's own level down to nothing, in equal steps.
    for (plane, level) in recorder.finish(Duration::ZERO).iter().zip([0.125f32, 0.25]) {
        let heard = plane.iter().rposition(|x| *x != 0.0).expect("sound") + 1;
        let whole = plane.iter().position(|x| *x != level).expect("a fade");
        assert!(whole > 0 && plane[..whole].iter().all(|x| *x == level));
        let fade = &plane[whole..heard];
        assert!(
            (FADE - 1..=FADE).contains(&fade.len()),
            "{} frames",
            fade.len()
        );
        let step = level / FADE as f32;
        for (i, pair) in plane[whole - 1..=heard].windows(2).enumerate() {
            let down = pair[0] - pair[1];
            assert!(
                (down - step).abs() < step / 8.0,
                "{down} at frame {i} of the fade"
            );
        }
        // The silence after it came from us, too.
        assert!(plane.len() > heard);
    }
    assert_eq!(ended.summary()["starvations"], 0);
}

#[test]
fn int_does_the_same_and_is_raised_again() {
    let home = home();
    let playing = playing(&home);
    playing.signal(SIGINT);
    let ended = playing.finish();
    assert_eq!(
        (ended.code, ended.signal),
        (None, Some(SIGINT)),
        "{ended:#?}"
    );
    assert_eq!(ended.summary()["ended"], "stopped");
}

#[test]
fn int_ends_the_loop_of_a_shell() {
    let home = home();
    let program = home.backline("").get_program().to_owned();
    let mut shell = std::process::Command::new("bash");
    let script = format!(
        "for i in 1 2 3; do \"$0\" {ARGS}; done; echo '{{\"event\":\"loop over\",\"v\":1,\"t_ms\":0}}'"
    );
    // The environment of the home, and a process group of the shell's own, as a terminal would
    // give it one.
    let template = home.backline("");
    shell.arg("-c").arg(script).arg(program).env_clear();
    for (name, value) in template.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    shell.current_dir(home.path());
    std::os::unix::process::CommandExt::process_group(&mut shell, 0);
    let mut shell = Running::start(&mut shell);
    shell.wait_until_playing();
    // To the group, as ^C does it.
    // SAFETY: the group is that of our child, which hasn't been waited for.
    assert_eq!(unsafe { libc::kill(-shell.pid(), SIGINT) }, 0);
    let ended = shell.finish();
    assert_eq!(ended.signal, Some(SIGINT), "{ended:#?}");
    assert_eq!(ended.summary()["ended"], "stopped");
}

#[test]
fn two_at_once_are_one() {
    let home = home();
    let playing = playing(&home);
    playing.signal(SIGTERM);
    playing.signal(SIGTERM);
    let ended = playing.finish();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(ended.summary()["ended"], "stopped");
}

#[test]
fn one_that_loads_what_never_comes_ends_as_one_that_plays() {
    let home = home();
    for (signal, ending) in [(SIGTERM, (Some(0), None)), (SIGINT, (None, Some(SIGINT)))] {
        let mut command = home.backline("play - --backend null --status json");
        let stuck = Running::start(command.stdin(Stdio::piped()));
        wait_until("the signals to be caught", || stuck.catches(signal));
        stuck.signal(signal);
        let ended = stuck.finish();
        assert_eq!((ended.code, ended.signal), ending, "{ended:#?}");
        assert_eq!(ended.summary()["ended"], "stopped");
    }
}

#[test]
fn a_second_one_ends_it_at_once() {
    let home = home();
    let pipe = std::ffi::CString::new(home.path().join("pipe").to_str().unwrap()).unwrap();
    // SAFETY: the path is a string that lives through the call.
    assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
    for signal in [SIGTERM, SIGINT] {
        // A pipe into which nobody writes: the mapping can't be read, and the first signal not
        // obeyed.
        let mut stuck = home.start("play a.wav --backend null --status json --map pipe");
        wait_until("the signals to be caught", || stuck.catches(signal));
        stuck.signal(signal);
        // The same again so soon counts as one; then it is a second.
        wait_until("the end", || {
            let over = stuck.is_over();
            if !over {
                stuck.signal(signal);
            }
            over
        });
        let ended = stuck.finish();
        assert_eq!(
            (ended.code, ended.signal),
            (None, Some(signal)),
            "{ended:#?}"
        );
        assert_eq!(ended.text(), "");
    }
}

#[test]
fn usr1_tells_statistics_and_playing_goes_on() {
    let home = home();
    let mut playing = playing(&home);
    let before = playing.wait_until_playing()["t_ms"].as_u64();
    playing.signal(SIGUSR1);
    playing.wait_for("later position", |e| {
        e["event"] == "position" && e["t_ms"].as_u64() > before.map(|t| t + 300)
    });
    playing.signal(SIGTERM);
    let ended = playing.finish();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let lines: Vec<&str> = ended.err.lines().collect();
    assert!(lines[0].starts_with("Played "), "{ended:#?}");
    assert!(lines[0].ends_with(", so far."), "{ended:#?}");
    assert!(lines[1].starts_with("Faults: "), "{ended:#?}");
}

#[test]
fn tstp_pauses_and_stops_the_process_and_cont_plays_on() {
    let home = home();
    let mut playing = playing(&home);
    playing.signal(SIGTSTP);
    wait_until("the process to stop", || playing.state() == Some('T'));
    let paused = playing.wait_for("pause", |e| e["state"] == "paused");
    let frame = paused["frame"].as_u64();
    playing.signal(SIGCONT);
    let resumed = playing.wait_until_playing();
    // From where it was: what was heard in between is the fade at most.
    let since = resumed["frame"]
        .as_u64()
        .zip(frame)
        .map(|(now, then)| now.wrapping_sub(then));
    assert!(since < Some(96_000), "{paused} {resumed}");
    playing.signal(SIGTERM);
    let ended = playing.finish();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
}

#[test]
fn a_paused_one_stays_paused_after_tstp() {
    let home = home();
    // At its end and held, which counts as not playing.
    let mut held = home.start("play a.wav --end 0.2 --on-end hold --backend null --status json");
    held.wait_for("end", |e| e["state"] == "ended");
    held.signal(SIGTSTP);
    wait_until("the process to stop", || held.state() == Some('T'));
    held.signal(SIGCONT);
    wait_until("the process to go on", || held.state() != Some('T'));
    held.signal(SIGTERM);
    let ended = held.finish();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(ended.summary()["frames"], 9_600);
}

#[test]
fn hup_is_ignored_under_nohup() {
    let home = home();
    let program = home.backline("").get_program().to_owned();
    let template = home.backline("");
    let mut nohup = std::process::Command::new("nohup");
    nohup.arg(program).args(ARGS.split_whitespace()).env_clear();
    for (name, value) in template.get_envs() {
        if let Some(value) = value {
            nohup.env(name, value);
        }
    }
    nohup.current_dir(home.path()).stdin(Stdio::null());
    let mut playing = Running::start(&mut nohup);
    let at = playing.wait_until_playing()["t_ms"].as_u64();
    playing.signal(SIGHUP);
    playing.wait_for("later position", |e| {
        e["event"] == "position" && e["t_ms"].as_u64() > at.map(|t| t + 300)
    });
    playing.signal(SIGTERM);
    let ended = playing.finish();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
}

#[test]
fn it_ends_soon_after_term_also_with_a_slow_poll() {
    let home = home();
    let mut playing = home.start(&format!("{ARGS} --poll-ms 1000"));
    playing.wait_until_playing();
    let asked = Instant::now();
    playing.signal(SIGTERM);
    let ended = playing.finish();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(asked.elapsed() < LONG / 4, "{:?}", asked.elapsed());
}

#[test]
fn a_killed_one_leaves_nothing_that_hinders_the_next() {
    let home = home();
    let playing = playing(&home);
    playing.signal(SIGKILL);
    assert_eq!(playing.finish().signal, Some(SIGKILL));
    let next = home.run("play a.wav --end 0.1 --backend null --status json");
    assert_eq!(next.code, Some(0), "{next:#?}");
}
