//! Blocks of this program, filled from 16-bit material: half as large ones where every stem is mono.

use engine_core::block::{MonoBlock, Samples, StereoBlock, Tag};

/// A block that lies in static memory and is filled with 16-bit material.
pub trait Stock: Samples + Send + 'static {
    /// An empty one.
    const EMPTY: Self;

    /// Fills the block from interleaved `samples` of one or two channels, as many frames as `tag`
    /// says. The peaks in the tag are set here.
    fn fill(&mut self, tag: Tag, channels: usize, samples: &[i16]);
}

impl<const F: usize> Stock for StereoBlock<F> {
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

impl<const F: usize> Stock for MonoBlock<F> {
    const EMPTY: Self = Self::new();

    fn fill(&mut self, tag: Tag, _channels: usize, samples: &[i16]) {
        self.tag = tag;
        let [plane] = &mut self.planes;
        convert(plane, samples);
        self.seal(1);
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
