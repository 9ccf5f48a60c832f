//! A JACK client that sends MIDI.

use std::sync::{Arc, Mutex, PoisonError};

use crate::jackd::{Jackd, open_client};
use crate::session::until;

type Messages = Arc<Mutex<Vec<Vec<u8>>>>;

/// The client, `keyboard:out`.
pub struct Keyboard {
    client: jack::AsyncClient<(), Fingers>,
    waiting: Messages,
}

struct Fingers {
    port: jack::Port<jack::MidiOut>,
    waiting: Messages,
}

impl Keyboard {
    /// A client with one port.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn open(server: &Jackd) -> Self {
        let client = open_client("keyboard", server.name()).expect("the server takes a client");
        let port = client.register_port("out", jack::MidiOut::default());
        let waiting = Messages::default();
        let fingers = Fingers {
            port: port.expect("the server takes its port"),
            waiting: waiting.clone(),
        };
        let client = client.activate_async((), fingers).expect("it activates");
        Self { client, waiting }
    }

    /// Full names of what hears it.
    pub fn heard_by(&self) -> Vec<String> {
        let port = self.client.as_client().port_by_name("keyboard:out");
        port.map(|p| p.get_connections()).unwrap_or_default()
    }

    /// Has `port`, by its full name, hear it.
    ///
    /// # Panics
    /// When the server refuses that.
    pub fn connect(&self, port: &str) {
        let client = self.client.as_client();
        let made = client.connect_ports_by_name("keyboard:out", port);
        made.expect("the server connects them");
    }

    /// Waits until somebody hears it.
    pub fn wait_heard(&self) {
        until("somebody hears it", || !self.heard_by().is_empty());
    }

    /// Sends messages, all in one cycle.
    pub fn send(&self, messages: &[&[u8]]) {
        let messages = messages.iter().map(|m| m.to_vec());
        self.lock().extend(messages);
        until("they are sent", || self.lock().is_empty());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl jack::ProcessHandler for Fingers {
    fn process(&mut self, _: &jack::Client, scope: &jack::ProcessScope) -> jack::Control {
        let mut writer = self.port.writer(scope);
        if let Ok(mut waiting) = self.waiting.try_lock() {
            for bytes in waiting.drain(..) {
                let message = jack::RawMidi {
                    time: 0,
                    bytes: &bytes,
                };
                writer.write(&message).expect("there is room");
            }
        }
        jack::Control::Continue
    }
}
