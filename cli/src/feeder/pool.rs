//! The pool: which source is served next, by which worker, and when workers sleep.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::event::FeederEvent;
use super::feed::Feed;
use super::head::Trouble;
use super::lane::{BLOCK_FRAMES, FeedBlock};
use super::lock;

/// Blocks per lane that a worker fills before it looks again who needs it most.
const TURN_BLOCKS: usize = 4096 / BLOCK_FRAMES;

/// One source in the pool.
struct Entry {
    feed: Arc<Feed>,
    source: usize,
    /// A worker is at it.
    busy: bool,
    /// To be forgotten as soon as no worker is at it.
    leaving: bool,
}

/// What workers, handles and the feeder share.
pub(super) struct Shared {
    pool: Mutex<Pool>,
    /// Wakes workers.
    work: Condvar,
    /// Tells that a worker has left a retired source, or has ended.
    left: Condvar,
    wakeups: AtomicU64,
    nap: Duration,
    guard: Duration,
    refill: usize,
    events: Sender<FeederEvent>,
}

#[derive(Default)]
struct Pool {
    entries: Vec<Entry>,
    /// A worker sleeps that will wake in time for the next refill.
    watched: bool,
    workers: usize,
    shutdown: bool,
}

impl Pool {
    /// The source with the emptiest ring that is worth serving and not being served, and whether
    /// another one is in need as well.
    fn pick(&self, refill: usize) -> Option<(usize, bool)> {
        let mut best: Option<(u64, usize)> = None;
        let mut low = 0;
        for (i, entry) in self.entries.iter().enumerate() {
            if entry.busy || entry.leaving {
                continue;
            }
            let Some(hunger) = entry.feed.hunger(entry.source, refill) else {
                continue;
            };
            low += usize::from(hunger.low);
            if best.is_none_or(|(fill, _)| hunger.fill < fill) {
                best = Some((hunger.fill, i));
            }
        }
        best.map(|(_, i)| (i, low > 1))
    }

    fn is_active(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| !entry.leaving && entry.feed.is_active(entry.source))
    }
}

impl Shared {
    /// `ring` is the playing time of the rings; see [`FeederOptions`](super::FeederOptions).
    pub(super) fn new(ring: Duration, refill: usize, events: Sender<FeederEvent>) -> Self {
        let (nap, guard) = rhythm(ring);
        Self {
            pool: Mutex::default(),
            work: Condvar::new(),
            left: Condvar::new(),
            wakeups: AtomicU64::new(0),
            nap,
            guard,
            refill,
            events,
        }
    }

    pub(super) fn wakeups(&self) -> u64 {
        self.wakeups.load(Ordering::Relaxed)
    }

    /// Hands a supply's sources to the workers.
    pub(super) fn enter(&self, feed: &Arc<Feed>) {
        lock(&self.pool)
            .entries
            .extend((0..feed.sources()).map(|source| Entry {
                feed: feed.clone(),
                source,
                busy: false,
                leaving: false,
            }));
        self.work.notify_all();
    }

    pub(super) fn kick(&self) {
        // The lock makes sure that no worker is between looking at the rings and falling asleep.
        drop(lock(&self.pool));
        self.work.notify_all();
    }

    /// Takes a supply's sources from the workers. Those that a worker is at are told to be left.
    pub(super) fn withdraw(&self, feed: &Arc<Feed>) {
        feed.stop();
        let mut pool = lock(&self.pool);
        pool.entries.retain_mut(|entry| {
            let ours = Arc::ptr_eq(&entry.feed, feed);
            entry.leaving |= ours;
            !ours || entry.busy
        });
    }

    /// Waits up to `wait` until no worker is at a withdrawn supply.
    pub(super) fn wait_left(&self, feed: &Arc<Feed>, wait: Duration) -> bool {
        let pool = lock(&self.pool);
        let there = |pool: &mut Pool| pool.entries.iter().any(|e| Arc::ptr_eq(&e.feed, feed));
        match self.left.wait_timeout_while(pool, wait, there) {
            Ok((_, timeout)) => !timeout.timed_out(),
            Err(poisoned) => !poisoned.into_inner().1.timed_out(),
        }
    }

