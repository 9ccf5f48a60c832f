//! Exit codes, and the failure that ends the program with one.

use std::fmt;
use std::process::ExitCode;

use engine_core::backend::{BackendError, BackendErrorKind};

use crate::media::MediaError;

/// The exit codes of `backline`. Those from 64 on have the numbers and the sense of BSD's
/// `sysexits.h`, which systemd prints by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Code {
    /// Done, or stopped because it was asked to.
    Done = 0,
    /// `doctor` or `check` found something that is in the way, or with `--strict` anything at all. Nothing failed.
    Found = 1,
    /// The command line (or a `BACKLINE_…` variable) makes no sense. Correct it; nothing was played.
    Usage = 64,
    /// An audio, song or setlist file can't be opened or is invalid, a song has too many tracks,
    /// or a stem is damaged and `--on-damage stop` was given. Correct the file.
    Data = 65,
    /// An input is missing or unreadable, or a folder has no playable audio. Check the path.
    NoInput = 66,
    /// No device or server, or it is busy, refuses the rate, or was lost with `--on-loss exit`.
    /// Trying again later may help.
    Unavailable = 69,
    /// A fault of backline itself. Please report it.
    Software = 70,
    /// Reading or writing failed: a full disk, a closed pipe.
    Io = 74,
    /// There were xruns or starvations, and `--fail-on-xrun` was given. The sound was not whole.
    Xruns = 75,
    /// The configuration file is broken. Correct it; nothing was played.
    Config = 78,
}

impl Code {
    /// Every code.
    pub const ALL: [Code; 10] = [
        Code::Done,
        Code::Found,
        Code::Usage,
        Code::Data,
        Code::NoInput,
        Code::Unavailable,
        Code::Software,
        Code::Io,
        Code::Xruns,
        Code::Config,
    ];

    /// What it means, in a few words, for help and man page.
    pub const fn meaning(self) -> &'static str {
        match self {
            Code::Done => "done, or stopped because it was asked to",
            Code::Found => "doctor or check found a failure, or with --strict a warning",
            Code::Usage => "the command line makes no sense",
            Code::Data => "an audio, song or setlist file can't be opened or is invalid",
            Code::NoInput => "an input is missing or unreadable, or a folder has no playable audio",
            Code::Unavailable => "no device or server, or it is busy, refuses, or was lost",
            Code::Software => "a fault of backline itself",
            Code::Io => "reading or writing failed",
            Code::Xruns => "xruns or starvations, with --fail-on-xrun",
            Code::Config => "the configuration is broken",
        }
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        ExitCode::from(code as u8)
    }
}

/// Why the program ends: a code for scripts and one plain sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What `backline` exits with.
    pub code: Code,
    /// What failed, on which file or device. No full stop, no line break.
    pub message: String,
    /// What to try, where that is not in the message: printed on a line of its own.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: without_errno(message.into()),
            hint: None,
        }
    }

    /// A failure of the command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    /// The same failure with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A sentence without the numbers that Rust adds to what the system says: ` (os error 13)`.
pub fn without_errno(mut message: String) -> String {
    const FROM: &str = " (os error ";
    while let Some(from) = message.find(FROM) {
        let digits = message[from + FROM.len()..]
            .chars()
            .take_while(char::is_ascii_digit)
            .count();
        let to = from + FROM.len() + digits;
        if !message[to..].starts_with(')') {
            break;
        }
        message.replace_range(from..=to, "");
    }
    message
}

/// As it is printed to stderr after `backline: `; the hint, if any, on a second line.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n{hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

impl From<MediaError> for Failure {
    fn from(error: MediaError) -> Self {
        let code = match error {
            MediaError::Missing(_) | MediaError::Unreadable { .. } => Code::NoInput,
            MediaError::Unsupported { .. } | MediaError::Damaged { .. } => Code::Data,
        };
        Self::new(code, error.to_string())
    }
}

impl From<BackendError> for Failure {
    fn from(error: BackendError) -> Self {
        let code = match error.kind {
            BackendErrorKind::Usage => Code::Usage,
            _ => Code::Unavailable,
        };
        Self::new(code, error.message.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_spared_error_numbers() {
        let plain = |s: &str| without_errno(s.to_owned());
        assert_eq!(plain("a: no (os error 13); b"), "a: no; b");
        assert_eq!(plain("x (os error 1) y (os error 22)"), "x y");
        assert_eq!(plain("x (os error z)"), "x (os error z)");
        assert_eq!(plain("x (os error 5"), "x (os error 5");
    }

    #[test]
    fn codes_are_the_documented_numbers() {
        let numbers = Code::ALL.map(|c| c as u8);
        assert_eq!(numbers, [0, 1, 64, 65, 66, 69, 70, 74, 75, 78]);
    }

    #[test]
    fn a_missing_file_is_66_and_a_broken_one_65() {
        let missing = Failure::from(MediaError::Missing("a.wav".into()));
        assert_eq!(missing, Failure::new(Code::NoInput, "a.wav: no such file"));
        let broken = Failure::from(MediaError::Unsupported {
            path: "a.wav".into(),
            what: "no audio in it".into(),
        });
        assert_eq!(broken, Failure::new(Code::Data, "a.wav: no audio in it"));
    }

    #[test]
    fn a_driver_that_refuses_is_69_and_a_senseless_wish_64() {
        let of = |kind| Failure::from(BackendError::new(kind, format_args!("no"))).code;
        assert_eq!(of(BackendErrorKind::Busy), Code::Unavailable);
        assert_eq!(of(BackendErrorKind::Usage), Code::Usage);
    }

    #[test]
    fn the_hint_is_a_line_of_its_own() {
        let failure = Failure::usage("no").hint("try yes");
        assert_eq!(failure.to_string(), "no\ntry yes");
    }
}
