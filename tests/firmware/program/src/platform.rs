//! The platform: everything in static memory.

use core::marker::PhantomData;

use engine_core::clock::NoClock;
use engine_core::controls::SongControls;
use engine_core::deck::Deck;
use engine_core::platform::Platform;
use engine_core::status::Board;

use crate::block::Stock;

/// Length of a track's rings: three blocks fit.
pub const RING: usize = 4;

/// Static memory, with blocks `B`.
pub struct Statics<B>(PhantomData<B>);

impl<B: Stock, const T: usize, const U: usize, const C: usize> Platform<RING, T, U, C>
    for Statics<B>
{
    type Block = &'static mut B;
    type Controls = &'static SongControls<T, U>;
    type Deck = &'static mut Deck<Self, RING, T, U, C>;
    type Board = &'static Board<T, C>;
    type Clock = NoClock;
}
