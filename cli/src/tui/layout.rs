//! What is where on the screen; also, what is under the mouse.

use std::ops::Range;

use ratatui::layout::{Position, Rect};

use super::draw::clock;
use super::model::{Model, Strip};

/// Less than this is too little for anything.
pub const LEAST: (u16, u16) = (32, 6);
/// From so many columns on, panes stand beside the strips.
const WIDE: u16 = 110;
/// Columns of a pane beside the strips.
const SIDE: u16 = 38;
/// Columns of the latency monitor where it stands below.
const LATENCY: u16 = 40;
/// Columns of the setlist where it stands below.
const SONGS: u16 = 30;

/// Columns of a strip: where each begins in the strip, and how wide it is; a width of 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// A marker of what is selected, and the number.
    pub number: (u16, u16),
    /// The name.
    pub name: (u16, u16),
    /// The meter.
    pub meter: (u16, u16),
    /// The held peak as a number.
    pub peak: (u16, u16),
    /// Gain or level.
    pub level: (u16, u16),
    /// Pan.
    pub pan: (u16, u16),
    /// Mute.
    pub mute: (u16, u16),
    /// Solo.
    pub solo: (u16, u16),
    /// The bus it feeds.
    pub bus: (u16, u16),
}

/// The parts of the screen. What isn't there is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// All of it.
    pub area: Rect,
    /// State, position, section, title.
    pub transport: Rect,
    /// The position in large digits.
    pub clock: Rect,
    /// The names of the sections over the wave form.
    pub ruler: Rect,
    /// The wave form.
    pub wave: Rect,
    /// The strips' heading.
    pub heading: Rect,
    /// The tracks' strips.
    pub tracks: Rect,
    /// Which tracks these are.
    pub shown_tracks: Range<usize>,
    /// The strips of buses and master.
    pub outs: Rect,
    /// Which of them these are; master comes after the buses.
    pub shown_outs: Range<usize>,
    /// The latency monitor.
    pub latency: Rect,
    /// The setlist.
    pub songs: Rect,
    /// Which songs these are.
    pub shown_songs: Range<usize>,
    /// The log.
    pub log: Rect,
    /// Device, faults, load.
    pub status: Rect,
    /// The most important keys.
    pub keys: Rect,
    /// The columns of strips.
    pub columns: Columns,
}

/// What is under the mouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Under {
    /// A strip: anything but what comes next.
    Strip(Strip),
    /// A track's mute.
    Mute(usize),
    /// A track's solo.
    Solo(usize),
    /// A track's pan.
    Pan(usize),
    /// A frame of the song in play.
    Frame(u64),
    /// A section of the song in play, by its index.
    Section(usize),
    /// A song of the setlist, by its index.
    Song(usize),
    /// The state: play and pause.
    Transport,
    /// The line of keys.
    Keys,
}

/// Takes rows from the top, as many as there are.
struct Rows(Rect);

impl Rows {
    fn take(&mut self, height: u16) -> Rect {
        let height = height.min(self.0.height);
        let taken = Rect { height, ..self.0 };
        self.0.y += height;
        self.0.height -= height;
        taken
    }
}

