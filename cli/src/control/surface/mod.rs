//! Surfaces: MIDI, keys of input devices and GPIO lines, by way of a [mapping](Map) that says what each does.
//! `docs/mapping.md` describes it.

mod desk;
mod evdev;
mod event;
mod gpio;
#[cfg(feature = "jack")]
mod jack;
mod learned;
mod map;
mod midi;
#[cfg(feature = "alsa")]
mod sequencer;
mod source;
#[cfg(test)]
mod tests;

pub use desk::Surface;
pub use evdev::EvdevInput;
pub use event::{Event, LineName, MidiEvent};
pub use gpio::GpioInput;
#[cfg(feature = "jack")]
pub use jack::JackInput;
pub use learned::{learned, write_learned};
pub use map::{Asked, Map};
pub use midi::parse_midi;
#[cfg(feature = "alsa")]
pub use sequencer::SequencerInput;
pub use source::{InputName, MidiFrom, Source, wait_for};
