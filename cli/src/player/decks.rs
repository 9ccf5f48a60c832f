//! The decks outside and inside the engine, and what feeds them: being prepared, in play, parked.

use std::time::Duration;

use engine_core::host::HostDeck;
use engine_core::ticket::{Ticket, TicketDrum};

use super::PlayerError;
use super::clock::HostClock;
use super::kit::{Kit, RingSize};
use super::layout::Layout;
use super::loaded::{LoadOptions, Loaded};
use super::loaders::{Loaders, Open};
use super::memory;
use super::queue::Wishes;
use super::wish::Wish;
use crate::feeder::{FeedHandle, Feeder, StillReading};
use crate::plan::Plan;

/// Kits that are kept for the next seek.
const PARKED: usize = 2;
/// Instead of a song's index: that of one that isn't played any more, since others were loaded.
pub(super) const GONE: usize = usize::MAX;
/// How long the controller waits for a feeder's worker to leave a file.
const LEAVE: Duration = Duration::from_millis(50);

/// Why a deck is being prepared, and when it is to be cut to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Purpose {
    /// To play from rest: the first deck, or after an end.
    Start,
    /// Now, with a fade.
    Jump,
    /// Now, with a fade: the first of other songs, which are those of the session from then on. Its index is among them.
    Load,
    /// At a frame of the deck in play, hard: both play the same there.
    Splice {
        of: Ticket,
        at: u64,
        /// Times it came too late.
        tries: u32,
    },
    /// At a frame of JACK's transport, hard.
    Outside { at: u64 },
    /// At the end of the deck in play, hard: what comes next.
    Follow { of: Ticket, at: u64 },
    /// At a frame of the deck in play, hard: another place.
    Due {
        of: Ticket,
        at: u64,
        /// That frame is a bar's first; when it has gone by, any later one will do.
        on_bar: bool,
    },
}

/// A deck on its way.
pub(super) struct Preparing {
    pub ticket: Ticket,
    pub song: usize,
    pub plan: Plan,
    pub purpose: Purpose,
    /// The ticket of its song.
    of: Ticket,
    followed: bool,
    /// Opens its files, as long as nothing has been done about them.
    open: Option<Open>,
    /// Once its files are open.
    fed: Option<(Box<HostDeck<HostClock>>, FeedHandle)>,
}

/// A deck that is with the engine.
pub(super) struct Live {
    pub ticket: Ticket,
    pub song: usize,
    pub plan: Plan,
    pub purpose: Purpose,
    feed: FeedHandle,
}

pub(super) struct Decks {
    tickets: TicketDrum,
    own: Wishes,
    pub preparing: Vec<Preparing>,
    pub live: Vec<Live>,
    parked: Vec<Kit>,
    loaders: Loaders,
    /// Decks that came back while a worker was still inside one of their files.
    stuck: Vec<(Ticket, Box<HostDeck<HostClock>>, StillReading)>,
    /// The songs there are. What comes back of others serves nobody.
    pub songs: Vec<Ticket>,
    /// What comes back serves the next deck of its song; otherwise files are opened anew.
    pub keep_kits: bool,
    pub size: RingSize,
    pub options: LoadOptions,
    /// Last, so that its threads end after the handles are gone.
    pub feeder: Feeder,
}

impl Decks {
    pub fn new(
        tickets: TicketDrum,
        own: Wishes,
        feeder: Feeder,
        size: RingSize,
        options: LoadOptions,
    ) -> Self {
        Self {
            tickets,
            loaders: Loaders::new(own.clone()),
            own,
            preparing: Vec::new(),
            live: Vec::new(),
            parked: Vec::new(),
            stuck: Vec::new(),
            songs: Vec::new(),
            keep_kits: true,
            size,
            options,
            feeder,
        }
    }

    /// What sends wishes to the controller.
    pub fn own(&self) -> Wishes {
        self.own.clone()
    }

