//! Why a player can't be built.

use engine_core::backend::{BackendError, BackendErrorKind};

use crate::exit::Code;
use crate::media::MediaError;
use crate::song::UnknownSection;

/// Why a player can't be built, or a song not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlayerError {
    /// A stem can't be opened. The message names the file.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// The driver refuses. The message says what to try.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A place is named after a section the song hasn't got.
    #[error(transparent)]
    Section(#[from] UnknownSection),
    /// The song doesn't fit: too many tracks or buses, a stem wider than its bus, another rate under
    /// `--strict-rate`. Change the song or the flags.
    #[error("{0}")]
    Song(String),
    /// What was asked for contradicts itself.
    #[error("{0}")]
    Usage(String),
    /// The system has no more threads or memory. Close something.
    #[error("can't start a thread: {0}")]
    System(#[from] std::io::Error),
}

impl PlayerError {
    /// The exit code that goes with it.
    pub fn code(&self) -> Code {
        match self {
            Self::Media(MediaError::Missing(_) | MediaError::Unreadable { .. }) => Code::NoInput,
            Self::Media(_) | Self::Song(_) => Code::Data,
            Self::Section(_) | Self::Usage(_) => Code::Usage,
            Self::System(_) => Code::Io,
            Self::Backend(e) => match e.kind {
                BackendErrorKind::Usage => Code::Usage,
                _ => Code::Unavailable,
            },
        }
    }
}
