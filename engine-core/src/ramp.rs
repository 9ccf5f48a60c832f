//! Ramps: one value on its way to another over a number of frames, with samples that do not
//! depend on how many frames a callback has.
//!
//! The exact shape, every step rounded to `f32`: at frame `i` of a ramp of `len` frames from `a`
//! to `b`, `0 ≤ i < len`,
//!
//! ```text
//! t(i) = min(i · (1 / len), 1)
//! v(i) = a + (b − a) · t(i), limited to the range between a and b,
//!        +0 where that is below 2⁻²⁰ in magnitude
//! ```
//!
//! and `b` from frame `len` on. The first frame still has the old value, the first after the
//! ramp has the new one. Rounding, the product with a constant, the limits and the floor are all monotonic,
//! hence so is the ramp.

/// Coefficients (gains, pans, levels, fades) smaller than this in magnitude count as 0.
///
/// 2⁻²⁰, −120 dB. Ramps and fades give 0 or at least this, on their way too; so the product
/// of four of them with a sample of at least [`SAMPLE_FLOOR`](crate::block::SAMPLE_FLOOR) is
/// at least 2⁻¹²⁰: no subnormal number.
pub const COEFFICIENT_FLOOR: f32 = 1.0 / (1u32 << 20) as f32;

/// Longest ramp, frames (12 hours at 48 kHz); a longer one counts as this long.
///
/// Frame numbers are converted to `f32` from `i32`, for which baseline x86-64 has a vector
/// instruction.
pub(crate) const MAX_LEN: u32 = i32::MAX as u32;

/// `v`, or +0 when it counts as 0.
#[inline]
pub(crate) const fn floor_to_zero(v: f32) -> f32 {
    // False for NaN too.
    if v.abs() >= COEFFICIENT_FLOOR { v } else { 0.0 }
}

/// `t(i)`, see the module.
#[inline]
pub(crate) fn progress(i: u32, inv_len: f32) -> f32 {
    let t = i as i32 as f32 * inv_len;
    if t < 1.0 { t } else { 1.0 }
}

/// A value that glides. See the module for its exact shape.
///
/// Values are finite; a target that isn't is ignored. Values below [`COEFFICIENT_FLOOR`] in
/// magnitude count as 0.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ramp {
    start: f32,
    target: f32,
    /// 1 / `len`.
    inv_len: f32,
    /// Length, frames; 0 when settled.
    len: u32,
    /// Frame of the ramp that comes next, below `len` unless settled.
    pos: u32,
}

impl Ramp {
    /// Settled at `value` (at 0 if it isn't finite).
    pub const fn new(value: f32) -> Self {
        let value = if value.is_finite() {
            floor_to_zero(value)
        } else {
            0.0
        };
        Self {
            start: value,
            target: value,
            inv_len: 0.0,
            len: 0,
            pos: 0,
        }
    }

    /// Settles at `target` at once.
    pub const fn set(&mut self, target: f32) {
        if target.is_finite() {
            *self = Self::new(target);
        }
    }

    /// Starts a ramp of `frames` frames from the present value to `target`; 0 frames is
    /// [`set`](Self::set). Every call starts anew, so call it when the target changes only.
    pub fn glide(&mut self, target: f32, frames: u32) {
        if !target.is_finite() {
            return;
        }
        let start = self.value();
        *self = Self::new(target);
        if frames > 0 && start != self.target {
            self.start = start;
            self.len = frames.min(MAX_LEN);
            self.inv_len = 1.0 / self.len as f32;
        }
    }

    /// [`glide`](Self::glide)s, unless that is where it goes already: it may be told the same
    /// target again and again, and a timed fade to it goes on.
    pub(crate) fn turn(&mut self, target: f32, frames: u32) {
        if floor_to_zero(target) != self.target {
            self.glide(target, frames);
        }
    }

    /// A timed fade to a level, with the range of the controls: below 0 counts as 0.
    pub(crate) fn fade(&mut self, level: f32, frames: u32) {
        if !level.is_nan() {
            self.glide(level.max(0.0), frames);
        }
    }

    /// Is at its target at once.
    pub(crate) fn settle(&mut self) {
        self.set(self.target);
    }

    /// Where it goes, or is.
    #[inline]
    pub const fn target(&self) -> f32 {
        self.target
    }

    /// The value for the next frame.
    #[inline]
    pub fn value(&self) -> f32 {
        if self.is_settled() {
            self.target
        } else {
            self.shape().at(self.pos)
        }
    }

    /// Whether every further frame has the target's value.
    #[inline]
    pub const fn is_settled(&self) -> bool {
        self.len == 0
    }

    /// The value of every further frame, if it is the same for all.
    #[inline]
    pub const fn settled_value(&self) -> Option<f32> {
        if self.is_settled() {
            Some(self.target)
        } else {
            None
        }
    }

