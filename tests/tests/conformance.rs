//! The mixer's behaviour case by case, on the host's engine, driven call by call.
//!
//! The first 44 tests bear the numbers of the inherited cases: stems of a constant 1.0 (unless
//! a case says otherwise), all gains 1, into one stereo bus. Values set while nothing plays apply at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use backline::units::Level;
use backline_tests::mixer::{DeckPlan, HostFeed, HostRig, Stem, constant, ones};
use engine_core::block::SAMPLE_FLOOR;
use engine_core::clock::{Clock, NoClock};
use engine_core::command::Command;
use engine_core::controls::TrackSetting;
use engine_core::cut::At;
use engine_core::deck::DeckSpec;
use engine_core::engine::EngineConfig;
use engine_core::event::EventKind;
use engine_core::fade::Curve;
use engine_core::host::{BLOCK, HostControls};
use engine_core::monitor::{LatencyStats, MonitorLevel};
use engine_core::status::State;
use engine_core::strip::StripSpec;
use engine_core::ticket::Ticket;

const RATE: u32 = 48_000;
/// 10 ms.
const RAMP: u32 = 480;

/// One song of some stems in play, and what a musician does to it.
struct Mixer<K: Clock + Send + 'static = NoClock> {
    rig: HostRig<K>,
    controls: Arc<HostControls>,
    feed: HostFeed,
    deck: Ticket,
}

/// A mono stem of 1.0.
fn mono() -> (u8, Stem) {
    (1, ones())
}

impl Mixer {
    /// So many mono stems of 1.0, without an end.
    fn of(stems: usize) -> Self {
        Self::with(&vec![mono(); stems], None)
    }

    /// Stems with their channels.
    fn with(stems: &[(u8, Stem)], end: Option<u64>) -> Self {
        Self::timed(stems, end, NoClock, 16)
    }

    fn level(&mut self) -> [f32; 2] {
        self.value(64)
    }
}

impl<K: Clock + Send + 'static> Mixer<K> {
    fn timed(stems: &[(u8, Stem)], end: Option<u64>, clock: K, blocks: usize) -> Self {
        let config = EngineConfig {
            rate: RATE,
            ramp: RAMP,
            direct_from: 2,
        };
        let mut rig = HostRig::new(config, &[&[0, 1]], 2, clock);
        let controls = Arc::new(HostControls::new());
        let tracks: Vec<_> = stems
            .iter()
            .map(|(channels, stem)| (StripSpec::into_bus(*channels, 0), stem.clone()))
            .collect();
        let spec = DeckSpec {
            ticket: Ticket(1),
            song: Ticket(1),
            end,
            prime: 256,
            resume: 1024,
            followed: false,
        };
        let (deck, feed) = rig.deck(&DeckPlan {
            spec,
            controls: &controls,
            tracks: &tracks,
            own_level: &[],
            blocks,
        });
        rig.cut(deck, At::Now, 0, Curve::Linear);
        rig.call(0);
        Self {
            rig,
            controls,
            feed,
            deck: spec.ticket,
        }
    }

    /// Changes a track's strip.
    fn set(&mut self, track: usize, change: impl Fn(&mut TrackSetting)) -> &mut Self {
        let mut setting = self.controls.track(track);
        change(&mut setting);
        self.controls.set_track(track, setting);
        self.controls.commit();
        self
    }

    fn gain(&mut self, track: usize, gain: f32) -> &mut Self {
        self.set(track, |s| s.gain = gain)
    }

    fn gains(&mut self, gains: &[f32]) -> &mut Self {
        for (track, gain) in gains.iter().enumerate() {
            self.gain(track, *gain);
        }
        self
    }

    fn mute(&mut self, track: usize, on: bool) -> &mut Self {
        self.set(track, |s| s.mute = on)
    }

    fn solo(&mut self, track: usize, on: bool) -> &mut Self {
        self.set(track, |s| s.solo = on)
    }

    fn clear_solo(&mut self) -> &mut Self {
        for track in 0..self.feed.lanes.len() {
            self.solo(track, false);
        }
        self
    }

    fn master(&mut self, level: f32) -> &mut Self {
        self.rig.handle.board().set_master(level);
        self
    }

    fn play(&mut self) -> &mut Self {
        self.rig.send(Command::Play { fade: 0 });
        self
    }

    /// The next frames, in one call.
    fn frames(&mut self, frames: usize) -> Vec<[f32; 2]> {
        self.feed.feed(usize::MAX);
        self.rig.heard.iter_mut().for_each(Vec::clear);
        self.rig.call(frames);
        let [left, right] = &self.rig.heard[..] else {
            panic!("two planes")
        };
        left.iter().zip(right).map(|(l, r)| [*l, *r]).collect()
    }

    /// Plays some frames, which must all be alike, and pauses.
    fn value(&mut self, frames: usize) -> [f32; 2] {
        self.play();
        let heard = self.frames(frames);
        self.rig.send(Command::Pause { fade: 0 });
        self.rig.call(0);
        assert_eq!(self.rig.handle.board().counters().starvations, 0);
        let first = heard[0];
        assert!(heard.iter().all(|x| *x == first), "settled: {heard:?}");
        first
    }
}

