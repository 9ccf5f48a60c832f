//! The controller: the thread that owns a player's parts, polls the stop flag and steers.
//!
//! What it does with wishes is in `controller/wishes.rs`, what it learns from the engine in
//! `controller/news.rs`, what it shows in `controller/shown.rs`, how it goes with JACK's transport in
//! `controller/transport.rs`, and what it does when the device goes away in `loss.rs`.

mod conduct;
mod idle;
mod jumps;
mod keep_going;
mod loads;
mod news;
mod orders;
mod saves;
mod shown;
mod transport;
mod volume;
mod waiting;
mod wishes;

pub(super) use idle::Idle;
pub(super) use keep_going::KeepGoing;
pub(super) use loads::{Billed, Loads};
pub(super) use saves::Saves;
pub(super) use shown::Shown;
pub(super) use transport::Step;
pub(super) use waiting::Orders;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use engine_core::backend::{BackendErrorKind as Kind, Halt};
use engine_core::command::Command;
use engine_core::cut::{At, Cut};
use engine_core::fade::Curve;
use engine_core::host::HostDeck;
use engine_core::monitor::MonitorLevel;
use engine_core::status::{Counters, State};
use engine_core::ticket::Ticket;

use super::PlayerError;
use super::anchors::Anchors;
use super::builder::{OnDamage, OnLoss, OnReturn, Transport};
use super::clock::HostClock;
use super::decks::{Decks, Live, Purpose};
use super::driver::Output;
use super::layout::Layout;
use super::loaded::Loaded;
use super::loss::{Hold, Losses};
use super::notes::Note;
use super::programme::Reading;
use super::queue::WishQueue;
use super::rig::{Asked, Rig};
use super::status::Status;
use crate::exit::without_errno;
use crate::feeder::FeederEvent;
use crate::plan::{Loop, Plan};
use crate::report::{Ended, Failure, Warning};
use crate::song::OnEnd;

/// Fade of a seek, pause or resume.
const FADE_MS: u32 = 8;
/// Fade of a jump to another song.
const SONG_FADE_MS: u32 = 10;
/// Fade when asked to quit.
const QUIT_FADE_MS: u32 = 20;
/// How long a fade to the end of the program may take before it is cut short.
const QUIT_DEADLINE: Duration = Duration::from_millis(500);
/// Poll while a cut is on its way.
const EAGER: Duration = Duration::from_millis(2);
/// Wishes that are obeyed at a stretch.
const WISHES: usize = 256;

/// What a controller is told once.
pub(super) struct Told {
    pub output: Output,
    pub asked: Asked,
    pub poll: Duration,
    pub ring_ms: u32,
    pub on_damage: OnDamage,
    pub on_loss: OnLoss,
    pub on_return: OnReturn,
    pub transport: Transport,
    pub finish_at_end: bool,
    /// It plays on whatever is the matter with a song: see `controller/keep_going.rs`.
    pub keep_going: bool,
    /// Plays of the whole list; `None` is without end.
    pub list_plays: Option<u32>,
    pub master: f32,
    /// Ceiling of the volume, dB.
    pub volume_max_db: Option<f64>,
    pub monitor: MonitorLevel,
    pub born: Instant,
    /// The ports take part in the graph before anything plays.
    pub present: bool,
    /// It is a session manager's session.
    pub managed: bool,
    /// How other songs are loaded while it plays.
    pub reading: Reading,
    /// The configuration file that counts.
    pub configuration: Option<PathBuf>,
}

/// What of a song is played, in frames; worked out anew for each rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub start: u64,
    pub end: u64,
    pub repeat: Option<Loop>,
}

/// Works out what of a song (index, rate in Hz) is played.
pub(super) type PartOf = Box<dyn Fn(&Loaded, usize, u32) -> Part + Send>;

