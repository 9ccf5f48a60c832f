//! Why a rendering can't be made, in words for the user.

use std::io;
use std::path::PathBuf;

use crate::exit::{Code, Failure};
use crate::output::OutputError;
use crate::player::PlayerError;
use crate::song::UnknownSection;

/// Why a rendering can't be made or be completed. No file is left behind under its final name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The songs can't be opened or don't fit. The message says which, and what to change.
    #[error(transparent)]
    Player(Box<PlayerError>),
    /// An output can't be written. The message says what to try.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The folder for the stems can't be made. Choose another.
    #[error("{}: the folder can't be made: {error}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A stem is damaged, and that was to be an error. Repair the file or leave it out.
    #[error("{0}")]
    Damaged(String),
    /// Files give nothing any more, for longer than [`PATIENCE`](super::PATIENCE). See to the disk
    /// or the network.
    #[error("{names}: the disk or network does not answer")]
    Hangs {
        /// The stems, separated by commas.
        names: String,
    },
    /// What was asked for contradicts itself, or the songs. Correct the order.
    #[error("{0}")]
    Usage(String),
}

impl RenderError {
    /// The exit code that goes with it.
    pub fn code(&self) -> Code {
        match self {
            Self::Player(e) => e.code(),
            Self::Output(_) | Self::Folder { .. } | Self::Hangs { .. } => Code::Io,
            Self::Damaged(_) => Code::Data,
            Self::Usage(_) => Code::Usage,
        }
    }

    /// A stable word for programs, for the status stream.
    pub fn word(&self) -> &'static str {
        match (self, self.code()) {
            (Self::Damaged(_), _) => "damaged",
            (Self::Hangs { .. }, _) => "hung",
            (_, Code::Usage) => "usage",
            (_, Code::Data) => "data",
            (_, Code::NoInput) => "no-input",
            (_, Code::Io) => "io",
            _ => "software",
        }
    }
}

impl From<PlayerError> for RenderError {
    fn from(error: PlayerError) -> Self {
        Self::Player(Box::new(error))
    }
}

impl From<UnknownSection> for RenderError {
    fn from(error: UnknownSection) -> Self {
        PlayerError::from(error).into()
    }
}

impl From<RenderError> for Failure {
    fn from(error: RenderError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
