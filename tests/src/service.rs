//! A service manager as a service sees it: a socket on which it hears of it.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// Hears what a service says.
pub struct Manager {
    address: String,
    heard: Receiver<(Instant, String)>,
    all: Vec<(Instant, String)>,
}

impl Manager {
    /// One with a socket in `folder`.
    ///
    /// # Panics
    /// When the system gives none.
    pub fn new(folder: &Path) -> Self {
        let path = folder.join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        Self::with(socket, path.display().to_string())
    }

    /// One whose socket has a name that is in no folder.
    ///
    /// # Panics
    /// When the system gives none.
    pub fn without_a_path() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("backline-tests-{}-{number}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let socket = UnixDatagram::bind_addr(&address).expect("a socket");
        Self::with(socket, format!("@{name}"))
    }

    fn with(socket: UnixDatagram, address: String) -> Self {
        let (sender, heard) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n) = socket.recv(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..n]).into_owned();
                if sender.send((Instant::now(), text)).is_err() {
                    break;
                }
            }
        });
        Self {
            address,
            heard,
            all: Vec::new(),
        }
    }

    /// What `NOTIFY_SOCKET` is to be.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Has this manager run `command`, with a watchdog of so many milliseconds.
    pub fn runs<'a>(&self, command: &'a mut Command, watchdog_ms: u64) -> &'a mut Command {
        command
            .env("NOTIFY_SOCKET", &self.address)
            .env("WATCHDOG_USEC", (watchdog_ms * 1000).to_string())
    }

    /// Waits until something is said that `wanted` accepts, from now on.
    ///
    /// # Panics
    /// When that takes a minute.
    pub fn wait_for(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.heard.recv_timeout(left) {
                Ok((at, text)) => {
                    self.all.push((at, text.clone()));
                    if wanted(&text) {
                        return text;
                    }
                }
                Err(_) => panic!("nothing was said of {what}; all there was: {:#?}", self.all),
            }
        }
    }

    /// All that was said within `time` from now on.
    pub fn listen(&mut self, time: Duration) -> Vec<String> {
        let deadline = Instant::now() + time;
        let mut said = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.heard.recv_timeout(left) {
                Ok((at, text)) => {
                    said.push(text.clone());
                    self.all.push((at, text));
                }
                Err(_) => return said,
            }
        }
    }

    /// Forgets what was said and not listened to.
    pub fn forget(&mut self) {
        while let Ok(heard) = self.heard.try_recv() {
            self.all.push(heard);
        }
    }
}
