//! What one head puts into blocks, without threads.

use std::sync::atomic::Ordering;

use engine_core::ticket::Ticket;
use proptest::prelude::*;

use super::super::head::{Head, Trouble};
use super::super::lane::{BLOCK_FRAMES, Lanes};
use super::fake::{Listener, Ramp, Stem};
use crate::plan::{Loop, Plan};

const TICKET: Ticket = Ticket(7);

/// Plays `blocks` blocks of a plan (or all there are) and checks every sample. Returns what was
/// told on the way.
fn play(
    head: &mut Head,
    lanes: &mut Lanes,
    listener: &mut Listener,
    blocks: usize,
) -> Vec<Trouble> {
    let mut told = Vec::new();
    let mut hand = Vec::new();
    for _ in 0..blocks {
        if !lanes.is_active() {
            break;
        }
        assert!(lanes.take(&mut hand));
        let filled = head.fill(&mut hand, TICKET);
        told.extend(filled.damaged.into_iter().chain(filled.non_finite));
        lanes.push(&mut hand, filled.last);
        for lane in 0..lanes.count() {
            assert_eq!(listener.take(lane, 9), 1);
        }
    }
    told
}

fn prepare(reader: Ramp, stem: &Stem, plan: Plan) -> (Head, Lanes, Listener) {
    let mut head = Head::new(Box::new(reader), stem.offset);
    head.replan(plan);
    let (mut lanes, ends) = Lanes::new(stem.channels, 3);
    lanes.restart(plan.deck_len() == Some(0));
    let listener = Listener::new(ends, stem.clone(), TICKET, plan);
    (head, lanes, listener)
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let passes = prop_oneof![Just(None), (0u32..40).prop_map(Some)];
    let repeat = (0u64..900, 1u64..700, passes).prop_map(|(a, len, passes)| Loop {
        a,
        // Every other one is tiny.
        b: a + if len % 2 == 0 { len } else { len % 9 + 1 },
        passes,
    });
    (
        0u64..1000,
        0u64..1500,
        proptest::option::weighted(0.8, repeat),
    )
        .prop_map(|(start, len, repeat)| Plan {
            start,
            end: start + len,
            repeat,
        })
}

