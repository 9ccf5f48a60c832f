//! Files that are either the old ones or the new ones, whenever somebody reads them or the power
//! goes.

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::{Path, PathBuf};

/// Writes a file beside `path`, and puts it in its place. With `durable` it is on the disk before
/// that; without, a power cut may lose it, but never leave half of it in a running system.
///
/// # Errors
/// Those of the system; `path` is as it was.
pub fn write_atomically(path: &Path, text: &[u8], durable: bool) -> io::Result<()> {
    write(path, text, durable, None)
}

/// Writes a file anew, so that it is on the disk when this returns. A link stays one and leads to the new file, whose mode is
/// the old one's, and its owner too where the system allows it. A file that may not be written to is not replaced.
///
/// # Errors
/// Those of the system; `path` is as it was.
pub(crate) fn rewrite(path: &Path, text: &[u8]) -> io::Result<()> {
    let target = match fs::canonicalize(path) {
        Ok(target) => target,
        Err(e) if e.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(e) => return Err(e),
    };
    let old = match File::options().write(true).open(&target) {
        Ok(file) => Some(file.metadata()?),
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => return Err(e),
    };
    write(&target, text, true, old.as_ref())
}

fn write(path: &Path, text: &[u8], durable: bool, like: Option<&Metadata>) -> io::Result<()> {
    let beside = beside(path)?;
    let written = (|| {
        let mut file = File::create(&beside)?;
        if let Some(like) = like {
            // Whose it is only root may choose; without that it is ours.
            let _ = fchown(&file, Some(like.uid()), Some(like.gid()));
            file.set_permissions(like.permissions())?;
        }
        file.write_all(text)?;
        if durable {
            file.sync_all()?;
        }
        fs::rename(&beside, path)
    })();
    if written.is_err() {
        // What can't be removed is written over the next time.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Hidden, so that nobody takes it for one of the files that are read.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it names no file"))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".new");
    Ok(path.with_file_name(hidden))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        for (text, durable) in [("one", true), ("two", false)] {
            write_atomically(&path, text.as_bytes(), durable).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_written_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        // A folder can't be replaced by a file.
        let path = folder.path().join("state");
        fs::create_dir(&path).unwrap();
        write_atomically(&path, b"x", true).unwrap_err();
        assert!(path.is_dir());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        write_atomically(Path::new("/"), b"x", false).unwrap_err();
    }
}
