//! The backend: one JACK client from `open` to `close`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine_core::backend::{
    Backend, BackendError, BackendErrorKind, Closed, Granted, Halt, Health, Process, Report, Wish,
    text,
};
use engine_core::outside::Move;

use crate::aside::{Aside, wait_until};
use crate::connect::{self, Found, Inputs, Want};
use crate::names;
use crate::options::{JackOptions, PortLabel};
use crate::patch::Patch;
use crate::ports::{
    ANSWER, c_string, free_of_others, no_answer, open_client, said, server_name, settle,
};
use crate::process::Player;
use crate::raw::{self, MAX_OUTS};
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

/// The client's side of things, on the client's thread.
struct Line<P: Process + 'static> {
    client: raw::Client<Shared, Player<P>>,
    shared: Arc<Shared>,
    /// Full names of our ports.
    outs: Vec<String>,
    wants: Vec<Want>,
    /// Names of our ports without the client's.
    names: Vec<String>,
    patch: Patch,
    /// Callbacks up to the latest look at the connections.
    looked_at: u32,
    /// What people are told of our ports, by index.
    labels: Vec<(usize, PortLabel)>,
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
        if wish.outs.is_empty() || wish.outs.len() > MAX_OUTS {
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
            connect::wants(&self.options.connect, &outs, lenient)?;
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
        let active = open.line.call(ANSWER, move |line| {
            let active = line.client.activate(player, transport);
            if active {
                line.tend();
            }
            active
        });
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
        open.line.post(move |line| {
            // A locate may be refused where there is no server any more; then nothing follows from it.
            line.client.steer(to);
        });
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
            device_xruns: s.xruns(),
            xrun_frames: s.xrun_frames(),
            clips: 0,
            cycles,
            rt_priority: s.priority(),
            timing: s.punctuality.timing(),
        }
    }
}