#[track_caller]
fn near(got: [f32; 2], want: f32) {
    for x in got {
        assert!((x - want).abs() < 1e-6, "{x} instead of {want}");
    }
}

fn both(value: f32) -> [f32; 2] {
    [value, value]
}

// ---- Solo and mute ----

#[test]
fn case_01_three_tracks() {
    assert_eq!(Mixer::of(3).level(), both(3.0));
}

#[test]
fn case_02_mute_one() {
    assert_eq!(Mixer::of(3).mute(0, true).value(64), both(2.0));
}

#[test]
fn case_03_mute_two() {
    assert_eq!(
        Mixer::of(3).mute(0, true).mute(2, true).value(64),
        both(1.0)
    );
}

#[test]
fn case_04_mute_all() {
    let mut m = Mixer::of(3);
    m.mute(0, true).mute(1, true).mute(2, true);
    assert_eq!(m.level(), both(0.0));
}

#[test]
fn case_05_solo_one() {
    assert_eq!(Mixer::of(3).solo(1, true).value(64), both(1.0));
}

#[test]
fn case_06_solo_two() {
    assert_eq!(
        Mixer::of(3).solo(0, true).solo(1, true).value(64),
        both(2.0)
    );
}

#[test]
fn case_07_a_solo_excludes_every_other_track() {
    let stems: Vec<_> = [1.0, 2.0, 4.0, 8.0].map(|v| (1, constant(v, 0.0))).into();
    for (track, alone) in [1.0, 2.0, 4.0, 8.0].into_iter().enumerate() {
        let mut m = Mixer::with(&stems, None);
        assert_eq!(m.solo(track, true).value(64), both(alone));
    }
    assert_eq!(Mixer::of(5).solo(4, true).value(64), both(1.0));
}

#[test]
fn case_08_solo_and_mute_the_same_track() {
    assert_eq!(
        Mixer::of(3).solo(1, true).mute(1, true).value(64),
        both(0.0)
    );
}

#[test]
fn case_09_solo_two_mute_one_of_them() {
    let mut m = Mixer::of(3);
    m.solo(0, true).solo(1, true).mute(1, true);
    assert_eq!(m.level(), both(1.0));
}

#[test]
fn case_10_clear_solo() {
    let mut m = Mixer::of(3);
    assert_eq!(m.solo(0, true).solo(2, true).value(64), both(2.0));
    assert_eq!(m.clear_solo().value(64), both(3.0));
}

#[test]
fn case_11_unmute() {
    let mut m = Mixer::of(3);
    assert_eq!(m.mute(1, true).value(64), both(2.0));
    assert_eq!(m.mute(1, false).value(64), both(3.0));
}

#[test]
fn case_12_unsolo() {
    let mut m = Mixer::of(3);
    assert_eq!(m.solo(1, true).value(64), both(1.0));
    assert_eq!(m.solo(1, false).value(64), both(3.0));
}

