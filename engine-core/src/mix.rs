//! The inner loops: multiply and add planes of samples, every step rounded to f32, frames side by
//! side (never samples of one frame added in another order), so that the bits are the same on
//! every machine.

use crate::ramp::floor_to_zero;

/// Frames that the commonest loops do at a stroke: a multiple of every vector's length, so that no
/// more than the loop itself is left at the usual callback sizes.
const STRIDE: usize = 16;

/// A coefficient over some frames: one value, or one per frame.
#[derive(Clone, Copy)]
pub(crate) enum Gain<'a> {
    Flat(f32),
    Curve(&'a [f32]),
}

impl<'a> Gain<'a> {
    /// The part of it from frame `at` on.
    #[inline]
    pub(crate) fn from(self, at: usize) -> Self {
        match self {
            Self::Flat(c) => Self::Flat(c),
            Self::Curve(c) => Self::Curve(c.get(at..).unwrap_or(&[])),
        }
    }
}

/// `acc = acc + c·x`
#[inline]
pub(crate) fn add(acc: &mut [f32], x: &[f32], gain: Gain<'_>) {
    match gain {
        // Adding c·x = ±0 to a sum that is never −0 changes nothing.
        Gain::Flat(0.0) => {}
        Gain::Flat(c) => add_flat(acc, x, c),
        Gain::Curve(curve) => {
            for ((a, x), c) in acc.iter_mut().zip(x).zip(curve) {
                *a += c * x;
            }
        }
    }
}

/// `acc = acc + c·x` with one coefficient.
#[inline]
pub(crate) fn add_flat(acc: &mut [f32], x: &[f32], c: f32) {
    let (strides, rest) = acc.as_chunks_mut::<STRIDE>();
    let (x, x_rest) = x.as_chunks::<STRIDE>();
    for (a, x) in strides.iter_mut().zip(x) {
        // All is read before anything is written: whether the two overlap is no question, also where
        // this is inlined and the compiler has lost sight of it.
        *a = core::array::from_fn(|i| match (a.get(i), x.get(i)) {
            (Some(a), Some(x)) => a + c * x,
            _ => 0.0,
        });
    }
    for (a, x) in rest.iter_mut().zip(x_rest) {
        *a += c * x;
    }
}

/// `acc = (acc + c·x) + d·y`: two tracks, in this order.
///
/// Not inlined: as a function of its own it is known not to write to what it reads, and is vectorised.
#[inline(never)]
pub(crate) fn add_two_flat(acc: &mut [f32], [x, y]: [&[f32]; 2], [c, d]: [f32; 2]) {
    for ((a, x), y) in acc.iter_mut().zip(x).zip(y) {
        *a = (*a + c * x) + d * y;
    }
}

/// `acc = acc + c·((l + r)·0.5)`
#[inline]
pub(crate) fn add_folded(acc: &mut [f32], l: &[f32], r: &[f32], gain: Gain<'_>) {
    match gain {
        Gain::Flat(0.0) => {}
        Gain::Flat(c) => {
            for ((a, l), r) in acc.iter_mut().zip(l).zip(r) {
                *a += c * ((l + r) * 0.5);
            }
        }
        Gain::Curve(curve) => {
            for (((a, l), r), c) in acc.iter_mut().zip(l).zip(r).zip(curve) {
                *a += c * ((l + r) * 0.5);
            }
        }
    }
}

/// `acc = acc + (c·x)·e`
#[inline]
pub(crate) fn add_enveloped(acc: &mut [f32], x: &[f32], gain: Gain<'_>, envelope: &[f32]) {
    match gain {
        Gain::Flat(0.0) => {}
        Gain::Flat(c) => {
            for ((a, x), e) in acc.iter_mut().zip(x).zip(envelope) {
                *a += (c * x) * e;
            }
        }
        Gain::Curve(curve) => {
            for (((a, x), c), e) in acc.iter_mut().zip(x).zip(curve).zip(envelope) {
                *a += (c * x) * e;
            }
        }
    }
}

/// `x = x·c`
#[inline]
pub(crate) fn scale(x: &mut [f32], gain: Gain<'_>) {
    match gain {
        Gain::Flat(1.0) => {}
        Gain::Flat(c) => {
            let (strides, rest) = x.as_chunks_mut::<STRIDE>();
            for x in strides {
                *x = x.map(|x| x * c);
            }
            rest.iter_mut().for_each(|x| *x *= c);
        }
        Gain::Curve(curve) => multiply(x, curve),
    }
}

/// `a = a·b`
#[inline]
pub(crate) fn multiply(a: &mut [f32], b: &[f32]) {
    for (a, b) in a.iter_mut().zip(b) {
        *a *= b;
    }
}

/// `a = a + b`
#[inline]
pub(crate) fn sum(a: &mut [f32], b: &[f32]) {
    for (a, b) in a.iter_mut().zip(b) {
        *a += b;
    }
}

/// Coefficients too small to count become 0.
#[inline]
pub(crate) fn floor_all(c: &mut [f32]) {
    c.iter_mut().for_each(|c| *c = floor_to_zero(*c));
}

/// What [`inspect`] found.
#[derive(Clone, Copy, Default)]
pub(crate) struct Found {
    /// Largest magnitude.
    pub peak: f32,
    /// Samples that were not finite; they are 0 now.
    pub non_finite: u32,
    /// Samples beyond full scale.
    pub overs: u32,
}

/// Looks a finished plane over: notes its peak, makes sums that are not finite 0.
#[inline]
pub(crate) fn inspect(x: &mut [f32]) -> Found {
    const INFINITE: i32 = f32::INFINITY.to_bits() as i32;
    // On the bits, whose order is that of the magnitudes: a maximum of integers may be taken in
    // any order. Infinities and NaN are above every number.
    let mut peak = 0i32;
    for x in x.iter() {
        let m = x.abs().to_bits() as i32;
        peak = if m > peak { m } else { peak };
    }
    let all_finite = peak < INFINITE;
    let mut found = Found {
        peak: f32::from_bits(peak as u32),
        ..Found::default()
    };
    if !all_finite {
        found.peak = 0.0;
        for x in x.iter_mut() {
            if !x.is_finite() {
                *x = 0.0;
                found.non_finite += 1;
            }
            found.peak = found.peak.max(x.abs());
        }
    }
    if found.peak > 1.0 {
        found.overs = x.iter().map(|x| u32::from(x.abs() > 1.0)).sum();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_is_looked_over_to_its_last_sample() {
        for len in 1..40 {
            for at in 0..len {
                let mut x = [0.25f32; 40];
                x[at] = -1.5;
                let f = inspect(&mut x[..len]);
                assert_eq!((f.peak, f.non_finite, f.overs), (1.5, 0, 1));
                for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                    x[at] = bad;
                    let f = inspect(&mut x[..len]);
                    let rest = if len > 1 { 0.25 } else { 0.0 };
                    assert_eq!((f.peak, f.non_finite, f.overs), (rest, 1, 0));
                    assert_eq!(x[at].to_bits(), 0);
                }
            }
        }
    }
}
