//! The whole song: its sections, its wave form, the loop, and where playing is.

use ratatui::layout::Rect;

use super::Page;
use crate::report::clean;
use crate::tui::look::Role;

/// Quiet passages are to be seen, too.
const CURVE: f32 = 0.7;

pub(super) fn draw(page: &mut Page<'_>, ruler: Rect, wave: Rect) {
    if wave.is_empty() {
        return;
    }
    let model = page.model;
    let position = &model.status.position;
    let Some(length) = position.length_frames.filter(|n| *n > 0) else {
        return;
    };
    let width = u64::from(wave.width);
    let column = |frame: u64| u16::try_from(frame.min(length) * width / length).unwrap_or(0);
    sections(page, ruler, column);

    let head = column(position.frame).min(wave.width - 1);
    let glyphs = model.look.glyphs;
    let levels = &model.wave.levels;
    let highest = levels.iter().copied().fold(0.0, f32::max);
    let steps = f32::from(wave.height) * 8.0;
    for x in 0..wave.width {
        // The highest of those that the column stands for.
        let n = levels.len();
        let from = usize::from(x) * n / usize::from(wave.width);
        let to = (usize::from(x + 1) * n / usize::from(wave.width)).max(from + 1);
        let level = levels
            .iter()
            .take(to)
            .skip(from)
            .copied()
            .fold(0.0, f32::max);
        let level = if highest > 0.0 { level / highest } else { 0.0 };
        let eighths = (level.powf(CURVE) * steps).round() as usize;
        let role = if x < head { Role::Played } else { Role::ToCome };
        for y in 0..wave.height {
            let below = usize::from(wave.height - 1 - y) * 8;
            let rise = eighths.saturating_sub(below).min(8);
            let glyph = match glyphs.rises.get(rise).copied().unwrap_or(" ") {
                // A silent song has a line, for something to click on.
                " " if y + 1 == wave.height => glyphs.line,
                glyph => glyph,
            };
            page.put(wave, x, y, glyph, role);
        }
    }
    if let Some(read) = model.wave.reading {
        let text = format!(" reading {:.0} % ", read * 100.0);
        page.put_right(wave, 0, &text, Role::Dim);
    }
    if let Some((a, b)) = model.status.looping {
        let [open, close] = glyphs.brackets;
        let end = column(b).saturating_sub(1);
        for y in 0..wave.height {
            page.put(wave, column(a), y, open, Role::High);
            page.put(wave, end, y, close, Role::High);
        }
    }
    for y in 0..wave.height {
        page.put(wave, head, y, glyphs.head, Role::Head);
    }
}

fn sections(page: &mut Page<'_>, area: Rect, column: impl Fn(u64) -> u16) {
    let model = page.model;
    let here = model.section().map(|s| s.start);
    let mut all = model.sections.iter().peekable();
    while let Some(section) = all.next() {
        let from = column(section.start);
        let to = all.peek().map_or(area.width, |next| column(next.start));
        let role = if here == Some(section.start) {
            Role::Strong
        } else {
            Role::Dim
        };
        let x = from + 1;
        page.put(area, from, 0, page.model.look.glyphs.hold, Role::Frame);
        if x < to {
            let name = clean(&section.name);
            page.put_name(area, x, 0, &name, to - x, role);
        }
    }
}