impl Layout {
    /// Lays a screen of that size out for what is to be shown.
    pub fn new(area: Rect, model: &Model) -> Self {
        if area.width < LEAST.0 || area.height < LEAST.1 {
            return Self {
                area,
                ..Self::default()
            };
        }
        let tracks = model.status.tracks.len();
        let outs = model.status.buses.len() + 1;
        let several = model.status.songs.len() > 1;
        let latency = model.panes.latency;
        let wide = area.width >= WIDE;
        let songs = model.panes.songs.unwrap_or(several && wide);
        let side = wide && (songs || latency);

        let height = area.height;
        let mut wave = match height {
            ..=13 => 0,
            14..=19 => 1,
            20..=31 => 3,
            _ => 5,
        };
        let large = height > 31 && model.look.glyphs.halves.is_some();
        let clock = if large { clock::ROWS + 1 } else { 0 };
        let below = !wide && (songs || latency);
        let mut log = match height {
            _ if below => 4,
            ..=9 => 0,
            10..=19 => 2,
            _ => 4,
        };
        let rest = |wave: u16, log: u16| {
            height.saturating_sub(4 + clock + wave + u16::from(wave > 0) + log)
        };
        let want = u16::try_from(tracks + outs).unwrap_or(u16::MAX);
        // A small screen gives its rows to the strips before the log and the wave form.
        while rest(wave, log) < want.min(4) && (wave > 0 || log > 2) {
            match wave {
                0 => log -= 1,
                _ => wave -= 1,
            }
        }
        let mut extra = rest(wave, log).saturating_sub(want);
        let gap = u16::from(extra > 1);
        extra -= gap;
        let more = extra.min(if height > 31 { 2 } else { 0 });
        wave += more;
        log += extra - more;

        let mut rows = Rows(area);
        let mut all = Self {
            area,
            transport: rows.take(1),
            clock: rows.take(clock),
            ruler: rows.take(u16::from(wave > 0)),
            wave: rows.take(wave),
            ..Self::default()
        };
        let keys_and_status = 2;
        let mut middle = rows.take(rows.0.height.saturating_sub(keys_and_status));
        all.status = rows.take(1);
        all.keys = rows.take(1);

        if side {
            let width = SIDE;
            middle.width -= width + 1;
            let beside = Rect {
                x: middle.right() + 1,
                width,
                ..middle
            };
            let mut beside = Rows(beside);
            if latency {
                all.latency = beside.take(10);
                if songs {
                    beside.take(1);
                }
            }
            if songs {
                all.songs = beside.take(u16::MAX);
            }
        }
        let strips_height = middle.height.saturating_sub(1 + log);
        let mut rows = Rows(middle);
        all.heading = rows.take(1);
        let outs = u16::try_from(outs).unwrap_or(u16::MAX);
        let fits = strips_height >= want.saturating_add(gap);
        let out_rows = match fits {
            true => outs,
            false => outs.min((strips_height / 2).max(1)).min(strips_height),
        };
        let track_rows = match fits {
            true => u16::try_from(tracks).unwrap_or(u16::MAX),
            false => strips_height - out_rows,
        };
        all.tracks = rows.take(track_rows);
        if fits {
            rows.take(gap);
        }
        all.outs = rows.take(out_rows);
        all.log = rows.take(u16::MAX);
        if below {
            let mut left = all.log;
            let mut take = |width: u16| {
                let taken = Rect {
                    width: width.min(left.width),
                    ..left
                };
                // With a gap to what comes next.
                let used = (taken.width + 1).min(left.width);
                left.x += used;
                left.width -= used;
                taken
            };
            if latency {
                all.latency = take(LATENCY);
            }
            if songs {
                all.songs = take(SONGS);
            }
            all.log = if left.width < 12 {
                Rect::default()
            } else {
                left
            };
        }
        all.columns = Columns::new(middle.width);
        all.shown_tracks = window(
            tracks,
            all.tracks.height,
            match model.selected {
                Strip::Track(i) => i,
                _ => 0,
            },
        );
        let at = match model.selected {
            Strip::Bus(i) => i,
            Strip::Master => usize::from(outs) - 1,
            Strip::Track(_) => 0,
        };
        all.shown_outs = window(outs.into(), all.outs.height, at);
        // Below its heading.
        let rows = all.songs.height.saturating_sub(1);
        all.shown_songs = window(model.status.songs.len(), rows, model.status.song);
        all
    }

    /// The row of a strip, if it is shown.
    pub fn row(&self, strip: Strip, model: &Model) -> Option<Rect> {
        let (area, shown, at) = match strip {
            Strip::Track(i) => (self.tracks, &self.shown_tracks, i),
            Strip::Bus(i) => (self.outs, &self.shown_outs, i),
            Strip::Master => (self.outs, &self.shown_outs, model.status.buses.len()),
        };
        shown.contains(&at).then(|| Rect {
            y: area.y + (at - shown.start) as u16,
            height: 1,
            ..area
        })
    }

