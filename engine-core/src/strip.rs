//! A track's strip in a deck: its ring ends, its place in the material, its running ramps.

mod coefficients;
mod plain;

use core::ops::DerefMut;

use crate::block::Samples;
use crate::bus::{BusShape, NO_OUT, balance};
use crate::controls::TrackSetting;
use crate::mix::{Gain, add, add_enveloped, add_folded};
use crate::ramp::Ramp;
use crate::ring::{Consumer, Producer};
use crate::ticket::Ticket;

pub(crate) use coefficients::Curves;
use coefficients::{Coefficients, Flat};

/// How a track is wired. Fixed for the life of a deck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct StripSpec {
    /// Channels of its blocks, 1 or 2.
    pub channels: u8,
    /// The bus it feeds; `None` for a track with direct outs only.
    pub bus: Option<u8>,
    /// In a bus of three channels or more: the bus channel of its first channel.
    pub first: u8,
    /// Output planes of its channels' direct outs, or [`NO_OUT`].
    pub direct: [u16; 2],
}

impl StripSpec {
    /// A track of `channels` channels (1 or 2) into bus `bus`, without direct outs.
    pub const fn into_bus(channels: u8, bus: u8) -> Self {
        Self {
            channels,
            bus: Some(bus),
            first: 0,
            direct: [NO_OUT; 2],
        }
    }
}

/// The ramps of a strip: gain, mute and solo as one factor of 0 or 1, and the two pan factors.
#[derive(Clone, Copy, Debug)]
struct StripMix {
    gain: Ramp,
    active: Ramp,
    pan: [Ramp; 2],
}

/// Where a strip's samples go in one run of the mixer.
pub(crate) struct Target<'a, 'p, const F: usize> {
    /// Sums of the bus channels.
    pub sums: &'a mut [[f32; F]],
    /// The strip's bus.
    pub shape: Option<BusShape>,
    /// Output planes, for direct outs.
    pub planes: &'a mut [&'p mut [f32]],
    /// Where in the planes the run begins.
    pub at: usize,
    /// The deck's envelope over the run, when there is one (direct outs; buses get it later).
    pub envelope: Option<&'a [f32]>,
    /// The master over the run.
    pub master: Gain<'a>,
    /// Room for coefficients.
    pub curves: &'a mut Curves<F>,
    /// Set when a direct out may have left the range of finite numbers.
    pub loud_outs: &'a mut bool,
}

/// One track of a deck. `B` is the block as the platform holds it, `N` the length of its rings.
pub struct Strip<B: 'static, const N: usize> {
    full: Consumer<B, N>,
    free: Producer<B, N>,
    current: Option<B>,
    /// Frames of `current` that have been given.
    given: usize,
    spec: StripSpec,
    mix: StripMix,
    /// What follows from `mix` once all its ramps are settled; `None` while that has to be found out.
    flat: Option<Flat>,
    peak: f32,
}

