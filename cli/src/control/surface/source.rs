//! Where events come from.

use std::fmt;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use serde::Serialize;
use serde_json::Value;

use super::event::{Event, LineName};
use crate::units::UnitError;

/// A device that events come from.
pub trait Source: Send {
    /// What becomes readable when something has happened.
    fn fds(&self) -> Vec<BorrowedFd<'_>>;

    /// When it is to be looked after without that.
    fn due(&self) -> Option<Instant>;

    /// Hands out what has happened, each with its time by a clock of its own, and looks after itself.
    fn read(&mut self, to: &mut dyn FnMut(Event, Duration));

    /// A sentence for the user about its going and coming, since the last time it was asked.
    fn news(&mut self) -> Option<String>;
}

/// An input that is opened: `evdev:PATH` or `gpio:CHIP/LINE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputName {
    /// An input device: its event file, best the one in `/dev/input/by-id`.
    Evdev(PathBuf),
    /// A GPIO line; `true` is active at a high level.
    Gpio(LineName, bool),
}

impl FromStr for InputName {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || {
            UnitError::new(
                "an input such as `evdev:/dev/input/by-id/…` or `gpio:gpiochip0/17`",
                text,
            )
        };
        match text.split_once(':') {
            Some(("evdev", path)) if !path.is_empty() && !path.contains('\0') => {
                Ok(Self::Evdev(path.into()))
            }
            Some(("gpio", line)) => {
                let (line, high) = match line.rsplit_once(':') {
                    Some((line, "high")) => (line, true),
                    Some((line, "low")) => (line, false),
                    _ => (line, false),
                };
                line.parse()
                    .map(|line| Self::Gpio(line, high))
                    .map_err(|_| error())
            }
            _ => Err(error()),
        }
    }
}

impl fmt::Display for InputName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Evdev(path) => write!(f, "evdev:{}", path.display()),
            Self::Gpio(line, false) => write!(f, "gpio:{line}"),
            Self::Gpio(line, true) => write!(f, "gpio:{line}:high"),
        }
    }
}

/// Waits until one of `sources` has something, one is due, `other` is readable, or `until`.
pub fn wait_for(
    sources: &[Box<dyn Source>],
    other: Option<BorrowedFd<'_>>,
    until: Option<Instant>,
) {
    let due = sources.iter().filter_map(|source| source.due());
    let timeout = due.chain(until).min().map(|due| {
        let left = due.saturating_duration_since(Instant::now());
        Timespec {
            tv_sec: left.as_secs().cast_signed(),
            tv_nsec: left.subsec_nanos().into(),
        }
    });
    let fds = sources.iter().flat_map(|source| source.fds()).chain(other);
    let mut fds: Vec<PollFd<'_>> = fds
        .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
        .collect();
    // An interrupted wait is one that was over early.
    let _ = poll(&mut fds, timeout.as_ref());
}

/// Whether MIDI is heard, and from whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(into = "Value")]
pub enum MidiFrom {
    /// Not at all.
    #[default]
    None,
    /// From whoever connects to the sequencer's port.
    Anyone,
    /// And from the sequencer's client of that name, whenever it is there.
    Client(String),
    /// From whatever is connected to a port of the JACK client.
    Jack,
}

impl FromStr for MidiFrom {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        match text {
            "none" => Ok(Self::None),
            "jack" => Ok(Self::Jack),
            "" => Err(UnitError::new(
                "the name of a MIDI client, jack or none",
                text,
            )),
            name => Ok(Self::Client(name.to_owned())),
        }
    }
}

impl From<MidiFrom> for Value {
    fn from(from: MidiFrom) -> Self {
        match from {
            MidiFrom::None => Value::Bool(false),
            MidiFrom::Anyone => Value::Bool(true),
            MidiFrom::Client(name) => Value::String(name),
            MidiFrom::Jack => Value::String("jack".into()),
        }
    }
}
