//! Fades between two decks: a pair of curves, one going out while the other comes in.

use core::f32::consts::FRAC_PI_2;

/// The shape of a fade. With `t = i / len` for frame `i` of `len`:
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Curve {
    /// In: `t`, out: `1 − t`. For the same material on both sides.
    #[default]
    Linear,
    /// In: `sin(π/2 · t)`, out: `sin(π/2 · (1 − t))`. For unrelated material: constant power.
    EqualPower,
}

/// A running fade of `len` frames. Each value depends on its frame alone, so that the samples
/// are the same however the calls are cut.
#[derive(Clone, Copy, Debug)]
pub struct Fade {
    curve: Curve,
    len: u32,
    at: u32,
}

impl Fade {
    /// A fade of `len` frames (1 at least) that begins with the next frame.
    pub fn new(curve: Curve, len: u32) -> Self {
        Self {
            curve,
            len: len.max(1),
            at: 0,
        }
    }

    /// Frames still to go.
    #[inline]
    pub fn left(&self) -> u32 {
        self.len - self.at
    }

    /// Goes on by `frames`, to the end at most.
    #[inline]
    pub fn advance(&mut self, frames: usize) {
        let frames = u32::try_from(frames).unwrap_or(u32::MAX);
        self.at += frames.min(self.left());
    }

    /// Multiplies the next frames by the outgoing gain, without going on.
    pub fn multiply_out(&self, out: &mut [f32]) {
        self.each(out, |curve, t| curve.gain(1.0 - t));
    }

    /// Multiplies the next frames by the incoming gain, without going on.
    pub fn multiply_in(&self, out: &mut [f32]) {
        self.each(out, |curve, t| curve.gain(t));
    }

    #[inline]
    fn each(&self, out: &mut [f32], gain: impl Fn(Curve, f32) -> f32) {
        let step = 1.0 / self.len as f32;
        for (i, x) in (self.at..self.len).zip(out.iter_mut()) {
            *x *= gain(self.curve, i as f32 * step);
        }
    }
}

impl Curve {
    #[inline]
    fn gain(self, t: f32) -> f32 {
        match self {
            Self::Linear => t,
            Self::EqualPower => libm::sinf(t * FRAC_PI_2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(curve: Curve, cuts: &[usize]) -> ([f32; 100], [f32; 100]) {
        let (mut out, mut inn) = ([1.0; 100], [1.0; 100]);
        let mut fade = Fade::new(curve, 100);
        let mut at = 0;
        for &n in cuts {
            fade.multiply_out(&mut out[at..at + n]);
            fade.multiply_in(&mut inn[at..at + n]);
            fade.advance(n);
            at += n;
        }
        assert_eq!(fade.left(), 0);
        (out, inn)
    }

    #[test]
    fn the_same_samples_however_it_is_cut() {
        for curve in [Curve::Linear, Curve::EqualPower] {
            assert_eq!(whole(curve, &[100]), whole(curve, &[1, 0, 62, 37]));
        }
    }

    #[test]
    fn linear_keeps_the_sum_and_equal_power_the_power() {
        let (out, inn) = whole(Curve::Linear, &[100]);
        assert_eq!((out[0], inn[0]), (1.0, 0.0));
        assert!(out.iter().zip(inn).all(|(a, b)| (a + b - 1.0).abs() < 1e-6));
        let (out, inn) = whole(Curve::EqualPower, &[100]);
        assert_eq!((out[0], inn[0]), (1.0, 0.0));
        assert!(
            out.iter()
                .zip(inn)
                .all(|(a, b)| (a * a + b * b - 1.0).abs() < 1e-5)
        );
    }
}
