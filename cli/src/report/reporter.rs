//! The reporter: which event goes where, and how often.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::event::{Device, Failure, Position, Started, Summary, Warning, json, summary_json};
use super::live::{Meters, live_line};
use super::progress::Progress;
use super::spool::Spool;
use super::text;
use crate::terminal;

/// Positions and live lines come this far apart.
const PACE: Duration = Duration::from_millis(100);
/// A poll of the same period may come this much early and still be served.
const SLACK: Duration = Duration::from_millis(10);
/// How long the end waits for whoever reads.
const LAST: Duration = Duration::from_secs(1);
/// How long a stop waits for the terminal.
const PARK: Duration = Duration::from_millis(200);

/// What `--status` asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Sentences on standard error; on a terminal with a live line, elsewhere changes only.
    #[default]
    Text,
    /// One object per line on standard output. Errors are also told on standard error.
    Json,
    /// Sentences only, for a log: a screen shows where playing is.
    Screen,
    /// Nothing but errors, on standard error.
    None,
}

/// Whether a live line may be drawn just now, and how wide.
type Width = Box<dyn Fn() -> Option<usize> + Send>;

/// Tells how playing goes. No call waits for a reader, but for [`summary`](Self::summary) and
/// [`park`](Self::park), which wait a little. A reader that has gone is no matter.
pub struct Reporter {
    mode: Mode,
    /// Standard error.
    people: Spool,
    /// Standard output, in [`Mode::Json`].
    programs: Option<Spool>,
    /// `None` where there is no live line.
    width: Option<Width>,
    /// Time since the reporter's birth.
    now: Box<dyn Fn() -> Duration + Send>,
    /// The last position told.
    told: Option<Position>,
    /// When the next position or live line is due.
    due: Duration,
    finished: bool,
}

impl Reporter {
    /// A reporter on the process's own streams. Its time counts from here.
    pub fn new(mode: Mode) -> Self {
        let born = Instant::now();
        let dumb = std::env::var_os("TERM").is_none_or(|t| t.is_empty() || t == "dumb");
        let width: Option<Width> = if !dumb && io::stderr().is_terminal() {
            Some(Box::new(|| {
                let fd = io::stderr();
                // The last column stays free: some terminals wrap when it is written.
                let width = terminal::width(&fd).unwrap_or(80).saturating_sub(1);
                terminal::foreground(&fd).then_some(width)
            }))
        } else {
            None
        };
        Self::on(
            mode,
            unlocked(io::stderr()),
            unlocked(io::stdout()),
            width,
            Box::new(move || born.elapsed()),
        )
    }

    /// A reporter in [`Mode::Screen`], whose sentences for people go to the writer that `log` makes
    /// of standard error.
    pub fn on_screen(log: impl FnOnce(Box<dyn Write + Send>) -> Box<dyn Write + Send>) -> Self {
        let log = log(unlocked(io::stderr()));
        let born = Instant::now();
        let nowhere = Box::new(io::sink());
        Self::on(
            Mode::Screen,
            log,
            nowhere,
            None,
            Box::new(move || born.elapsed()),
        )
    }

    fn on(
        mode: Mode,
        people: Box<dyn Write + Send>,
        programs: Box<dyn Write + Send>,
        width: Option<Width>,
        now: Box<dyn Fn() -> Duration + Send>,
    ) -> Self {
        Self {
            mode,
            people: Spool::new(people),
            programs: (mode == Mode::Json).then(|| Spool::new(programs)),
            width: width.filter(|_| mode == Mode::Text),
            now,
            told: None,
            due: Duration::ZERO,
            finished: false,
        }
    }

    /// The first sound is out; or again, on a device that was opened anew.
    pub fn started(&mut self, started: &Started) {
        self.event("started", started);
        self.say(|| text::started(started));
    }

    /// Where playing is. To be called at every poll: it is told ten times a second at most, and
    /// only when something has changed. A terminal's live line shows the meters besides.
    pub fn position(&mut self, position: &Position, meters: &Meters) {
        if self.finished || matches!(self.mode, Mode::None | Mode::Screen) {
            return;
        }
        let turn = self.told.as_ref().is_none_or(|t| t.turns(position));
        if turn {
            self.due = (self.now)() + PACE;
        } else if !self.is_due() {
            return;
        }
        if let Some(width) = &self.width {
            match width() {
                Some(columns) => self.people.live(Some(live_line(position, meters, columns))),
                // The shell's prompt may be where the line was.
                None => self.people.forget_live(),
            }
        } else if self.mode == Mode::Text {
            if turn {
                self.people
                    .push(text::position(position, meters.rate) + "\n");
            }
        } else if self.told.as_ref() != Some(position) {
            self.event("position", position);
        }
        self.told = Some(position.clone());
    }

