//! The feeder's side of one deck: takes empty blocks from the free rings, fills them with the
//! stems' material and puts them into the full rings.

use engine_core::block::{Samples, Tag};
use engine_core::ring::{Consumer, Producer};
use engine_core::ticket::Ticket;

use crate::block::Stock;
use crate::material::Stem;
use crate::platform::RING;

/// The feeder's ends of one track's rings.
pub struct Lane<B: 'static> {
    /// Filled blocks go here.
    pub full: Producer<&'static mut B, RING>,
    /// Empty ones come from here.
    pub free: Consumer<&'static mut B, RING>,
    stem: Stem,
    next: u64,
}

/// Feeds one deck.
pub struct Supply<B: 'static, const T: usize> {
    lanes: heapless::Vec<Lane<B>, T>,
    ticket: Ticket,
    /// Song frame of deck frame 0.
    from: u64,
    /// Length of the deck, frames.
    end: u64,
}

impl<B: Stock, const T: usize> Supply<B, T> {
    pub(crate) const fn new() -> Self {
        Self {
            lanes: heapless::Vec::new(),
            ticket: Ticket::NONE,
            from: 0,
            end: 0,
        }
    }

    pub(crate) fn add(
        &mut self,
        stem: Stem,
        full: Producer<&'static mut B, RING>,
        free: Consumer<&'static mut B, RING>,
    ) {
        let lane = Lane {
            full,
            free,
            stem,
            next: 0,
        };
        assert!(self.lanes.push(lane).is_ok(), "more lanes than tracks");
    }

    /// From now on feeds the deck `ticket`: `end` frames from song frame `from` on.
    pub(crate) fn begin(&mut self, ticket: Ticket, from: u64, end: u64) {
        self.ticket = ticket;
        self.from = from;
        self.end = end;
        for lane in &mut self.lanes {
            lane.next = 0;
        }
    }

    /// Full blocks that every track has waiting; nothing is missing once all is filled.
    pub(crate) fn fill(&self) -> usize {
        let end = self.end;
        let open = self.lanes.iter().filter(|l| l.next < end);
        open.map(|l| l.full.len()).min().unwrap_or(usize::MAX)
    }

    /// Fills at most one block, of the track that is the furthest behind. Whether there was one to fill.
    pub(crate) fn fill_one(&mut self, wait: &mut impl FnMut()) -> bool {
        let end = self.end;
        let Some(lane) = self
            .lanes
            .iter_mut()
            .filter(|l| l.next < end && !l.free.is_empty())
            .min_by_key(|l| l.next)
        else {
            return false;
        };
        let Some(block) = lane.free.pop() else {
            return false;
        };
        let len = (end - lane.next).min(<B as Samples>::FRAMES as u64);
        let tag = Tag {
            ticket: self.ticket,
            start_frame: lane.next,
            len: len as u32,
            peak: [0.0; 2],
        };
        wait();
        let from = (self.from + lane.next) as usize;
        block.fill(tag, lane.stem.channels, lane.stem.part(from, len as usize));
        lane.next += len;
        assert!(
            lane.full.push(block).is_ok(),
            "a full ring has room for every block"
        );
        true
    }
}
