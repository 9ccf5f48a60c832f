//! The terminal UI: a mixer and a transport on the terminal, for `play --status tui`.
//!
//! A [`Tui`] is on the thread that reads keys. It reads the player's status, asks for things by the same
//! [verbs](crate::control::Verb) as every other path, and hands finished frames to the screen's own
//! thread ([`crate::terminal::Screen`]): a slow or a stopped terminal costs frames and nothing else. What is
//! shown is a plain value (`model`), laid out (`layout`) and drawn (`draw`) without a terminal.

mod draw;
mod input;
mod layout;
mod log;
mod look;
mod meter;
mod model;
mod overview;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::io::{self, IsTerminal, Write};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use self::input::Action;
use self::layout::Layout;
pub use self::log::{Log, Weight};
use self::look::Look;
use self::model::Model;
use self::overview::Overview;
use crate::config::MonitorLevel;
use crate::control::{Answer, Curiosity, ErrorCode, Keep, Remote, Verb};
use crate::player::{Mixer, Player};
use crate::song::tempo::Grid;
use crate::song::{Song, Time};
use crate::terminal::{self, Capture, Event, Screen, Turn};

/// Between two frames.
const EVERY: Duration = Duration::from_millis(33);
/// Between two frames over a network.
const EVERY_FAR: Duration = Duration::from_millis(66);
/// How long is shown what came of saving.
const SAID: Duration = Duration::from_secs(5);
/// Lines of the log that the screen may show.
const LOG: usize = 60;

/// Why there can be no terminal UI, in words; `None` when there can.
pub fn obstacle() -> Option<&'static str> {
    let dumb = std::env::var_os("TERM").is_none_or(|t| t.is_empty() || t == "dumb");
    if !io::stdin().is_terminal() {
        Some("standard input is none")
    } else if !io::stdout().is_terminal() {
        Some("standard output is none")
    } else if !io::stderr().is_terminal() {
        Some("standard error is none")
    } else if dumb {
        Some("this one can't place text (TERM is not set, or is `dumb`)")
    } else {
        None
    }
}

/// A jump that waits for its time: its number, and where to.
#[derive(Default)]
struct Armed {
    number: u64,
    section: Option<String>,
}

impl Armed {
    /// The last jump that was asked for counts. Gives its number.
    fn arm(&mut self, section: String) -> u64 {
        self.number += 1;
        self.section = Some(section);
        self.number
    }

    fn disarm(&mut self, number: u64) {
        if self.number == number {
            self.section = None;
        }
    }
}

/// What came of saving: the sentence, whether it is no good news, and until when it is shown.
type Said = Arc<Mutex<Option<(String, bool, Instant)>>>;

fn held(armed: &Mutex<Armed>) -> MutexGuard<'_, Armed> {
    armed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The bytes of a frame.
#[derive(Clone, Default)]
struct Bytes(Rc<RefCell<Vec<u8>>>);

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A session's screen. Dropping it gives the terminal back, and what only the log pane has shown goes to
/// standard error.
pub struct Tui {
    screen: Screen,
    capture: Capture,
    log: Log,
    remote: Remote,
    /// Has the status renewed for every frame.
    _curiosity: Curiosity,
    /// Writes to `bytes`. A `Terminal` of ratatui's would ask the terminal where its cursor is, and
    /// read the answer where our keys are read.
    backend: CrosstermBackend<Bytes>,
    bytes: Bytes,
    /// What the terminal shows.
    drawn: Buffer,
    model: Model,
    layout: Layout,
    listens: bool,
    born: Instant,
    due: Instant,
    every: Duration,
    /// Something other than the status has changed.
    changed: bool,
    log_seen: u64,
    /// The songs of the setlist, asked for anew when their titles change.
    songs: Vec<Arc<Song>>,
    asked: Option<Receiver<Mixer>>,
    /// The jump that waits for its time.
    armed: Arc<Mutex<Armed>>,
    said: Said,
    overview: Overview,
    /// What the monitor was at before the latency monitor was shown.
    monitored: Option<MonitorLevel>,
}