    /// How far a rendering is. To be called as often as one likes: a terminal's live line and the
    /// position for programs come ten times a second at most; elsewhere nothing is told.
    pub fn progress(&mut self, progress: &Progress, position: impl FnOnce() -> Position) {
        if self.finished || self.mode == Mode::None || !self.is_due() {
            return;
        }
        if let Some(width) = &self.width {
            match width() {
                Some(columns) => self.people.live(Some(progress.line(columns))),
                None => self.people.forget_live(),
            }
        }
        if self.mode == Mode::Json {
            self.event("position", &position());
        }
    }

    /// The device's state has changed.
    pub fn device(&mut self, device: &Device) {
        self.event("device", device);
        self.say(|| text::device(device));
    }

    /// Something is not as it should be.
    pub fn warning(&mut self, warning: &Warning) {
        self.event("warning", warning);
        self.say(|| text::warning(warning));
    }

    /// Something can't be done. People are told in every mode.
    pub fn error(&mut self, error: &Failure) {
        self.event("error", error);
        if !self.finished {
            self.people.push(text::error(&error.message) + "\n");
        }
    }

    /// How it goes so far, for people, in every mode.
    pub fn statistics(&mut self, so_far: &Summary) {
        if !self.finished {
            self.people.push(text::statistics(so_far) + "\n");
        }
    }

    /// Takes the live line away and waits until all that was told is out, at most 0.2 s for each
    /// stream: the process is about to be stopped. The next position brings the line back.
    pub fn park(&mut self) {
        self.people.live(None);
        if let Some(programs) = &self.programs {
            programs.flush(PARK);
        }
        self.people.flush(PARK);
    }

    /// The last word, after which nothing more is told. Waits until it is out, at most 1 s.
    pub fn summary(&mut self, summary: &Summary) {
        if self.finished {
            return;
        }
        self.finished = true;
        if let Some(programs) = &self.programs {
            let dropped = programs.dropped();
            programs.push_last(summary_json(self.t_ms(), summary, dropped));
        }
        let text = if self.has_sentences() {
            text::summary(summary, self.people.dropped()) + "\n"
        } else {
            String::new()
        };
        self.people.push_last(text);
        let end = Instant::now() + LAST;
        if let Some(programs) = &self.programs {
            programs.flush(LAST);
        }
        self.people
            .flush(end.saturating_duration_since(Instant::now()));
    }

    fn t_ms(&self) -> u64 {
        u64::try_from((self.now)().as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether it is time again. Keeps to a grid of [`PACE`], so that polls that jitter around it
    /// are neither skipped nor doubled.
    fn is_due(&mut self) -> bool {
        let now = (self.now)();
        if now + SLACK < self.due {
            return false;
        }
        self.due += PACE;
        if self.due < now {
            self.due = now + PACE;
        }
        true
    }

    fn event<T: Serialize>(&self, name: &'static str, body: &T) {
        if let (Some(programs), false) = (&self.programs, self.finished) {
            programs.push(json(name, self.t_ms(), body));
        }
    }

    fn has_sentences(&self) -> bool {
        matches!(self.mode, Mode::Text | Mode::Screen)
    }

    fn say(&self, sentence: impl FnOnce() -> String) {
        if self.has_sentences() && !self.finished {
            self.people.push(sentence() + "\n");
        }
    }
}

/// The stream itself, without the lock that std keeps on it: a thread stuck in a write must not
/// hold up others that print, nor the end of the process.
fn unlocked(stream: impl AsFd) -> Box<dyn Write + Send> {
    match stream.as_fd().try_clone_to_owned() {
        Ok(fd) => Box::new(File::from(fd)),
        // No descriptor is left. Playing matters more than talking.
        Err(_) => Box::new(io::sink()),
    }
}

#[cfg(test)]
mod tests;
