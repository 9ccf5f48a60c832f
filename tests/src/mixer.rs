//! An engine driven call by call, with stems that are functions of the frame and fed by hand.
//!
//! Generic over the platform, so that the same tests run on the host's engine and on a small one
//! whose blocks and stretches are so short that every seam is met often.

use std::sync::Arc;

use engine_core::backend::Process;
use engine_core::block::{AnyBlock, StereoBlock};
use engine_core::bus::BusLayout;
use engine_core::command::Command;
use engine_core::controls::SongControls;
use engine_core::cut::{At, Cut};
use engine_core::deck::{Deck, DeckSpec};
use engine_core::denormals::flush_denormals;
use engine_core::engine::{Engine, EngineConfig};
use engine_core::event::Event;
use engine_core::fade::Curve;
use engine_core::handle::Handle;
use engine_core::host::{BLOCK, BUS_CHANNELS, BUSES, Heap, RING, STRETCH, TRACKS};
use engine_core::platform::Platform;
use engine_core::ring::{Consumer, Producer, Ring};
use engine_core::status::{Board, State};
use engine_core::strip::StripSpec;

/// A stem: the samples of both channels at a frame.
pub type Stem = Arc<dyn Fn(u64) -> [f32; 2]>;

/// A stem that is 1.0 throughout, on both channels.
pub fn ones() -> Stem {
    constant(1.0, 1.0)
}

/// A stem of one value per channel.
pub fn constant(left: f32, right: f32) -> Stem {
    Arc::new(move |_| [left, right])
}

/// A platform on the heap with blocks of `B` frames.
pub trait HeapPlatform<
    const N: usize,
    const T: usize,
    const U: usize,
    const C: usize,
    const B: usize,
>:
    Platform<
        N,
        T,
        U,
        C,
        Block = Box<AnyBlock<B>>,
        Controls = Arc<SongControls<T, U>>,
        Deck = Box<Deck<Self, N, T, U, C>>,
        Board = Arc<Board<T, C>>,
    >
{
}

impl<P, const N: usize, const T: usize, const U: usize, const C: usize, const B: usize>
    HeapPlatform<N, T, U, C, B> for P
where
    P: Platform<
            N,
            T,
            U,
            C,
            Block = Box<AnyBlock<B>>,
            Controls = Arc<SongControls<T, U>>,
            Deck = Box<Deck<P, N, T, U, C>>,
            Board = Arc<Board<T, C>>,
        >,
{
}

/// The feeder's side of one track.
pub struct Lane<const N: usize, const B: usize> {
    full: Producer<Box<AnyBlock<B>>, N>,
    free: Consumer<Box<AnyBlock<B>>, N>,
    stem: Stem,
    channels: u8,
    /// Next deck frame to fill.
    next: u64,
    /// Blocks made for the lane.
    blocks: usize,
}

/// The feeder's side of one deck.
pub struct Feed<const N: usize, const B: usize> {
    spec: DeckSpec,
    /// One for each track.
    pub lanes: Vec<Lane<N, B>>,
}

impl<const N: usize, const B: usize> Feed<N, B> {
    /// Fills up to `blocks` blocks of every lane, as far as there are free ones.
    pub fn feed(&mut self, blocks: usize) {
        for lane in 0..self.lanes.len() {
            self.feed_lane(lane, blocks);
        }
    }

    /// Fills up to `blocks` blocks of one lane; returns how many.
    pub fn feed_lane(&mut self, lane: usize, blocks: usize) -> usize {
        let lane = &mut self.lanes[lane];
        for done in 0..blocks {
            let left = self
                .spec
                .end
                .map_or(u64::MAX, |end| end.saturating_sub(lane.next));
            let len = left.min(B as u64);
            if len == 0 {
                return done;
            }
            let Some(mut block) = lane.free.pop() else {
                return done;
            };
            block.tag.ticket = self.spec.ticket;
            block.tag.start_frame = lane.next;
            block.tag.len = len as u32;
            let [left, right] = &mut block.planes else {
                panic!("blocks of this rig have two planes");
            };
            for (i, (l, r)) in left.iter_mut().zip(right).take(len as usize).enumerate() {
                [*l, *r] = (lane.stem)(lane.next + i as u64);
            }
            block.seal(usize::from(lane.channels));
            if block.tag.peak == [0.0; 2] {
                // A silent block's samples must not be looked at.
                block.planes.fill([f32::NAN; B]);
            }
            lane.next += len;
            assert!(lane.full.push(block).is_ok(), "room for every block");
        }
        blocks
    }

    /// Takes every free block out and returns, per lane, how many there were and how many had
    /// been made. Complete once the deck was rewound.
    pub fn count_home(&mut self) -> Vec<(usize, usize)> {
        self.lanes
            .iter_mut()
            .map(|l| (std::iter::from_fn(|| l.free.pop()).count(), l.blocks))
            .collect()
    }
}

