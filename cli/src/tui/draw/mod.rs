//! Drawing: a model on a buffer of cells.

pub(super) mod clock;
mod help;
mod keys;
mod latency;
mod log;
mod overview;
mod songs;
mod status;
mod strips;
mod transport;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::layout::Layout;
use super::look::Role;
use super::model::Model;
use crate::report::clean;

/// Draws everything.
pub fn draw(model: &Model, layout: &Layout, buffer: &mut Buffer) {
    let mut page = Page { model, buffer };
    if layout.transport.is_empty() {
        page.put(layout.area, 0, 0, "too small a window", Role::Text);
        return;
    }
    transport::draw(&mut page, layout.transport);
    clock::draw(&mut page, layout.clock);
    overview::draw(&mut page, layout.ruler, layout.wave);
    strips::draw(&mut page, layout);
    latency::draw(&mut page, layout.latency);
    songs::draw(&mut page, layout.songs, &layout.shown_songs);
    log::draw(&mut page, layout.log);
    status::draw(&mut page, layout.status);
    keys::draw(&mut page, layout.keys);
    if model.panes.help {
        help::draw(&mut page, layout.area);
    }
}

/// A model, and the cells that it is drawn on.
struct Page<'a> {
    model: &'a Model,
    buffer: &'a mut Buffer,
}

impl Page<'_> {
    fn style(&self, role: Role) -> Style {
        self.model.look.style(role)
    }

    /// Puts text on a place of an area, cut at the area's end. Gives the column after it.
    fn put(&mut self, area: Rect, x: u16, y: u16, text: &str, role: Role) -> u16 {
        let style = self.style(role);
        self.put_styled(area, x, y, text, style)
    }

    fn put_styled(&mut self, area: Rect, x: u16, y: u16, text: &str, style: Style) -> u16 {
        if x >= area.width || y >= area.height {
            return x;
        }
        let left = usize::from(area.width - x);
        // Nothing of what was there before.
        let style = Style::reset().patch(style);
        let (at, _) = self
            .buffer
            .set_stringn(area.x + x, area.y + y, text, left, style);
        at - area.x
    }

    /// Puts text at the right end of an area. Gives the column it begins at.
    fn put_right(&mut self, area: Rect, y: u16, text: &str, role: Role) -> u16 {
        let width = u16::try_from(text.chars().count()).unwrap_or(u16::MAX);
        let x = area.width.saturating_sub(width);
        self.put(area, x, y, text, role);
        x
    }

    /// A name of strangers' making, cut to so many columns.
    fn put_name(&mut self, area: Rect, x: u16, y: u16, name: &str, width: u16, role: Role) {
        let narrow = Rect {
            width: (x + width).min(area.width),
            ..area
        };
        self.put(narrow, x, y, &clean(name), role);
    }

    /// A heading with a line to the area's end.
    fn heading(&mut self, area: Rect, title: &str) {
        if area.is_empty() {
            return;
        }
        let line = self.model.look.glyphs.line;
        let from = self.put(area, 0, 0, title, Role::Frame) + 1;
        for x in from..area.width {
            self.put(area, x, 0, line, Role::Dim);
        }
    }

    /// A bar in a row of cells, filled to `part` (0 to 1); `role` gives the style of each part.
    fn bar(&mut self, area: Rect, part: f32, role: impl Fn(f32) -> Role) {
        let fills = &self.model.look.glyphs.fills;
        let width = f32::from(area.width);
        let eighths = (part.clamp(0.0, 1.0) * width * 8.0).round() as usize;
        for x in 0..area.width {
            let fill = eighths.saturating_sub(usize::from(x) * 8).min(8);
            if fill == 0 {
                break;
            }
            let glyph = fills.get(fill).copied().unwrap_or(" ");
            // The end of the bar shows what the level is.
            let end = f32::from(x + 1) / width;
            self.put(area, x, 0, glyph, role(end.min(part)));
        }
    }
}

/// A level as people read it: `-12.3`, `+2.0`, ` -inf`; five columns.
fn decibels(db: f64, signed: bool) -> String {
    if db < -99.0 {
        " -inf".into()
    } else if signed && db > 0.04 {
        format!("{db:+5.1}")
    } else {
        // No −0.0.
        format!("{:5.1}", (db * 10.0).round() / 10.0 + 0.0)
    }
}
