//! Feeders with running workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use engine_core::ticket::Ticket;
use proptest::prelude::*;

use super::super::*;
use super::fake::{Gate, Listener, Stem, deadline};
use crate::plan::{Loop, Plan};

const LONG: Duration = Duration::from_secs(30);

fn feeder(workers: usize) -> (Feeder, Receiver<FeederEvent>) {
    let (events, told) = channel();
    // Short naps: these tests play faster than real time, mostly without a kick.
    let ring = Duration::from_millis(2);
    let options = FeederOptions {
        workers,
        ring,
        ..FeederOptions::default()
    };
    (Feeder::new(options, events).expect("threads"), told)
}

/// A supply of stems and who listens to them.
fn deck(ticket: u32, plan: Plan, stems: &[Stem], blocks: usize) -> (Supply, Vec<Listener>) {
    let ticket = Ticket(ticket);
    let listen = |stem: &Stem| {
        let (source, ends) = stem.source(blocks);
        (source, Listener::new(ends, stem.clone(), ticket, plan))
    };
    let (sources, listeners) = stems.iter().map(listen).unzip();
    (Supply::new(ticket, plan, sources), listeners)
}

/// A supply of one stem whose reader hangs at a frame.
fn gated(ticket: u32, frame: u64) -> (Supply, Listener, Receiver<()>, impl FnOnce() + Send) {
    let (stem, plan, ticket) = (Stem::new(2, 50_000), Plan::new(0, 50_000), Ticket(ticket));
    let (gate, inside, go) = Gate::new(frame);
    let mut ramp = stem.ramp();
    ramp.gate = Some(gate);
    let (source, ends) = Source::new("hanging", Box::new(ramp), 0, 40);
    let listener = Listener::new(ends, stem, ticket, plan);
    let supply = Supply::new(ticket, plan, vec![source]);
    (supply, listener, inside, move || drop(go))
}

/// Waits until something is so.
fn poll(mut so: impl FnMut() -> bool) {
    let deadline = deadline();
    while !so() {
        assert!(Instant::now() < deadline, "it never comes");
        std::thread::yield_now();
    }
}

fn whole(frames: u64) -> Plan {
    Plan::new(0, frames)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn every_track_is_exact_however_it_is_listened_to(
        channels in proptest::collection::vec(1usize..4, 1..5),
        offset in 0u64..3000,
        start in 0u64..5_000,
        len in 0u64..20_000,
        (a, b) in (0u64..6_000, 0u64..9_000),
        passes in 0u32..4,
        blocks in 3usize..30,
        takes in proptest::collection::vec((0usize..100, 0usize..20), 0..30),
    ) {
        let plan = Plan { start, end: start + len, repeat: Some(Loop { a, b, passes: Some(passes) }) };
        let stem = |channels| Stem { offset, rate: 4_000, ..Stem::new(channels, 12_000) };
        let stems: Vec<_> = channels.into_iter().map(stem).collect();
        let (supply, mut listeners) = deck(1, plan, &stems, blocks);
        let (feeder, _told) = feeder(2);
        let handle = feeder.feed(supply);
        for (who, blocks) in takes {
            let listener = who % listeners.len();
            let lane = who % listeners[listener].ends.len();
            listeners[listener].take(lane, blocks);
            feeder.kick();
        }
        let end = plan.deck_len().unwrap_or(0);
        listeners.iter_mut().for_each(|listener| listener.hear(end));
        for end in listeners.iter().flat_map(|listener| &listener.ends) {
            prop_assert!(end.full.is_empty());
        }
        prop_assert_eq!(handle.fill_frames(), 0);
        prop_assert!(handle.is_primed(u64::MAX));
    }
}

