//! With JACK's transport: it says when and from where to play, and leading, play, pause and seek
//! move it.
//!
//! A frame of the transport is a frame of the song. The engine plays only decks that are in step with the
//! transport (`engine_core::outside`); what is done here is to have one there in time: where the transport stands, at
//! that very frame; where it rolls and none is in step (coming in late, starved, another song), at a frame a
//! little ahead of it. Leading is following as well: the wish goes to the transport, and what comes of it is heard
//! from there.

use std::time::{Duration, Instant};

use engine_core::outside::{Followed, Move, Outside};
use engine_core::status::{Position, State as EngineState};
use engine_core::ticket::Ticket;

use super::super::builder::Transport;
use super::super::decks::Purpose;
use super::super::wish::{Place, Wish};
use super::Controller;
use crate::plan::Plan;
use crate::report::{Ended, State};
use crate::song::OnEnd;

/// How far ahead of a rolling transport a deck is prepared, ms; doubled each time it came too late.
const AHEAD_MS: u32 = 150;
/// The last doubling.
const DOUBLED: u32 = 4;
/// After files could not be opened.
const AGAIN: Duration = Duration::from_secs(1);

/// A transport that hasn't done by then what it was told does something else.
const OBEYS: Duration = Duration::from_secs(5);

/// What has been tried to get in step.
#[derive(Debug, Default)]
pub(in super::super) struct Step {
    /// Decks that came too late, one after the other.
    late: u32,
    not_before: Option<Instant>,
    /// The deck whose end has been dealt with.
    ended: Option<Ticket>,
    sent: Sent,
}

/// What the transport was told, leading, and has not been seen to do yet.
#[derive(Debug, Default)]
struct Sent {
    frame: Option<u64>,
    rolling: Option<bool>,
    last: Option<Instant>,
}

impl Sent {
    fn note(&mut self, to: Move) {
        match to {
            Move::Locate(frame) => self.frame = Some(frame),
            Move::Start => self.rolling = Some(true),
            Move::Stop => self.rolling = Some(false),
        }
        self.last = Some(Instant::now());
    }

    /// The transport is there now. `second`: frames of one.
    fn see(&mut self, now: Outside, second: u64) {
        let there = |frame: u64| (frame..frame.saturating_add(second)).contains(&now.frame);
        let over = self.last.is_none_or(|t| t.elapsed() > OBEYS);
        self.frame = self.frame.filter(|frame| !over && !there(*frame));
        self.rolling = self
            .rolling
            .filter(|wanted| !over && *wanted != now.rolling);
    }
}

impl Controller {
    pub(in super::super) fn follows(&self) -> bool {
        self.told.transport != Transport::None
    }

    pub(super) fn leads(&self) -> bool {
        self.told.transport == Transport::Lead
    }

    /// Where the transport is, once a cycle has come.
    fn outside(&self) -> Option<Followed> {
        let rig = self.rig.as_ref()?;
        rig.handle.board().position().outside
    }

    /// The transport's frame, if one is followed.
    pub(super) fn outside_frame(&self) -> Option<u64> {
        self.outside().map(|o| o.at.frame)
    }

    /// Where the transport stands or rolls while nothing is heard of it.
    pub(in super::super) fn out_of_step(&self) -> Option<u64> {
        self.outside().filter(|o| !o.in_step).map(|o| o.at.frame)
    }

    /// Where the transport was sent and has not been seen yet.
    pub(in super::super) fn sent_to(&self) -> Option<u64> {
        self.step.sent.frame
    }

    /// Whether it plays, or would if there were a device.
    pub(in super::super) fn rolls(&self) -> bool {
        if self.leads() {
            let rolls = || self.outside().is_some_and(|o| o.at.rolling);
            self.step.sent.rolling.unwrap_or_else(rolls)
        } else {
            self.rolling
        }
    }

    /// Whether the position moves, by the engine's `position`.
    pub(super) fn moves(position: &Position) -> bool {
        let outside = |o: Followed| o.at.rolling && o.in_step;
        position.state == EngineState::Playing
            && !position.holding
            && position.outside.is_none_or(outside)
    }

