//! The way to a session manager: announce, requests in, replies out.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rosc::{OscMessage, OscPacket, OscType, decoder, encoder};

/// How long a manager may take to answer the announcement.
const ANSWER: Duration = Duration::from_secs(5);
/// How often the listener looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(500);
/// Longest datagram.
const LONGEST: usize = 65_536;
/// What we can do for a manager.
const CAPABILITIES: &str = ":switch:dirty:message:";

const ANNOUNCE: &str = "/nsm/server/announce";
const OPEN: &str = "/nsm/client/open";
const SAVE: &str = "/nsm/client/save";

/// Why there is no session manager.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NsmError {
    /// The address is none. Correct `$NSM_URL`, or unset it.
    #[error(
        "NSM_URL is `{0}`, which is no address like osc.udp://localhost:17000/; unset it to play without a session manager"
    )]
    Url(String),
    /// Nothing can be sent there.
    #[error("the session manager at {0} can't be reached: {1}")]
    Unreachable(String, io::Error),
    /// It says nothing. Is it still running?
    #[error("the session manager at {0} does not answer; unset NSM_URL to play without it")]
    Silent(String),
    /// It doesn't want us.
    #[error("the session manager at {0} refuses: {1}")]
    Refused(String, String),
}

/// What a manager asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Open a session, in place of the one that is open.
    Open {
        /// Where the session's files belong: a folder of this name, which need not exist.
        path: PathBuf,
        /// Name of the session for people.
        display: String,
        /// Name of our JACK client.
        client_id: String,
    },
    /// Write the session.
    Save,
}

/// What a reply belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ticket {
    /// An [`Request::Open`].
    Open,
    /// A [`Request::Save`].
    Save,
}

impl Ticket {
    fn path(self) -> &'static str {
        match self {
            Self::Open => OPEN,
            Self::Save => SAVE,
        }
    }
}

/// Why a request is not done, as the protocol counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Anything else.
    General = -1,
    /// A file of the session is missing.
    NoSuchFile = -5,
    /// There is no session yet.
    NoSession = -6,
    /// Not at this moment.
    NotNow = -8,
    /// The session's files are no session of ours.
    BadProject = -9,
    /// The session's folder can't be written.
    CreateFailed = -10,
}

/// A client that a manager knows.
pub struct Link {
    wire: Arc<Wire>,
    /// What the manager calls itself.
    pub manager: String,
}

struct Wire {
    socket: UdpSocket,
    server: SocketAddr,
    over: AtomicBool,
}

impl Link {
    /// Announces us to the manager at `url` as `name`, started as `executable`, and waits for its
    /// answer. Its requests go to `sink` from then on, on a thread of their own.
    ///
    /// # Errors
    /// See [`NsmError`].
    pub fn join(
        url: &str,
        name: &str,
        executable: &str,
        sink: impl Fn(Request) + Send + 'static,
    ) -> Result<Self, NsmError> {
        let unreachable = |e| NsmError::Unreachable(url.to_owned(), e);
        let server = address(url)?;
        let ours: SocketAddr = match server.ip() {
            // Nobody else on the network can talk to us.
            ip if ip.is_loopback() && ip.is_ipv4() => (Ipv4Addr::LOCALHOST, 0).into(),
            ip if ip.is_loopback() => (Ipv6Addr::LOCALHOST, 0).into(),
            ip if ip.is_ipv4() => (Ipv4Addr::UNSPECIFIED, 0).into(),
            _ => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(ours).map_err(unreachable)?;
        socket.set_read_timeout(Some(LOOK)).map_err(unreachable)?;
        let wire = Arc::new(Wire {
            socket,
            server,
            over: AtomicBool::new(false),
        });
        let (answer, answered) = mpsc::channel();
        let listener = wire.clone();
        thread::Builder::new()
            .name("session-manager".into())
            .spawn(move || listener.listen(&answer, &sink))
            .map_err(unreachable)?;
        let mut link = Self {
            wire,
            manager: String::new(),
        };
        let pid = std::process::id().cast_signed();
        let announced = link.wire.send(
            ANNOUNCE,
            vec![
                name.into(),
                CAPABILITIES.into(),
                executable.into(),
                1.into(),
                1.into(),
                pid.into(),
            ],
        );
        announced.map_err(unreachable)?;
        match answered.recv_timeout(ANSWER) {
            Ok(Ok(manager)) => {
                link.manager = manager;
                Ok(link)
            }
            Ok(Err(why)) => Err(NsmError::Refused(url.to_owned(), why)),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                Err(NsmError::Silent(url.to_owned()))
            }
        }
    }

    /// It is done.
    pub fn reply(&self, to: Ticket, message: &str) {
        self.tell("/reply", vec![to.path().into(), message.into()]);
    }

    /// It can't be done.
    pub fn refuse(&self, to: Ticket, why: Refusal, message: &str) {
        let args = vec![to.path().into(), (why as i32).into(), message.into()];
        self.tell("/error", args);
    }

