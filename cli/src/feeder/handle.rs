//! Handles: what the controller holds of a supply that is being fed.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine_core::ticket::Ticket;

use super::feed::Feed;
use super::pool::Shared;
use super::source::Supply;
use crate::plan::Plan;

/// A supply in the feeder's hands. Dropping it ends the feeding and closes the files (as soon as
/// no worker is inside one); [`retire`](Self::retire) gives the supply back instead.
pub struct FeedHandle {
    pub(super) shared: Arc<Shared>,
    pub(super) feed: Arc<Feed>,
}

impl FeedHandle {
    /// The deck's ticket.
    pub fn ticket(&self) -> Ticket {
        self.feed.ticket()
    }

    /// What the deck plays.
    pub fn plan(&self) -> &Plan {
        self.feed.plan()
    }

    /// Frames in the rings, the least over all lanes; 0 without sources. A block that the deck
    /// has taken out is not counted, played to its end or not.
    pub fn fill_frames(&self) -> u64 {
        self.feed.fill_frames()
    }

    /// Whether every lane holds at least `frames`, or all that is left to the deck's end. More
    /// than the blocks allow for (two of them are somebody's) counts as that much.
    pub fn is_primed(&self, frames: u64) -> bool {
        self.feed.is_primed(frames)
    }

    /// Waits until [`is_primed`](Self::is_primed), at most to the deadline. Returns whether it is.
    pub fn wait_primed(&self, frames: u64, deadline: Instant) -> bool {
        self.feed.wait_primed(frames, deadline)
    }

    /// Has `call` called once when [`is_primed`](Self::is_primed): at once and on this thread when
    /// it is so already, else on a worker's thread, where it must be brief. Never called when the
    /// supply is retired before.
    pub fn on_primed(&self, frames: u64, call: impl FnOnce() + Send + 'static) {
        self.feed.on_primed(frames, Box::new(call));
    }

    /// Ends the feeding and takes the sources back, waiting up to `wait` for workers to leave
    /// them. From this call on nothing more is pushed into the rings, whatever it returns.
    ///
    /// # Errors
    /// A read hangs. Go on without this supply and ask the error again later, or drop it.
    pub fn retire(self, wait: Duration) -> Result<Supply, StillReading> {
        self.shared.withdraw(&self.feed);
        let pending = StillReading {
            shared: self.shared.clone(),
            feed: self.feed.clone(),
        };
        pending.retry(wait)
    }
}

impl Drop for FeedHandle {
    fn drop(&mut self) {
        self.shared.withdraw(&self.feed);
    }
}

/// A retired supply of which a worker still reads a file, on a disk or network that doesn't
/// answer. Try [`retry`](Self::retry) from time to time, or drop it: the files are then closed
/// when the reads return.
pub struct StillReading {
    shared: Arc<Shared>,
    feed: Arc<Feed>,
}

impl StillReading {
    /// Waits up to `wait` (0 just looks) for the workers to leave.
    ///
    /// # Errors
    /// Itself, when the read still hangs.
    pub fn retry(self, wait: Duration) -> Result<Supply, Self> {
        if !self.shared.wait_left(&self.feed, wait) {
            return Err(self);
        }
        self.feed.give_back().ok_or(self)
    }

    /// The retired deck's ticket.
    pub fn ticket(&self) -> Ticket {
        self.feed.ticket()
    }

    /// Names of the sources that are being read.
    pub fn names(&self) -> Vec<String> {
        let busy = self.shared.busy(&self.feed);
        busy.into_iter()
            .map(|source| self.feed.slot(source).name.clone())
            .collect()
    }
}

impl fmt::Display for StillReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.names().join(", ");
        write!(f, "{names}: the disk or network does not answer")
    }
}

impl fmt::Debug for StillReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StillReading")
            .field("ticket", &self.ticket())
            .field("names", &self.names())
            .finish()
    }
}

impl std::error::Error for StillReading {}
