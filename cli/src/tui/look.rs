//! How things look: colours or none, and the characters that a terminal can show.

use ratatui::style::{Color, Modifier, Style};

/// What a piece of the screen is. Each is told apart without colours, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Plain text.
    Text,
    /// What is less important.
    Dim,
    /// What is more important.
    Strong,
    /// A heading or a frame.
    Frame,
    /// A key that can be pressed.
    Key,
    /// The strip that keys mean.
    Selected,
    /// All is well: a level, a load.
    Good,
    /// Nearly too much.
    High,
    /// A load that is much.
    Heavy,
    /// Too much, or a fault.
    Bad,
    /// It plays.
    Playing,
    /// It stands still.
    Standing,
    /// Something stands still or is gone against everyone's wish.
    Alarm,
    /// A mute that is on.
    Muted,
    /// A solo that is on.
    Soloed,
    /// What of the song has been played.
    Played,
    /// What of the song is to come.
    ToCome,
    /// The play head.
    Head,
}

/// The characters that things are drawn with.
#[derive(Debug, PartialEq, Eq)]
pub struct Glyphs {
    /// A cell that is filled from the left, in eighths.
    pub fills: [&'static str; 9],
    /// A cell that is filled from below, in eighths.
    pub rises: [&'static str; 9],
    /// A cell's upper half, its lower half, all of it; none where there are no halves.
    pub halves: Option<[&'static str; 3]>,
    /// A held peak.
    pub hold: &'static str,
    /// Full scale, where nothing is.
    pub zero: &'static str,
    /// The play head.
    pub head: &'static str,
    /// A line.
    pub line: &'static str,
    /// A fader's knob.
    pub knob: &'static str,
    /// In front of what is selected.
    pub marker: &'static str,
    /// It plays; paused; stopped; ended.
    pub states: [&'static str; 4],
    /// Left and right, up and down.
    pub arrows: [&'static str; 2],
    /// Where it goes next.
    pub to: &'static str,
    /// The start and the end of a loop.
    pub brackets: [&'static str; 2],
    /// Where more lies above and below.
    pub more: [&'static str; 2],
}

static FULL: Glyphs = Glyphs {
    fills: [" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"],
    rises: [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    halves: Some(["▀", "▄", "█"]),
    hold: "│",
    zero: "┊",
    head: "│",
    line: "─",
    knob: "●",
    marker: "▸",
    states: ["▶", "‖", "■", "■"],
    arrows: ["←→", "↑↓"],
    to: "→",
    brackets: ["╟", "╢"],
    more: ["▲", "▼"],
};

/// What the fonts of the kernel's own console have.
static CONSOLE: Glyphs = Glyphs {
    fills: [" ", " ", " ", " ", "▌", "▌", "▌", "▌", "█"],
    rises: [" ", " ", "▄", "▄", "▄", "▄", "▄", "█", "█"],
    halves: Some(["▀", "▄", "█"]),
    hold: "│",
    zero: "·",
    head: "│",
    line: "─",
    knob: "█",
    marker: "►",
    states: ["►", "=", "■", "■"],
    arrows: ["←→", "↑↓"],
    to: "→",
    brackets: ["├", "┤"],
    more: ["▲", "▼"],
};

static ASCII: Glyphs = Glyphs {
    fills: [" ", " ", " ", " ", "-", "-", "-", "-", "#"],
    rises: [" ", ".", ".", ".", ":", ":", ":", "#", "#"],
    halves: None,
    hold: "|",
    zero: ".",
    head: "|",
    line: "-",
    knob: "O",
    marker: ">",
    states: [">", "=", ".", "."],
    arrows: ["<- ->", "up down "],
    to: "->",
    brackets: ["[", "]"],
    more: ["^", "v"],
};

/// Orange, of the 256 colours that most terminals have.
const ORANGE: Color = Color::Indexed(208);

/// How things look on one terminal.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// The terminal has colours, and the user likes them.
    pub colour: bool,
    /// Its colour for a heavy load: orange where it has one.
    pub heavy: Color,
    /// What it can show.
    pub glyphs: &'static Glyphs,
}

#[cfg(test)]
impl Look {
    /// With colours, on a terminal that can show everything.
    pub const COLOUR: Self = Self {
        colour: true,
        heavy: ORANGE,
        glyphs: &FULL,
    };
    /// Without colours.
    pub const MONO: Self = Self {
        colour: false,
        heavy: ORANGE,
        glyphs: &FULL,
    };
    /// Without colours, and in ASCII.
    pub const ASCII: Self = Self {
        colour: false,
        heavy: ORANGE,
        glyphs: &ASCII,
    };
}

impl Look {
    /// What the environment (variables by name) says of the terminal and its user.
    pub fn of(env: &dyn Fn(&str) -> Option<String>) -> Self {
        let set = |name| env(name).filter(|value| !value.is_empty());
        let term = set("TERM").unwrap_or_default();
        let old = term.starts_with("vt") || term.ends_with("-m") || term.ends_with("-mono");
        let locale = set("LC_ALL")
            .or_else(|| set("LC_CTYPE"))
            .or_else(|| set("LANG"));
        let unicode = locale.is_some_and(|l| {
            let l = l.to_ascii_lowercase();
            l.contains("utf-8") || l.contains("utf8")
        });
        Self {
            // https://no-color.org
            colour: set("NO_COLOR").is_none() && !old,
            heavy: match term.contains("256") || set("COLORTERM").is_some() {
                true => ORANGE,
                false => Color::Yellow,
            },
            glyphs: if !unicode || term.starts_with("vt") {
                &ASCII
            } else if term == "linux" {
                &CONSOLE
            } else {
                &FULL
            },
        }
    }

    /// The style of a piece.
    pub fn style(self, role: Role) -> Style {
        let plain = Style::new();
        let coloured = |colour| plain.fg(colour);
        let (bold, dim, reversed) = (Modifier::BOLD, Modifier::DIM, Modifier::REVERSED);
        // Never white or black: the terminal's own foreground and background are unknown.
        match (self.colour, role) {
            (_, Role::Text) | (false, Role::Good) => plain,
            (_, Role::Dim | Role::ToCome) => plain.add_modifier(dim),
            (_, Role::Strong | Role::Head)
            | (false, Role::High | Role::Heavy | Role::Played | Role::Key) => {
                plain.add_modifier(bold)
            }
            (_, Role::Selected) => plain.add_modifier(bold | Modifier::UNDERLINED),
            (true, Role::Frame | Role::Key) => coloured(Color::Cyan),
            (true, Role::Heavy) => coloured(self.heavy),
            (true, Role::Good) => coloured(Color::Green),
            (true, Role::High) => coloured(Color::Yellow),
            (true, Role::Bad) => coloured(Color::Red).add_modifier(bold),
            (true, Role::Played) => coloured(Color::Cyan),
            (true, Role::Playing) => coloured(Color::Green).add_modifier(bold | reversed),
            (true, Role::Standing) => coloured(Color::Yellow).add_modifier(bold | reversed),
            (true, Role::Alarm | Role::Muted) => coloured(Color::Red).add_modifier(bold | reversed),
            (true, Role::Soloed) => coloured(Color::Yellow).add_modifier(bold | reversed),
            (false, Role::Frame) => plain,
            (
                false,
                Role::Bad
                | Role::Playing
                | Role::Standing
                | Role::Alarm
                | Role::Muted
                | Role::Soloed,
            ) => plain.add_modifier(bold | reversed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> (bool, &'static Glyphs) {
        let look = Look::of(&|name| {
            let mut all = variables.iter();
            all.find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
        });
        (look.colour, look.glyphs)
    }

    #[test]
    fn what_the_environment_says() {
        let utf = ("LANG", "de_DE.UTF-8");
        assert_eq!(of(&[utf, ("TERM", "xterm-256color")]), (true, &FULL));
        assert_eq!(
            of(&[utf, ("TERM", "xterm"), ("NO_COLOR", "1")]),
            (false, &FULL)
        );
        assert_eq!(
            of(&[utf, ("TERM", "xterm"), ("NO_COLOR", "")]),
            (true, &FULL)
        );
        assert_eq!(of(&[utf, ("TERM", "linux")]), (true, &CONSOLE));
        assert_eq!(of(&[utf, ("TERM", "vt100")]), (false, &ASCII));
        assert_eq!(of(&[utf, ("TERM", "screen-m")]), (false, &FULL));
        assert_eq!(of(&[("LANG", "C"), ("TERM", "xterm")]), (true, &ASCII));
        assert_eq!(
            of(&[utf, ("LC_ALL", "C"), ("TERM", "xterm")]),
            (true, &ASCII)
        );
    }
}
