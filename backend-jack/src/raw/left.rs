//! What clients of dead servers leave behind: the memory that libjack may still call with.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::callbacks::Active;

/// Clients whose memory is kept. It takes seconds to lose so many servers, and a thread that found its server dead needs
/// moments to end.
const KEPT: usize = 8;

static LEFT: Mutex<Left> = Mutex::new(Left(VecDeque::new()));

struct Left(VecDeque<Box<dyn Send>>);

impl Left {
    fn keep(&mut self, what: Box<dyn Send>) {
        while self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back(what);
    }
}

struct Remains<H, C>(
    #[expect(dead_code)] Arc<H>,
    #[expect(dead_code)] Option<Box<Active<C>>>,
);

// SAFETY: of the remains nothing is used again, they are only dropped; the pointers to the client and its ports, which make
// them `!Send`, have nothing to drop, and the rest may be dropped on any thread.
unsafe impl<H: Send + Sync, C: Send> Send for Remains<H, C> {}

/// Keeps what a closed client's callbacks work with. The oldest of [`KEPT`] is freed.
pub(super) fn keep<H, C>(hooks: Arc<H>, active: Option<Box<Active<C>>>)
where
    H: Send + Sync + 'static,
    C: Send + 'static,
{
    let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    left.keep(Box::new(Remains(hooks, active)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_few_are_kept_and_no_more() {
        let mut left = Left(VecDeque::new());
        let hooks: Vec<Arc<u32>> = (0..KEPT as u32 + 3).map(Arc::new).collect();
        for h in &hooks {
            let remains: Remains<u32, ()> = Remains(h.clone(), None);
            left.keep(Box::new(remains));
        }
        let kept: Vec<usize> = hooks.iter().map(Arc::strong_count).collect();
        let mut want = vec![1; 3];
        want.resize(KEPT + 3, 2);
        assert_eq!(kept, want);
    }
}
