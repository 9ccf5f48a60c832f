//! The reference: what it is asked, and its coming to rest. Written from the design's words, not
//! from the engine; where these are silent, the rule is told here in a comment.

mod timeline;

use engine_core::event::{Event, EventKind};
use engine_core::fade::Curve;
use engine_core::outside::{Followed, Outside};
use engine_core::status::State;
use engine_core::ticket::Ticket;

use crate::curve::Glide;
use crate::deck::{Controls, Deck};
use crate::mix::Heard;
use crate::program::{Action, Program, When};

/// The ticket of a deck.
pub fn deck_ticket(deck: usize) -> Ticket {
    Ticket(deck as u32 + 1)
}

/// The ticket of a song.
pub fn song_ticket(song: usize) -> Ticket {
    Ticket(song as u32 + 101)
}

/// The reference mixer.
pub struct Reference<'p> {
    program: &'p Program,
    /// Frames of a block.
    block: u64,
    controls: Vec<Controls>,
    decks: Vec<Deck<'p>>,
    master_set: f32,
    master: Glide,
    state: State,
    /// Where a running fade-out leads.
    leaving: Option<State>,
    envelope: Glide,
    guard: Glide,
    data: Data,
    playing: Option<usize>,
    fade: Option<Crossfade>,
    pending: Option<Pending>,
    /// The outside transport, if there is one.
    outside: Option<Outside>,
    /// Its frame at the first frame of the deck in play.
    origin: Option<u64>,
    /// Losing step is a fault.
    joined: bool,
    frame: u64,
    held: u32,
    /// What was heard, frames × planes.
    pub heard: Vec<Vec<Heard>>,
    /// What was told.
    pub events: Vec<Event>,
    /// Starvation episodes and the frames held.
    pub starved: [u32; 2],
    /// The last natural end.
    pub stop_flag: Option<Ticket>,
}

/// What the data allows.
#[derive(Clone, Copy, PartialEq)]
enum Data {
    /// Plays.
    There,
    /// Fades out over the reserve.
    RunsOut,
    /// Holds.
    Missing,
}

struct Crossfade {
    to: usize,
    curve: Curve,
    frames: u32,
    at: u32,
}

#[derive(Clone, Copy)]
struct Pending {
    deck: usize,
    at: When,
    frames: u32,
    curve: Curve,
}

impl<'p> Reference<'p> {
    /// Nothing in play. `block` is the length of a block, frames.
    pub fn new(program: &'p Program, block: usize) -> Self {
        Self {
            program,
            block: block as u64,
            controls: program
                .songs
                .iter()
                .map(|s| Controls::new(program, s))
                .collect(),
            decks: program
                .decks
                .iter()
                .map(|d| Deck::new(program, d))
                .collect(),
            master_set: 1.0,
            master: Glide::resting(1.0),
            state: State::Stopped,
            leaving: None,
            envelope: Glide::resting(1.0),
            guard: Glide::resting(1.0),
            data: Data::There,
            playing: None,
            fade: None,
            pending: None,
            outside: None,
            origin: None,
            joined: false,
            frame: 0,
            held: 0,
            heard: Vec::new(),
            events: Vec::new(),
            starved: [0; 2],
            stop_flag: None,
        }
    }

    /// Where the outside transport is, and whether the deck is where it should be, with data.
    pub fn followed(&self) -> Option<Followed> {
        let in_step = self.in_step() && self.data == Data::There;
        self.outside.map(|at| Followed { at, in_step })
    }

    /// The deck in play gives the outside transport's frames.
    fn in_step(&self) -> bool {
        let at = (self.outside, self.origin, self.playing);
        matches!(at, (Some(o), Some(origin), Some(deck)) if origin + self.decks[deck].frame == o.frame)
    }

    /// The outside transport stands, or is elsewhere.
    fn kept_silent(&self) -> bool {
        self.outside.is_some_and(|o| !o.rolling || !self.in_step())
    }

    /// What the transport does, whether it holds or leaves, the deck and its frame.
    pub fn position(&self) -> (State, bool, bool, Ticket, u64) {
        let holds = self.state == State::Playing && self.data == Data::Missing;
        let (deck, frame) = self
            .playing
            .map_or((Ticket::NONE, 0), |d| (deck_ticket(d), self.decks[d].frame));
        (self.state, holds, self.leaving.is_some(), deck, frame)
    }

    /// Actions, then frames.
    pub fn step(&mut self, actions: &[Action], frames: usize) {
        let played = self.plays();
        let glide = if played { self.program.ramp } else { 0 };
        // The callback sees the values of all actions, whenever it obeys one of them.
        for action in actions {
            self.set(action);
        }
        for action in actions {
            self.obey(action, glide);
        }
        let glide = if self.plays() { glide } else { 0 };
        for deck in self.in_play() {
            let song = self.decks[deck].plan.song;
            self.decks[deck].apply(&self.controls[song], glide);
        }
        self.master.turn(self.master_set, glide);
        self.cut_at_rest();
        for _ in 0..frames {
            self.one_frame();
        }
    }

    fn plays(&self) -> bool {
        self.state == State::Playing
    }

    /// The deck in play and the one it fades to.
    fn in_play(&self) -> impl Iterator<Item = usize> + use<> {
        let to = self.fade.as_ref().map(|f| f.to);
        [self.playing, to].into_iter().flatten()
    }

