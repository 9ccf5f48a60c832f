//! The mixing law for one frame: to the bit where nothing moves, and in double precision, with the
//! weight that bounds an honest mixer's rounding, where something does.

use engine_core::bus::NO_OUT;

use crate::curve::{Glide, coefficient};
use crate::deck::Deck;
use crate::program::Program;

/// What must be heard on one plane in one frame.
#[derive(Clone, Copy, Debug, Default)]
pub struct Heard {
    /// The law, every step rounded to `f32`.
    pub law: f32,
    /// The same without rounding, but for the coefficients.
    pub near: f64,
    /// Σ|c·x|
    pub weight: f64,
    /// Whether a ramp, a fade or another deck is in it.
    pub moves: bool,
    /// Whether a sum on the way to it comes near the end of the range of `f32`.
    pub overflows: bool,
}

/// So loud that a sum may overflow.
const LOUDEST: f64 = 1e37;

impl Heard {
    fn add(&mut self, other: Self) {
        self.law += other.law;
        self.near += other.near;
        self.weight += other.weight;
        self.moves |= other.moves;
        self.overflows |= other.overflows || self.weight > LOUDEST;
    }

    fn times(mut self, gain: f32, envelope: Envelope) -> Self {
        let factor = f64::from(gain) * envelope.value;
        self.law = self.law * gain * envelope.value as f32;
        self.near *= factor;
        self.weight *= factor.abs();
        self.moves |= envelope.moves;
        self
    }

    /// Sums that are not finite are 0.
    fn finite(mut self) -> Self {
        if !self.law.is_finite() {
            self.law = 0.0;
        }
        self
    }
}

/// What lies over a whole deck: transport, starvation, fade.
#[derive(Clone, Copy, Debug)]
pub struct Envelope {
    pub value: f64,
    pub moves: bool,
}

/// The planes of one frame, from the decks in play, the old one first.
pub fn mix(program: &Program, decks: &[(&Deck<'_>, Envelope)], master: Glide) -> Vec<Heard> {
    let mut planes = vec![Heard::default(); program.planes];
    for (deck, envelope) in decks {
        direct_outs(deck, *envelope, master, &mut planes);
    }
    for (bus, outs) in program.buses.iter().enumerate() {
        for (channel, plane) in outs.iter().enumerate() {
            let mut sum = Heard::default();
            for (deck, envelope) in decks {
                sum.add(bus_channel(
                    deck,
                    bus,
                    outs.len(),
                    channel,
                    *envelope,
                    master,
                ));
            }
            if let Some(plane) = planes.get_mut(usize::from(*plane)) {
                plane.add(sum.finite());
            }
        }
    }
    planes.into_iter().map(Heard::finite).collect()
}

fn bus_channel(
    deck: &Deck<'_>,
    bus: usize,
    channels: usize,
    channel: usize,
    envelope: Envelope,
    master: Glide,
) -> Heard {
    let mut acc = Heard::default();
    for (track, (spec, _)) in deck.song.tracks.iter().enumerate() {
        if spec.bus.map(usize::from) != Some(bus) {
            continue;
        }
        let [left, right] = deck.samples(track);
        let stereo = spec.channels == 2;
        let (pan, x) = match channels {
            1 if stereo => (None, (left + right) / 2.0),
            1 => (None, left),
            2 if stereo => (Some(channel), [left, right][channel]),
            2 => (Some(channel), left),
            // Channel i to channel i, from the track's first.
            _ => match channel.checked_sub(usize::from(spec.first)) {
                Some(0) => (None, left),
                Some(1) if stereo => (None, right),
                _ => continue,
            },
        };
        let strip = &deck.strips[track];
        let pan = pan.map_or(1.0, |side| strip.pan[side].value());
        let c = coefficient(strip.gain.value() * strip.active.value() * pan);
        acc.add(product(c, x, strip.moves()));
    }
    let level = deck.levels[bus];
    let follows = !deck.song.own_level.contains(&bus);
    let gain = if follows {
        level.value() * master.value()
    } else {
        level.value()
    };
    acc.moves |= level.moves() || (follows && master.moves());
    acc.times(coefficient(gain), envelope)
}

fn direct_outs(deck: &Deck<'_>, envelope: Envelope, master: Glide, planes: &mut [Heard]) {
    for (track, (spec, _)) in deck.song.tracks.iter().enumerate() {
        let strip = &deck.strips[track];
        let samples = deck.samples(track);
        for side in 0..usize::from(spec.channels) {
            if spec.direct[side] == NO_OUT {
                continue;
            }
            // One channel has no balance.
            let pan = if spec.channels == 2 {
                strip.pan[side].value()
            } else {
                1.0
            };
            let c = master.value() * (strip.gain.value() * strip.active.value()) * pan;
            let moves = strip.moves() || master.moves();
            let part = product(coefficient(c), samples[side], moves).times(1.0, envelope);
            planes[usize::from(spec.direct[side])].add(part);
        }
    }
}

fn product(c: f32, x: f32, moves: bool) -> Heard {
    let near = f64::from(c) * f64::from(x);
    Heard {
        law: c * x,
        near,
        weight: near.abs(),
        moves,
        overflows: near.abs() > LOUDEST,
    }
}
