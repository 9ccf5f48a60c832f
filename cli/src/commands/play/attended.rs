//! A session from its beginning to its end, with what may come before it and in between: waiting for
//! the device, for the files, and beginning anew when it was loaded again or broke off unattended.

use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::SIGSTOP;
use signal_hook::low_level::raise;

use super::care::{self, Care, Thrift};
use super::refusal::Refusal;
use super::session::{Input, Next, Outcome, Session};
use super::signals::Signal;
use super::surfaces::Surfaces;
use super::{Built, make, open_socket, warn};
use crate::args::Play;
use crate::config::{Settings, Status, WaitDevice};
use crate::control::{Server, Socket};
use crate::exit::Code;
use crate::kiosk::{Attendant, Hold, HoldKind, Keeper, Kept};
use crate::player::Player;
use crate::report::{Device, DeviceState, Reporter, Warning};
use crate::terminal::{self, Keys};
use crate::tui::{Log, Tui};
use crate::units::gain_from_db;

/// First wait before it is tried again; doubled up to the longest.
const FIRST_TRY: Duration = Duration::from_millis(500);
const LAST_TRY: Duration = Duration::from_secs(5);
/// How long an input may wait.
const TICK: Duration = Duration::from_millis(25);

/// All that outlives a single player.
pub(super) struct Attended<'a> {
    play: Play,
    /// What counts if `play` can't be played.
    previous: Option<Play>,
    born: Instant,
    reporter: &'a mut Reporter,
    inputs: &'a Receiver<Input>,
    sender: &'a Sender<Input>,
    attendant: Attendant,
    thrift: Thrift,
    /// Where it goes on, when it is begun anew.
    resume: Option<Kept>,
    keeper: Option<Keeper>,
    /// What a screen shows of the reports, where there is one.
    log: Option<Log>,
}

/// What came of waiting for a player.
enum Waited {
    Player(Box<Player>),
    Signal(i32),
    Refused(Refusal),
}

impl<'a> Attended<'a> {
    pub fn new(
        play: &Play,
        born: Instant,
        reporter: &'a mut Reporter,
        inputs: &'a Receiver<Input>,
        sender: &'a Sender<Input>,
    ) -> Self {
        let settings = &play.settings;
        let metrics = settings.metrics.value.as_ref().map(Into::into);
        let env = |name: &str| std::env::var_os(name);
        let (attendant, complaint) = Attendant::new(&settings.name.value, metrics, born, &env);
        if let Some(message) = complaint {
            warn(reporter, "service-manager", message);
        }
        let (keeper, resume) = keep(settings, reporter);
        Self {
            thrift: Thrift::new(play.kiosk),
            play: play.clone(),
            previous: None,
            born,
            reporter,
            inputs,
            sender,
            attendant,
            resume,
            keeper,
            log: None,
        }
    }

    /// With a screen, if there is a log for it.
    pub fn on_screen(self, log: Option<Log>) -> Self {
        Self { log, ..self }
    }

    /// Plays until it is over.
    ///
    /// # Errors
    /// It came to no playing.
    pub fn run(mut self, socket: Option<Socket>, surfaces: Surfaces) -> Result<Outcome, Refusal> {
        let (mut ways, mut keys) = (Some((socket, surfaces)), None);
        loop {
            let player = match self.player() {
                Waited::Player(player) => *player,
                Waited::Signal(number) => return Ok(Outcome::before_any(number, self.reporter)),
                Waited::Refused(refusal) => match self.previous.take() {
                    Some(previous) => {
                        let message = refusal.failure.message;
                        let message = format!("{message}; what played before plays on");
                        warn(self.reporter, "reload", message);
                        self.play = previous;
                        continue;
                    }
                    None => return Err(refusal),
                },
            };
            self.previous = None;
            if keys.is_none() {
                keys = self.open_keys();
            }
            // (Those before went with what they served.)
            let (socket, surfaces) = match ways.take() {
                Some((socket, surfaces)) => (socket, Some(surfaces)),
                None => self.open_again(),
            };
            let server = socket.map(|socket| Server::start(socket, player.remote()));
            // Held until the session is over: then its clients are told so.
            let server = server.transpose().unwrap_or_else(|e| {
                let message = format!("there is no control socket: {e}");
                warn(self.reporter, "control", message);
                None
            });
            let serving = surfaces
                .map(|surfaces| surfaces.start(&player, self.sender.clone(), self.reporter));
            let care = Care::new(
                &mut self.attendant,
                &mut self.thrift,
                self.keeper.as_mut(),
                &self.play,
            );
            let screen = match &self.log {
                Some(log) => Tui::open(&player, log.clone(), self.play.keys).unwrap_or_else(|e| {
                    warn(self.reporter, "screen", format!("there is no screen: {e}"));
                    None
                }),
                None => None,
            };
            let had_screen = screen.is_some();
            let outcome = Session::new(player, self.reporter, self.inputs, &mut keys)
                .on_screen(screen)
                .with_care(care)
                .run();
            drop((server, serving));
            if had_screen {
                // It gave the terminal back.
                keys = None;
            }
            match outcome.next {
                Some(Next::Play(next, resume)) => {
                    self.resume = resume.or(self.resume);
                    self.previous = Some(std::mem::replace(&mut self.play, *next));
                }
                Some(Next::Again(reason, play, resume)) => {
                    self.play = *play;
                    self.resume = resume.or(self.resume);
                    let until = Instant::now() + LAST_TRY;
                    let hold = Hold {
                        kind: HoldKind::Loading,
                        reason,
                        until,
                    };
                    if let Some(number) = self.wait(&hold, || Instant::now() >= until) {
                        return Ok(Outcome::before_any(number, self.reporter));
                    }
                }
                Some(Next::Open(_)) | None => return Ok(outcome),
            }
        }
    }

