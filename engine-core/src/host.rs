//! The engine of a host: 128 tracks, 16 buses, 32 bus channels, blocks of 256 frames on the heap.

use alloc::boxed::Box;
use alloc::sync::Arc;

use crate::block::{AnyBlock, MonoBlock, StereoBlock};
use crate::bus::BusLayout;
use crate::clock::Clock;
use crate::controls::SongControls;
use crate::deck::Deck;
use crate::engine::{Engine, EngineConfig};
use crate::handle::Handle;
use crate::platform::Platform;
use crate::ring::{Consumer, Producer, Ring};
use crate::status::Board;

/// Most tracks of a song.
pub const TRACKS: usize = 128;
/// Most buses.
pub const BUSES: usize = 16;
/// Most channels of all buses together.
pub const BUS_CHANNELS: usize = 32;
/// Most output planes: every bus channel and both channels of every track.
pub const PLANES: usize = BUS_CHANNELS + 2 * TRACKS;
/// Frames of a block.
pub const BLOCK: usize = 256;
/// Length of a track's rings; one block less fits.
pub const RING: usize = 1024;
/// Frames mixed at a stretch.
pub const STRETCH: usize = 256;

/// The heap, with the clock `K`.
pub struct Heap<K>(core::marker::PhantomData<K>);

impl<K: Clock + Send + 'static> Platform<RING, TRACKS, BUSES, BUS_CHANNELS> for Heap<K> {
    type Block = HostBlock;
    type Controls = Arc<HostControls>;
    type Deck = Box<HostDeck<K>>;
    type Board = Arc<HostBoard>;
    type Clock = K;
}

/// A block on the heap: see [`block`].
pub type HostBlock = Box<AnyBlock<BLOCK>>;
/// The controls of a song.
pub type HostControls = SongControls<TRACKS, BUSES>;
/// A deck.
pub type HostDeck<K> = Deck<Heap<K>, RING, TRACKS, BUSES, BUS_CHANNELS>;
/// The board.
pub type HostBoard = Board<TRACKS, BUS_CHANNELS>;
/// The buses.
pub type HostLayout = BusLayout<BUSES, BUS_CHANNELS>;
/// The engine.
pub type HostEngine<K> = Engine<Heap<K>, RING, TRACKS, BUSES, BUS_CHANNELS, STRETCH>;
/// The controller's end of it.
pub type HostHandle<K> = Handle<Heap<K>, RING, TRACKS, BUSES, BUS_CHANNELS>;
/// The end of a block ring that puts in.
pub type BlockIn = Producer<HostBlock, RING>;
/// The end of a block ring that takes out.
pub type BlockOut = Consumer<HostBlock, RING>;

/// An empty block for a track of `channels` channels (1 or 2).
pub fn block(channels: usize) -> HostBlock {
    if channels == 1 {
        Box::new(MonoBlock::new())
    } else {
        Box::new(StereoBlock::new())
    }
}

/// An engine and its handle.
pub fn engine<K: Clock + Send + 'static>(
    config: EngineConfig,
    layout: HostLayout,
    clock: K,
) -> (Box<HostEngine<K>>, HostHandle<K>) {
    let board: Arc<HostBoard> = Arc::new(Board::new());
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
    (engine, handle)
}