#[test]
fn two_decks_and_more_are_fed_at_a_time() {
    let (feeder, _told) = feeder(2);
    let mut decks = Vec::new();
    for ticket in 1..6 {
        let plan = Plan::new(u64::from(ticket) * 1000, 60_000);
        let (supply, listeners) = deck(ticket, plan, &vec![Stem::new(2, 60_000); 4], 20);
        let handle = feeder.feed(supply);
        decks.push((handle, listeners));
    }
    for (handle, listeners) in decks.iter_mut().rev() {
        assert!(handle.wait_primed(u64::MAX, deadline()));
        for listener in listeners {
            listener.hear(listener.stem.frames - 5000);
        }
    }
}

#[test]
fn a_hanging_read_silences_nobody_else() {
    let (feeder, _told) = feeder(2);
    let (stuck, mut stuck_listener, inside, release) = gated(1, 5_000);
    let stuck = feeder.feed(stuck);
    inside.recv_timeout(LONG).expect("the reader is reached");
    // What came before the hanging read is there.
    assert_eq!(stuck.fill_frames(), 5_000 / 256 * 256);

    let (supply, mut listeners) = deck(2, whole(200_000), &vec![Stem::new(1, 200_000); 6], 20);
    let other = feeder.feed(supply);
    assert!(other.wait_primed(u64::MAX, deadline()));
    for listener in &mut listeners {
        listener.hear(200_000);
    }
    assert!(!stuck.is_primed(6_000));

    release();
    assert!(stuck.wait_primed(6_000, deadline()));
    stuck_listener.hear(50_000);
}

#[test]
fn a_read_that_begins_to_hang_while_all_is_quiet_silences_nobody_else() {
    let (feeder, _told) = feeder(2);
    let (supply, mut listeners) = deck(2, whole(50_000), &vec![Stem::new(1, 50_000); 3], 40);
    let other = feeder.feed(supply);
    let (supply, mut hanging, inside, _release) = gated(1, 15_000);
    let stuck = feeder.feed(supply);
    // All rings full, and the workers asleep but for one that looks after them.
    let full = |handle: &FeedHandle| handle.fill_frames() == 40 * 256;
    poll(|| full(&other) && full(&stuck));
    let naps = feeder.wakeups() + 5;
    poll(|| feeder.wakeups() > naps);
    // Only the one that will hang needs to be served, by whoever wakes for it.
    hanging.hear(9_000);
    inside.recv_timeout(LONG).expect("the reader is reached");
    listeners.iter_mut().for_each(|l| l.hear(50_000));
}

#[test]
fn a_hanging_source_is_picked_up_later() {
    let (feeder, _told) = feeder(2);
    let (supply, mut listener, inside, release) = gated(1, 5_000);
    let handle = feeder.feed(supply);
    inside.recv_timeout(LONG).expect("the reader is reached");
    let pending = handle
        .retire(Duration::from_millis(1))
        .err()
        .expect("it hangs");
    assert_eq!(pending.names(), ["hanging"]);
    assert_eq!(
        pending.to_string(),
        "hanging: the disk or network does not answer"
    );
    let pending = pending.retry(Duration::ZERO).err().expect("it still hangs");
    listener.take(0, 99);
    release();
    let mut supply = pending.retry(LONG).expect("it answers again");
    // The block that was in the worker's hands was not sent.
    assert_eq!(listener.take(0, 99), 0);

    let plan = Plan::new(777, 40_000);
    supply.replan(Ticket(2), plan);
    listener.replan(Ticket(2), plan);
    let _handle = feeder.feed(supply);
    listener.hear(40_000 - 777);
}

#[test]
fn a_feeder_with_a_hanging_worker_can_be_dropped() {
    let (feeder, _told) = feeder(1);
    let (supply, _listener, inside, release) = gated(1, 0);
    let handle = feeder.feed(supply);
    inside.recv_timeout(LONG).expect("the reader is reached");
    drop(feeder);
    assert!(
        !handle.wait_primed(1, Instant::now() + LONG),
        "nothing will come"
    );
    release();
    assert!(handle.retire(LONG).is_ok());
}