    /// The keyboard, where there is one to be heard.
    fn open_keys(&mut self) -> Option<Keys> {
        let opened = match self.play.settings.status.value {
            // Also where none are taken: they would be echoed.
            _ if self.log.is_some() => Keys::open_all(self.sender.clone()),
            Status::Text | Status::Tui if self.play.keys => Keys::open(self.sender.clone()),
            _ => Ok(None),
        };
        opened.unwrap_or_else(|e| {
            let message = format!("the keyboard can't be read: {e}");
            warn(self.reporter, "keys", message);
            None
        })
    }

    /// The ways in, once more. One that is lost is a warning: playing is what counts.
    fn open_again(&mut self) -> (Option<Socket>, Option<Surfaces>) {
        let settings = &self.play.settings;
        let mut failed = None;
        let socket = open_socket(settings, self.reporter).unwrap_or_else(|failure| {
            failed = Some(failure);
            None
        });
        let surfaces = Surfaces::open(settings);
        let lost = failed.into_iter().chain(surfaces.as_ref().err().cloned());
        for failure in lost.collect::<Vec<_>>() {
            warn(self.reporter, "control", failure.message);
        }
        (socket, surfaces.ok())
    }

    /// Makes a player, however long it takes.
    fn player(&mut self) -> Waited {
        let begun = Instant::now();
        let (mut wait, mut told) = (FIRST_TRY, String::new());
        loop {
            let built = match self.build() {
                Ok(built) => built,
                Err(number) => return Waited::Signal(number),
            };
            let first = told.is_empty();
            for warning in built.warnings.iter().filter(|_| first) {
                if self.thrift.passes(&warning.message) {
                    self.reporter.warning(warning);
                }
            }
            let refusal = match built.player {
                Ok(player) => {
                    if !told.is_empty() {
                        let device = player.status().device;
                        self.reporter.device(&Device {
                            state: DeviceState::Running,
                            reason: Some(device).filter(|d| !d.is_empty()),
                        });
                    }
                    return Waited::Player(Box::new(player));
                }
                Err(refusal) => refusal,
            };
            let (kind, limit) = match self.patience(&refusal) {
                Some(patience) => patience,
                None => return Waited::Refused(refusal),
            };
            let until = Instant::now() + wait;
            wait = (wait * 2).min(LAST_TRY);
            let end = limit.map(|limit| begun + limit);
            if end.is_some_and(|end| Instant::now() >= end) {
                return Waited::Refused(refusal);
            }
            let until = end.map_or(until, |end| until.min(end));
            let reason = refusal.failure.message.clone();
            if told != reason {
                told.clone_from(&reason);
                self.say_waiting(kind, &reason);
            }
            let hold = Hold {
                kind,
                reason,
                until,
            };
            if let Some(number) = self.wait(&hold, || Instant::now() >= until) {
                return Waited::Signal(number);
            }
        }
    }

    /// What is waited for after a refusal, and how long in all; `None` is not at all.
    fn patience(&self, refusal: &Refusal) -> Option<(HoldKind, Option<Duration>)> {
        let code = refusal.failure.code;
        let kind = match code {
            Code::Usage | Code::Config => return None,
            Code::Unavailable => HoldKind::Waiting,
            _ => HoldKind::Loading,
        };
        let absent = refusal.is_absence();
        match self.play.settings.wait_device.value {
            // Unattended, whatever isn't there may come, and whoever has the device may give it back.
            _ if self.play.kiosk && !absent => Some((kind, None)),
            WaitDevice::Endless if absent => Some((kind, None)),
            WaitDevice::Seconds(s) if absent => Some((kind, Some(Duration::from_secs(s.into())))),
            _ => None,
        }
    }

