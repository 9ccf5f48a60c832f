//! `--start-server`: a JACK server is started, and keeps out of our output.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use backend_jack::{Kept, Server};
use engine_core::backend::BackendError;
use rustix::stdio;

/// Starts a server; what it says goes nowhere. It would have our standard output and error for its
/// whole life: its lines would stand between the status's, and a reader of ours would wait for its end.
pub(super) fn start_server(server: Option<&str>) -> Result<(Kept, Server), BackendError> {
    let _elsewhere = Elsewhere::new();
    backend_jack::start_server(server)
}

/// Standard output and error lead nowhere as long as this is there.
struct Elsewhere {
    out: Option<OwnedFd>,
    err: Option<OwnedFd>,
}

impl Elsewhere {
    fn new() -> Self {
        let Ok(nowhere) = File::options().write(true).open("/dev/null") else {
            return Self {
                out: None,
                err: None,
            };
        };
        let own = |fd: std::os::fd::BorrowedFd<'_>| fd.try_clone_to_owned().ok();
        let out = own(std::io::stdout().as_fd()).filter(|_| stdio::dup2_stdout(&nowhere).is_ok());
        let err = own(std::io::stderr().as_fd()).filter(|_| stdio::dup2_stderr(&nowhere).is_ok());
        Self { out, err }
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        if let Some(out) = &self.out {
            let _ = stdio::dup2_stdout(out);
        }
        if let Some(err) = &self.err {
            let _ = stdio::dup2_stderr(err);
        }
    }
}