    /// Whether there is something that a save would write.
    pub fn dirty(&self, dirty: bool) {
        let path = match dirty {
            true => "/nsm/client/is_dirty",
            false => "/nsm/client/is_clean",
        };
        self.tell(path, Vec::new());
    }

    /// A sentence for the user, which the manager shows. Priority 0 (low) to 3.
    pub fn message(&self, priority: i32, message: &str) {
        let args = vec![priority.into(), message.into()];
        self.tell("/nsm/client/message", args);
    }

    fn tell(&self, path: &str, args: Vec<OscType>) {
        // A manager that is gone needs nothing.
        let _ = self.wire.send(path, args);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.wire.over.store(true, Ordering::Relaxed);
    }
}

impl Wire {
    fn send(&self, path: &str, args: Vec<OscType>) -> io::Result<()> {
        let message = OscMessage {
            addr: path.to_owned(),
            args,
        };
        let bytes = encoder::encode(&OscPacket::Message(message))
            .map_err(|e| io::Error::other(format!("{e:?}")))?;
        self.socket.send_to(&bytes, self.server).map(drop)
    }

    fn listen(&self, answer: &mpsc::Sender<Result<String, String>>, sink: &impl Fn(Request)) {
        let mut buffer = vec![0; LONGEST];
        while !self.over.load(Ordering::Relaxed) {
            // Interrupted, timed out, or refused by a manager that is gone: look again.
            let Ok((length, from)) = self.socket.recv_from(&mut buffer) else {
                continue;
            };
            if !is_from(self.server, from) {
                continue;
            }
            let Some(Ok((_, packet))) = buffer.get(..length).map(decoder::decode_udp) else {
                continue;
            };
            each_message(packet, &mut |message| match incoming(&message) {
                Some(Incoming::Answer(result)) => {
                    let _ = answer.send(result);
                }
                Some(Incoming::Request(request)) => sink(request),
                None => {}
            });
        }
    }
}

/// Whether what came `from` there is the manager's. One that is called by the host's name (127.0.1.1) answers from another of
/// this machine's own addresses; no other machine can have one of those.
fn is_from(manager: SocketAddr, from: SocketAddr) -> bool {
    let (manager_ip, ip) = (manager.ip().to_canonical(), from.ip().to_canonical());
    let same = manager_ip == ip || (manager_ip.is_loopback() && ip.is_loopback());
    same && manager.port() == from.port()
}

#[derive(Debug, PartialEq)]
enum Incoming {
    /// To the announcement: the manager's name, or why not.
    Answer(Result<String, String>),
    Request(Request),
}

fn incoming(message: &OscMessage) -> Option<Incoming> {
    let text = |at: usize| match message.args.get(at) {
        Some(OscType::String(text)) => Some(text.clone()),
        _ => None,
    };
    let announce = || text(0).is_some_and(|path| path == ANNOUNCE);
    match message.addr.as_str() {
        "/reply" if announce() => Some(Incoming::Answer(Ok(text(2).unwrap_or_default()))),
        "/error" if announce() => {
            let why = text(2).unwrap_or_else(|| "no reason given".to_owned());
            Some(Incoming::Answer(Err(why)))
        }
        OPEN => Some(Incoming::Request(Request::Open {
            path: text(0)?.into(),
            display: text(1)?,
            client_id: text(2)?,
        })),
        SAVE => Some(Incoming::Request(Request::Save)),
        // `session_is_loaded` and what other versions have need no answer.
        _ => None,
    }
}

fn each_message(packet: OscPacket, f: &mut impl FnMut(OscMessage)) {
    match packet {
        OscPacket::Message(message) => f(message),
        OscPacket::Bundle(bundle) => bundle.content.into_iter().for_each(|p| each_message(p, f)),
    }
}