    /// Frames until it is settled.
    #[inline]
    pub const fn remaining(&self) -> u32 {
        self.len - self.pos
    }

    /// Lets `frames` frames pass.
    #[inline]
    pub fn advance(&mut self, frames: usize) {
        let left = self.remaining();
        match u32::try_from(frames) {
            Ok(n) if n < left => self.pos += n,
            _ => *self = Self::new(self.target),
        }
    }

    /// Writes the values of the next frames and lets these pass.
    pub fn fill(&mut self, out: &mut [f32]) {
        self.each(out, |out, v| *out = v);
    }

    /// Multiplies the next frames of a plane by their values and lets these pass.
    pub fn multiply(&mut self, plane: &mut [f32]) {
        self.each(plane, |x, v| *x *= v);
    }

    #[inline(always)]
    fn each(&mut self, plane: &mut [f32], mut f: impl FnMut(&mut f32, f32)) {
        let n = plane.len().min(self.remaining() as usize);
        if let Some((moving, settled)) = plane.split_at_mut_checked(n) {
            let shape = self.shape();
            for (x, i) in moving.iter_mut().zip(self.pos..) {
                f(x, shape.at(i));
            }
            for x in settled {
                f(x, self.target);
            }
        }
        self.advance(plane.len());
    }

    #[inline]
    fn shape(&self) -> Shape {
        let (low, high) = if self.start < self.target {
            (self.start, self.target)
        } else {
            (self.target, self.start)
        };
        Shape {
            start: self.start,
            way: self.target - self.start,
            inv_len: self.inv_len,
            low,
            high,
        }
    }
}

impl Default for Ramp {
    /// Settled at 0.
    fn default() -> Self {
        Self::new(0.0)
    }
}

/// The closed form of a ramp.
struct Shape {
    start: f32,
    way: f32,
    inv_len: f32,
    low: f32,
    high: f32,
}

