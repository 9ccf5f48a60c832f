//! MIDI that comes in: from the process callback, which waits for nobody, to whoever hears it.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::*};
use std::sync::{Arc, Mutex, PoisonError};

use engine_core::ring::{Consumer, Producer, Ring};

/// Our port for MIDI, without the client's name.
pub const MIDI_PORT: &str = "control_in";

/// Messages on their way; one less than this. Some hundred are more than a controller can send in a second.
const ROOM: usize = 1024;

/// A message of one channel, whole, and as many bytes of it as count.
pub type Message = ([u8; 3], usize);

/// The same, small.
type Stored = ([u8; 3], u8);

/// What port [`MIDI_PORT`] of a client has heard: notes, controllers and program changes. It outlives the client, whose
/// server may go; clones share it. It is a place and no option: any two are equal.
#[derive(Clone, Default)]
pub struct MidiIn(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Of the present client. Locked by no callback.
    heard: Mutex<Option<Consumer<Stored, ROOM>>>,
    /// Messages for which there was no room.
    lost: AtomicU32,
    /// Somebody is connected to the port, as far as is known.
    connected: AtomicBool,
}

/// The callback's end.
pub(crate) struct Tap {
    to: Producer<Stored, ROOM>,
    at: Arc<Inner>,
}

impl fmt::Debug for MidiIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MidiIn")
    }
}

impl PartialEq for MidiIn {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for MidiIn {}

impl MidiIn {
    /// Hands out what has been heard since this was last called, in order.
    pub fn read(&self, to: &mut dyn FnMut(Message)) {
        let mut heard = self.0.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(heard) = &mut *heard else { return };
        // What comes meanwhile is for the next time.
        for _ in 0..heard.len() {
            match heard.pop() {
                Some((bytes, length)) => to((bytes, length.into())),
                None => break,
            }
        }
    }

    /// Messages that were lost since this was last called, for want of room.
    pub fn take_lost(&self) -> u32 {
        self.0.lost.swap(0, Relaxed)
    }

    /// Whether anything is connected to the port, as far as is known: it is looked at now and then.
    pub fn is_connected(&self) -> bool {
        self.0.connected.load(Relaxed)
    }

    pub(crate) fn set_connected(&self, connected: bool) {
        self.0.connected.store(connected, Relaxed);
    }

    /// The end of a new client's callback. The last one's isn't heard any more.
    pub(crate) fn tap(&self) -> Tap {
        let (mut to, mut from) = Ring::shared();
        // The callback is to meet no page that isn't there.
        while to.push(([0; 3], 0)).is_ok() {}
        while from.pop().is_some() {}
        let mut heard = self.0.heard.lock().unwrap_or_else(PoisonError::into_inner);
        *heard = Some(from);
        self.set_connected(false);
        Tap {
            to,
            at: self.0.clone(),
        }
    }
}

impl Tap {
    /// By the callback: a message, as it came.
    #[inline]
    pub(crate) fn hear(&mut self, bytes: &[u8]) {
        let message = match *bytes {
            [status, a, b, ..] if matches!(status >> 4, 0x8 | 0x9 | 0xb) => ([status, a, b], 3),
            [status, program, ..] if status >> 4 == 0xc => ([status, program, 0], 2),
            // Clocks, bends, system exclusive: nothing that can be mapped.
            _ => return,
        };
        if self.to.push(message).is_err() {
            self.lose(1);
        }
    }

    /// By the callback: so many messages couldn't be looked at.
    #[inline]
    pub(crate) fn lose(&self, messages: u32) {
        self.at.lost.fetch_add(messages, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(from: &MidiIn) -> Vec<Message> {
        let mut heard = Vec::new();
        from.read(&mut |message| heard.push(message));
        heard
    }

    #[test]
    fn what_can_be_mapped_arrives_in_order() {
        let midi = MidiIn::default();
        assert_eq!(read(&midi), []);
        let mut tap = midi.tap();
        for bytes in [
            &[0x90, 36, 100][..],
            &[0xf8],
            &[0xc5, 7],
            &[0xe0, 1, 2],
            &[],
            &[0x90],
            &[0xf0, 1, 2, 3, 0xf7],
            &[0xb0, 64, 127],
            &[0x80, 36, 0],
        ] {
            tap.hear(bytes);
        }
        let wanted = [
            ([0x90, 36, 100], 3),
            ([0xc5, 7, 0], 2),
            ([0xb0, 64, 127], 3),
            ([0x80, 36, 0], 3),
        ];
        assert_eq!(read(&midi), wanted);
        assert_eq!((read(&midi), midi.take_lost()), (vec![], 0));
    }

    #[test]
    fn what_there_is_no_room_for_is_counted_and_nothing_waits() {
        let midi = MidiIn::default();
        let mut tap = midi.tap();
        for n in 0..ROOM as u32 + 9 {
            tap.hear(&[0xb0, 1, (n % 128) as u8]);
        }
        assert_eq!(midi.take_lost(), 10);
        assert_eq!(midi.take_lost(), 0);
        let heard = read(&midi);
        assert_eq!(heard.len(), ROOM - 1);
        assert_eq!(heard[129], ([0xb0, 1, 1], 3));
        tap.hear(&[0xb0, 2, 3]);
        assert_eq!(read(&midi), [([0xb0, 2, 3], 3)]);
    }

    #[test]
    fn the_next_client_is_heard_and_a_dead_one_is_not() {
        let midi = MidiIn::default();
        let mut dead = midi.tap();
        midi.set_connected(true);
        let mut next = midi.clone().tap();
        assert!(!midi.is_connected());
        dead.hear(&[0x90, 1, 1]);
        next.hear(&[0x90, 2, 2]);
        assert_eq!(read(&midi), [([0x90, 2, 2], 3)]);
    }
}