pub(super) struct Controller {
    pub(super) told: Told,
    pub(super) songs: Vec<Loaded>,
    /// What of each song is played.
    pub(super) parts: Vec<Part>,
    pub(super) part_of: PartOf,
    /// The same of so many songs that are loaded while it plays, one of which may be the idle song.
    pub(super) part_of_loaded: Box<dyn Fn(usize, Option<usize>) -> PartOf + Send>,
    pub(super) layout: Layout,
    pub(super) directs: Vec<Vec<[u16; 2]>>,
    pub(super) wishes: WishQueue,
    pub(super) notes: Sender<Note>,
    pub(super) status: Arc<Mutex<Status>>,
    pub(super) feeder_events: Receiver<FeederEvent>,
    pub(super) decks: Decks,
    pub(super) rig: Option<Rig>,
    /// Rate (Hz) and name of the last device there was.
    pub(super) device: (u32, String),
    pub(super) hold: Option<Hold>,
    pub(super) anchors: Anchors,

    /// The deck in play.
    pub(super) current: Option<Ticket>,
    /// The song in play.
    pub(super) song: usize,
    /// Where in it the session begins, if not where the song does.
    pub(super) first_frame: Option<u64>,
    /// The loop in force, song frames.
    pub(super) looping: Option<Loop>,
    /// Playing is wanted; with JACK's transport, following it is.
    pub(super) rolling: bool,
    /// Getting in step with JACK's transport.
    pub(super) step: Step,
    pub(super) master: f32,
    pub(super) volume: volume::Heard,
    /// Plays of the list so far, the present one not counted.
    pub(super) list_played: u32,
    /// What was to follow the song in play can't be played.
    pub(super) no_follower: bool,
    /// Frames that decks gave that are gone.
    pub(super) delivered: u64,
    /// What engines that are gone had counted.
    pub(super) before: Totals,
    pub(super) damaged: u32,
    pub(super) losses: Losses,
    pub(super) keep: KeepGoing,
    pub(super) idle: Idle,
    /// Moves as long as this thread does.
    pub(super) beat: u64,
    pub(super) started: bool,
    pub(super) quitting: Option<Instant>,
    pub(super) over: Option<Ended>,
    pub(super) error: Option<Failure>,
    pub(super) shown: shown::Shown,
    pub(super) orders: Orders,
    pub(super) saves: Saves,
    pub(super) loads: Loads,
    pub(super) billed: Billed,
}

/// Sums over all engines and drivers of a run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub counters: Counters,
    pub device_xruns: u64,
    pub clips: u64,
    pub late: u64,
    pub callbacks: u64,
}

impl Controller {
    /// Runs until it is over; the summary is the last note.
    pub fn run(mut self) {
        if let Some(rig) = self.rig.as_mut().filter(|_| self.told.present) {
            rig.appear();
        }
        if !self.follows() {
            let frame = self.first_frame.take();
            self.prepare_start(self.song, frame);
        }
        while self.over.is_none() {
            let starting = self.rolling && !self.started && self.hold.is_none();
            let following = self.follows() && self.rolling && self.hold.is_none();
            let busy = self.decks.is_busy() || self.orders.is_busy();
            let wait = if busy || starting || following || self.quitting.is_some() {
                EAGER
            } else {
                let next_try = self.until_next_try().unwrap_or(self.told.poll);
                next_try.min(self.told.poll).min(self.shown.every)
            };
            if let Some(wish) = self.wishes.wait(wait) {
                self.obey(wish);
                // Not without end, however many come: the engine is to be heard in between.
                for _ in 0..WISHES {
                    let Some(wish) = self.wishes.next() else {
                        break;
                    };
                    self.obey(wish);
                }
            }
            self.tend();
        }
        self.shut();
    }

    fn tend(&mut self) {
        self.beat = self.beat.wrapping_add(1);
        if let Some(rig) = &mut self.rig {
            rig.pump();
        }
        let seen = self.seen();
        self.hear();
        self.take_decks();
        self.keep_step();
        self.poll_stop_flag();
        self.end_without_follower();
        self.hear_feeder();
        self.watch_driver();
        self.look_after_loads();
        self.mend();
        self.keep_going();
        self.decks.tend();
        self.check_quit();
        self.look_after_orders(seen);
        self.show(false);
    }

    // ---- preparing decks ----

    /// Rate of all frames, Hz: while there is no device, the last one's.
    pub(super) fn rate(&self) -> u32 {
        match (&self.rig, &self.hold) {
            (Some(rig), _) => rig.granted.rate,
            (None, Some(hold)) => hold.rate,
            (None, None) => 0,
        }
    }

