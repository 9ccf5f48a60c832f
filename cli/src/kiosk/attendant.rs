//! Looks after a session: tells the service manager and the collector how it is.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{Figures, Health, Hold, HoldKind, Illness, Notifier, Observation, Watchdog, to_text};
use crate::atomic::write_atomically;
use crate::player::Status;
use crate::report::State;

/// How often a session is looked at, unless the watchdog wants it oftener.
const LOOK: Duration = Duration::from_millis(250);
/// How often the metrics are written, and at once when something changes.
const WRITE: Duration = Duration::from_secs(5);

/// Looks after the sessions of a process, one after the other.
pub struct Attendant {
    notifier: Option<Notifier>,
    watchdog: Option<Watchdog>,
    metrics: Option<PathBuf>,
    name: String,
    born: Instant,
    health: Health,
    ready: bool,
    stopping: bool,
    /// The status line that was told last.
    told: String,
    looked: Option<Instant>,
    fed: Option<Instant>,
    written: Option<Instant>,
    /// The metrics could be written the last time.
    writes: bool,
    /// Of players that are gone.
    before: Figures,
    /// Looks at a session that doesn't exist: what its controller would count.
    beat: u64,
}

impl Attendant {
    /// For a session called `name`, with what the environment says of a service manager, writing
    /// `metrics` if they are wanted. Beside it comes a sentence when the manager can't be reached.
    pub fn new(
        name: &str,
        metrics: Option<PathBuf>,
        born: Instant,
        env: &dyn Fn(&str) -> Option<OsString>,
    ) -> (Self, Option<String>) {
        let (notifier, complaint) = match Notifier::from_environment(env) {
            Ok(notifier) => (notifier, None),
            Err(e) => (
                None,
                Some(format!("the service manager can't be told anything: {e}")),
            ),
        };
        let attendant = Self {
            watchdog: Watchdog::from_environment(env).filter(|_| notifier.is_some()),
            notifier,
            metrics,
            name: name.to_owned(),
            born,
            health: Health::default(),
            ready: false,
            stopping: false,
            told: String::new(),
            looked: None,
            fed: None,
            written: None,
            writes: true,
            before: Figures::default(),
            beat: 0,
        };
        (attendant, complaint)
    }

    /// Whether nobody wants to know anything.
    pub fn is_idle(&self) -> bool {
        self.notifier.is_none() && self.metrics.is_none()
    }

    /// Whether it is time to look.
    pub fn is_due(&self) -> bool {
        let pace = self.watchdog.map_or(LOOK, |w| (w.pace() / 2).min(LOOK));
        !self.is_idle() && self.looked.is_none_or(|at| at.elapsed() >= pace)
    }

    /// Looks at a session. A sentence for the user when something can't be written, once.
    pub fn look(&mut self, status: &Status) -> Option<String> {
        let now = self.born.elapsed();
        let playing = status.position.state == State::Playing;
        let peak = |peaks: &mut dyn Iterator<Item = f32>| peaks.fold(0.0, f32::max);
        let seen = Observation {
            now,
            beat: status.beat,
            hold: (status.hold.as_ref())
                .map(|hold| (hold.kind, hold.until.saturating_duration_since(self.born))),
            runs: status.runs,
            callbacks: status.callbacks,
            starving: status.starving,
            material: if playing {
                peak(&mut status.tracks.iter().map(|t| t.peak))
            } else {
                0.0
            },
            output: if playing { status.output_peak } else { 0.0 },
            open: status.master > 0.0 && status.buses.iter().all(|b| b.level > 0.0),
        };
        let figures = self.figures(status);
        let line = line_of(status);
        let begun = playing && status.callbacks > 0;
        self.tell(&seen, line, figures, begun || status.hold.is_some())
    }

    /// Looks at a session that can't be begun yet, for a reason.
    pub fn look_at_hold(&mut self, hold: &Hold<Instant>) -> Option<String> {
        self.beat += 1;
        let seen = Observation {
            now: self.born.elapsed(),
            beat: self.beat,
            hold: Some((hold.kind, hold.until.saturating_duration_since(self.born))),
            runs: false,
            callbacks: 0,
            starving: false,
            material: 0.0,
            output: 0.0,
            open: false,
        };
        let figures = Figures {
            hold: Some((hold.kind, hold.reason.clone())),
            ..self.before.clone()
        };
        self.tell(&seen, held(hold.kind, &hold.reason), figures, true)
    }

    /// A player is gone; its counts stay.
    pub fn gone(&mut self, status: &Status) {
        self.before = Figures {
            song: None,
            playing: false,
            hold: None,
            ..self.figures(status)
        };
    }

