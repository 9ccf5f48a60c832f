//! The seat: an engine that its owner lends to a driver for one callback at a time.
//!
//! The owner (the player's controller) keeps the engine; a driver holds a [`Borrower`] and enters
//! through it once per callback. The owner takes the engine back by an acknowledged hand-shake:
//! it withdraws the permission, then waits, with a bound, until the driver has been seen outside.
//! A driver that never comes out is abandoned together with the engine.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering, fence};

use crate::backend::{Played, Process};
use crate::outside::Outside;

struct Shared<E> {
    engine: UnsafeCell<E>,
    /// Written by the owner: the driver may enter.
    lent: AtomicBool,
    /// Written by the driver: it is inside.
    inside: AtomicBool,
}

// SAFETY: `engine` is reached by the borrower only between its store `inside = true` followed by a
// load `lent == true`, and by the owner only after its store `lent = false` followed by a load
// `inside == false`. A sequentially consistent fence stands between store and load on both
// sides, so at least one of the two sees the other's store (Dekker): they are never both in.
unsafe impl<E: Send> Sync for Shared<E> {}

/// The owner's side. Not lent at first.
pub struct Seat<E> {
    shared: Arc<Shared<E>>,
    lent: bool,
    /// Since the permission was withdrawn, the driver has been seen outside.
    back: bool,
    borrowed: bool,
}

/// The driver's side: borrows the engine for one call at a time.
pub struct Borrower<E> {
    shared: Arc<Shared<E>>,
}

impl<E> Seat<E> {
    /// Seats an engine.
    pub fn new(engine: E) -> Self {
        Self {
            shared: Arc::new(Shared {
                engine: UnsafeCell::new(engine),
                lent: AtomicBool::new(false),
                inside: AtomicBool::new(false),
            }),
            lent: false,
            back: true,
            borrowed: false,
        }
    }

    /// The driver's side, once; `None` while one exists already.
    pub fn borrower(&mut self) -> Option<Borrower<E>> {
        if self.borrowed {
            // Only the borrower itself holds the second reference.
            if Arc::strong_count(&self.shared) > 1 {
                return None;
            }
            // The count is read relaxed. What the last borrower did to the engine comes before its
            // release of the count, and so before whatever the next one does.
            fence(Ordering::Acquire);
        }
        self.borrowed = true;
        Some(Borrower {
            shared: self.shared.clone(),
        })
    }

    /// Lets the driver in from now on.
    pub fn lend(&mut self) {
        self.lent = true;
        self.back = false;
        self.shared.lent.store(true, Ordering::Release);
    }