    fn say_waiting(&mut self, kind: HoldKind, reason: &str) {
        if !self.thrift.passes(reason) {
            return;
        }
        match kind {
            HoldKind::Loading => self.reporter.warning(&Warning {
                code: "waiting".into(),
                message: format!("{reason}; trying again until it can be played"),
                track: None,
            }),
            _ => self.reporter.device(&Device {
                state: DeviceState::Waiting,
                reason: Some(reason.to_owned()),
            }),
        }
    }

    /// Makes a player on a thread of its own: a disk or a server may hang. `Err` is the signal that came first.
    fn build(&mut self) -> Result<Built, i32> {
        let (done, built) = mpsc::channel();
        let (play, born, resume) = (self.play.clone(), self.born, self.resume.clone());
        let started = thread::Builder::new()
            .name("backline-begin".into())
            .spawn(move || {
                // With nobody left to take it, it is closed again.
                let ceiling = gain_from_db(play.settings.max_gain_db.value);
                let _ = done.send(make(&play, born, |builder| match resume {
                    Some(Kept {
                        spot,
                        master,
                        volume_db,
                    }) => {
                        let builder = builder.master(master.min(ceiling)).volume(volume_db);
                        match spot {
                            Some(spot) => builder.go_on(spot),
                            None => builder,
                        }
                    }
                    None => builder,
                }));
            });
        if let Err(e) = started {
            let message = format!("can't start a thread: {e}");
            return Ok(Built::refused(
                crate::exit::Failure::new(Code::Io, message).into(),
            ));
        }
        let mut result = None;
        let mut broken = false;
        let mut is_done = || match built.try_recv() {
            Ok(outcome) => {
                result = Some(outcome);
                true
            }
            Err(mpsc::TryRecvError::Empty) => false,
            Err(mpsc::TryRecvError::Disconnected) => {
                broken = true;
                true
            }
        };
        let signal = self.serve(&mut is_done, |_| {});
        match (signal, result) {
            (Some(number), _) => Err(number),
            (None, Some(built)) => Ok(built),
            (None, None) => {
                debug_assert!(broken);
                let message = "the player broke down; please report this";
                Ok(Built::refused(
                    crate::exit::Failure::new(Code::Software, message).into(),
                ))
            }
        }
    }

    /// Waits, for a reason, until it is over. A signal to end that came in between.
    fn wait(&mut self, hold: &Hold<Instant>, mut is_over: impl FnMut() -> bool) -> Option<i32> {
        self.serve(&mut is_over, |attended| {
            if attended.attendant.is_due()
                && let Some(message) = attended.attendant.look_at_hold(hold)
            {
                warn(attended.reporter, "metrics", message);
            }
        })
    }

    /// Serves what comes from outside until it is over. A signal to end that came in between.
    fn serve(
        &mut self,
        is_over: &mut dyn FnMut() -> bool,
        mut tend: impl FnMut(&mut Self),
    ) -> Option<i32> {
        loop {
            tend(self);
            if is_over() {
                return None;
            }
            match self.inputs.recv_timeout(TICK) {
                Ok(Input::Signal(Signal::End(number))) => {
                    self.attendant.stopping();
                    return Some(number);
                }
                Ok(Input::Signal(Signal::Suspend)) => {
                    self.reporter.park();
                    terminal::restore();
                    let _ = raise(SIGSTOP);
                }
                Ok(Input::Signal(Signal::Reload)) => {
                    self.attendant.reloading();
                    let env = |name: &str| std::env::var_os(name);
                    let read = self.play.again(&env);
                    self.attendant.reloaded(read.is_ok());
                    match read {
                        Ok(play) => self.play = play,
                        Err(failure) => {
                            warn(self.reporter, "reload", care::refused(&failure.message))
                        }
                    }
                }
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                // Cannot be: we hold a sender.
                Err(RecvTimeoutError::Disconnected) => return Some(0),
            }
        }
    }
}

/// Who keeps the state, if it is to be kept, and what was kept before.
fn keep(settings: &Settings, reporter: &mut Reporter) -> (Option<Keeper>, Option<Kept>) {
    let Some(path) = &settings.keep_state.value else {
        return (None, None);
    };
    match Keeper::open(Path::new(path)) {
        Ok((keeper, Ok(kept))) => (Some(keeper), kept),
        Ok((keeper, Err(why))) => {
            warn(reporter, "state", why);
            (Some(keeper), None)
        }
        Err(e) => {
            warn(reporter, "state", format!("no state can be kept: {e}"));
            (None, None)
        }
    }
}
