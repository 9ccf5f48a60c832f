//! A terminal of a test's own, with a program in its foreground.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::program::wait_until;

/// Columns of the terminal: enough for a whole live line.
const COLUMNS: u16 = 200;

/// A program on a terminal. Killed on drop, also when the test panics.
pub struct Terminal {
    child: Child,
    /// Our side: what we write are keys.
    master: File,
    /// The program's side, kept open to see its modes.
    slave: OwnedFd,
    shown: Arc<Mutex<String>>,
    /// What a terminal would show of it.
    screen: Arc<Mutex<vt100::Parser>>,
}

impl Terminal {
    /// Starts `command` with this terminal as its standard input, output and error, and as the
    /// terminal that controls it.
    ///
    /// # Panics
    /// When there is no terminal to be had, or the program can't be started.
    pub fn start(command: Command) -> Self {
        Self::sized(command, COLUMNS, 24)
    }

    /// The same with so many columns and rows.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn sized(mut command: Command, columns: u16, rows: u16) -> Self {
        let (master, slave) = open(columns, rows);
        let side = || slave.try_clone().expect("a descriptor");
        command.stdin(side()).stdout(side()).stderr(side());
        // SAFETY: between fork and exec only these two calls, both async-signal-safe; standard
        // input is the terminal by then.
        unsafe {
            command.pre_exec(|| {
                if libc::setsid() < 0 || libc::ioctl(0, libc::TIOCSCTTY, 0) < 0 {
                    return Err(std::io::Error::last_os_error());
                }
                Ok(())
            });
        }
        let child = command.spawn().expect("the program");
        let shown = Arc::new(Mutex::new(String::new()));
        let screen = Arc::new(Mutex::new(vt100::Parser::new(
            cells(rows),
            cells(columns),
            0,
        )));
        let (mut from, into) = (master.try_clone().expect("a descriptor"), shown.clone());
        let onto = screen.clone();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = from.read(&mut bytes) {
                let bytes = bytes.get(..n).unwrap_or_default();
                let mut screen = onto.lock().unwrap_or_else(PoisonError::into_inner);
                screen.process(bytes);
                drop(screen);
                let text = String::from_utf8_lossy(bytes);
                let mut all = into.lock().unwrap_or_else(PoisonError::into_inner);
                all.push_str(&text);
            }
        });
        Self {
            child,
            master,
            slave,
            shown,
            screen,
        }
    }

    /// Presses keys.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn press(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).expect("a terminal");
    }

    /// Everything shown so far.
    pub fn shown(&self) -> String {
        let shown = self.shown.lock();
        shown.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until this has been shown.
    ///
    /// # Panics
    /// When it never is.
    pub fn wait_for_text(&self, text: &str) {
        wait_until(&format!("`{text}` on the terminal"), || {
            self.shown().contains(text)
        });
    }

    /// What is on the screen.
    pub fn screen(&self) -> vt100::Screen {
        let screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        screen.screen().clone()
    }

    /// Waits until the screen is as wanted, and returns its text.
    ///
    /// # Panics
    /// When it never is.
    pub fn wait_for_screen(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let mut text = String::new();
        let deadline = std::time::Instant::now() + crate::program::LONG;
        while std::time::Instant::now() < deadline {
            text = self.screen().contents();
            if wanted(&text) {
                return text;
            }
            thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("never on the screen: {what}\n{text}");
    }

    /// Another size, as when a window is drawn larger.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn resize(&self, columns: u16, rows: u16) {
        let size = winsize(columns, rows);
        let mut screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        screen.screen_mut().set_size(cells(rows), cells(columns));
        // SAFETY: an open descriptor of ours and a live structure.
        let set = unsafe { libc::ioctl(self.master.as_raw_fd(), libc::TIOCSWINSZ, &size) };
        assert_eq!(set, 0, "the terminal is gone");
    }

    /// The last line that was drawn, which is the live line as long as there is one.
    pub fn line(&self) -> String {
        let shown = self.shown();
        let drawn = shown.rsplit(['\r', '\n']).find(|line| line.len() > 20);
        drawn.unwrap_or_default().to_owned()
    }

    /// Waits until the live line is as wanted, and returns it.
    ///
    /// # Panics
    /// When it never is.
    pub fn wait_for_line(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let mut line = String::new();
        wait_until(&format!("{what} on the terminal"), || {
            line = self.line();
            wanted(&line)
        });
        line
    }

    /// Whether keys are echoed and come in whole lines, as a shell wants it.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn is_as_found(&self) -> bool {
        // SAFETY: plain data, for which zero is a value; the call fills it in.
        let mut modes: libc::termios = unsafe { std::mem::zeroed() };
        // SAFETY: an open descriptor of ours and a live structure.
        let got = unsafe { libc::tcgetattr(self.slave.as_raw_fd(), &mut modes) };
        assert_eq!(got, 0, "the terminal is gone");
        modes.c_lflag & (libc::ICANON | libc::ECHO) == libc::ICANON | libc::ECHO
    }

    /// The program's process id.
    pub fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Waits for the end: exit code, or signal.
    ///
    /// # Panics
    /// When it doesn't come.
    pub fn finish(&mut self) -> (Option<i32>, Option<i32>) {
        let mut status = None;
        wait_until("the end of the program", || {
            status = self.child.try_wait().expect("a child to wait for");
            status.is_some()
        });
        let status = status.expect("waited for");
        (status.code(), status.signal())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn open(columns: u16, rows: u16) -> (File, OwnedFd) {
    let (mut master, mut slave) = (-1, -1);
    let size = winsize(columns, rows);
    // SAFETY: three live variables; no name and no modes are given.
    let opened = unsafe {
        libc::openpty(
            &mut master,
            &mut slave,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            &size,
        )
    };
    assert_eq!(opened, 0, "no terminal to be had");
    for fd in [master, slave] {
        // SAFETY: a descriptor of ours; the child is to have only what it is given.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    // SAFETY: just opened, and nobody else has them.
    unsafe { (File::from_raw_fd(master), OwnedFd::from_raw_fd(slave)) }
}

fn cells(n: u16) -> NonZero<u16> {
    NonZero::new(n).expect("a terminal has cells")
}

fn winsize(columns: u16, rows: u16) -> libc::winsize {
    libc::winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}
