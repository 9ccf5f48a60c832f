//! A file that holds the bytes of a case.

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use tempfile::NamedTempFile;

thread_local! {
    static FILE: RefCell<Option<NamedTempFile>> = const { RefCell::new(None) };
}

/// Lends a file with these bytes. In memory where that is to be had.
pub fn with_file<R>(bytes: &[u8], work: impl FnOnce(&Path) -> R) -> R {
    let file = FILE.take().unwrap_or_else(|| {
        let memory = Path::new("/dev/shm");
        NamedTempFile::new_in(memory)
            .or_else(|_| NamedTempFile::new())
            .expect("a temporary file")
    });
    fs::write(file.path(), bytes).expect("room for a case");
    let result = work(file.path());
    FILE.set(Some(file));
    result
}