    /// Sees to it that a deck is in step, or on its way.
    pub(super) fn keep_step(&mut self) {
        if !self.follows() || !self.rolling || self.quitting.is_some() {
            return;
        }
        let Some(rig) = &self.rig else { return };
        let position = rig.handle.board().position();
        let Some(outside) = position.outside else {
            return;
        };
        let (at, song) = (outside.at, self.song);
        self.step.sent.see(at, self.rate().into());
        let current = self.decks.find(position.deck);
        if outside.in_step && current.is_some_and(|l| l.song == song) {
            self.step.late = 0;
            self.see_end(&position);
            return;
        }
        let serves = |purpose: Purpose, of: usize| match purpose {
            Purpose::Outside { at: frame } if of == song => {
                frame == at.frame || (at.rolling && frame > at.frame)
            }
            _ => false,
        };
        let mut waiting = self.decks.live.iter();
        let waits = waiting.any(|l| l.ticket != position.deck && serves(l.purpose, l.song))
            || self
                .decks
                .preparing
                .iter()
                .any(|p| serves(p.purpose, p.song));
        if waits || self.step.not_before.is_some_and(|t| Instant::now() < t) {
            return;
        }
        self.step.not_before = None;
        let ahead = if at.rolling {
            let ms = AHEAD_MS << self.step.late;
            self.step.late = (self.step.late + 1).min(DOUBLED);
            self.frames(ms) + 2 * self.period()
        } else {
            0
        };
        let frame = at.frame + u64::from(ahead);
        let end = self.parts[song].end;
        let plan = Plan::new(frame.min(end), end);
        self.begin(song, plan, Purpose::Outside { at: frame });
    }

    /// The files of a deck that was to get in step could not be opened.
    pub(super) fn not_in_step(&mut self) {
        self.step.not_before = Some(Instant::now() + AGAIN);
    }

    fn steer(&mut self, to: Move) {
        self.step.sent.note(to);
        if let Some(rig) = &mut self.rig
            && let Err(e) = rig.driver.steer(to)
        {
            self.warn("transport", e.to_string(), None);
        }
    }

    /// Rolls, from this frame of the song.
    fn start_at(&mut self, frame: u64) {
        self.steer(Move::Locate(frame));
        self.steer(Move::Start);
    }

    // ---- wishes ----

    /// A wish that the transport has a say in; the others come back.
    pub(super) fn obey_following(&mut self, wish: Wish) -> Option<Wish> {
        match wish {
            Wish::Play if !self.rolling => self.join(),
            Wish::Toggle if !self.rolling => self.join(),
            Wish::Loop(_) | Wish::ToggleLoop => {
                self.warn(
                    "transport",
                    "the time of JACK's transport goes straight on: there is no loop while following it".into(),
                    None,
                );
            }
            Wish::Song(song) => self.other_song(song),
            Wish::Play | Wish::Pause | Wish::Toggle | Wish::Seek(_) if !self.leads() => {
                self.warn(
                    "transport",
                    "JACK's transport says when and from where to play; move that, or use --transport lead".into(),
                    None,
                );
            }
            Wish::Play => self.lead(true),
            Wish::Pause => self.lead(false),
            Wish::Toggle => self.lead_on_or_off(),
            Wish::Seek(place) => self.locate(&place),
            other => return Some(other),
        }
        None
    }

    /// Begins to follow; leading, begins to play.
    pub(super) fn join(&mut self) {
        self.rolling = true;
        if let Some(hold) = &mut self.hold {
            hold.was_rolling = true;
            return;
        }
        self.roll(0);
        if self.leads() {
            self.start_at(self.parts[self.song].start);
        }
        self.say_started();
    }

    pub(super) fn lead_on_or_off(&mut self) {
        let rolls = match &self.hold {
            Some(hold) => hold.was_rolling,
            None => self.rolls(),
        };
        self.lead(!rolls);
    }

    pub(super) fn lead(&mut self, rolling: bool) {
        if let Some(hold) = &mut self.hold {
            hold.was_rolling = rolling;
            return;
        }
        match rolling {
            true if self.is_past_end() => self.start_at(self.parts[self.song].start),
            true => self.steer(Move::Start),
            false => self.steer(Move::Stop),
        }
    }

    fn is_past_end(&self) -> bool {
        let end = self.parts[self.song].end;
        self.outside().is_some_and(|o| o.at.frame >= end)
    }

