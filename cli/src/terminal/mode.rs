//! A terminal's modes: changed while keys are read, put back whatever happens.

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

use rustix::io::Errno;
use rustix::process::getpgrp;
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcgetwinsize,
    tcsetattr,
};

use crate::media::is_decoding;

/// Whether this process may read and change the terminal `fd` without being stopped for it.
/// False for what is no terminal, and for a terminal that isn't this process's own.
pub fn foreground(fd: impl AsFd) -> bool {
    tcgetpgrp(fd).is_ok_and(|group| group == getpgrp())
}

/// Columns of the terminal `fd`; `None` when it is none or doesn't know.
pub fn width(fd: impl AsFd) -> Option<usize> {
    let size = tcgetwinsize(fd).ok()?;
    (size.ws_col > 0).then_some(size.ws_col.into())
}

/// The terminal of the [`Keys`](super::Keys) that are open, for [`restore`].
static OPEN: Mutex<Option<Arc<Modes>>> = Mutex::new(None);

/// Puts the terminal's modes back and takes a [`Screen`](super::Screen) away, and keeps them so until they
/// are resumed. What a [`Capture`](super::Capture) took is released.
/// Does nothing where nothing is open or in the background, so it may be called at any time and any
/// number of times: before the process ends without unwinding (`exit`, a signal that is raised
/// again) and before it stops itself. Not from within a signal handler.
pub fn restore() {
    super::screen::restore();
    super::capture::release();
    if let Some(modes) = &*held(&OPEN) {
        modes.park();
    }
}

/// Makes every panic restore the terminal first, so that its message is readable.
pub(super) fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let next = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // A decoder that stumbles is caught, and playing goes on.
            if !is_decoding() {
                restore();
            }
            next(info);
        }));
    });
}

/// A poisoned lock guards nothing here that could be half done.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A terminal and the modes it had.
pub(super) struct Modes {
    fd: OwnedFd,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The modes to go back to; `None` while there is nothing to go back from.
    saved: Option<Termios>,
    /// Hands off: restored, until resumed.
    parked: bool,
}

impl Modes {
    /// Standard input, when it and standard error are terminals.
    pub(super) fn stdin() -> io::Result<Option<Arc<Self>>> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Ok(None);
        }
        let modes = Arc::new(Self {
            fd: io::stdin().as_fd().try_clone_to_owned()?,
            state: Mutex::default(),
        });
        *held(&OPEN) = Some(modes.clone());
        Ok(Some(modes))
    }

    pub(super) fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// Puts the terminal in the mode for reading keys if it isn't, and says whether it may be read:
    /// not while parked or in the background. To be called again and again: another program may
    /// have had the terminal since.
    pub(super) fn claim(&self) -> bool {
        let mut state = held(&self.state);
        if state.parked || !foreground(&self.fd) {
            return false;
        }
        let Ok(now) = tcgetattr(&self.fd) else {
            return false;
        };
        let wanted = for_keys(&now);
        if same(&now, &wanted) {
            // Ours already: a shell may give a job its own modes back. Then what was saved
            // before is still what to go back to.
            state.saved.get_or_insert(now);
            return true;
        }
        let changed = set(&self.fd, &wanted).is_ok();
        state.saved = Some(now);
        changed
    }

    /// Puts the modes back and keeps hands off. In the background only the latter: the
    /// terminal is another's, and has that one's modes.
    pub(super) fn park(&self) {
        let mut state = held(&self.state);
        state.parked = true;
        if foreground(&self.fd)
            && let Some(saved) = state.saved.take()
        {
            // Fails when the terminal is gone; then nothing is left to restore.
            let _ = set(&self.fd, &saved);
        }
    }

    /// Lets [`claim`](Self::claim) have the terminal again.
    pub(super) fn unpark(&self) {
        held(&self.state).parked = false;
    }

    /// Puts the modes back for good.
    pub(super) fn close(self: &Arc<Self>) {
        self.park();
        let mut open = held(&OPEN);
        if open.as_ref().is_some_and(|o| Arc::ptr_eq(o, self)) {
            *open = None;
        }
    }
}

fn set(fd: &OwnedFd, modes: &Termios) -> rustix::io::Result<()> {
    // At once: to wait for the output to go out would hang on a terminal held by ^S.
    loop {
        match tcsetattr(fd, OptionalActions::Now, modes) {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

/// Keys come one by one and aren't echoed. ^C, ^Z and the rest of the signals stay, and so does
/// the treatment of output.
fn for_keys(modes: &Termios) -> Termios {
    let mut modes = modes.clone();
    modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
    modes.special_codes[SpecialCodeIndex::VMIN] = 1;
    modes.special_codes[SpecialCodeIndex::VTIME] = 0;
    modes
}

fn same(a: &Termios, b: &Termios) -> bool {
    a.local_modes == b.local_modes
        && [SpecialCodeIndex::VMIN, SpecialCodeIndex::VTIME]
            .into_iter()
            .all(|i| a.special_codes[i] == b.special_codes[i])
}
