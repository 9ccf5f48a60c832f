//! Readers whose samples tell where they come from, and a callback's side that checks them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use engine_core::ticket::Ticket;

use super::super::{BLOCK_FRAMES, LaneEnd, Source};
use crate::media::{MediaError, Reader, Spec};
use crate::plan::Plan;

/// Long enough for any machine; a test that comes to it has failed.
pub(super) fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

/// The sample of a channel at a stem frame: never 0, exact up to 2²⁰ frames and 15 channels.
pub(super) fn sample(channel: usize, stem: u64) -> f32 {
    (stem + 1 + ((channel as u64) << 20)) as f32
}

/// What a stem is expected to sound like.
#[derive(Clone, Debug)]
pub(super) struct Stem {
    pub channels: usize,
    pub offset: u64,
    pub frames: u64,
    /// Damaged from this stem frame on.
    pub damage: Option<u64>,
    pub rate: u32,
}

impl Stem {
    pub(super) fn new(channels: usize, frames: u64) -> Self {
        Self {
            channels,
            offset: 0,
            frames,
            damage: None,
            rate: 48_000,
        }
    }

    pub(super) fn at(&self, channel: usize, song: u64) -> f32 {
        let end = self.damage.unwrap_or(u64::MAX).min(self.frames);
        match song.checked_sub(self.offset) {
            Some(stem) if stem < end => sample(channel, stem),
            _ => 0.0,
        }
    }

    pub(super) fn ramp(&self) -> Ramp {
        Ramp {
            spec: Spec {
                path: "ramp.wav".into(),
                format: "test".into(),
                rate: self.rate,
                channels: self.channels,
                frames: Some(self.frames),
                notice: None,
            },
            stem: self.clone(),
            at: u64::MAX / 2,
            told: false,
            gate: None,
            panic_at: None,
            nan_at: None,
            no_seek_to: None,
            seeks: Arc::default(),
        }
    }

    pub(super) fn source(&self, blocks: usize) -> (Source, Vec<LaneEnd>) {
        Source::new("ramp", Box::new(self.ramp()), self.offset, blocks)
    }
}

/// Blocks a reader at one frame until told to go on.
pub(super) struct Gate {
    frame: u64,
    inside: Sender<()>,
    go: Receiver<()>,
}

impl Gate {
    /// The gate, what tells that the reader is inside, and what lets it go on.
    pub(super) fn new(frame: u64) -> (Self, Receiver<()>, Sender<()>) {
        let (inside, is_inside) = channel();
        let (let_go, go) = channel();
        (Self { frame, inside, go }, is_inside, let_go)
    }
}

/// A reader that keeps the contract to the letter. Before its first seek it is nowhere.
pub(super) struct Ramp {
    pub spec: Spec,
    stem: Stem,
    at: u64,
    told: bool,
    pub gate: Option<Gate>,
    pub panic_at: Option<u64>,
    pub nan_at: Option<u64>,
    pub no_seek_to: Option<u64>,
    pub seeks: Arc<AtomicU64>,
}

impl Reader for Ramp {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn read(&mut self, planes: &mut [&mut [f32]]) -> Result<usize, MediaError> {
        assert_eq!(planes.len(), self.stem.channels, "one plane per channel");
        let len = planes[0].len();
        assert!(len > 0 && planes.iter().all(|plane| plane.len() == len));
        let here = self.at..self.at + len as u64;
        if let Some(gate) = self.gate.take_if(|gate| here.contains(&gate.frame)) {
            let _ = gate.inside.send(());
            let _ = gate.go.recv();
        }
        assert!(
            !self.panic_at.is_some_and(|frame| here.contains(&frame)),
            "a decoder's bug (this test's)"
        );
        if let Some(frame) = self.stem.damage.filter(|frame| *frame <= self.at) {
            if std::mem::replace(&mut self.told, true) {
                return Ok(0);
            }
            return Err(MediaError::Damaged {
                path: self.spec.path.clone(),
                frame,
                what: "test".into(),
            });
        }
        let end = self.stem.frames.min(self.stem.damage.unwrap_or(u64::MAX));
        let n = end.saturating_sub(self.at).min(len as u64) as usize;
        for (channel, plane) in planes.iter_mut().enumerate() {
            for (stem, x) in (self.at..).zip(&mut plane[..n]) {
                *x = if self.nan_at == Some(stem) {
                    f32::NAN
                } else {
                    sample(channel, stem)
                };
            }
            // A reader may leave anything behind what it read.
            plane[n..].fill(f32::NAN);
        }
        self.at += n as u64;
        Ok(n)
    }

