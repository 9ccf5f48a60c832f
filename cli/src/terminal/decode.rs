//! From what was pressed to the keys of plain playing.

use super::Event;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// Space: pause, or play on.
    Pause,
    /// Left arrow: 5 s back.
    Back5,
    /// Right arrow: 5 s forward.
    Forward5,
    /// Home: to the start.
    Start,
    /// `[`: to the section before.
    PreviousSection,
    /// `]`: to the next section.
    NextSection,
    /// `l`: loop on or off.
    Loop,
    /// `m` and a digit: mute this track on or off. The first track is 1; the digit 0 is track 10.
    Mute(u8),
    /// `s` and a digit: solo this track on or off. Numbers as for mute.
    Solo(u8),
    /// `q`: stop and end.
    Quit,
}

/// From events to keys: what of them the keys of plain playing are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Strokes {
    #[default]
    Ground,
    /// After `m`: a digit is a track.
    Mute,
    /// After `s`.
    Solo,
}

impl Strokes {
    /// Takes an event; gives the key that it completes, if any.
    pub(super) fn event(&mut self, event: Event) -> Option<Key> {
        Some(match (std::mem::take(self), event) {
            (Self::Mute, Event::Char(digit @ '0'..='9')) => Key::Mute(track(digit)),
            (Self::Solo, Event::Char(digit @ '0'..='9')) => Key::Solo(track(digit)),
            (_, Event::Char(' ')) => Key::Pause,
            (_, Event::Char('[')) => Key::PreviousSection,
            (_, Event::Char(']')) => Key::NextSection,
            (_, Event::Char('l')) => Key::Loop,
            (_, Event::Char('q')) => Key::Quit,
            (_, Event::Left) => Key::Back5,
            (_, Event::Right) => Key::Forward5,
            (_, Event::Home) => Key::Start,
            (_, Event::Char('m')) => {
                *self = Self::Mute;
                return None;
            }
            (_, Event::Char('s')) => {
                *self = Self::Solo;
                return None;
            }
            _ => return None,
        })
    }
}

/// The number of a track that a digit stands for: 0 is the tenth.
pub(crate) fn track(digit: char) -> u8 {
    match digit.to_digit(10) {
        Some(0) | None => 10,
        Some(digit) => digit as u8,
    }
}

#[cfg(test)]
mod tests {
    use super::super::event;
    use super::*;
    use proptest::prelude::*;

    /// Both steps, as the keys' thread takes them.
    #[derive(Default)]
    struct Decoder(event::Decoder, Strokes);

    impl Decoder {
        fn byte(&mut self, byte: u8) -> Option<Key> {
            let event = self.0.byte(byte)?;
            self.1.event(event)
        }

        fn pause(&mut self) {
            if let Some(event) = self.0.pause() {
                assert_eq!(self.1.event(event), None);
            }
        }
    }

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut d = Decoder::default();
        bytes.iter().filter_map(|&b| d.byte(b)).collect()
    }

    #[test]
    fn every_key() {
        use Key::*;
        assert_eq!(
            keys(b" []lq"),
            [Pause, PreviousSection, NextSection, Loop, Quit]
        );
        assert_eq!(keys(b"m1m9m0"), [Mute(1), Mute(9), Mute(10)]);
        assert_eq!(keys(b"s1s2"), [Solo(1), Solo(2)]);
        assert_eq!(keys(b"\x1b[D\x1b[C\x1b[H"), [Back5, Forward5, Start]);
        assert_eq!(keys(b"\x1bOD\x1bOC\x1bOH"), [Back5, Forward5, Start]);
        assert_eq!(keys(b"\x1b[1~\x1b[7~"), [Start, Start]);
        // With Ctrl, and Home with Shift.
        assert_eq!(keys(b"\x1b[1;5D\x1b[1;2H"), [Back5, Start]);
    }

    #[test]
    fn what_is_no_key_of_ours() {
        // Delete, Page Up, F5, F12, up, Insert with Shift, Alt-m then a digit, UTF-8, digits.
        assert_eq!(
            keys(b"\x1b[3~\x1b[5~\x1b[15~\x1b[24~\x1b[A\x1b[2;1~\x1bm1"),
            []
        );
        assert_eq!(keys("éx12QM\u{7f}\r\n".as_bytes()), []);
    }

    #[test]
    fn a_prefix_waits_for_its_digit_only() {
        assert_eq!(keys(b"m q1"), [Key::Pause, Key::Quit]);
        assert_eq!(keys(b"ms3"), [Key::Solo(3)]);
        assert_eq!(keys(b"mm3"), [Key::Mute(3)]);
        assert_eq!(keys(b"m\x1b[D1"), [Key::Back5]);
        let mut d = Decoder::default();
        d.byte(b'm');
        d.pause();
        assert_eq!(d.byte(b'4'), Some(Key::Mute(4)));
    }

    #[test]
    fn an_escape_key_alone_is_forgotten_after_a_pause() {
        let mut d = Decoder::default();
        d.byte(0x1b);
        assert!(d.0.in_escape());
        d.pause();
        assert_eq!(d.byte(b'['), Some(Key::PreviousSection));
        d.byte(0x1b);
        assert_eq!(d.byte(0x1b), None);
        d.byte(b'[');
        assert_eq!(d.byte(b'C'), Some(Key::Forward5));
    }

    proptest! {
        #[test]
        fn any_bytes_leave_it_usable(bytes: Vec<u8>) {
            let mut d = Decoder::default();
            for b in bytes {
                d.byte(b);
            }
            d.pause();
            d.byte(b'x');
            prop_assert_eq!(d.byte(b' '), Some(Key::Pause));
        }
    }
}
