//! Lanes: the feeder's ends of the two rings of one track.

use engine_core::host::{self, HostBlock};
use engine_core::ring::{Consumer, Producer, Ring};

/// Frames of a block.
pub const BLOCK_FRAMES: usize = host::BLOCK;

/// Length of a ring; it holds one block less.
pub const RING_LEN: usize = host::RING;

/// Frames that every track of a deck keeps in hand for the fade-out when data runs short.
const RESERVE_FRAMES: u64 = 64;

/// The block that travels between the feeder and the callback.
pub type FeedBlock = HostBlock;

/// How many blocks a lane needs so that its ring holds `ring_frames`, and in any case three calls
/// of `period_frames` and the deck's reserve. Two more than that are always in somebody's hands.
/// At most what a ring can hold: 1023.
pub fn lane_blocks(ring_frames: u64, period_frames: u32) -> usize {
    let least = 3 * u64::from(period_frames) + RESERVE_FRAMES;
    let blocks = ring_frames.max(least).div_ceil(BLOCK_FRAMES as u64);
    usize::try_from(blocks)
        .unwrap_or(usize::MAX)
        .saturating_add(2)
        .min(RING_LEN - 1)
}

/// The callback's ends of a track's two rings: what a deck is made of.
pub struct LaneEnd {
    /// 1 or 2.
    pub channels: usize,
    /// Filled blocks, in deck order.
    pub full: Consumer<FeedBlock, RING_LEN>,
    /// The way home for played blocks.
    pub free: Producer<FeedBlock, RING_LEN>,
}

/// The feeder's ends of a track's two rings, and its blocks that are in neither.
struct Lane {
    full: Producer<FeedBlock, RING_LEN>,
    free: Consumer<FeedBlock, RING_LEN>,
    spare: Vec<FeedBlock>,
}

impl Lane {
    /// Blocks that can be filled now.
    fn idle(&self) -> usize {
        self.spare.len() + self.free.len()
    }

    fn take(&mut self) -> Option<FeedBlock> {
        self.spare.pop().or_else(|| self.free.pop())
    }
}

/// How much a source wants to be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hunger {
    /// Frames in its emptiest ring.
    pub fill: u64,
    /// Less than half of its blocks are filled.
    pub low: bool,
}

/// All lanes of one source: they are filled in step, one block each at a time.
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    /// Blocks per lane, in rings and hands together.
    total: usize,
    /// Blocks pushed to each lane under the present plan.
    pushed: u64,
    /// Frames by which the last block of the deck is not full; known once it is pushed.
    short: u64,
    /// Every block up to the deck's end has been pushed.
    done: bool,
}

impl Lanes {
    /// Lanes for a file of `channels`: one for mono and stereo, else a mono lane per channel.
    /// `blocks` (3 to 1023, see [`lane_blocks`]) are allocated for each.
    pub(super) fn new(channels: usize, blocks: usize) -> (Self, Vec<LaneEnd>) {
        let total = blocks.clamp(3, RING_LEN - 1);
        let (count, width) = layout(channels);
        let mut ends = Vec::with_capacity(count);
        let lanes = (0..count)
            .map(|_| {
                let (full, full_out) = Ring::shared();
                let (free_in, free) = Ring::shared();
                ends.push(LaneEnd {
                    channels: width,
                    full: full_out,
                    free: free_in,
                });
                Lane {
                    full,
                    free,
                    spare: (0..total).map(|_| host::block(width)).collect(),
                }
            })
            .collect();
        let lanes = Self {
            lanes,
            total,
            pushed: 0,
            short: 0,
            done: false,
        };
        (lanes, ends)
    }

    pub(super) fn count(&self) -> usize {
        self.lanes.len()
    }

    /// Starts over for a new plan; `done` when it has no frames at all.
    pub(super) fn restart(&mut self, done: bool) {
        self.pushed = 0;
        self.short = 0;
        self.done = done;
    }

    /// Whether the source is worth serving: one in `refill` of its blocks waits to be filled.
    pub(super) fn hunger(&self, refill: usize) -> Option<Hunger> {
        if self.done {
            return None;
        }
        let idle = self.lanes.iter().map(Lane::idle).min()?;
        let fill = self.fill()?;
        (idle >= (self.total / refill.max(2)).max(1)).then_some(Hunger {
            fill,
            low: fill < (self.total * BLOCK_FRAMES / 2) as u64,
        })
    }

    /// Whether more blocks are still to come.
    pub(super) fn is_active(&self) -> bool {
        !self.done && !self.lanes.is_empty()
    }