    pub(super) fn frames(&self, ms: u32) -> u32 {
        (u64::from(ms) * u64::from(self.rate()) / 1000) as u32
    }

    /// Frames per callback at present.
    pub(super) fn period(&self) -> u32 {
        match self.shown.report.period {
            0 => self.rig.as_ref().map_or(0, |r| r.granted.period),
            n => n,
        }
    }

    /// Sets about preparing a deck. Its ticket.
    pub(super) fn begin(&mut self, song: usize, plan: Plan, purpose: Purpose) -> Option<Ticket> {
        // (What can't be played is not waited for.)
        let in_vain = self.no_follower && matches!(purpose, Purpose::Splice { .. });
        let followed = self.follower_of(song).is_some() && !in_vain;
        let (loaded, directs) = (self.songs.get(song)?, self.directs.get(song)?);
        let deck = self
            .decks
            .begin(song, loaded, &self.layout, directs, plan, purpose, followed);
        Some(deck)
    }

    /// A plan of `song` from `frame` on (its part's start when `None`), with the loop in force.
    pub(super) fn plan(&self, song: usize, frame: Option<u64>, repeat: Option<Loop>) -> Plan {
        let part = self.parts[song];
        let start = frame.unwrap_or(part.start).min(part.end);
        // Silence before the next song is a part of this one.
        let silence = match self.follower_of(song) {
            Some(_) if part.end >= self.songs[song].length(self.rate()) => {
                self.songs[song].song.handover.silence(self.rate())
            }
            _ => 0,
        };
        Plan {
            start,
            end: part.end.saturating_add(silence),
            repeat: repeat.filter(|l| start < l.b),
        }
    }

    /// Prepares a deck that plays from rest. Its ticket.
    pub(super) fn prepare_start(&mut self, song: usize, frame: Option<u64>) -> Option<Ticket> {
        self.looping = self.parts[song].repeat;
        self.song = song;
        self.start_deck(frame)
    }

    /// The same of the present song, with the loop in force.
    pub(super) fn start_deck(&mut self, frame: Option<u64>) -> Option<Ticket> {
        let plan = self.plan(self.song, frame, self.looping);
        self.begin(self.song, plan, Purpose::Start)
    }

    /// Hands a primed deck to the engine.
    pub(super) fn hand_over(
        &mut self,
        deck: Box<HostDeck<HostClock>>,
        live: Live,
        at: At,
        fade: u32,
        curve: Curve,
    ) {
        let Some(rig) = &mut self.rig else {
            return;
        };
        let cut = Command::Cut(Cut {
            deck,
            at,
            fade,
            curve,
        });
        self.decks.live.push(live);
        if let Err((_, Command::Cut(cut))) = rig.handle.send(cut) {
            // No room: the engine has not been called for long. The wish is lost, not the deck.
            self.decks.back(cut.deck);
            self.warn(
                "busy",
                "the engine is not being called; the jump was not made".into(),
                None,
            );
        }
    }

    pub(super) fn send(&mut self, command: Command<Box<HostDeck<HostClock>>>) {
        if !self.try_send(command) {
            self.warn(
                "busy",
                "the engine is not being called; the wish was lost".into(),
                None,
            );
        }
    }

    /// Whether the engine will get the command; without an engine there is nothing to tell.
    pub(super) fn try_send(&mut self, command: Command<Box<HostDeck<HostClock>>>) -> bool {
        let rig = self.rig.as_mut();
        rig.is_none_or(|rig| rig.handle.send(command).is_ok())
    }

    /// State of the engine.
    pub(super) fn state(&self) -> State {
        self.rig
            .as_ref()
            .map_or(State::Paused, |r| r.handle.board().position().state)
    }

    /// Has the driver call the engine, and plays.
    pub(super) fn roll(&mut self, fade: u32) {
        // The wish first, so that the driver's first call already plays: a device would fill its
        // buffer with silence otherwise.
        self.send(Command::Play { fade });
        self.run_driver();
    }

