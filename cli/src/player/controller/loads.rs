//! Loading other songs while it plays: read by a thread of its own, primed beside the deck in play, and cut to. Until then, and if
//! anything is the matter with them, what plays plays on. Engine, driver and ports stay.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use engine_core::status::State;
use engine_core::ticket::Ticket;

use super::super::PlayerError;
use super::super::builder::{NO_IDLE, refuse_other_rates, song_notices};
use super::super::decks::Purpose;
use super::super::loaded::Loaded;
use super::super::loaders::HANGS;
use super::super::programme::{LoadError, Programme};
use super::super::wish::Wish;
use super::{Controller, Part, PartOf};
use crate::control::{Answerer, ErrorCode, Refusal};

/// What is being loaded.
#[derive(Default)]
pub(in super::super) struct Loads {
    /// Files are being read, or are to be as soon as an earlier reader has ended.
    reading: Option<Asked>,
    /// Threads that read, and since when.
    readers: Vec<(u64, Instant)>,
    /// They are read, and a deck of the first song is on its way.
    coming: Option<Coming>,
    /// The song in play ended meanwhile, and waits for what comes.
    ended: bool,
    /// Loads that were asked for.
    asked: u64,
}

struct Asked {
    number: u64,
    inputs: Arc<[PathBuf]>,
    answerer: Answerer,
    begun: bool,
}

struct Coming {
    deck: Ticket,
    inputs: Arc<[PathBuf]>,
    answerer: Answerer,
    set: Set,
}

/// All that belongs to the songs that are played.
struct Set {
    songs: Vec<Loaded>,
    parts: Vec<Part>,
    part_of: PartOf,
    directs: Vec<Vec<[u16; 2]>>,
    /// The idle song.
    idle: Option<usize>,
}

impl Set {
    /// The song that is played first.
    fn first(&self) -> usize {
        self.idle.unwrap_or(0)
    }
}

/// The songs that are played, as others are told of them.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Billed {
    /// Counts up with each load.
    pub number: u32,
    /// What was loaded; empty while it is what the session began with.
    pub inputs: Arc<[PathBuf]>,
}

impl Loads {
    /// Something is being loaded, and an end of what plays is not the end.
    pub fn is_busy(&self) -> bool {
        self.reading.is_some() || self.coming.is_some()
    }
}

impl Controller {
    /// Sets about loading.
    pub(super) fn order_load(&mut self, inputs: &[PathBuf], mut answerer: Answerer) {
        if inputs.iter().any(|input| input.as_os_str() == "-") {
            let message = "load: standard input is for play";
            answerer.refuse(Refusal::new(ErrorCode::BadValue, message));
            return;
        }
        if self.is_cutting_to_loaded() {
            let message = "load: what was loaded before is just beginning; try again";
            answerer.refuse(Refusal::new(ErrorCode::Busy, message));
            return;
        }
        answerer.accept();
        self.decks.give_up(|p| p.purpose == Purpose::Load);
        let before = self.loads.reading.take().map(|asked| asked.answerer);
        let before = before.into_iter();
        for answerer in before.chain(self.loads.coming.take().map(|c| c.answerer)) {
            answerer.refuse(Refusal::superseded());
        }
        self.loads.asked += 1;
        let number = self.loads.asked;
        self.loads.reading = Some(Asked {
            number,
            inputs: inputs.into(),
            answerer,
            begun: false,
        });
    }

    /// Has files read that are to be, unless a thread is at others that nobody wants any more: it won't take long, or it hangs.
    fn read_what_was_asked(&mut self) {
        let Some(asked) = self.loads.reading.as_mut().filter(|asked| !asked.begun) else {
            return;
        };
        let readers = &mut self.loads.readers;
        if readers.iter().any(|(_, since)| since.elapsed() < HANGS) {
            return;
        }
        asked.begun = true;
        let (number, inputs) = (asked.number, asked.inputs.clone());
        readers.push((number, Instant::now()));
        let (own, options, reading) = (
            self.decks.own(),
            self.decks.options.clone(),
            self.told.reading,
        );
        let read = move || {
            let loaded = Programme::load(&inputs, &reading, &options);
            own.send(Wish::Loaded(number, Box::new(loaded)));
        };
        let named = std::thread::Builder::new().name("backline-load".into());
        if let Err(e) = named.spawn(read) {
            let failed = Err(PlayerError::from(e).into());
            let own = self.decks.own();
            own.send(Wish::Loaded(number, Box::new(failed)));
        }
    }

    /// Files are read, or can't be.
    pub(super) fn loaded(&mut self, number: u64, loaded: Result<Programme, LoadError>) {
        self.loads.readers.retain(|(reader, _)| *reader != number);
        let Some(asked) = self.loads.reading.take_if(|asked| asked.number == number) else {
            return;
        };
        if self.quitting.is_some() {
            asked.answerer.refuse(Refusal::over());
            return;
        }
        let set = loaded.and_then(|programme| Ok(self.fit(programme)?));
        let (set, left_out) = match set {
            Ok(set) => set,
            Err(e) => {
                let (code, message) = match e.is_usage() {
                    true => (ErrorCode::BadValue, format!("load: {e}")),
                    false => (ErrorCode::Song, e.to_string()),
                };
                let message = crate::report::clean(&message);
                self.not_loaded(asked.answerer, Refusal::new(code, message));
                return;
            }
        };
        for why in &left_out {
            self.keep.skipped = self.keep.skipped.saturating_add(1);
            self.warn("song", format!("{why}; it is skipped"), None);
        }
        let mut coming = Coming {
            deck: Ticket::NONE,
            inputs: asked.inputs,
            answerer: asked.answerer,
            set,
        };
        if self.hold.is_none() && !self.follows() {
            // As if they were the session's already.
            let first = coming.set.first();
            self.swap(&mut coming.set);
            let played = std::mem::take(&mut self.list_played);
            let plan = self.plan(first, None, self.parts[first].repeat);
            let deck = self.begin(first, plan, Purpose::Load);
            self.list_played = played;
            self.swap(&mut coming.set);
            coming.deck = deck.unwrap_or_default();
            self.loads.coming = Some(coming);
            return;
        }
        // Nothing sounds, or the transport says what does: they are the songs from now on.
        let first = coming.set.first();
        self.adopt(coming);
        if self.follows() {
            self.other_song(first);
        }
    }