#[test]
fn a_supply_can_be_replanned_a_thousand_times() {
    let (feeder, _told) = feeder(2);
    let stems = [
        Stem::new(2, 30_000),
        Stem::new(1, 30_000),
        Stem::new(3, 9_000),
    ];
    let (mut supply, mut listeners) = deck(1, whole(30_000), &stems, 12);
    for round in 2..1002u32 {
        let start = u64::from(round) * 7919 % 30_000;
        let plan = Plan {
            start,
            end: 30_000,
            repeat: (round % 3 == 0).then_some(Loop {
                a: start / 2,
                b: start + 13,
                passes: None,
            }),
        };
        supply.replan(Ticket(round), plan);
        for listener in &mut listeners {
            listener.replan(Ticket(round), plan);
        }
        let handle = feeder.feed(supply);
        if round % 4 != 0 {
            // Else it is taken back in the middle of the first turn, or before it.
            let frames = u64::from(round) % 3000;
            assert!(handle.wait_primed(frames, deadline()));
            for listener in &mut listeners {
                for lane in 0..listener.ends.len() {
                    listener.take(lane, round as usize % 5);
                }
            }
        }
        supply = handle.retire(LONG).expect("no read hangs");
        assert_eq!(supply.ticket(), Ticket(round));
    }
    // Not one block has got lost on the way.
    let plan = whole(30_000);
    supply.replan(Ticket(2000), plan);
    listeners
        .iter_mut()
        .for_each(|l| l.replan(Ticket(2000), plan));
    let handle = feeder.feed(supply);
    let ends = || listeners.iter().flat_map(|l| &l.ends);
    poll(|| ends().all(|end| end.full.len() == 12));
    assert_eq!(handle.fill_frames(), 12 * 256);
    listeners.iter_mut().for_each(|l| l.hear(30_000));
}

#[test]
fn damage_in_one_stem_leaves_the_others_playing() {
    let (feeder, told) = feeder(2);
    let bad = Stem {
        offset: 100,
        damage: Some(10_000),
        ..Stem::new(2, 40_000)
    };
    let stems = [Stem::new(1, 40_000), bad, Stem::new(2, 40_000)];
    let (supply, mut listeners) = deck(9, whole(40_000), &stems, 20);
    let _handle = feeder.feed(supply);
    listeners.iter_mut().for_each(|l| l.hear(40_000));
    let what = "ramp.wav: damaged at frame 10000: test".into();
    let want = FeederEvent::Damaged {
        ticket: Ticket(9),
        source: 1,
        name: "ramp".into(),
        frame: 10_100,
        what,
    };
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [want]);
}

#[test]
fn priming_counts_what_is_left_to_the_end() {
    let (feeder, _told) = feeder(2);
    let (supply, mut listeners) = deck(1, whole(700), &vec![Stem::new(2, 900); 2], 10);
    let handle = feeder.feed(supply);
    assert!(handle.wait_primed(100_000, deadline()));
    assert_eq!(handle.fill_frames(), 700);
    assert_eq!(listeners[1].take(0, 2), 2);
    assert_eq!(handle.fill_frames(), 188);
    assert!(handle.is_primed(100_000));

    // Nothing to play at all, and no sources at all.
    let (supply, _ends) = deck(2, Plan::new(5, 5), &[Stem::new(2, 900)], 10);
    assert!(feeder.feed(supply).wait_primed(1, Instant::now()));
    assert!(
        feeder
            .feed(deck(3, whole(9), &[], 10).0)
            .wait_primed(1, Instant::now())
    );
}

#[test]
fn waiting_for_what_never_comes_ends_at_the_deadline() {
    let (feeder, _told) = feeder(1);
    let (supply, _listener, inside, _release) = gated(1, 300);
    let handle = feeder.feed(supply);
    inside.recv_timeout(LONG).expect("the reader is reached");
    assert!(handle.wait_primed(256, Instant::now()));
    assert!(!handle.wait_primed(257, Instant::now() + Duration::from_millis(5)));
}

