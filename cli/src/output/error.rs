//! Why an output can't be written, in words for the user.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Why an output can't be written. Nothing is left behind under the output's name; a file that
/// was there before is untouched. A program that ends because of one of these ends with 74
/// (input or output failed).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// Its folder is not there. Create it, or choose another.
    #[error("{}: can't be created: its folder is not there; create that first", .0.display())]
    NoFolder(PathBuf),
    /// It names a folder. Name a file in it.
    #[error("{}: is a folder; name a file in it", .0.display())]
    IsFolder(PathBuf),
    /// The file, its folder or its file system is closed to this user. Choose another place.
    #[error("{}: not permitted to write here; choose another place or change the permissions", .0.display())]
    NotPermitted(PathBuf),
    /// The disk, or this user's share of it, is full. Free some space or choose another disk.
    #[error("{}: the disk is full; free some space or write to another disk", .0.display())]
    Full(PathBuf),
    /// The file system or a limit of this process can't hold so big a file. Choose another.
    #[error("{}: the file has grown too big for this file system; write to another one", .0.display())]
    TooBig(PathBuf),
    /// The reader of a pipe, or of standard output, has gone. There is nobody to write for.
    #[error("{}: closed by its reader before the end", named(.0))]
    Closed(PathBuf),
    /// Audio would go to a terminal's screen. Name a file, or pipe it to a program.
    #[error("{}: audio can't be written to a terminal; name a file or use a pipe", named(.0))]
    Terminal(PathBuf),
    /// A WAV file can't have that many channels (1 to [`MAX_CHANNELS`](super::MAX_CHANNELS)).
    #[error("{}: {channels} channels can't be written, only 1 to {}", path.display(), super::MAX_CHANNELS)]
    Channels {
        /// The output.
        path: PathBuf,
        /// What was asked for.
        channels: usize,
    },
    /// Writing was gone on with after it had failed. A fault of the calling program.
    #[error("{}: given up after an earlier failure", .0.display())]
    Failed(PathBuf),
    /// The system said something else.
    #[error("{}: can't be written: {error}", named(path))]
    Other {
        /// The output.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl OutputError {
    /// Sorts what the system said about `path`.
    pub(super) fn from_io(path: &Path, error: io::Error) -> Self {
        let path = path.to_path_buf();
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Self::NoFolder(path),
            ErrorKind::IsADirectory => Self::IsFolder(path),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Self::NotPermitted(path),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full(path),
            ErrorKind::FileTooLarge => Self::TooBig(path),
            ErrorKind::BrokenPipe => Self::Closed(path),
            _ => Self::Other { path, error },
        }
    }
}

/// `-` as people call it.
fn named(path: &Path) -> String {
    if path.as_os_str() == "-" {
        "standard output".into()
    } else {
        path.display().to_string()
    }
}
