//! Whose fault it was: a client that holds the graph up makes xruns of the server, and nothing else.

use backline::player::{OnLoss, OnReturn, PlayerBuilder};
use backline_tests::blocker::Blocker;
use backline_tests::jackd::Jackd;
use backline_tests::session::{SOON, close, jack, until};
use backline_tests::stems::{setlist, song, track, write_ramp};
use engine_core::monitor::MonitorLevel;

const RATE: u32 = 48_000;

#[test]
fn a_client_that_blocks_the_graph_is_an_xrun_of_the_server_and_no_fault_of_ours() {
    // One that doesn't wait for late clients, or there would be no xrun at all.
    let Some(server) = Jackd::start_async(1024, RATE) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let file = write_ramp(dir.path(), "ramp", RATE, 40 * u64::from(RATE), 1.0);
    let player = PlayerBuilder::new(setlist(vec![song("ramp", vec![track("ramp", &file)])]))
        .output(jack(&server, &[], None))
        .on_loss(OnLoss::Wait, OnReturn::Stay)
        .monitor_level(MonitorLevel::Full)
        .build()
        .expect("a session");
    player.play();
    until("it plays", || player.status().callbacks > 20);
    let before = player.status();
    let blocker = Blocker::open(&server);
    for _ in 0..5 {
        // Several periods, and well within what the server bears.
        blocker.block(100);
        until("the block", || blocker.has_slept());
        let callbacks = player.status().callbacks;
        until("callbacks", || player.status().callbacks > callbacks + 5);
    }
    let after = player.status();
    let xruns = after.device_xruns.unwrap() - before.device_xruns.unwrap();
    assert!(xruns >= 5, "{xruns} xruns of the server");
    assert_eq!(after.starvations, before.starvations);
    // (Ours are counted by our own time in the callback; a busy machine may add one.)
    let late = after.late_callbacks.unwrap() - before.late_callbacks.unwrap();
    assert!(late <= 1, "{late} late callbacks");
    close(player, SOON);
}