    /// Frames of the present plan in the emptiest ring; `None` without lanes. Blocks of an
    /// earlier plan that still wait to be taken out are older than `pushed` and don't count.
    pub(super) fn fill(&self) -> Option<u64> {
        let blocks = self.lanes.iter().map(|lane| lane.full.len()).min()?;
        let blocks = (blocks as u64).min(self.pushed);
        let short = if blocks > 0 { self.short } else { 0 };
        Some(blocks * BLOCK_FRAMES as u64 - short)
    }

    /// Whether every ring holds `frames`, or as much of that as the blocks allow for, or all that
    /// is left to the deck's end.
    pub(super) fn is_primed(&self, frames: u64) -> bool {
        self.done
            || self
                .fill()
                .is_none_or(|fill| fill >= frames.min(self.most()))
    }

    /// Whether the block that was just pushed made it so.
    pub(super) fn is_just_primed(&self, frames: u64) -> bool {
        let before = frames.saturating_sub(1).min(self.most().saturating_sub(1));
        self.is_primed(frames)
            && (self.done
                || self
                    .fill()
                    .is_none_or(|fill| fill.saturating_sub(BLOCK_FRAMES as u64) <= before))
    }

    /// Frames that the rings can be relied upon to hold: two blocks are somebody's.
    fn most(&self) -> u64 {
        ((self.total - 2) * BLOCK_FRAMES) as u64
    }

    /// Takes one block per lane to be filled; none at all when a lane has none.
    pub(super) fn take(&mut self, hand: &mut Vec<FeedBlock>) -> bool {
        if self.lanes.iter().any(|lane| lane.idle() == 0) {
            return false;
        }
        hand.extend(self.lanes.iter_mut().filter_map(Lane::take));
        true
    }

    /// Sends filled blocks, one per lane, on their way. `last` is the deck's last one.
    pub(super) fn push(&mut self, hand: &mut Vec<FeedBlock>, last: bool) {
        let len = hand.first().map_or(BLOCK_FRAMES, |b| b.tag.len as usize);
        for (lane, block) in self.lanes.iter_mut().zip(hand.drain(..)) {
            // A ring has room for all blocks of its lane.
            if let Err(block) = lane.full.push(block) {
                lane.spare.push(block);
            }
        }
        self.pushed += 1;
        if last {
            self.done = true;
            self.short = (BLOCK_FRAMES - len.min(BLOCK_FRAMES)) as u64;
        }
    }

    /// Takes blocks back unsent.
    pub(super) fn put_back(&mut self, hand: &mut Vec<FeedBlock>) {
        for (lane, block) in self.lanes.iter_mut().zip(hand.drain(..)) {
            lane.spare.push(block);
        }
    }
}

/// Lanes of a file of `channels`, and the channels of each.
pub(super) fn layout(channels: usize) -> (usize, usize) {
    match channels {
        2 => (1, 2),
        n => (n, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_the_ring_three_periods_and_no_more_than_a_ring() {
        assert_eq!(lane_blocks(0, 0), 3);
        assert_eq!(lane_blocks(256, 64), 3);
        assert_eq!(lane_blocks(257, 64), 4);
        assert_eq!(lane_blocks(24_000, 1024), 96);
        // Three periods of 4096 and the reserve are 12 352 frames.
        assert_eq!(lane_blocks(1000, 4096), 51);
        assert_eq!(lane_blocks(u64::MAX, u32::MAX), 1023);
    }

    #[test]
    fn files_become_lanes_by_their_channels() {
        for (channels, want) in [(1, vec![1]), (2, vec![2]), (3, vec![1; 3]), (6, vec![1; 6])] {
            let (lanes, ends) = Lanes::new(channels, 4);
            assert_eq!(lanes.count(), want.len());
            let got: Vec<_> = ends.iter().map(|end| end.channels).collect();
            assert_eq!(got, want);
        }
    }

    #[test]
    fn fill_counts_only_the_present_plan_and_a_short_last_block() {
        let (mut lanes, mut ends) = Lanes::new(1, 4);
        let mut hand = Vec::new();
        let mut send = |lanes: &mut Lanes, len: u32, last| {
            assert!(lanes.take(&mut hand));
            hand[0].tag.len = len;
            lanes.push(&mut hand, last);
        };
        send(&mut lanes, 256, false);
        send(&mut lanes, 256, false);
        assert_eq!(lanes.fill(), Some(512));
        assert!(lanes.is_primed(512) && lanes.is_primed(9999));
        lanes.restart(false);
        assert_eq!(lanes.fill(), Some(0));
        assert!(!lanes.is_primed(1));
        send(&mut lanes, 10, true);
        assert_eq!(lanes.fill(), Some(10));
        assert!(lanes.is_primed(512));
        for left in [10, 10, 0] {
            let block = ends[0].full.pop().unwrap();
            assert_eq!(lanes.fill(), Some(left));
            ends[0].free.push(block).unwrap();
        }
        assert_eq!(lanes.hunger(16), None);
    }
}
