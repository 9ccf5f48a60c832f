//! backline's mixing core on an ALSA PCM.
//!
//! [`Alsa`] is a [`Backend`](engine_core::backend::Backend). From `open` to `close` it owns one
//! thread, which alone touches the PCM: it opens it, fills it, heals it and closes it. Whoever
//! calls the backend exchanges nothing with that thread but atomics and two eventfds, so a driver
//! that hangs never takes its caller with it.
//!
//! * The device is named as ALSA names it and never replaced by another one.
//! * Frames leave the engine once and reach the device in order: what the device has not taken
//!   yet waits in a stage, through xruns, suspends and partial writes.
//! * An xrun is healed in place; a recovery that never sticks, a device that stands still and one
//!   that was unplugged end as [`Lost`](engine_core::backend::Health::Lost) with a reason.
//! * The card's mixer is left alone, unless a volume of it is named: that one is set, and kept under its ceiling.
//! * A PCM that nothing paces (`null`, `file`) is driven by what the engine has ready.
#![warn(missing_docs)]
#![cfg_attr(rtsan, feature(sanitize))]
// A backend error carries its sentence with it; it is made when something fails, not in a loop.
#![allow(clippy::result_large_err)]

#[cfg(test)]
use backline_trap as _;

mod backend;
mod chain;
mod chatter;
mod drift;
mod eventfd;
mod fault;
mod flow;
mod holder;
mod hotplug;
mod list;
mod locked;
mod map;
mod mixer;
mod negotiate;
mod notice;
mod options;
#[cfg(feature = "rtkit")]
mod portal;
pub mod realtime;
mod refusal;
mod sequencer;
mod shared;
mod transfer;
mod usb;
mod worker;

pub use backend::Alsa;
pub use hotplug::Watch;
pub use list::{PlaybackDevice, list};
pub use options::{Access, AlsaOptions, KeepAlive, MixerOptions};
pub use sequencer::{Message, Sequencer, SequencerError};

/// Most channels a device may be opened with.
pub const MAX_CHANNELS: usize = 256;