    /// Sets about preparing a deck. One that is being prepared for the same kind of purpose is
    /// given up. The new deck's ticket.
    #[allow(clippy::too_many_arguments)]
    pub fn begin(
        &mut self,
        song: usize,
        loaded: &Loaded,
        layout: &Layout,
        directs: &[[u16; 2]],
        plan: Plan,
        purpose: Purpose,
        followed: bool,
    ) -> Ticket {
        let kind = |p: Purpose| match p {
            Purpose::Follow { .. } => 1,
            Purpose::Load => 2,
            _ => 0,
        };
        self.give_up(|p| kind(p.purpose) == kind(purpose));
        let ticket = self.tickets.draw();
        // (One that was still being opened when its device went away may have come for another rate.)
        self.parked.retain(|k| k.is_for(self.size));
        let of = loaded.ticket;
        let parked = self.parked.iter().position(|k| k.song == of);
        let open = parked.is_none().then(|| {
            let (size, options) = (self.size, self.options.clone());
            let (loaded, layout, directs) = (loaded.clone(), layout.clone(), directs.to_vec());
            let open = move || {
                let kit = Kit::open(
                    &loaded, &layout, &directs, &options, size, ticket, plan, followed,
                );
                if options.lock_memory {
                    memory::lock();
                }
                kit
            };
            Box::new(open) as Open
        });
        self.preparing.push(Preparing {
            ticket,
            song,
            plan,
            purpose,
            of,
            followed,
            open,
            fed: None,
        });
        match parked {
            Some(at) => {
                let kit = self.parked.remove(at);
                self.feed(self.preparing.len() - 1, kit);
            }
            None => self.open_files(),
        }
        ticket
    }

    /// Has files opened for the decks that need them, where none are on their way that will do.
    fn open_files(&mut self) {
        let mut coming = self.loaders.songs(self.size);
        for p in self.preparing.iter_mut().filter(|p| p.fed.is_none()) {
            if let Some(at) = coming.iter().position(|song| *song == p.of) {
                coming.swap_remove(at);
            } else if self.loaders.have_room()
                && let Some(open) = p.open.take()
            {
                self.loaders.start(p.ticket, p.of, self.size, open);
            }
        }
    }

    /// A ticket that names nothing yet.
    pub fn draw(&mut self) -> Ticket {
        self.tickets.draw()
    }

    /// Other songs are played from now on, the deck of ticket `first` being of the first of them.
    pub fn other_songs(&mut self, songs: Vec<Ticket>, first: Ticket) {
        self.songs = songs;
        self.give_up(|p| p.ticket != first);
        for live in self.live.iter_mut().filter(|l| l.ticket != first) {
            live.song = GONE;
        }
        let songs = &self.songs;
        self.parked.retain(|kit| songs.contains(&kit.song));
    }

    /// A kit's files are open, or can't be opened: that deck, or another of its song that waits for files, is prepared
    /// further, or has failed. A kit that nobody waits for is parked.
    pub fn opened(
        &mut self,
        ticket: Ticket,
        kit: Result<Kit, PlayerError>,
    ) -> Option<(Preparing, PlayerError)> {
        let opening = self.loaders.done(ticket);
        let waiting = |p: &Preparing| p.fed.is_none();
        let its = |p: &Preparing| waiting(p) && p.ticket == ticket;
        let one_of = |p: &Preparing| {
            let serves = |song, size: RingSize| p.of == song && size.alike(self.size);
            waiting(p) && opening.as_ref().is_some_and(|o| serves(o.song, o.size))
        };
        let at = self.preparing.iter().position(its);
        let at = at.or_else(|| self.preparing.iter().position(one_of));
        let mut failed = None;
        match (kit, at) {
            (Ok(kit), Some(at)) => self.feed(at, kit),
            (Ok(kit), None) => self.park(kit),
            (Err(e), Some(at)) => failed = Some((self.preparing.remove(at), e)),
            // Whoever wanted it wants something else by now.
            (Err(_), None) => {}
        }
        self.open_files();
        failed
    }

    /// The feeder goes to work for the deck in preparation with that index.
    fn feed(&mut self, at: usize, mut kit: Kit) {
        let p = &mut self.preparing[at];
        p.open = None;
        if kit.supply.ticket() != p.ticket {
            kit.replan(p.ticket, p.plan, p.followed);
        }
        let feed = self.feeder.feed(kit.supply);
        let (own, ticket) = (self.own.clone(), p.ticket);
        feed.on_primed(u64::from(self.size.prime()), move || {
            own.send(Wish::Primed(ticket));
        });
        p.fed = Some((kit.deck, feed));
    }

    /// A deck is primed: takes it out of preparation, to be handed to the engine.
    pub fn primed(&mut self, ticket: Ticket) -> Option<(Box<HostDeck<HostClock>>, Live)> {
        let at = self.preparing.iter().position(|p| p.ticket == ticket)?;
        self.preparing[at].fed.as_ref()?;
        let p = self.preparing.remove(at);
        let (deck, feed) = p.fed?;
        let live = Live {
            ticket,
            song: p.song,
            plan: p.plan,
            purpose: p.purpose,
            feed,
        };
        Some((deck, live))
    }