    /// The sources of a supply that a worker is at.
    pub(super) fn busy(&self, feed: &Arc<Feed>) -> Vec<usize> {
        lock(&self.pool)
            .entries
            .iter()
            .filter(|entry| entry.busy && Arc::ptr_eq(&entry.feed, feed))
            .map(|entry| entry.source)
            .collect()
    }

    /// Notes that a worker is about to start.
    pub(super) fn enlist(&self) {
        lock(&self.pool).workers += 1;
    }

    /// Notes that a worker has ended or couldn't be started.
    pub(super) fn discharge(&self) {
        lock(&self.pool).workers -= 1;
        self.left.notify_all();
    }

    /// Ends all workers, and waits up to `wait` for them. One inside a hanging read stays.
    pub(super) fn shut_down(&self, wait: Duration) -> bool {
        let feeds: Vec<_> = {
            let mut pool = lock(&self.pool);
            pool.shutdown = true;
            pool.entries.iter().map(|e| e.feed.clone()).collect()
        };
        self.work.notify_all();
        // Without the lock: it drops call-backs, which may own a handle.
        feeds.iter().for_each(|feed| feed.stop());
        drop(feeds);
        let pool = lock(&self.pool);
        match self
            .left
            .wait_timeout_while(pool, wait, |pool| pool.workers > 0)
        {
            Ok((_, timeout)) => !timeout.timed_out(),
            Err(poisoned) => !poisoned.into_inner().1.timed_out(),
        }
    }

    /// What a worker does all its life.
    pub(super) fn work(&self) {
        let mut hand = Vec::new();
        let mut pool = lock(&self.pool);
        while !pool.shutdown {
            let Some((i, more)) = pool.pick(self.refill) else {
                pool = self.sleep(pool);
                continue;
            };
            let entry = &mut pool.entries[i];
            entry.busy = true;
            let (feed, source) = (entry.feed.clone(), entry.source);
            drop(pool);
            if more {
                self.work.notify_one();
            }
            self.turn(&feed, source, &mut hand);
            pool = lock(&self.pool);
            let ours = |e: &Entry| e.source == source && Arc::ptr_eq(&e.feed, &feed);
            if let Some(i) = pool.entries.iter().position(ours) {
                if pool.entries[i].leaving {
                    pool.entries.swap_remove(i);
                    self.left.notify_all();
                } else {
                    pool.entries[i].busy = false;
                }
            }
        }
        drop(pool);
        self.discharge();
    }

    /// Sleeps until rings may need a refill. One worker naps; the others sleep longer and only
    /// make sure that a napper who went to work and hangs in a read is replaced in time.
    fn sleep<'a>(&self, mut pool: MutexGuard<'a, Pool>) -> MutexGuard<'a, Pool> {
        let napper = !pool.watched;
        let pool = if !pool.is_active() {
            self.work.wait(pool).unwrap_or_else(PoisonError::into_inner)
        } else {
            let time = if napper { self.nap } else { self.guard };
            pool.watched = true;
            let mut pool = match self.work.wait_timeout(pool, time) {
                Ok((pool, _)) => pool,
                Err(poisoned) => poisoned.into_inner().0,
            };
            if napper {
                pool.watched = false;
            }
            pool
        };
        self.wakeups.fetch_add(1, Ordering::Relaxed);
        pool
    }

    /// Fills blocks of one source until its rings are full, its deck ends or its turn is over.
    fn turn(&self, feed: &Feed, source: usize, hand: &mut Vec<FeedBlock>) {
        let slot = feed.slot(source);
        let mut head = lock(&slot.head);
        for _ in 0..TURN_BLOCKS {
            if feed.is_stopped() || !lock(&slot.lanes).take(hand) {
                break;
            }
            let filled = head.fill(hand, feed.ticket());
            for trouble in filled.damaged.into_iter().chain(filled.non_finite) {
                // Nobody listens any more when the controller has ended.
                let _ = self.events.send(event(feed, source, trouble));
            }
            {
                let mut lanes = lock(&slot.lanes);
                if feed.is_stopped() {
                    lanes.put_back(hand);
                    break;
                }
                lanes.push(hand, filled.last);
            }
            feed.pushed(source);
            if filled.last {
                break;
            }
        }
    }
}