impl<B, const N: usize> Strip<B, N>
where
    B: DerefMut + 'static,
    B::Target: Samples,
{
    pub(crate) fn new(spec: StripSpec, full: Consumer<B, N>, free: Producer<B, N>) -> Self {
        Self {
            full,
            free,
            current: None,
            given: 0,
            spec,
            mix: StripMix {
                gain: Ramp::new(1.0),
                active: Ramp::new(1.0),
                pan: [Ramp::new(1.0); 2],
            },
            flat: None,
            peak: 0.0,
        }
    }

    /// How the track is wired.
    pub fn spec(&self) -> StripSpec {
        self.spec
    }

    /// Frames that are here. Counts a queued block as full; only a deck's last one isn't.
    #[inline]
    pub(crate) fn fill(&self) -> u64 {
        let here = self.current.as_ref().map_or(0, |b| {
            (b.tag().len as usize).saturating_sub(self.given) as u64
        });
        here + self.full.len() as u64 * <B::Target as Samples>::FRAMES as u64
    }

    /// Takes over new settings: glides to what has changed over `frames`, 0 for at once.
    pub(crate) fn steer(&mut self, setting: TrackSetting, active: bool, frames: u32) {
        let active = if active { 1.0 } else { 0.0 };
        let [left, right] = balance(setting.pan);
        self.flat = None;
        self.mix.gain.turn(setting.gain, frames);
        self.mix.active.turn(active, frames);
        self.mix.pan[0].turn(left, frames);
        self.mix.pan[1].turn(right, frames);
    }

    /// A timed fade of the gain alone.
    pub(crate) fn fade_gain(&mut self, gain: f32, frames: u32) {
        self.flat = None;
        self.mix.gain.fade(gain, frames);
    }

    /// Mute and solo alone.
    pub(crate) fn set_active(&mut self, active: bool, frames: u32) {
        self.flat = None;
        self.mix.active.turn(if active { 1.0 } else { 0.0 }, frames);
    }

    /// Goes on with the ramps of the same track in another deck.
    pub(crate) fn take_ramps(&mut self, other: &Self) {
        self.flat = None;
        self.mix = other.mix;
    }

    /// Lets ramps run while no sample is given.
    #[inline]
    pub(crate) fn idle(&mut self, frames: usize) {
        self.ramps(|r| r.advance(frames));
    }

    /// Ends all ramps at once.
    pub(crate) fn settle(&mut self) {
        self.ramps(Ramp::settle);
    }

    fn ramps(&mut self, f: impl Fn(&mut Ramp)) {
        self.flat = None;
        let [left, right] = &mut self.mix.pan;
        for ramp in [&mut self.mix.gain, &mut self.mix.active, left, right] {
            f(ramp);
        }
    }

    /// The peak (linear, after gain and pan) since it was last taken.
    pub(crate) fn take_peak(&mut self) -> f32 {
        core::mem::take(&mut self.peak)
    }

    /// Sends every block home. For the owner of a deck that isn't in an engine.
    pub(crate) fn rewind(&mut self) {
        if let Some(b) = self.current.take() {
            self.home(b);
        }
        // Bounded: nobody fills while the owner rewinds, and a ring holds N − 1.
        for _ in 0..N {
            match self.full.pop() {
                Some(b) => self.home(b),
                None => break,
            }
        }
        self.given = 0;
        self.peak = 0.0;
    }

    #[inline]
    fn home(&mut self, block: B) {
        if let Err(block) = self.free.push(block) {
            // A ring has room for every block of its track, so this can't be. Should it be, a
            // leaked block is the lesser evil: dropping it here would free memory.
            core::mem::forget(block);
        }
    }

    /// Takes the block that begins at deck frame `frame` in hand, when none is. Returns how many others
    /// were met; they went home.
    #[inline]
    pub(crate) fn fetch(&mut self, ticket: Ticket, frame: u64) -> u32 {
        let mut stale = 0;
        if self.current.is_none() {
            self.current = self.next(ticket, frame, &mut stale);
            self.given = 0;
        }
        stale
    }

    /// Adds the next `n` frames to the target and goes on by `n`. `frame` is the deck frame of the
    /// first. Returns how many blocks were not the expected ones.
    pub(crate) fn mix<const F: usize>(
        &mut self,
        n: usize,
        ticket: Ticket,
        frame: u64,
        t: &mut Target<'_, '_, F>,
    ) -> u32 {
        let stereo = self.spec.channels == 2;
        let has_direct = self.spec.direct != [NO_OUT; 2];
        let c = self.coefficients(n, t.master, has_direct, t.curves);
        let mut stale = 0;
        let mut at = 0;
        while at < n {
            stale += self.fetch(ticket, frame + at as u64);
            let Some(block) = &self.current else {
                // The common fill was counted before, so this can't be; silence if it is.
                break;
            };
            let tag = block.tag();
            let len = tag.len as usize;
            let m = (n - at).min(len.saturating_sub(self.given));
            let piece = self.given..self.given + m;
            let [left_peak, right_peak] = tag.peak;
            let left = block.plane(0).get(piece.clone()).unwrap_or(&[]);
            let right = if stereo {
                block.plane(1).get(piece).unwrap_or(&[])
            } else {
                left
            };
            let loud = [
                left_peak > 0.0,
                if stereo {
                    right_peak > 0.0
                } else {
                    left_peak > 0.0
                },
            ];
            if (loud[0] || loud[1]) && !c.silent {
                self.peak = greater(self.peak, c.top * greater(left_peak, right_peak));
                to_bus(
                    t.sums,
                    t.shape,
                    self.spec.first,
                    stereo,
                    at,
                    [left, right],
                    loud,
                    &c,
                );
                if has_direct {
                    *t.loud_outs = true;
                    for (k, (x, out)) in [left, right]
                        .into_iter()
                        .zip(self.spec.direct)
                        .take(self.spec.channels as usize)
                        .enumerate()
                    {
                        if let Some(plane) = t.planes.get_mut(usize::from(out)) {
                            let from = t.at + at;
                            if let Some(acc) = plane.get_mut(from..from + m) {
                                let gain = if k == 0 { c.direct[0] } else { c.direct[1] };
                                match t.envelope {
                                    None => add(acc, x, gain.from(at)),
                                    Some(e) => add_enveloped(
                                        acc,
                                        x,
                                        gain.from(at),
                                        e.get(at..).unwrap_or(&[]),
                                    ),
                                }
                            }
                        }
                    }
                }
            }
            self.given += m;
            at += m;
            if self.given >= len
                && let Some(b) = self.current.take()
            {
                self.home(b);
            }
        }
        stale
    }

    /// The block that begins at `frame`; others go home.
    fn next(&mut self, ticket: Ticket, frame: u64, stale: &mut u32) -> Option<B> {
        for _ in 0..N {
            let block = self.full.pop()?;
            let tag = block.tag();
            if tag.ticket == ticket && tag.start_frame == frame && tag.len > 0 {
                return Some(block);
            }
            *stale += 1;
            self.home(block);
        }
        None
    }
}

