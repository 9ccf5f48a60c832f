//! Blocks of this program: the core's own for stereo, half as large ones where every stem is mono.

use engine_core::block::{Block, Samples, Tag, clean};

/// A block that lies in static memory and is filled with 16-bit material.
pub trait Stock: Samples + Send + 'static {
    /// An empty one.
    const EMPTY: Self;

    /// Fills the block from interleaved `samples` of one or two channels, as many frames as `tag`
    /// says. The peaks in the tag are set here.
    fn fill(&mut self, tag: Tag, channels: usize, samples: &[i16]);
}

impl<const F: usize> Stock for Block<F> {
    const EMPTY: Self = Self::new();

    fn fill(&mut self, tag: Tag, channels: usize, samples: &[i16]) {
        self.tag = tag;
        let [left, right] = &mut self.planes;
        if channels == 2 {
            let pairs = samples.chunks_exact(2);
            for ((l, r), pair) in left.iter_mut().zip(right).zip(pairs) {
                *l = scaled(pair[0]);
                *r = scaled(pair[1]);
            }
        } else {
            convert(left, samples);
        }
        self.seal(channels);
    }
}

/// `F` frames of one channel: half the memory of a [`Block`].
pub struct Mono<const F: usize> {
    tag: Tag,
    plane: [f32; F],
}

impl<const F: usize> Samples for Mono<F> {
    const FRAMES: usize = F;

    #[inline]
    fn tag(&self) -> &Tag {
        &self.tag
    }

    #[inline]
    fn plane(&self, _channel: usize) -> &[f32] {
        &self.plane
    }
}

impl<const F: usize> Stock for Mono<F> {
    const EMPTY: Self = Self {
        tag: Block::<0>::new().tag,
        plane: [0.0; F],
    };

    fn fill(&mut self, tag: Tag, _channels: usize, samples: &[i16]) {
        self.tag = tag;
        convert(&mut self.plane, samples);
        let len = self.plane.len().min(tag.len as usize);
        let (peak, _) = clean(&mut self.plane[..len]);
        self.tag.peak = [peak, 0.0];
    }
}

fn convert(plane: &mut [f32], samples: &[i16]) {
    for (to, from) in plane.iter_mut().zip(samples) {
        *to = scaled(*from);
    }
}

/// Exact.
fn scaled(sample: i16) -> f32 {
    f32::from(sample) * (1.0 / 32_768.0)
}
