//! Commands obeyed at the first frame of a call.

use super::{COMMANDS, Engine, Guard};
use crate::command::Command;
use crate::cut::{At, Cut};
use crate::event::EventKind;
use crate::platform::Platform;
use crate::status::State;
use crate::ticket::Ticket;

impl<
    P: Platform<N, T, U, C>,
    const N: usize,
    const T: usize,
    const U: usize,
    const C: usize,
    const F: usize,
> Engine<P, N, T, U, C, F>
{
    pub(super) fn obey(&mut self, was_rolling: bool) {
        for _ in 0..COMMANDS {
            match self.commands.pop() {
                Some(command) => self.obey_one(command, was_rolling),
                None => break,
            }
        }
    }

    fn obey_one(&mut self, command: Command<P::Deck>, was_rolling: bool) {
        match command {
            Command::Cut(cut) => self.await_cut(cut),
            Command::Cancel(ticket) => {
                if self
                    .pending
                    .as_ref()
                    .is_some_and(|c| c.deck.spec().ticket == ticket)
                {
                    self.drop_pending();
                }
            }
            Command::Hasten { deck, fade, curve } => {
                if let Some(cut) = &mut self.pending
                    && cut.deck.spec().ticket == deck
                    && matches!(cut.at, At::Frame { .. })
                {
                    (cut.at, cut.fade, cut.curve) = (At::Now, fade, curve);
                }
            }
            Command::Play { fade } => self.play(fade),
            Command::Pause { fade } => self.leave(State::Paused, fade),
            Command::Stop { fade } => self.leave(State::Stopped, fade),
            Command::Eject => self.eject(),
            Command::FadeTrack {
                song,
                track,
                count,
                gain,
                frames,
            } => {
                let tracks = (usize::from(track), usize::from(count));
                self.each_deck_of(song, |d| d.fade_tracks(tracks, gain, frames));
                self.tell_fade();
            }
            Command::FadeBus {
                song,
                bus,
                level,
                frames,
            } => {
                self.each_deck_of(song, |d| d.fade_bus(usize::from(bus), level, frames));
                self.tell_fade();
            }
            Command::FadeMaster { level, frames } => {
                self.master.fade(level, frames);
                self.tell_fade();
            }
            Command::ExclusiveSolo { song, track } => {
                let ramp = if was_rolling { self.config.ramp } else { 0 };
                self.each_deck_of(song, |d| d.solo_only(usize::from(track), ramp));
            }
        }
    }

    fn each_deck_of(&mut self, song: Ticket, f: impl Fn(&mut crate::deck::Deck<P, N, T, U, C>)) {
        let incoming = self.incoming.as_mut().map(|i| &mut *i.deck);
        for deck in self.deck.as_deref_mut().into_iter().chain(incoming) {
            if deck.spec().song == song {
                f(deck);
            }
        }
    }

    fn tell_fade(&mut self) {
        let (deck, frame) = self
            .deck
            .as_deref()
            .map_or((Ticket::NONE, 0), |d| (d.spec().ticket, d.frame()));
        self.tell(EventKind::FadeBegun { deck, frame });
    }

    fn await_cut(&mut self, mut cut: Cut<P::Deck>) {
        self.drop_pending();
        // A command of the same batch may ask for it at once.
        cut.deck.count_fill();
        self.pending = Some(cut);
    }

    pub(super) fn drop_pending(&mut self) {
        if let Some(cut) = self.pending.take() {
            self.tell(EventKind::CutDropped {
                deck: cut.deck.spec().ticket,
            });
            self.give_back(cut.deck);
        }
    }

    fn play(&mut self, fade: u32) {
        match self.state {
            State::Playing => {
                if self.leaving.take().is_some() {
                    self.envelope.glide(1.0, fade);
                }
            }
            State::Stopped | State::Paused => {
                // A cut that came with the same batch counts first.
                self.cut_at_rest();
                let deck = self.deck.as_deref();
                // (Who follows an outside transport may wait for its first deck playing.)
                if deck.is_none() && !self.follows() {
                    return;
                }
                let started = deck.map(|d| EventKind::Started {
                    deck: d.spec().ticket,
                    frame: d.frame(),
                });
                self.following.joined = false;
                self.state = State::Playing;
                self.leaving = None;
                if fade == 0 {
                    self.envelope.set(1.0);
                } else {
                    self.envelope.set(0.0);
                    self.envelope.glide(1.0, fade);
                }
                if let Some(started) = started {
                    self.tell(started);
                }
            }
            State::Ended => {
                // Past the end there is nothing to play, unless another deck came.
                self.cut_at_rest();
                if self.state == State::Stopped {
                    self.play(fade);
                }
            }
        }
    }

    fn leave(&mut self, to: State, fade: u32) {
        match (self.state, to) {
            (State::Playing, _) => {
                let silent = self.guard_state == Guard::Held
                    || self.deck.as_deref().is_none_or(|d| !d.has_begun())
                    || self.is_kept_silent();
                if fade == 0 || silent {
                    self.arrive(to);
                } else {
                    if self.leaving.is_none() {
                        self.envelope.glide(0.0, fade);
                    }
                    self.leaving = Some(to);
                }
            }
            (State::Paused, State::Stopped) => self.arrive(to),
            _ => {}
        }
    }

    /// The transport comes to rest. Values set while nothing plays apply at once.
    pub(super) fn arrive(&mut self, state: State) {
        self.state = state;
        self.leaving = None;
        self.envelope.set(1.0);
        self.master.settle();
        self.rest();
        let incoming = self.incoming.as_mut().map(|i| &mut *i.deck);
        for deck in self.deck.as_deref_mut().into_iter().chain(incoming) {
            deck.settle();
        }
        if let Some(deck) = self.deck.as_deref() {
            let (spec, frame) = (deck.spec(), deck.frame());
            let deck = spec.ticket;
            self.tell(match state {
                State::Paused => EventKind::Paused { deck, frame },
                // (In a fade it may have gone past its end.)
                State::Ended => EventKind::Ended {
                    deck,
                    frame: spec.end.unwrap_or(frame),
                },
                _ => EventKind::Stopped { deck, frame },
            });
        }
    }

    /// A hold ends with the playing.
    fn rest(&mut self) {
        if self.guard_state != Guard::Open {
            self.guard_state = Guard::Open;
        }
        self.guard.set(1.0);
        self.held = 0;
    }

    fn eject(&mut self) {
        if self.is_rolling() {
            self.arrive(State::Stopped);
        }
        self.state = State::Stopped;
        self.drop_pending();
        if let Some(incoming) = self.incoming.take() {
            self.give_back(incoming.deck);
        }
        if let Some(deck) = self.deck.take() {
            self.give_back(deck);
        }
    }

    /// With nothing playing, a cut for Now (or one that is due) happens at once, primed or not.
    pub(super) fn cut_at_rest(&mut self) {
        if self.is_rolling() {
            return;
        }
        // A fade that a stop froze: the new deck is the one that counts.
        self.end_fade();
        let due = match (&self.pending, self.deck.as_deref()) {
            (None, _) => false,
            (
                Some(Cut {
                    at: At::Outside { .. },
                    ..
                }),
                _,
            ) => {
                self.cut_with_outside();
                return;
            }
            (Some(_), None) => true,
            (Some(cut), Some(deck)) => match cut.at {
                At::Now | At::Outside { .. } => true,
                At::Frame { of, .. } if of != deck.spec().ticket => return self.drop_pending(),
                At::Frame { frame, .. } => deck.frame() >= frame,
            },
        };
        if due {
            self.cut_now();
        }
    }
}
