//! The reference's decks: how far they are, what has been delivered to them, and their ramps.

use engine_core::block::SAMPLE_FLOOR;
use engine_core::bus::balance;
use engine_core::controls::{TrackSetting, is_active};
use engine_core::deck::RESERVE;

use crate::curve::Glide;
use crate::program::{DeckPlan, Program, SongPlan};

/// A song's controls: what they are set to, and the number of the last batch.
#[derive(Clone, Debug)]
pub struct Controls {
    pub tracks: Vec<TrackSetting>,
    pub levels: Vec<f32>,
    pub revision: u32,
}

impl Controls {
    pub fn new(program: &Program, song: &SongPlan) -> Self {
        Self {
            tracks: vec![TrackSetting::default(); song.tracks.len()],
            levels: vec![1.0; program.buses.len()],
            revision: 1,
        }
    }
}

/// What a track's strip does to its samples.
#[derive(Clone, Copy, Debug)]
pub struct Strip {
    pub gain: Glide,
    /// 1, or 0 when mute and solo say so.
    pub active: Glide,
    pub pan: [Glide; 2],
}

impl Strip {
    fn each(&mut self, f: impl Fn(&mut Glide)) {
        f(&mut self.gain);
        f(&mut self.active);
        self.pan.iter_mut().for_each(f);
    }

    pub fn moves(&self) -> bool {
        self.gain.moves() || self.active.moves() || self.pan.iter().any(Glide::moves)
    }
}

/// A deck.
#[derive(Clone, Debug)]
pub struct Deck<'p> {
    pub plan: &'p DeckPlan,
    pub song: &'p SongPlan,
    /// Frames given.
    pub frame: u64,
    /// Frames and blocks that were ever delivered, for each track.
    delivered: Vec<(u64, u64)>,
    pub strips: Vec<Strip>,
    pub levels: Vec<Glide>,
    /// The batch of controls it knows.
    applied: Option<u32>,
}

impl<'p> Deck<'p> {
    pub fn new(program: &'p Program, plan: &'p DeckPlan) -> Self {
        let song = &program.songs[plan.song];
        let one = Glide::resting(1.0);
        let strip = Strip {
            gain: one,
            active: one,
            pan: [one; 2],
        };
        Self {
            plan,
            song,
            frame: 0,
            delivered: vec![(0, 0); song.tracks.len()],
            strips: vec![strip; song.tracks.len()],
            levels: vec![one; program.buses.len()],
            applied: None,
        }
    }

    /// Delivers up to `blocks` blocks of `size` frames to a track, as long as there are free ones.
    pub fn deliver(&mut self, track: usize, blocks: usize, size: u64) {
        let end = self.plan.end.unwrap_or(u64::MAX);
        let (frames, sent) = &mut self.delivered[track];
        for _ in 0..blocks {
            let used_up = if self.frame >= end {
                *sent
            } else {
                self.frame / size
            };
            if *frames == end || *sent - used_up == self.plan.blocks as u64 {
                return;
            }
            *frames = (*frames + size).min(end);
            *sent += 1;
        }
    }

    /// The samples of a track at the next frame, cleaned; silence past the end.
    pub fn samples(&self, track: usize) -> [f32; 2] {
        if self.left() == 0 {
            return [0.0; 2];
        }
        let (_, material) = self.song.tracks[track];
        material.at(self.plan.from + self.frame).map(|x| {
            if x.is_finite() && x.abs() >= SAMPLE_FLOOR {
                x
            } else {
                0.0
            }
        })
    }

    // ---- data ----

    pub fn left(&self) -> u64 {
        let end = self.plan.end.unwrap_or(u64::MAX);
        end.saturating_sub(self.frame)
    }

    /// Frames that every track has.
    fn fill(&self) -> u64 {
        let least = self.delivered.iter().map(|(frames, _)| *frames).min();
        least.map_or(u64::MAX, |frames| frames.saturating_sub(self.frame))
    }

    pub fn is_primed(&self) -> bool {
        self.fill() >= u64::from(self.plan.prime.max(RESERVE)).min(self.left())
    }

    /// Frames that can be given at all; without limit once everything to the end is here.
    pub fn available(&self) -> u64 {
        if self.fill() >= self.left() {
            u64::MAX
        } else {
            self.fill()
        }
    }

    /// The same without the reserve.
    pub fn usable(&self) -> u64 {
        match self.available() {
            u64::MAX => u64::MAX,
            frames => frames.saturating_sub(u64::from(RESERVE)),
        }
    }

    /// After a starvation.
    pub fn may_resume(&self) -> bool {
        self.fill() >= u64::from(self.plan.resume.max(2 * RESERVE)).min(self.left())
    }

    /// At its end, and another is to follow.
    pub fn awaits(&self) -> bool {
        self.plan.followed && self.left() == 0
    }

    // ---- ramps ----

    /// Takes over a batch of controls that is new to the deck.
    pub fn apply(&mut self, controls: &Controls, ramp: u32) {
        if self.applied == Some(controls.revision) {
            return;
        }
        let any_solo = controls.tracks.iter().any(|t| t.solo);
        for (strip, set) in self.strips.iter_mut().zip(&controls.tracks) {
            strip.gain.turn(set.gain, ramp);
            strip.active.turn(activity(is_active(*set, any_solo)), ramp);
            for (side, pan) in strip.pan.iter_mut().zip(balance(set.pan)) {
                side.turn(pan, ramp);
            }
        }
        for (glide, level) in self.levels.iter_mut().zip(&controls.levels) {
            glide.turn(*level, ramp);
        }
        if self.applied.is_none() {
            self.settle();
        }
        self.applied = Some(controls.revision);
    }

    /// Mute and solo as if `track` alone were soloed.
    pub fn solo_only(&mut self, track: usize, controls: &Controls, ramp: u32) {
        for (i, (strip, set)) in self.strips.iter_mut().zip(&controls.tracks).enumerate() {
            strip.active.turn(activity(i == track && !set.mute), ramp);
        }
    }

    /// Goes on with the ramps of another deck of the song.
    pub fn take_ramps(&mut self, other: &Self) {
        self.strips.clone_from(&other.strips);
        self.levels.clone_from(&other.levels);
        self.applied = other.applied;
    }

    /// An output frame passes.
    pub fn pass(&mut self) {
        self.each(Glide::pass);
    }

    /// Ends all ramps.
    pub fn settle(&mut self) {
        self.each(Glide::arrive);
    }

    fn each(&mut self, f: impl Fn(&mut Glide)) {
        self.strips.iter_mut().for_each(|s| s.each(&f));
        self.levels.iter_mut().for_each(f);
    }
}

fn activity(active: bool) -> f32 {
    if active { 1.0 } else { 0.0 }
}
