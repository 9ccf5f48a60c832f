//! Nothing hangs, however often a running stream is started, sought, paused, stopped and closed.

use std::path::Path;
use std::time::{Duration, Instant};

use backline::player::{Output, Place, Player, PlayerBuilder};
use backline::report::{Ended, State};
use backline::song::Time;
use backline_tests::alsa_rig::isolated;
use backline_tests::dice::Dice;
use backline_tests::jackd::Jackd;
use backline_tests::session::{alsa, close, faulty, jack};
use backline_tests::stems::{setlist, song, track, write_ramp};

const RATE: u32 = 48_000;
const SESSIONS: u64 = 20;
const OPERATIONS: u64 = 50;
/// For one operation to show.
const DEADLINE: Duration = Duration::from_secs(5);

/// Waits until the state is as it should be.
fn shows(player: &Player, what: &str, reached: impl Fn(State) -> bool) {
    let limit = Instant::now() + DEADLINE;
    loop {
        let status = player.status();
        if reached(status.position.state) {
            return;
        }
        assert!(
            Instant::now() < limit,
            "{what} came to nothing: {:?}",
            status.position
        );
        assert!(!player.is_over(), "the session ended by itself");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Sessions in which anything is asked at random, each closed in the middle of it. Returns the
/// device's xruns.
fn a_thousand_operations(output: impl Fn() -> Output, folder: &Path) -> u64 {
    // Short enough for some ends in between, and shorter than the ring.
    let file = write_ramp(folder, "ramp", RATE, 40_000, 1.0);
    let songs = setlist(vec![song("ramp", vec![track("ramp", &file)])]);
    let mut slowest = 0;
    let began = Instant::now();
    let mut dice = Dice::new(7);
    let mut xruns = 0;
    for _ in 0..SESSIONS {
        let player = PlayerBuilder::new(songs.clone())
            .output(output())
            .poll(Duration::from_millis(10))
            .rate(Some(RATE))
            .period(Some(1024), Some(3))
            .finish_at_end(false)
            .build()
            .expect("a session");
        player.play();
        for _ in 0..OPERATIONS {
            let at = Instant::now();
            // Mostly one on top of the other; now and then it must show.
            let look = dice.one_in(6);
            match dice.below(6) {
                0 | 1 => {
                    player.play();
                    if look {
                        let going = |s| matches!(s, State::Playing | State::Ended);
                        shows(&player, "play", going);
                    }
                }
                2 => {
                    player.pause();
                    if look {
                        shows(&player, "pause", |s| s != State::Playing);
                    }
                }
                3 | 4 => {
                    let to = u64::from(dice.below(45_000));
                    player.seek(Place::At(Time::Frames(to)));
                }
                _ => player.toggle(),
            }
            if dice.one_in(5) {
                // So that something plays, too.
                std::thread::sleep(Duration::from_millis(u64::from(dice.below(40))));
            }
            let took = at.elapsed().as_millis() as u64;
            slowest = slowest.max(took);
        }
        let at = Instant::now();
        let summary = close(player, DEADLINE);
        slowest = slowest.max(at.elapsed().as_millis() as u64);
        assert_eq!(summary.ended, Ended::Stopped, "{:?}", summary.error);
        xruns += summary.device_xruns.unwrap_or(0);
    }
    eprintln!(
        "{} operations in {:?}, the slowest {} ms",
        SESSIONS * OPERATIONS,
        began.elapsed(),
        slowest
    );
    xruns
}

#[test]
fn a_thousand_operations_never_hang_on_null() {
    let folder = tempfile::tempdir().unwrap();
    a_thousand_operations(|| Output::Null { speed: 1.0 }, folder.path());
}

#[test]
fn a_thousand_operations_never_hang_on_jack() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Jackd::start(256, RATE) else {
        return;
    };
    a_thousand_operations(|| jack(&server, &["main_L", "main_R"], None), folder.path());
}

#[test]
fn a_thousand_operations_never_hang_on_alsa() {
    isolated("a_thousand_operations_never_hang_on_alsa", |folder| {
        let (_, device) = faulty(
            folder,
            "SPEED=1,FAULT=xrun@9000+suspend@15000+stall@20000:50",
        );
        let xruns = a_thousand_operations(|| alsa(device.clone()), folder);
        assert!(xruns > 0, "no fault was ever reached");
    });
}
