//! Blocks: the fixed number of frames that travels through a ring.

use crate::ticket::Ticket;

/// Smallest magnitude a sample may have in a block; anything smaller is stored as +0.
/// 2⁻⁴⁰, see [`clean`].
pub const SAMPLE_FLOOR: f32 = 1.0 / (1u64 << 40) as f32;

/// What a block is about: which deck it was filled for and where it belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Tag {
    /// The deck the block was filled for.
    pub ticket: Ticket,
    /// Deck frame (device rate) of the block's first frame.
    pub start_frame: u64,
    /// Frames in use, 1 to the block's size. Every block of a deck but the last is full.
    pub len: u32,
    /// Largest magnitude per channel. When it is 0 for every channel the samples are not read:
    /// a silent block needs no samples written.
    pub peak: [f32; 2],
}

/// `F` frames of one or two channels, planar (channels × frames), with a [`Tag`].
///
/// A mono track uses channel 0 only.
#[derive(Clone, Debug)]
pub struct Block<const F: usize> {
    /// What the block holds.
    pub tag: Tag,
    /// Samples, one plane per channel. Finite, and +0 or at least [`SAMPLE_FLOOR`] in magnitude.
    pub planes: [[f32; F]; 2],
}

impl<const F: usize> Block<F> {
    /// An empty block.
    pub const fn new() -> Self {
        Self {
            tag: Tag {
                ticket: Ticket::NONE,
                start_frame: 0,
                len: 0,
                peak: [0.0; 2],
            },
            planes: [[0.0; F]; 2],
        }
    }

    /// Cleans the first `tag.len` frames of `channels` planes and notes their peaks in the tag.
    /// Returns how many samples were not finite. Called where a block is filled, never in the
    /// callback.
    pub fn seal(&mut self, channels: usize) -> u32 {
        let len = self.tag.len as usize;
        let mut bad = 0;
        self.tag.peak = [0.0; 2];
        for (plane, peak) in self
            .planes
            .iter_mut()
            .zip(self.tag.peak.iter_mut())
            .take(channels)
        {
            if let Some(samples) = plane.get_mut(..len) {
                let (worst, n) = clean(samples);
                *peak = worst;
                bad += n;
            }
        }
        bad
    }
}

impl<const F: usize> Default for Block<F> {
    fn default() -> Self {
        Self::new()
    }
}

/// The view of a block that the engine needs, whatever its size.
pub trait Samples {
    /// Frames of a full block.
    const FRAMES: usize;
    /// The block's tag.
    fn tag(&self) -> &Tag;
    /// The plane of `channel` (0 or 1), full size. Any other channel gives channel 1.
    fn plane(&self, channel: usize) -> &[f32];
}

impl<const F: usize> Samples for Block<F> {
    const FRAMES: usize = F;

    #[inline]
    fn tag(&self) -> &Tag {
        &self.tag
    }

    #[inline]
    fn plane(&self, channel: usize) -> &[f32] {
        let [left, right] = &self.planes;
        if channel == 0 { left } else { right }
    }
}

/// Makes samples fit for the mixer: non-finite ones and those below [`SAMPLE_FLOOR`] become +0.
/// Returns the largest remaining magnitude and the number of samples that were not finite.
///
/// With coefficients below 2⁻²⁰ counted as 0, no subnormal can arise from cleaned samples.
pub fn clean(samples: &mut [f32]) -> (f32, u32) {
    // On the bits, whose order is that of the magnitudes: a maximum of integers may be taken in
    // any order, one of floats (which must mind NaN) keeps the compiler from working side by side.
    const FLOOR: i32 = SAMPLE_FLOOR.to_bits() as i32;
    const INFINITE: i32 = f32::INFINITY.to_bits() as i32;
    let mut peak = 0i32;
    let mut bad = 0u32;
    for x in samples.iter_mut() {
        let magnitude = x.abs().to_bits() as i32;
        let infinite = magnitude >= INFINITE;
        let keep = (magnitude >= FLOOR) & !infinite;
        let mask = if keep { u32::MAX } else { 0 };
        let kept = x.to_bits() & mask;
        *x = f32::from_bits(kept);
        let magnitude = (kept & 0x7fff_ffff) as i32;
        peak = if magnitude > peak { magnitude } else { peak };
        bad += u32::from(infinite);
    }
    (f32::from_bits(peak as u32), bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaning_removes_what_the_mixer_must_not_meet() {
        let mut x = [
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            -0.0,
            1e-40,
            SAMPLE_FLOOR,
            -SAMPLE_FLOOR * 0.5,
            -3.5,
        ];
        let (peak, bad) = clean(&mut x);
        assert_eq!(bad, 3);
        assert_eq!(peak, 3.5);
        let bits: [u32; 8] = core::array::from_fn(|i| x[i].to_bits());
        let want = [0.0, 0.0, 0.0, 0.0, 0.0, SAMPLE_FLOOR, 0.0, -3.5f32].map(f32::to_bits);
        assert_eq!(bits, want);
    }

    #[test]
    fn sealing_notes_the_peak_of_each_channel() {
        let mut b = Block::<4>::new();
        b.planes = [[0.5, -0.75, 9.0, 9.0], [f32::NAN, 0.25, 9.0, 9.0]];
        b.tag.len = 2;
        assert_eq!(b.seal(2), 1);
        assert_eq!(b.tag.peak, [0.75, 0.25]);
        assert_eq!(b.seal(1), 0);
        assert_eq!(b.tag.peak, [0.75, 0.0]);
    }
}