impl Tui {
    /// A screen for a player's session, which `listens` to what is pressed or not; `None` when standard output is no
    /// terminal.
    ///
    /// # Errors
    /// The system gave no thread, pipe or descriptor.
    pub fn open(player: &Player, log: Log, listens: bool) -> io::Result<Option<Self>> {
        let Some(screen) = Screen::open()? else {
            return Ok(None);
        };
        let heard = log.clone();
        let capture = Capture::new(move |line| heard.add(log::weight(&line), &line))?;
        let look = Look::of(&|name| std::env::var(name).ok());
        let bytes = Bytes::default();
        let backend = CrosstermBackend::new(bytes.clone());
        let far = ["SSH_CONNECTION", "SSH_TTY"].map(std::env::var_os);
        let every = match far.iter().any(Option::is_some) {
            true => EVERY_FAR,
            false => EVERY,
        };
        let remote = player.remote();
        let mut curiosity = remote.curiosity();
        curiosity.every(every);
        log.open();
        capture.resume();
        let now = Instant::now();
        Ok(Some(Self {
            screen,
            capture,
            log,
            remote,
            _curiosity: curiosity,
            backend,
            bytes,
            drawn: Buffer::default(),
            model: Model::new(look),
            layout: Layout::default(),
            listens,
            born: now,
            due: now,
            every,
            changed: true,
            log_seen: 0,
            songs: Vec::new(),
            asked: None,
            armed: Arc::default(),
            said: Said::default(),
            overview: Overview::new(),
            monitored: None,
        }))
    }

    /// How long until the next frame.
    pub fn wait(&self) -> Duration {
        self.due.saturating_duration_since(Instant::now())
    }

    /// After the terminal was [restored](terminal::restore): takes it up again.
    pub fn resume(&mut self) {
        self.capture.resume();
        self.screen.resume();
    }

    /// Does what follows from something that was pressed.
    pub fn event(&mut self, event: Event) {
        if !self.listens {
            return;
        }
        self.changed = true;
        match input::event(&mut self.model, &self.layout, event) {
            Some(Action::Order(verb)) => self.order(verb),
            Some(Action::Redraw) => self.screen.forget(),
            Some(Action::Latency(shown)) => self.monitor(shown),
            None => {}
        }
        // What was pressed shows at once.
        self.due = Instant::now();
    }

    /// Has the callbacks measured while the latency monitor is shown.
    fn monitor(&mut self, shown: bool) {
        let level = match self.model.status.latency.level() {
            "off" => MonitorLevel::Off,
            "sampled" => MonitorLevel::Sampled,
            _ => MonitorLevel::Full,
        };
        if shown && level != MonitorLevel::Full {
            self.monitored = Some(level);
            self.order(Verb::Monitor(MonitorLevel::Full, Keep::Session));
        } else if !shown && let Some(before) = self.monitored.take() {
            self.order(Verb::Monitor(before, Keep::Session));
        }
    }

    fn order(&self, verb: Verb) {
        let log = self.log.clone();
        let armed = self.armed.clone();
        let jump = match &verb {
            Verb::Jump(Time::Section(name), _) => Some(held(&armed).arm(name.clone())),
            _ => None,
        };
        let said = matches!(verb, Verb::Save(_)).then(|| self.said.clone());
        self.remote.order(verb, move |answer| {
            if let Some(said) = &said
                && let Some((sentence, bad)) = came_of_saving(&answer)
            {
                let until = Instant::now() + SAID;
                let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
                *said = Some((sentence.clone(), bad, until));
                if !bad {
                    log.add(Weight::Note, &sentence);
                }
            }
            if let Some(jump) = jump.filter(|_| answer.is_last()) {
                held(&armed).disarm(jump);
            }
            if let Answer::Refused(refusal) = answer
                && !matches!(refusal.code, ErrorCode::Superseded | ErrorCode::Over)
            {
                log.add(Weight::Warning, &refusal.message);
            }
        });
    }

