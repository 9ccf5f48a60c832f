//! Opening songs' files: few at a time, each on a thread of its own, and none where those that are being opened will do. Who holds down a key
//! asks for a deck many times before the first is there.

use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use engine_core::ticket::Ticket;

use super::PlayerError;
use super::kit::{Kit, RingSize};
use super::wish::Wish;

/// Songs that are opened at the same time: one to jump to, one that follows, one that is loaded.
const AT_ONCE: usize = 3;
/// Files that take longer than this hang, and nobody else waits for them.
pub(super) const HANGS: Duration = Duration::from_secs(2);

/// Opens a song's files.
pub(super) type Open = Box<dyn FnOnce() -> Result<Kit, PlayerError> + Send>;

/// A song's files that are being opened.
pub(super) struct Opening {
    /// Of the deck that they were to be for.
    ticket: Ticket,
    pub song: Ticket,
    pub size: RingSize,
    since: Instant,
}

pub(super) struct Loaders {
    own: Sender<Wish>,
    going: Vec<Opening>,
}

impl Loaders {
    /// What is open is sent to `own` as [`Wish::Opened`].
    pub fn new(own: Sender<Wish>) -> Self {
        Self {
            own,
            going: Vec::new(),
        }
    }

    /// The songs whose files are being opened for rings like `size`; one may be in it several times.
    pub fn songs(&self, size: RingSize) -> Vec<Ticket> {
        let alike = self.going.iter().filter(|o| o.size.alike(size));
        alike.map(|o| o.song).collect()
    }

    /// Whether another song may be opened now.
    pub fn have_room(&self) -> bool {
        let live = self.going.iter().filter(|o| o.since.elapsed() < HANGS);
        live.count() < AT_ONCE
    }

    /// Opens files of `song` for the deck of that ticket.
    pub fn start(&mut self, ticket: Ticket, song: Ticket, size: RingSize, open: Open) {
        self.going.push(Opening {
            ticket,
            song,
            size,
            since: Instant::now(),
        });
        let own = self.own.clone();
        let work = move || {
            let _ = own.send(Wish::Opened(ticket, Box::new(open())));
        };
        let named = std::thread::Builder::new().name("backline-loader".into());
        if let Err(e) = named.spawn(work) {
            let _ = self.own.send(Wish::Opened(ticket, Box::new(Err(e.into()))));
        }
    }

    /// The files for that deck are open, or can't be opened.
    pub fn done(&mut self, ticket: Ticket) -> Option<Opening> {
        let at = self.going.iter().position(|o| o.ticket == ticket)?;
        Some(self.going.swap_remove(at))
    }
}