#[test]
fn whoever_asks_is_told_once_that_a_deck_is_primed() {
    let (feeder, _told) = feeder(1);
    let (supply, mut listener, inside, release) = gated(1, 5_000);
    let handle = feeder.feed(supply);
    inside.recv_timeout(LONG).expect("the reader is reached");
    let calls = Arc::new(AtomicU32::new(0));
    let (said, heard) = channel();
    let call = |frames: u64| {
        let (calls, said) = (calls.clone(), said.clone());
        handle.on_primed(frames, move || {
            calls.fetch_add(1, Ordering::SeqCst);
            let _ = said.send(frames);
        });
    };
    call(4_864);
    assert_eq!(heard.try_recv(), Ok(4_864), "at once when it is so already");
    call(u64::MAX);
    call(5_500);
    // A call that panics harms nobody.
    handle.on_primed(5_400, || panic!("a call-back's bug (this test's)"));
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    release();
    assert_eq!(heard.recv_timeout(LONG), Ok(5_500));
    assert_eq!(heard.recv_timeout(LONG), Ok(u64::MAX));
    listener.hear(50_000);
    assert_eq!(calls.load(Ordering::SeqCst), 3);

    let (supply, _ends, inside, release) = gated(2, 0);
    let handle = feeder.feed(supply);
    inside.recv_timeout(LONG).expect("the reader is reached");
    let (said, heard) = channel();
    handle.on_primed(1, move || {
        let _ = said.send(());
    });
    drop(handle);
    // Dropped uncalled: the sender is gone.
    assert_eq!(
        heard.recv_timeout(LONG),
        Err(RecvTimeoutError::Disconnected)
    );
    release();
}

#[test]
fn a_kick_beats_the_nap() {
    // Rings as long as these are looked after every 60 ms: 2000 times that is two minutes.
    let (events, _told) = channel();
    let ring = Duration::from_secs(10);
    let feeder = Feeder::new(
        FeederOptions {
            workers: 2,
            ring,
            ..FeederOptions::default()
        },
        events,
    )
    .expect("threads");
    let stem = Stem::new(1, 2000 * 6 * 256);
    let (supply, mut listeners) = deck(1, whole(stem.frames), &[stem], 6);
    let handle = feeder.feed(supply);
    let begun = Instant::now();
    while listeners[0].heard() < handle.plan().end {
        assert!(handle.wait_primed(1024, deadline()));
        listeners[0].take(0, 6);
        feeder.kick();
    }
    assert!(begun.elapsed() < Duration::from_secs(60));
}

#[test]
fn thirty_two_stems_wake_workers_fewer_than_a_hundred_times_a_second() {
    let (events, _told) = channel();
    let feeder = Feeder::new(FeederOptions::default(), events).expect("threads");
    let stems = vec![Stem::new(2, 100_000); 32];
    let (supply, mut listeners) = deck(1, whole(100_000), &stems, lane_blocks(24_000, 1024));
    let handle = feeder.feed(supply);
    assert!(handle.wait_primed(24_000, deadline()));
    let (before, begun) = (feeder.wakeups(), Instant::now());
    // One second of playing 1024 frames at a time.
    let mut heard = 0;
    while heard < 48_000 {
        std::thread::sleep(Duration::from_micros(21_333));
        heard += 1024;
        for listener in &mut listeners {
            listener.hear(heard);
        }
    }
    let rate = (feeder.wakeups() - before) as f64 / begun.elapsed().as_secs_f64();
    assert!(rate < 100.0, "{rate} per second");
    assert!(rate > 1.0, "{rate} per second: somebody must have refilled");
    // With everything pushed there is nothing to wake for.
    for listener in &mut listeners {
        listener.hear(100_000);
    }
    let deadline = deadline();
    loop {
        let before = feeder.wakeups();
        std::thread::sleep(Duration::from_millis(300));
        if feeder.wakeups() == before {
            break;
        }
        assert!(Instant::now() < deadline, "workers don't come to rest");
    }
}
