//! A port that MIDI comes in by.

use std::ffi::{CStr, c_void};
use std::slice;

use jack_sys as j;

use super::graph::names;
use super::{Client, Cycle, Hooks};
use crate::midi::Tap;

/// Messages that are looked at in one cycle.
const MOST: u32 = 256;

const MIDI: &CStr = c"8 bit raw midi";

/// The port, and where what it hears goes.
pub(super) struct Ear {
    pub(super) port: *mut j::jack_port_t,
    pub(super) tap: Option<Tap>,
}

impl<H: Hooks, C: Cycle> Client<H, C> {
    /// Registers an input for MIDI, which `tap` is told of from `activate` on; at most one.
    pub(crate) fn register_midi(&mut self, name: &CStr, tap: Tap) -> bool {
        let flags = j::JackPortIsInput | j::JackPortIsTerminal;
        // SAFETY: the client is open, both strings are terminated.
        let port = unsafe {
            j::jack_port_register(
                self.ptr.as_ptr(),
                name.as_ptr(),
                MIDI.as_ptr(),
                flags.into(),
                0,
            )
        };
        if !port.is_null() {
            self.ear = Some(Ear {
                port,
                tap: Some(tap),
            });
        }
        !port.is_null()
    }

    /// Full names of the outputs of MIDI there are in the graph.
    pub(crate) fn midi_sources(&self) -> Vec<String> {
        self.ports_of(MIDI, j::JackPortIsOutput)
    }

    /// Full names of what is connected to our port for MIDI.
    pub(crate) fn midi_connections(&self) -> Vec<String> {
        match &self.ear {
            // SAFETY: the port is ours and registered while the client is open. The list is ours.
            Some(ear) => unsafe { names(j::jack_port_get_connections(ear.port)) },
            None => Vec::new(),
        }
    }
}

/// Hands what came in this cycle to `tap`.
///
/// # Safety
/// In the process callback; `buffer` is null or that of a MIDI input in this cycle.
#[inline]
pub(super) unsafe fn hear(buffer: *mut c_void, tap: &mut Tap) {
    if buffer.is_null() {
        return;
    }
    // SAFETY: as asked of the caller; jack.h allows both calls in the process callback. An event's bytes are valid for the cycle.
    unsafe {
        let count = j::jack_midi_get_event_count(buffer);
        for n in 0..count.min(MOST) {
            let mut event = j::jack_midi_event_t {
                time: 0,
                size: 0,
                buffer: std::ptr::null_mut(),
            };
            if j::jack_midi_event_get(&mut event, buffer, n) == 0 && !event.buffer.is_null() {
                // No message we look at has more bytes.
                tap.hear(slice::from_raw_parts(event.buffer, event.size.min(3)));
            }
        }
        if let Some(left @ 1..) = count.checked_sub(MOST) {
            tap.lose(left);
        }
    }
}
