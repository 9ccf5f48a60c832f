//! From the bytes of a terminal to keys.

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

/// Where the decoder stands in a sequence of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    /// After `m`: a digit is a track.
    Mute,
    /// After `s`.
    Solo,
    /// After ESC.
    Escape,
    /// After ESC `[`, with the first number so far.
    Csi { number: u16, first: bool },
    /// After ESC `O`.
    Ss3,
}

/// Decodes byte by byte, so that a sequence may come in pieces.
#[derive(Clone, Debug, Default)]
pub(super) struct Decoder {
    state: State,
}

impl Decoder {
    /// Whether a sequence that began with ESC is incomplete. Terminals send one in a piece; a
    /// pause in it means that the ESC was the key of that name.
    pub(super) fn in_escape(&self) -> bool {
        matches!(self.state, State::Escape | State::Csi { .. } | State::Ss3)
    }

    /// A pause after an incomplete escape sequence: forget it.
    pub(super) fn pause(&mut self) {
        if self.in_escape() {
            self.state = State::Ground;
        }
    }

    /// Takes a byte; gives the key that it completes, if any.
    pub(super) fn byte(&mut self, byte: u8) -> Option<Key> {
        let state = std::mem::take(&mut self.state);
        match (state, byte) {
            // ESC always starts anew.
            (_, 0x1b) => {
                self.state = State::Escape;
                None
            }
            (State::Mute, b'0'..=b'9') => Some(Key::Mute(track(byte))),
            (State::Solo, b'0'..=b'9') => Some(Key::Solo(track(byte))),
            (State::Ground | State::Mute | State::Solo, _) => self.plain(byte),
            (State::Escape, b'[') => {
                self.state = State::Csi {
                    number: 0,
                    first: true,
                };
                None
            }
            (State::Escape, b'O') => {
                self.state = State::Ss3;
                None
            }
            // Alt with a key: not one of ours.
            (State::Escape, _) => None,
            (State::Ss3, _) => last(byte, 0),
            (State::Csi { number, first }, b'0'..=b'9') => {
                let digit = u16::from(byte - b'0');
                self.state = State::Csi {
                    number: if first {
                        number.saturating_mul(10).saturating_add(digit)
                    } else {
                        number
                    },
                    first,
                };
                None
            }
            // Further parameters (Shift, Ctrl …) change nothing.
            (State::Csi { number, .. }, 0x20..=0x3f) => {
                self.state = State::Csi {
                    number,
                    first: false,
                };
                None
            }
            (State::Csi { number, .. }, _) => last(byte, number),
        }
    }

    fn plain(&mut self, byte: u8) -> Option<Key> {
        match byte {
            b' ' => Some(Key::Pause),
            b'[' => Some(Key::PreviousSection),
            b']' => Some(Key::NextSection),
            b'l' => Some(Key::Loop),
            b'q' => Some(Key::Quit),
            b'm' => {
                self.state = State::Mute;
                None
            }
            b's' => {
                self.state = State::Solo;
                None
            }
            _ => None,
        }
    }
}

fn track(digit: u8) -> u8 {
    match digit {
        b'0' => 10,
        d => d.wrapping_sub(b'0'),
    }
}

/// The end of a control sequence (ECMA-48; Home differs between terminals).
fn last(byte: u8, number: u16) -> Option<Key> {
    match (byte, number) {
        (b'D', _) => Some(Key::Back5),
        (b'C', _) => Some(Key::Forward5),
        (b'H', _) | (b'~', 1 | 7) => Some(Key::Start),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        assert!(d.in_escape());
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