// ---- Gain ----

#[test]
fn case_13_one_at_half() {
    assert_eq!(Mixer::of(3).gain(1, 0.5).value(64), both(2.5));
}

#[test]
fn case_14_one_at_zero() {
    assert_eq!(Mixer::of(3).gain(1, 0.0).value(64), both(2.0));
}

#[test]
fn case_15_gains_out_of_range_clamp() {
    let mut m = Mixer::of(3);
    assert_eq!(m.gain(0, -1.0).value(64), both(2.0));
    assert_eq!(m.controls.track(0).gain, 0.0);
    assert_eq!(m.gain(0, 0.5).gain(0, f32::NAN).value(64), both(2.5));
    // The ceiling is the player's, wherever it is set.
    let ceiling: Level = "x9".parse().unwrap();
    assert_eq!(m.gain(0, ceiling.gain(0.0)).value(64), both(3.0));
    near([ceiling.gain(12.0); 2], 3.981_071_7);
}

#[test]
fn case_16_reading_a_gain_gives_the_target() {
    let mut m = Mixer::of(1);
    m.play().frames(64);
    m.gain(0, 0.25).frames(RAMP as usize / 2);
    assert_eq!(m.controls.track(0).gain, 0.25);
    let [x, _] = m.frames(1)[0];
    assert!(x > 0.25 && x < 1.0, "on its way: {x}");
}

#[test]
fn case_17_master_half() {
    assert_eq!(Mixer::of(3).master(0.5).value(64), both(1.5));
}

#[test]
fn case_18_master_zero() {
    assert_eq!(Mixer::of(3).master(0.0).value(64), both(0.0));
}

#[test]
fn case_19_master_clamps() {
    let mut m = Mixer::of(3);
    assert_eq!(m.master(-2.0).value(64), both(0.0));
    assert_eq!(m.master(0.5).master(f32::NAN).value(64), both(1.5));
    assert_eq!(m.rig.handle.board().master(), 0.5);
    let ceiling = Level::from_db(40.0).unwrap().gain(0.0);
    assert_eq!(m.master(ceiling).value(64), both(3.0));
}

#[test]
fn case_20_two_gains_and_master() {
    let mut m = Mixer::of(2);
    near(m.gains(&[0.5, 0.8]).master(0.5).value(64), 0.65);
}

// ---- Smoothing ----

/// What a change of gain sounds like, from the frame on at which it acts.
fn ramped(from: f32, to: f32, block: usize, frames: usize) -> Vec<f32> {
    let mut m = Mixer::of(1);
    m.gain(0, from).play().frames(100);
    m.gain(0, to);
    let mut heard = Vec::new();
    while heard.len() < frames {
        heard.extend(m.frames(block).into_iter().map(|[l, _]| l));
    }
    heard.truncate(frames);
    heard
}

#[test]
fn case_21_a_ramp_from_zero_arrives_in_its_time() {
    let heard = ramped(0.0, 1.0, 64, 2 * RAMP as usize);
    let arrived = heard.iter().position(|x| *x >= 0.99).unwrap();
    assert!(arrived <= RAMP as usize, "{arrived}");
    assert!(arrived > RAMP as usize * 9 / 10, "not before its time");
    assert!(heard[RAMP as usize..].iter().all(|x| *x == 1.0));
}

#[test]
fn case_22_the_exact_shape_of_a_ramp() {
    // v(i) = a + (b − a) · (i · (1 / len)), every step rounded to f32.
    for (a, b) in [(0.0f32, 1.0f32), (1.0, 0.3), (0.2, 1.7)] {
        let heard = ramped(a, b, 100, RAMP as usize + 10);
        for (i, x) in heard.iter().enumerate() {
            let want = if i < RAMP as usize {
                a + (b - a) * (i as f32 * (1.0 / RAMP as f32))
            } else {
                b
            };
            assert_eq!(x.to_bits(), want.to_bits(), "frame {i}");
        }
    }
}

