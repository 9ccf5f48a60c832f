//! Opening songs' files: few at a time, and none where those that are being opened will do. Who holds down a key asks for a deck many times
//! before the first is there.
//!
//! One thread stays for it. Allocators keep memory by threads, so that with a new one for each song a process that plays for years
//! would have the rings of several decks where it needs those of one.

use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use engine_core::ticket::Ticket;

use super::PlayerError;
use super::kit::{Kit, RingSize};
use super::queue::Wishes;
use super::wish::Wish;

/// Songs that are opened at the same time: one to jump to, one that follows, one that is loaded.
const AT_ONCE: usize = 3;
/// Files that take longer than this hang, and nobody else waits for them.
pub(super) const HANGS: Duration = Duration::from_secs(2);
/// Threads that stay when there is nothing to open.
const STAY: usize = 1;

/// Opens a song's files.
pub(super) type Open = Box<dyn FnOnce() -> Result<Kit, PlayerError> + Send>;

/// What a thread is given, and for which deck.
type Loader = Sender<(Ticket, Open)>;

/// A song's files that are being opened.
pub(super) struct Opening {
    /// Of the deck that they were to be for.
    ticket: Ticket,
    pub song: Ticket,
    pub size: RingSize,
    since: Instant,
    loader: Option<Loader>,
}

pub(super) struct Loaders {
    own: Wishes,
    going: Vec<Opening>,
    /// Threads that wait for something to do.
    idle: Vec<Loader>,
}

impl Loaders {
    /// What is open is sent to `own` as [`Wish::Opened`].
    pub fn new(own: Wishes) -> Self {
        Self {
            own,
            going: Vec::new(),
            idle: Vec::new(),
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
        let loader = match self.idle.pop().map_or_else(|| self.spawn(), Ok) {
            Ok(loader) => {
                // (It waits for it.)
                let _ = loader.send((ticket, open));
                Some(loader)
            }
            Err(e) => {
                self.own.send(Wish::Opened(ticket, Box::new(Err(e.into()))));
                None
            }
        };
        self.going.push(Opening {
            ticket,
            song,
            size,
            since: Instant::now(),
            loader,
        });
    }

    /// A thread that opens what it is sent, until it can't be sent any more.
    fn spawn(&self) -> std::io::Result<Loader> {
        let (loader, jobs) = channel::<(Ticket, Open)>();
        let own = self.own.clone();
        let work = move || {
            for (ticket, open) in jobs {
                own.send(Wish::Opened(ticket, Box::new(open())));
            }
        };
        let named = std::thread::Builder::new().name("backline-loader".into());
        named.spawn(work).map(|_| loader)
    }

    /// The files for that deck are open, or can't be opened.
    pub fn done(&mut self, ticket: Ticket) -> Option<Opening> {
        let at = self.going.iter().position(|o| o.ticket == ticket)?;
        let mut opening = self.going.swap_remove(at);
        let loader = opening.loader.take();
        self.idle.extend(loader.filter(|_| self.idle.len() < STAY));
        Some(opening)
    }
}
