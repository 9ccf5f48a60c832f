//! What the controller learns from the engine, the feeder and the driver.

use engine_core::backend::{Halt, Health};
use engine_core::command::Command;
use engine_core::event::EventKind;
use engine_core::status::State;
use engine_core::ticket::Ticket;

use super::super::builder::OnDamage;
use super::super::decks::{GONE, Purpose};
use super::super::notes::Note;
use super::Controller;
use crate::feeder::FeederEvent;
use crate::plan::Plan;
use crate::report::{Device, DeviceState, Ended, OutputLatency, Started};
use crate::song::OnEnd;

impl Controller {
    pub(super) fn hear(&mut self) {
        while let Some(event) = self.rig.as_mut().and_then(|r| r.handle.take_event()) {
            let at = event.engine_frame;
            match event.kind {
                EventKind::Started { deck, frame } => {
                    self.anchor(at, deck, frame, true);
                    self.say_started();
                    let frame = self.song_frame(deck, frame);
                    self.orders.started(frame);
                }
                EventKind::Paused { deck, frame } | EventKind::Ended { deck, frame } => {
                    self.anchor(at, deck, frame, false);
                    let frame = self.song_frame(deck, frame);
                    if !self.orders.stopping {
                        self.orders.rested(frame);
                    }
                }
                EventKind::Stopped { deck, frame } => {
                    self.anchor(at, deck, frame, false);
                    self.stopped();
                    let frame = self.song_frame(deck, frame);
                    self.orders.rested(frame);
                }
                EventKind::Cut { to, actual, .. } => {
                    self.cut(at, to, actual);
                    let frame = self.song_frame(to, 0);
                    self.orders.cut(to, frame);
                }
                EventKind::Applied {
                    deck,
                    frame,
                    revision,
                } => {
                    if let Some(song) = self.decks.find(deck).map(|l| l.song) {
                        let song = self.songs.get(song).map(|s| s.ticket);
                        let frame = self.song_frame(deck, frame);
                        if let Some(song) = song {
                            self.orders.applied(song, revision, frame);
                        }
                    }
                }
                EventKind::FadeBegun { deck, frame } => {
                    let frame = self.song_frame(deck, frame);
                    self.orders.fade_begun(frame);
                }
                EventKind::CutDropped { .. } => {}
                EventKind::Starved { deck, .. } => {
                    let song = self.decks.find(deck).map_or(self.song, |l| l.song);
                    let title = self.songs.get(song).map_or("", |s| &s.song.title);
                    self.warn(
                        "starved",
                        format!(
                            "the stems of `{title}` are read too slowly: the sound stops until they are back"
                        ),
                        None,
                    );
                }
                EventKind::Recovered { .. } => {}
            }
        }
    }

    /// The frame of the song that is a deck's.
    fn song_frame(&self, deck: Ticket, frame: u64) -> u64 {
        let live = self.decks.find(deck);
        live.map_or_else(|| self.here(), |l| l.plan.song_frame(frame))
    }

    fn anchor(&mut self, at: u64, deck: Ticket, frame: u64, moving: bool) {
        if let Some(l) = self.decks.find(deck) {
            self.anchors.add(at, deck, frame, l.plan, l.song, moving);
        }
    }

    fn cut(&mut self, at: u64, to: Ticket, actual: u64) {
        if let Some(old) = self.current {
            // (Past its end a deck gives silence, in step with a transport.)
            let len = self.decks.find(old).and_then(|l| l.plan.deck_len());
            self.delivered += actual.min(len.unwrap_or(u64::MAX));
        }
        self.current = Some(to);
        self.cut_to_loaded(to);
        let Some(live) = self.decks.find(to).filter(|live| live.song != GONE) else {
            return;
        };
        if live.song < self.song && matches!(live.purpose, Purpose::Follow { .. }) {
            self.list_played += 1;
        }
        if !matches!(live.purpose, Purpose::Outside { .. }) {
            // (Which song the transport is with was decided before.)
            self.song = live.song;
        }
        // Another place may be tried from again.
        self.no_follower &= matches!(live.purpose, Purpose::Splice { .. });
        let looping = live.plan.active_loop();
        // A loop that was wished for, or ended, while the first deck was still on its way.
        let wished = Plan {
            repeat: self.looping,
            ..live.plan
        }
        .active_loop();
        let other = matches!(live.purpose, Purpose::Start) && wished != looping;
        let busy = self.decks.is_busy();
        if !busy {
            // Otherwise a later wish is on its way, and its loop is the one in force.
            self.looping = if other { wished } else { looping };
        }
        let position = self.rig.as_ref().map(|r| r.handle.board().position());
        let moving = position.as_ref().is_some_and(Self::moves);
        self.anchor(at, to, 0, moving);
        self.prepare_follower();
        if other && !busy {
            self.splice(0);
        }
    }

