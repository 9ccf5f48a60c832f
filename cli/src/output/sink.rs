//! Where the bytes of an output go: a file that appears only when it is complete, or a stream.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, IsTerminal, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::OutputError;

/// Symbolic links followed, as in the kernel.
const MAX_LINKS: usize = 40;

/// Where bytes go.
pub(super) struct Sink {
    file: File,
    /// `None` for a stream.
    temporary: Option<Temporary>,
}

/// A file under a name of its own beside the target. Removed unless it becomes the target.
struct Temporary {
    path: PathBuf,
    target: PathBuf,
    /// It has become the target: the name is no longer ours to remove.
    renamed: bool,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // Nothing can be done about a file that can't be removed.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Sink {
    /// Opens `path`; `-` is standard output. A pipe, a FIFO or a device is written as it comes
    /// (a FIFO waits here for its reader); for anything else a temporary file is opened.
    pub(super) fn open(path: &Path) -> Result<Self, OutputError> {
        let err = |e| OutputError::from_io(path, e);
        if path.as_os_str() == "-" || path == Path::new("/dev/stdout") {
            // Not `io::stdout()`, which looks for line ends in everything.
            let file = File::from(io::stdout().as_fd().try_clone_to_owned().map_err(err)?);
            return Self::stream(file, path);
        }
        let replaced = match fs::metadata(path) {
            Ok(m) if m.is_dir() => return Err(OutputError::IsFolder(path.into())),
            Ok(m) if m.is_file() => Some(m),
            Ok(_) => {
                let file = OpenOptions::new().write(true).open(path).map_err(err)?;
                return Self::stream(file, path);
            }
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            Err(e) => return Err(err(e)),
        };
        if path.file_name().is_none() {
            return Err(OutputError::IsFolder(path.into()));
        }
        if replaced.is_some() {
            // A rename needs no right to the file itself, but a file made read-only is meant so.
            OpenOptions::new().write(true).open(path).map_err(err)?;
        }
        // The file is replaced, not a link to it.
        let target = followed(path);
        let (file, temporary) = create_beside(&target).map_err(err)?;
        if let Some(old) = replaced {
            // What was private stays so, from the first byte. The owner first: changing it takes
            // permission bits away. Only root can give files to others, and some file systems
            // know neither owners nor permissions; the output is as good without.
            let _ = fchown(&file, Some(old.uid()), Some(old.gid()));
            let _ = file.set_permissions(Permissions::from_mode(old.mode() & 0o777));
        }
        Ok(Self {
            file,
            temporary: Some(Temporary {
                path: temporary,
                target,
                renamed: false,
            }),
        })
    }

    fn stream(file: File, path: &Path) -> Result<Self, OutputError> {
        if file.is_terminal() {
            return Err(OutputError::Terminal(path.into()));
        }
        Ok(Self {
            file,
            temporary: None,
        })
    }

    /// Whether bytes go out as they come and can't be changed later.
    pub(super) fn is_stream(&self) -> bool {
        self.temporary.is_none()
    }

    /// Writes all of `bytes`.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Completes the output. A file gets `header` in the place of what was first written, is
    /// brought to the disk, and takes its name.
    pub(super) fn commit(mut self, header: &[u8]) -> io::Result<()> {
        let Some(mut temporary) = self.temporary.take() else {
            return Ok(());
        };
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(header)?;
        self.file.sync_all()?;
        fs::rename(&temporary.path, &temporary.target)?;
        temporary.renamed = true;
        // The name lasts through a power cut only when its folder is on the disk too. Not every
        // file system can do that, and the file is complete in any case.
        let _ = File::open(parent(&temporary.target)).and_then(|d| d.sync_all());
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn with_file(mut self, file: File) -> Self {
        self.file = file;
        self
    }

    #[cfg(test)]
    pub(super) fn skip(&mut self, bytes: u64) {
        self.file.seek_relative(bytes as i64).unwrap();
    }
}

/// What `path` is a link to, whether that exists or not.
fn followed(path: &Path) -> PathBuf {
    let mut path = path.to_path_buf();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            Ok(to) => path = parent(&path).join(to),
            Err(_) => break,
        }
    }
    path
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}

/// A new file in the folder of `target`, so that a rename can't cross file systems. The name is
/// short: one made from the target's could be too long.
fn create_beside(target: &Path) -> io::Result<(File, PathBuf)> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = parent(target).join(format!(".backline-{}-{n}.part", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((file, path)),
            // Left behind by a process that was killed and had our number.
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    }
}
