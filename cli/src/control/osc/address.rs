//! Where OSC is served.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::str::FromStr;

use serde::Serialize;

use crate::exit::{Code, Failure};
use crate::units::UnitError;

/// Where OSC is served: `ADDRESS:PORT`, or `PORT` of the loopback; or `none`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub enum OscAddress {
    /// Nowhere, whatever the configuration says.
    None,
    /// There. The host is a name or an address, the latter with brackets if it is IPv6.
    At {
        /// Host.
        host: String,
        /// Port, not 0.
        port: u16,
    },
}

impl FromStr for OscAddress {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || UnitError::new("a port such as 9000, ADDRESS:PORT or none", text);
        if text == "none" {
            return Ok(Self::None);
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, port),
            None => ("127.0.0.1", text),
        };
        let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        let port = port.parse().ok().filter(|port| digits && *port != 0);
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let sound = match bare {
            Some(six) => six.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && !host.contains([':', '[', ']', ' ', '/']),
        };
        match port {
            Some(port) if sound => Ok(Self::At {
                host: host.to_owned(),
                port,
            }),
            _ => Err(error()),
        }
    }
}

impl fmt::Display for OscAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::At { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

impl From<OscAddress> for String {
    fn from(address: OscAddress) -> Self {
        address.to_string()
    }
}

/// A socket to serve OSC at.
pub struct OscSocket(pub(super) UdpSocket);

impl OscSocket {
    /// Takes the address, unless it is `none`.
    ///
    /// # Errors
    /// Code 69: it is taken, or none of this machine's.
    pub fn open(address: &OscAddress) -> Result<Option<Self>, Failure> {
        let OscAddress::At { host, port } = address else {
            return Ok(None);
        };
        let failure = |why: &dyn fmt::Display| {
            Failure::new(Code::Unavailable, format!("OSC at {address}: {why}"))
        };
        let mut found: Vec<SocketAddr> =
            match (host.trim_matches(['[', ']']), *port).to_socket_addrs() {
                Ok(found) => found.collect(),
                Err(_) => return Err(failure(&format_args!("there is no host `{host}`"))),
            };
        // `localhost` may be both, and programs send to IPv4.
        found.sort_by_key(SocketAddr::is_ipv6);
        let at = found
            .first()
            .copied()
            .unwrap_or((Ipv4Addr::LOCALHOST, *port).into());
        let bound = UdpSocket::bind(at).and_then(|socket| {
            socket.set_nonblocking(true)?;
            Ok(socket)
        });
        match bound {
            Ok(socket) => Ok(Some(Self(socket))),
            Err(e) => Err(match e.kind() {
                io::ErrorKind::AddrInUse => failure(&"another program listens there")
                    .hint("give another port, or end the other program"),
                io::ErrorKind::AddrNotAvailable => failure(&"that is no address of this machine"),
                io::ErrorKind::PermissionDenied => failure(&"permission denied")
                    .hint("ports below 1024 are for root; take another one"),
                _ => failure(&e),
            }),
        }
    }

    /// Where it is.
    ///
    /// # Errors
    /// The system doesn't say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}