    pub(super) fn say_started(&mut self) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let Some(rig) = &mut self.rig else { return };
        let report = rig.driver.report();
        let started = Started {
            after_ms: self.told.born.elapsed().as_secs_f64() * 1000.0,
            rate: rig.granted.rate,
            channels: rig.granted.channels,
            channel_map: rig.channel_map(),
            period: Some(rig.granted.period),
            periods: rig.granted.periods,
            format: rig.granted.format.map(crate::config::format_word),
            backend: rig.driver.name().to_owned(),
            device: Some(rig.granted.device.to_string()).filter(|d| !d.is_empty()),
            latency: OutputLatency::new(report.latency_frames, rig.granted.rate),
        };
        self.tell(Note::Started(started));
    }

    pub(super) fn take_decks(&mut self) {
        while let Some(deck) = self.rig.as_mut().and_then(|r| r.handle.take_deck()) {
            let later = |p: Purpose| matches!(p, Purpose::Follow { .. } | Purpose::Due { .. });
            let dropped = self
                .decks
                .find(deck.spec().ticket)
                .is_some_and(|l| later(l.purpose))
                && self.current != Some(deck.spec().ticket);
            self.decks.back(deck);
            let due = |p: Purpose| matches!(p, Purpose::Due { of, .. } if Some(of) == self.current);
            if dropped && !self.decks.live.iter().any(|l| due(l.purpose)) {
                // A seek took the place of what was to follow. (After a jump at the end of a
                // section its own follower is prepared.)
                self.prepare_follower();
            }
        }
    }

    /// The stop flag, which only counts when it is the present deck's.
    pub(super) fn poll_stop_flag(&mut self) {
        // It is raised within a call, and only with the call's end it shows that the song has ended: until then it is left.
        if self.rig.is_none() || self.state() != State::Ended {
            return;
        }
        // Which deck is the present one may be news of that very call.
        self.hear();
        let Some(rig) = &self.rig else { return };
        let Some(ticket) = rig.handle.board().take_stop_flag() else {
            return;
        };
        if self.current != Some(ticket) {
            return;
        }
        let follows = self
            .decks
            .preparing
            .iter()
            .any(|p| !matches!(p.purpose, Purpose::Splice { .. }));
        if follows {
            // The next deck starts as soon as it is primed.
            return;
        }
        if self.awaits_load() {
            return;
        }
        self.song_over();
    }

    /// A deck that awaits what can't come holds at its end: it ends there.
    pub(super) fn end_without_follower(&mut self) {
        if !self.no_follower || self.loads.is_busy() {
            return;
        }
        let Some(rig) = &self.rig else { return };
        let p = rig.handle.board().position();
        let len = self.decks.find(p.deck).and_then(|l| l.plan.deck_len());
        if p.holding && len.is_some_and(|len| p.deck_frame >= len) {
            self.no_follower = false;
            self.send(Command::Stop { fade: 0 });
            self.song_over();
        }
    }

    pub(super) fn song_over(&mut self) {
        self.rolling = false;
        let on_end = self.songs[self.song].song.on_end;
        let last = self.song + 1 >= self.songs.len();
        if let Some(rig) = &mut self.rig {
            rig.halt(Halt::Drain);
        }
        match on_end {
            // (A loop that was ended by hand.)
            OnEnd::Stop | OnEnd::Loop if !last => {
                let next = self.song + 1;
                self.prepare_start(next, None);
            }
            OnEnd::Hold => {}
            _ if self.told.finish_at_end => self.finish(Ended::End),
            _ => {}
        }
        self.show(true);
    }

    pub(super) fn hear_feeder(&mut self) {
        while let Ok(event) = self.feeder_events.try_recv() {
            match event {
                FeederEvent::Damaged {
                    ticket,
                    name,
                    frame,
                    what,
                    ..
                } => {
                    self.damaged += 1;
                    self.warn(
                        "damaged",
                        format!("{what}; it is silent from there on"),
                        Some(name),
                    );
                    if self.told.on_damage == OnDamage::Stop {
                        self.fail("damaged", what);
                    }
                    self.note_damage(ticket, frame);
                }
                FeederEvent::NonFinite { name, frame, count, .. } => self.warn(
                    "not-finite",
                    format!(
                        "track `{name}` has samples that are no numbers, first near frame {frame} ({count} there); they are played as silence"
                    ),
                    Some(name),
                ),
            }
        }
    }

    pub(super) fn watch_driver(&mut self) {
        let Some(rig) = &mut self.rig else { return };
        let report = rig.driver.report();
        let reason = Some(report.reason.to_string()).filter(|r| !r.is_empty());
        let other_rate = report.rate != 0 && report.rate != rig.granted.rate;
        if other_rate {
            self.rate_changed(report.rate);
            return;
        }
        if report.period != 0 && report.period != self.decks.size.period {
            // What is in play has rings for any period; the next deck is primed for this one.
            self.decks.size.set_period(report.period);
        }
        let before = self.shown.health.replace(report.health);
        // Halting at an end and starting again is no news.
        let bad = |h: Health| matches!(h, Health::Lost | Health::Recovering);
        if before != Some(report.health) && (bad(report.health) || before.is_some_and(bad)) {
            self.tell(Note::Device(Device {
                state: DeviceState::from(report.health),
                reason: reason.clone(),
            }));
        }
        self.hear_volume(report.volume);
        self.shown.report = report;
        if self.shown.health == Some(Health::Lost) {
            self.lost(reason.unwrap_or_else(|| "the device is gone".into()));
        }
    }

    /// As if the driver had reported its loss.
    pub(super) fn device_lost(&mut self, reason: String) {
        self.tell(Note::Device(Device {
            state: DeviceState::Lost,
            reason: Some(reason.clone()),
        }));
        self.lost(reason);
    }
}