#[test]
fn case_23_a_ramp_to_zero_is_not_a_jump() {
    let heard = ramped(1.0, 0.0, 64, 2 * RAMP as usize);
    assert_eq!(heard[0], 1.0);
    for pair in heard.windows(2) {
        assert!((pair[1] - pair[0]).abs() < 1.5 / RAMP as f32, "{pair:?}");
    }
    assert_eq!(heard[RAMP as usize], 0.0);
}

#[test]
fn case_24_a_ramp_stays_within_its_ends_at_any_block_size() {
    let want = ramped(0.2, 0.9, 480, 2048);
    assert!(want.iter().all(|x| (0.2..=0.9).contains(x)));
    for block in [16, 64, 512, 2048] {
        let heard = ramped(0.2, 0.9, block, 2048);
        let differs = heard.iter().zip(&want).position(|(a, b)| a != b);
        assert_eq!(differs, None, "blocks of {block}");
    }
}

// ---- Mono and stereo ----

#[test]
fn case_25_a_mono_stem_on_both_sides() {
    let stem = constant(0.7, 0.1);
    assert_eq!(Mixer::with(&[(1, stem)], None).level(), both(0.7));
}

#[test]
fn case_26_a_stereo_stem_stays_as_it_is() {
    let stem = constant(0.8, 0.4);
    assert_eq!(Mixer::with(&[(2, stem)], None).level(), [0.8, 0.4]);
}

#[test]
fn case_27_mono_and_stereo_together() {
    let stems = [mono(), (2, constant(0.6, 0.4))];
    assert_eq!(Mixer::with(&stems, None).level(), [1.0 + 0.6, 1.0 + 0.4]);
}

// ---- Edges ----

#[test]
fn case_28_no_tracks() {
    assert_eq!(Mixer::of(0).level(), both(0.0));
}

#[test]
fn case_29_eight_frames_four_before_the_end() {
    let mut m = Mixer::with(&[mono()], Some(1000));
    m.play().frames(996);
    let heard = m.frames(8);
    assert_eq!(heard[..4], [both(1.0); 4]);
    assert_eq!(heard[4..], [both(0.0); 4]);
}

#[test]
fn case_30_at_the_end() {
    let mut m = Mixer::with(&[mono()], Some(1000));
    assert_eq!(m.play().frames(1000), vec![both(1.0); 1000]);
    assert_eq!(m.rig.state(), State::Ended);
    assert_eq!(m.frames(64), vec![both(0.0); 64]);
}

#[test]
fn case_31_past_the_end() {
    let mut m = Mixer::with(&[mono()], Some(1000));
    m.play().frames(1500);
    for _ in 0..3 {
        assert_eq!(m.frames(64), vec![both(0.0); 64]);
    }
    assert_eq!(m.rig.handle.board().position().deck_frame, 1000);
}

#[test]
fn case_32_four_gains() {
    near(Mixer::of(4).gains(&[0.2, 0.4, 0.6, 0.8]).value(64), 2.0);
}

#[test]
fn case_33_solo_on_all_is_no_solo() {
    let mut m = Mixer::of(3);
    m.solo(0, true).solo(1, true).solo(2, true);
    assert_eq!(m.level(), both(3.0));
}

#[test]
fn case_34_no_frames_are_legal() {
    let mut m = Mixer::of(3);
    assert!(m.play().frames(0).is_empty());
    assert_eq!(m.rig.state(), State::Playing);
    assert_eq!(m.frames(1), [both(3.0)]);
    assert!(m.frames(0).is_empty());
    assert_eq!(m.frames(1), [both(3.0)]);
    assert_eq!(m.rig.handle.board().position().deck_frame, 2);
}

#[test]
fn case_35_silent_stems() {
    let stems = vec![(2, constant(0.0, 0.0)); 3];
    assert_eq!(Mixer::with(&stems, None).level(), both(0.0));
}

// ---- Integration ----

#[test]
fn case_36_four_tracks_with_everything() {
    let mut m = Mixer::of(4);
    m.solo(0, true).solo(1, true).solo(2, true);
    m.mute(1, true).gain(0, 0.5).gain(2, 0.8).master(0.5);
    near(m.level(), 0.65);
}

