//! A flood of clients on the control socket in the virtual machine, while the program plays at 64 frames: no xrun, no late
//! callback, no starvation. The guest's clock counts instructions, so zero means zero. (How many requests are answered, and what
//! the flood costs of memory: `control_socket`.)

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use backline_tests::flood::hostile;
use backline_tests::program::Home;

/// There is one processor for all of them and the player; most of it goes to those who send garbage.
const CLIENTS: usize = 25;

#[test]
fn a_flood_of_clients_makes_no_callback_late() {
    let program =
        std::env::var_os("BACKLINE_BIN").expect("start me through tests/rig/guest/runner.sh");
    let home = Home::new()
        .with_program(program)
        .with_alsa("/usr/share/alsa/alsa.conf");
    for stem in 0..4 {
        home.wav(&format!("show/{stem}.wav"), 2_000);
    }
    let mut running = home.start(
        "play show --device hw:Dummy --period 64 --periods 4 --monitor full --status json --no-keys --loop",
    );
    running.wait_until_playing();
    let path = home.path().join("run/backline/backline.sock");
    let begun = std::time::Instant::now();
    let (stop, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (path, stop, answered) = (&path, &stop, &answered);
            scope.spawn(move || hostile(number, path, stop, answered));
        }
        std::thread::sleep(Duration::from_secs(2));
        stop.store(true, Ordering::Relaxed);
    });
    let answered = answered.load(Ordering::Relaxed);
    let flooded = begun.elapsed();
    running.signal(libc::SIGTERM);
    let ended = running.finish();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let summary = ended.summary();
    println!("{answered} answers in {flooded:?}, {}", summary["latency"]);
    for fault in ["device_xruns", "late_callbacks", "starvations", "losses"] {
        assert_eq!(summary[fault], 0, "{fault}: {summary}");
    }
}
