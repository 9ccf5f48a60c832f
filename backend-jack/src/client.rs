//! The backend: one JACK client from `open` to `close`, as the player's thread sees it. What is done with libjack for it, on a
//! thread of its own, is in `line.rs`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine_core::backend::{
    Backend, BackendError, BackendErrorKind, Closed, Granted, Halt, Health, Process, Report, Wish,
    text,
};
use engine_core::outside::Move;

use crate::aside::{Aside, wait_until};
use crate::connect;
use crate::line::Line;
use crate::midi::MIDI_PORT;
use crate::names;
use crate::options::JackOptions;
use crate::ports::{ANSWER, free_of_others, no_answer, said, server_name, settle};
use crate::process::Player;
use crate::raw::MAX_OUTS;
use crate::shared::{Mode, Shared};
use crate::watchdog::Watchdog;

/// How long a close waits for the callback to come to rest before it deactivates: libjack cancels
/// a callback that still runs, and a cancelled Rust thread aborts the process.
const QUIESCE: Duration = Duration::from_millis(300);

/// Callbacks after which a change of mode has certainly been seen: one may be under way.
const SEEN: u32 = 2;

/// Latency, load and connections are looked at this often even if nobody says they changed; a
/// target that exists but refused (its client may not be active yet) is then tried again.
const TEND: Duration = Duration::from_secs(1);

/// A JACK client as a [`Backend`]. Ports exist from `open`; they sound from `start`.
///
/// The server's rate and period stand, whatever the wish says. A halted client stays active and
/// plays silence. Dropping it closes it, with 2 s of patience.
pub struct Jack<P: Process + 'static> {
    options: JackOptions,
    watched: bool,
    open: Option<Open<P>>,
}

struct Open<P: Process + 'static> {
    line: Aside<Line<P>>,
    shared: Arc<Shared>,
    server: String,
    period: u32,
    watchdog: Watchdog,
    started: bool,
    tended: Instant,
}

impl<P: Process + 'static> Jack<P> {
    /// A backend that is not open yet; nothing is loaded or contacted.
    pub fn new(options: JackOptions) -> Self {
        Self {
            options,
            watched: false,
            open: None,
        }
    }

    fn opened(&mut self) -> Result<&mut Open<P>, BackendError> {
        self.open.as_mut().ok_or_else(|| {
            BackendError::new(
                BackendErrorKind::Usage,
                format_args!("The JACK client is not open; open it first."),
            )
        })
    }

    fn shut(&mut self, deadline: Duration) -> Closed {
        let Some(open) = self.open.take() else {
            return Closed::Clean;
        };
        let begun = Instant::now();
        open.shared.set_mode(Mode::Silent);
        if open.started {
            open.seen_or_lost(QUIESCE.min(deadline / 2));
        }
        if open.line.close(deadline.saturating_sub(begun.elapsed())) {
            Closed::Clean
        } else {
            Closed::Abandoned
        }
    }
}

impl<P: Process + 'static> Drop for Jack<P> {
    fn drop(&mut self) {
        self.shut(Duration::from_secs(2));
    }
}