#[test]
fn case_37_a_ramp_down_is_monotonic_and_ends_exactly() {
    let heard = ramped(1.0, 0.5, 64, 2 * RAMP as usize);
    assert!(heard.windows(2).all(|w| w[1] <= w[0]));
    assert!(heard[RAMP as usize..].iter().all(|x| *x == 0.5));
}

#[test]
fn case_38_six_tracks_step_by_step() {
    let mut m = Mixer::of(6);
    m.gains(&[0.7, 0.8, 0.6, 0.9, 0.5, 0.4]);
    near(m.mute(5, true).solo(2, true).solo(3, true).value(64), 1.5);
    near(m.clear_solo().value(64), 3.5);
    near(m.master(0.3).value(64), 1.05);
}

// ---- Load ----

#[test]
fn case_39_thirty_two_tracks_far_under_budget() {
    let mut m = Mixer::of(32);
    m.play();
    let mut fastest = Duration::MAX;
    for _ in 0..50 {
        let begun = Instant::now();
        let heard = m.frames(512);
        fastest = fastest.min(begun.elapsed());
        assert_eq!(heard, vec![both(32.0); 512], "not clipped");
    }
    // The fastest of many, since the machine may be busy with other things.
    let budget = Duration::from_secs(1) * 512 / RATE;
    assert!(fastest < budget, "{fastest:?}");
    // Counted, not limited.
    let overs = m.rig.handle.board().counters().overs;
    assert_eq!(overs, 2 * 50 * 512);
}

#[test]
fn case_40_a_second_in_one_call() {
    let blocks = 48_000 / BLOCK + 2;
    let mut m = Mixer::timed(&vec![mono(); 8], None, NoClock, blocks);
    assert_eq!(m.play().frames(48_000), vec![both(8.0); 48_000]);
}

// ---- Regressions ----

#[test]
fn case_41_never_overshoots() {
    let mut m = Mixer::of(1);
    m.play().frames(64);
    // Turned again in the middle of each ramp.
    for (i, gain) in [0.0, 1.0, 0.3, 0.9, 0.0, 1.0, 1.0, 0.5]
        .into_iter()
        .enumerate()
    {
        m.gain(0, gain);
        let heard = m.frames(100 + 37 * i);
        assert!(heard.iter().flatten().all(|x| (0.0..=1.0).contains(x)));
    }
}

#[test]
fn case_42_solo_persists_over_callbacks() {
    let mut m = Mixer::of(3);
    m.solo(1, true).play();
    for _ in 0..20 {
        assert_eq!(m.frames(64), vec![both(1.0); 64]);
    }
}

#[test]
fn case_43_mute_leaves_the_gain() {
    let mut m = Mixer::of(1);
    m.gain(0, 0.6).mute(0, true);
    assert_eq!(m.level(), both(0.0));
    assert_eq!(m.controls.track(0).gain, 0.6);
    assert_eq!(m.mute(0, false).value(64), both(0.6));
}

#[test]
fn case_44_master_leaves_track_gains() {
    let mut m = Mixer::of(2);
    m.gains(&[0.6, 0.25]).master(0.1);
    m.level();
    assert_eq!(
        [0, 1].map(|track| m.controls.track(track).gain),
        [0.6, 0.25]
    );
    assert_eq!(m.master(1.0).value(64), both(0.6 + 0.25));
}

// ---- The rules around the mixer ----

#[test]
fn mute_and_solo_while_playing_do_not_click() {
    let mut m = Mixer::of(2);
    m.play().frames(64);
    type Change = fn(&mut Mixer);
    let changes: [Change; 5] = [
        |m| _ = m.mute(0, true),
        |m| _ = m.mute(0, false),
        |m| _ = m.solo(1, true),
        |m| _ = m.clear_solo(),
        |m| _ = m.master(0.25),
    ];
    for change in changes {
        let [before, _] = *m.frames(1).last().unwrap();
        change(&mut m);
        let heard = m.frames(2 * RAMP as usize);
        let mut last = before;
        for [x, _] in heard {
            assert!((x - last).abs() < 4.0 / RAMP as f32, "{last} → {x}");
            last = x;
        }
        assert_ne!(before, last);
    }
}

