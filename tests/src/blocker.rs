//! A JACK client that holds the whole graph up when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::jackd::{Jackd, open_client};

/// The client. Its callback sleeps once for every [`block`](Blocker::block).
pub struct Blocker {
    _client: jack::AsyncClient<(), Sleeper>,
    due_ms: Arc<AtomicU32>,
}

struct Sleeper {
    due_ms: Arc<AtomicU32>,
}

impl Blocker {
    /// A client that does nothing yet.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn open(server: &Jackd) -> Self {
        let client = open_client("blocker", server.name()).expect("the server takes a client");
        let due_ms = Arc::new(AtomicU32::new(0));
        let sleeper = Sleeper {
            due_ms: due_ms.clone(),
        };
        let client = client.activate_async((), sleeper).expect("it activates");
        Self {
            _client: client,
            due_ms,
        }
    }

    /// Sleeps for `ms` in its next cycle.
    pub fn block(&self, ms: u32) {
        self.due_ms.store(ms, Ordering::Release);
    }

    /// Whether it has slept.
    pub fn has_slept(&self) -> bool {
        self.due_ms.load(Ordering::Acquire) == 0
    }
}

impl jack::ProcessHandler for Sleeper {
    fn process(&mut self, _: &jack::Client, _: &jack::ProcessScope) -> jack::Control {
        let ms = self.due_ms.load(Ordering::Acquire);
        if ms > 0 {
            std::thread::sleep(Duration::from_millis(ms.into()));
            self.due_ms.store(0, Ordering::Release);
        }
        jack::Control::Continue
    }
}
