//! Why something that was asked for is not done: one word for programs, one sentence for people.

use std::fmt;

use crate::exit::Code;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $exit:ident;)+) => {
        /// The kinds of refusal, the same on every path.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)+
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [ErrorCode] = &[$(Self::$name,)+];

            /// The word for programs.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }

            /// What `backline ctl` exits with.
            pub const fn exit(self) -> Code {
                match self {
                    $(Self::$name => Code::$exit,)+
                }
            }
        }
    };
}

codes! {
    /// The line is no request: not JSON, no object, a key too many or of the wrong kind.
    BadRequest = "bad-request", Usage;
    /// The request is of another version of the protocol.
    Version = "version", Usage;
    /// There is no such verb.
    UnknownVerb = "unknown-verb", Usage;
    /// A verb's argument is missing, too many, of another unit or out of its range.
    BadValue = "bad-value", Usage;
    /// The song in play has no such track.
    UnknownTrack = "unknown-track", Usage;
    /// There is no such bus.
    UnknownBus = "unknown-bus", Usage;
    /// The song in play has no such section.
    UnknownSection = "unknown-section", Usage;
    /// There is no such song, or none before or behind the one in play.
    NoSong = "no-song", Usage;
    /// JACK's transport says where the song is, and can't be told that.
    Transport = "transport", Usage;
    /// A song or a stem can't be opened. The song in play goes on.
    Song = "song", Data;
    /// There is no file to write to. Name one.
    NoFile = "no-file", Usage;
    /// The file was changed since it was read; nothing is written over that.
    FileChanged = "file-changed", Data;
    /// The file can't be written, or can't say what it is to. It is as it was.
    NotWritten = "not-written", Io;
    /// A later wish took its place before it could be done.
    Superseded = "superseded", Unavailable;
    /// The device or server doesn't ask for sound at the moment. Try again.
    Busy = "busy", Unavailable;
    /// The session is over.
    Over = "over", Unavailable;
    /// The line was too long; the connection was closed.
    LineTooLong = "line-too-long", Usage;
    /// There are too many connections; this one was closed.
    TooManyClients = "too-many-clients", Unavailable;
    /// What was sent was not read for too long; the connection was closed.
    TooSlow = "too-slow", Unavailable;
}

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For programs.
    pub code: ErrorCode,
    /// For people: one plain sentence.
    pub message: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: crate::exit::without_errno(message.into()),
        }
    }

    pub(crate) fn superseded() -> Self {
        Self::new(
            ErrorCode::Superseded,
            "something later took its place before it was done",
        )
    }

    pub(crate) fn over() -> Self {
        Self::new(ErrorCode::Over, "the session is over")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}
