//! Reading heads: a file's reader that walks a plan and fills blocks.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use engine_core::block::Tag;
use engine_core::ticket::Ticket;

use super::lane::{BLOCK_FRAMES, FeedBlock, layout};
use super::memory::{LoopMemory, planes_of};
use crate::media::{MediaError, Reader};
use crate::plan::Plan;

/// Channels that are read without a list on the heap.
const FEW_CHANNELS: usize = 16;

/// What went wrong while a block was filled; each kind is told once.
#[derive(Debug, PartialEq)]
pub(super) enum Trouble {
    /// Nothing more comes from song frame `frame` on.
    Damaged { frame: u64, what: String },
    /// `count` samples were not finite, in the block that begins with song frame `frame`.
    NonFinite { frame: u64, count: u32 },
}

/// What [`Head::fill`] did.
#[derive(Debug, Default)]
pub(super) struct Filled {
    /// The block is the deck's last one.
    pub last: bool,
    pub damaged: Option<Trouble>,
    pub non_finite: Option<Trouble>,
}

/// One stem's reader and its place in the plan.
pub(super) struct Head {
    reader: Box<dyn Reader>,
    rate: u32,
    channels: usize,
    /// Channels of the file that a block takes.
    width: usize,
    /// Song frames of silence before the stem's first frame.
    offset: u64,
    /// The stem's length, where its file tells it.
    end: Option<u64>,
    plan: Plan,
    deck_len: u64,
    /// Deck frame of the next block.
    deck: u64,
    /// What is left of the piece being played, in song frames.
    piece: Range<u64>,
    /// The stem frame that the reader gives next, where known.
    at: Option<u64>,
    /// The stem frame from which on there is nothing: its end or its damage, once met.
    limit: u64,
    memory: LoopMemory,
    told_damage: bool,
    told_non_finite: bool,
}

impl Head {
    pub(super) fn new(reader: Box<dyn Reader>, offset: u64) -> Self {
        let spec = reader.spec();
        let (rate, channels, end) = (spec.rate, spec.channels, spec.frames);
        Self {
            reader,
            end,
            rate,
            channels,
            width: layout(channels).1,
            offset,
            plan: Plan::new(0, 0),
            deck_len: 0,
            deck: 0,
            piece: 0..0,
            at: None,
            limit: u64::MAX,
            memory: LoopMemory::new(channels),
            told_damage: false,
            told_non_finite: false,
        }
    }

    /// Starts over with another plan. The file is sought when the next block is filled.
    pub(super) fn replan(&mut self, plan: Plan) {
        self.plan = plan;
        self.deck_len = plan.deck_len().unwrap_or(u64::MAX);
        self.deck = 0;
        self.piece = 0..0;
        let short = plan
            .active_loop()
            .filter(|l| l.b - l.a < u64::from(self.rate));
        self.memory.keep(short.map_or(0..0, |l| {
            // What lies in the offset is silence and never read.
            l.a.max(self.offset).min(l.b)..l.b
        }));
    }

    /// Fills the next block of every lane: tags and samples. The caller stops at `last`, and
    /// doesn't come at all when the plan has no frames.
    pub(super) fn fill(&mut self, hand: &mut [FeedBlock], ticket: Ticket) -> Filled {
        let left = self.deck_len - self.deck;
        let len = left.min(BLOCK_FRAMES as u64) as usize;
        let mut filled = Filled {
            last: left == len as u64,
            ..Filled::default()
        };
        let first_song_frame = self.plan.song_frame(self.deck);
        // Silence is written only where sound stands in the same block.
        let mut sound = false;
        let mut done = 0;
        while done < len {
            if self.piece.is_empty() {
                let deck = self.deck + done as u64;
                let Some(piece) = self.plan.piece_at(deck) else {
                    break;
                };
                self.piece = piece.song;
            }
            let song = self.piece.start;
            let want = (self.piece.end - song).min((len - done) as u64) as usize;
            let (frames, loud) = match song.checked_sub(self.offset) {
                None => (want.min(clamp(self.offset - song)), false),
                Some(stem) if stem >= self.limit => (want, false),
                Some(stem) => {
                    let want = want.min(clamp(self.limit - stem));
                    let got = self.sound(song, stem, want, hand, done, &mut filled.damaged);
                    (got, got > 0)
                }
            };
            if loud && !sound {
                sound = true;
                silence(hand, self.width, 0..done);
            } else if sound && !loud {
                silence(hand, self.width, done..done + frames);
            }
            self.piece.start += frames as u64;
            done += frames;
        }
        let mut bad = 0;
        for block in hand.iter_mut() {
            block.tag = Tag {
                ticket,
                start_frame: self.deck,
                len: len as u32,
                peak: [0.0; 2],
            };
            if sound && self.reader.is_clean() {
                block.seal_clean(self.width);
            } else if sound {
                bad += block.seal(self.width);
            }
        }
        if bad > 0 && !self.told_non_finite {
            self.told_non_finite = true;
            filled.non_finite = Some(Trouble::NonFinite {
                frame: first_song_frame,
                count: bad,
            });
        }
        self.deck += len as u64;
        filled
    }