    /// Has the driver call the engine.
    pub(super) fn run_driver(&mut self) {
        let Some(rig) = &mut self.rig else { return };
        match rig.run() {
            Ok(()) => {}
            // It went away, or hangs, and nobody had asked it for anything until now.
            Err(PlayerError::Backend(e)) if matches!(e.kind, Kind::Lost | Kind::TimedOut) => {
                self.device_lost(e.message.to_string());
            }
            Err(e) => self.fail("device", e.to_string()),
        }
    }

    /// What follows a song without a gap when it ends, if something does.
    pub(super) fn follower_of(&self, song: usize) -> Option<usize> {
        if let Some(idle) = self.idle.song {
            // That loops, unless each of its turns is a deck of its own.
            return (song != idle || self.told.keep_going).then_some(idle);
        }
        match self.songs.get(song)?.song.on_end {
            OnEnd::Next => {
                let next = song + 1;
                if next < self.songs.len() {
                    return Some(next);
                }
                // A song that follows the last one is counted when it begins.
                let again = self
                    .told
                    .list_plays
                    .is_none_or(|n| self.list_played + 1 < n);
                (again && (self.songs.len() > 1 || self.told.keep_going)).then_some(0)
            }
            _ => None,
        }
    }

    /// Prepares what follows the deck in play, to be cut to at its very end.
    pub(super) fn prepare_follower(&mut self) {
        if self.follows() || self.no_follower {
            return;
        }
        let (Some(current), Some(next)) = (self.current, self.follower_of(self.song)) else {
            return;
        };
        let Some(len) = self.decks.find(current).and_then(|l| l.plan.deck_len()) else {
            return;
        };
        let waits = |p: Purpose| matches!(p, Purpose::Follow { of, .. } if of == current);
        if self.decks.preparing.iter().any(|p| waits(p.purpose))
            || self.decks.live.iter().any(|l| waits(l.purpose))
        {
            return;
        }
        let together = self.songs[self.song].together(&self.songs[next], self.rate());
        let plan = self.plan(next, None, self.parts[next].repeat);
        let at = len.saturating_sub(together);
        self.begin(next, plan, Purpose::Follow { of: current, at });
    }

    // ---- ends ----

    pub(super) fn quit(&mut self) {
        if self.quitting.is_some() {
            return;
        }
        self.rolling = false;
        self.decks.give_up(|_| true);
        let fade = self.frames(QUIT_FADE_MS);
        self.send(Command::Stop { fade });
        self.quitting = Some(Instant::now() + QUIT_DEADLINE);
    }

    fn check_quit(&mut self) {
        let Some(deadline) = self.quitting else {
            return;
        };
        let silent = self.rig.is_none() || self.state() != State::Playing;
        if silent || Instant::now() > deadline {
            self.finish(Ended::Stopped);
        }
    }

    /// It is over: the device plays out what it was given.
    pub(super) fn finish(&mut self, ended: Ended) {
        if self.over.is_some() {
            return;
        }
        self.leave_transport();
        let how = if ended == Ended::Error {
            Halt::Now
        } else {
            Halt::Drain
        };
        if let Some(rig) = &mut self.rig {
            rig.halt(how);
            rig.pump();
            if how == Halt::Drain {
                // A device may go while it plays its last frames.
                self.hear();
                self.watch_driver();
            }
        }
        // The loss of it may have ended it already.
        self.over.get_or_insert(ended);
    }

    pub(super) fn fail(&mut self, code: &'static str, message: String) {
        let failure = Failure {
            code: code.into(),
            message: without_errno(message),
        };
        self.tell(Note::Error(failure.clone()));
        self.error = Some(failure);
        self.finish(Ended::Error);
    }

    fn shut(&mut self) {
        self.hear();
        self.show(true);
        self.end_saves();
        self.orders.over(self.here());
        let summary = self.summary();
        self.tell(Note::Summary(summary));
        if let Some(rig) = self.rig.take() {
            rig.close();
        }
        self.decks.clear();
    }

    pub(super) fn warn(&self, code: &str, message: String, track: Option<String>) {
        self.tell(Note::Warning(Warning {
            code: code.to_owned().into(),
            message: without_errno(message),
            track,
        }));
    }

    pub(super) fn tell(&self, note: Note) {
        // Nobody may be listening.
        let _ = self.notes.send(note);
    }
}