    /// Draws a frame if it is time for one. To be called often.
    pub fn frame(&mut self, player: &Player) {
        let now = Instant::now();
        if now < self.due {
            return;
        }
        self.due = (self.due + self.every).max(now);
        let turn = self.screen.turn();
        if turn == Turn::Wait {
            return;
        }
        self.look_at(player, now);
        let (width, height) = self.screen.size();
        let area = Rect::new(0, 0, width, height);
        let anew = turn == Turn::Anew || area != self.drawn.area;
        if !(anew || self.changed) {
            return;
        }
        if self.draw(area, anew).is_ok() {
            self.changed = false;
            self.screen
                .show(std::mem::take(&mut *self.bytes.0.borrow_mut()));
        }
    }

    /// Brings the model up to date.
    fn look_at(&mut self, player: &Player, now: Instant) {
        let status = player.status();
        if let Some((seen, lines)) = self.log.since(self.log_seen, LOG) {
            (self.log_seen, self.model.log) = (seen, lines);
            self.changed = true;
        }
        let (before, after) = (&self.model.status, &status);
        let other_songs = before.songs != after.songs
            || (before.song, before.programme) != (after.song, after.programme);
        let other_form = before.rate != after.rate
            || before.position.length_frames != after.position.length_frames;
        let other = before != after;
        if other_songs {
            self.asked = Some(player.mixer());
        }
        let moving = self.model.take(status, now - self.born);
        self.changed |= other || moving;
        let learnt = match self.asked.as_ref().map(Receiver::try_recv) {
            Some(Ok(mixer)) => {
                self.songs = mixer.songs.into_iter().map(|s| s.song).collect();
                self.asked = None;
                true
            }
            Some(Err(TryRecvError::Disconnected)) => {
                self.asked = None;
                false
            }
            Some(Err(TryRecvError::Empty)) | None => false,
        };
        let status = &self.model.status;
        let song = self.songs.get(status.song);
        if learnt || other_form {
            let length = status.position.length_frames.unwrap_or(0);
            self.model.sections = match song {
                Some(song) if status.rate > 0 => song.spans(status.rate, length),
                _ => Vec::new(),
            };
            self.model.grid = match song {
                Some(song) if status.rate > 0 => Grid::new(song, status.rate),
                _ => Grid::default(),
            };
            let seconds = match status.rate {
                0 => 0.0,
                rate => length as f64 / f64::from(rate),
            };
            self.overview.show(song.cloned(), seconds);
        }
        let armed = held(&self.armed).section.clone();
        self.changed |= armed != self.model.armed;
        self.model.armed = armed;
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = said.take_if(|(.., until)| now < *until);
        let notice = shown.clone().map(|(sentence, bad, _)| (sentence, bad));
        *said = shown;
        drop(said);
        self.changed |= notice != self.model.notice;
        self.model.notice = notice;
        self.changed |= self.overview.bring(&mut self.model);
    }

    /// Writes what is different from what the terminal shows.
    fn draw(&mut self, area: Rect, anew: bool) -> io::Result<()> {
        if anew {
            self.backend.clear()?;
            self.drawn = Buffer::empty(area);
        }
        self.layout = Layout::new(area, &self.model);
        let mut next = Buffer::empty(area);
        draw::draw(&self.model, &self.layout, &mut next);
        self.backend.draw(self.drawn.diff(&next).into_iter())?;
        self.drawn = next;
        Ok(())
    }
}

/// The sentence for it, and whether it is no good news.
fn came_of_saving(answer: &Answer) -> Option<(String, bool)> {
    match answer {
        Answer::Saved { file, .. } => {
            let sentence = format!("saved in {}", file.display());
            Some((crate::report::clean(&sentence), false))
        }
        Answer::Refused(refusal) => Some((format!("not saved: {}", refusal.message), true)),
        _ => None,
    }
}

impl Drop for Tui {
    fn drop(&mut self) {
        terminal::restore();
        self.log.close();
    }
}
