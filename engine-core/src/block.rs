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

/// Frames of one or two channels, planar (channels × frames), with a [`Tag`]. `P` is how the samples are held: see
/// [`StereoBlock`], [`MonoBlock`] and, for both alike behind a pointer, [`AnyBlock`].
#[derive(Clone, Debug)]
pub struct Block<P: ?Sized> {
    /// What the block holds.
    pub tag: Tag,
    /// Samples, one plane per channel. Finite, and +0 or at least [`SAMPLE_FLOOR`] in magnitude.
    pub planes: P,
}

/// A block of `F` frames of two channels. A mono track uses channel 0 only.
pub type StereoBlock<const F: usize> = Block<[[f32; F]; 2]>;
/// A block of `F` frames of one channel: half the memory.
pub type MonoBlock<const F: usize> = Block<[[f32; F]; 1]>;
/// A block of `F` frames of as many channels as it was made for. Either of the others is one, behind a pointer.
pub type AnyBlock<const F: usize> = Block<[[f32; F]]>;

impl<const F: usize, const C: usize> Block<[[f32; F]; C]> {
    /// An empty block.
    pub const fn new() -> Self {
        Self {
            tag: Tag {
                ticket: Ticket::NONE,
                start_frame: 0,
                len: 0,
                peak: [0.0; 2],
            },
            planes: [[0.0; F]; C],
        }
    }
}

impl<const F: usize, const C: usize> Default for Block<[[f32; F]; C]> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Planes + ?Sized> Block<P> {
    /// Cleans the first `tag.len` frames of `channels` planes and notes their peaks in the tag.
    /// Returns how many samples were not finite. Called where a block is filled, never in the
    /// callback.
    pub fn seal(&mut self, channels: usize) -> u32 {
        let mut bad = 0;
        self.note_peaks(channels, |samples| {
            let (peak, n) = clean(samples);
            bad += n;
            peak
        });
        bad
    }

    /// The same for samples that are known to be clean, as those converted from integers are: only
    /// notes their peaks.
    pub fn seal_clean(&mut self, channels: usize) {
        self.note_peaks(channels, |samples| peak_of_clean(samples));
    }

    #[inline]
    fn note_peaks(&mut self, channels: usize, mut peak_of: impl FnMut(&mut [f32]) -> f32) {
        let len = self.tag.len as usize;
        self.tag.peak = [0.0; 2];
        for (channel, peak) in self.tag.peak.iter_mut().enumerate().take(channels) {
            if let Some(samples) = self.planes.plane_mut(channel).get_mut(..len) {
                *peak = peak_of(samples);
            }
        }
    }
}

/// How a block holds its samples: one plane of [`FRAMES`](Self::FRAMES) for each channel.
pub trait Planes {
    /// Frames of a plane.
    const FRAMES: usize;
    /// The plane of `channel`; no samples where there is no such channel.
    fn plane(&self, channel: usize) -> &[f32];
    /// The planes of both channels; of one channel the same twice.
    fn both(&self) -> [&[f32]; 2];
    /// A plane to be written.
    fn plane_mut(&mut self, channel: usize) -> &mut [f32];
}

impl<const F: usize> Planes for [[f32; F]] {
    const FRAMES: usize = F;

    #[inline]
    fn plane(&self, channel: usize) -> &[f32] {
        self.get(channel).map_or(&[], |plane| plane)
    }

    #[inline]
    fn both(&self) -> [&[f32]; 2] {
        match self {
            [left, right, ..] => [left, right],
            [mono] => [mono, mono],
            [] => [&[], &[]],
        }
    }

    #[inline]
    fn plane_mut(&mut self, channel: usize) -> &mut [f32] {
        self.get_mut(channel).map_or(&mut [], |plane| plane)
    }
}

impl<const F: usize, const C: usize> Planes for [[f32; F]; C] {
    const FRAMES: usize = F;

    #[inline]
    fn plane(&self, channel: usize) -> &[f32] {
        self.as_slice().plane(channel)
    }

    #[inline]
    fn both(&self) -> [&[f32]; 2] {
        self.as_slice().both()
    }

    #[inline]
    fn plane_mut(&mut self, channel: usize) -> &mut [f32] {
        self.as_mut_slice().plane_mut(channel)
    }
}

/// The view of a block that the engine needs, however it is held.
pub trait Samples {
    /// Frames of a full block.
    const FRAMES: usize;
    /// The block's tag.
    fn tag(&self) -> &Tag;
    /// The plane of `channel` (0 or 1), full size; no samples where there is no such channel.
    fn plane(&self, channel: usize) -> &[f32];
    /// The planes of both channels, full size; of one channel the same twice.
    fn both_planes(&self) -> [&[f32]; 2];
}

impl<P: Planes + ?Sized> Samples for Block<P> {
    const FRAMES: usize = P::FRAMES;

    #[inline]
    fn tag(&self) -> &Tag {
        &self.tag
    }

