//! What a strip's samples are multiplied with over one run: flat factors, or curves while a ramp runs.

use core::ops::DerefMut;

use super::{Strip, StripMix};
use crate::block::Samples;
use crate::mix::{Gain, floor_all, multiply};
use crate::ramp::floor_to_zero;

/// A strip's factors while no ramp runs.
#[derive(Clone, Copy)]
pub(super) struct Flat {
    /// Gain, mute and solo, and the two pan factors.
    pub(super) base: f32,
    pub(super) balance: [f32; 2],
    /// The coefficient without pan and those with it.
    pub(super) unity: f32,
    pub(super) pan: [f32; 2],
}

impl StripMix {
    pub(super) fn flat(&self) -> Option<Flat> {
        let [left, right] = &self.pan;
        let base = self.gain.settled_value()? * self.active.settled_value()?;
        let balance = [left.settled_value()?, right.settled_value()?];
        Some(Flat {
            base,
            balance,
            unity: floor_to_zero(base),
            pan: balance.map(|side| floor_to_zero(base * side)),
        })
    }
}

/// Room for the coefficients of one strip over `F` frames.
pub(crate) struct Curves<const F: usize> {
    base: [f32; F],
    pan: [[f32; F]; 2],
    direct: [[f32; F]; 2],
}

impl<const F: usize> Curves<F> {
    pub(crate) const fn new() -> Self {
        Self {
            base: [0.0; F],
            pan: [[0.0; F]; 2],
            direct: [[0.0; F]; 2],
        }
    }
}

/// The coefficients of a strip over one run.
pub(super) struct Coefficients<'a> {
    /// Gain, mute and solo.
    pub(super) unity: Gain<'a>,
    /// The same times each pan factor.
    pub(super) pan: [Gain<'a>; 2],
    /// For the direct outs, master included.
    pub(super) direct: [Gain<'a>; 2],
    /// The largest of `unity`.
    pub(super) top: f32,
    /// Nothing is to be heard.
    pub(super) silent: bool,
}

impl Coefficients<'_> {
    const SILENT: Self = Self {
        unity: Gain::Flat(0.0),
        pan: [Gain::Flat(0.0); 2],
        direct: [Gain::Flat(0.0); 2],
        top: 0.0,
        silent: true,
    };
}

impl<B, const N: usize> Strip<B, N>
where
    B: DerefMut + 'static,
    B::Target: Samples,
{
    /// The coefficients of the next `n` frames; the ramps go on by `n`.
    pub(super) fn coefficients<'c, const F: usize>(
        &mut self,
        n: usize,
        master: Gain<'_>,
        has_direct: bool,
        curves: &'c mut Curves<F>,
    ) -> Coefficients<'c> {
        let stereo = self.spec.channels == 2;
        let flat_master = match master {
            Gain::Flat(m) => Some(m),
            Gain::Curve(_) => None,
        };
        if self.flat.is_none() {
            self.flat = self.mix.flat();
        }
        if let Some(flat) = self.flat
            && (!has_direct || flat_master.is_some() || flat.base == 0.0)
        {
            let direct = if has_direct {
                let m = flat_master.unwrap_or(1.0) * flat.base;
                let sides = if stereo { flat.balance } else { [1.0; 2] };
                sides.map(|side| floor_to_zero(m * side))
            } else {
                [0.0; 2]
            };
            return Coefficients {
                unity: Gain::Flat(flat.unity),
                pan: flat.pan.map(Gain::Flat),
                direct: direct.map(Gain::Flat),
                top: flat.unity.abs(),
                silent: flat.unity == 0.0,
            };
        }
        let StripMix { gain, active, pan } = &mut self.mix;
        let [left, right] = pan;
        let top = gain.value().max(gain.target()).abs();
        let Curves {
            base,
            pan: [pl, pr],
            direct: [dl, dr],
        } = curves;
        let (Some(base), Some(pl), Some(pr), Some(dl), Some(dr)) = (
            base.get_mut(..n),
            pl.get_mut(..n),
            pr.get_mut(..n),
            dl.get_mut(..n),
            dr.get_mut(..n),
        ) else {
            return Coefficients::SILENT;
        };
        gain.fill(base);
        active.fill(pl);
        multiply(base, pl);
        left.fill(pl);
        right.fill(pr);
        if has_direct {
            match master {
                Gain::Flat(m) => {
                    dl.iter_mut().zip(&*base).for_each(|(d, b)| *d = m * b);
                }
                Gain::Curve(m) => {
                    dl.iter_mut()
                        .zip(&*base)
                        .zip(m)
                        .for_each(|((d, b), m)| *d = m * b);
                }
            }
            dr.copy_from_slice(dl);
            if stereo {
                multiply(dl, pl);
                multiply(dr, pr);
            }
            floor_all(dl);
            floor_all(dr);
        }
        multiply(pl, base);
        multiply(pr, base);
        floor_all(pl);
        floor_all(pr);
        floor_all(base);
        Coefficients {
            unity: Gain::Curve(base),
            pan: [Gain::Curve(pl), Gain::Curve(pr)],
            direct: [Gain::Curve(dl), Gain::Curve(dr)],
            top,
            silent: false,
        }
    }
}
