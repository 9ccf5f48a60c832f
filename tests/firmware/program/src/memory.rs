//! The static memory of a program, and how an engine, its handle and its decks come to be in it.

use engine_core::block::Samples;
use engine_core::bus::BusLayout;
use engine_core::clock::NoClock;
use engine_core::command::Command;
use engine_core::controls::SongControls;
use engine_core::deck::{Deck, DeckSpec};
use engine_core::engine::{COMMANDS, EVENTS, Engine, EngineConfig, RETURNS};
use engine_core::event::Event;
use engine_core::handle::Handle;
use engine_core::ring::Ring;
use engine_core::status::Board;
use engine_core::ticket::Ticket;

use crate::block::Stock;
use crate::platform::{RING, Statics};
use crate::score::Piece;
use crate::supply::Supply;

/// The engine in static memory.
pub type StaticEngine<B, const T: usize, const U: usize, const C: usize, const F: usize> =
    Engine<Statics<B>, RING, T, U, C, F>;
/// A deck in static memory.
pub type StaticDeck<B, const T: usize, const U: usize, const C: usize> =
    Deck<Statics<B>, RING, T, U, C>;
/// The controller's end.
pub type StaticHandle<B, const T: usize, const U: usize, const C: usize> =
    Handle<Statics<B>, RING, T, U, C>;

/// Two decks: one plays, one is made ready.
pub const DECKS: usize = 2;

/// All the memory of an engine with `T` tracks, `U` buses and `C` bus channels, that mixes
/// `F` frames at a stretch. It starts as zeros
/// for the most part, so it costs RAM and next to no flash.
pub struct Memory<B: Stock, const T: usize, const U: usize, const C: usize, const F: usize> {
    engine: Option<StaticEngine<B, T, U, C, F>>,
    commands: Ring<Command<&'static mut StaticDeck<B, T, U, C>>, COMMANDS>,
    returns: Ring<&'static mut StaticDeck<B, T, U, C>, RETURNS>,
    events: Ring<Event, EVENTS>,
    board: Board<T, C>,
    controls: SongControls<T, U>,
    rooms: [DeckRoom<B, T, U, C>; DECKS],
}

/// The memory of one deck.
struct DeckRoom<B: Stock, const T: usize, const U: usize, const C: usize> {
    deck: Option<StaticDeck<B, T, U, C>>,
    full: [Ring<&'static mut B, RING>; T],
    free: [Ring<&'static mut B, RING>; T],
    blocks: [[B; RING - 1]; T],
}

/// What is made in a [`Memory`].
pub struct Ends<B: Stock, const T: usize, const U: usize, const C: usize, const F: usize> {
    /// For the interrupt.
    pub engine: &'static mut StaticEngine<B, T, U, C, F>,
    /// For the controller.
    pub handle: StaticHandle<B, T, U, C>,
    /// The song's controls.
    pub controls: &'static SongControls<T, U>,
    /// Empty decks and who feeds them.
    pub kits: [Kit<B, T, U, C>; DECKS],
}

/// A deck and the feeder's side of it.
pub struct Kit<B: Stock, const T: usize, const U: usize, const C: usize> {
    /// The deck, while it is here.
    pub deck: Option<&'static mut StaticDeck<B, T, U, C>>,
    /// Fills its rings.
    pub supply: Supply<B, T>,
    /// The deck's present ticket.
    pub ticket: Ticket,
}

impl<B: Stock, const T: usize, const U: usize, const C: usize, const F: usize>
    Memory<B, T, U, C, F>
{
    /// Memory with nothing in it.
    pub const fn new() -> Self {
        Self {
            engine: None,
            commands: Ring::new(),
            returns: Ring::new(),
            events: Ring::new(),
            board: Board::new(),
            controls: SongControls::new(),
            rooms: [const {
                DeckRoom {
                    deck: None,
                    full: [const { Ring::new() }; T],
                    free: [const { Ring::new() }; T],
                    blocks: [const { [const { B::EMPTY }; RING - 1] }; T],
                }
            }; DECKS],
        }
    }

    /// Makes the engine, its handle and two empty decks for a piece.
    ///
    /// # Panics
    /// When the piece doesn't fit: it is part of the program.
    pub fn make(&'static mut self, piece: &Piece) -> Ends<B, T, U, C, F> {
        let (commands, commands_out) = self.commands.split();
        let (returns, returns_out) = self.returns.split();
        let (events, events_out) = self.events.split();
        let board: &'static Board<T, C> = &self.board;
        let controls: &'static SongControls<T, U> = &self.controls;
        let mut layout = BusLayout::new();
        for outs in piece.buses {
            assert!(layout.add(outs).is_ok(), "the buses don't fit");
        }
        let config = EngineConfig {
            rate: piece.rate,
            ramp: piece.ramp,
            direct_from: piece.planes as u16,
        };
        let engine = self.engine.insert(Engine::new(
            config,
            layout,
            board,
            NoClock,
            commands_out,
            returns,
            events,
        ));
        let kits = self.rooms.each_mut().map(|room| room.kit(piece, controls));
        Ends {
            engine,
            handle: Handle::new(commands, returns_out, events_out, board),
            controls,
            kits,
        }
    }
}

impl<B: Stock, const T: usize, const U: usize, const C: usize, const F: usize> Default
    for Memory<B, T, U, C, F>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<B: Stock, const T: usize, const U: usize, const C: usize> DeckRoom<B, T, U, C> {
    fn kit(
        &'static mut self,
        piece: &Piece,
        controls: &'static SongControls<T, U>,
    ) -> Kit<B, T, U, C> {
        let deck = self
            .deck
            .insert(Deck::new(spec::<B>(Ticket::NONE, 0), controls));
        for bus in 0..piece.buses.len() {
            deck.set_follows_master(bus, bus == 0);
        }
        let mut supply = Supply::new();
        let rings = self.full.iter_mut().zip(&mut self.free);
        for ((track, (full, free)), blocks) in piece.tracks.iter().zip(rings).zip(&mut self.blocks)
        {
            let (fill, filled) = full.split();
            let (mut home, empty) = free.split();
            for block in blocks {
                assert!(home.push(block).is_ok(), "a ring holds its blocks");
            }
            assert!(
                deck.add_track(track.0, filled, home).is_ok(),
                "too many tracks"
            );
            supply.add(track.1, fill, empty);
        }
        Kit {
            deck: Some(deck),
            supply,
            ticket: Ticket::NONE,
        }
    }
}

/// A deck of `end` frames. It is ready when two of its three blocks are there.
pub(crate) fn spec<B: Stock>(ticket: Ticket, end: u64) -> DeckSpec {
    let two = 2 * <B as Samples>::FRAMES as u32;
    DeckSpec {
        ticket,
        song: Ticket(1),
        end: Some(end),
        prime: two,
        resume: two,
        followed: false,
    }
}
