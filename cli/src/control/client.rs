//! The other end of the socket: what `backline ctl` does.

use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::{Request, Verb};
use crate::exit::{Code, Failure};

/// Longest line that is taken, bytes: a state with every track there may be.
const LONGEST: u64 = 1 << 20;

/// A connection to a session.
pub struct Connection {
    stream: BufReader<UnixStream>,
    path: PathBuf,
}

/// A line of the session.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// As it came, without its end.
    pub line: String,
    /// What it says.
    pub body: Value,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Code 69: nobody listens there.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        match UnixStream::connect(path) {
            Ok(stream) => Ok(Self {
                stream: BufReader::new(stream),
                path: path.to_owned(),
            }),
            Err(e) => {
                let why = match e.kind() {
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                        "no session listens there".to_owned()
                    }
                    _ => e.to_string(),
                };
                let message = format!("{}: {why}", path.display());
                Err(Failure::new(Code::Unavailable, message))
            }
        }
    }

    fn lost(&self, why: impl std::fmt::Display) -> Failure {
        Failure::new(Code::Unavailable, format!("{}: {why}", self.path.display()))
    }

    /// Asks for something.
    ///
    /// # Errors
    /// Code 69: the session is gone.
    pub fn send(&mut self, verb: &Verb) -> Result<(), Failure> {
        let line = Request::line(None, verb);
        let sent = self.stream.get_mut().write_all(line.as_bytes());
        sent.map_err(|e| self.lost(e))
    }

    /// The next line; `None` when there will be no more, or none came in `patience`.
    ///
    /// # Errors
    /// Code 69: the session is gone, or didn't answer in time.
    pub fn next(&mut self, patience: Option<Duration>) -> Result<Option<Reply>, Failure> {
        let set = self.stream.get_ref().set_read_timeout(patience);
        set.map_err(|e| self.lost(e))?;
        let mut line = Vec::new();
        let mut bounded = (&mut self.stream).take(LONGEST);
        match bounded.read_until(b'\n', &mut line) {
            Ok(_) if !line.ends_with(b"\n") => Ok(None),
            Ok(_) => {
                line.pop();
                let line = String::from_utf8_lossy(&line).into_owned();
                match serde_json::from_str(&line) {
                    Ok(body) => Ok(Some(Reply { line, body })),
                    Err(_) => Err(self.lost("what listens there is no session of backline")),
                }
            }
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) =>
            {
                Err(self.lost("the session doesn't answer"))
            }
            Err(e) => Err(self.lost(e)),
        }
    }
}
