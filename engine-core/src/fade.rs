//! Fades: the gains of the two sides of a crossfade, or of one side against silence.
//!
//! The exact shape, every step rounded to `f32`: at frame `i` of a fade of `len` frames,
//! `0 ≤ i < len`, with `t = min(i · (1 / len), 1)`,
//!
//! | curve | in | out |
//! |---|---|---|
//! | linear | `t` | `1 − t` |
//! | equal power | `sin(π/2 · t)` | `cos(π/2 · t)` |
//!
//! (`sinf`, `cosf` of the `libm` crate, the same on every machine), +0 where that is below
//! [`COEFFICIENT_FLOOR`](crate::ramp::COEFFICIENT_FLOOR); from frame `len` on 1 (in) or 0 (out).
//! Linear gains sum to 1, for two sides that play the same music; equal-power gains' squares
//! do, for two that have nothing in common.

use core::f32::consts::FRAC_PI_2;

use crate::ramp::{MAX_LEN, floor_to_zero, progress};

/// The shape of a fade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Curve {
    /// Gains sum to 1: within a song.
    #[default]
    Linear,
    /// Powers sum to 1: between songs.
    EqualPower,
}

/// The side of a fade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Side {
    /// From silence to unity.
    In,
    /// From unity to silence.
    Out,
}

/// One side of a fade. See the module for its exact shape.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Fade {
    curve: Curve,
    side: Side,
    /// 1 / `len`.
    inv_len: f32,
    /// Length, frames.
    len: u32,
    /// Frame of the fade that comes next, at most `len`.
    pos: u32,
}

impl Fade {
    /// A fade of `frames` frames; one of 0 frames is over at once.
    pub fn new(curve: Curve, side: Side, frames: u32) -> Self {
        let len = frames.min(MAX_LEN);
        Self {
            curve,
            side,
            // Not used when there are no frames.
            inv_len: 1.0 / len.max(1) as f32,
            len,
            pos: 0,
        }
    }

    /// Which side it is.
    #[inline]
    pub const fn side(&self) -> Side {
        self.side
    }

    /// Frames until it is over.
    #[inline]
    pub const fn remaining(&self) -> u32 {
        self.len - self.pos
    }

    /// Whether it is over: from now on the gain is 1 (in) or 0 (out).
    #[inline]
    pub const fn is_over(&self) -> bool {
        self.pos == self.len
    }

    /// The gain of the next frame.
    pub fn value(&self) -> f32 {
        let mut copy = *self;
        let mut v = [0.0];
        copy.fill(&mut v);
        let [v] = v;
        v
    }

    /// Lets `frames` frames pass.
    #[inline]
    pub fn advance(&mut self, frames: usize) {
        let left = self.remaining();
        self.pos += u32::try_from(frames).map_or(left, |n| n.min(left));
    }

    /// Writes the gains of the next frames and lets these pass.
    pub fn fill(&mut self, out: &mut [f32]) {
        self.each(out, |out, v| *out = v);
    }

    /// Multiplies the next frames of a plane by their gains and lets these pass.
    pub fn multiply(&mut self, plane: &mut [f32]) {
        self.each(plane, |x, v| *x *= v);
    }

    /// One loop for each shape: the linear ones without a branch inside.
    #[inline(always)]
    fn each(&mut self, plane: &mut [f32], f: impl FnMut(&mut f32, f32)) {
        match (self.curve, self.side) {
            (Curve::Linear, Side::In) => self.each_of(plane, f, 1.0, |t| t),
            (Curve::Linear, Side::Out) => self.each_of(plane, f, 0.0, |t| 1.0 - t),
            (Curve::EqualPower, Side::In) => {
                self.each_of(plane, f, 1.0, |t| libm::sinf(FRAC_PI_2 * t));
            }
            (Curve::EqualPower, Side::Out) => {
                self.each_of(plane, f, 0.0, |t| libm::cosf(FRAC_PI_2 * t));
            }
        }
    }