    fn locate(&mut self, place: &Place) {
        match self.resolve(place) {
            Ok(frame) => self.go_to(frame),
            Err(e) => self.warn("no-section", e.to_string(), None),
        }
    }

    pub(super) fn go_to(&mut self, frame: u64) {
        match &mut self.hold {
            Some(hold) => hold.frame = frame,
            None => self.steer(Move::Locate(frame)),
        }
    }

    /// Another song: the transport's frame is one of that from now on. Leading, its beginning.
    pub(super) fn other_song(&mut self, song: usize) {
        if song >= self.songs.len() {
            return;
        }
        self.song = song;
        let start = self.parts[song].start;
        if let Some(hold) = &mut self.hold {
            hold.frame = start;
        } else if self.leads() {
            self.steer(Move::Locate(start));
        }
    }

    // ---- ends ----

    /// A song that is led ends as it would without a transport. One that follows is silent from
    /// there on, since the transport may go back.
    fn see_end(&mut self, position: &Position) {
        let rolling = position.outside.is_some_and(|o| o.at.rolling);
        let len = |l: &super::super::decks::Live| l.plan.deck_len();
        let len = self.decks.find(position.deck).and_then(len);
        let over = len.is_some_and(|len| position.deck_frame >= len);
        if !(self.leads() && rolling && over) || self.step.ended == Some(position.deck) {
            return;
        }
        self.step.ended = Some(position.deck);
        let on_end = self.songs[self.song].song.on_end;
        if let Some(next) = self.follower_of(self.song) {
            if next < self.song {
                self.list_played += 1;
            }
            self.song = next;
            self.steer(Move::Locate(self.parts[next].start));
            return;
        }
        if on_end == OnEnd::Loop {
            self.steer(Move::Locate(self.parts[self.song].start));
            return;
        }
        self.steer(Move::Stop);
        let next = self.song + 1;
        if on_end == OnEnd::Stop && next < self.songs.len() {
            self.song = next;
            self.steer(Move::Locate(self.parts[next].start));
        } else if on_end != OnEnd::Hold && self.told.finish_at_end {
            self.finish(Ended::End);
        }
    }

    /// The program ends: whoever leads stops the transport.
    pub(super) fn leave_transport(&mut self) {
        if self.leads() && self.rolls() {
            self.steer(Move::Stop);
        }
    }

    /// The server is back, with a transport of its own. Who had `joined` the old one leads this one to `frame` (the song's
    /// beginning when `None`), and has it roll if it `plays`; or, following, joins it if it `plays`, and else waits to be told.
    pub(in super::super) fn follow_again(&mut self, joined: bool, plays: bool, frame: Option<u64>) {
        self.step = Step::default();
        self.rolling = plays || (joined && self.leads());
        if !self.rolling {
            return;
        }
        let leads = self.leads();
        let to = Move::Locate(frame.unwrap_or(self.parts[self.song].start));
        let moves = [Some(to), plays.then_some(Move::Start)];
        let moves = moves.into_iter().flatten().filter(|_| leads);
        // It may go away again with the very first call, and then this is what is known of where it was to go.
        moves.clone().for_each(|to| self.step.sent.note(to));
        self.roll(0);
        if self.rig.is_none() {
            return;
        }
        moves.for_each(|to| self.steer(to));
        self.say_started();
    }

    /// The device or server is gone: so is its transport.
    pub(in super::super) fn forget_transport(&mut self) {
        self.step = Step::default();
    }

    // ---- what is shown ----

    /// Why it doesn't play although JACK's transport may roll.
    pub(super) fn waits_to_join(&self) -> Option<&'static str> {
        let waits = self.follows() && !self.leads() && !self.rolling && self.started;
        (waits && self.quitting.is_none())
            .then_some("it does not follow JACK's transport; play, and it will")
    }

    /// State, and why it stands still, of a player whose transport is `outside`.
    pub(super) fn state_with(outside: Followed, holding: bool) -> (State, Option<String>) {
        if !outside.at.rolling {
            let reason = "JACK's transport stands still";
            return (State::Paused, Some(reason.into()));
        }
        let reason = match (holding, outside.in_step) {
            (true, _) => Some("the stems are read too slowly"),
            (_, false) => Some("the stems are on their way to where JACK's transport is"),
            _ => None,
        };
        (State::Playing, reason.map(Into::into))
    }
}
