//! Short loops in memory, so that a loop of a few frames costs no seek per pass.

use std::ops::Range;

use super::lane::FeedBlock;

/// The samples of one loop region, gathered the first time they are read.
pub(super) struct LoopMemory {
    /// Song frames to be kept; empty when there is nothing to keep.
    region: Range<u64>,
    /// One plane per channel of the file; filled from the region's start on, all to one length.
    planes: Vec<Vec<f32>>,
}

impl LoopMemory {
    pub(super) fn new(channels: usize) -> Self {
        Self {
            region: 0..0,
            planes: (0..channels).map(|_| Vec::new()).collect(),
        }
    }

    /// Says what is to be kept from now on. What is there of the same region stays.
    pub(super) fn keep(&mut self, region: Range<u64>) {
        if region == self.region {
            return;
        }
        self.region = region;
        for plane in &mut self.planes {
            // A loop left behind shouldn't hold memory for the rest of the song.
            *plane = Vec::new();
        }
    }

    /// One past the last song frame that is there.
    fn filled(&self) -> u64 {
        let len = self.planes.first().map_or(0, Vec::len);
        self.region.start + len as u64
    }

    /// Copies up to `frames` frames from song frame `song` on to frame `at` of the blocks' planes.
    /// Returns how many were there.
    pub(super) fn copy(
        &self,
        song: u64,
        frames: usize,
        hand: &mut [FeedBlock],
        width: usize,
        at: usize,
    ) -> usize {
        if !(self.region.start..self.filled()).contains(&song) {
            return 0;
        }
        let from = (song - self.region.start) as usize;
        let there = (self.filled() - song).min(frames as u64) as usize;
        for (plane, kept) in planes_of(hand, width).zip(&self.planes) {
            plane[at..at + there].copy_from_slice(&kept[from..from + there]);
        }
        there
    }

    /// Keeps what the region lacks of `frames` frames that were read: song frame `song` is at
    /// frame `at` of the blocks' planes.
    pub(super) fn record(
        &mut self,
        song: u64,
        frames: usize,
        hand: &mut [FeedBlock],
        width: usize,
        at: usize,
    ) {
        let filled = self.filled();
        let read = song..song + frames as u64;
        if filled >= self.region.end || !read.contains(&filled) {
            return;
        }
        let from = at + (filled - song) as usize;
        let to = at + (read.end.min(self.region.end) - song) as usize;
        let whole = (self.region.end - self.region.start) as usize;
        for (plane, kept) in planes_of(hand, width).zip(&mut self.planes) {
            kept.reserve_exact(whole - kept.len());
            kept.extend_from_slice(&plane[from..to]);
        }
    }
}

/// The planes of a file's channels, in order: `width` of each block.
pub(super) fn planes_of(hand: &mut [FeedBlock], width: usize) -> impl Iterator<Item = &mut [f32]> {
    hand.iter_mut().flat_map(move |block| {
        block
            .planes
            .iter_mut()
            .take(width)
            .map(|plane| plane.as_mut_slice())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_a_region_however_the_reads_are_cut() {
        let mut hand = vec![engine_core::host::block(2)];
        let mut memory = LoopMemory::new(2);
        memory.keep(100..110);
        let fill = |hand: &mut [FeedBlock], song: u64| {
            for (i, x) in hand[0].planes[0].iter_mut().enumerate() {
                *x = song as f32 + i as f32;
            }
            hand[0].planes[1] = hand[0].planes[0].map(|x| -x);
        };
        // Begins before the region.
        fill(&mut hand, 97);
        memory.record(97, 5, &mut hand, 2, 0);
        assert_eq!(memory.filled(), 102);
        // Not next to what is there.
        memory.record(104, 5, &mut hand, 2, 0);
        assert_eq!(memory.filled(), 102);
        // From inside what is there to beyond the region; frame 101 stands at frame 4.
        fill(&mut hand, 97);
        memory.record(101, 30, &mut hand, 2, 4);
        assert_eq!(memory.filled(), 110);

        assert_eq!(memory.copy(99, 5, &mut hand, 2, 0), 0);
        assert_eq!(memory.copy(110, 5, &mut hand, 2, 0), 0);
        assert_eq!(memory.copy(103, 50, &mut hand, 2, 20), 7);
        let want: Vec<f32> = (103..110).map(|x| x as f32).collect();
        assert_eq!(hand[0].planes[0][20..27], want);
        assert_eq!(hand[0].planes[1][26], -109.0);

        memory.keep(100..110);
        assert_eq!(memory.filled(), 110);
        memory.keep(0..0);
        memory.record(0, 8, &mut hand, 2, 0);
        assert_eq!(memory.copy(0, 8, &mut hand, 2, 0), 0);
    }
}
