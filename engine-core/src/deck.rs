//! A deck: one song in play, from a frame on: strips, ring ends, blocks in flight, one position.
//!
//! The controller builds a deck, lets the feeder fill its rings and hands it to the engine with a
//! command; it comes back whole. A deck outside an engine may be rewound and used again.

use crate::bus::BusLayout;
use crate::controls::is_active;
use crate::mix::{Gain, floor_all, multiply, scale};
use crate::platform::Platform;
use crate::ramp::{Ramp, floor_to_zero};
use crate::ring::{Consumer, Producer};
use crate::strip::{Curves, Strip, StripSpec, Target};
use crate::ticket::Ticket;

/// Frames that every track keeps in reserve, over which a deck fades out when data runs dry.
pub const RESERVE: u32 = 64;

/// What a deck plays and when it counts as ready. Frames are device-rate frames of the deck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DeckSpec {
    /// The deck's name; its blocks carry the same.
    pub ticket: Ticket,
    /// The song: decks of one song share controls and running ramps.
    pub song: Ticket,
    /// Length; `None` plays without end.
    pub end: Option<u64>,
    /// Frames that every track must have for the deck to be primed (what is left to the end suffices).
    pub prime: u32,
    /// Frames that every track must have again after a starvation: half the ring.
    pub resume: u32,
    /// Another deck is to follow at the end: if its cut hasn't come by then, this one holds there
    /// instead of ending.
    pub followed: bool,
}

struct BusStrip {
    level: Ramp,
    follows_master: bool,
}

/// One song in play. See the module's text; the parameters are [`Platform`]'s.
pub struct Deck<
    P: Platform<N, T, U, C>,
    const N: usize,
    const T: usize,
    const U: usize,
    const C: usize,
> {
    spec: DeckSpec,
    strips: heapless::Vec<Strip<P::Block, N>, T>,
    buses: [BusStrip; U],
    controls: P::Controls,
    /// Revision of the controls that was applied last; `None` before the first time.
    applied: Option<u32>,
    /// Frames given.
    frame: u64,
    /// Frames that all strips are known to have, from `frame` on. Renewed once per call.
    fill: u64,
}

