//! A port of the ALSA sequencer that MIDI comes in by. Whoever likes connects to it; one client, by its name, is connected
//! whenever it is there.

use std::ffi::CString;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, RawFd};

use alsa::Direction;
use alsa::poll::Descriptors as _;
use alsa::seq::{
    Addr, ClientIter, EvCtrl, EvNote, EventType, PortCap, PortIter, PortSubscribe, PortType, Seq,
};

/// Events that are read at a stretch.
const STRETCH: usize = 256;

/// Why there is no sequencer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequencerError(String);

impl fmt::Display for SequencerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SequencerError {}

/// A port for MIDI that comes in.
pub struct Sequencer {
    seq: Seq,
    port: i32,
    fd: RawFd,
    /// The client that is connected whenever it is there.
    from: Option<String>,
    /// Ports of it that are connected.
    connected: Vec<Addr>,
    news: Option<String>,
}

/// One message, as many bytes of it as count.
pub type Message = ([u8; 3], usize);

impl Sequencer {
    /// A client of that name with one port, `control`. With `from`, what the client of that name says is heard.
    ///
    /// # Errors
    /// The kernel has no sequencer, or it can't be opened.
    pub fn open(client: &str, from: Option<&str>) -> Result<Self, SequencerError> {
        let failed = |e: alsa::Error| SequencerError(e.to_string());
        let name = CString::new(client).unwrap_or_default();
        let chatter = crate::chatter::Chatter::collect();
        let seq = Seq::open(None, Some(Direction::Capture), true).map_err(|e| {
            SequencerError(std::io::Error::from_raw_os_error(e.errno()).to_string())
        })?;
        drop(chatter);
        seq.set_client_name(&name).map_err(failed)?;
        // Nothing else is delivered, whatever a client may send.
        for kind in [
            EventType::Noteon,
            EventType::Noteoff,
            EventType::Controller,
            EventType::Pgmchange,
            EventType::PortStart,
            EventType::PortExit,
        ] {
            seq.set_client_event_filter(kind as i32).map_err(failed)?;
        }
        let port = seq
            .create_simple_port(
                c"control",
                PortCap::WRITE | PortCap::SUBS_WRITE,
                PortType::MIDI_GENERIC | PortType::APPLICATION,
            )
            .map_err(failed)?;
        let fds = (&seq, Some(Direction::Capture)).get().map_err(failed)?;
        let fd = fds.first().map(|fd| fd.fd);
        let fd = fd.ok_or_else(|| SequencerError("it can't be waited for".into()))?;
        let mut this = Self {
            seq,
            port,
            fd,
            from: from.map(str::to_owned),
            connected: Vec::new(),
            news: None,
        };
        if this.from.is_some() {
            this.subscribe(Addr::system_announce()).map_err(failed)?;
            this.look_for_all();
            if this.connected.is_empty() {
                this.tell("is not there; it is heard once it is");
            }
        }
        Ok(this)
    }

    fn tell(&mut self, what: &str) {
        let from = self.from.as_deref().unwrap_or_default();
        self.news = Some(format!("MIDI: {from} {what}"));
    }

    fn subscribe(&self, sender: Addr) -> alsa::Result<()> {
        let subscription = PortSubscribe::empty()?;
        subscription.set_sender(sender);
        subscription.set_dest(Addr {
            client: self.seq.client_id()?,
            port: self.port,
        });
        self.seq.subscribe_port(&subscription)
    }

    fn look_for_all(&mut self) {
        let own = self.seq.client_id().unwrap_or(-1);
        let clients: Vec<i32> = ClientIter::new(&self.seq).map(|c| c.get_client()).collect();
        for client in clients.into_iter().filter(|client| *client != own) {
            let ports: Vec<Addr> = PortIter::new(&self.seq, client).map(|p| p.addr()).collect();
            for port in ports {
                self.look_at(port);
            }
        }
    }

    /// Connects a port if it is of the wanted client.
    fn look_at(&mut self, port: Addr) {
        let Some(from) = &self.from else { return };
        let client = self.seq.get_any_client_info(port.client);
        let wanted = client.is_ok_and(|c| c.get_name().is_ok_and(|name| name == from));
        let readable = PortCap::READ | PortCap::SUBS_READ;
        let info = self.seq.get_any_port_info(port);
        let readable = info.is_ok_and(|p| p.get_capability().contains(readable));
        if wanted && readable && !self.connected.contains(&port) && self.subscribe(port).is_ok() {
            self.connected.push(port);
            self.tell("is heard");
        }
    }

    /// Hands out the messages that have come: notes, controllers and program changes.
    pub fn read(&mut self, to: &mut dyn FnMut(Message)) {
        let mut come = Vec::new();
        let mut gone = Vec::new();
        {
            let mut input = self.seq.input();
            for _ in 0..STRETCH {
                // Nothing any more; or there was no room for all that came, and some is lost.
                let event = match input.event_input() {
                    Ok(event) => event,
                    Err(e) if e.errno() == libc::EAGAIN => break,
                    Err(_) => continue,
                };
                let seven = |n: u32| u8::try_from(n & 0x7f).unwrap_or(0);
                match event.get_type() {
                    kind @ (EventType::Noteon | EventType::Noteoff) => {
                        if let Some(note) = event.get_data::<EvNote>() {
                            let status = if kind == EventType::Noteon {
                                0x90
                            } else {
                                0x80
                            };
                            let channel = note.channel & 0x0f;
                            to((
                                [status | channel, note.note & 0x7f, note.velocity & 0x7f],
                                3,
                            ));
                        }
                    }
                    EventType::Controller => {
                        if let Some(c) = event.get_data::<EvCtrl>() {
                            let value = seven(c.value.clamp(0, 127).cast_unsigned());
                            to(([0xB0 | (c.channel & 0x0f), seven(c.param), value], 3));
                        }
                    }
                    EventType::Pgmchange => {
                        if let Some(c) = event.get_data::<EvCtrl>() {
                            let program = seven(c.value.clamp(0, 127).cast_unsigned());
                            to(([0xC0 | (c.channel & 0x0f), program, 0], 2));
                        }
                    }
                    EventType::PortStart => come.extend(event.get_data::<Addr>()),
                    EventType::PortExit => gone.extend(event.get_data::<Addr>()),
                    _ => {}
                }
            }
        }
        for port in gone {
            let before = self.connected.len();
            self.connected.retain(|other| *other != port);
            if self.connected.len() < before && self.connected.is_empty() {
                self.tell("is gone; it is heard again once it is back");
            }
        }
        for port in come {
            self.look_at(port);
        }
    }

    /// A sentence about the wanted client's going and coming, since the last time it was asked.
    pub fn news(&mut self) -> Option<String> {
        self.news.take()
    }
}

impl AsFd for Sequencer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: alsa-lib's sequencer keeps this file open until it is closed, which `seq` does when it is dropped.
        unsafe { BorrowedFd::borrow_raw(self.fd) }
    }
}
