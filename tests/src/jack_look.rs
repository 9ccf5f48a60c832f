//! A client that looks at a server's ports and makes some, for tests of what others do there.

use std::ffi::{CStr, CString, c_char, c_int};

use jack::jack_sys;

use crate::jackd::{Jackd, open_client};

/// A client of its own, without a callback.
pub struct Look {
    client: jack::Client,
}

impl Look {
    /// A client called `name`.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn open(server: &Jackd, name: &str) -> Self {
        Self {
            client: open_client(name, server.name()).expect("the server takes a client"),
        }
    }

    /// Full names of the ports of a client, in the order they were made.
    pub fn ports(&self, client: &str) -> Vec<String> {
        let pattern = format!("^{client}:");
        let flags = jack::PortFlags::empty();
        self.client.ports(Some(&pattern), None, flags)
    }

    /// Flags of the port of this full name.
    pub fn flags(&self, port: &str) -> Option<jack::PortFlags> {
        Some(self.client.port_by_name(port)?.flags())
    }

    /// Full names of what is connected to the port of this full name; empty when there is no such port.
    pub fn connections(&self, port: &str) -> Vec<String> {
        let port = self.client.port_by_name(port);
        port.map(|p| p.get_connections()).unwrap_or_default()
    }

    /// Connects two ports; false when it can't be done.
    pub fn connect(&self, source: &str, dest: &str) -> bool {
        self.client.connect_ports_by_name(source, dest).is_ok()
    }

    /// Takes part in the graph: only then can its ports be connected.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn activate(&self) {
        // SAFETY: the client is open, and has no callbacks.
        let r = unsafe { jack_sys::jack_activate(self.client.raw()) };
        assert_eq!(r, 0, "the server activates the client");
    }

    /// Makes an audio input and returns its full name.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn audio_input(&self, name: &str) -> String {
        let port = self.client.register_port(name, jack::AudioIn::default());
        let port = port.expect("the server takes a port");
        // It stays as long as the client.
        port.name().expect("a port has a name")
    }

    /// Makes a MIDI input and returns its full name.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn midi_input(&self, name: &str) -> String {
        let port = self.client.register_port(name, jack::MidiIn::default());
        let port = port.expect("the server takes a port");
        port.name().expect("a port has a name")
    }

    /// What JACK's metadata has of a port under `http://jackaudio.org/metadata/KEY`.
    ///
    /// # Panics
    /// When libjack has no metadata.
    pub fn property(&self, port: &str, key: &str) -> Option<String> {
        type Uuid = unsafe extern "C" fn(*const jack_sys::jack_port_t) -> u64;
        type Get =
            unsafe extern "C" fn(u64, *const c_char, *mut *mut c_char, *mut *mut c_char) -> c_int;
        let library = jack_sys::library().expect("libjack");
        let port = self.client.port_by_name(port)?;
        let key = CString::new(format!("http://jackaudio.org/metadata/{key}")).ok()?;
        let (mut value, mut kind) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: the types are those of jack.h and metadata.h; the port is registered; the
        // strings that are handed out are ours, terminated, and freed once.
        unsafe {
            let uuid = library.get::<Uuid>(b"jack_port_uuid\0").expect("metadata");
            let get = library
                .get::<Get>(b"jack_get_property\0")
                .expect("metadata");
            if get(uuid(port.raw()), key.as_ptr(), &mut value, &mut kind) != 0 {
                return None;
            }
            let text = CStr::from_ptr(value).to_string_lossy().into_owned();
            jack_sys::jack_free(value.cast());
            jack_sys::jack_free(kind.cast());
            Some(text)
        }
    }
}