    fn seek(&mut self, frame: u64) -> Result<(), MediaError> {
        self.seeks.fetch_add(1, Ordering::Relaxed);
        if self.no_seek_to == Some(frame) {
            return Err(MediaError::Unreadable {
                path: self.spec.path.clone(),
                error: std::io::Error::other("test"),
            });
        }
        self.at = frame;
        self.told = false;
        Ok(())
    }
}

/// The callback's side of one source's lanes: takes blocks, checks every sample, gives them back.
pub(super) struct Listener {
    pub ends: Vec<LaneEnd>,
    pub stem: Stem,
    ticket: Ticket,
    plan: Plan,
    /// Deck frame up to which each lane was heard.
    heard: Vec<u64>,
}

impl Listener {
    pub(super) fn new(ends: Vec<LaneEnd>, stem: Stem, ticket: Ticket, plan: Plan) -> Self {
        Self {
            heard: vec![0; ends.len()],
            ends,
            stem,
            ticket,
            plan,
        }
    }

    /// What a deck does that goes: all blocks home. Then listens for another.
    pub(super) fn replan(&mut self, ticket: Ticket, plan: Plan) {
        for end in &mut self.ends {
            while let Some(block) = end.full.pop() {
                assert_eq!(block.tag.ticket, self.ticket);
                end.free.push(block).expect("room for every block");
            }
        }
        self.ticket = ticket;
        self.plan = plan;
        self.heard.fill(0);
    }

    /// Frames heard on the lane that is least far.
    pub(super) fn heard(&self) -> u64 {
        self.heard.iter().copied().min().unwrap_or(0)
    }

    /// Takes up to `blocks` blocks of one lane. Returns how many there were.
    pub(super) fn take(&mut self, lane: usize, blocks: usize) -> usize {
        let width = self.ends[lane].channels;
        for taken in 0..blocks {
            let Some(mut block) = self.ends[lane].full.pop() else {
                return taken;
            };
            let tag = block.tag;
            let start = self.heard[lane];
            assert_eq!((tag.ticket, tag.start_frame), (self.ticket, start));
            let left = self.plan.deck_len().unwrap_or(u64::MAX) - start;
            assert_eq!(u64::from(tag.len), left.min(BLOCK_FRAMES as u64));
            let songs = self.plan.pieces(start).flat_map(|piece| piece.song);
            let songs: Vec<u64> = songs.take(tag.len as usize).collect();
            for side in 0..width {
                let want: Vec<f32> = (songs.iter())
                    .map(|song| self.stem.at(lane + side, *song))
                    .collect();
                let peak = want.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
                assert_eq!(tag.peak[side], peak, "peak of the block at {start}");
                if tag.peak != [0.0; 2] {
                    let got = &block.planes[side][..tag.len as usize];
                    assert_eq!(got, want, "samples of the block at {start}");
                }
            }
            self.heard[lane] += u64::from(tag.len);
            // Whatever is not written next time is seen.
            block.planes.fill([-7.5; BLOCK_FRAMES]);
            self.ends[lane]
                .free
                .push(block)
                .expect("room for every block");
        }
        blocks
    }

    /// Takes blocks of all lanes, `turns` of them at a time, until `frames` are heard.
    pub(super) fn hear(&mut self, frames: u64) {
        let deadline = deadline();
        while self.heard() < frames {
            let taken: usize = (0..self.ends.len()).map(|lane| self.take(lane, 16)).sum();
            if taken == 0 {
                assert!(Instant::now() < deadline, "only {} heard", self.heard());
                std::thread::yield_now();
            }
        }
    }
}