impl<P: Platform<N, T, U, C>, const N: usize, const T: usize, const U: usize, const C: usize>
    Deck<P, N, T, U, C>
{
    /// A deck without tracks.
    pub fn new(spec: DeckSpec, controls: P::Controls) -> Self {
        Self {
            spec,
            strips: heapless::Vec::new(),
            buses: [const {
                BusStrip {
                    level: Ramp::new(1.0),
                    follows_master: true,
                }
            }; U],
            controls,
            applied: None,
            frame: 0,
            fill: 0,
        }
    }

    /// Adds a track and returns its index; gives the ring ends back when there is no room.
    #[allow(clippy::type_complexity)]
    pub fn add_track(
        &mut self,
        spec: StripSpec,
        full: Consumer<P::Block, N>,
        free: Producer<P::Block, N>,
    ) -> Result<usize, (Consumer<P::Block, N>, Producer<P::Block, N>)> {
        if self.strips.is_full() {
            return Err((full, free));
        }
        let _ = self.strips.push(Strip::new(spec, full, free));
        Ok(self.strips.len() - 1)
    }

    /// Whether the master level applies to bus `bus` (it does, unless told otherwise).
    pub fn set_follows_master(&mut self, bus: usize, follows: bool) {
        if let Some(b) = self.buses.get_mut(bus) {
            b.follows_master = follows;
        }
    }

    /// What the deck plays.
    pub fn spec(&self) -> DeckSpec {
        self.spec
    }

    /// Frames given so far.
    pub fn frame(&self) -> u64 {
        self.frame
    }

    /// Tracks.
    pub fn tracks(&self) -> usize {
        self.strips.len()
    }

    /// The song's controls.
    pub fn controls(&self) -> &P::Controls {
        &self.controls
    }

    /// Makes a deck that came back ready to be filled again, under a new ticket: every block goes
    /// home and the count of frames starts over. The feeder must have stopped filling it.
    pub fn rewind(&mut self, spec: DeckSpec) {
        for strip in &mut self.strips {
            strip.rewind();
        }
        self.spec = spec;
        self.applied = None;
        self.frame = 0;
        self.fill = 0;
    }

    // ---- the engine's side ----

    /// Counts what all strips have; once per call.
    #[inline]
    pub(crate) fn count_fill(&mut self) {
        self.fill = self
            .strips
            .iter()
            .map(Strip::fill)
            .min()
            .unwrap_or(u64::MAX);
    }

    /// Frames all strips had when last counted, less what was given since.
    #[inline]
    pub(crate) fn fill(&self) -> u64 {
        self.fill
    }

    /// Frames to the natural end.
    #[inline]
    pub(crate) fn left(&self) -> u64 {
        self.spec
            .end
            .map_or(u64::MAX, |end| end.saturating_sub(self.frame))
    }

    /// At the end, and another deck is to follow.
    #[inline]
    pub(crate) fn awaits(&self) -> bool {
        self.spec.followed && self.left() == 0
    }

    #[inline]
    pub(crate) fn has_begun(&self) -> bool {
        self.frame > 0
    }

    #[inline]
    pub(crate) fn is_primed(&self) -> bool {
        self.fill >= u64::from(self.spec.prime.max(RESERVE)).min(self.left())
    }

    /// Whether a hold may end that begins (or began) when `frames` more frames are given.
    #[inline]
    pub(crate) fn may_resume(&self, frames: u64) -> bool {
        let left = self.left().saturating_sub(frames);
        self.fill.saturating_sub(frames) >= u64::from(self.spec.resume.max(2 * RESERVE)).min(left)
    }

    /// Frames that may be given with the reserve. Everything, once the end is here.
    #[inline]
    pub(crate) fn available(&self) -> u64 {
        if self.fill >= self.left() {
            u64::MAX
        } else {
            self.fill
        }
    }

    /// Frames that may be given before the reserve is touched. Everything, once the end is here.
    #[inline]
    pub(crate) fn usable(&self) -> u64 {
        match self.available() {
            u64::MAX => u64::MAX,
            n => n.saturating_sub(u64::from(RESERVE)),
        }
    }

    /// Takes over changed controls: glides to them over `frames`; what has not changed goes on.
    /// Whether there were any.
    pub(crate) fn apply_controls(&mut self, frames: u32) -> bool {
        let revision = self.controls.revision();
        if self.applied == Some(revision) {
            return false;
        }
        let first = self.applied.is_none();
        self.applied = Some(revision);
        let any_solo = self.controls.any_solo(self.strips.len());
        for (i, strip) in self.strips.iter_mut().enumerate() {
            let setting = self.controls.track(i);
            strip.steer(setting, is_active(setting, any_solo), frames);
        }
        for (i, bus) in self.buses.iter_mut().enumerate() {
            bus.level.turn(self.controls.level(i), frames);
        }
        if first {
            // What a deck starts with is not glided to.
            self.settle();
        }
        true
    }

    pub(crate) fn revision(&self) -> u32 {
        self.applied.unwrap_or(0)
    }

    /// Goes on with the running ramps of another deck of the same song.
    pub(crate) fn take_ramps(&mut self, other: &Self) {
        for (mine, theirs) in self.strips.iter_mut().zip(&other.strips) {
            mine.take_ramps(theirs);
        }
        for (mine, theirs) in self.buses.iter_mut().zip(&other.buses) {
            mine.level = theirs.level;
        }
        self.applied = other.applied;
    }

    /// `first` and how many.
    pub(crate) fn fade_tracks(&mut self, (first, count): (usize, usize), gain: f32, frames: u32) {
        for strip in self.strips.iter_mut().skip(first).take(count) {
            strip.fade_gain(gain, frames);
        }
    }

    pub(crate) fn fade_bus(&mut self, bus: usize, level: f32, frames: u32) {
        if let Some(b) = self.buses.get_mut(bus) {
            b.level.fade(level, frames);
        }
    }

    pub(crate) fn solo_only(&mut self, track: usize, frames: u32) {
        for (i, strip) in self.strips.iter_mut().enumerate() {
            let mute = self.controls.track(i).mute;
            strip.set_active(i == track && !mute, frames);
        }
    }

    /// Lets ramps run while no frame is given.
    pub(crate) fn idle(&mut self, frames: usize) {
        self.strips.iter_mut().for_each(|s| s.idle(frames));
        self.buses.iter_mut().for_each(|b| b.level.advance(frames));
    }

    /// Ends all ramps at once.
    pub(crate) fn settle(&mut self) {
        self.strips.iter_mut().for_each(Strip::settle);
        for b in &mut self.buses {
            b.level.settle();
        }
    }

    pub(crate) fn track_peaks(&mut self) -> impl Iterator<Item = f32> + '_ {
        self.strips.iter_mut().map(Strip::take_peak)
    }

    /// Gives the next `n` frames (at most `F`): `run.sums` of the bus channels and direct outs.
    /// Past the natural end a deck is silence. Returns the number of unexpected blocks.
    pub(crate) fn give<const F: usize>(
        &mut self,
        n: usize,
        layout: &BusLayout<U, C>,
        run: &mut Run<'_, '_, F, C>,
    ) -> u32 {
        let channels = layout.outs().len();
        for sum in run.sums.iter_mut().take(channels) {
            if let Some(s) = sum.get_mut(..n) {
                s.fill(0.0);
            }
        }
        let sounding = usize::try_from(self.left()).unwrap_or(usize::MAX).min(n);
        let mut stale = 0;
        let mut target = Target {
            sums: run.sums,
            shape: None,
            planes: run.planes,
            at: run.at,
            envelope: run.envelope,
            master: run.master,
            curves: run.curves,
            loud_outs: run.loud_outs,
        };
        let whole = sounding == n;
        for pair in self.strips.chunks_mut(2) {
            if whole {
                for strip in pair.iter_mut() {
                    stale += strip.fetch(self.spec.ticket, self.frame);
                }
                if let [a, b] = pair
                    && let shape = a.spec().bus.and_then(|b| layout.shape(b))
                    && a.mix_two_plain(b, n, target.sums, shape)
                {
                    continue;
                }
            }
            for strip in pair {
                target.shape = strip.spec().bus.and_then(|b| layout.shape(b));
                if whole
                    && (strip.mix_plain(n, target.sums, target.shape)
                        || strip.mix_direct(n, &mut target))
                {
                    continue;
                }
                stale += strip.mix(sounding, self.spec.ticket, self.frame, &mut target);
                if !whole {
                    strip.idle(n - sounding);
                }
            }
        }
        self.frame += n as u64;
        self.fill = self.fill.saturating_sub(n as u64);

        for (shape, bus) in layout.buses().iter().zip(&mut self.buses) {
            let base = usize::from(shape.first);
            let Some(sums) = run.sums.get_mut(base..base + usize::from(shape.channels)) else {
                continue;
            };
            let master = if bus.follows_master {
                run.master
            } else {
                Gain::Flat(1.0)
            };
            let gain = bus_gain(&mut bus.level, master, n, run.level);
            for sum in sums {
                let Some(sum) = sum.get_mut(..n) else {
                    continue;
                };
                scale(sum, gain);
                if let Some(envelope) = run.envelope {
                    multiply(sum, envelope);
                }
            }
        }
        stale
    }
}

