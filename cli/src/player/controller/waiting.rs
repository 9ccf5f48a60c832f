//! Orders that wait: who wanted an answer to what, and when it has come true.

use engine_core::status::State;
use engine_core::ticket::Ticket;

use super::Controller;
use crate::control::{Answerer, ErrorCode, Refusal};

/// What an order waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Await {
    /// The engine has taken over this revision of the song's controls.
    Revision { song: Ticket, revision: u32 },
    /// It has begun so many more timed fades.
    Fades(usize),
    /// The driver has carried out this wish for its volume.
    Volume(u32),
    /// It plays.
    Start,
    /// It has come to rest.
    Rest,
    /// It has come to rest, and the song is to go back to its start.
    Stop,
    /// It has cut to this deck.
    Cut(Ticket),
    /// The session is over.
    End,
}

/// Orders that aren't answered yet, oldest first.
#[derive(Default)]
pub(in super::super) struct Orders {
    pub(super) pending: Vec<(Await, Answerer)>,
    /// Once the fade-out that runs is over, the song goes back to its start.
    pub(super) stopping: bool,
}

impl Orders {
    pub(super) fn wait(&mut self, what: Await, mut answerer: Answerer) {
        if !matches!(what, Await::Revision { .. }) {
            answerer.accept();
        }
        self.pending.push((what, answerer));
    }

    /// Whether one waits for what is to happen as soon as it can.
    pub(super) fn is_busy(&self) -> bool {
        let soon = |what: &Await| !matches!(what, Await::Cut(_) | Await::End);
        self.pending.iter().any(|(what, _)| soon(what))
    }

    /// Takes those for which `which` holds.
    fn take(&mut self, which: impl Fn(&Await) -> bool) -> Vec<Answerer> {
        let taken = self.pending.extract_if(.., |(what, _)| which(what));
        taken.map(|(_, answerer)| answerer).collect()
    }

    pub(super) fn done(&mut self, frame: u64, which: impl Fn(&Await) -> bool) {
        for answerer in self.take(which) {
            answerer.done(frame);
        }
    }

    pub(super) fn superseded(&mut self, which: impl Fn(&Await) -> bool) {
        for answerer in self.take(which) {
            answerer.refuse(Refusal::superseded());
        }
    }

    // ---- news of the engine; `frame` is the song's ----

    pub(super) fn applied(&mut self, song: Ticket, revision: u32, frame: u64) {
        self.done(frame, |what| match what {
            Await::Revision {
                song: of,
                revision: wanted,
            } => *of == song && revision.wrapping_sub(*wanted).cast_signed() >= 0,
            _ => false,
        });
    }

    pub(super) fn fade_begun(&mut self, frame: u64) {
        let first = self.pending.iter_mut().find_map(|(what, _)| match what {
            Await::Fades(left) => Some(left),
            _ => None,
        });
        if let Some(left) = first {
            *left = left.saturating_sub(1);
        }
        self.done(frame, |what| *what == Await::Fades(0));
    }

    /// The driver's volume follows its wishes up to `done`; `None`: there is nobody to wait for.
    pub(super) fn volume_set(&mut self, done: Option<u32>, frame: u64) {
        self.done(frame, |what| match what {
            Await::Volume(wish) => {
                done.is_none_or(|done| done.wrapping_sub(*wish).cast_signed() >= 0)
            }
            _ => false,
        });
    }

    pub(super) fn started(&mut self, frame: u64) {
        self.done(frame, |what| *what == Await::Start);
    }

    pub(super) fn rested(&mut self, frame: u64) {
        self.done(frame, |what| matches!(what, Await::Rest | Await::Stop));
    }

    pub(super) fn cut(&mut self, to: Ticket, frame: u64) {
        self.done(frame, |what| *what == Await::Cut(to));
    }

    /// The deck that is waited for is prepared anew as another one.
    pub(super) fn renamed(&mut self, from: Ticket, to: Ticket) {
        for (what, _) in &mut self.pending {
            if *what == Await::Cut(from) {
                *what = Await::Cut(to);
            }
        }
    }

    /// The deck that is waited for can't be had.
    pub(super) fn not_opened(&mut self, ticket: Ticket, why: &str) {
        for answerer in self.take(|what| *what == Await::Cut(ticket)) {
            answerer.refuse(Refusal::new(ErrorCode::Song, why));
        }
    }

    /// Other songs are played from now on: what was to be heard of the old ones is done.
    pub(super) fn other_songs(&mut self, frame: u64) {
        self.done(frame, |what| {
            matches!(what, Await::Revision { .. } | Await::Fades(_))
        });
    }

    pub(super) fn over(&mut self, frame: u64) {
        self.done(frame, |what| *what == Await::End);
        // The others say by themselves that it is over.
        self.pending.clear();
    }
}

impl Controller {
    /// Answers what can be seen from the engine's state, should its event have been lost, and what
    /// will not happen any more. `seen` is the state from before the events were taken.
    pub(super) fn look_after_orders(&mut self, seen: Seen) {
        if self.orders.pending.is_empty() && !self.orders.stopping {
            return;
        }
        let here = self.here();
        let volume = self.volume_done();
        self.orders.volume_set(volume, here);
        match seen.engine {
            Some((state, song, revision)) => {
                self.orders.applied(song, revision, here);
                match state {
                    State::Playing => self.orders.started(here),
                    _ if self.rolling => {}
                    _ => {
                        if state != State::Paused {
                            self.stopped();
                        }
                        if !self.orders.stopping {
                            self.orders.rested(here);
                        }
                    }
                }
                if !self.is_in_play() {
                    self.orders.done(here, |what| {
                        matches!(what, Await::Revision { .. } | Await::Fades(_))
                    });
                }
            }
            None => {
                self.orders.stopping = false;
                self.orders.done(here, |what| {
                    !matches!(what, Await::Start | Await::Cut(_) | Await::End)
                });
            }
        }
        let decks = &self.decks;
        self.orders
            .superseded(|what| matches!(what, Await::Cut(deck) if !decks.is_about(*deck)));
    }

    /// The engine's state before its events are taken.
    pub(super) fn seen(&self) -> Seen {
        Seen {
            engine: self.rig.as_ref().map(|r| {
                let p = r.handle.board().position();
                (p.state, p.song, p.revision)
            }),
        }
    }
}

/// See [`Controller::seen`].
#[derive(Clone, Copy)]
pub(super) struct Seen {
    engine: Option<(State, Ticket, u32)>,
}
