//! What a service manager is told: datagrams on `$NOTIFY_SOCKET`, as `sd_notify(3)` describes them.
//! Never waits: a manager that doesn't read loses what it would have been told.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Environment variables by name.
type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The way to a service manager.
#[derive(Debug)]
pub struct Notifier {
    socket: UnixDatagram,
    manager: SocketAddr,
}

/// How often the manager wants to hear that all is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watchdog {
    /// Without a word for so long, the manager ends the process.
    pub limit: Duration,
}

impl Notifier {
    /// The way to the manager that `$NOTIFY_SOCKET` names; `None` where there is none.
    ///
    /// # Errors
    /// The name is no socket's, or the system gives no socket.
    pub fn from_environment(env: Environment<'_>) -> io::Result<Option<Self>> {
        let Some(name) = env("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let manager = address(&name)?;
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Some(Self { socket, manager }))
    }

    /// Everything is ready.
    pub fn ready(&self) {
        self.send("READY=1");
    }

    /// One line for people.
    pub fn status(&self, line: &str) {
        let line: String = line
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        self.send(&format!("STATUS={line}"));
    }

    /// The configuration is being read again; [`ready`](Self::ready) says when that is over.
    pub fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// It is about to end.
    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// All is well.
    pub fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    fn send(&self, text: &str) {
        // A manager that is gone, or doesn't read, is no reason not to play.
        let _ = self.socket.send_to_addr(text.as_bytes(), &self.manager);
    }
}

/// A path, or after `@` a name in the abstract namespace.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(name),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "NOTIFY_SOCKET is neither a path nor an abstract name",
        )),
    }
}

impl Watchdog {
    /// What `$WATCHDOG_USEC` says, where it is meant for this process (`$WATCHDOG_PID`).
    pub fn from_environment(env: Environment<'_>) -> Option<Self> {
        let number = |name| env(name)?.to_str()?.parse::<u64>().ok();
        let for_us = match env("WATCHDOG_PID") {
            Some(_) => number("WATCHDOG_PID") == Some(std::process::id().into()),
            None => true,
        };
        let micros = number("WATCHDOG_USEC").filter(|micros| for_us && *micros > 0)?;
        Some(Self {
            limit: Duration::from_micros(micros),
        })
    }

    /// How long to wait between two signs of life: a third of what would be too long.
    pub fn pace(self) -> Duration {
        self.limit / 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 512];
        let n = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..n]).into_owned()
    }

    fn notifier(name: &OsStr) -> Notifier {
        let found = Notifier::from_environment(&|key| {
            assert_eq!(key, "NOTIFY_SOCKET");
            Some(name.to_owned())
        });
        found.unwrap().unwrap()
    }

    #[test]
    fn a_manager_at_a_path_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let notifier = notifier(path.as_os_str());
        notifier.ready();
        notifier.status("playing `a\nb`");
        notifier.alive();
        notifier.stopping();
        assert_eq!(receive(&manager), "READY=1");
        assert_eq!(receive(&manager), "STATUS=playing `a b`");
        assert_eq!(receive(&manager), "WATCHDOG=1");
        assert_eq!(receive(&manager), "STOPPING=1");
        // Nobody is left to hear it, and nothing comes of that.
        drop(manager);
        notifier.ready();
    }

    #[test]
    fn a_manager_with_an_abstract_name_is_told_and_a_reload_has_its_time() {
        let name = format!("backline-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        notifier(OsStr::new(&format!("@{name}"))).reloading();
        let said = receive(&manager);
        let micros = said.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(micros.parse::<u64>().unwrap() > 0, "{said}");
    }

    #[test]
    fn without_a_manager_nobody_is_told_and_a_wrong_name_is_an_error() {
        assert!(Notifier::from_environment(&|_| None).unwrap().is_none());
        let empty = Notifier::from_environment(&|_| Some(OsString::new()));
        assert!(empty.unwrap().is_none());
        Notifier::from_environment(&|_| Some("vsock:2:1".into())).unwrap_err();
    }

    #[test]
    fn a_manager_that_does_not_read_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let _manager = UnixDatagram::bind(&path).unwrap();
        let notifier = notifier(path.as_os_str());
        for _ in 0..100_000 {
            notifier.alive();
        }
    }

    #[test]
    fn a_watchdog_is_only_for_the_process_it_names() {
        let with = |usec: &'static str, pid: Option<String>| {
            Watchdog::from_environment(&move |key| match key {
                "WATCHDOG_USEC" => Some(usec.into()),
                _ => pid.clone().map(OsString::from),
            })
        };
        let own = std::process::id();
        let ten = Watchdog {
            limit: Duration::from_secs(10),
        };
        assert_eq!(with("10000000", None), Some(ten));
        assert_eq!(with("10000000", Some(own.to_string())), Some(ten));
        assert_eq!(with("10000000", Some((own + 1).to_string())), None);
        assert_eq!(with("10000000", Some("x".into())), None);
        assert_eq!(with("0", None), None);
        assert_eq!(with("x", None), None);
        assert_eq!(ten.pace(), Duration::from_secs(10) / 3);
    }
}