    /// Withdraws the permission. The driver may still be inside: see [`Seat::engine`].
    pub fn withdraw(&mut self) {
        self.lent = false;
        self.shared.lent.store(false, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// The engine itself: `None` while it is lent, or withdrawn but the driver has not come out yet.
    pub fn engine(&mut self) -> Option<&mut E> {
        if self.lent {
            return None;
        }
        if !self.back {
            // Once seen outside it stays out: it may still knock, but finds `lent` false.
            self.back = !self.shared.inside.load(Ordering::Acquire);
            if !self.back {
                return None;
            }
        }
        // SAFETY: `lent` is false and the fence in `withdraw` (or the birth of the seat) came
        // before the load of `inside`, see `Shared`. `&mut self` keeps other owners' borrows out.
        Some(unsafe { &mut *self.shared.engine.get() })
    }
}

impl<E> Borrower<E> {
    /// Runs `f` on the engine if it is lent. Never blocks; two loads, two stores, one fence.
    #[inline]
    pub fn enter<R>(&mut self, f: impl FnOnce(&mut E) -> R) -> Option<R> {
        let shared = &*self.shared;
        shared.inside.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let result = if shared.lent.load(Ordering::Acquire) {
            // SAFETY: see `Shared`; `&mut self` and the single borrower keep other drivers out.
            Some(f(unsafe { &mut *shared.engine.get() }))
        } else {
            None
        };
        shared.inside.store(false, Ordering::Release);
        result
    }
}

impl<E: Process + ?Sized> Process for Box<E> {
    #[inline]
    fn process(&mut self, planes: &mut [&mut [f32]], frames: usize) -> Played {
        (**self).process(planes, frames)
    }

    #[inline]
    fn ready(&mut self, frames: usize) -> bool {
        (**self).ready(frames)
    }

    #[inline]
    fn follow(&mut self, outside: Outside) {
        (**self).follow(outside);
    }

    #[inline]
    fn in_step(&mut self) -> bool {
        (**self).in_step()
    }
}

impl<E: Process> Process for Borrower<E> {
    #[inline]
    #[cfg_attr(rtsan, sanitize(realtime = "nonblocking"))]
    fn process(&mut self, planes: &mut [&mut [f32]], frames: usize) -> Played {
        match self.enter(|engine| engine.process(planes, frames)) {
            Some(played) => played,
            None => {
                for plane in planes.iter_mut() {
                    let n = frames.min(plane.len());
                    if let Some(p) = plane.get_mut(..n) {
                        p.fill(0.0);
                    }
                }
                Played::Silence
            }
        }
    }

    #[inline]
    #[cfg_attr(rtsan, sanitize(realtime = "nonblocking"))]
    fn ready(&mut self, frames: usize) -> bool {
        self.enter(|engine| engine.ready(frames)).unwrap_or(true)
    }

    #[inline]
    #[cfg_attr(rtsan, sanitize(realtime = "nonblocking"))]
    fn follow(&mut self, outside: Outside) {
        self.enter(|engine| engine.follow(outside));
    }

    #[inline]
    #[cfg_attr(rtsan, sanitize(realtime = "nonblocking"))]
    fn in_step(&mut self) -> bool {
        self.enter(Process::in_step).unwrap_or(true)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn a_driver_enters_only_while_lent() {
        let mut seat = Seat::new(1u32);
        let mut b = seat.borrower().unwrap();
        assert!(seat.borrower().is_none());
        assert_eq!(b.enter(|e| *e), None);
        seat.lend();
        assert!(seat.engine().is_none());
        assert_eq!(
            b.enter(|e| {
                *e += 1;
                *e
            }),
            Some(2)
        );
        seat.withdraw();
        assert_eq!(b.enter(|e| *e), None);
        assert_eq!(seat.engine().copied(), Some(2));
        drop(b);
        assert!(seat.borrower().is_some());
    }

    #[test]
    fn the_next_driver_comes_after_the_last_one() {
        // Two drivers on two threads, one after the other, with nothing but the seat between them.
        let mut seat = Seat::new(0u64);
        seat.lend();
        let mut drivers = std::vec::Vec::new();
        for _ in 0..if cfg!(miri) { 5 } else { 50 } {
            let mut b = loop {
                match seat.borrower() {
                    Some(b) => break b,
                    None => std::thread::yield_now(),
                }
            };
            drivers.push(std::thread::spawn(move || {
                assert!(b.enter(|e| *e += 1).is_some());
            }));
        }
        for driver in drivers {
            driver.join().unwrap();
        }
        seat.withdraw();
        assert_eq!(
            seat.engine().copied(),
            Some(if cfg!(miri) { 5 } else { 50 })
        );
    }

    #[test]
    fn owner_and_driver_are_never_both_inside() {
        let rounds = if cfg!(miri) { 50 } else { 20_000 };
        // Two plain counters that only stay equal if every entry is exclusive.
        let mut seat = Seat::new((0u64, 0u64));
        let mut b = seat.borrower().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let s = stop.clone();
        let driver = std::thread::spawn(move || {
            while !s.load(Ordering::Relaxed) {
                b.enter(|e| {
                    e.0 += 1;
                    assert_eq!(e.0, e.1 + 1);
                    e.1 += 1;
                });
            }
        });
        for _ in 0..rounds {
            seat.lend();
            seat.withdraw();
            let e = loop {
                if seat.engine().is_some() {
                    break seat.engine().unwrap();
                }
                std::thread::yield_now();
            };
            e.0 += 1;
            assert_eq!(e.0, e.1 + 1);
            e.1 += 1;
        }
        stop.store(true, Ordering::Relaxed);
        driver.join().unwrap();
    }
}
