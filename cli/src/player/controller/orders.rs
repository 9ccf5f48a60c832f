//! Orders: verbs that want an answer. What they do is done as with any wish; `waiting` finds out when it took effect.

use engine_core::command::Command;
use engine_core::controls::TrackSetting;
use engine_core::status::State;
use engine_core::ticket::Ticket;

use super::super::decks::Purpose;
use super::super::wish::Place;
use super::waiting::Await;
use super::{Controller, QUIT_FADE_MS};
use crate::config::MonitorLevel;
use crate::control::{Answer, Answerer, ErrorCode, Fader, Looped, Refusal, Target, Verb};
use crate::song::Time;
use crate::units::{Level, SongRef, TimeRange, TrackRef};

/// The level as the engine calls it.
pub(super) fn engine_level(level: MonitorLevel) -> engine_core::monitor::MonitorLevel {
    match level {
        MonitorLevel::Off => engine_core::monitor::MonitorLevel::Off,
        MonitorLevel::Sampled => engine_core::monitor::MonitorLevel::Sampled,
        MonitorLevel::Full => engine_core::monitor::MonitorLevel::Full,
    }
}

/// What came of an order at once.
pub(super) enum Outcome {
    /// It is in effect from this frame of the song on.
    At(u64),
    Wait(Await),
}

impl Controller {
    pub(super) fn order(&mut self, verb: &Verb, answerer: Answerer) {
        // What the engine has done by now, it has done before.
        self.hear();
        if self.quitting.is_some() && !matches!(verb, Verb::Status | Verb::Meters | Verb::Quit) {
            answerer.refuse(Refusal::over());
            return;
        }
        if matches!(verb, Verb::Status | Verb::Meters) {
            let status = self.make_status(self.position());
            answerer.last(Answer::Status(Box::new(status)));
            return;
        }
        if let Verb::Load(inputs) = verb {
            self.order_load(inputs, answerer);
            return;
        }
        let answerer = match self.order_to_write(verb, answerer) {
            Some(answerer) => answerer,
            None => return,
        };
        match self.carry_out(verb) {
            Ok(Outcome::At(frame)) => answerer.done(frame),
            Ok(Outcome::Wait(what)) => self.orders.wait(what, answerer),
            Err(refusal) => answerer.refuse(refusal),
        }
    }

    fn carry_out(&mut self, verb: &Verb) -> Result<Outcome, Refusal> {
        if self.follows()
            && let Some(outcome) = self.conduct(verb)?
        {
            return Ok(outcome);
        }
        match verb {
            Verb::Play => Ok(self.order_play()),
            Verb::Pause => Ok(self.order_pause()),
            Verb::Toggle if self.rolling => Ok(self.order_pause()),
            Verb::Toggle => Ok(self.order_play()),
            Verb::Stop => Ok(self.order_stop()),
            Verb::Seek(target) => self.order_seek(target),
            Verb::Jump(to, when) => self.order_jump(to, *when),
            Verb::Loop(what) => self.order_loop(what),
            // The idle song is the last one.
            Verb::Next if self.idle.song == Some(self.song) => self.order_song(0),
            Verb::Next => self.order_song(self.song + 1),
            Verb::Previous => self.order_song(self.song.wrapping_sub(1)),
            Verb::Trigger {
                song,
                fade,
                if_idle,
            } => self.order_trigger(song, fade.as_ref(), *if_idle),
            Verb::Song(song) => self.order_song(self.find_song(song)?),
            Verb::Gain(track, level) => {
                let gain = self.linear(*level);
                self.order_track(track, |s| s.gain = gain)
            }
            Verb::Pan(track, pan) => self.order_track(track, |s| s.pan = *pan),
            Verb::Mute(track, on) => {
                self.order_track(track, |s| s.mute = on.wanted().unwrap_or(!s.mute))
            }
            Verb::Solo(track, on) => {
                self.order_track(track, |s| s.solo = on.wanted().unwrap_or(!s.solo))
            }
            Verb::ClearSolo => {
                self.clear_solo();
                Ok(self.committed())
            }
            Verb::Bus(bus, level) => {
                let bus = self.bus(bus)?;
                let controls = &self.songs[self.song].controls;
                controls.set_level(bus, self.linear(*level));
                Ok(self.committed())
            }
            Verb::Master(level) => {
                self.set_master(self.linear(*level));
                Ok(self.committed())
            }
            Verb::Volume(level) => self.order_volume(*level),
            Verb::Fade { what, to, over } => self.order_fade(what, *to, over),
            Verb::Monitor(level, _) => {
                self.set_monitor(engine_level(*level));
                Ok(self.committed())
            }
            Verb::Quit => {
                self.quit();
                Ok(Outcome::Wait(Await::End))
            }
            // Answered elsewhere.
            Verb::Status | Verb::Meters | Verb::Subscribe(_) | Verb::Save(_) | Verb::Load(_) => {
                Ok(Outcome::At(self.here()))
            }
        }
    }

