//! backline's mixing core on a JACK client: named ports, safe connecting, server loss.
//!
//! [`Jack`] is the [`engine_core::backend::Backend`] of a JACK server (jackd2, or PipeWire's
//! libjack). It knows ports, latency, transport, freewheel and a dead server; it knows no file and no
//! command line. libjack is loaded at run time, so a program that has this crate starts without it.
//!
//! Two properties of libjack shape the crate. A process can be a client of **one server at a
//! time**: jackd2's library keeps the server's shared memory in process-wide variables. And any
//! request to a server that hangs, hangs too: so the client lives on a thread of its own, every
//! request is made there, and the caller waits with a deadline.
//!
//! The library is called through `jack-sys` and not through the `jack` crate, because that one
//! can't name a server when it opens a client, holds a lock over opening and closing (so that
//! one hung close would hang every later open), and hands `&mut` of its handlers to two threads.
#![cfg_attr(rtsan, feature(sanitize))]
#![allow(
    clippy::result_large_err,
    reason = "errors carry their sentence in place; none is made on an audio thread"
)]

#[cfg(test)]
use backline_trap as _;

mod aside;
mod client;
mod connect;
mod latency;
mod line;
mod messages;
mod midi;
mod names;
mod options;
mod patch;
mod ports;
mod process;
mod raw;
mod shared;
mod transport;
mod watchdog;

pub use client::Jack;
pub use messages::take_messages;
pub use midi::{MIDI_PORT, Message, MidiIn};
pub use options::{ConnectRule, JackOptions, PortLabel};
pub use patch::Patch;
pub use ports::{Kept, PhysicalPort, Server, list_ports, server_running, start_server};
pub use raw::{MAX_OUTS, is_pipewire};