    #[inline]
    fn plane(&self, channel: usize) -> &[f32] {
        self.planes.plane(channel)
    }

    #[inline]
    fn both_planes(&self) -> [&[f32]; 2] {
        self.planes.both()
    }
}

/// Samples looked at side by side.
const LANES: usize = 16;

/// Makes samples fit for the mixer: non-finite ones and those below [`SAMPLE_FLOOR`] become +0.
/// Returns the largest remaining magnitude and the number of samples that were not finite.
///
/// With coefficients below 2⁻²⁰ counted as 0, no subnormal can arise from cleaned samples.
pub fn clean(samples: &mut [f32]) -> (f32, u32) {
    if is_clean(samples) {
        return (peak_of_clean(samples), 0);
    }
    let mut peak = 0.0f32;
    let mut bad = 0u32;
    for x in samples {
        let magnitude = x.abs();
        if !magnitude.is_finite() {
            bad += 1;
            *x = 0.0;
        } else if magnitude < SAMPLE_FLOOR {
            *x = 0.0;
        } else if magnitude > peak {
            peak = magnitude;
        }
    }
    (peak, bad)
}

/// Whether cleaning would change nothing, as it nearly always is. No branch within a group of
/// lanes, so that they are looked at side by side.
fn is_clean(samples: &[f32]) -> bool {
    // NaN is in no range.
    let fits = |x: f32| (x.to_bits() == 0) | ((x.abs() >= SAMPLE_FLOOR) & (x.abs() <= f32::MAX));
    let (groups, rest) = samples.as_chunks::<LANES>();
    groups
        .iter()
        .all(|group| group.iter().fold(true, |clean, x| clean & fits(*x)))
        && rest.iter().all(|x| fits(*x))
}

/// The largest magnitude of samples none of which is NaN. In lanes, because the compiler must not
/// take a maximum of floats in another order by itself.
fn peak_of_clean(samples: &[f32]) -> f32 {
    let greater = |a: f32, b: f32| if a > b { a } else { b };
    let (groups, rest) = samples.as_chunks::<LANES>();
    let mut lanes = [0.0f32; LANES];
    for group in groups {
        for (lane, x) in lanes.iter_mut().zip(group) {
            *lane = greater(x.abs(), *lane);
        }
    }
    let all = lanes.iter().copied().chain(rest.iter().map(|x| x.abs()));
    all.fold(0.0, greater)
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
        let mut b = StereoBlock::<4>::new();
        b.planes = [[0.5, -0.75, 9.0, 9.0], [f32::NAN, 0.25, 9.0, 9.0]];
        b.tag.len = 2;
        assert_eq!(b.seal(2), 1);
        assert_eq!(b.tag.peak, [0.75, 0.25]);
        assert_eq!(b.seal(1), 0);
        assert_eq!(b.tag.peak, [0.75, 0.0]);
        b.seal_clean(2);
        assert_eq!(b.tag.peak, [0.75, 0.25]);
    }

    #[test]
    fn a_mono_block_is_half_as_large_and_has_no_second_channel() {
        let mut mono = MonoBlock::<256>::new();
        assert!(size_of_val(&mono) + 256 * 4 <= size_of::<StereoBlock<256>>());
        mono.planes[0][..2].copy_from_slice(&[0.5, -0.75]);
        mono.tag.len = 2;
        let any: &mut AnyBlock<256> = &mut mono;
        assert_eq!(any.seal(2), 0);
        assert_eq!(any.tag.peak, [0.75, 0.0]);
        assert_eq!((any.plane(0).len(), any.plane(1).len()), (256, 0));
        assert_eq!(<AnyBlock<256> as Samples>::FRAMES, 256);
    }

    /// One odd sample at every place among good ones, for every length: what comes out, and the peak.
    #[test]
    fn every_sample_is_looked_at() {
        let odd = [
            (f32::NAN, 0.0, 1),
            (-f32::INFINITY, 0.0, 1),
            (-0.0, 0.0, 0),
            (1e-13, 0.0, 0),
            (-1e-40, 0.0, 0),
            (SAMPLE_FLOOR, SAMPLE_FLOOR, 0),
            (-0.75, -0.75, 0),
            (-f32::MAX, -f32::MAX, 0),
        ];
        for len in 1..40 {
            for at in 0..len {
                for (given, want, bad) in odd {
                    let mut x = [0.5f32; 40];
                    x[at] = given;
                    let peak = if len == 1 { 0.0 } else { 0.5f32 };
                    let got = clean(&mut x[..len]);
                    assert_eq!(got, (peak.max(want.abs()), bad), "{given} at {at} of {len}");
                    assert_eq!(x[at].to_bits(), want.to_bits());
                    let rest = x.iter().enumerate().filter(|(i, _)| *i != at);
                    assert!(rest.into_iter().all(|(_, x)| *x == 0.5));
                    assert_eq!(peak_of_clean(&x[..len]), got.0);
                }
            }
        }
    }
}
