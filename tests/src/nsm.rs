//! A session manager of a test's own: the server's side of NSM, for one client.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use rosc::{OscMessage, OscPacket, OscType, decoder, encoder};

use crate::program::LONG;

/// A manager that has one client.
pub struct Manager {
    socket: UdpSocket,
    client: Option<SocketAddr>,
    /// Messages that came while another one was waited for.
    seen: Vec<OscMessage>,
}

/// The answer to a request: the sentence, or code and sentence.
pub type Answer = Result<String, (i32, String)>;

impl Default for Manager {
    fn default() -> Self {
        Self::new()
    }
}

impl Manager {
    /// A manager on a port of its own.
    ///
    /// # Panics
    /// When there is none to be had.
    pub fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let timeout = Some(Duration::from_millis(20));
        socket.set_read_timeout(timeout).expect("a time-out");
        Self {
            socket,
            client: None,
            seen: Vec::new(),
        }
    }

    /// What its clients find in `NSM_URL`.
    ///
    /// # Panics
    /// Never, with a socket that is bound.
    pub fn url(&self) -> String {
        format!("osc.udp://{}/", self.socket.local_addr().expect("bound"))
    }

    /// Waits for a client's announcement and takes it; returns its arguments.
    ///
    /// # Panics
    /// When none comes.
    pub fn welcome(&mut self) -> Vec<OscType> {
        let announced = self.wait("/nsm/server/announce");
        self.send(
            "/reply",
            vec![
                "/nsm/server/announce".into(),
                "welcome".into(),
                "test manager".into(),
                ":server_control:".into(),
            ],
        );
        announced.args
    }

    /// Has the client open a session, and waits for its answer.
    pub fn open(&mut self, path: &Path, client_id: &str) -> Answer {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        self.send(
            "/nsm/client/open",
            vec![
                path.to_string_lossy().as_ref().into(),
                name.as_ref().into(),
                client_id.into(),
            ],
        );
        self.answer("/nsm/client/open")
    }

    /// Has the client save, and waits for its answer.
    pub fn save(&mut self) -> Answer {
        self.send("/nsm/client/save", Vec::new());
        self.answer("/nsm/client/save")
    }

    /// Waits for a message to this path, which may have come already. Those that came before it are
    /// forgotten.
    ///
    /// # Panics
    /// When none comes.
    pub fn wait(&mut self, path: &str) -> OscMessage {
        self.wait_for(path, |m| m.addr == path)
    }

    /// Whether a message to this path comes, or came, within `time`.
    pub fn comes(&mut self, path: &str, time: Duration) -> bool {
        let limit = Instant::now() + time;
        while Instant::now() < limit {
            self.receive();
        }
        self.seen.iter().any(|m| m.addr == path)
    }

    fn answer(&mut self, to: &str) -> Answer {
        let is_to = |m: &OscMessage| {
            let path = m.args.first().cloned().and_then(OscType::string);
            matches!(m.addr.as_str(), "/reply" | "/error") && path.as_deref() == Some(to)
        };
        let message = self.wait_for(to, is_to);
        let mut args = message.args.into_iter().skip(1);
        match message.addr.as_str() {
            "/reply" => Ok(args.next().and_then(OscType::string).unwrap_or_default()),
            _ => {
                let code = args.next().and_then(OscType::int).unwrap_or_default();
                let why = args.next().and_then(OscType::string).unwrap_or_default();
                Err((code, why))
            }
        }
    }

    fn wait_for(&mut self, what: &str, wanted: impl Fn(&OscMessage) -> bool) -> OscMessage {
        let limit = Instant::now() + LONG;
        loop {
            if let Some(at) = self.seen.iter().position(&wanted) {
                return self.seen.drain(..=at).next_back().expect("it is there");
            }
            assert!(Instant::now() < limit, "no {what} in {:#?}", self.seen);
            self.receive();
        }
    }

    fn receive(&mut self) {
        let mut bytes = [0; 4096];
        let Ok((length, from)) = self.socket.recv_from(&mut bytes) else {
            return;
        };
        self.client = Some(from);
        if let Ok((_, OscPacket::Message(message))) = decoder::decode_udp(&bytes[..length]) {
            self.seen.push(message);
        }
    }

    fn send(&self, path: &str, args: Vec<OscType>) {
        let message = OscPacket::Message(OscMessage {
            addr: path.to_owned(),
            args,
        });
        let bytes = encoder::encode(&message).expect("a message");
        let client = self.client.expect("a client");
        self.socket.send_to(&bytes, client).expect("a way");
    }
}