    /// A song was skipped that no player knows of.
    pub fn skipped(&mut self) {
        self.before.skipped += 1;
    }

    /// What is played is being read again.
    pub fn reloading(&mut self) {
        if let Some(notifier) = &self.notifier {
            notifier.reloading();
        }
    }

    /// Reading again is over; `done` when it came to something.
    pub fn reloaded(&mut self, done: bool) {
        self.before.reloads += u64::from(done);
        if let Some(notifier) = self.notifier.as_ref().filter(|_| self.ready) {
            notifier.ready();
        }
    }

    /// It is about to end.
    pub fn stopping(&mut self) {
        if let Some(notifier) = self.notifier.as_ref().filter(|_| !self.stopping) {
            notifier.stopping();
        }
        self.stopping = true;
    }

    fn tell(
        &mut self,
        seen: &Observation,
        line: String,
        mut figures: Figures,
        ready: bool,
    ) -> Option<String> {
        self.looked = Some(Instant::now());
        figures.illness = self.health.judge(seen);
        let line = match figures.illness {
            Some(illness) => format!("{line} – {}", illness.sentence()),
            None => line,
        };
        let pace = self.watchdog.map(Watchdog::pace);
        let due = pace.is_some_and(|pace| self.fed.is_none_or(|at| at.elapsed() >= pace));
        let feeds = due && self.health.feed(seen);
        if let Some(notifier) = &self.notifier {
            if ready && !self.ready {
                notifier.ready();
            }
            if line != self.told {
                notifier.status(&line);
            }
            if feeds {
                notifier.alive();
            }
        }
        if feeds {
            self.fed = Some(Instant::now());
        }
        self.ready |= ready;
        let changed = line != self.told;
        self.told = line;
        self.write(figures, changed)
    }

    fn write(&mut self, mut figures: Figures, changed: bool) -> Option<String> {
        let path = self.metrics.as_ref()?;
        if !changed && self.written.is_some_and(|at| at.elapsed() < WRITE) {
            return None;
        }
        self.written = Some(Instant::now());
        let now = self.born.elapsed();
        figures.name.clone_from(&self.name);
        figures.unheard_s = self.health.unheard(now).as_secs_f64();
        figures.uptime_s = now.as_secs_f64();
        let written = write_atomically(path, to_text(&figures).as_bytes(), false);
        let wrote = std::mem::replace(&mut self.writes, written.is_ok());
        match written {
            Err(e) if wrote => Some(cant_write(path, &e)),
            _ => None,
        }
    }

    fn figures(&self, status: &Status) -> Figures {
        let b = &self.before;
        let rate = f64::from(status.rate.max(1));
        let sum = |a: Option<u64>, b: Option<u64>| b.map(|b| a.unwrap_or(0) + b).or(a);
        Figures {
            name: self.name.clone(),
            backend: status.backend.clone(),
            device: status.device.clone(),
            song: status.position.song.clone(),
            illness: None::<Illness>,
            hold: status.hold.as_ref().map(|h| (h.kind, h.reason.clone())),
            playing: status.position.state == State::Playing && status.hold.is_none(),
            position_s: status.position.frame as f64 / rate,
            unheard_s: 0.0,
            uptime_s: 0.0,
            callbacks: b.callbacks + status.callbacks,
            frames: b.frames + status.delivered_frames,
            device_xruns: sum(b.device_xruns, status.device_xruns),
            late_callbacks: sum(b.late_callbacks, status.late_callbacks),
            starvations: b.starvations + status.starvations,
            starved_frames: b.starved_frames + status.starved_frames,
            clips: b.clips + status.clips,
            losses: b.losses + u64::from(status.losses),
            abandoned: b.abandoned + u64::from(status.abandoned),
            damaged: b.damaged + u64::from(status.damaged),
            skipped: b.skipped + u64::from(status.skipped),
            reloads: b.reloads,
        }
    }
}

fn cant_write(path: &std::path::Path, e: &io::Error) -> String {
    format!(
        "{}: the metrics can't be written: {e}; it is tried again",
        path.display()
    )
}

/// What a service manager shows.
fn line_of(status: &Status) -> String {
    if let Some(hold) = &status.hold {
        return held(hold.kind, &hold.reason);
    }
    let song = status.position.song.as_deref().unwrap_or("nothing");
    let state = match status.position.state {
        State::Playing => "playing",
        State::Paused => "paused in",
        State::Stopped | State::Ended => "stopped in",
    };
    match &status.position.reason {
        Some(reason) => format!("{state} `{song}`: {reason}"),
        None => format!("{state} `{song}`"),
    }
}

fn held(kind: HoldKind, reason: &str) -> String {
    format!("{}: {reason}", kind.word())
}
