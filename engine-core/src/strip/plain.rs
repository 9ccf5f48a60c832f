//! The usual case of a strip: nothing but a flat factor for each channel. Most of the time of a mix is spent here.

use core::ops::DerefMut;

use super::{Strip, Target, greater};
use crate::block::Samples;
use crate::bus::{BusShape, NO_OUT};
use crate::mix::{Gain, add_flat, add_two_flat};
use crate::ramp::floor_to_zero;

/// What a strip adds to its bus in the usual case.
struct Plain<'a> {
    left: &'a [f32],
    /// For a mono track the same.
    right: &'a [f32],
    /// 0 where nothing is to be heard.
    gains: [f32; 2],
    /// The largest magnitude, before pan.
    top: f32,
}

impl<'a> Plain<'a> {
    #[inline]
    fn channels(&self) -> impl Iterator<Item = (&'a [f32], f32)> + use<'a> {
        [self.left, self.right].into_iter().zip(self.gains)
    }
}

impl<B, const N: usize> Strip<B, N>
where
    B: DerefMut + 'static,
    B::Target: Samples,
{
    /// What so many direct outs can be added up of as a host has tracks in two decks, without leaving the range of
    /// f32.
    const LOUD: f32 = f32::MAX / 1024.0;

    /// The usual case of [`mix`](Self::mix), without its detours: no ramp runs, the bus is stereo (or both
    /// it and the track are mono), there are no direct outs, the block in hand has all `n` frames.
    /// What is then to be added to the bus; `None` when it is another case.
    #[inline]
    fn plain(&self, n: usize, shape: BusShape) -> Option<Plain<'_>> {
        let (flat, block) = (self.flat.as_ref()?, self.current.as_ref()?);
        let end = self.given + n;
        let tag = block.tag();
        if end > tag.len as usize || self.spec.direct != [NO_OUT; 2] {
            return None;
        }
        let stereo = self.spec.channels == 2;
        let gains = match shape.channels {
            2 => flat.pan,
            1 if !stereo => [flat.unity, 0.0],
            _ => return None,
        };
        let [left_peak, right_peak] = tag.peak;
        let peaks = [left_peak, if stereo { right_peak } else { left_peak }];
        let top = greater(peaks[0], peaks[1]) * flat.unity.abs();
        let [left, second] = block.both_planes();
        let right = if stereo { second } else { left };
        let heard = |peak: f32, gain: f32| if peak > 0.0 && top > 0.0 { gain } else { 0.0 };
        Some(Plain {
            left: left.get(self.given..end)?,
            right: right.get(self.given..end)?,
            gains: [heard(peaks[0], gains[0]), heard(peaks[1], gains[1])],
            top,
        })
    }

    /// Mixes one strip that has nothing but direct outs, while no ramp runs and the block in hand has all `n`
    /// frames. Returns whether it was the case.
    #[inline]
    pub(crate) fn mix_direct<const F: usize>(
        &mut self,
        n: usize,
        t: &mut Target<'_, '_, F>,
    ) -> bool {
        let (Some(flat), Some(block)) = (self.flat.as_ref(), self.current.as_ref()) else {
            return false;
        };
        let Gain::Flat(master) = t.master else {
            return false;
        };
        let (tag, end) = (block.tag(), self.given + n);
        if self.spec.bus.is_some() || t.envelope.is_some() || end > tag.len as usize {
            return false;
        }
        let stereo = self.spec.channels == 2;
        let base = master * flat.base;
        let sides = if stereo { flat.balance } else { [1.0; 2] };
        let [left_peak, right_peak] = tag.peak;
        let peaks = [left_peak, if stereo { right_peak } else { 0.0 }];
        let top = greater(peaks[0], peaks[1]) * flat.unity.abs();
        for (((x, out), side), peak) in block
            .both_planes()
            .into_iter()
            .zip(self.spec.direct)
            .zip(sides)
            .zip(peaks)
        {
            let c = floor_to_zero(base * side);
            if !(peak > 0.0 && top > 0.0) || c == 0.0 {
                continue;
            }
            if let Some(x) = x.get(self.given..end)
                && let Some(plane) = t.planes.get_mut(usize::from(out))
                && let Some(acc) = plane.get_mut(t.at..t.at + n)
            {
                add_flat(acc, x, c);
                *t.loud_outs |= peak * c.abs() > Self::LOUD;
            }
        }
        self.go_on(n, top);
        true
    }

    /// Goes on by `n` frames after a [`Plain`] with this `top`.
    #[inline]
    fn go_on(&mut self, n: usize, top: f32) {
        self.peak = greater(self.peak, top);
        self.given += n;
        if self
            .current
            .as_ref()
            .is_some_and(|b| self.given >= b.tag().len as usize)
            && let Some(b) = self.current.take()
        {
            self.home(b);
        }
    }

    /// Mixes one strip in its usual case. Returns whether it was the case.
    #[inline]
    pub(crate) fn mix_plain<const F: usize>(
        &mut self,
        n: usize,
        sums: &mut [[f32; F]],
        shape: Option<BusShape>,
    ) -> bool {
        let Some(shape) = shape else { return false };
        let Some(plain) = self.plain(n, shape) else {
            return false;
        };
        for (acc, (x, c)) in shape.of(sums).iter_mut().zip(plain.channels()) {
            if let Some(acc) = acc.get_mut(..n)
                && c != 0.0
            {
                add_flat(acc, x, c);
            }
        }
        let top = plain.top;
        self.go_on(n, top);
        true
    }

    /// Mixes two strips of one bus, both in their usual case, with half the way to and from the sums.
    /// Returns whether it was the case.
    #[inline]
    pub(crate) fn mix_two_plain<const F: usize>(
        &mut self,
        other: &mut Self,
        n: usize,
        sums: &mut [[f32; F]],
        shape: Option<BusShape>,
    ) -> bool {
        let Some(shape) = shape else { return false };
        if self.spec.bus != other.spec.bus {
            return false;
        }
        let (Some(first), Some(second)) = (self.plain(n, shape), other.plain(n, shape)) else {
            return false;
        };
        let channels = first.channels().zip(second.channels());
        for (acc, ((x, c), (y, d))) in shape.of(sums).iter_mut().zip(channels) {
            let Some(acc) = acc.get_mut(..n) else {
                continue;
            };
            if c != 0.0 && d != 0.0 {
                add_two_flat(acc, [x, y], [c, d]);
            } else if c != 0.0 {
                add_flat(acc, x, c);
            } else if d != 0.0 {
                add_flat(acc, y, d);
            }
        }
        let tops = [first.top, second.top];
        self.go_on(n, tops[0]);
        other.go_on(n, tops[1]);
        true
    }
}
