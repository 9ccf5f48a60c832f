//! The engine driven step by step, with stems whose samples name their frames.

extern crate std;

use std::boxed::Box;
use std::sync::Arc;
use std::vec;
use std::vec::Vec;

use super::EngineConfig;
use crate::backend::Process;

use crate::bus::BusLayout;
use crate::clock::NoClock;
use crate::command::Command;
use crate::controls::TrackSetting;
use crate::cut::{At, Cut};
use crate::deck::{DeckSpec, RESERVE};
use crate::event::EventKind;
use crate::fade::Curve;
use crate::host::{self, BLOCK, BlockIn, BlockOut, HostBlock, HostControls, HostDeck, HostEngine};
use crate::ring::Ring;
use crate::status::State;
use crate::strip::StripSpec;
use crate::ticket::Ticket;

mod edges;
mod following;
mod small;

type Stem = fn(u64) -> [f32; 2];

/// A sample that names its frame exactly, never 0.
fn ramp(frame: u64) -> [f32; 2] {
    let v = (frame + 1) as f32 / (1 << 20) as f32;
    [v, -v]
}

fn ones(_: u64) -> [f32; 2] {
    [1.0, 1.0]
}

/// The feeder's side of one deck.
struct Feed {
    lanes: Vec<(BlockIn, BlockOut, Stem)>,
    ticket: Ticket,
    next: u64,
    end: Option<u64>,
    /// Song frame of deck frame 0.
    from: u64,
}

impl Feed {
    /// Fills up to `blocks` blocks of every lane.
    fn fill(&mut self, blocks: usize) {
        for _ in 0..blocks {
            let len = self.end.map_or(BLOCK as u64, |e| {
                e.saturating_sub(self.next).min(BLOCK as u64)
            });
            if len == 0 {
                return;
            }
            for (full, free, stem) in &mut self.lanes {
                let mut b = free.pop().expect("a free block");
                b.tag.ticket = self.ticket;
                b.tag.start_frame = self.next;
                b.tag.len = len as u32;
                for i in 0..len {
                    let [l, r] = stem(self.from + self.next + i);
                    b.planes[0][i as usize] = l;
                    b.planes[1][i as usize] = r;
                }
                b.seal(2);
                assert!(full.push(b).is_ok());
            }
            self.next += len;
        }
    }
}

struct Rig {
    engine: Box<HostEngine<NoClock>>,
    handle: host::HostHandle<NoClock>,
    out: Vec<[f32; 2]>,
    tickets: u32,
}

impl Rig {
    fn new(ramp: u32) -> Self {
        let mut layout = BusLayout::new();
        layout.add(&[0, 1]).unwrap();
        let config = EngineConfig {
            rate: 48_000,
            ramp,
            direct_from: 2,
        };
        let (engine, handle) = host::engine(config, layout, NoClock);
        Self {
            engine,
            handle,
            out: Vec::new(),
            tickets: 0,
        }
    }

    fn deck(
        &mut self,
        song: u32,
        controls: &Arc<HostControls>,
        stems: &[Stem],
        from: u64,
        end: Option<u64>,
        blocks: usize,
    ) -> (Box<HostDeck<NoClock>>, Feed) {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let spec = DeckSpec {
            ticket,
            song: Ticket(song),
            end,
            prime: 256,
            resume: (blocks * BLOCK / 2) as u32,
            followed: false,
        };
        let mut deck = Box::new(HostDeck::new(spec, controls.clone()));
        let mut lanes = Vec::new();
        for stem in stems {
            let (full, full_out) = Ring::<HostBlock, { host::RING }>::shared();
            let (mut free, free_out) = Ring::<HostBlock, { host::RING }>::shared();
            for _ in 0..blocks {
                assert!(free.push(host::block(2)).is_ok());
            }
            assert!(
                deck.add_track(StripSpec::into_bus(2, 0), full_out, free)
                    .is_ok()
            );
            lanes.push((full, free_out, *stem));
        }
        let feed = Feed {
            lanes,
            ticket,
            next: 0,
            end,
            from,
        };
        (deck, feed)
    }

    fn send(&mut self, c: Command<Box<HostDeck<NoClock>>>) {
        assert!(self.handle.send(c).is_ok());
    }

    fn cut(&mut self, deck: Box<HostDeck<NoClock>>, at: At, fade: u32) {
        self.send(Command::Cut(Cut {
            deck,
            at,
            fade,
            curve: Curve::Linear,
        }));
    }