#[test]
fn the_end_raises_a_flag_once_and_it_names_its_deck() {
    let mut m = Mixer::with(&[mono()], Some(1000));
    m.play().frames(999);
    assert_eq!(m.rig.handle.board().take_stop_flag(), None);
    m.frames(1);
    let deck = m.deck;
    assert_eq!(m.rig.handle.board().take_stop_flag(), Some(deck));
    assert_eq!(m.rig.handle.board().take_stop_flag(), None);
    let ends = m.rig.events();
    let ended = |e: &EventKind| matches!(e, EventKind::Ended { frame: 1000, .. });
    assert_eq!(ends.iter().filter(|e| ended(&e.kind)).count(), 1);
    m.frames(100);
    assert_eq!(m.rig.handle.board().take_stop_flag(), None);
}

#[test]
fn a_stale_flag_does_not_stop_what_was_started_since() {
    let mut m = Mixer::with(&[mono()], Some(1000));
    m.play().frames(1000);
    // Nobody has looked yet. Started over, as another deck.
    let spec = DeckSpec {
        ticket: Ticket(2),
        song: Ticket(1),
        end: Some(1000),
        prime: 256,
        resume: 512,
        followed: false,
    };
    let (deck, mut feed) = m.rig.deck(&DeckPlan {
        spec,
        controls: &m.controls.clone(),
        tracks: &[(StripSpec::into_bus(1, 0), ones())],
        own_level: &[],
        blocks: 8,
    });
    feed.feed(8);
    m.rig.cut(deck, At::Now, 0, Curve::Linear);
    m.play();
    assert_eq!(m.frames(100), vec![both(1.0); 100]);
    let playing = m.rig.handle.board().position().deck;
    assert_eq!(playing, Ticket(2));
    let flag = m.rig.handle.board().take_stop_flag();
    assert_eq!(flag, Some(Ticket(1)), "recognised as another deck's");
    assert_eq!(m.frames(900), vec![both(1.0); 900]);
    assert_eq!(m.rig.handle.board().take_stop_flag(), Some(Ticket(2)));
}

#[test]
fn the_longest_stem_sets_the_length_and_shorter_ones_fall_silent() {
    let short: Stem = Arc::new(|frame| if frame < 600 { [1.0; 2] } else { [0.0; 2] });
    let mut m = Mixer::with(&[mono(), (1, short)], Some(1000));
    let heard = m.play().frames(1100);
    for (i, x) in heard.into_iter().enumerate() {
        let want = match i {
            0..600 => 2.0,
            600..1000 => 1.0,
            _ => 0.0,
        };
        assert_eq!(x, both(want), "frame {i}");
    }
}

#[test]
fn samples_that_are_no_numbers_never_reach_the_mix() {
    let stem: Stem = Arc::new(|frame| match frame % 5 {
        0 => [f32::NAN; 2],
        1 => [f32::INFINITY; 2],
        2 => [1e-42; 2],
        3 => [SAMPLE_FLOOR * 0.99; 2],
        _ => [0.5; 2],
    });
    let mut m = Mixer::with(&[(2, stem)], None);
    let heard = m.play().frames(1000);
    for (i, x) in heard.into_iter().enumerate() {
        let want = if i % 5 == 4 { 0.5f32 } else { 0.0 };
        assert_eq!(x.map(f32::to_bits), [want.to_bits(); 2], "frame {i}");
    }
    assert_eq!(m.rig.handle.board().counters().non_finite, 0);
}

#[test]
fn a_sum_that_overflows_is_zero_and_counted() {
    let mut m = Mixer::with(&vec![(1, constant(f32::MAX, 0.0)); 2], None);
    assert_eq!(m.play().frames(100), vec![both(0.0); 100]);
    assert_eq!(m.rig.handle.board().counters().non_finite, 200);
}

