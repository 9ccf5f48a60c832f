//! Programs: a desk with its songs and decks, and what is done to them at which frame.
//!
//! Any part of a program may be left out and it is still one: that is how it is made smaller when it
//! has found something.

use std::fmt;

use backline_tests::noise::noise;
use engine_core::controls::TrackSetting;
use engine_core::fade::Curve;
use engine_core::outside::Outside;
use engine_core::strip::StripSpec;

/// A program.
#[derive(Clone, Debug)]
pub struct Program {
    /// Ramp on changed controls, frames.
    pub ramp: u32,
    /// The buses: the output plane of each channel.
    pub buses: Vec<Vec<u16>>,
    /// Output planes; those from `direct_from` on are direct outs.
    pub planes: usize,
    /// See `planes`.
    pub direct_from: u16,
    /// The songs.
    pub songs: Vec<SongPlan>,
    /// The decks. Each is cut to once at most.
    pub decks: Vec<DeckPlan>,
    /// What happens.
    pub steps: Vec<Step>,
}

/// What a song's decks have in common.
#[derive(Clone, Debug)]
pub struct SongPlan {
    /// Wiring and material of the tracks.
    pub tracks: Vec<(StripSpec, Material)>,
    /// Buses that don't follow the master.
    pub own_level: Vec<usize>,
}

/// What a deck is.
#[derive(Clone, Debug)]
pub struct DeckPlan {
    /// Index of its song.
    pub song: usize,
    /// Frame of the material that is its first.
    pub from: u64,
    /// Its length.
    pub end: Option<u64>,
    /// Frames with which it is primed.
    pub prime: u32,
    /// Frames with which it goes on after a starvation.
    pub resume: u32,
    /// Another is to follow.
    pub followed: bool,
    /// Blocks of each track.
    pub blocks: usize,
}

/// Some actions before a call, then frames, which may be given in several calls.
#[derive(Clone, Debug)]
pub struct Step {
    /// In this order.
    pub actions: Vec<Action>,
    /// May be 0.
    pub frames: usize,
}

/// What a controller or a feeder does. Songs, tracks, buses and decks by their index.
#[derive(Clone, Debug)]
pub enum Action {
    /// Fills so many blocks of one track or all, as far as there are free ones.
    Feed {
        deck: usize,
        lane: Option<usize>,
        blocks: usize,
    },
    Track {
        song: usize,
        track: usize,
        set: TrackSetting,
    },
    Level {
        song: usize,
        bus: usize,
        level: f32,
    },
    Commit {
        song: usize,
    },
    Master(f32),
    Cut {
        deck: usize,
        at: When,
        fade: u32,
        curve: Curve,
    },
    Cancel {
        deck: usize,
    },
    Hasten {
        deck: usize,
        fade: u32,
        curve: Curve,
    },
    /// Where an outside transport is on the next frame.
    Follow(Outside),
    Play(u32),
    Pause(u32),
    Stop(u32),
    Eject,
    FadeTrack {
        song: usize,
        track: usize,
        gain: f32,
        frames: u32,
    },
    FadeBus {
        song: usize,
        bus: usize,
        level: f32,
        frames: u32,
    },
    FadeMaster {
        level: f32,
        frames: u32,
    },
    ExclusiveSolo {
        song: usize,
        track: usize,
    },
}

/// When a cut is.
#[derive(Clone, Copy, Debug)]
pub enum When {
    Now,
    /// A frame of a deck.
    Frame {
        of: usize,
        frame: u64,
    },
    /// A frame of the outside transport.
    Outside {
        frame: u64,
    },
}

/// What a track plays.
#[derive(Clone, Copy, Debug)]
pub struct Material {
    pub kind: Kind,
    /// Sets it apart from others.
    pub number: usize,
}

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Never silent.
    Noise,
    /// 1.0 throughout.
    Ones,
    /// Noise with stretches of silence of so many frames, on each side by itself.
    Patchy(u64),
    /// Noise with what a feeder has to clean: tiny numbers, infinities, NaN.
    Odd,
    /// Noise of which some is so loud that sums overflow.
    Huge,
}

impl Material {
    /// Both sides at a frame, as they come from a file.
    pub fn at(self, frame: u64) -> [f32; 2] {
        [0, 1].map(|side| {
            let channel = 2 * self.number + side;
            let x = noise(24, frame, channel) as f32 / 8_388_608.0;
            // A number from 0 to 63 that goes with the frame.
            let odds = |frame| (noise(24, frame, channel + 32) >> 4) & 63;
            match self.kind {
                Kind::Noise => x,
                Kind::Ones => 1.0,
                Kind::Patchy(length) if odds(frame / length) < 28 => 0.0,
                Kind::Patchy(_) => x,
                Kind::Odd => match odds(frame) {
                    0 => f32::NAN,
                    1 => f32::INFINITY,
                    2 => x * 1e-12,
                    3 => x * 1e-39,
                    4 => -0.0,
                    5 => 1.0 / (1u64 << 40) as f32,
                    _ => x,
                },
                Kind::Huge if odds(frame) < 8 => x * 1.7e38,
                Kind::Huge => x,
            }
        })
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "ramp {}, buses {:?}, {} planes, direct outs from {}",
            self.ramp, self.buses, self.planes, self.direct_from
        )?;
        for (i, song) in self.songs.iter().enumerate() {
            writeln!(f, "song {i}, own level {:?}", song.own_level)?;
            for (i, (spec, material)) in song.tracks.iter().enumerate() {
                writeln!(f, "  track {i}: {spec:?} {material:?}")?;
            }
        }
        for (i, deck) in self.decks.iter().enumerate() {
            writeln!(f, "deck {i}: {deck:?}")?;
        }
        let mut at = 0;
        for (i, step) in self.steps.iter().enumerate() {
            writeln!(f, "step {i}, from output frame {at}:")?;
            for action in &step.actions {
                writeln!(f, "  {action:?}")?;
            }
            writeln!(f, "  {} frames", step.frames)?;
            at += step.frames;
        }
        Ok(())
    }
}