    fn run(&mut self, frames: usize) {
        let (mut l, mut r) = (vec![9.0; frames], vec![9.0; frames]);
        let mut planes: [&mut [f32]; 2] = [&mut l, &mut r];
        self.engine.process(&mut planes, frames);
        self.out.extend(l.into_iter().zip(r).map(|(l, r)| [l, r]));
    }

    fn events(&mut self) -> Vec<EventKind> {
        core::iter::from_fn(|| self.handle.take_event())
            .map(|e| e.kind)
            .collect()
    }

    fn state(&self) -> State {
        self.handle.board().position().state
    }
}

#[test]
fn plays_to_the_last_frame_and_raises_the_flag_in_that_call() {
    for call in [1usize, 64, 100, 1000, 5000] {
        let mut rig = Rig::new(0);
        let c = Arc::new(HostControls::new());
        let (deck, mut feed) = rig.deck(1, &c, &[ramp], 0, Some(1000), 8);
        feed.fill(8);
        rig.cut(deck, At::Now, 0);
        rig.send(Command::Play { fade: 0 });
        while rig.handle.board().take_stop_flag().is_none() {
            assert!(rig.out.len() < 1000);
            rig.run(call);
        }
        assert!(rig.out.len() - 1000 < call);
        rig.run(call);
        for (i, x) in rig.out.iter().enumerate() {
            let want = if i < 1000 { ramp(i as u64) } else { [0.0; 2] };
            assert_eq!(*x, want, "frame {i}");
        }
        assert_eq!(rig.state(), State::Ended);
        let kinds = rig.events();
        assert!(
            matches!(
                kinds[..],
                [
                    EventKind::Cut {
                        asked: None,
                        actual: 0,
                        ..
                    },
                    EventKind::Started { frame: 0, .. },
                    EventKind::Ended { frame: 1000, .. },
                ]
            ),
            "{kinds:?}"
        );
        assert_eq!(rig.handle.board().take_stop_flag(), None);
    }
}

#[test]
fn a_settled_mix_is_the_law_bit_by_bit() {
    fn a(f: u64) -> [f32; 2] {
        let x = libm::sinf(f as f32 * 0.1);
        [x, x * 0.3]
    }
    fn b(f: u64) -> [f32; 2] {
        let x = libm::sinf(f as f32 * 0.37 + 1.0);
        [x * 0.7, x]
    }
    let mut rig = Rig::new(240);
    let c = Arc::new(HostControls::new());
    let s = |gain, pan| TrackSetting {
        gain,
        pan,
        ..Default::default()
    };
    c.set_track(0, s(0.7, 0.3));
    c.set_track(1, s(1.3, -0.61));
    c.set_level(0, 0.9);
    c.commit();
    rig.handle.board().set_master(0.77);
    let (deck, mut feed) = rig.deck(1, &c, &[a, b], 0, Some(2000), 8);
    feed.fill(8);
    rig.cut(deck, At::Now, 0);
    rig.send(Command::Play { fade: 0 });
    for n in [1, 17, 255, 256, 257, 1000] {
        rig.run(n);
    }
    for (i, x) in rig.out.iter().enumerate() {
        let want: [f32; 2] = core::array::from_fn(|ch| {
            let mut acc = 0.0f32;
            acc += (0.7 * [(1.0 - 0.3f32).min(1.0), 1.0][ch]) * a(i as u64)[ch];
            acc += (1.3 * [1.0, 1.0 + -0.61f32][ch]) * b(i as u64)[ch];
            acc * (0.9 * 0.77)
        });
        assert_eq!(x.map(f32::to_bits), want.map(f32::to_bits), "frame {i}");
    }
}

