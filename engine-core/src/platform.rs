//! The platform: how a host or a firmware holds what the engine works on.

use core::ops::{Deref, DerefMut};

use crate::block::Samples;
use crate::clock::Clock;
use crate::controls::SongControls;
use crate::deck::Deck;
use crate::status::Board;

/// Chosen once per program. A host keeps these on the heap (`Box`, `Arc`), a firmware in
/// statics (`&'static mut`, `&'static`).
///
/// `N` is the length of a track's rings in blocks (a power of two), `T` the most tracks, `U` the most buses, `C` the
/// most bus channels.
pub trait Platform<const N: usize, const T: usize, const U: usize, const C: usize>:
    Sized + 'static
{
    /// A block and its ownership.
    type Block: DerefMut<Target: Samples> + Send + 'static;
    /// A song's controls, shared by its decks and the controller.
    type Controls: Deref<Target = SongControls<T, U>> + Send;
    /// A deck and its ownership.
    type Deck: DerefMut<Target = Deck<Self, N, T, U, C>> + Send + 'static;
    /// The board, shared by engine and controller.
    type Board: Deref<Target = Board<T, C>> + Send;
    /// The clock of the latency monitor.
    type Clock: Clock + Send;
}
