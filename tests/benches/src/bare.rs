//! The limit of a mixer: a loop that only reads, scales and adds, over blocks of the same shape in the
//! same order.

use engine_core::block::Samples;
use engine_core::host::{BLOCK, HostBlock};
use engine_core::ticket::TicketDrum;

use backline_benches::mixer::{block, coefficients};

/// Stereo stems and nothing around them.
pub struct Bare {
    stems: Vec<Vec<HostBlock>>,
    out: [Vec<f32>; 2],
    at: usize,
}

impl Bare {
    /// `stems` stems of `blocks` blocks, for calls of at most `most` frames.
    pub fn new(stems: usize, blocks: usize, most: usize) -> Self {
        let ticket = TicketDrum::new().draw();
        let mut noise = 1;
        let stem = |_| {
            (0..blocks)
                .map(|n| block(ticket, n, &mut noise))
                .collect::<Vec<_>>()
        };
        Self {
            stems: (0..stems).map(stem).collect(),
            out: [vec![0.0; most], vec![0.0; most]],
            at: 0,
        }
    }

    /// From the first block again.
    pub fn rewind(&mut self) {
        self.at = 0;
    }

    /// The next frames, a divisor of a block's. Returns the last sample of both channels.
    ///
    /// # Panics
    /// Past the last block.
    #[inline(never)]
    pub fn call(&mut self, frames: usize) -> [f32; 2] {
        let (n, from) = (self.at / BLOCK, self.at % BLOCK);
        for out in &mut self.out {
            out[..frames].fill(0.0);
        }
        for (i, stem) in self.stems.iter().enumerate() {
            let coefficients = coefficients(i);
            for (channel, (out, c)) in self.out.iter_mut().zip(coefficients).enumerate() {
                let x = &stem[n].plane(channel)[from..from + frames];
                for (out, x) in out[..frames].iter_mut().zip(x) {
                    *out += c * x;
                }
            }
        }
        self.at += frames;
        let [left, right] = &self.out;
        [left[frames - 1], right[frames - 1]]
    }
}