/// A session with everything that takes time: ramps, a seek with fade, pause, resume, a loop-like
/// hard cut. `calls` yields the sizes of calls between the frames at which something is sent.
fn session(slice: usize) -> Vec<[f32; 2]> {
    let mut rig = Rig::new(100);
    let c = Arc::new(HostControls::new());
    let run = |rig: &mut Rig, total: usize| {
        let mut left = total;
        while left > 0 {
            let n = slice.min(left);
            rig.run(n);
            left -= n;
        }
    };
    let (deck, mut f1) = rig.deck(1, &c, &[ramp, ones], 0, Some(100_000), 40);
    let first = deck.spec().ticket;
    f1.fill(40);
    rig.cut(deck, At::Now, 0);
    rig.send(Command::Play { fade: 0 });
    run(&mut rig, 500);
    c.set_track(
        1,
        TrackSetting {
            gain: 0.25,
            pan: 0.5,
            ..Default::default()
        },
    );
    c.commit();
    run(&mut rig, 50);
    c.set_track(
        0,
        TrackSetting {
            mute: true,
            ..Default::default()
        },
    );
    c.commit();
    rig.handle.board().set_master(0.5);
    run(&mut rig, 450);
    let (deck, mut f2) = rig.deck(1, &c, &[ramp, ones], 50_000, Some(100_000), 40);
    let second = deck.spec().ticket;
    f2.fill(40);
    rig.cut(
        deck,
        At::Frame {
            of: first,
            frame: 1100,
        },
        240,
    );
    run(&mut rig, 1000);
    rig.send(Command::Pause { fade: 240 });
    run(&mut rig, 600);
    assert_eq!(rig.state(), State::Paused);
    rig.send(Command::Play { fade: 240 });
    run(&mut rig, 600);
    let (deck, mut f3) = rig.deck(1, &c, &[ramp, ones], 7, Some(3000), 40);
    f3.fill(40);
    rig.cut(
        deck,
        At::Frame {
            of: second,
            frame: 2000,
        },
        0,
    );
    rig.send(Command::FadeMaster {
        level: 0.0,
        frames: 1500,
    });
    run(&mut rig, 5000);
    assert_eq!(rig.state(), State::Ended);
    assert_eq!(rig.handle.board().counters().starvations, 0);
    rig.out
}

#[test]
fn the_same_samples_for_every_slicing() {
    let want = session(usize::MAX);
    for slice in [1, 16, 64, 100, 255, 256, 512, 2048] {
        let got = session(slice);
        let wrong = got.iter().zip(&want).position(|(a, b)| a != b);
        assert_eq!(wrong, None, "slice {slice}");
        assert_eq!(got.len(), want.len());
    }
}

#[test]
fn a_hard_cut_is_sample_exact_and_the_old_deck_comes_back() {
    for call in [1, 64, 999, 4000] {
        let mut rig = Rig::new(0);
        let c = Arc::new(HostControls::new());
        let (deck, mut f1) = rig.deck(1, &c, &[ramp], 0, Some(100_000), 20);
        let of = deck.spec().ticket;
        f1.fill(20);
        let (next, mut f2) = rig.deck(2, &Arc::new(HostControls::new()), &[ramp], 70_000, None, 20);
        f2.fill(20);
        rig.cut(deck, At::Now, 0);
        rig.run(0);
        rig.send(Command::Play { fade: 0 });
        rig.cut(next, At::Frame { of, frame: 1234 }, 0);
        while rig.out.len() < 3000 {
            rig.run(call);
        }
        for (i, x) in rig.out.iter().take(3000).enumerate() {
            let i = i as u64;
            let want = if i < 1234 {
                ramp(i)
            } else {
                ramp(70_000 + i - 1234)
            };
            assert_eq!(*x, want, "frame {i}");
        }
        let back = rig.handle.take_deck().unwrap();
        assert_eq!((back.spec().ticket, back.frame()), (of, 1234));
        assert_eq!(rig.handle.decks_out(), 1);
        assert!(rig.events().contains(&EventKind::Cut {
            to: Ticket(2),
            asked: Some(1234),
            actual: 1234
        }));
    }
}

#[test]
fn gapless_at_the_very_end_of_a_deck() {
    let mut rig = Rig::new(0);
    let c = Arc::new(HostControls::new());
    let (deck, mut f1) = rig.deck(1, &c, &[ramp], 0, Some(1000), 8);
    let of = deck.spec().ticket;
    f1.fill(8);
    let (next, mut f2) = rig.deck(2, &c, &[ramp], 0, Some(1000), 8);
    f2.fill(8);
    rig.cut(deck, At::Now, 0);
    rig.run(0);
    rig.send(Command::Play { fade: 0 });
    rig.cut(next, At::Frame { of, frame: 1000 }, 0);
    rig.run(2500);
    for (i, x) in rig.out.iter().enumerate() {
        let want = if i < 2000 {
            ramp(i as u64 % 1000)
        } else {
            [0.0; 2]
        };
        assert_eq!(*x, want, "frame {i}");
    }
    assert_eq!(rig.handle.board().take_stop_flag(), Some(Ticket(2)));
}

