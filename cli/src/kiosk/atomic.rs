//! Files that are either the old ones or the new ones, whenever somebody reads them or the power
//! goes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes a file beside `path`, and puts it in its place. With `durable` it is on the disk before
/// that; without, a power cut may lose it, but never leave half of it in a running system.
///
/// # Errors
/// Those of the system; `path` is as it was.
pub fn write_atomically(path: &Path, text: &[u8], durable: bool) -> io::Result<()> {
    let beside = beside(path)?;
    let written = (|| {
        let mut file = File::create(&beside)?;
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