    #[inline(always)]
    fn each_of(
        &mut self,
        plane: &mut [f32],
        mut f: impl FnMut(&mut f32, f32),
        end: f32,
        shape: impl Fn(f32) -> f32,
    ) {
        let n = plane.len().min(self.remaining() as usize);
        if let Some((moving, over)) = plane.split_at_mut_checked(n) {
            for (x, i) in moving.iter_mut().zip(self.pos..) {
                f(x, floor_to_zero(shape(progress(i, self.inv_len))));
            }
            for x in over {
                f(x, end);
            }
        }
        self.advance(plane.len());
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::ramp::{COEFFICIENT_FLOOR, Ramp};
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    const ALL: [(Curve, Side); 4] = [
        (Curve::Linear, Side::In),
        (Curve::Linear, Side::Out),
        (Curve::EqualPower, Side::In),
        (Curve::EqualPower, Side::Out),
    ];

    const LENGTHS: [u32; 9] = [1, 2, 3, 5, 64, 441, 480, 3000, 48_000];

    fn filled(mut fade: Fade, n: usize) -> Vec<f32> {
        let mut out = vec![f32::NAN; n];
        fade.fill(&mut out);
        out
    }

    fn bits(x: &[f32]) -> Vec<u32> {
        x.iter().map(|x| x.to_bits()).collect()
    }

    #[test]
    fn exact_samples() {
        let fade = |curve, side| filled(Fade::new(curve, side, 4), 6);
        assert_eq!(
            fade(Curve::Linear, Side::In),
            [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
        );
        assert_eq!(
            fade(Curve::Linear, Side::Out),
            [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
        );
        let rises = fade(Curve::EqualPower, Side::In);
        let falls = fade(Curve::EqualPower, Side::Out);
        for i in 0..=4 {
            let angle = core::f64::consts::FRAC_PI_2 * i as f64 / 4.0;
            assert!((f64::from(rises[i]) - angle.sin()).abs() < 1e-7);
            assert!((f64::from(falls[i]) - angle.cos()).abs() < 1e-7);
        }
        assert_eq!((falls[0], falls[4], falls[5]), (1.0, 0.0, 0.0));
        assert_eq!((rises[0], rises[4], rises[5]), (0.0, 1.0, 1.0));
    }

    #[test]
    fn linear_fades_are_ramps() {
        for len in LENGTHS {
            for (side, from, to) in [(Side::In, 0.0, 1.0), (Side::Out, 1.0, 0.0)] {
                let mut r = Ramp::new(from);
                r.glide(to, len);
                let mut ramp = vec![0.0; len as usize + 1];
                r.fill(&mut ramp);
                let fade = filled(Fade::new(Curve::Linear, side, len), ramp.len());
                assert_eq!(bits(&fade), bits(&ramp));
            }
        }
    }

    #[test]
    fn both_sides_sum_to_one() {
        for len in LENGTHS {
            for curve in [Curve::Linear, Curve::EqualPower] {
                let n = len as usize + 2;
                let rises = filled(Fade::new(curve, Side::In, len), n);
                let falls = filled(Fade::new(curve, Side::Out, len), n);
                for (a, b) in rises.into_iter().zip(falls) {
                    match curve {
                        Curve::Linear => assert_eq!(a + b, 1.0, "{a} {b}"),
                        Curve::EqualPower => {
                            let power = f64::from(a).powi(2) + f64::from(b).powi(2);
                            assert!((power - 1.0).abs() < 2e-7, "{power}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn monotonic_between_silence_and_unity() {
        for len in LENGTHS {
            for (curve, side) in ALL {
                let v = filled(Fade::new(curve, side, len), len as usize + 2);
                let (first, last) = match side {
                    Side::In => (0.0, 1.0),
                    Side::Out => (1.0, 0.0),
                };
                assert_eq!((v[0], v[len as usize]), (first, last));
                for w in v.windows(2) {
                    assert!((w[1] - w[0]) * (last - first) >= 0.0, "{curve:?} {w:?}");
                }
                for v in v {
                    assert!(v == 0.0 || (COEFFICIENT_FLOOR..=1.0).contains(&v));
                }
            }
        }
    }

    #[test]
    fn over_when_its_frames_are() {
        let mut fade = Fade::new(Curve::EqualPower, Side::Out, 10);
        assert_eq!((fade.remaining(), fade.side()), (10, Side::Out));
        fade.advance(9);
        assert!(!fade.is_over() && fade.value() > 0.0);
        fade.advance(usize::MAX);
        assert!(fade.is_over());
        assert_eq!((fade.remaining(), fade.value()), (0, 0.0));
        for (curve, side) in ALL {
            let none = Fade::new(curve, side, 0);
            assert!(none.is_over());
            let end = if side == Side::In { 1.0 } else { 0.0 };
            assert_eq!(filled(none, 2), [end; 2]);
            let mut long = Fade::new(curve, side, u32::MAX);
            long.advance(MAX_LEN as usize - 1);
            assert!(!long.is_over() && (0.0..=1.0).contains(&long.value()));
        }
    }

    proptest! {
        #[test]
        fn any_slicing_gives_the_same_bits(
            which in 0usize..4,
            len in 0u32..1500,
            steps in prop::collection::vec((0usize..300, 0u8..3), 1..12),
        ) {
            let (curve, side) = ALL[which];
            let mut fade = Fade::new(curve, side, len);
            let n: usize = steps.iter().map(|s| s.0).sum();
            let whole = filled(fade, n + 1);
            let mut at = 0;
            for (n, how) in steps {
                let want = &whole[at..at + n];
                let mut got = vec![3.0; n];
                match how {
                    0 => fade.advance(n),
                    1 => {
                        fade.fill(&mut got);
                        prop_assert_eq!(bits(want), bits(&got));
                    }
                    _ => {
                        fade.multiply(&mut got);
                        let want: Vec<f32> = want.iter().map(|v| 3.0 * v).collect();
                        prop_assert_eq!(bits(&want), bits(&got));
                    }
                }
                at += n;
                prop_assert_eq!(fade.value().to_bits(), whole[at].to_bits());
            }
        }
    }
}
