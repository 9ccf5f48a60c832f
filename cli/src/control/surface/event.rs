//! What happens on a surface.

use std::fmt;
use std::str::FromStr;

use crate::units::UnitError;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A MIDI message.
    Midi(MidiEvent),
    /// A key of an input device (numbers as in `linux/input-event-codes.h`).
    Key {
        /// Which.
        code: u16,
        /// Pressed, or let go.
        down: bool,
    },
    /// A GPIO line.
    Line {
        /// Which.
        line: LineName,
        /// Active, or not any more.
        down: bool,
    },
}

/// A MIDI message that can be mapped. Channels are counted from 1, programs from 1, as on instruments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MidiEvent {
    /// A note; at velocity 0 it ends.
    Note {
        /// 1 to 16.
        channel: u8,
        /// 0 to 127; 60 is C4.
        note: u8,
        /// 0 to 127.
        velocity: u8,
    },
    /// A controller.
    Controller {
        /// 1 to 16.
        channel: u8,
        /// 0 to 127.
        controller: u8,
        /// 0 to 127.
        value: u8,
    },
    /// A program change.
    Program {
        /// 1 to 16.
        channel: u8,
        /// 1 to 128.
        program: u8,
    },
}

/// A GPIO line: `CHIP/LINE`, the chip by its name (`gpiochip0`) or label, or its path; the line by its number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LineName {
    /// `gpiochip0`, or a path.
    pub chip: String,
    /// Number of the line on the chip.
    pub line: u32,
}

impl FromStr for LineName {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || UnitError::new("a GPIO line such as `gpiochip0/17`", text);
        let (chip, line) = text.rsplit_once('/').ok_or_else(error)?;
        let digits = !line.is_empty() && line.bytes().all(|b| b.is_ascii_digit());
        match line.parse() {
            Ok(line) if digits && !chip.is_empty() => Ok(Self {
                chip: chip.to_owned(),
                line,
            }),
            _ => Err(error()),
        }
    }
}

impl fmt::Display for LineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.chip, self.line)
    }
}

/// A key's name, such as `KEY_PAGEDOWN`, or its number.
pub(super) fn key_name(code: u16) -> String {
    let name = format!("{:?}", evdev::KeyCode(code));
    match name.starts_with("unknown") {
        true => code.to_string(),
        false => name,
    }
}

/// The key of that name or number.
pub(super) fn key_code(name: &str) -> Option<u16> {
    match name.parse::<evdev::KeyCode>() {
        Ok(key) => Some(key.0),
        Err(_) => name.parse().ok(),
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Midi(MidiEvent::Note { channel, note, .. }) => {
                write!(f, "note {note} on channel {channel}")
            }
            Self::Midi(MidiEvent::Controller {
                channel,
                controller,
                ..
            }) => write!(f, "controller {controller} on channel {channel}"),
            Self::Midi(MidiEvent::Program { channel, program }) => {
                write!(f, "program {program} on channel {channel}")
            }
            Self::Key { code, .. } => write!(f, "key {}", key_name(*code)),
            Self::Line { line, .. } => write!(f, "line {line}"),
        }
    }
}
