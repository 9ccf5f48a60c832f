//! The main loop's side: feeds the decks, plays the score, polls the stop flag, notes what it sees.

use engine_core::command::Command;
use engine_core::controls::SongControls;
use engine_core::cut::{At, Cut};
use engine_core::event::Event;
use engine_core::fade::Curve;
use engine_core::status::Counters;
use engine_core::ticket::{Ticket, TicketDrum};

use crate::block::Stock;
use crate::memory::{DECKS, Kit, StaticHandle, spec};
use crate::score::{Act, Piece};
use crate::stage::Hashes;

/// What the controller saw. The firmware sends it through defmt, the host prints it; both look
/// alike and are compared word for word.
#[derive(Clone, Debug, defmt::Format)]
pub enum Note {
    /// After so many calls, the output had these hashes.
    Heard {
        /// Calls made.
        calls: u32,
        /// Of the `f32` samples.
        samples: u32,
        /// Of the 16-bit samples.
        bytes: u32,
    },
    /// The engine told this.
    Told(Event),
    /// A deck came back.
    Back(Ticket),
    /// The stop flag was up for this deck.
    Stopped(Ticket),
    /// The engine's counters at the end.
    Counted(Counters),
    /// The main loop was overtaken by the next call: it is too slow for its score.
    Overtaken {
        /// The call it was to act before.
        calls: u32,
    },
}

/// Feeder and controller.
pub struct Controller<B: Stock, const T: usize, const U: usize, const C: usize> {
    piece: &'static Piece,
    handle: StaticHandle<B, T, U, C>,
    controls: &'static SongControls<T, U>,
    kits: [Kit<B, T, U, C>; DECKS],
    hashes: &'static Hashes,
    drum: TicketDrum,
    /// The deck that was sent last.
    playing: Ticket,
    /// The deck made ready last.
    ready: Ticket,
    /// Calls that have been acted upon.
    seen: Option<u32>,
    /// Acts done.
    done: usize,
    over: bool,
}

impl<B: Stock, const T: usize, const U: usize, const C: usize> Controller<B, T, U, C> {
    /// A controller that hasn't begun.
    pub fn new(
        piece: &'static Piece,
        handle: StaticHandle<B, T, U, C>,
        controls: &'static SongControls<T, U>,
        kits: [Kit<B, T, U, C>; DECKS],
        hashes: &'static Hashes,
    ) -> Self {
        Self {
            piece,
            handle,
            controls,
            kits,
            hashes,
            drum: TicketDrum::new(),
            playing: Ticket::NONE,
            ready: Ticket::NONE,
            seen: None,
            done: 0,
            over: false,
        }
    }

    /// Whether the stop flag of the deck in play was taken.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Whether calls were made that it hasn't acted upon.
    pub fn is_behind(&self) -> bool {
        self.seen != Some(self.hashes.calls())
    }

    /// One turn: after a new call, acts, polls and tells; else fills one block. `false` when there is
    /// nothing to do before the next call. `wait` is called for every block, while it is at hand.
    pub fn turn(&mut self, mut tell: impl FnMut(Note), mut wait: impl FnMut()) -> bool {
        let calls = self.hashes.calls();
        if self.seen == Some(calls) {
            // The decks in play first, and of those the one that has the least.
            self.kits
                .sort_unstable_by_key(|k| (k.deck.is_some(), k.supply.fill()));
            let kits = &mut self.kits;
            return self
                .hashes
                .while_feeding(|| kits.iter_mut().any(|k| k.supply.fill_one(&mut wait)));
        }
        let before = self.seen.replace(calls);
        self.act(calls);
        let heard = self.hashes.read();
        if self.hashes.calls() != calls || before.is_some_and(|b| b + 1 != calls) {
            tell(Note::Overtaken { calls });
        }
        if calls.is_multiple_of(16) {
            let (samples, bytes) = heard;
            tell(Note::Heard {
                calls,
                samples,
                bytes,
            });
        }
        while let Some(event) = self.handle.take_event() {
            tell(Note::Told(event));
        }
        while let Some(deck) = self.handle.take_deck() {
            let ticket = deck.spec().ticket;
            tell(Note::Back(ticket));
            if let Some(kit) = self.kits.iter_mut().find(|k| k.ticket == ticket) {
                kit.deck = Some(deck);
            }
        }
        if calls.is_multiple_of(self.piece.poll)
            && let Some(deck) = self.handle.board().take_stop_flag()
        {
            tell(Note::Stopped(deck));
            if deck == self.playing {
                tell(Note::Counted(self.handle.board().counters()));
                self.over = true;
            }
        }
        true
    }

    fn act(&mut self, calls: u32) {
        while let Some((_, act)) = self.piece.score.get(self.done).filter(|a| a.0 <= calls) {
            self.done += 1;
            match *act {
                Act::Track(track, setting) => {
                    self.controls.set_track(track, setting);
                    self.controls.commit();
                }
                Act::Master(level) => self.handle.board().set_master(level),
                Act::Fade(track, gain, frames) => {
                    let mut setting = self.controls.track(usize::from(track));
                    setting.gain = gain;
                    self.controls.set_track(usize::from(track), setting);
                    self.send(Command::FadeTrack {
                        song: Ticket(1),
                        track,
                        count: 1,
                        gain,
                        frames,
                    });
                }
                Act::Prepare(from) => self.prepare(from),
                Act::Cut(frame, fade) => {
                    let of = self.playing;
                    self.cut(At::Frame { of, frame }, fade);
                }
                Act::Play => {
                    self.cut(At::Now, 0);
                    self.send(Command::Play { fade: 0 });
                }
            }
        }
    }

    fn prepare(&mut self, from: u64) {
        let free = self.kits.iter_mut().find_map(|kit| {
            let deck = kit.deck.as_mut()?;
            Some((deck, &mut kit.supply, &mut kit.ticket))
        });
        let Some((deck, supply, ticket)) = free else {
            panic!("no deck is free");
        };
        let length = self.piece.length - from;
        *ticket = self.drum.draw();
        deck.rewind(spec::<B>(*ticket, length));
        supply.begin(*ticket, from, length);
        self.ready = *ticket;
    }

    fn cut(&mut self, at: At, fade: u32) {
        let ready = self.ready;
        let kit = self.kits.iter_mut().find(|k| k.ticket == ready);
        let Some(deck) = kit.and_then(|k| k.deck.take()) else {
            panic!("no deck is ready");
        };
        self.playing = ready;
        self.send(Command::Cut(Cut {
            deck,
            at,
            fade,
            curve: Curve::Linear,
        }));
    }

    fn send(&mut self, command: Command<&'static mut crate::memory::StaticDeck<B, T, U, C>>) {
        if self.handle.send(command).is_err() {
            panic!("a command was refused");
        }
    }
}