/// The address in `osc.udp://HOST:PORT/`.
fn address(url: &str) -> Result<SocketAddr, NsmError> {
    let host_and_port = url
        .strip_prefix("osc.udp://")
        .map(|rest| rest.trim_end_matches('/'))
        .filter(|rest| !rest.is_empty())
        .ok_or_else(|| NsmError::Url(url.to_owned()))?;
    let mut found: Vec<SocketAddr> = match host_and_port.to_socket_addrs() {
        Ok(found) => found.collect(),
        Err(e) if e.kind() == io::ErrorKind::InvalidInput => {
            return Err(NsmError::Url(url.to_owned()));
        }
        Err(e) => return Err(NsmError::Unreachable(url.to_owned(), e)),
    };
    // `localhost` may be both, and managers listen to IPv4.
    found.sort_by_key(SocketAddr::is_ipv6);
    found
        .into_iter()
        .next()
        .ok_or_else(|| NsmError::Url(url.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let at = |url| address(url).unwrap().to_string();
        assert_eq!(at("osc.udp://127.0.0.1:17000/"), "127.0.0.1:17000");
        assert_eq!(at("osc.udp://127.0.0.1:17000"), "127.0.0.1:17000");
        assert_eq!(at("osc.udp://localhost:17000/"), "127.0.0.1:17000");
        assert_eq!(at("osc.udp://[::1]:17000/"), "[::1]:17000");
        for bad in [
            "",
            "17000",
            "osc.udp://",
            "osc.udp://localhost/",
            "osc.tcp://a:1/",
        ] {
            assert!(matches!(address(bad), Err(NsmError::Url(_))), "{bad}");
        }
    }

    fn message(addr: &str, args: Vec<OscType>) -> OscMessage {
        OscMessage {
            addr: addr.to_owned(),
            args,
        }
    }

    #[test]
    fn what_comes_in() {
        let open = message(
            OPEN,
            vec!["/s/x".into(), "Friday".into(), "backline.nABC".into()],
        );
        assert_eq!(
            incoming(&open),
            Some(Incoming::Request(Request::Open {
                path: "/s/x".into(),
                display: "Friday".into(),
                client_id: "backline.nABC".into()
            }))
        );
        let reply = message(
            "/reply",
            vec![ANNOUNCE.into(), "hi".into(), "nsmd".into(), ":x:".into()],
        );
        assert_eq!(incoming(&reply), Some(Incoming::Answer(Ok("nsmd".into()))));
        let error = message(
            "/error",
            vec![ANNOUNCE.into(), (-2).into(), "too old".into()],
        );
        assert_eq!(
            incoming(&error),
            Some(Incoming::Answer(Err("too old".into())))
        );
        // Of other things, or not as they should be.
        for other in [
            message("/reply", vec!["/nsm/server/list".into(), "a".into()]),
            message(OPEN, vec!["/s/x".into()]),
            message(OPEN, vec![1.into(), "a".into(), "b".into()]),
            message("/nsm/client/session_is_loaded", vec![]),
        ] {
            assert_eq!(incoming(&other), None, "{other:?}");
        }
    }

    #[test]
    fn only_the_manager_is_listened_to() {
        let is =
            |manager: &str, from: &str| is_from(manager.parse().unwrap(), from.parse().unwrap());
        assert!(is("192.0.2.7:17000", "192.0.2.7:17000"));
        assert!(is("127.0.1.1:17000", "127.0.0.1:17000"));
        assert!(is("[2001:db8::7]:17000", "[2001:db8::7]:17000"));
        assert!(!is("192.0.2.7:17000", "192.0.2.8:17000"), "another machine");
        assert!(!is("192.0.2.7:17000", "127.0.0.1:17000"));
        assert!(!is("127.0.0.1:17000", "192.0.2.7:17000"));
        assert!(!is("192.0.2.7:17000", "192.0.2.7:17001"), "another program");
    }

    /// An address of this machine that others can reach; without a network, one that only it can.
    fn own_address() -> std::net::IpAddr {
        let local = || {
            let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
            // Nothing is sent by this.
            socket.connect("192.0.2.1:9").ok()?;
            Some(socket.local_addr().ok()?.ip())
        };
        local().unwrap_or(Ipv4Addr::LOCALHOST.into())
    }

    #[test]
    fn a_manager_elsewhere_is_joined_and_somebody_else_with_its_port_is_not_heard() {
        let manager = UdpSocket::bind((own_address(), 0)).unwrap();
        manager.set_read_timeout(Some(ANSWER)).unwrap();
        let at = manager.local_addr().unwrap();
        // (Where there is no network, nobody can be elsewhere.)
        let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, at.port()));
        let other = other.ok().filter(|_| !at.ip().is_loopback());
        let (sink, requests) = mpsc::channel();
        let url = format!("osc.udp://{at}/");
        let joining = thread::spawn(move || {
            Link::join(&url, "backline", "backline", move |request| {
                let _ = sink.send(request);
            })
        });
        let (_, client) = manager.recv_from(&mut [0; 4096]).unwrap();
        let send = |from: &UdpSocket, message: OscMessage| {
            let bytes = encoder::encode(&OscPacket::Message(message)).unwrap();
            from.send_to(&bytes, client).unwrap();
        };
        let welcome = |who: &str| {
            let args = vec![ANNOUNCE.into(), "hi".into(), who.into(), "".into()];
            message("/reply", args)
        };
        let open = |path: &str| {
            let args = vec![path.into(), "x".into(), "backline.n".into()];
            message(OPEN, args)
        };
        if let Some(other) = &other {
            send(other, welcome("another"));
            send(other, open("/etc"));
        }
        send(&manager, welcome("nsmd"));
        send(&manager, open("/s/x"));
        let link = joining.join().unwrap().unwrap();
        assert_eq!(link.manager, "nsmd");
        let first = requests.recv_timeout(ANSWER).unwrap();
        assert!(matches!(first, Request::Open { path, .. } if path.as_os_str() == "/s/x"));
    }

    #[test]
    fn a_manager_that_is_not_there_is_said() {
        // A port that is taken by somebody who says nothing.
        let mute = UdpSocket::bind("127.0.0.1:0").unwrap();
        let url = format!("osc.udp://{}/", mute.local_addr().unwrap());
        let joined = Link::join(&url, "backline", "backline", |_| {});
        assert!(matches!(joined, Err(NsmError::Silent(_))));
    }
}
