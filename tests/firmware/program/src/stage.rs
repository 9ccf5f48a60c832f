//! The interrupt's side: one call of the engine, then what a driver does with the planes.

use core::sync::atomic::{AtomicU32, Ordering};

use engine_core::backend::Process;
use engine_core::convert::{Converter, Dither, SampleFormat};

use crate::block::Stock;
use crate::memory::StaticEngine;
use crate::score::Piece;

/// What interrupt and main loop show each other: how many calls were made, hashes of all that was
/// given so far, and whether the main loop was filling a block. One writer each; loads and stores only.
#[derive(Default)]
pub struct Hashes {
    calls: AtomicU32,
    samples: AtomicU32,
    bytes: AtomicU32,
    feeding: AtomicU32,
    overlaps: AtomicU32,
}

impl Hashes {
    /// No call yet.
    pub const fn new() -> Self {
        Self {
            calls: AtomicU32::new(0),
            samples: AtomicU32::new(FNV_BASIS),
            bytes: AtomicU32::new(FNV_BASIS),
            feeding: AtomicU32::new(0),
            overlaps: AtomicU32::new(0),
        }
    }

    /// Calls made.
    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::Acquire)
    }

    /// Calls that came while the main loop was at a block: how often the rings were used from
    /// both sides at once.
    pub fn overlaps(&self) -> u32 {
        self.overlaps.load(Ordering::Relaxed)
    }

    /// Does `f` as something a call may come between.
    pub(crate) fn while_feeding<R>(&self, f: impl FnOnce() -> R) -> R {
        self.feeding.store(1, Ordering::Relaxed);
        let r = f();
        self.feeding.store(0, Ordering::Relaxed);
        r
    }

    /// Hashes of the `f32` samples and of the 16-bit ones.
    pub fn read(&self) -> (u32, u32) {
        (
            self.samples.load(Ordering::Relaxed),
            self.bytes.load(Ordering::Relaxed),
        )
    }
}

/// The engine, its planes and the DMA's buffer of 16-bit samples. A call has at most `M` frames.
pub struct Stage<
    B: Stock,
    const T: usize,
    const U: usize,
    const C: usize,
    const F: usize,
    const M: usize,
> {
    engine: &'static mut StaticEngine<B, T, U, C, F>,
    planes: [[f32; M]; C],
    /// Planes in use, and frames of a call.
    shape: (usize, usize),
    converter: Converter<C>,
    dma: [[[u8; 2]; M]; C],
    hashes: &'static Hashes,
}

impl<B: Stock, const T: usize, const U: usize, const C: usize, const F: usize, const M: usize>
    Stage<B, T, U, C, F, M>
{
    /// A stage for a piece, whose calls are at most `M` frames long.
    pub fn new(
        engine: &'static mut StaticEngine<B, T, U, C, F>,
        piece: &Piece,
        hashes: &'static Hashes,
    ) -> Self {
        Self {
            engine,
            planes: [[0.0; M]; C],
            shape: (piece.planes, piece.period.min(M)),
            converter: Converter::new(SampleFormat::S16, Dither::Tpdf),
            dma: [[[0; 2]; M]; C],
            hashes,
        }
    }

    /// The engine's part of a call.
    #[inline]
    pub fn process(&mut self) {
        let (count, frames) = self.shape;
        let mut planes = self.planes.each_mut().map(|p| p.as_mut_slice());
        if let Some(planes) = planes.get_mut(..count) {
            self.engine.process(planes, frames);
        }
    }

    /// The driver's part: to 16 bit, interleaved.
    #[inline]
    pub fn convert(&mut self) {
        let planes = self.planes.each_ref().map(|p| p.as_slice());
        self.converter.interleave(
            &planes,
            self.shape.1,
            self.dma.as_flattened_mut().as_flattened_mut(),
        );
    }

    /// Notes what was given.
    pub fn note(&self) {
        let (_, frames) = self.shape;
        let (mut samples, mut bytes) = self.hashes.read();
        for plane in &self.planes {
            for x in plane.iter().take(frames) {
                samples = fnv(samples, x.to_bits());
            }
        }
        for word in self.dma.as_flattened().iter().take(frames * C) {
            bytes = fnv(bytes, u32::from(u16::from_le_bytes(*word)));
        }
        let h = self.hashes;
        h.samples.store(samples, Ordering::Relaxed);
        h.bytes.store(bytes, Ordering::Relaxed);
        let overlaps = h.overlaps.load(Ordering::Relaxed) + h.feeding.load(Ordering::Relaxed);
        h.overlaps.store(overlaps, Ordering::Relaxed);
        let calls = h.calls.load(Ordering::Relaxed).wrapping_add(1);
        h.calls.store(calls, Ordering::Release);
    }
}

const FNV_BASIS: u32 = 0x811c_9dc5;

/// FNV-1a, a word at a time. Each step can be undone, so no single wrong word ever goes unnoticed.
fn fnv(hash: u32, word: u32) -> u32 {
    (hash ^ word).wrapping_mul(0x0100_0193)
}