#[test]
fn starving_fades_holds_and_goes_on_with_the_next_frame() {
    for call in [1, 50, 64, 300, 2000] {
        let mut rig = Rig::new(0);
        let c = Arc::new(HostControls::new());
        let (deck, mut feed) = rig.deck(1, &c, &[ramp], 0, Some(100_000), 8);
        feed.fill(4); // 1024 frames
        rig.cut(deck, At::Now, 0);
        rig.send(Command::Play { fade: 0 });
        while rig.out.len() < 2000 {
            rig.run(call);
        }
        let stopped = rig.out.len();
        let reserve = RESERVE as usize;
        for (i, x) in rig.out.iter().enumerate() {
            match i {
                _ if i < 1024 - reserve => assert_eq!(*x, ramp(i as u64)),
                _ if i < 1024 => assert!(x[0] <= ramp(i as u64)[0] && x[0] >= 0.0),
                _ => assert_eq!(*x, [0.0; 2], "frame {i}"),
            }
        }
        assert!(rig.handle.board().position().holding);
        assert_eq!(rig.handle.board().counters().starvations, 1);
        // Less than half the ring: still holding.
        feed.fill(3);
        rig.run(10);
        assert!(rig.handle.board().position().holding);
        feed.fill(5);
        rig.run(500);
        let resumed = stopped + 10;
        for (i, x) in rig.out.iter().enumerate().skip(resumed) {
            let frame = (1024 + i - resumed) as u64;
            if i < resumed + reserve {
                assert!(x[0] <= ramp(frame)[0]);
            } else {
                assert_eq!(*x, ramp(frame), "frame {i}");
            }
        }
        let counters = rig.handle.board().counters();
        assert_eq!(counters.starvations, 1);
        assert_eq!(counters.starved_frames as usize, stopped - 1024 + 10);
        assert_eq!(counters.stale_blocks, 0);
    }
}

#[test]
fn an_unprimed_deck_waits_without_counting_a_starvation() {
    let mut rig = Rig::new(0);
    let c = Arc::new(HostControls::new());
    let (deck, mut feed) = rig.deck(1, &c, &[ramp], 0, Some(600), 8);
    rig.cut(deck, At::Now, 0);
    rig.send(Command::Play { fade: 0 });
    assert!(!rig.engine.ready(64));
    rig.run(300);
    assert_eq!(rig.handle.board().counters().starvations, 0);
    feed.fill(8);
    assert!(rig.engine.ready(64));
    rig.run(600);
    assert_eq!(rig.out[300], ramp(0));
    assert_eq!(rig.out[899], ramp(599));
}

#[test]
fn a_fixed_cut_to_an_unprimed_deck_holds_and_now_plays_on() {
    let mut rig = Rig::new(0);
    let c = Arc::new(HostControls::new());
    let (deck, mut f1) = rig.deck(1, &c, &[ones], 0, None, 40);
    let of = deck.spec().ticket;
    f1.fill(40);
    rig.cut(deck, At::Now, 0);
    rig.run(0);
    rig.send(Command::Play { fade: 0 });
    let (next, mut f2) = rig.deck(1, &c, &[ramp], 0, None, 40);
    rig.cut(next, At::Frame { of, frame: 1000 }, 0);
    for _ in 0..20 {
        rig.run(100);
    }
    assert_eq!(rig.out[1000 - RESERVE as usize - 1], [1.0, 1.0]);
    assert!(rig.out[1000..].iter().all(|x| *x == [0.0; 2]));
    assert_eq!(rig.handle.board().position().deck_frame, 1000);
    f2.fill(40);
    rig.run(500);
    assert_eq!(rig.out[2000 + 200], ramp(200));

    let (now, mut f3) = rig.deck(1, &c, &[ones], 0, None, 40);
    rig.cut(now, At::Now, 48);
    rig.run(500);
    assert_eq!(rig.out[2999], ramp(999));
    f3.fill(40);
    rig.run(100);
    assert_eq!(rig.out[3000], ramp(1000));
    assert_eq!(rig.out[3099], [1.0, 1.0]);
    assert_eq!(rig.handle.board().counters().starvations, 1);
}

