//! The feeder: reads stems off the audio thread and keeps the rings of the decks filled.
//!
//! A [`Source`] is one opened stem with the feeder's ends of its tracks' rings; the callback's
//! ends ([`LaneEnd`]) go into a deck. A [`Supply`] is all sources of one deck with the [`Plan`]
//! it plays. [`Feeder::feed`] hands a supply to the workers, which walk the plan (loops unrolled,
//! seams exact to the sample) and push full blocks; only the block before the deck's end may be
//! shorter. [`FeedHandle::retire`] takes the supply back, to be re-planned for another deck.
//!
//! [`Plan`]: crate::plan::Plan
//!
//! # Threads
//!
//! ```text
//! controller ── feed, kick, retire ──▶ pool ◀── take the emptiest, put back ── workers (2)
//! controller ◀── FeederEvent (mpsc) ──────────────────────────────────────────────┘ │
//! callback   ◀── full ring ── blocks ─────────────────────────────────────────────────┤
//! callback   ─── free ring ── blocks ───────────────────────────────────────────────▶─┘
//! ```
//!
//! *The callback* only ever pops `full` and pushes `free`. It takes no lock, wakes nobody and is
//! never waited for; all that the feeder knows of it is the length of the rings.
//!
//! *Workers* share one list of sources under one lock (the pool). A worker takes the source with
//! the emptiest ring, fills up to 4096 frames of each of its lanes with the pool unlocked, and
//! looks again. It holds the source's head (reader and place in the plan) for that turn, but its
//! lanes only while it takes a block or pushes one; so a read that hangs keeps one worker and one
//! block per lane, and nothing else: the other worker serves the other sources, and how full the
//! rings are can still be told. Every block is pushed as soon as it is filled.
//!
//! *Sleep.* When no ring is a sixteenth (or what [`FeederOptions::refill`] says) empty, one worker naps for an eighth of the rings'
//! playing time (15 to 60 ms). The others sleep four times as long: they are there for work that
//! is urgent (rings under half), of which a worker on its way to a source tells one of them, and
//! for the case that the napping worker went to a source and hangs. When nothing is left to be
//! filled, all sleep until called. That is fewer than 100 wake-ups per second whatever the number
//! of stems. `feed`, `retire` and [`Feeder::kick`] need no nap to pass.
//!
//! *Locks*, in the order they may be taken: pool, waiting list of a supply, lanes of a source. A
//! head is locked by the worker that took the source, before any of them, and otherwise only
//! while the supply is in nobody's hands. Call-backs ([`FeedHandle::on_primed`]) run with none of
//! the three.
//!
//! *Retiring* stops the pushing at once and then waits, as long as it is told to, for a worker to
//! leave; one inside a hanging read leaves later ([`StillReading`]). The files' readers never
//! change threads while they work, and are sought lazily, by the worker that fills the first
//! block of a plan.

mod event;
mod feed;
mod handle;
mod head;
mod lane;
mod memory;
mod pool;
mod source;
#[cfg(test)]
mod tests;

pub use event::FeederEvent;
pub use handle::{FeedHandle, StillReading};
pub use lane::{BLOCK_FRAMES, FeedBlock, LaneEnd, RING_LEN, lane_blocks};
pub use source::{Source, Supply};

use std::io;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use feed::Feed;
use pool::Shared;

/// How long a feeder that is dropped waits for its workers.
const FAREWELL: Duration = Duration::from_secs(1);

/// How a feeder works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeederOptions {
    /// Threads, at least 1. Two are enough for any number of stems; the second one is there, on a
    /// single core too, so that a read that hangs doesn't silence the other stems.
    pub workers: usize,
    /// Playing time of the rings, from which follows how long workers may sleep.
    pub ring: Duration,
    /// A ring is seen to when one part in so many of it is empty: 16 (the default) keeps rings full,
    /// less makes fewer and longer reads, for who waits for them.
    pub refill: usize,
}

impl Default for FeederOptions {
    fn default() -> Self {
        Self {
            workers: 2,
            ring: Duration::from_millis(500),
            refill: 16,
        }
    }
}

/// The worker threads that read stems and fill blocks, for any number of decks.
///
/// Dropping it ends them; one inside a hanging read is left to itself after a second.
pub struct Feeder {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Feeder {
    /// Starts the workers. What they have to report goes to `events`.
    ///
    /// # Errors
    /// What the system said when not a single thread could be started: memory or the limit on
    /// threads has run out.
    pub fn new(options: FeederOptions, events: Sender<FeederEvent>) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(options.ring, options.refill, events));
        let mut workers = Vec::new();
        for i in 0..options.workers.max(1) {
            shared.enlist();
            let worker = shared.clone();
            let started = thread::Builder::new()
                .name(format!("feeder-{i}"))
                .spawn(move || worker.work());
            match started {
                Ok(handle) => workers.push(handle),
                Err(error) => {
                    shared.discharge();
                    if workers.is_empty() {
                        return Err(error);
                    }
                    // One worker does it, too, as long as no read hangs.
                    break;
                }
            }
        }
        Ok(Self { shared, workers })
    }

    /// Has a supply's rings filled from now on.
    pub fn feed(&self, supply: Supply) -> FeedHandle {
        let feed = Arc::new(Feed::new(supply));
        self.shared.enter(&feed);
        FeedHandle {
            shared: self.shared.clone(),
            feed,
        }
    }

    /// Wakes the workers now. For who plays faster than real time: call it whenever blocks are
    /// missing, then [`FeedHandle::wait_primed`].
    pub fn kick(&self) {
        self.shared.kick();
    }

    /// How often workers have woken from sleep so far, all together.
    pub fn wakeups(&self) -> u64 {
        self.shared.wakeups()
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        if self.shared.shut_down(FAREWELL) {
            for worker in self.workers.drain(..) {
                // A worker's own panic was reported when it happened.
                let _ = worker.join();
            }
        }
    }
}

/// Locks; what a panicking thread left behind is as good as anything, since nothing in the
/// feeder panics half way through a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