/// The greater of two numbers of which neither is NaN: `f32::max` is a call on a microcontroller.
#[inline]
fn greater(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// Adds a piece that begins at frame `at` of the run to the bus's sums.
#[allow(clippy::too_many_arguments)]
#[inline]
fn to_bus<const F: usize>(
    sums: &mut [[f32; F]],
    shape: Option<BusShape>,
    first: u8,
    stereo: bool,
    at: usize,
    [left, right]: [&[f32]; 2],
    loud: [bool; 2],
    c: &Coefficients<'_>,
) {
    let Some(shape) = shape else { return };
    let base = usize::from(shape.first);
    let Some(bus) = sums.get_mut(base..base + usize::from(shape.channels)) else {
        return;
    };
    let end = at + left.len();
    match bus {
        [mono] => {
            let Some(acc) = mono.get_mut(at..end) else {
                return;
            };
            if stereo {
                add_folded(acc, left, right, c.unity.from(at));
            } else {
                add(acc, left, c.unity.from(at));
            }
        }
        [l, r] => {
            for ((acc, x), (gain, loud)) in [l, r]
                .into_iter()
                .zip([left, right])
                .zip(c.pan.into_iter().zip(loud))
            {
                if let (true, Some(acc)) = (loud, acc.get_mut(at..end)) {
                    add(acc, x, gain.from(at));
                }
            }
        }
        wide => {
            for (acc, x) in wide
                .iter_mut()
                .skip(usize::from(first))
                .zip([left, right].into_iter().take(if stereo { 2 } else { 1 }))
            {
                if let Some(acc) = acc.get_mut(at..end) {
                    add(acc, x, c.unity.from(at));
                }
            }
        }
    }
}