impl<P: Process + 'static> Line<P> {
    fn open(
        options: &JackOptions,
        outs: &[String],
    ) -> Result<(Self, (Arc<Shared>, Granted)), BackendError> {
        use BackendErrorKind::{Channels, Usage};
        let server = server_name(options.server_name.as_deref());
        let mut format = (0, 0);
        let mut kept = None;
        let mut client = open_client(
            &options.client_name,
            options.server_name.as_deref(),
            false,
            |rate, period| {
                format = (rate, period);
                let shared = Arc::new(Shared::new(rate, period));
                kept = Some(shared.clone());
                shared
            },
        )?;
        let shared = kept.unwrap_or_default();
        let name = client.name();
        let (_, longest) = raw::name_limits();
        let room = longest
            .min(names::FULL_BYTES)
            .saturating_sub(name.len() + 1);
        let ids = names::fit(outs, room);
        let mut passed = Vec::new();
        // A port may be called as it was to be or, cut, as it is.
        let rules = connect::renamed(&options.connect, outs, &ids);
        let lenient = options.pass_over.then_some(&mut passed);
        let mut wants = connect::wants(&rules, &ids, lenient)?;
        let mut full = Vec::new();
        for id in &ids {
            let c_name = c_string(id, "port name")?;
            let whole = format!("{name}:{id}");
            if full.contains(&whole) {
                return Err(BackendError::new(
                    Usage,
                    format_args!(
                        "Two JACK ports would be named {whole:?}; rename one bus or track."
                    ),
                ));
            }
            if !client.register(&c_name) {
                let shown: String = whole.chars().take(60).collect();
                return Err(BackendError::new(
                    Channels,
                    format_args!(
                        "The JACK server {server:?} refused port {shown:?}{}; play fewer buses or tracks, or raise its number of ports (jackd -p).",
                        said()
                    ),
                ));
            }
            full.push(whole);
        }
        let labels = (options.labels.iter())
            .filter_map(|l| Some((outs.iter().position(|o| *o == l.port)?, l.clone())));
        options.patch.memory().begin(outs, &mut wants);
        let line = Self {
            client,
            shared: shared.clone(),
            outs: full,
            wants,
            names: outs.to_vec(),
            patch: options.patch.clone(),
            looked_at: 0,
            labels: labels.collect(),
        };
        let inputs = line.inputs();
        line.check_targets(&inputs)?;
        let mut notices = Vec::new();
        if name != options.client_name {
            notices.push(format!(
                "The name {:?} is taken on the JACK server; this client is {name:?}.",
                options.client_name
            ));
        }
        notices.extend(connect::missing(&line.wants, &ids, &inputs));
        if !passed.is_empty() {
            notices.push(format!(
                "There is no port {} to connect this time.",
                passed.join(" or ")
            ));
        }
        let granted = Granted {
            rate: format.0,
            period: format.1,
            periods: None,
            channels: u32::try_from(outs.len()).unwrap_or(u32::MAX),
            format: None,
            device: text(format_args!("{name}@{server}")),
            notice: text(format_args!("{}", notices.join(" "))),
        };
        Ok((line, (shared, granted)))
    }

    /// Tells people of our ports.
    fn describe(&self) {
        for (index, label) in &self.labels {
            self.client
                .describe(*index, &label.name, label.group.as_deref());
        }
    }

    fn inputs(&self) -> Inputs {
        Inputs {
            all: self.client.audio_inputs(false),
            physical: self.client.audio_inputs(true),
        }
    }

    /// Refuses what can't be meant, while somebody listens.
    fn check_targets(&self, inputs: &Inputs) -> Result<(), BackendError> {
        use BackendErrorKind::Usage;
        for want in &self.wants {
            match want.find(inputs) {
                Found::Several(n) => {
                    return Err(BackendError::new(
                        Usage,
                        format_args!(
                            "{n} JACK inputs match {}, and it must be one; narrow the pattern.",
                            want.target()
                        ),
                    ));
                }
                Found::None if want.exact().is_some_and(|name| self.client.exists(name)) => {
                    return Err(BackendError::new(
                        Usage,
                        format_args!(
                            "The JACK port {} is not an audio input; name one that is.",
                            want.target()
                        ),
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes the connections that can be made, and looks at what only libjack can tell.
    fn tend(&mut self) {
        let arrived = self.shared.take_arrived();
        let new: Vec<String> = (arrived.iter())
            .filter_map(|id| self.client.name_of(*id))
            .collect();
        let inputs = self.inputs();
        for want in &mut self.wants {
            if let Some(made) = &want.made {
                // A target may have gone and come back between two looks.
                if inputs.all.contains(made) && !new.contains(made) {
                    continue;
                }
                want.made = None;
            }
            let (Found::One(dest), Some(out)) = (want.find(&inputs), self.outs.get(want.port))
            else {
                continue;
            };
            if self.client.connect(out, dest) {
                want.made = Some(dest.to_owned());
                if let Some(name) = self.names.get(want.port) {
                    self.patch.memory().made(name, dest);
                }
            }
        }
        self.remember(&inputs.all);
        self.shared.set_latency(self.client.playback_latency());
        self.shared.set_priority(self.client.priority());
        let (load, delay) = (self.client.load(), self.client.max_delay());
        self.shared.punctuality.tell(load, delay);
    }

    /// Makes what the last server's client was connected to, and remembers what is.
    fn remember(&mut self, inputs: &[String]) {
        // Nothing is locked while a server is asked: it may hang.
        let owed = self.patch.memory().owed(inputs);
        for (name, dest) in owed {
            if let Some(at) = self.names.iter().position(|n| *n == name)
                && let Some(out) = self.outs.get(at)
            {
                // One that refuses is tried again at the next look.
                self.client.connect(out, &dest);
            }
        }
        let connected = self.client.connections();
        // Of a dead server libjack's answers mean nothing, and PipeWire's tells nobody that it died: it has lost all
        // connections while the ports are still there.
        let cycles = self.shared.cycles();
        if self.shared.lost() || cycles == self.looked_at {
            return;
        }
        self.looked_at = cycles;
        let ours = self.names.iter().zip(connected);
        let pair = |(name, dests): (&String, Vec<String>)| {
            let name = name.clone();
            (dests.into_iter()).map(move |dest| (name.clone(), dest))
        };
        let connected = ours.flat_map(pair).collect();
        let mut memory = self.patch.memory();
        memory.look(connected, inputs, Instant::now());
        memory.look_at_rules(&self.names, &self.wants);
    }
}

impl<P: Process + 'static> Drop for Line<P> {
    fn drop(&mut self) {
        // A server that is gone has taken its metadata along.
        if !self.labels.is_empty() && !self.shared.lost() {
            self.client.forget_descriptions();
        }
    }
}