    pub(super) fn linear(&self, level: Level) -> f32 {
        level.gain(self.decks.options.max_gain_db)
    }

    fn bus(&self, name: &str) -> Result<usize, Refusal> {
        self.layout.bus(name).ok_or_else(|| {
            let known: Vec<&str> = self.layout.buses.iter().map(|b| b.name.as_str()).collect();
            let name = crate::report::clean(name);
            let message = format!("there is no bus `{name}`; there are {}", known.join(", "));
            Refusal::new(ErrorCode::UnknownBus, message)
        })
    }

    fn strips(&self, track: &TrackRef) -> Result<Vec<usize>, Refusal> {
        let found = self.songs[self.song].find(track);
        found.map_err(|message| {
            Refusal::new(ErrorCode::UnknownTrack, crate::report::clean(&message))
        })
    }

    /// The engine has a deck of the song in play.
    pub(super) fn is_in_play(&self) -> bool {
        let song = self.songs[self.song].ticket;
        self.current.is_some()
            && (self.rig.as_ref()).is_some_and(|r| r.handle.board().position().song == song)
    }

    /// The controls were changed: ends the batch.
    pub(super) fn committed(&mut self) -> Outcome {
        let song = &self.songs[self.song];
        let revision = song.controls.commit();
        let song = song.ticket;
        match self.is_in_play() {
            true => Outcome::Wait(Await::Revision { song, revision }),
            false => Outcome::At(self.here()),
        }
    }

    fn order_track(
        &mut self,
        track: &TrackRef,
        change: impl Fn(&mut TrackSetting),
    ) -> Result<Outcome, Refusal> {
        for strip in self.strips(track)? {
            self.change(strip, &change);
        }
        Ok(self.committed())
    }

    fn order_play(&mut self) -> Outcome {
        self.orders.superseded(|what| matches!(what, Await::Rest));
        let plays = self.rolling && self.state() == State::Playing;
        self.play();
        match plays {
            true => Outcome::At(self.here()),
            false => Outcome::Wait(Await::Start),
        }
    }

    fn order_pause(&mut self) -> Outcome {
        self.orders.superseded(|what| matches!(what, Await::Start));
        let at_rest = self.hold.is_some()
            || self.is_starting()
            || (!self.rolling && self.state() != State::Playing);
        self.pause();
        match at_rest {
            true => Outcome::At(self.here()),
            false => Outcome::Wait(Await::Rest),
        }
    }

    fn order_stop(&mut self) -> Outcome {
        self.orders
            .superseded(|what| matches!(what, Await::Start | Await::Rest));
        let start = self.parts[self.song].start;
        self.rolling = false;
        if let Some(hold) = &mut self.hold {
            hold.was_rolling = false;
            hold.frame = start;
            return Outcome::At(start);
        }
        match self.state() {
            _ if self.is_starting() => {}
            State::Playing | State::Paused => {
                self.decks
                    .give_up(|p| !matches!(p.purpose, Purpose::Follow { .. } | Purpose::Load));
                let fade = self.frames(QUIT_FADE_MS);
                self.send(Command::Stop { fade });
                self.orders.stopping = true;
                return Outcome::Wait(Await::Stop);
            }
            State::Stopped | State::Ended => {}
        }
        self.prepare_start(self.song, None)
            .map_or(Outcome::At(start), |deck| Outcome::Wait(Await::Cut(deck)))
    }

    /// The fade-out of a stop is over.
    pub(super) fn stopped(&mut self) {
        if !std::mem::take(&mut self.orders.stopping) || self.quitting.is_some() {
            return;
        }
        let deck = self.prepare_start(self.song, None);
        for (what, _) in &mut self.orders.pending {
            if *what == Await::Stop
                && let Some(deck) = deck
            {
                *what = Await::Cut(deck);
            }
        }
    }

    pub(super) fn cutting(&self, deck: Option<Ticket>, frame: u64) -> Outcome {
        deck.map_or(Outcome::At(frame), |deck| Outcome::Wait(Await::Cut(deck)))
    }

    fn order_seek(&mut self, target: &Target) -> Result<Outcome, Refusal> {
        let frame = self.target(target)?;
        let deck = self.jump(frame);
        Ok(self.cutting(deck, frame))
    }

    /// The song frame that a seek goes to.
    pub(super) fn target(&self, target: &Target) -> Result<u64, Refusal> {
        let rate = self.rate().max(1);
        let length = |time: &Time| match time {
            Time::Nanos(nanos) => crate::units::frames_from_nanos(*nanos, rate),
            Time::Frames(frames) => *frames,
            Time::Section(_) => 0,
        };
        let frame = match target {
            Target::At(time) => self.place(time)?,
            Target::Forward(by) => self.here().saturating_add(length(by)),
            Target::Back(by) => self.here().saturating_sub(length(by)),
        };
        Ok(frame.min(self.parts[self.song].end))
    }

    pub(super) fn place(&self, time: &Time) -> Result<u64, Refusal> {
        let place = Place::At(time.clone());
        self.resolve(&place).map_err(|e| {
            Refusal::new(
                ErrorCode::UnknownSection,
                crate::report::clean(&e.to_string()),
            )
        })
    }