#[test]
fn a_later_cut_replaces_a_pending_one_and_a_stale_one_comes_back() {
    let mut rig = Rig::new(0);
    let c = Arc::new(HostControls::new());
    let (deck, mut f1) = rig.deck(1, &c, &[ones], 0, None, 40);
    let of = deck.spec().ticket;
    f1.fill(40);
    rig.cut(deck, At::Now, 0);
    rig.run(0);
    rig.send(Command::Play { fade: 0 });
    let (a, _fa) = rig.deck(1, &c, &[ones], 0, None, 4);
    let (b, mut fb) = rig.deck(1, &c, &[ones], 0, None, 4);
    let (ta, tb) = (a.spec().ticket, b.spec().ticket);
    fb.fill(4);
    rig.cut(a, At::Frame { of, frame: 5000 }, 0);
    rig.cut(b, At::Frame { of, frame: 6000 }, 0);
    rig.run(100);
    assert_eq!(rig.handle.take_deck().unwrap().spec().ticket, ta);
    assert!(rig.events().contains(&EventKind::CutDropped { deck: ta }));
    // A cut that waits for a deck that isn't there any more.
    let (d, mut fd) = rig.deck(1, &c, &[ones], 0, None, 4);
    let td = d.spec().ticket;
    fd.fill(4);
    rig.cut(
        d,
        At::Frame {
            of: Ticket(99),
            frame: 1,
        },
        0,
    );
    rig.run(100);
    let back: Vec<_> = core::iter::from_fn(|| rig.handle.take_deck())
        .map(|d| d.spec().ticket)
        .collect();
    assert_eq!(back, [tb, td]);
    assert_eq!(rig.handle.board().position().deck, of);
    rig.send(Command::Eject);
    rig.run(0);
    assert_eq!(rig.handle.take_deck().unwrap().spec().ticket, of);
    assert_eq!((rig.handle.decks_out(), rig.state()), (0, State::Stopped));
}

#[test]
fn the_handle_lets_in_no_more_decks_than_can_come_back() {
    let mut rig = Rig::new(0);
    let c = Arc::new(HostControls::new());
    for i in 0.. {
        let (d, _) = rig.deck(1, &c, &[], 0, None, 0);
        let cut = Command::Cut(Cut {
            deck: d,
            at: At::Now,
            fade: 0,
            curve: Curve::Linear,
        });
        if rig.handle.send(cut).is_err() {
            assert_eq!(i, super::RETURNS - 1);
            break;
        }
    }
    rig.run(0);
    // All but the last came back, whole.
    let back = core::iter::from_fn(|| rig.handle.take_deck()).count();
    assert_eq!(back, super::RETURNS - 2);
}

#[test]
fn direct_outs_carry_master_gain_and_pan_and_skip_the_bus() {
    let mut layout = BusLayout::new();
    layout.add(&[0]).unwrap();
    let config = EngineConfig {
        rate: 48_000,
        ramp: 0,
        direct_from: 1,
    };
    let (mut engine, mut handle) = host::engine(config, layout, NoClock);
    let c = Arc::new(HostControls::new());
    c.set_track(
        0,
        TrackSetting {
            gain: 0.5,
            pan: 0.25,
            ..Default::default()
        },
    );
    c.commit();
    handle.board().set_master(0.3);
    let spec = DeckSpec {
        ticket: Ticket(1),
        song: Ticket(1),
        end: None,
        prime: 64,
        resume: 64,
        followed: false,
    };
    let mut deck = Box::new(HostDeck::new(spec, c.clone()));
    let (mut full, full_out) = Ring::shared();
    let (free, _free_out) = Ring::shared();
    let strip = StripSpec {
        channels: 2,
        bus: None,
        first: 0,
        direct: [1, 2],
    };
    assert!(deck.add_track(strip, full_out, free).is_ok());
    let mut b = host::block(2);
    b.tag.ticket = Ticket(1);
    b.tag.len = BLOCK as u32;
    b.planes.copy_from_slice(&[[0.9; BLOCK], [0.7; BLOCK]]);
    b.seal(2);
    assert!(full.push(b).is_ok());
    let cut = Cut {
        deck,
        at: At::Now,
        fade: 0,
        curve: Curve::Linear,
    };
    assert!(handle.send(Command::Cut(cut)).is_ok());
    assert!(handle.send(Command::Play { fade: 0 }).is_ok());
    let (mut m, mut l, mut r) = ([0.0; 64], [0.0; 64], [0.0; 64]);
    engine.process(&mut [&mut m, &mut l, &mut r], 64);
    assert!(m.iter().all(|x| *x == 0.0));
    assert!(l.iter().all(|x| *x == (0.3f32 * 0.5 * 0.75) * 0.9));
    assert!(r.iter().all(|x| *x == (0.3f32 * 0.5 * 1.0) * 0.7));
    // What overflows is silence and counted, at the change and when it has settled.
    let huge = TrackSetting {
        gain: f32::MAX,
        ..Default::default()
    };
    c.set_track(0, huge);
    c.commit();
    handle.board().set_master(4.0);
    for calls in 1..=2 {
        engine.process(&mut [&mut m, &mut l, &mut r], 64);
        assert!(l.iter().chain(&r).all(|x| *x == 0.0));
        assert_eq!(handle.board().counters().non_finite, calls * 2 * 64);
    }
}

