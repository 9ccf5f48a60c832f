//! Loads for counting instructions: many stems at settled gains, nothing else going on.

use engine_core::block::Block;
use engine_core::controls::TrackSetting;
use engine_core::strip::StripSpec;

use crate::controller::Controller;
use crate::material::{Stem, saw};
use crate::memory::Memory;
use crate::score::{Act, Piece};
use crate::stage::{Hashes, Stage};

/// Memory for a load: eight tracks, one bus of at most two channels.
pub type LoadMemory = Memory<Block<64>, 8, 1, 2, 64>;
/// The stage of a load.
pub type LoadStage = Stage<Block<64>, 8, 1, 2, 64>;

/// One load.
pub struct Load {
    /// What its figures are called.
    pub name: &'static str,
    /// Stems.
    pub stems: u32,
    /// Multiply-accumulates per frame.
    pub macs: u32,
    piece: Piece,
}

impl Load {
    /// Frames of one call, which is one block.
    pub const PERIOD: usize = 64;

    /// Plays the load to its end; `call` is to make the calls. Returns how many there were.
    pub fn play(
        &'static self,
        memory: &'static mut LoadMemory,
        hashes: &'static Hashes,
        mut call: impl FnMut(&mut LoadStage),
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

const LENGTH: usize = 2_048;

static MONO: [i16; LENGTH] = saw(97, 2_000, 3_000);
static STEREO: [i16; 2 * LENGTH] = saw(194, 4_000, 3_000);

const TO_MONO: [(StripSpec, Stem); 8] = [track(1, &MONO); 8];
const TO_STEREO: [(StripSpec, Stem); 8] = [track(2, &STEREO); 8];

/// The loads, in the order of their figures.
pub static LOADS: [Load; 6] = [
    load("mono-1", 1, 1, &[&[0]], TO_MONO.split_at(1).0),
    load("mono-8", 8, 8, &[&[0]], &TO_MONO),
    load("spread-1", 1, 2, &[&[0, 1]], TO_MONO.split_at(1).0),
    load("spread-8", 8, 16, &[&[0, 1]], &TO_MONO),
    load("stereo-1", 1, 2, &[&[0, 1]], TO_STEREO.split_at(1).0),
    load("stereo-8", 8, 16, &[&[0, 1]], &TO_STEREO),
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
    stems: u32,
    macs: u32,
    buses: &'static [&'static [u16]],
    tracks: &'static [(StripSpec, Stem)],
) -> Load {
    Load {
        name,
        stems,
        macs,
        piece: Piece {
            rate: 48_000,
            ramp: 0,
            period: Load::PERIOD,
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
