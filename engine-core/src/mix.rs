//! The inner loops: multiply and add planes of samples, every step rounded to f32, frames side by
//! side (never samples of one frame added in another order), so that the bits are the same on
//! every machine.

use crate::ramp::floor_to_zero;

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
        Gain::Flat(c) => {
            for (a, x) in acc.iter_mut().zip(x) {
                *a += c * x;
            }
        }
        Gain::Curve(curve) => {
            for ((a, x), c) in acc.iter_mut().zip(x).zip(curve) {
                *a += c * x;
            }
        }
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
        Gain::Flat(c) => x.iter_mut().for_each(|x| *x *= c),
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
    let mut peak = 0.0f32;
    let mut all_finite = true;
    for x in x.iter() {
        let m = x.abs();
        peak = if m > peak { m } else { peak };
        all_finite &= m < f32::INFINITY;
    }
    let mut found = Found {
        peak,
        ..Found::default()
    };
    if !all_finite {
        found.peak = 0.0;
        for x in x.iter_mut() {
            if !(x.abs() < f32::INFINITY) {
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
