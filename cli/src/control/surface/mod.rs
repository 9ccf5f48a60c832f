//! Surfaces: MIDI, keys of input devices and GPIO lines, by way of a [mapping](Map) that says what each does.
//! `docs/mapping.md` describes it.

mod desk;
mod evdev;
mod event;
mod gpio;
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
pub use learned::{learned, write_learned};
pub use map::{Asked, Map};
pub use midi::parse_midi;
#[cfg(feature = "alsa")]
pub use sequencer::SequencerInput;
pub use source::{InputName, MidiFrom, Source, wait_for};
