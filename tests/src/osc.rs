//! A tablet of a test's own: sends OSC and hears what comes back.

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use backline::control::OscSocket;
use rosc::{OscMessage, OscPacket, OscType, decoder, encoder};

use crate::program::LONG;

/// A port that nobody has, for the moment.
///
/// # Panics
/// When there is none to be had.
pub fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.local_addr().expect("bound").port()
}

/// A socket to serve OSC at.
///
/// # Panics
/// When there is none to be had.
pub fn free_osc() -> OscSocket {
    // Another process may take the port in between.
    (0..100)
        .find_map(|_| OscSocket::open(&free_port().to_string().parse().ok()?).ok()?)
        .expect("a socket")
}

/// A client.
pub struct Tablet {
    socket: UdpSocket,
    seen: VecDeque<OscMessage>,
}

impl Tablet {
    /// A client of the session at `at`.
    ///
    /// # Panics
    /// When there is no socket to be had.
    pub fn new(at: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.connect(at).expect("a way");
        Self {
            socket,
            seen: VecDeque::new(),
        }
    }

    /// Its own port.
    ///
    /// # Panics
    /// Never, with a socket that is bound.
    pub fn port(&self) -> u16 {
        self.socket.local_addr().expect("bound").port()
    }

    /// Sends a message.
    ///
    /// # Panics
    /// When it can't be written.
    pub fn send(&self, address: &str, args: Vec<OscType>) {
        let message = OscMessage {
            addr: address.to_owned(),
            args,
        };
        self.raw(&encoder::encode(&OscPacket::Message(message)).expect("a message"));
    }

    /// Sends any bytes.
    pub fn raw(&self, bytes: &[u8]) {
        // Nobody may be there.
        let _ = self.socket.send(bytes);
    }

    /// The next message, if one comes in that time.
    pub fn next_within(&mut self, patience: Duration) -> Option<OscMessage> {
        if let Some(message) = self.seen.pop_front() {
            return Some(message);
        }
        self.socket.set_read_timeout(Some(patience)).ok()?;
        let mut room = vec![0; 65_536];
        let length = self.socket.recv(&mut room).ok()?;
        let (_, packet) = decoder::decode_udp(&room[..length]).ok()?;
        unpack(packet, &mut self.seen);
        self.seen.pop_front()
    }

    /// The next message.
    ///
    /// # Panics
    /// When none comes.
    pub fn next(&mut self, what: &str) -> OscMessage {
        self.next_within(LONG)
            .unwrap_or_else(|| panic!("no {what}"))
    }

    /// The next message of that address.
    ///
    /// # Panics
    /// When none comes.
    pub fn wait(&mut self, address: &str) -> Vec<OscType> {
        loop {
            let message = self.next(address);
            if message.addr == address {
                return message.args;
            }
        }
    }
}

fn unpack(packet: OscPacket, to: &mut VecDeque<OscMessage>) {
    match packet {
        OscPacket::Message(message) => to.push_back(message),
        OscPacket::Bundle(bundle) => {
            for packet in bundle.content {
                unpack(packet, to);
            }
        }
    }
}
