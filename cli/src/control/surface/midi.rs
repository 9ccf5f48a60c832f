//! Bytes of MIDI.

use super::event::MidiEvent;

/// Reads one message, whole, as drivers hand it out. `None` for what can't be mapped, or is no message.
pub fn parse_midi(bytes: &[u8]) -> Option<MidiEvent> {
    let (status, data) = bytes.split_first()?;
    if *status < 0x80 || data.iter().any(|b| *b >= 0x80) {
        return None;
    }
    let channel = (status & 0x0f) + 1;
    match (status >> 4, data) {
        (8, [note, _]) => Some(MidiEvent::Note {
            channel,
            note: *note,
            velocity: 0,
        }),
        (9, [note, velocity]) => Some(MidiEvent::Note {
            channel,
            note: *note,
            velocity: *velocity,
        }),
        (11, [controller, value]) => Some(MidiEvent::Controller {
            channel,
            controller: *controller,
            value: *value,
        }),
        (12, [program]) => Some(MidiEvent::Program {
            channel,
            program: program + 1,
        }),
        _ => None,
    }
}