/// Every reading is `step` later than the one before, so that a callback, which reads it at its
/// beginning and end, takes one step.
#[derive(Clone, Default)]
struct StepClock(Arc<[AtomicU32; 2]>);

impl StepClock {
    fn takes(&self, ms: f32) {
        self.0[1].store((ms * 1e6) as u32, Ordering::Relaxed);
    }

    fn reads(&self) -> u32 {
        self.0[0].load(Ordering::Relaxed)
    }
}

impl Clock for StepClock {
    fn now(&self) -> u32 {
        let [now, step] = &*self.0;
        now.fetch_add(step.load(Ordering::Relaxed), Ordering::Relaxed)
    }

    fn ticks_per_second(&self) -> u32 {
        1_000_000_000
    }
}

/// A mixer with a clock, monitored at `level`.
fn monitored(level: MonitorLevel) -> (Mixer<StepClock>, StepClock) {
    let clock = StepClock::default();
    let m = Mixer::timed(&[mono()], None, clock.clone(), 16);
    m.rig.handle.board().set_monitor_level(level);
    (m, clock)
}

#[test]
fn statistics_are_all_zero_when_empty_and_count_only_what_plays() {
    let (mut m, clock) = monitored(MonitorLevel::Full);
    clock.takes(3.0);
    for _ in 0..10 {
        m.frames(480);
    }
    let stats = |m: &Mixer<StepClock>| m.rig.handle.board().monitor.stats();
    assert_eq!(stats(&m), LatencyStats::default());
    m.play();
    for ms in [1.0, 2.0, 6.0] {
        clock.takes(ms);
        m.frames(480);
    }
    let want = LatencyStats {
        mean_ms: 3.0,
        max_ms: 6.0,
        min_ms: 1.0,
        xruns: 0,
        budget_ms: 10.0,
        usage_pct: 30.0,
        total_callbacks: 3,
    };
    assert_eq!(stats(&m), want);
    m.rig.send(Command::Pause { fade: 0 });
    clock.takes(9.0);
    for _ in 0..10 {
        m.frames(480);
    }
    assert_eq!(stats(&m), want, "paused");
    let gaps = |m: &Mixer<StepClock>| m.rig.handle.board().monitor.gaps().total();
    assert_eq!(gaps(&m), 2);
    m.play();
    m.frames(480);
    assert_eq!(gaps(&m), 2, "a pause is no gap");
    m.frames(480);
    assert_eq!(gaps(&m), 3);
}

#[test]
fn statistics_are_of_the_last_hundred_and_xruns_of_all() {
    let (mut m, clock) = monitored(MonitorLevel::Full);
    m.play();
    // A budget of 10 ms: 8 ms is no xrun, anything above is; above 10 ms it is late, too.
    clock.takes(8.0);
    m.frames(480);
    for ms in [8.001, 10.0, 12.0] {
        clock.takes(ms);
        m.frames(480);
    }
    clock.takes(2.0);
    for _ in 0..100 {
        m.frames(480);
    }
    let board = m.rig.handle.board().clone();
    let stats = board.monitor.stats();
    assert_eq!((stats.mean_ms, stats.max_ms, stats.min_ms), (2.0, 2.0, 2.0));
    assert_eq!((stats.xruns, stats.total_callbacks), (3, 104));
    assert_eq!(board.monitor.late_callbacks(), 1);
    assert_eq!(stats.usage_pct, 20.0);
    // Callbacks are counted whatever the monitor does; calls for no frames aren't any.
    m.frames(0);
    assert_eq!(board.counters().callbacks, 104);
}

#[test]
fn without_monitoring_no_clock_is_read() {
    for level in [MonitorLevel::Off, MonitorLevel::Sampled] {
        let (mut m, clock) = monitored(level);
        clock.takes(1.0);
        m.play();
        for _ in 0..20 {
            m.frames(480);
        }
        assert_eq!(clock.reads(), 0);
        let board = m.rig.handle.board();
        assert_eq!(board.monitor.stats(), LatencyStats::default());
        assert_eq!(board.counters().callbacks, 20, "always counted");
    }
}