#[test]
fn a_bus_that_does_not_follow_the_master_ignores_it_and_sums_do_not_clip() {
    let mut rig = Rig::new(0);
    let c = Arc::new(HostControls::new());
    let (mut deck, mut feed) = rig.deck(1, &c, &[ones as Stem; 32], 0, None, 4);
    deck.set_follows_master(0, false);
    feed.fill(4);
    rig.handle.board().set_master(0.25);
    rig.cut(deck, At::Now, 0);
    rig.send(Command::Play { fade: 0 });
    rig.run(512);
    assert!(rig.out.iter().all(|x| *x == [32.0, 32.0]));
    assert_eq!(rig.handle.board().counters().overs, 1024);
}

#[test]
fn a_followed_deck_waits_at_its_end_and_the_next_begins_unfaded() {
    let mut rig = Rig::new(0);
    let c = Arc::new(HostControls::new());
    let (mut deck, mut f1) = rig.deck(1, &c, &[ramp], 0, Some(1000), 8);
    let spec = DeckSpec {
        followed: true,
        ..deck.spec()
    };
    deck.rewind(spec);
    let of = spec.ticket;
    f1.fill(8);
    rig.cut(deck, At::Now, 0);
    rig.send(Command::Play { fade: 0 });
    rig.run(0);
    assert!(rig.engine.ready(1000));
    assert!(!rig.engine.ready(1001));
    rig.run(1500);
    assert_eq!(rig.handle.board().take_stop_flag(), None);
    assert_eq!(rig.state(), State::Playing);
    assert_eq!(rig.out[999], ramp(999));
    assert!(rig.out[1000..].iter().all(|x| *x == [0.0; 2]));
    let (next, mut f2) = rig.deck(2, &c, &[ramp], 0, Some(500), 8);
    f2.fill(8);
    rig.cut(next, At::Frame { of, frame: 1000 }, 0);
    rig.run(600);
    for i in 0..600 {
        let want = if i < 500 { ramp(i) } else { [0.0; 2] };
        assert_eq!(rig.out[1500 + i as usize], want, "frame {i}");
    }
    let counters = rig.handle.board().counters();
    assert_eq!((counters.starvations, counters.starved_frames), (1, 500));
    assert_eq!(rig.handle.board().take_stop_flag(), Some(Ticket(2)));
}

#[test]
fn changed_controls_and_timed_fades_are_told_with_their_frame() {
    let mut rig = Rig::new(0);
    let c = Arc::new(HostControls::new());
    let (deck, mut feed) = rig.deck(1, &c, &[ramp], 0, None, 8);
    feed.fill(8);
    let deck_ticket = deck.spec().ticket;
    rig.cut(deck, At::Now, 0);
    rig.send(Command::Play { fade: 0 });
    rig.run(100);
    rig.events();
    c.set_level(0, 0.5);
    let revision = c.commit();
    rig.run(64);
    let applied = EventKind::Applied {
        deck: deck_ticket,
        frame: 100,
        revision,
    };
    assert_eq!(rig.events(), [applied]);
    rig.run(64);
    assert_eq!(rig.events(), []);
    for _ in 0..2 {
        rig.send(Command::FadeMaster {
            level: 0.5,
            frames: 10,
        });
    }
    rig.run(1);
    let begun = EventKind::FadeBegun {
        deck: deck_ticket,
        frame: 228,
    };
    assert_eq!(rig.events(), [begun, begun]);
}