    /// Gets up to `want` frames (at least one, all of them before `limit`) of the stem. Returns
    /// how many; 0 when the stem's end or its damage was met, which moves `limit`.
    fn sound(
        &mut self,
        song: u64,
        stem: u64,
        want: usize,
        hand: &mut [FeedBlock],
        done: usize,
        damaged: &mut Option<Trouble>,
    ) -> usize {
        let kept = self.memory.copy(song, want, hand, self.width, done);
        if kept > 0 {
            return kept;
        }
        match self.read(stem, want, hand, done) {
            Ok(0) => {
                self.limit = stem;
                0
            }
            Ok(got) => {
                self.memory.record(song, got, hand, self.width, done);
                let (song, stem) = (song + got as u64, stem + got as u64);
                let over = song >= self.piece.end && self.end.is_none_or(|end| stem >= end);
                if over && stem < self.limit {
                    // A song may be as long as what there is of the stem, and nobody asks for more.
                    // Whether there ought to be more shows only when somebody does.
                    self.look_behind(song, stem, damaged);
                }
                got
            }
            Err(problem) => {
                self.give_up(song, stem, &problem, damaged);
                0
            }
        }
    }

    /// Nothing more comes of the stem.
    fn give_up(&mut self, song: u64, stem: u64, problem: &Problem, damaged: &mut Option<Trouble>) {
        // After a panic nothing the reader says can be relied upon.
        self.limit = if matches!(problem, Problem::Panic) {
            0
        } else {
            stem
        };
        self.at = None;
        if !self.told_damage {
            self.told_damage = true;
            *damaged = Some(Trouble::Damaged {
                frame: song,
                what: self.sentence(problem),
            });
        }
    }

    /// Whether the stem, all of whose frames have been read, is cut off there.
    fn look_behind(&mut self, song: u64, stem: u64, damaged: &mut Option<Trouble>) {
        let mut frame = vec![0.0f32; self.channels];
        let mut planes: Vec<&mut [f32]> = frame.chunks_mut(1).collect();
        match guarded(|| self.reader.read(&mut planes)) {
            Ok(0) => self.limit = stem,
            // It was only the piece's end. The frame is read again when it is wanted.
            Ok(_) => self.at = None,
            Err(problem) => self.give_up(song, stem, &problem, damaged),
        }
    }

    /// Reads from the file, seeking first when the reader isn't there.
    fn read(
        &mut self,
        stem: u64,
        want: usize,
        hand: &mut [FeedBlock],
        done: usize,
    ) -> Result<usize, Problem> {
        if self.at != Some(stem) {
            self.at = None;
            guarded(|| self.reader.seek(stem))?;
            self.at = Some(stem);
        }
        let planes = planes_of(hand, self.width).map(|plane| &mut plane[done..done + want]);
        let got = if self.channels <= FEW_CHANNELS {
            let mut few: [&mut [f32]; FEW_CHANNELS] = std::array::from_fn(|_| Default::default());
            few.iter_mut()
                .zip(planes)
                .for_each(|(to, plane)| *to = plane);
            guarded(|| self.reader.read(&mut few[..self.channels]))?
        } else {
            let mut many: Vec<_> = planes.collect();
            guarded(|| self.reader.read(&mut many))?
        };
        let got = got.min(want);
        self.at = Some(stem + got as u64);
        Ok(got)
    }

    fn sentence(&self, problem: &Problem) -> String {
        match problem {
            Problem::Media(error) => error.to_string(),
            Problem::Panic => format!(
                "{}: its decoder failed on the file's content",
                self.reader.spec().path.display()
            ),
        }
    }
}

/// Why a reader gave nothing.
enum Problem {
    Media(MediaError),
    Panic,
}

/// Calls a reader; a decoder that panics on some file must not take the feeder with it.
fn guarded<T>(call: impl FnOnce() -> Result<T, MediaError>) -> Result<T, Problem> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(Problem::Media),
        Err(_) => Err(Problem::Panic),
    }
}

fn silence(hand: &mut [FeedBlock], width: usize, frames: Range<usize>) {
    planes_of(hand, width).for_each(|plane| plane[frames.clone()].fill(0.0));
}

/// A distance that only matters up to a block.
fn clamp(frames: u64) -> usize {
    frames.min(BLOCK_FRAMES as u64) as usize
}
