//! A session: what the player tells goes to the reporter, keys and signals go to the player.

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGSTOP};
use signal_hook::low_level::raise;

use super::care::Care;
use super::managed::{Attached, Open};
use super::signals::Signal;
use crate::args::Play;
use crate::kiosk::Kept;
use crate::nsm;
use crate::player::{Note, Place, Player, Status, TrackMeter};
use crate::report::{
    BusLevel, Ended, Failure, Faults, Meters, Reporter, State, Summary, Switched, Warning,
};
use crate::song::Time;
use crate::terminal::{self, Event, Key, Keys};
use crate::tui::Tui;

/// How long a key or a signal may wait.
const TICK: Duration = Duration::from_millis(25);
/// How long ^Z waits for the fade, and for the news of it.
const SUSPEND: Duration = Duration::from_secs(1);
/// What the arrows skip, s.
const SKIP_S: f64 = 5.0;

/// What somebody outside wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Key(Key),
    /// Something was pressed, for a screen.
    Event(Event),
    Signal(Signal),
    /// A surface has something to say.
    Surface(String),
    /// From a session manager.
    Manager(nsm::Request),
}

impl From<Key> for Input {
    fn from(key: Key) -> Self {
        Self::Key(key)
    }
}

impl From<Event> for Input {
    fn from(event: Event) -> Self {
        Self::Event(event)
    }
}

impl From<Signal> for Input {
    fn from(signal: Signal) -> Self {
        Self::Signal(signal)
    }
}

/// How a session went.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outcome {
    /// The account; `None` when the player broke down.
    pub summary: Option<Summary>,
    /// The signal that ended it and is to be raised again.
    pub signal: Option<i32>,
    /// What comes instead; then nothing has been said of the end.
    pub next: Option<Next>,
}

/// What comes after a session that isn't the end.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Next {
    /// What the session manager wants.
    Open(Open),
    /// This order, from there on.
    Play(Box<Play>, Option<Kept>),
    /// The same again, from there on: it broke off, for this reason.
    Again(String, Box<Play>, Option<Kept>),
}

impl Outcome {
    /// A signal came before there was anything to play, which is said.
    pub fn before_any(signal: i32, reporter: &mut Reporter) -> Self {
        let summary = so_far(&Status::default());
        reporter.summary(&summary);
        Self {
            summary: Some(summary),
            signal: (signal == SIGINT).then_some(signal),
            next: None,
        }
    }
}

pub(super) struct Session<'a> {
    player: Player,
    reporter: &'a mut Reporter,
    inputs: &'a Receiver<Input>,
    keys: &'a mut Option<Keys>,
    signal: Option<i32>,
    manager: Option<Attached<'a>>,
    screen: Option<Tui>,
    care: Option<Care<'a>>,
    /// Plays at once.
    plays: bool,
    next: Option<Next>,
    /// A signal has said that it is to end.
    ending: bool,
}

impl<'a> Session<'a> {
    pub fn new(
        player: Player,
        reporter: &'a mut Reporter,
        inputs: &'a Receiver<Input>,
        keys: &'a mut Option<Keys>,
    ) -> Self {
        Self {
            player,
            reporter,
            inputs,
            keys,
            signal: None,
            manager: None,
            screen: None,
            care: None,
            plays: true,
            next: None,
            ending: false,
        }
    }

    /// With a session manager; `plays` at once, or waits.
    pub fn managed(self, manager: Attached<'a>, plays: bool) -> Self {
        Self {
            manager: Some(manager),
            plays,
            ..self
        }
    }

    /// With a screen.
    pub fn on_screen(self, screen: Option<Tui>) -> Self {
        Self { screen, ..self }
    }

    /// With somebody who looks after it.
    pub fn with_care(self, care: Care<'a>) -> Self {
        Self {
            care: Some(care),
            ..self
        }
    }