impl Shape {
    #[inline]
    fn at(&self, i: u32) -> f32 {
        let v = self.start + self.way * progress(i, self.inv_len);
        let v = if v < self.high { v } else { self.high };
        floor_to_zero(if v > self.low { v } else { self.low })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    fn ramp(start: f32, target: f32, len: u32) -> Ramp {
        let mut r = Ramp::new(start);
        r.glide(target, len);
        r
    }

    fn filled(mut r: Ramp, n: usize) -> Vec<f32> {
        let mut out = vec![f32::NAN; n];
        r.fill(&mut out);
        out
    }

    fn bits(x: &[f32]) -> Vec<u32> {
        x.iter().map(|x| x.to_bits()).collect()
    }

    #[test]
    fn exact_samples() {
        let r = ramp(0.0, 1.0, 4);
        assert_eq!(filled(r, 6), [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]);
        let r = ramp(1.0, -0.5, 3);
        let third = 1.0f32 / 3.0;
        let want = [1.0, 1.0 - 1.5 * third, 1.0 - 1.5 * (2.0 * third), -0.5];
        assert_eq!(filled(r, 4), want);
    }

    #[test]
    fn settled_or_not() {
        let mut r = Ramp::new(0.25);
        assert_eq!((r.settled_value(), r.remaining()), (Some(0.25), 0));
        r.glide(0.75, 2);
        assert_eq!((r.settled_value(), r.remaining()), (None, 2));
        assert_eq!((r.value(), r.target()), (0.25, 0.75));
        r.advance(1);
        assert_eq!((r.value(), r.is_settled()), (0.5, false));
        r.advance(1);
        assert_eq!(r.settled_value(), Some(0.75));
        r.glide(0.75, 100);
        assert!(r.is_settled(), "no way to go");
        r.glide(0.5, 0);
        assert_eq!(r.settled_value(), Some(0.5));
        r.glide(1.0, 10);
        r.set(0.125);
        assert_eq!(r.settled_value(), Some(0.125));
        r.glide(1.0, u32::MAX);
        r.advance(usize::MAX);
        assert_eq!(r.settled_value(), Some(1.0));
    }

    #[test]
    fn a_new_target_goes_on_from_where_it_is() {
        let mut r = ramp(0.0, 1.0, 8);
        r.advance(4);
        r.glide(0.0, 2);
        assert_eq!(filled(r, 3), [0.5, 0.25, 0.0]);
    }

    #[test]
    fn targets_that_are_no_number_are_ignored_and_tiny_ones_are_zero() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut r = ramp(0.0, 1.0, 8);
            r.advance(2);
            let before = r;
            r.set(bad);
            r.glide(bad, 3);
            assert_eq!(r, before);
            assert_eq!(Ramp::new(bad).settled_value(), Some(0.0));
        }
        for tiny in [-0.0, 1e-45, COEFFICIENT_FLOOR.next_down(), -1e-7] {
            assert_eq!(Ramp::new(tiny).value().to_bits(), 0);
            let v = filled(ramp(1.0, tiny, 5), 6);
            assert_eq!(v.last().map(|v| v.to_bits()), Some(0));
        }
        assert_eq!(Ramp::new(COEFFICIENT_FLOOR).value(), COEFFICIENT_FLOOR);
    }

    #[test]
    fn the_same_target_again_does_not_start_anew() {
        for target in [0.25, 0.0, COEFFICIENT_FLOOR.next_down(), 1e-30] {
            let mut r = Ramp::new(1.0);
            for _ in 0..10 {
                r.turn(target, 100);
                r.advance(10);
            }
            assert_eq!(r.settled_value(), Some(floor_to_zero(target)));
        }
    }

    /// The ramp reaches its target within 1 % in its stated time, and not much before.
    #[test]
    fn takes_the_time_it_was_given() {
        for len in [1, 7, 64, 480, 441, 48_000, 1 << 24, MAX_LEN] {
            let mut r = ramp(0.0, 1.0, len);
            r.advance(len as usize / 2);
            assert!((r.value() - 0.5).abs() < 0.01 || len < 100);
            r.advance(len as usize - len as usize / 2);
            assert_eq!(r.settled_value(), Some(1.0));
        }
    }

    /// In the last frame of a very long ramp, `t` is 1, and the rounded `a + (b − a)` may be
    /// beyond `b`.
    #[test]
    fn rounding_does_not_carry_it_past_its_ends() {
        let mut beyond = 0;
        for k in 1..2000 {
            let (a, b) = (0.3 + k as f32 * 1.7e-4, -0.7 - k as f32 * 3.1e-4);
            for (a, b) in [(a, b), (b, a)] {
                let mut r = ramp(a, b, 1 << 28);
                r.advance((1 << 28) - 1);
                assert!(!r.is_settled());
                assert!(r.value() >= a.min(b) && r.value() <= a.max(b), "{a} to {b}");
                beyond += u32::from((a + (b - a) - b) * (b - a) > 0.0);
            }
        }
        assert!(beyond > 100, "these ends do not put it to the test");
    }

    #[test]
    fn the_same_samples_at_any_block_size() {
        let n = 8192;
        let r = ramp(0.1, 0.9, 3000);
        let whole = filled(r, n);
        for block in [1, 16, 64, 480, 512, 2048] {
            let mut r = r;
            let mut out = vec![0.0; n];
            out.chunks_mut(block).for_each(|b| r.fill(b));
            assert_eq!(bits(&whole), bits(&out), "{block}");
        }
    }

    proptest! {
        #[test]
        fn any_slicing_gives_the_same_bits(
            start in -4.0f32..4.0,
            target in -4.0f32..4.0,
            len in 0u32..2000,
            steps in prop::collection::vec((0usize..300, 0u8..3), 1..15),
        ) {
            let mut r = ramp(start, target, len);
            let n: usize = steps.iter().map(|s| s.0).sum();
            let whole = filled(r, n + 1);
            let mut at = 0;
            for (n, how) in steps {
                let want = &whole[at..at + n];
                let mut got = vec![3.0; n];
                match how {
                    0 => r.advance(n),
                    1 => {
                        r.fill(&mut got);
                        prop_assert_eq!(bits(want), bits(&got));
                    }
                    _ => {
                        r.multiply(&mut got);
                        let want: Vec<f32> = want.iter().map(|v| 3.0 * v).collect();
                        prop_assert_eq!(bits(&want), bits(&got));
                    }
                }
                at += n;
                prop_assert_eq!(r.value().to_bits(), whole[at].to_bits());
            }
        }

        #[test]
        fn monotonic_within_its_ends_and_exact_at_both(
            start in prop_oneof![-4.0f32..4.0, -1e6f32..1e6, Just(0.0), Just(1.0), Just(1e-6)],
            target in prop_oneof![-4.0f32..4.0, -1e6f32..1e6, Just(0.0), Just(1.0), Just(1e-6)],
            len in 1u32..5000,
        ) {
            let r = ramp(start, target, len);
            let (start, target) = (floor_to_zero(start), floor_to_zero(target));
            let v = filled(r, len as usize + 2);
            prop_assert_eq!(v[0].to_bits(), start.to_bits());
            prop_assert_eq!(v[len as usize].to_bits(), target.to_bits());
            for (i, w) in v.windows(2).enumerate() {
                if start <= target {
                    prop_assert!(w[0] <= w[1], "{} > {} at {}", w[0], w[1], i);
                } else {
                    prop_assert!(w[0] >= w[1], "{} < {} at {}", w[0], w[1], i);
                }
            }
            for v in v {
                prop_assert!(v >= start.min(target) && v <= start.max(target));
                prop_assert!(v == 0.0 || v.abs() >= COEFFICIENT_FLOOR);
            }
        }
    }
}