    // ---- what is asked ----

    fn set(&mut self, action: &Action) {
        match *action {
            Action::Feed { deck, lane, blocks } => {
                for track in 0..self.decks[deck].strips.len() {
                    if lane.is_none_or(|lane| lane == track) {
                        self.decks[deck].deliver(track, blocks, self.block);
                    }
                }
            }
            Action::Track { song, track, set } => self.controls[song].tracks[track] = set,
            Action::Level { song, bus, level } => self.controls[song].levels[bus] = level,
            Action::Commit { song } => self.controls[song].revision += 1,
            Action::Master(level) => self.master_set = level,
            Action::Follow(outside) => self.outside = Some(outside),
            _ => {}
        }
    }

    fn obey(&mut self, action: &Action, glide: u32) {
        match *action {
            Action::Cut {
                deck,
                at,
                fade,
                curve,
            } => {
                self.drop_pending();
                self.pending = Some(Pending {
                    deck,
                    at,
                    frames: fade,
                    curve,
                });
            }
            Action::Cancel { deck } if self.pending.is_some_and(|p| p.deck == deck) => {
                self.drop_pending();
            }
            Action::Hasten { deck, fade, curve } => {
                let is_it = |p: &&mut Pending| p.deck == deck && matches!(p.at, When::Frame { .. });
                if let Some(pending) = self.pending.as_mut().filter(is_it) {
                    (pending.at, pending.frames, pending.curve) = (When::Now, fade, curve);
                }
            }
            Action::Play(fade) => self.play(fade),
            Action::Pause(fade) => self.leave(State::Paused, fade),
            Action::Stop(fade) => self.leave(State::Stopped, fade),
            Action::Eject => {
                if self.plays() {
                    self.rest(State::Stopped);
                }
                self.state = State::Stopped;
                self.drop_pending();
                self.fade = None;
                self.playing = None;
            }
            Action::FadeTrack {
                song,
                track,
                gain,
                frames,
            } => {
                for deck in self.of_song(song) {
                    self.decks[deck].strips[track].gain.go(gain, frames);
                }
            }
            Action::FadeBus {
                song,
                bus,
                level,
                frames,
            } => {
                for deck in self.of_song(song) {
                    self.decks[deck].levels[bus].go(level, frames);
                }
            }
            Action::FadeMaster { level, frames } => self.master.go(level, frames),
            Action::ExclusiveSolo { song, track } => {
                for deck in self.of_song(song) {
                    self.decks[deck].solo_only(track, &self.controls[song], glide);
                }
            }
            _ => {}
        }
    }

    fn of_song(&self, song: usize) -> Vec<usize> {
        let plays = self.in_play();
        plays.filter(|d| self.decks[*d].plan.song == song).collect()
    }

    fn play(&mut self, fade: u32) {
        if self.plays() {
            if self.leaving.take().is_some() {
                self.envelope.go(1.0, fade);
            }
            return;
        }
        self.cut_at_rest();
        if self.state == State::Ended || (self.playing.is_none() && self.outside.is_none()) {
            // Nothing to play (but the deck that ended).
            return;
        }
        self.joined = false;
        self.state = State::Playing;
        self.envelope = Glide::resting(if fade == 0 { 1.0 } else { 0.0 });
        self.envelope.go(1.0, fade);
        // (Who follows an outside transport may wait for the first deck playing.)
        let Some(deck) = self.playing else { return };
        let frame = self.decks[deck].frame;
        let deck = deck_ticket(deck);
        self.tell(EventKind::Started { deck, frame });
    }

    fn leave(&mut self, to: State, fade: u32) {
        if self.state == State::Paused && to == State::Stopped {
            return self.rest(to);
        }
        if !self.plays() {
            return;
        }
        if fade == 0 || !self.sounds() {
            return self.rest(to);
        }
        if self.leaving.is_none() {
            self.envelope.go(0.0, fade);
        }
        self.leaving = Some(to);
    }

    /// Whether anything can be heard: a deck that waits for its first data, or holds, can't.
    fn sounds(&self) -> bool {
        self.data != Data::Missing
            && !self.kept_silent()
            && self.playing.is_some_and(|d| self.decks[d].frame > 0)
    }

    fn drop_pending(&mut self) {
        if let Some(p) = self.pending.take() {
            self.tell(EventKind::CutDropped {
                deck: deck_ticket(p.deck),
            });
        }
    }

    fn tell(&mut self, kind: EventKind) {
        self.events.push(Event {
            engine_frame: self.frame,
            kind,
        });
    }

    /// The transport comes to rest: ramps are at their ends.
    fn rest(&mut self, state: State) {
        self.state = state;
        self.leaving = None;
        self.envelope = Glide::resting(1.0);
        self.guard = Glide::resting(1.0);
        self.data = Data::There;
        self.held = 0;
        self.master.arrive();
        for deck in self.in_play() {
            self.decks[deck].settle();
        }
        let Some(playing) = self.playing else { return };
        let deck = deck_ticket(playing);
        let frame = self.decks[playing].frame;
        self.tell(match state {
            State::Paused => EventKind::Paused { deck, frame },
            State::Ended => EventKind::Ended {
                deck,
                frame: self.decks[playing].plan.end.unwrap_or(frame),
            },
            _ => EventKind::Stopped { deck, frame },
        });
    }
}