    /// Plays until it is over, and says so.
    pub fn run(mut self) -> Outcome {
        if self.plays {
            self.player.play();
        }
        let summary = loop {
            while let Ok(input) = self.inputs.try_recv() {
                self.obey(input);
            }
            if let Some(manager) = &mut self.manager {
                manager.tend(&self.player);
            }
            if let Some(care) = self
                .care
                .as_mut()
                .filter(|_| self.next.is_none() && !self.ending)
                && let Some(next) = care.tend(&self.player, self.reporter)
            {
                self.next = Some(next);
                self.player.quit();
            }
            // A player that is over may have left notes.
            let over = self.player.is_over();
            let wait = match &mut self.screen {
                Some(screen) => {
                    screen.frame(&self.player);
                    screen.wait().min(TICK)
                }
                None => TICK,
            };
            match self.player.next_note(wait) {
                Some(Note::Summary(summary)) => break Some(summary),
                Some(note) => self.tell(note),
                // A summary that came while the process was being suspended is with the player.
                None if over => break self.player.wait(),
                None => {}
            }
        };
        if let Some(care) = &mut self.care {
            let ended = summary.as_ref().map(|summary| summary.ended);
            care.keep(ended, &self.player.status(), self.reporter);
        }
        if let (Some(care), Some(summary), None) = (&mut self.care, &summary, &self.next)
            && !self.ending
        {
            self.next = care.again(summary, &self.player.status());
        }
        if let Some(next) = self.next {
            return Outcome {
                summary,
                signal: None,
                next: Some(next),
            };
        }
        // The terminal is as it was before the last words.
        self.screen = None;
        *self.keys = None;
        match &summary {
            Some(summary) => self.reporter.summary(summary),
            None => {
                let error = Failure {
                    code: "broken".into(),
                    message: "the player broke down; please report this".into(),
                };
                self.reporter.error(&error);
                self.reporter.summary(&Summary {
                    ended: Ended::Error,
                    error: Some(error),
                    ..so_far(&self.player.status())
                });
            }
        }
        Outcome {
            summary,
            signal: self.signal,
            next: None,
        }
    }

    fn tell(&mut self, note: Note) {
        match note {
            Note::Started(started) => self.reporter.started(&started),
            Note::Position(position) => {
                let meters = meters(&self.player.status());
                self.reporter.position(&position, &meters);
            }
            Note::Device(device) => self.reporter.device(&device),
            Note::Warning(warning) => {
                let passes = self
                    .care
                    .as_mut()
                    .is_none_or(|c| c.passes(&warning.message));
                if !passes {
                    return;
                }
                self.say(1, &warning.message);
                self.reporter.warning(&warning);
            }
            Note::Error(error) => {
                self.say(3, &error.message);
                self.reporter.error(&error);
            }
            // The caller's.
            Note::Summary(_) => {}
        }
    }

    /// To the session manager, if there is one.
    fn say(&self, priority: i32, message: &str) {
        if let Some(manager) = &self.manager {
            manager.say(priority, message);
        }
    }

    fn obey(&mut self, input: Input) {
        match input {
            Input::Key(key) => self.press(key),
            Input::Event(event) => {
                if let Some(screen) = &mut self.screen {
                    screen.event(event);
                }
            }
            Input::Signal(Signal::End(number)) => {
                self.signal = (number == SIGINT).then_some(number);
                // Whatever else was to come.
                (self.next, self.ending) = (None, true);
                if let Some(care) = &mut self.care {
                    care.stopping();
                }
                self.player.quit();
            }
            Input::Signal(Signal::Reload) => {
                if let Some(care) = &mut self.care {
                    care.reload(&self.player.status());
                }
            }
            Input::Signal(Signal::Statistics) => {
                let so_far = so_far(&self.player.status());
                self.reporter.statistics(&so_far);
            }
            Input::Signal(Signal::Suspend) => self.suspend(),
            Input::Surface(message) => self.reporter.warning(&Warning {
                code: "input".into(),
                message,
                track: None,
            }),
            Input::Manager(request) => {
                let manager = self.manager.as_mut();
                if let Some(open) = manager.and_then(|m| m.obey(request, &self.player)) {
                    self.next = Some(Next::Open(open));
                    self.player.quit();
                }
            }
        }
    }

