//! The controller's queue of wishes: whoever wishes something puts it there, and wakes the controller.
//!
//! It is a channel of the standard library, but nobody waits *in* it. There a sender that wakes the receiver holds a lock meanwhile, and when
//! it loses the processor at that moment, the receiver and all other senders wait until it has it again: on one processor a request waited for
//! three callbacks because a thread that opens files had just told that they are open. Waking by [`unpark`](Thread::unpark) has no lock.

use std::sync::atomic::{Ordering, fence};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::wish::Wish;

/// A queue, and what puts wishes in it.
pub(crate) fn queue() -> (Wishes, WishQueue) {
    let (sender, receiver) = mpsc::channel();
    let controller = Arc::new(OnceLock::new());
    let wishes = Wishes {
        sender,
        controller: controller.clone(),
    };
    let queue = WishQueue {
        receiver,
        controller,
    };
    (wishes, queue)
}

/// Puts wishes in the queue. Any number may do so.
#[derive(Clone)]
pub(crate) struct Wishes {
    sender: Sender<Wish>,
    controller: Arc<OnceLock<Thread>>,
}

impl Wishes {
    /// Wakes the controller with a wish. After its end the wish is dropped.
    pub fn send(&self, wish: Wish) {
        if self.sender.send(wish).is_err() {
            return;
        }
        // One of the two sees what the other did: the controller the wish, or this the controller.
        fence(Ordering::SeqCst);
        if let Some(controller) = self.controller.get() {
            controller.unpark();
        }
    }
}

/// The controller's end.
pub(crate) struct WishQueue {
    receiver: Receiver<Wish>,
    /// Who waits.
    controller: Arc<OnceLock<Thread>>,
}

impl WishQueue {
    /// The next wish, waited for up to `time`. It is always the same thread that waits.
    pub fn wait(&self, time: Duration) -> Option<Wish> {
        self.controller.get_or_init(thread::current);
        fence(Ordering::SeqCst);
        let end = Instant::now() + time;
        loop {
            let wish = self.next();
            let left = end.saturating_duration_since(Instant::now());
            if wish.is_some() || left.is_zero() {
                return wish;
            }
            thread::park_timeout(left);
        }
    }

    /// The next wish, if there is one.
    pub fn next(&self) -> Option<Wish> {
        self.receiver.try_recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn a_wish_wakes_whoever_waits_and_none_is_lost() {
        const MANY: usize = 1000;
        let (wishes, queue) = queue();
        let senders: Vec<_> = (0..3)
            .map(|_| {
                let wishes = wishes.clone();
                thread::spawn(move || {
                    for _ in 0..MANY {
                        wishes.send(Wish::Play);
                        thread::yield_now();
                    }
                })
            })
            .collect();
        // From before the queue has been waited for, and while it is.
        let begun = Instant::now();
        for _ in 0..3 * MANY {
            assert!(matches!(queue.wait(LONG), Some(Wish::Play)));
        }
        assert!(begun.elapsed() < LONG, "nobody woke it");
        for sender in senders {
            sender.join().unwrap();
        }
        assert!(queue.next().is_none());
        assert!(queue.wait(Duration::from_millis(1)).is_none());
    }
}