    /// Makes songs fit this session: its rate, its buses and its ports. Beside them come sentences on those that are left out.
    fn fit(&mut self, programme: Programme) -> Result<(Set, Vec<String>), PlayerError> {
        let Programme {
            mut songs,
            left_out,
        } = programme;
        let rate = self.rate();
        if self.decks.options.strict_rate {
            refuse_other_rates(&songs, rate)?;
        }
        let idle = songs.iter().position(|song| song.song.idle);
        if idle.is_some() && self.follows() {
            let message =
                "the time of JACK's transport goes straight on, and an idle song goes round";
            return Err(PlayerError::Usage(message.into()));
        }
        if idle.is_some() && self.told.managed {
            return Err(PlayerError::Usage(NO_IDLE.into()));
        }
        let mut notices = Vec::new();
        for song in &songs {
            notices.extend(self.layout.lacks(song)?);
        }
        for (code, message) in notices {
            self.warn(code, message, None);
        }
        song_notices(&self.notes, &songs, self.follows());
        for song in &mut songs {
            song.ticket = self.decks.draw();
            song.set_levels(&self.layout);
        }
        let directs = songs.iter().map(|s| self.layout.directs(s)).collect();
        let part_of = (self.part_of_loaded)(songs.len(), idle);
        let parts = songs.iter().enumerate();
        let parts = parts.map(|(i, song)| part_of(song, i, rate)).collect();
        let set = Set {
            songs,
            parts,
            part_of,
            directs,
            idle,
        };
        Ok((set, left_out))
    }

    /// It plays on with what it plays.
    fn not_loaded(&mut self, answerer: Answerer, why: Refusal) {
        answerer.refuse(why);
        if std::mem::take(&mut self.loads.ended) && self.state() == State::Ended {
            self.song_over();
        }
    }

    /// A deck's files can't be opened: whether it was one that was to be loaded.
    pub(super) fn load_not_opened(&mut self, deck: Ticket, why: &PlayerError) -> bool {
        let coming = self.loads.coming.take_if(|coming| coming.deck == deck);
        let Some(coming) = coming else { return false };
        let message = crate::report::clean(&why.to_string());
        self.not_loaded(coming.answerer, Refusal::new(ErrorCode::Song, message));
        true
    }

    /// The song in play has ended, and others are being loaded: it isn't over.
    pub(super) fn awaits_load(&mut self) -> bool {
        let busy = self.loads.is_busy();
        self.loads.ended |= busy;
        busy
    }

    /// Sees to what is coming when its deck is no more: the device went, or it was given up.
    pub(super) fn look_after_loads(&mut self) {
        self.read_what_was_asked();
        let decks = &self.decks;
        let gone = |coming: &mut Coming| !decks.is_about(coming.deck);
        let Some(coming) = self.loads.coming.take_if(gone) else {
            return;
        };
        match self.hold.is_some() {
            true => self.adopt(coming),
            false => self.not_loaded(coming.answerer, Refusal::superseded()),
        }
    }

    /// The engine was handed the deck that was loaded, and has not cut to it yet.
    pub(super) fn is_cutting_to_loaded(&self) -> bool {
        let coming = self.loads.coming.as_ref();
        coming.is_some_and(|coming| self.decks.find(coming.deck).is_some())
    }

    /// A deck is being cut to: if it is the one that was loaded, its songs are those of the session now.
    pub(super) fn cut_to_loaded(&mut self, deck: Ticket) {
        if let Some(coming) = self.loads.coming.take_if(|coming| coming.deck == deck) {
            self.adopt(coming);
        }
    }

    /// What was loaded is what there is from now on.
    fn adopt(&mut self, mut coming: Coming) {
        let first = coming.set.first();
        self.swap(&mut coming.set);
        self.billed = Billed {
            number: self.billed.number.wrapping_add(1),
            inputs: coming.inputs,
        };
        let songs = self.songs.iter().map(|s| s.ticket).collect();
        self.decks.other_songs(songs, coming.deck);
        self.anchors.clear();
        self.keep.other_songs();
        let Part { start, repeat, .. } = self.parts[first];
        self.orders.other_songs(start);
        (self.song, self.looping) = (first, repeat);
        (self.list_played, self.no_follower, self.loads.ended) = (0, false, false);
        if let Some(hold) = &mut self.hold {
            hold.frame = start;
        }
        coming.answerer.done(start);
    }

    fn swap(&mut self, set: &mut Set) {
        std::mem::swap(&mut self.songs, &mut set.songs);
        std::mem::swap(&mut self.parts, &mut set.parts);
        std::mem::swap(&mut self.part_of, &mut set.part_of);
        std::mem::swap(&mut self.directs, &mut set.directs);
        std::mem::swap(&mut self.idle.song, &mut set.idle);
    }
}
