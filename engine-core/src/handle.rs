//! The controller's end of an engine: commands out, decks and events back. One per engine.

use crate::command::Command;
use crate::engine::{COMMANDS, EVENTS, RETURNS};
use crate::event::Event;
use crate::platform::Platform;
use crate::ring::{Consumer, Producer};

/// Why a command was not taken. It comes back, with its deck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Refused {
    /// The ring is full: the engine hasn't been called for a while. Pump it, or try again later.
    RingFull,
    /// As many decks are with the engine as can come back at once. Collect those first.
    TooManyDecks,
}

/// Sends commands to one engine. The parameters are [`Platform`]'s.
pub struct Handle<
    P: Platform<N, T, U, C>,
    const N: usize,
    const T: usize,
    const U: usize,
    const C: usize,
> {
    commands: Producer<Command<P::Deck>, COMMANDS>,
    returns: Consumer<P::Deck, RETURNS>,
    events: Consumer<Event, EVENTS>,
    board: P::Board,
    /// Decks that are with the engine.
    out: usize,
}

impl<P: Platform<N, T, U, C>, const N: usize, const T: usize, const U: usize, const C: usize>
    Handle<P, N, T, U, C>
{
    /// The other ends of the rings that an engine was made with.
    pub fn new(
        commands: Producer<Command<P::Deck>, COMMANDS>,
        returns: Consumer<P::Deck, RETURNS>,
        events: Consumer<Event, EVENTS>,
        board: P::Board,
    ) -> Self {
        Self {
            commands,
            returns,
            events,
            board,
            out: 0,
        }
    }

    /// Sends a command; it acts on the first frame of the engine's next call.
    ///
    /// # Errors
    /// The command comes back with the reason, nothing changed.
    pub fn send(&mut self, command: Command<P::Deck>) -> Result<(), (Refused, Command<P::Deck>)> {
        let carries = matches!(command, Command::Cut(_));
        if carries && self.out >= RETURNS - 1 {
            return Err((Refused::TooManyDecks, command));
        }
        match self.commands.push(command) {
            Ok(()) => {
                self.out += usize::from(carries);
                Ok(())
            }
            Err(command) => Err((Refused::RingFull, command)),
        }
    }

    /// A deck that came back. Storage is reclaimed by whoever takes it.
    pub fn take_deck(&mut self) -> Option<P::Deck> {
        let deck = self.returns.pop()?;
        self.out = self.out.saturating_sub(1);
        Some(deck)
    }

    /// Decks that are with the engine.
    pub fn decks_out(&self) -> usize {
        self.out
    }

    /// The oldest event that hasn't been taken.
    pub fn take_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// The board shared with the engine.
    pub fn board(&self) -> &P::Board {
        &self.board
    }
}