    fn order_loop(&mut self, what: &Looped) -> Result<Outcome, Refusal> {
        let rate = self.rate().max(1);
        let range = match what {
            Looped::Off => None,
            Looped::Here => Some(self.span_here()),
            Looped::Section(name) => {
                let start = self.place(&Time::Section(name.clone()))?;
                let song = &self.songs[self.song];
                let spans = song.song.spans(rate, song.length(rate));
                let span = spans.into_iter().find(|s| s.name == *name);
                Some(span.map_or((start, start), |s| (s.start, s.end)))
            }
            Looped::Between(TimeRange { start, end }) => {
                let start = start.as_ref().map_or(Ok(0), |t| self.place(t))?;
                let end = end.as_ref().map_or(Ok(u64::MAX), |t| self.place(t))?;
                Some((start, end))
            }
        };
        if let Some((a, b)) = range
            && a >= b.min(self.parts[self.song].end)
        {
            return Err(Refusal::new(
                ErrorCode::BadValue,
                "loop: a loop must end after its start and begin within the song",
            ));
        }
        if range.is_none() && self.looping.is_none() {
            return Ok(Outcome::At(self.here()));
        }
        let deck = self.apply_loop(range);
        Ok(self.cutting(deck, self.here()))
    }

    fn order_song(&mut self, song: usize) -> Result<Outcome, Refusal> {
        self.check_song(song)?;
        let deck = self.change_song(song);
        Ok(self.cutting(deck, self.parts[song].start))
    }

    /// The song that is meant: of several of that title the first.
    pub(super) fn find_song(&self, which: &SongRef) -> Result<usize, Refusal> {
        let titles = self.songs.iter().map(|s| s.song.title.as_str());
        which.among(titles).ok_or_else(|| {
            let which = crate::report::clean(&which.to_string());
            let message = format!("song: there is no song `{which}` in the setlist");
            Refusal::new(ErrorCode::NoSong, message)
        })
    }

    /// Whether there is such a song.
    pub(super) fn check_song(&self, song: usize) -> Result<(), Refusal> {
        if song >= self.songs.len() {
            let what = match self.songs.len() {
                1 => "there is only this song",
                _ if song == self.songs.len() => "this is the last song",
                _ => "this is the first song",
            };
            return Err(Refusal::new(ErrorCode::NoSong, what));
        }
        Ok(())
    }

    fn order_fade(&mut self, what: &Fader, to: Level, over: &Time) -> Result<Outcome, Refusal> {
        let rate = self.rate().max(1);
        let frames = match over {
            Time::Nanos(nanos) => crate::units::frames_from_nanos(*nanos, rate),
            Time::Frames(frames) => *frames,
            Time::Section(_) => 0,
        };
        // The longest ramp of the core.
        let Ok(frames) = i32::try_from(frames).map(i32::cast_unsigned) else {
            let message = "fade: expected a time of less than some hours";
            return Err(Refusal::new(ErrorCode::BadValue, message));
        };
        let level = match what {
            Fader::Master => self.allowed_master(self.linear(to)),
            _ => self.linear(to),
        };
        let song = self.songs[self.song].ticket;
        let mut commands = Vec::new();
        // The controls say at once where it goes, but are not committed: the commands do the rest.
        match what {
            Fader::Track(track) => {
                let strips = self.strips(track)?;
                let controls = &self.songs[self.song].controls;
                for &strip in &strips {
                    let gain = TrackSetting {
                        gain: level,
                        ..controls.track(strip)
                    };
                    controls.set_track(strip, gain);
                }
                let index = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
                // Those of a wide stem are one after the other.
                for together in strips.chunk_by(|a, b| a + 1 == *b) {
                    commands.push(Command::FadeTrack {
                        song,
                        track: index(together.first().copied().unwrap_or_default()),
                        count: index(together.len()),
                        gain: level,
                        frames,
                    });
                }
            }
            Fader::Bus(bus) => {
                let bus = self.bus(bus)?;
                self.songs[self.song].controls.set_level(bus, level);
                commands.push(Command::FadeBus {
                    song,
                    bus: u8::try_from(bus).unwrap_or(u8::MAX),
                    level,
                    frames,
                });
            }
            Fader::Master => commands.push(Command::FadeMaster { level, frames }),
        }
        if !self.is_in_play() || frames == 0 || self.state() != State::Playing {
            // Values set while nothing plays apply at once.
            if let Fader::Master = what {
                self.set_master(level);
            }
            return Ok(self.committed());
        }
        let count = commands.len();
        for command in commands {
            if !self.try_send(command) {
                return Err(Refusal::new(
                    ErrorCode::Busy,
                    "the engine is not being called at the moment; try again",
                ));
            }
        }
        if let Fader::Master = what {
            // Behind the command: the engine takes a master that was set for a change of its own.
            self.set_master(level);
        }
        Ok(Outcome::Wait(Await::Fades(count)))
    }
}
