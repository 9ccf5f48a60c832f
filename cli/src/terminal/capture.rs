//! Standard error, while a screen of ours is on the terminal: what libraries print there would stand
//! in the middle of it, so it comes here.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::thread;

use rustix::stdio::dup2_stderr;

/// Bytes of a line that are kept.
const LINE: u64 = 1000;

/// Standard error as it was, as long as it leads to us.
static ELSEWHERE: Mutex<Option<OwnedFd>> = Mutex::new(None);

/// Standard error leads to whom this was made for, until it is dropped or
/// [`restore`](super::restore)d.
pub struct Capture {
    pipe: io::PipeWriter,
}

impl Capture {
    /// Has every line that is written to standard error taken to `sink`, on a thread of its own.
    /// It doesn't begin before [`resume`](Self::resume).
    ///
    /// # Errors
    /// The system gave no pipe or no thread.
    pub fn new(sink: impl FnMut(String) + Send + 'static) -> io::Result<Self> {
        let (reader, pipe) = io::pipe()?;
        let watch = thread::Builder::new().name("stderr".into());
        // It ends when nobody is left who could write. A process that we started may be.
        watch.spawn(move || read(reader, sink))?;
        Ok(Self { pipe })
    }

    /// Takes standard error, unless it is ours already.
    pub fn resume(&self) {
        let mut elsewhere = ELSEWHERE.lock().unwrap_or_else(PoisonError::into_inner);
        if elsewhere.is_none()
            && let Ok(before) = io::stderr().as_fd().try_clone_to_owned()
            && dup2_stderr(&self.pipe).is_ok()
        {
            *elsewhere = Some(before);
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        release();
    }
}

/// Standard error is as it was again.
pub(super) fn release() {
    let mut elsewhere = ELSEWHERE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(before) = elsewhere.take() {
        // It only fails for descriptors that are none.
        let _ = dup2_stderr(&before);
    }
}

fn read(pipe: io::PipeReader, mut sink: impl FnMut(String)) {
    let mut lines = BufReader::new(File::from(OwnedFd::from(pipe)));
    let mut line = Vec::new();
    loop {
        line.clear();
        // A line without end comes in pieces.
        match io::BufRead::read_until(&mut Read::take(&mut lines, LINE), b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text = String::from_utf8_lossy(&line);
                let text = text.trim_end();
                if !text.is_empty() {
                    sink(text.to_owned());
                }
            }
        }
    }
}
