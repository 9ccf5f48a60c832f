//! Loads for counting instructions: many stems at settled gains, nothing else going on.

use engine_core::block::StereoBlock;
use engine_core::controls::TrackSetting;
use engine_core::strip::StripSpec;

use crate::controller::Controller;
use crate::material::{Stem, saw};
use crate::memory::Memory;
use crate::score::{Act, Piece};
use crate::stage::{Hashes, Stage};

/// Memory for a load: eight tracks, one bus of at most two channels, blocks of `F` frames.
pub type LoadMemory<const F: usize> = Memory<StereoBlock<F>, 8, 1, 2, F>;
/// The stage of a load.
pub type LoadStage<const F: usize> = Stage<StereoBlock<F>, 8, 1, 2, F, F>;

/// One load.
pub struct Load {
    /// What its figures are called.
    pub name: &'static str,
    /// Stems.
    pub stems: u32,
    /// Multiply-accumulates per frame.
    pub macs: u32,
    /// What is played. A call is one block long.
    pub piece: Piece,
}

impl Load {
    /// Plays the load to its end; `call` is to make the calls. Returns how many there were.
    pub fn play<const F: usize>(
        &'static self,
        memory: &'static mut LoadMemory<F>,
        hashes: &'static Hashes,
        mut call: impl FnMut(&mut LoadStage<F>),
    ) -> u32 {
        let ends = memory.make(&self.piece);
        let mut stage = Stage::new(ends.engine, &self.piece, hashes);
        let (handle, controls, kits) = (ends.handle, ends.controls, ends.kits);
        let mut controller = Controller::new(&self.piece, handle, controls, kits, hashes);
        while !controller.is_over() {
            while controller.turn(|_| {}, || {}) {}
            call(&mut stage);
            stage.note();
        }
        hashes.calls()
    }
}

/// Frames of a short call and of a long one.
pub const SHORT: usize = 64;
/// See [`SHORT`].
pub const LONG: usize = 256;

const LENGTH: usize = 4_096;

static MONO: [i16; LENGTH] = saw(97, 2_000, 3_000);
static STEREO: [i16; 2 * LENGTH] = saw(194, 4_000, 3_000);

const TO_MONO: [(StripSpec, Stem); 8] = [track(1, &MONO); 8];
const TO_STEREO: [(StripSpec, Stem); 8] = [track(2, &STEREO); 8];

/// Loads with short calls, in the order of their figures.
pub static SHORT_LOADS: [Load; 6] = [
    load("mono-1", SHORT, 1, &[&[0]], TO_MONO.split_at(1).0),
    load("mono-8", SHORT, 8, &[&[0]], &TO_MONO),
    load("spread-1", SHORT, 2, &[&[0, 1]], TO_MONO.split_at(1).0),
    load("spread-8", SHORT, 16, &[&[0, 1]], &TO_MONO),
    load("stereo-1", SHORT, 2, &[&[0, 1]], TO_STEREO.split_at(1).0),
    load("stereo-8", SHORT, 16, &[&[0, 1]], &TO_STEREO),
];

/// Loads with long calls.
pub static LONG_LOADS: [Load; 3] = [
    load("mono-8-long", LONG, 8, &[&[0]], &TO_MONO),
    load("spread-8-long", LONG, 16, &[&[0, 1]], &TO_MONO),
    load("stereo-8-long", LONG, 16, &[&[0, 1]], &TO_STEREO),
];

const SCORE: [(u32, Act); 10] = [
    (0, Act::Master(0.9)),
    (0, Act::Track(0, gain(0.7))),
    (0, Act::Track(1, gain(0.6))),
    (0, Act::Track(2, gain(0.5))),
    (0, Act::Track(3, gain(0.4))),
    (0, Act::Track(4, gain(0.3))),
    (0, Act::Track(5, gain(0.2))),
    (0, Act::Track(6, gain(0.1))),
    (0, Act::Prepare(0)),
    (2, Act::Play),
];

const fn track(channels: u8, samples: &'static [i16]) -> (StripSpec, Stem) {
    let stem = Stem {
        channels: channels as usize,
        samples,
    };
    (StripSpec::into_bus(channels, 0), stem)
}

const fn load(
    name: &'static str,
    period: usize,
    macs: u32,
    buses: &'static [&'static [u16]],
    tracks: &'static [(StripSpec, Stem)],
) -> Load {
    Load {
        name,
        stems: tracks.len() as u32,
        macs,
        piece: Piece {
            rate: 48_000,
            ramp: 0,
            period,
            planes: buses[0].len(),
            buses,
            tracks,
            length: LENGTH as u64,
            poll: 1,
            score: &SCORE,
        },
    }
}

const fn gain(gain: f32) -> TrackSetting {
    TrackSetting {
        gain,
        pan: 0.0,
        mute: false,
        solo: false,
    }
}