    /// Gives up decks in preparation.
    pub fn give_up(&mut self, which: impl Fn(&Preparing) -> bool) {
        let (gone, kept) = self.preparing.drain(..).partition(|p| which(p));
        self.preparing = kept;
        let gone: Vec<Preparing> = gone;
        for p in gone {
            if let Some((deck, feed)) = p.fed {
                self.retire(deck, feed);
            }
        }
    }

    /// A deck came back from the engine, or never got there.
    pub fn back(&mut self, deck: Box<HostDeck<HostClock>>) {
        let ticket = deck.spec().ticket;
        if let Some(at) = self.live.iter().position(|l| l.ticket == ticket) {
            let live = self.live.remove(at);
            self.retire(deck, live.feed);
        }
    }

    /// The deck with the engine of that ticket.
    pub fn find(&self, ticket: Ticket) -> Option<&Live> {
        self.live.iter().find(|l| l.ticket == ticket)
    }

    fn retire(&mut self, deck: Box<HostDeck<HostClock>>, feed: FeedHandle) {
        let song = deck.spec().song;
        match feed.retire(LEAVE) {
            Ok(supply) => self.park(Kit::again(song, deck, supply, self.size)),
            Err(still) => self.stuck.push((song, deck, still)),
        }
    }

    fn park(&mut self, kit: Kit) {
        if !self.keep_kits || !self.songs.contains(&kit.song) {
            return;
        }
        self.parked.push(kit);
        if self.parked.len() > PARKED {
            self.parked.remove(0);
        }
    }

    /// Looks after what hung. Returns the names of stems that still do.
    pub fn tend(&mut self) -> Vec<String> {
        // (What hangs makes room after a while.)
        self.open_files();
        let mut names = Vec::new();
        for (song, deck, still) in std::mem::take(&mut self.stuck) {
            match still.retry(Duration::ZERO) {
                Ok(supply) => self.park(Kit::again(song, deck, supply, self.size)),
                Err(still) => {
                    names.extend(still.names());
                    self.stuck.push((song, deck, still));
                }
            }
        }
        names
    }

    /// Whether a deck is on its way, outside or inside the engine.
    pub fn is_about(&self, ticket: Ticket) -> bool {
        self.preparing.iter().any(|p| p.ticket == ticket) || self.find(ticket).is_some()
    }

    /// Where the latest start or jump goes that has not taken place yet: song, and its frame. `current` is the deck in play.
    pub fn on_its_way(&self, current: Option<Ticket>) -> Option<(usize, u64)> {
        self.goes(current, |p| matches!(p, Purpose::Start | Purpose::Jump))
    }

    /// The same of the latest start only.
    pub fn starts_at(&self, current: Option<Ticket>) -> Option<(usize, u64)> {
        self.goes(current, |p| p == Purpose::Start)
    }

    /// Whether the engine was handed a deck to cut to, other than at the end of the one in play.
    pub fn is_cutting(&self, current: Option<Ticket>) -> bool {
        let at = self.live.iter().position(|l| Some(l.ticket) == current);
        let later = self.live.iter().skip(at.map_or(0, |at| at + 1));
        let follow = |p: Purpose| matches!(p, Purpose::Follow { .. });
        later.into_iter().any(|l| !follow(l.purpose))
    }

    fn goes(
        &self,
        current: Option<Ticket>,
        goes: impl Fn(Purpose) -> bool,
    ) -> Option<(usize, u64)> {
        let handed = |t: Ticket| self.live.iter().position(|l| l.ticket == t);
        let later = current.and_then(handed).map_or(0, |at| at + 1);
        let preparing = self.preparing.iter().map(|p| (p.purpose, p.song, p.plan));
        let live = self.live.iter().skip(later);
        let mut all = live.map(|l| (l.purpose, l.song, l.plan)).chain(preparing);
        let last = all.rfind(|(purpose, song, _)| goes(*purpose) && *song != GONE);
        last.map(|(_, song, plan)| (song, plan.start))
    }

    /// Something is on its way that is to happen as soon as it can. (What follows at the end of a
    /// song or a section may wait there for hours.)
    pub fn is_busy(&self) -> bool {
        let soon = |p: Purpose| !matches!(p, Purpose::Follow { .. } | Purpose::Due { .. });
        !self.preparing.is_empty() || self.live.iter().skip(1).any(|l| soon(l.purpose))
    }

    /// Forgets every deck: the engine they belong to is gone, or the rate is another.
    pub fn clear(&mut self) {
        self.preparing.clear();
        self.live.clear();
        self.parked.clear();
        self.stuck.clear();
    }
}