/// What a deck needs to give frames.
pub(crate) struct Run<'a, 'p, const F: usize, const C: usize> {
    /// Sums of the bus channels, overwritten.
    pub sums: &'a mut [[f32; F]; C],
    /// Output planes, for direct outs.
    pub planes: &'a mut [&'p mut [f32]],
    /// Where in the planes the run begins.
    pub at: usize,
    /// The deck's envelope, when there is one.
    pub envelope: Option<&'a [f32]>,
    /// The master over the run.
    pub master: Gain<'a>,
    /// Room for coefficients.
    pub curves: &'a mut Curves<F>,
    /// Room for a bus's level.
    pub level: &'a mut [f32; F],
    /// Set when a direct out may have left the range of finite numbers.
    pub loud_outs: &'a mut bool,
}

/// `level·master` over `n` frames; the level's ramp goes on by `n`.
fn bus_gain<'a, const F: usize>(
    level: &mut Ramp,
    master: Gain<'_>,
    n: usize,
    room: &'a mut [f32; F],
) -> Gain<'a> {
    if let (Some(level), Gain::Flat(master)) = (level.settled_value(), master) {
        return Gain::Flat(floor_to_zero(level * master));
    }
    let Some(room) = room.get_mut(..n) else {
        return Gain::Flat(0.0);
    };
    level.fill(room);
    match master {
        Gain::Flat(m) => room.iter_mut().for_each(|l| *l *= m),
        Gain::Curve(m) => multiply(room, m),
    }
    floor_all(room);
    Gain::Curve(room)
}