    /// What is at that place of the screen.
    pub fn under(&self, column: u16, row: u16, model: &Model) -> Option<Under> {
        let at = Position::new(column, row);
        let nth = |area: Rect, shown: &Range<usize>| {
            let n = shown.start + usize::from(row - area.y);
            shown.contains(&n).then_some(n)
        };
        if self.tracks.contains(at) {
            let track = nth(self.tracks, &self.shown_tracks)?;
            let x = column - self.tracks.x;
            // A cell to either side counts: it is a small target.
            let on = |(from, width): (u16, u16)| {
                width > 0 && (from.saturating_sub(1)..=from + width).contains(&x)
            };
            return Some(if on(self.columns.mute) && x <= self.columns.mute.0 {
                Under::Mute(track)
            } else if on(self.columns.solo) {
                Under::Solo(track)
            } else if on(self.columns.pan) {
                Under::Pan(track)
            } else {
                Under::Strip(Strip::Track(track))
            });
        }
        if self.outs.contains(at) {
            let out = nth(self.outs, &self.shown_outs)?;
            let is_bus = out < model.status.buses.len();
            return Some(Under::Strip(match is_bus {
                true => Strip::Bus(out),
                false => Strip::Master,
            }));
        }
        if self.wave.contains(at) || self.ruler.contains(at) {
            let length = model.status.position.length_frames?;
            let width = u64::from(self.wave.width.max(1));
            let frame = |x: u64| x * length / width;
            let x = u64::from(column - self.wave.x);
            if self.ruler.contains(at) {
                // The section that begins at or before the end of this cell.
                let mut all = model.sections.iter();
                let section = all.rposition(|s| s.start < frame(x + 1));
                return section.map(Under::Section);
            }
            return Some(Under::Frame(frame(x).min(length.saturating_sub(1))));
        }
        if self.songs.contains(at) {
            let below = Rect {
                y: self.songs.y + 1,
                ..self.songs
            };
            return (row > self.songs.y)
                .then(|| nth(below, &self.shown_songs))
                .flatten()
                .map(Under::Song);
        }
        if self.transport.contains(at) {
            return Some(Under::Transport);
        }
        self.keys.contains(at).then_some(Under::Keys)
    }
}

impl Columns {
    /// For strips so wide.
    fn new(width: u16) -> Self {
        let name = match width {
            ..=59 => 8,
            60..=99 => 12,
            _ => 18,
        };
        let bus = if width >= 60 { 6 } else { 0 };
        let peak = if width >= 52 { 5 } else { 0 };
        let pan = if width >= 44 { 4 } else { 0 };
        let mut at = 0;
        let mut left = width;
        let mut all = Self::default();
        let fixed: u16 = [4, name, peak, 5, pan, 1, 1, bus]
            .into_iter()
            .map(|w: u16| if w > 0 { w + 1 } else { 0 })
            .sum();
        let meter = width.saturating_sub(fixed);
        let mut take = |to: &mut (u16, u16), width: u16| {
            let width = width.min(left);
            *to = (at, width);
            let with_gap = if width > 0 { width + 1 } else { 0 };
            at += with_gap;
            left = left.saturating_sub(with_gap);
        };
        take(&mut all.number, 4);
        take(&mut all.name, name);
        take(&mut all.meter, meter);
        take(&mut all.peak, peak);
        take(&mut all.level, 5);
        take(&mut all.pan, pan);
        take(&mut all.mute, 1);
        take(&mut all.solo, 1);
        take(&mut all.bus, bus);
        all
    }
}

/// Which of `n` are shown in so many rows, `at` among them.
fn window(n: usize, rows: u16, at: usize) -> Range<usize> {
    let rows = usize::from(rows);
    if n <= rows {
        return 0..n;
    }
    // In pages with the selected one in the middle, but for the ends.
    let from = at.saturating_sub(rows / 2).min(n - rows);
    from..from + rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows() {
        assert_eq!(window(3, 5, 0), 0..3);
        assert_eq!(window(10, 4, 0), 0..4);
        assert_eq!(window(10, 4, 5), 3..7);
        assert_eq!(window(10, 4, 9), 6..10);
        assert_eq!(window(10, 0, 9), 9..9);
    }

    #[test]
    fn columns_never_leave_their_strip() {
        for width in 0..300 {
            let c = Columns::new(width);
            let all = [
                c.number, c.name, c.meter, c.peak, c.level, c.pan, c.mute, c.solo, c.bus,
            ];
            let mut end = 0;
            for (from, columns) in all {
                if columns > 0 {
                    assert!(from >= end && from + columns <= width, "{width}: {c:?}");
                    end = from + columns;
                }
            }
            assert!(
                width < LEAST.0 || c.solo.1 == 1 && c.level.1 == 5,
                "{width}"
            );
        }
    }
}