/// What a deck is made of.
pub struct DeckPlan<'a, const T: usize, const U: usize> {
    /// As it is.
    pub spec: DeckSpec,
    /// The song's controls.
    pub controls: &'a Arc<SongControls<T, U>>,
    /// The tracks.
    pub tracks: &'a [(StripSpec, Stem)],
    /// Buses that don't follow the master.
    pub own_level: &'a [usize],
    /// Blocks per track, below `N`.
    pub blocks: usize,
}

/// An engine, its handle, and what was heard.
pub struct Rig<
    P: HeapPlatform<N, T, U, C, B>,
    const N: usize,
    const T: usize,
    const U: usize,
    const C: usize,
    const F: usize,
    const B: usize,
> {
    /// The engine.
    pub engine: Box<Engine<P, N, T, U, C, F>>,
    /// The controller's end.
    pub handle: Handle<P, N, T, U, C>,
    planes: Vec<Vec<f32>>,
    /// What was heard, planes × frames.
    pub heard: Vec<Vec<f32>>,
    /// Calls of at least one frame.
    pub calls: u32,
}

/// A rig of the host's engine with the clock `K`.
pub type HostRig<K> = Rig<Heap<K>, RING, TRACKS, BUSES, BUS_CHANNELS, STRETCH, BLOCK>;
/// The feeder's side of a deck of the host's engine.
pub type HostFeed = Feed<RING, BLOCK>;

impl<
    P: HeapPlatform<N, T, U, C, B>,
    const N: usize,
    const T: usize,
    const U: usize,
    const C: usize,
    const F: usize,
    const B: usize,
> Rig<P, N, T, U, C, F, B>
{
    /// An engine with one bus for each entry of `buses` (its channels' output planes) and so many
    /// planes.
    pub fn new(config: EngineConfig, buses: &[&[u16]], planes: usize, clock: P::Clock) -> Self {
        let mut layout = BusLayout::new();
        for outs in buses {
            layout.add(outs).unwrap();
        }
        let board = Arc::new(Board::new());
        let (commands, commands_out) = Ring::shared();
        let (returns, returns_out) = Ring::shared();
        let (events, events_out) = Ring::shared();
        let handle = Handle::new(commands, returns_out, events_out, board.clone());
        let engine = Box::new(Engine::new(
            config,
            layout,
            board,
            clock,
            commands_out,
            returns,
            events,
        ));
        Self {
            engine,
            handle,
            planes: vec![Vec::new(); planes],
            heard: vec![Vec::new(); planes],
            calls: 0,
        }
    }

    /// A deck with free blocks and nothing filled.
    pub fn deck(&self, plan: &DeckPlan<'_, T, U>) -> (P::Deck, Feed<N, B>) {
        let mut deck = Box::new(Deck::new(plan.spec, plan.controls.clone()));
        for bus in plan.own_level {
            deck.set_follows_master(*bus, false);
        }
        let mut lanes = Vec::new();
        for (spec, stem) in plan.tracks {
            let (full, full_out) = Ring::shared();
            let (mut free, free_out) = Ring::shared();
            for _ in 0..plan.blocks {
                let block: Box<AnyBlock<B>> = Box::new(StereoBlock::new());
                assert!(free.push(block).is_ok());
            }
            assert!(deck.add_track(*spec, full_out, free).is_ok());
            lanes.push(Lane {
                full,
                free: free_out,
                stem: stem.clone(),
                channels: spec.channels,
                next: 0,
                blocks: plan.blocks,
            });
        }
        let spec = plan.spec;
        (deck, Feed { spec, lanes })
    }

    /// Sends a command, which must be taken.
    pub fn send(&mut self, command: Command<P::Deck>) {
        assert!(self.handle.send(command).is_ok(), "the command is taken");
    }

    /// Sends a cut.
    pub fn cut(&mut self, deck: P::Deck, at: At, fade: u32, curve: Curve) {
        self.send(Command::Cut(Cut {
            deck,
            at,
            fade,
            curve,
        }));
    }

    /// One call.
    pub fn call(&mut self, frames: usize) {
        for plane in &mut self.planes {
            plane.clear();
            plane.resize(frames, f32::NAN);
        }
        let mut planes: Vec<&mut [f32]> = self.planes.iter_mut().map(Vec::as_mut_slice).collect();
        self.engine.process(&mut planes, frames);
        self.calls += u32::from(frames > 0);
        for (heard, plane) in self.heard.iter_mut().zip(&self.planes) {
            heard.extend_from_slice(plane);
        }
    }

    /// Asks whether there is enough for so many frames, in the allocation trap like a call.
    pub fn ready(&mut self, frames: usize) -> bool {
        let _guard = flush_denormals();
        self.engine.ready(frames)
    }

    /// The events that haven't been taken.
    pub fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.handle.take_event()).collect()
    }

    /// What the transport does.
    pub fn state(&self) -> State {
        self.handle.board().position().state
    }
}