fn event(feed: &Feed, source: usize, trouble: Trouble) -> FeederEvent {
    let (ticket, name) = (feed.ticket(), feed.slot(source).name.clone());
    match trouble {
        Trouble::Damaged { frame, what } => FeederEvent::Damaged {
            ticket,
            source,
            name,
            frame,
            what,
        },
        Trouble::NonFinite { frame, count } => FeederEvent::NonFinite {
            ticket,
            source,
            name,
            frame,
            count,
        },
    }
}

/// How long the napper and the others sleep, for rings of a playing time: the napper an eighth of
/// it, 15 to 60 ms; the others four times as long but at most half of it. With two workers that
/// is under 100 wake-ups per second for rings of 60 ms and more.
fn rhythm(ring: Duration) -> (Duration, Duration) {
    const SHORTEST: Duration = Duration::from_millis(15);
    const LONGEST: Duration = Duration::from_millis(60);
    let half = (ring / 2).max(Duration::from_millis(1));
    let nap = (ring / 8).clamp(SHORTEST, LONGEST).min(half);
    (nap, (nap * 4).min(half).max(nap))
}

#[cfg(test)]
mod tests {
    use super::super::tests::stem_supply;
    use super::*;

    #[test]
    fn the_emptiest_source_of_all_decks_is_next() {
        let shared = Shared::new(Duration::from_secs(1), 16, std::sync::mpsc::channel().0);
        let (first, _ends) = stem_supply(3, 60);
        let (second, _ends) = stem_supply(1, 60);
        let (first, second) = (Arc::new(Feed::new(first)), Arc::new(Feed::new(second)));
        let mut hand = Vec::new();
        shared.enter(&first);
        for source in [0, 0, 1, 2, 2] {
            shared.turn(&first, source, &mut hand);
        }
        shared.enter(&second);
        let pick = || lock(&shared.pool).pick(16);
        assert_eq!(pick(), Some((3, true)));
        shared.turn(&second, 0, &mut hand);
        shared.turn(&second, 0, &mut hand);
        // Only one source is under half of its 60 blocks now.
        assert_eq!(pick(), Some((1, false)));
        lock(&shared.pool).entries[1].busy = true;
        assert_eq!(pick(), Some((0, false)));
        // A sixteenth of 60 is 3 blocks: nothing to do above 57.
        for _ in 0..2 {
            shared.turn(&first, 0, &mut hand);
        }
        assert_ne!(pick(), Some((0, false)));
        shared.withdraw(&first);
        shared.turn(&second, 0, &mut hand);
        shared.turn(&second, 0, &mut hand);
        assert_eq!(pick(), None);
        assert!(lock(&shared.pool).is_active());
        // The one a worker is at.
        assert_eq!(shared.busy(&first), [1]);
        assert!(!shared.wait_left(&first, Duration::ZERO));
    }

    #[test]
    fn sleeps_fit_the_ring_and_the_wakeup_budget() {
        let ms = Duration::from_millis;
        assert_eq!(rhythm(ms(2000)), (ms(60), ms(240)));
        assert_eq!(rhythm(ms(400)), (ms(50), ms(200)));
        assert_eq!(rhythm(ms(80)), (ms(15), ms(40)));
        assert_eq!(rhythm(ms(20)), (ms(10), ms(10)));
        assert_eq!(rhythm(Duration::ZERO), (ms(1), ms(1)));
        for ring in 61..3000 {
            let (nap, guard) = rhythm(ms(ring));
            assert!(nap * 2 <= ms(ring));
            assert!(1.0 / nap.as_secs_f64() + 1.0 / guard.as_secs_f64() < 100.0);
        }
    }
}