impl<P: Process + 'static> Backend<P> for Jack<P> {
    fn name(&self) -> &'static str {
        "jack"
    }

    fn open(&mut self, wish: &Wish<'_>) -> Result<Granted, BackendError> {
        if self.open.is_some() {
            return Err(BackendError::new(
                BackendErrorKind::Usage,
                format_args!("The JACK client is open already; close it first."),
            ));
        }
        let none = wish.outs.is_empty() && self.options.midi.is_none();
        if none || wish.outs.len() > MAX_OUTS {
            return Err(BackendError::new(
                BackendErrorKind::Channels,
                format_args!(
                    "A JACK client has 1 to {MAX_OUTS} outputs, not {}; play fewer buses.",
                    wish.outs.len()
                ),
            ));
        }
        let outs: Vec<String> = wish.outs.iter().map(|s| (*s).to_owned()).collect();
        let longest = outs.iter().map(String::len).max().unwrap_or(0);
        // Before any server is asked, where no name can be cut: a rule may use a cut one.
        if self.options.client_name.len() + longest < names::FULL_BYTES / 2 {
            let mut passed = Vec::new();
            let lenient = self.options.pass_over.then_some(&mut passed);
            let midi = self.options.midi.as_ref().map(|_| MIDI_PORT.to_owned());
            let ports: Vec<String> = outs.iter().cloned().chain(midi).collect();
            connect::wants(&self.options.connect, &ports, outs.len(), lenient)?;
        }
        let server = server_name(self.options.server_name.as_deref());
        free_of_others()?;
        let options = self.options.clone();
        let make = move || Line::open(&options, &outs);
        let (line, (shared, granted)) =
            Aside::spawn("jack-client", ANSWER, make).map_err(|e| settle(e, &server))?;
        let now = Instant::now();
        shared.watch(self.watched);
        self.open = Some(Open {
            line,
            shared,
            server,
            period: granted.period,
            watchdog: Watchdog::new(self.options.watchdog, now),
            started: false,
            tended: now,
        });
        Ok(granted)
    }

    fn start(&mut self, process: P) -> Result<(), BackendError> {
        let transport = self.options.transport;
        let open = self.opened()?;
        open.alive()?;
        if open.started {
            return Err(BackendError::new(
                BackendErrorKind::Usage,
                format_args!("The JACK client has been started already; halt and resume it."),
            ));
        }
        let player = Player::new(process, open.shared.clone(), open.period);
        let active = open
            .line
            .call(ANSWER, move |line| line.activate(player, transport));
        match active {
            // A database of the server's: nothing that the first sound should wait for.
            Ok(true) => open.line.post(|line| line.describe()),
            Ok(false) => {
                open.alive()?;
                return Err(BackendError::new(
                    BackendErrorKind::Driver,
                    format_args!(
                        "The JACK server {:?} did not activate the client{}; try again or restart the server.",
                        open.server,
                        said()
                    ),
                ));
            }
            Err(why) => return Err(no_answer(why, &open.server)),
        }
        open.started = true;
        // The server takes new connections into its graph at the next cycle: only then is the
        // player asked, or its first frames would go nowhere.
        open.seen_or_lost(QUIESCE);
        open.shared.set_mode(Mode::Play);
        let (cycles, now) = (open.shared.cycles(), Instant::now());
        open.watchdog.look(cycles, true, now);
        Ok(())
    }

    fn halt(&mut self, how: Halt, deadline: Duration) -> Result<(), BackendError> {
        let open = self.opened()?;
        open.alive()?;
        let (shared, frames) = (open.shared.clone(), open.shared.frames());
        shared.set_mode(Mode::Silent);
        if !open.started {
            return Ok(());
        }
        let begun = Instant::now();
        let mut done = open.seen_or_lost(deadline);
        if done && how == Halt::Drain {
            let rest = deadline.saturating_sub(begun.elapsed());
            done = wait_until(rest, || {
                shared.frames().wrapping_sub(frames) >= shared.latency() || shared.lost()
            });
        }
        open.alive()?;
        if done {
            return Ok(());
        }
        Err(BackendError::new(
            BackendErrorKind::TimedOut,
            format_args!(
                "The JACK server {:?} stands still; restart it.",
                open.server
            ),
        ))
    }

    fn resume(&mut self) -> Result<(), BackendError> {
        let open = self.opened()?;
        open.alive()?;
        if !open.started {
            return Err(BackendError::new(
                BackendErrorKind::Usage,
                format_args!("The JACK client has not been started yet; start it first."),
            ));
        }
        open.shared.set_mode(Mode::Play);
        Ok(())
    }

    fn report(&mut self) -> Report {
        match &mut self.open {
            Some(open) => open.report(),
            None => Report::default(),
        }
    }

    fn steer(&mut self, to: Move) -> Result<(), BackendError> {
        let open = self.opened()?;
        open.alive()?;
        open.line.post(move |line| line.steer(to));
        Ok(())
    }

    fn watch(&mut self, on: bool) {
        self.watched = on;
        if let Some(open) = &self.open {
            open.shared.watch(on);
        }
    }

    fn close(&mut self, deadline: Duration) -> Closed {
        self.shut(deadline)
    }
}

impl<P: Process + 'static> Open<P> {
    /// An error when the server is gone.
    fn alive(&self) -> Result<(), BackendError> {
        if self.shared.lost() {
            return Err(BackendError {
                kind: BackendErrorKind::Lost,
                message: self.shared.reason(),
            });
        }
        Ok(())
    }

    /// Waits until the callback has certainly seen what was stored before.
    fn seen_or_lost(&self, deadline: Duration) -> bool {
        let from = self.shared.cycles();
        wait_until(deadline, || {
            self.shared.cycles().wrapping_sub(from) >= SEEN || self.shared.lost()
        })
    }

    fn report(&mut self) -> Report {
        let s = &self.shared;
        let (now, cycles) = (Instant::now(), s.cycles());
        let excused = !self.started || s.freewheeling();
        if self.watchdog.look(cycles, excused, now) && !s.lost() {
            s.lose(text(format_args!(
                "The JACK server {:?} has stopped calling; it may have died or its device may be gone.",
                self.server
            )));
        }
        if self.started && !s.lost() && !self.line.busy() {
            let since = now.saturating_duration_since(self.tended);
            if s.take_graph_changed() || since >= TEND {
                self.tended = now;
                self.line.post(Line::tend);
            }
        }
        Report {
            health: if s.lost() {
                Health::Lost
            } else if self.started && s.mode() == Mode::Play {
                Health::Running
            } else {
                Health::Halted
            },
            reason: s.reason(),
            rate: s.rate(),
            period: s.period(),
            latency_frames: s.latency(),
            passed_frames: 0,
            device_xruns: s.xruns(),
            xrun_frames: s.xrun_frames(),
            clips: 0,
            cycles,
            rt_priority: s.priority(),
            timing: s.punctuality.timing(),
            volume: None,
        }
    }
}
