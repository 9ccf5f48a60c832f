//! Every key and what the mouse does, over everything else.

use ratatui::layout::Rect;

use super::Page;
use super::keys::written;
use crate::tui::input::{KEYS, MOUSE};
use crate::tui::look::Role;

/// Columns of a key.
const KEY: u16 = 11;
/// Columns of a key and what it does.
const COLUMN: u16 = 40;

pub(super) fn draw(page: &mut Page<'_>, area: Rect) {
    for y in 0..area.height {
        let blank = " ".repeat(area.width.into());
        let style = ratatui::style::Style::reset();
        page.put_styled(area, 0, y, &blank, style);
    }
    page.heading(area, "Keys and mouse");
    let glyphs = page.model.look.glyphs;
    let keys = KEYS
        .iter()
        .map(|(key, does, _)| (written(key, glyphs), *does));
    let mouse = MOUSE.iter().map(|(at, does)| ((*at).to_owned(), *does));
    let all: Vec<(String, &str)> = keys.chain(mouse).collect();
    let columns = (area.width / COLUMN).max(1);
    let rows = area.height.saturating_sub(2);
    // As few as there must be, so that columns are alike.
    let each = u16::try_from(all.len())
        .unwrap_or(u16::MAX)
        .div_ceil(columns);
    let each = each.min(rows).max(1);
    for (i, (key, does)) in (0u16..).zip(&all) {
        let (x, y) = (i / each * COLUMN, 1 + i % each);
        page.put(area, x, y, key, Role::Key);
        page.put_name(area, x + KEY, y, does, COLUMN - KEY - 1, Role::Text);
    }
    let last = area.height - 1;
    page.put(area, 0, last, "any key closes this", Role::Dim);
}
