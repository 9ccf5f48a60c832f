//! A screen of our own on the terminal: the alternate one, with the mouse reported. It is written by
//! a thread of its own, so that nobody waits for a terminal that is slow or stopped, and it is left
//! as it was found whatever happens.

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::tcgetwinsize;

use super::mode::foreground;

/// The alternate screen, no cursor, and a mouse whose buttons, moves with a button down, and wheel
/// are told (xterm's modes; a terminal that doesn't know them ignores them).
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[?1000h\x1b[?1002h\x1b[?1006h";
/// The other way round. Attributes are reset first.
const LEAVE: &[u8] = b"\x1b[0m\x1b[?1006l\x1b[?1002l\x1b[?1000l\x1b[?25h\x1b[?1049l";
/// What also leaves it on a terminal that knows no alternate one: clear.
const CLEAR: &[u8] = b"\x1b[H\x1b[2J";
/// How long leaving waits for a write that is under way.
const PATIENCE: Duration = Duration::from_millis(200);
/// Between two tries on a terminal that another process has made non-blocking.
const RETRY: Duration = Duration::from_millis(10);

/// The screen that is open, for [`restore`](super::restore).
static OPEN: Mutex<Option<Arc<Shared>>> = Mutex::new(None);

/// What can be done with a screen just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing: the terminal is another's, or still busy with the last frame.
    Wait,
    /// Everything is to be drawn: there is nothing on the screen, or something unknown.
    Anew,
    /// What has changed is to be drawn.
    Next,
}

/// The terminal on standard output. Dropping it leaves the terminal as it was.
pub struct Screen {
    shared: Arc<Shared>,
}

struct Shared {
    fd: OwnedFd,
    /// A terminal that is said to know no alternate screen.
    plain: bool,
    state: Mutex<State>,
    changed: Condvar,
    /// Held while something is written. Whether the screen is entered.
    entered: Mutex<bool>,
}

#[derive(Default)]
struct State {
    frame: Option<Vec<u8>>,
    busy: bool,
    /// The frame that was drawn last is what the terminal shows.
    drawn: bool,
    parked: bool,
    /// The terminal is gone.
    closed: bool,
    ended: bool,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Screen {
    /// The terminal on standard output; `None` when there is none. Nothing is written before the
    /// first frame.
    ///
    /// # Errors
    /// The system gave no thread or no descriptor.
    pub fn open() -> io::Result<Option<Self>> {
        if !io::stdout().is_terminal() {
            return Ok(None);
        }
        let plain = std::env::var("TERM").is_ok_and(|t| t.starts_with("vt1"));
        Self::on(io::stdout().as_fd().try_clone_to_owned()?, plain).map(Some)
    }

    fn on(fd: OwnedFd, plain: bool) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            fd,
            plain,
            state: Mutex::default(),
            changed: Condvar::new(),
            entered: Mutex::new(false),
        });
        let writer = shared.clone();
        thread::Builder::new()
            .name("screen".into())
            .spawn(move || writer.run())?;
        *held(&OPEN) = Some(shared.clone());
        Ok(Self { shared })
    }

    /// Columns and rows.
    pub fn size(&self) -> (u16, u16) {
        match tcgetwinsize(&self.shared.fd) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
            _ => (80, 24),
        }
    }

    /// What is to be drawn now, if anything.
    pub fn turn(&self) -> Turn {
        let state = held(&self.shared.state);
        let busy = state.busy || state.frame.is_some();
        if busy || state.parked || state.closed || !foreground(&self.shared.fd) {
            Turn::Wait
        } else if state.drawn {
            Turn::Next
        } else {
            Turn::Anew
        }
    }

    /// Has `frame` written. To be called after a [`turn`](Self::turn) that allows it, with all
    /// that the turn asks for; never waits.
    pub fn show(&self, frame: Vec<u8>) {
        let mut state = held(&self.shared.state);
        state.frame = Some(frame);
        state.drawn = true;
        drop(state);
        self.shared.changed.notify_all();
    }

    /// The next frame is to be drawn anew.
    pub fn forget(&self) {
        held(&self.shared.state).drawn = false;
    }

    /// After [`restore`](super::restore): takes the terminal up again.
    pub fn resume(&self) {
        held(&self.shared.state).parked = false;
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.shared.park();
        held(&self.shared.state).ended = true;
        self.shared.changed.notify_all();
        let mut open = held(&OPEN);
        if open.as_ref().is_some_and(|o| Arc::ptr_eq(o, &self.shared)) {
            *open = None;
        }
    }
}

/// Leaves the screen that is open, and keeps it so until [`Screen::resume`].
pub(super) fn restore() {
    let open = held(&OPEN).clone();
    if let Some(shared) = open {
        shared.park();
    }
}

impl Shared {
    fn run(&self) {
        let mut state = held(&self.state);
        loop {
            if state.ended {
                return;
            }
            let Some(frame) = state.frame.take() else {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            state.busy = true;
            drop(state);
            let mut entered = held(&self.entered);
            // It may have been parked since.
            let parked = held(&self.state).parked;
            let written = parked
                || ((*entered || self.write(ENTER)) && {
                    *entered = true;
                    self.write(&frame)
                });
            drop(entered);
            state = held(&self.state);
            state.busy = false;
            state.closed |= !written;
        }
    }

    /// Writes all of it; false when the terminal is gone.
    fn write(&self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            match rustix::io::write(&self.fd, bytes) {
                Ok(0) => return false,
                Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => thread::sleep(RETRY),
                Err(_) => return false,
            }
        }
        true
    }

    /// Leaves the screen and keeps hands off. A terminal that takes nothing (stopped by ^S, or its
    /// line is down) is given up after a moment.
    fn park(&self) {
        let mut state = held(&self.state);
        state.parked = true;
        state.frame = None;
        state.drawn = false;
        drop(state);
        let end = Instant::now() + PATIENCE;
        let mut entered = loop {
            match self.entered.try_lock() {
                Ok(entered) => break entered,
                Err(TryLockError::Poisoned(e)) => break e.into_inner(),
                Err(TryLockError::WouldBlock) if Instant::now() < end => thread::sleep(RETRY),
                Err(TryLockError::WouldBlock) => return,
            }
        };
        if std::mem::take(&mut *entered) && foreground(&self.fd) && self.takes_something() {
            if self.plain {
                self.write(CLEAR);
            }
            self.write(LEAVE);
        }
    }

    /// Whether a write would go through.
    fn takes_something(&self) -> bool {
        let wait = Timespec {
            tv_sec: 0,
            tv_nsec: 100_000_000,
        };
        let mut fds = [PollFd::new(&self.fd, PollFlags::OUT)];
        matches!(poll(&mut fds, Some(&wait)), Ok(1)) && fds[0].revents().contains(PollFlags::OUT)
    }
}
