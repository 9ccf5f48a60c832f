//! Why it came to no playing, or why playing ended: words for programs, exit codes, sentences.

use engine_core::backend::BackendErrorKind;

use crate::exit::{Code, Failure};
use crate::player::PlayerError;
use crate::report;

/// Why it came to no playing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::commands) struct Refusal {
    pub failure: Failure,
    /// The word for programs.
    word: &'static str,
}

impl Refusal {
    pub fn new(failure: Failure, word: &'static str) -> Self {
        Self { failure, word }
    }

    /// What a player's error means. `last_resort` says why it came to the default device, when
    /// nobody named one.
    pub fn of(error: PlayerError, last_resort: Option<&str>) -> Self {
        let code = error.code();
        let message = sentence(&error.to_string());
        let PlayerError::Backend(backend) = &error else {
            return Failure::new(code, message).into();
        };
        let failure = match last_resort {
            Some(why) if code == Code::Unavailable => Failure::new(
                code,
                format!(
                    "{why}, and the default ALSA device can't be played to: {message}; to play without a device: --backend null"
                ),
            ),
            _ if backend.kind == BackendErrorKind::NoDevice => {
                Failure::new(code, message).hint("`backline devices` lists what there is")
            }
            _ => Failure::new(code, message),
        };
        Self::new(failure, word_of(backend.kind))
    }

    /// Whether the device or server just isn't there: one that is, and refuses, is something else.
    pub fn is_absence(&self) -> bool {
        matches!(self.word, "no-server" | "no-device")
    }

    /// As it is told to programs.
    pub fn event(&self) -> report::Failure {
        report::Failure {
            code: self.word.into(),
            message: self.failure.message.clone(),
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let word = match failure.code {
            Code::Usage => "usage",
            Code::Data => "data",
            Code::NoInput => "no-input",
            Code::Unavailable => "unavailable",
            Code::Io => "io",
            Code::Config => "config",
            Code::Done | Code::Found | Code::Software | Code::Xruns => "software",
        };
        Self { failure, word }
    }
}

/// Drivers write whole sentences; a failure's has no full stop.
pub(super) fn sentence(message: &str) -> String {
    message.strip_suffix('.').unwrap_or(message).to_owned()
}

/// The word for programs of a driver's error.
pub(super) fn word_of(kind: BackendErrorKind) -> &'static str {
    match kind {
        BackendErrorKind::NoServer => "no-server",
        BackendErrorKind::NoDevice => "no-device",
        BackendErrorKind::Busy => "busy",
        BackendErrorKind::Permission => "permission",
        BackendErrorKind::Rate => "rate",
        BackendErrorKind::Format => "format",
        BackendErrorKind::Channels => "channels",
        BackendErrorKind::Period => "period",
        BackendErrorKind::Usage => "usage",
        BackendErrorKind::Lost => "device-lost",
        BackendErrorKind::TimedOut => "timed-out",
        _ => "driver",
    }
}

/// The exit code of an error that ended a session, by the player's word for it.
pub(super) fn code_of(word: &str) -> Code {
    match word {
        "device-lost" | "device" => Code::Unavailable,
        "damaged" | "song" => Code::Data,
        _ => Code::Software,
    }
}

#[cfg(test)]
mod tests {
    use engine_core::backend::BackendError;

    use super::*;

    fn backend(kind: BackendErrorKind) -> PlayerError {
        PlayerError::Backend(BackendError::new(kind, format_args!("It isn't there.")))
    }

    #[test]
    fn without_any_device_the_null_backend_is_named() {
        let refusal = Refusal::of(
            backend(BackendErrorKind::NoDevice),
            Some("no JACK server is running"),
        );
        assert_eq!(refusal.failure.code, Code::Unavailable);
        assert_eq!(
            refusal.failure.message,
            "no JACK server is running, and the default ALSA device can't be played to: It isn't there; to play without a device: --backend null"
        );
        assert_eq!(refusal.event().code, "no-device");
    }

    #[test]
    fn a_named_device_that_is_not_there_leads_to_the_list() {
        let refusal = Refusal::of(backend(BackendErrorKind::NoDevice), None);
        assert_eq!(refusal.failure.code, Code::Unavailable);
        assert_eq!(
            refusal.failure.to_string(),
            "It isn't there\n`backline devices` lists what there is"
        );
        let refusal = Refusal::of(backend(BackendErrorKind::Usage), Some("none"));
        assert_eq!(refusal.failure, Failure::usage("It isn't there"));
        assert_eq!(refusal.event().code, "usage");
    }

    #[test]
    fn the_player_s_words_have_exit_codes() {
        let codes = ["device-lost", "device", "damaged", "song", "hung"].map(code_of);
        use Code::{Data, Software, Unavailable};
        assert_eq!(codes, [Unavailable, Unavailable, Data, Data, Software]);
    }
}
