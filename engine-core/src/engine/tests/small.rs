//! An engine so small that Miri gets through it, with its controller and its driver on two threads:
//! decks go out, play and come home with all of their blocks.

extern crate std;

use std::boxed::Box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::vec;
use std::vec::Vec;

use crate::backend::Process;
use crate::block::StereoBlock;
use crate::bus::BusLayout;
use crate::clock::NoClock;
use crate::command::Command;
use crate::controls::SongControls;
use crate::cut::{At, Cut};
use crate::deck::{Deck, DeckSpec};
use crate::engine::{Engine, EngineConfig};
use crate::fade::Curve;
use crate::handle::Handle;
use crate::platform::Platform;
use crate::ring::{Consumer, Producer, Ring};
use crate::seat::{Borrower, Seat};
use crate::status::Board;
use crate::strip::StripSpec;
use crate::ticket::Ticket;

const N: usize = 4;
const T: usize = 2;
const U: usize = 1;
const C: usize = 2;
const F: usize = 16;
const B: usize = 64;
const FRAMES: u64 = 300;

struct Small;

impl Platform<N, T, U, C> for Small {
    type Block = Box<StereoBlock<B>>;
    type Controls = Arc<SongControls<T, U>>;
    type Deck = Box<Deck<Self, N, T, U, C>>;
    type Board = Arc<Board<T, C>>;
    type Clock = NoClock;
}

type SmallEngine = Engine<Small, N, T, U, C, F>;

/// The feeder's ends of a track's rings, and the frame that comes next.
type Lane = (
    Producer<Box<StereoBlock<B>>, N>,
    Consumer<Box<StereoBlock<B>>, N>,
    u64,
);

/// The feeder's side of both tracks.
struct Feed {
    lanes: Vec<Lane>,
    ticket: Ticket,
}

impl Feed {
    fn feed(&mut self) {
        for (full, free, next) in &mut self.lanes {
            while *next < FRAMES
                && let Some(mut block) = free.pop()
            {
                let len = (FRAMES - *next).min(B as u64);
                block.tag.ticket = self.ticket;
                block.tag.start_frame = *next;
                block.tag.len = len as u32;
                for (i, x) in block.planes[0].iter_mut().enumerate() {
                    *x = (*next + i as u64 + 1) as f32;
                }
                block.seal(1);
                *next += len;
                assert!(full.push(block).is_ok());
            }
        }
    }
}

fn deck(ticket: u32) -> (Box<Deck<Small, N, T, U, C>>, Feed) {
    let ticket = Ticket(ticket);
    let spec = DeckSpec {
        ticket,
        song: ticket,
        end: Some(FRAMES),
        prime: B as u32,
        resume: B as u32,
        followed: false,
    };
    let mut deck = Box::new(Deck::new(spec, Arc::new(SongControls::new())));
    let mut lanes = Vec::new();
    for _ in 0..T {
        let (full, full_out) = Ring::shared();
        let (mut free, free_out) = Ring::shared();
        for _ in 0..N - 1 {
            assert!(free.push(Box::new(StereoBlock::new())).is_ok());
        }
        assert!(
            deck.add_track(StripSpec::into_bus(1, 0), full_out, free)
                .is_ok()
        );
        lanes.push((full, free_out, 0));
    }
    (deck, Feed { lanes, ticket })
}

/// Calls the engine as soon as it is ready until told to stop; what it heard.
fn drive(mut engine: Borrower<Box<SmallEngine>>, stop: &AtomicBool) -> Vec<f32> {
    let mut heard = Vec::new();
    while !stop.load(Ordering::Acquire) {
        if !engine.ready(F) {
            thread::yield_now();
            continue;
        }
        let (mut left, mut right) = ([9.0; F], [9.0; F]);
        engine.process(&mut [&mut left, &mut right], F);
        assert_eq!(left, right);
        heard.extend(left.iter().filter(|x| **x != 0.0));
        thread::yield_now();
    }
    heard
}

#[test]
fn decks_go_out_play_and_come_home_between_two_threads() {
    let rounds = if cfg!(miri) { 2 } else { 200 };
    let mut layout = BusLayout::new();
    layout.add(&[0, 1]).unwrap();
    let board = Arc::new(Board::new());
    let (commands, commands_out) = Ring::shared();
    let (returns, returns_out) = Ring::shared();
    let (events, events_out) = Ring::shared();
    let mut handle =
        Handle::<Small, N, T, U, C>::new(commands, returns_out, events_out, board.clone());
    let config = EngineConfig {
        rate: 48_000,
        ramp: 4,
        direct_from: 2,
    };
    let engine = SmallEngine::new(
        config,
        layout,
        board,
        NoClock,
        commands_out,
        returns,
        events,
    );
    let mut seat = Seat::new(Box::new(engine));
    let driver = seat.borrower().unwrap();
    seat.lend();
    let stop = Arc::new(AtomicBool::new(false));
    let told = stop.clone();
    let driving = thread::spawn(move || drive(driver, &told));

    let mut home: Option<Feed> = None;
    for round in 1..=rounds {
        let (deck, mut feed) = deck(round);
        feed.feed();
        let cut = Cut {
            deck,
            at: At::Now,
            fade: 0,
            curve: Curve::Linear,
        };
        assert!(handle.send(Command::Cut(cut)).is_ok());
        assert!(handle.send(Command::Play { fade: 0 }).is_ok());
        while handle.board().take_stop_flag() != Some(feed.ticket) {
            feed.feed();
            while handle.take_event().is_some() {}
            thread::yield_now();
        }
        // The one before came home when this one was taken.
        if let Some(mut before) = home.replace(feed) {
            let mut deck = handle.take_deck().expect("the deck before");
            let spec = deck.spec();
            assert_eq!(spec.ticket, before.ticket);
            deck.rewind(spec);
            for (_, free, _) in &mut before.lanes {
                let blocks = core::iter::from_fn(|| free.pop()).count();
                assert_eq!(blocks, N - 1);
            }
        }
    }
    stop.store(true, Ordering::Release);
    let heard = driving.join().unwrap();
    seat.withdraw();
    assert!(seat.engine().is_some());
    let once: Vec<f32> = (1..=FRAMES).map(|f| 2.0 * f as f32).collect();
    assert_eq!(heard, vec![once; rounds as usize].concat());
}