fn any_stem() -> impl Strategy<Value = Stem> {
    let damage = proptest::option::weighted(0.3, 0u64..1800);
    let offset = prop_oneof![Just(0), 0u64..1200];
    let rate = prop_oneof![Just(0), Just(1), Just(300), Just(48_000)];
    (1usize..5, 0u64..1800, offset, damage, rate).prop_map(
        |(channels, frames, offset, damage, rate)| Stem {
            channels,
            offset,
            frames,
            damage: damage.filter(|frame| *frame < frames),
            rate,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn every_sample_is_the_one_the_plan_names(
        stem in any_stem(),
        plans in proptest::collection::vec((any_plan(), 0usize..40), 1..4),
    ) {
        let (mut head, mut lanes, mut listener) = prepare(stem.ramp(), &stem, plans[0].0);
        let mut told = Vec::new();
        for (plan, blocks) in plans {
            head.replan(plan);
            lanes.restart(plan.deck_len() == Some(0));
            listener.replan(TICKET, plan);
            told.extend(play(&mut head, &mut lanes, &mut listener, blocks));
            if !lanes.is_active() {
                prop_assert_eq!(Some(listener.heard()), plan.deck_len());
            }
        }
        prop_assert!(told.len() <= usize::from(stem.damage.is_some()));
    }
}

fn looped(a: u64, b: u64) -> Plan {
    Plan {
        start: a,
        end: b,
        repeat: Some(Loop { a, b, passes: None }),
    }
}

#[test]
fn a_short_loop_is_sought_once_and_a_long_one_per_pass() {
    for (len, seeks) in [(1, 1), (47_999, 1), (48_000, 5)] {
        let stem = Stem::new(2, 100_000);
        let ramp = stem.ramp();
        let count = ramp.seeks.clone();
        let (mut head, mut lanes, mut listener) = prepare(ramp, &stem, looped(10, 10 + len));
        // Into the fifth pass of the longest.
        play(
            &mut head,
            &mut lanes,
            &mut listener,
            4 * 48_000 / BLOCK_FRAMES + 1,
        );
        assert_eq!(count.load(Ordering::Relaxed), seeks, "loop of {len}");
    }
}

#[test]
fn the_last_pass_of_a_short_loop_goes_on_without_another_seek() {
    let stem = Stem::new(1, 9_000);
    let ramp = stem.ramp();
    let count = ramp.seeks.clone();
    let plan = Plan {
        start: 0,
        end: 9_000,
        repeat: Some(Loop {
            a: 100,
            b: 333,
            passes: Some(9),
        }),
    };
    let (mut head, mut lanes, mut listener) = prepare(ramp, &stem, plan);
    play(&mut head, &mut lanes, &mut listener, usize::MAX);
    assert_eq!(listener.heard(), 9_000 + 9 * 233);
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[test]
fn damage_is_told_once_by_its_song_frame_and_silent_in_every_pass() {
    let stem = Stem {
        offset: 30,
        damage: Some(1000),
        ..Stem::new(2, 5_000)
    };
    let (mut head, mut lanes, mut listener) = prepare(stem.ramp(), &stem, looped(500, 2_000));
    let mut told = play(&mut head, &mut lanes, &mut listener, 50);
    head.replan(Plan::new(0, 3_000));
    lanes.restart(false);
    listener.replan(TICKET, Plan::new(0, 3_000));
    told.extend(play(&mut head, &mut lanes, &mut listener, 50));
    let what = "ramp.wav: damaged at frame 1000: test".into();
    assert_eq!(told, [Trouble::Damaged { frame: 1030, what }]);
}

#[test]
fn a_stem_that_is_cut_off_is_told_though_the_plan_ends_with_it() {
    // Of a file that is cut off there are so many frames as its length, and the damage lies behind.
    let stem = Stem {
        damage: Some(1_000),
        ..Stem::new(2, 1_000)
    };
    let what = "ramp.wav: damaged at frame 1000: test";
    let unknown = |mut ramp: Ramp| {
        ramp.spec.frames = None;
        ramp
    };
    for ramp in [stem.ramp(), unknown(stem.ramp())] {
        let plan = Plan::new(0, 1_000);
        let (mut head, mut lanes, mut listener) = prepare(ramp, &stem, plan);
        let mut told = play(&mut head, &mut lanes, &mut listener, 50);
        assert_eq!(listener.heard(), 1_000);
        // Round and round: told once all the same.
        head.replan(looped(0, 1_000));
        lanes.restart(false);
        listener.replan(TICKET, looped(0, 1_000));
        told.extend(play(&mut head, &mut lanes, &mut listener, 50));
        let (frame, what) = (1_000, what.into());
        assert_eq!(told, [Trouble::Damaged { frame, what }]);
    }
    // A plan that ends before doesn't come to it.
    let plan = Plan::new(0, 900);
    let (mut head, mut lanes, mut listener) = prepare(unknown(stem.ramp()), &stem, plan);
    assert_eq!(play(&mut head, &mut lanes, &mut listener, 50), []);
}

#[test]
fn a_short_loop_over_the_stems_first_frame_is_sought_once() {
    let stem = Stem {
        offset: 700,
        ..Stem::new(2, 9_000)
    };
    let ramp = stem.ramp();
    let count = ramp.seeks.clone();
    let (mut head, mut lanes, mut listener) = prepare(ramp, &stem, looped(600, 1_000));
    play(&mut head, &mut lanes, &mut listener, 40);
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[test]
fn a_place_that_cannot_be_sought_is_where_the_damage_begins() {
    let mut stem = Stem::new(2, 5_000);
    let mut ramp = stem.ramp();
    ramp.no_seek_to = Some(1_500);
    // The file itself is whole: reading on from before gives nothing from there on, either.
    stem.damage = Some(1_500);
    let first = Plan::new(1_500, 2_500);
    let (mut head, mut lanes, mut listener) = prepare(ramp, &stem, first);
    let mut told = play(&mut head, &mut lanes, &mut listener, 50);
    let second = Plan::new(1_000, 3_000);
    head.replan(second);
    lanes.restart(false);
    listener.replan(TICKET, second);
    told.extend(play(&mut head, &mut lanes, &mut listener, 50));
    assert_eq!(listener.heard(), 2_000);
    let what = "ramp.wav: can't be read: test".into();
    assert_eq!(told, [Trouble::Damaged { frame: 1_500, what }]);
}

#[test]
fn a_decoder_that_panics_is_a_damaged_file() {
    let mut stem = Stem::new(2, 5_000);
    let mut ramp = stem.ramp();
    ramp.panic_at = Some(600);
    // The read of frames 512 to 767 gives nothing.
    stem.damage = Some(512);
    let (mut head, mut lanes, mut listener) = prepare(ramp, &stem, Plan::new(0, 2_000));
    let told = play(&mut head, &mut lanes, &mut listener, 50);
    assert_eq!(listener.heard(), 2_000);
    let what = "ramp.wav: its decoder failed on the file's content".into();
    assert_eq!(told, [Trouble::Damaged { frame: 512, what }]);
}

#[test]
fn samples_that_are_no_numbers_are_silent_and_told_once() {
    let stem = Stem::new(2, 5_000);
    let mut ramp = stem.ramp();
    ramp.nan_at = Some(700);
    let mut head = Head::new(Box::new(ramp), 0);
    head.replan(looped(600, 1_400));
    let (mut lanes, _ends) = Lanes::new(2, 20);
    let mut hand = Vec::new();
    let mut told = Vec::new();
    for _ in 0..9 {
        assert!(lanes.take(&mut hand));
        told.extend(head.fill(&mut hand, TICKET).non_finite);
        let planes = &hand[0].planes;
        assert!(planes.iter().flatten().all(|x| x.is_finite()));
        lanes.put_back(&mut hand);
    }
    assert_eq!(
        told,
        [Trouble::NonFinite {
            frame: 600,
            count: 2
        }]
    );
}
