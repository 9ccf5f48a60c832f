//! From the bytes of a terminal to what was pressed: keys by name, and the mouse.

/// Something was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A key that stands for a character of ASCII (with Ctrl: a control character).
    Char(char),
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// F1.
    Help,
    /// Tab with Shift.
    BackTab,
    /// Escape, alone.
    Escape,
    /// The mouse, where it reports to us.
    Mouse(Mouse),
}

/// What the mouse did, and on which cell (from 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mouse {
    /// What it did.
    pub does: MouseDoes,
    /// Column.
    pub column: u16,
    /// Row.
    pub row: u16,
}

/// What a mouse can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MouseDoes {
    /// The left button went down.
    Press,
    /// It moves with the left button down.
    Drag,
    /// A button went up.
    Release,
    /// The wheel turned away from the hand.
    WheelUp,
    /// The wheel turned to the hand.
    WheelDown,
}

/// Numbers of a sequence that are kept: a mouse has three.
const NUMBERS: usize = 3;

/// Where the decoder stands in a sequence of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    /// After ESC.
    Escape,
    /// After ESC `[`.
    Csi(Csi),
    /// After ESC `O`.
    Ss3,
    /// After ESC `[M`: an old mouse's three bytes, so many left.
    OldMouse(u8),
}

/// A control sequence so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Csi {
    numbers: [u16; NUMBERS],
    /// Which of them is being read.
    at: usize,
    /// It began with `<`, as those of the mouse do.
    mouse: bool,
    /// Nothing has come yet.
    begun: bool,
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
        self.state != State::Ground
    }

    /// A pause: an incomplete sequence is forgotten, an ESC alone is the key.
    pub(super) fn pause(&mut self) -> Option<Event> {
        match std::mem::take(&mut self.state) {
            State::Escape => Some(Event::Escape),
            _ => None,
        }
    }

    /// Takes a byte; gives what it completes, if anything.
    pub(super) fn byte(&mut self, byte: u8) -> Option<Event> {
        match (std::mem::take(&mut self.state), byte) {
            // ESC always starts anew.
            (_, 0x1b) => {
                self.state = State::Escape;
                None
            }
            (State::Ground, 0..=0x7f) => Some(Event::Char(byte.into())),
            // Part of a character that is no key of ours.
            (State::Ground, _) => None,
            (State::Escape, b'[') => {
                self.state = State::Csi(Csi::default());
                None
            }
            (State::Escape, b'O') => {
                self.state = State::Ss3;
                None
            }
            // Alt with a key: not one of ours.
            (State::Escape, _) => None,
            (State::Ss3, _) => last(byte, 0),
            (State::Csi(csi), _) => self.csi(csi, byte),
            (State::OldMouse(left), _) => {
                if left > 1 {
                    self.state = State::OldMouse(left - 1);
                }
                None
            }
        }
    }

    fn csi(&mut self, mut csi: Csi, byte: u8) -> Option<Event> {
        let first = !std::mem::replace(&mut csi.begun, true);
        match byte {
            b'<' if first => csi.mouse = true,
            b'0'..=b'9' => {
                if let Some(number) = csi.numbers.get_mut(csi.at) {
                    let digit = u16::from(byte - b'0');
                    *number = number.saturating_mul(10).saturating_add(digit);
                }
            }
            b';' => csi.at = csi.at.saturating_add(1),
            // Other parameters change nothing.
            0x20..=0x3f => {}
            b'M' | b'm' if csi.mouse => return mouse(csi.numbers, byte == b'M'),
            b'M' if first => {
                self.state = State::OldMouse(3);
                return None;
            }
            b'Z' => return Some(Event::BackTab),
            _ => return last(byte, csi.numbers[0]),
        }
        self.state = State::Csi(csi);
        None
    }
}

/// The end of a control sequence (ECMA-48; some keys differ between terminals).
fn last(byte: u8, number: u16) -> Option<Event> {
    match (byte, number) {
        (b'A', _) => Some(Event::Up),
        (b'B', _) => Some(Event::Down),
        (b'C', _) => Some(Event::Right),
        (b'D', _) => Some(Event::Left),
        (b'H', _) | (b'~', 1 | 7) => Some(Event::Home),
        (b'F', _) | (b'~', 4 | 8) => Some(Event::End),
        (b'~', 5) => Some(Event::PageUp),
        (b'~', 6) => Some(Event::PageDown),
        (b'P', _) | (b'~', 11) => Some(Event::Help),
        _ => None,
    }
}

/// A mouse as xterm's mode 1006 tells it: buttons and modifiers, column and row from 1.
fn mouse([button, column, row]: [u16; NUMBERS], down: bool) -> Option<Event> {
    // Shift, Alt and Ctrl are 4, 8 and 16.
    let does = match (button & !0x1c, down) {
        (0, true) => MouseDoes::Press,
        (32, true) => MouseDoes::Drag,
        (64, true) => MouseDoes::WheelUp,
        (65, true) => MouseDoes::WheelDown,
        (0..=2, false) => MouseDoes::Release,
        _ => return None,
    };
    Some(Event::Mouse(Mouse {
        does,
        column: column.checked_sub(1)?,
        row: row.checked_sub(1)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(bytes: &[u8]) -> Vec<Event> {
        let mut d = Decoder::default();
        bytes.iter().filter_map(|&b| d.byte(b)).collect()
    }

    #[test]
    fn keys_by_name() {
        use Event::*;
        assert_eq!(
            events(b"\x1b[A\x1b[B\x1bOA\x1b[5~\x1b[6~\x1b[F\x1b[4~\x1bOP\x1b[11~\x1b[Z"),
            [
                Up, Down, Up, PageUp, PageDown, End, End, Help, Help, BackTab
            ]
        );
        assert_eq!(events(b"\x0c+\r"), [Char('\x0c'), Char('+'), Char('\r')]);
        let mut d = Decoder::default();
        assert_eq!(d.byte(0x1b), None);
        assert_eq!(d.pause(), Some(Escape));
        assert_eq!(d.pause(), None);
        d.byte(0x1b);
        d.byte(b'[');
        assert_eq!(d.pause(), None);
        assert_eq!(d.byte(b'A'), Some(Char('A')));
    }

    #[test]
    fn the_mouse() {
        let at = |does, column, row| Event::Mouse(Mouse { does, column, row });
        assert_eq!(
            events(b"\x1b[<0;1;1M\x1b[<32;12;3M\x1b[<0;12;3m\x1b[<64;80;24M\x1b[<81;5;6M"),
            [
                at(MouseDoes::Press, 0, 0),
                at(MouseDoes::Drag, 11, 2),
                at(MouseDoes::Release, 11, 2),
                at(MouseDoes::WheelUp, 79, 23),
                // With Ctrl.
                at(MouseDoes::WheelDown, 4, 5),
            ]
        );
        // The right button, and a place that isn't one.
        assert_eq!(events(b"\x1b[<2;1;1M\x1b[<0;0;1M\x1b[<0M"), []);
        // Numbers without end.
        assert_eq!(
            events(b"\x1b[<0;99999999;1;5;5;5M"),
            [at(MouseDoes::Press, 65534, 0)]
        );
    }

    #[test]
    fn an_old_mouse_presses_no_keys() {
        assert_eq!(events(b"\x1b[M q!l"), [Event::Char('l')]);
    }
}