    fn press(&self, key: Key) {
        let player = &self.player;
        // Tracks that aren't there have no effect.
        let track = |number: u8| usize::from(number).checked_sub(1);
        match key {
            Key::Pause => player.toggle(),
            Key::Back5 => player.seek(Place::By(-SKIP_S)),
            Key::Forward5 => player.seek(Place::By(SKIP_S)),
            Key::Start => player.seek(Place::At(Time::Frames(0))),
            Key::PreviousSection => player.seek(Place::PreviousSection),
            Key::NextSection => player.seek(Place::NextSection),
            Key::Loop => player.toggle_loop(),
            Key::Mute(number) => {
                if let Some(track) = track(number) {
                    player.mute(track, None);
                }
            }
            Key::Solo(number) => {
                if let Some(track) = track(number) {
                    player.solo(track, None);
                }
            }
            Key::Quit => player.quit(),
        }
    }

    /// ^Z: fades out, gives the terminal back, stops the process; once it is continued, plays on
    /// if it did before.
    fn suspend(&mut self) {
        let was_playing = self.player.status().position.state == State::Playing;
        if was_playing {
            self.player.pause();
            let deadline = Instant::now() + SUSPEND;
            // Not until it has been told: who reads the status learns of the pause before the
            // process stops.
            let mut told = false;
            while !told || self.player.status().position.state == State::Playing {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() || self.player.is_over() {
                    break;
                }
                if let Some(note) = self.player.next_note(left.min(TICK)) {
                    told |= matches!(&note, Note::Position(p) if p.state != State::Playing);
                    self.tell(note);
                }
            }
        }
        self.reporter.park();
        terminal::restore();
        // SIGSTOP, not SIGTSTP: that one is ours.
        let _ = raise(SIGSTOP);
        if let Some(keys) = self.keys.as_ref() {
            keys.resume();
        }
        if let Some(screen) = &mut self.screen {
            screen.resume();
        }
        if was_playing {
            self.player.play();
        }
    }
}

fn meters(status: &Status) -> Meters {
    let numbers = |on: fn(&TrackMeter) -> bool| -> Vec<usize> {
        let tracks = (1..).zip(&status.tracks);
        tracks.filter_map(|(n, t)| on(t).then_some(n)).collect()
    };
    Meters {
        rate: status.rate,
        switched: Switched {
            muted: numbers(|t| t.mute),
            soloed: numbers(|t| t.solo),
            looping: status.looping,
        },
        buses: status
            .buses
            .iter()
            .map(|bus| BusLevel {
                name: bus.name.clone(),
                peak: bus.peak,
            })
            .collect(),
        faults: Faults {
            device_xruns: status.device_xruns,
            late_callbacks: status.late_callbacks,
            starvations: status.starvations,
        },
    }
}

/// The account of a run that isn't over.
fn so_far(status: &Status) -> Summary {
    let rate = (status.rate != 0).then_some(status.rate);
    Summary {
        frames: status.delivered_frames,
        seconds: rate.map_or(0.0, |rate| status.delivered_frames as f64 / f64::from(rate)),
        damaged: status.damaged,
        rate,
        backend: Some(status.backend.clone()).filter(|name| !name.is_empty()),
        device: Some(status.device.clone()).filter(|name| !name.is_empty()),
        ended: Ended::Stopped,
        device_xruns: status.device_xruns,
        late_callbacks: status.late_callbacks,
        starvations: status.starvations,
        starved_frames: status.starved_frames,
        clips: status.clips,
        losses: status.losses,
        reason: status.lost_by.clone(),
        abandoned: status.abandoned,
        delivery: status.delivery,
        latency: status.latency.clone(),
        error: None,
    }
}
