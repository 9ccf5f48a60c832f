//! Why a song or setlist can't be had.

use std::path::PathBuf;

use crate::exit::{Code, Failure};

/// Why a song or setlist can't be had from what was given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SongError {
    /// What was given makes no sense together. Correct the command line.
    #[error("{0}")]
    Usage(String),
    /// It is not there. Check the path, or what the song file says.
    #[error("{}{}: no such file or folder", prefix(named_in), path.display())]
    Missing {
        /// What is missing.
        path: PathBuf,
        /// The song or setlist file that names it, if one does.
        named_in: Option<PathBuf>,
    },
    /// It can't be read. Check permissions and the disk.
    #[error("{}{}: can't be read: {error}", prefix(named_in), path.display())]
    Unreadable {
        /// What can't be read.
        path: PathBuf,
        /// The song or setlist file that names it, if one does.
        named_in: Option<PathBuf>,
        /// What the system said.
        error: std::io::Error,
    },
    /// It is a pipe, a socket or the like. Name a file, or pipe a WAV into `-`.
    #[error("{}{}: not a regular file; a stream is given as `-`", prefix(named_in), path.display())]
    Special {
        /// What it is about.
        path: PathBuf,
        /// The song or setlist file that names it, if one does.
        named_in: Option<PathBuf>,
    },
    /// A song file names a folder as a track's file. Name an audio file.
    #[error("{}: {}: a folder, where an audio file belongs", named_in.display(), path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The song file that names it.
        named_in: PathBuf,
    },
    /// A folder has no audio file directly in it. Name the folder that has the stems.
    #[error("{}: no playable audio in this folder (subfolders and hidden files are not looked at)", .0.display())]
    Empty(PathBuf),
    /// A song or setlist file is invalid. Correct it at that place.
    #[error("{}:{line}:{column}: {what}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong, and what would be right.
        what: String,
    },
}

fn prefix(named_in: &Option<PathBuf>) -> String {
    named_in
        .as_ref()
        .map_or_else(String::new, |file| format!("{}: ", file.display()))
}

impl From<SongError> for Failure {
    fn from(error: SongError) -> Self {
        let code = match error {
            SongError::Usage(_) => Code::Usage,
            SongError::Missing { .. }
            | SongError::Unreadable { .. }
            | SongError::Special { .. }
            | SongError::Folder { .. }
            | SongError::Empty(_) => Code::NoInput,
            SongError::Invalid { .. } => Code::Data,
        };
        Self::new(code, error.to_string())
    }
}
