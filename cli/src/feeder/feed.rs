//! One supply in the feeder's hands, and who waits for it to be primed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use engine_core::ticket::Ticket;

use super::lane::Hunger;
use super::lock;
use super::source::{Slot, Supply};
use crate::plan::Plan;

/// Called once when a supply is primed.
type Call = Box<dyn FnOnce() + Send>;

/// Stands for no wait. Nobody waits for as many: [`Feed::is_primed`] means the same by less.
const NOBODY: u64 = u64::MAX;

pub(super) struct Feed {
    ticket: Ticket,
    plan: Plan,
    slots: Vec<Arc<Slot>>,
    /// Kept until the supply is given back.
    supply: Mutex<Option<Supply>>,
    stopped: AtomicBool,
    /// The least number of frames anybody waits for, [`NOBODY`] when nobody does.
    least: AtomicU64,
    waiting: Mutex<Waiting>,
    primed: Condvar,
}

#[derive(Default)]
struct Waiting {
    /// Frames that sleepers in `wait_primed` want.
    sleepers: Vec<u64>,
    calls: Vec<(u64, Call)>,
}

impl Waiting {
    fn least(&self) -> u64 {
        let calls = self.calls.iter().map(|(frames, _)| *frames);
        let sleepers = self.sleepers.iter().copied();
        sleepers.chain(calls).min().unwrap_or(NOBODY)
    }
}

impl Feed {
    pub(super) fn new(supply: Supply) -> Self {
        Self {
            ticket: supply.ticket(),
            plan: *supply.plan(),
            slots: supply.sources.iter().map(|s| s.slot.clone()).collect(),
            supply: Mutex::new(Some(supply)),
            stopped: AtomicBool::new(false),
            least: AtomicU64::new(NOBODY),
            waiting: Mutex::default(),
            primed: Condvar::new(),
        }
    }

    pub(super) fn ticket(&self) -> Ticket {
        self.ticket
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(super) fn sources(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn slot(&self, source: usize) -> &Slot {
        &self.slots[source]
    }

    pub(super) fn hunger(&self, source: usize, refill: usize) -> Option<Hunger> {
        lock(&self.slots[source].lanes).hunger(refill)
    }

    pub(super) fn is_active(&self, source: usize) -> bool {
        lock(&self.slots[source].lanes).is_active()
    }

    /// Says that nothing more is to be pushed. After this call nothing is.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        // A worker looks at the flag and pushes under one lock.
        for slot in &self.slots {
            drop(lock(&slot.lanes));
        }
        // Nobody need wait for what won't come.
        let calls = {
            let mut waiting = lock(&self.waiting);
            self.primed.notify_all();
            std::mem::take(&mut waiting.calls)
        };
        drop(calls);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// The supply, once no worker is at it any more.
    pub(super) fn give_back(&self) -> Option<Supply> {
        lock(&self.supply).take()
    }

    pub(super) fn fill_frames(&self) -> u64 {
        let fills = self.slots.iter().filter_map(|s| lock(&s.lanes).fill());
        fills.min().unwrap_or(0)
    }

    pub(super) fn is_primed(&self, frames: u64) -> bool {
        self.slots
            .iter()
            .all(|slot| lock(&slot.lanes).is_primed(frames))
    }

    pub(super) fn wait_primed(&self, frames: u64, deadline: Instant) -> bool {
        let frames = frames.min(NOBODY - 1);
        let mut waiting = lock(&self.waiting);
        waiting.sleepers.push(frames);
        self.least.store(waiting.least(), Ordering::Release);
        let primed = loop {
            if self.is_primed(frames) {
                break true;
            }
            let now = Instant::now();
            if now >= deadline || self.is_stopped() {
                break false;
            }
            waiting = match self.primed.wait_timeout(waiting, deadline - now) {
                Ok((waiting, _)) => waiting,
                Err(poisoned) => poisoned.into_inner().0,
            };
        };
        if let Some(i) = waiting.sleepers.iter().position(|f| *f == frames) {
            waiting.sleepers.swap_remove(i);
        }
        let others = waiting.least() != u64::MAX;
        self.least.store(waiting.least(), Ordering::Release);
        drop(waiting);
        if others {
            self.tell_primed();
        }
        primed
    }

    pub(super) fn on_primed(&self, frames: u64, call: Call) {
        {
            let mut waiting = lock(&self.waiting);
            waiting.calls.push((frames.min(NOBODY - 1), call));
            self.least.store(waiting.least(), Ordering::Release);
        }
        self.tell_primed();
    }

    /// A worker has pushed a block of a source. Cheap unless somebody waits and this source came
    /// to have what is waited for with this very block.
    pub(super) fn pushed(&self, source: usize) {
        let least = self.least.load(Ordering::Acquire);
        if least != NOBODY && lock(&self.slots[source].lanes).is_just_primed(least) {
            self.tell_primed();
        }
    }

    /// Wakes sleepers and makes the calls whose wait is over.
    fn tell_primed(&self) {
        let mut due = Vec::new();
        {
            let mut waiting = lock(&self.waiting);
            loop {
                // Before looking, so that a push after the look finds it.
                self.least.store(waiting.least(), Ordering::Release);
                if self.is_stopped() {
                    due.append(&mut waiting.calls);
                    break;
                }
                let least = waiting.least();
                if least == u64::MAX || !self.is_primed(least) {
                    break;
                }
                self.primed.notify_all();
                let calls = std::mem::take(&mut waiting.calls);
                let (primed, rest): (Vec<_>, _) = calls
                    .into_iter()
                    .partition(|(frames, _)| self.is_primed(*frames));
                waiting.calls = rest;
                if primed.is_empty() {
                    // It is a sleeper, who looks for the others when it leaves.
                    break;
                }
                due.extend(primed);
            }
        }
        for (_, call) in due {
            if !self.is_stopped() {
                // Someone else's code; it must not take the worker with it.
                let _ = catch_unwind(AssertUnwindSafe(call));
            }
        }
    }
}
