//! Keys of input devices: USB page-turners, foot switches, kiosk buttons. The device may go and come back.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::event::Event;
use super::source::Source;
use crate::exit::{Code, Failure};

/// How often it is looked for a device that is gone.
const RETRY: Duration = Duration::from_secs(1);
/// Bytes of a `struct input_event`: two words of time, type, code, value.
const EVENT: usize = 2 * size_of::<usize>() + 8;
/// Type of an event that is a key's.
const KEY: u16 = 1;

/// An input device.
pub struct EvdevInput {
    path: PathBuf,
    open: Option<Open>,
    retry: Instant,
    news: Option<String>,
    /// Keys that are down: they are up when the device is gone.
    down: Vec<u16>,
}

struct Open {
    file: File,
    /// The kernel's device, which is ours alone; `None` where the path is a pipe.
    _grabbed: Option<evdev::raw_stream::RawDevice>,
    /// Bytes of an event that isn't whole.
    half: Vec<u8>,
}

impl EvdevInput {
    /// The device at `path`, whose keys go to nobody else from now on. One that isn't there is waited for.
    ///
    /// # Errors
    /// Code 69: it can't be read, or is no input device.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let mut input = Self {
            path: path.to_owned(),
            open: None,
            retry: Instant::now(),
            news: None,
            down: Vec::new(),
        };
        match input.try_open() {
            Ok(open) => input.open = Some(open),
            Err(e) if is_absent(&e) => {
                input.news = Some(format!(
                    "evdev:{}: not there; it is used once it is",
                    path.display()
                ));
                input.retry += RETRY;
            }
            Err(e) => {
                let failure = Failure::new(
                    Code::Unavailable,
                    format!("evdev:{}: can't be read: {e}", path.display()),
                );
                return Err(match e.kind() {
                    io::ErrorKind::PermissionDenied => failure
                        .hint("join the group that owns it, usually `input`, and log in again"),
                    _ => failure,
                });
            }
        }
        Ok(input)
    }

    fn try_open(&mut self) -> io::Result<Open> {
        let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let mut options = OpenOptions::new();
        // A pipe that is open for writing as well has no end when its writer goes.
        let pipe = std::fs::metadata(&self.path)?.file_type().is_fifo();
        options.read(true).write(pipe).custom_flags(nonblock);
        let file = options.open(&self.path)?;
        let kind = file.metadata()?.file_type();
        let grabbed = if kind.is_char_device() {
            let device = evdev::raw_stream::RawDevice::from_fd(OwnedFd::from(file.try_clone()?));
            let mut device = device.map_err(|_| io::Error::other("that is no input device"))?;
            if device.grab().is_err() {
                self.news = Some(format!(
                    "evdev:{}: another program has taken its keys for itself",
                    self.path.display()
                ));
            }
            Some(device)
        } else if kind.is_fifo() {
            None
        } else {
            return Err(io::Error::other("that is no input device"));
        };
        Ok(Open {
            file,
            _grabbed: grabbed,
            half: Vec::new(),
        })
    }

    fn lost(&mut self, to: &mut dyn FnMut(Event, Duration)) {
        self.open = None;
        self.retry = Instant::now() + RETRY;
        self.news = Some(format!(
            "evdev:{}: gone; it is used again once it is back",
            self.path.display()
        ));
        for code in std::mem::take(&mut self.down) {
            to(Event::Key { code, down: false }, Duration::MAX);
        }
    }
}

/// Whether there is no such device at present.
fn is_absent(e: &io::Error) -> bool {
    let gone = [rustix::io::Errno::NODEV, rustix::io::Errno::NXIO];
    let gone = gone.map(|e| Some(e.raw_os_error()));
    e.kind() == io::ErrorKind::NotFound || gone.contains(&e.raw_os_error())
}

/// Time, key, and whether it is down; `None` for other events, repetitions among them.
fn key(bytes: &[u8; EVENT]) -> Option<(Duration, u16, bool)> {
    const WORD: usize = size_of::<usize>();
    let word = |at: usize| -> Option<usize> {
        let bytes = bytes.get(at..at + WORD)?;
        Some(usize::from_ne_bytes(bytes.try_into().ok()?))
    };
    let half = |at: usize| -> Option<u16> {
        let bytes = bytes.get(2 * WORD + at..2 * WORD + at + 2)?;
        Some(u16::from_ne_bytes(bytes.try_into().ok()?))
    };
    let seconds = u64::try_from(word(0)?).ok()?;
    let micros = u64::try_from(word(WORD)?).ok()?;
    let value = bytes.get(2 * WORD + 4..)?;
    let down = match i32::from_ne_bytes(value.try_into().ok()?) {
        0 => false,
        1 => true,
        _ => return None,
    };
    (half(0)? == KEY).then_some(())?;
    let at = Duration::from_secs(seconds).saturating_add(Duration::from_micros(micros));
    Some((at, half(2)?, down))
}

impl Source for EvdevInput {
    fn fds(&self) -> Vec<BorrowedFd<'_>> {
        let open = self.open.iter();
        open.map(|open| open.file.as_fd()).collect()
    }

    fn due(&self) -> Option<Instant> {
        self.open.is_none().then_some(self.retry)
    }

    fn read(&mut self, to: &mut dyn FnMut(Event, Duration)) {
        if self.open.is_none() && Instant::now() >= self.retry {
            match self.try_open() {
                Ok(open) => {
                    self.open = Some(open);
                    self.news
                        .get_or_insert_with(|| format!("evdev:{}: there", self.path.display()));
                }
                Err(_) => self.retry = Instant::now() + RETRY,
            }
        }
        let Some(open) = &mut self.open else { return };
        let mut room = [0; 64 * EVENT];
        let length = match open.file.read(&mut room) {
            Ok(0) => return self.lost(to),
            Ok(length) => length,
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                return;
            }
            Err(_) => return self.lost(to),
        };
        open.half.extend(room.iter().take(length));
        let (events, half) = open.half.as_chunks::<EVENT>();
        for (at, code, down) in events.iter().filter_map(key) {
            self.down.retain(|other| *other != code);
            if down && self.down.len() < 64 {
                self.down.push(code);
            }
            to(Event::Key { code, down }, at);
        }
        open.half = half.to_vec();
    }

    fn news(&mut self) -> Option<String> {
        self.news.take()
    }
}
