//! Reading keys on a thread of their own.

use std::io;
use std::io::{PipeReader, PipeWriter};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::decode::Strokes;
use super::event::Decoder;
use super::mode::{Modes, restore_on_panic};
use super::{Event, Key};

/// How often the thread looks whether the terminal is still, or again, its own.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 200_000_000,
};
/// A pause that ends an escape sequence.
const ESCAPE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// The keys of the terminal on standard input. Dropping it restores the terminal.
///
/// A process that ends without unwinding, or stops itself, calls [`restore`](super::restore)
/// first. A panic restores the terminal before its message is printed.
pub struct Keys {
    modes: Arc<Modes>,
    /// Dropped to end the thread.
    wake: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Keys {
    /// Reads keys from now on and sends them to `sender` (a channel of [`Key`], or of a type that
    /// is made from it). `None` unless standard input and standard error are terminals. In the
    /// background it waits, without touching the terminal, until the process is brought forward.
    ///
    /// When the receiver is gone, the next key ends the reading and restores the terminal.
    ///
    /// # Errors
    /// The system gave no thread or no pipe. Playing works without keys.
    pub fn open<T: From<Key> + Send + 'static>(sender: Sender<T>) -> io::Result<Option<Self>> {
        let mut strokes = Strokes::default();
        Self::read(move |event| match strokes.event(event) {
            Some(key) => sender.send(key.into()).is_ok(),
            None => true,
        })
    }

    /// The same with everything that is pressed, the mouse included where the terminal reports it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_all<T: From<Event> + Send + 'static>(
        sender: Sender<T>,
    ) -> io::Result<Option<Self>> {
        Self::read(move |event| sender.send(event.into()).is_ok())
    }

    fn read(mut send: impl FnMut(Event) -> bool + Send + 'static) -> io::Result<Option<Self>> {
        let (reader, writer) = io::pipe()?;
        let Some(modes) = Modes::stdin()? else {
            return Ok(None);
        };
        restore_on_panic();
        let mut keys = Self {
            modes,
            wake: Some(writer),
            thread: None,
        };
        let modes = keys.modes.clone();
        keys.thread = Some(thread::Builder::new().name("keys".into()).spawn(move || {
            run(&modes, &reader, &mut send);
            modes.close();
        })?);
        Ok(Some(keys))
    }

    /// After [`restore`](super::restore): takes the terminal up again. For a process that has
    /// been continued (SIGCONT).
    pub fn resume(&self) {
        self.modes.unpark();
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            // It never waits for anything but the poll that the closed pipe ends.
            let _ = thread.join();
        }
        self.modes.close();
    }
}

/// Reads until `wake` is closed, the terminal is gone or `send` says no.
fn run(modes: &Modes, wake: &PipeReader, send: &mut dyn FnMut(Event) -> bool) {
    let mut decoder = Decoder::default();
    let mut bytes = [0; 64];
    loop {
        let ours = modes.claim();
        let mut fds = [
            PollFd::new(wake, PollFlags::IN),
            PollFd::new(modes.fd(), PollFlags::IN),
        ];
        // Another program's keys would wake us all the time.
        let fds = if ours { &mut fds[..] } else { &mut fds[..1] };
        let wait = if decoder.in_escape() { &ESCAPE } else { &LOOK };
        match poll(fds, Some(wait)) {
            Ok(0) => match decoder.pause() {
                Some(event) if !send(event) => return,
                _ => continue,
            },
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(_) => return,
        }
        if fds.first().is_some_and(|f| !f.revents().is_empty()) {
            return;
        }
        // It may have changed hands since: a read in the background would stop the process.
        if !modes.claim() {
            continue;
        }
        match rustix::io::read(modes.fd(), &mut bytes) {
            // End of input, which in this mode is a hang-up.
            Ok(0) => return,
            Ok(n) => {
                for &b in bytes.iter().take(n) {
                    if let Some(event) = decoder.byte(b)
                        && !send(event)
                    {
                        return;
                    }
                }
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => return,
        }
    }
}
