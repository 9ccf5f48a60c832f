//! The setlist.

use std::ops::Range;

use ratatui::layout::Rect;

use super::Page;
use crate::tui::look::Role;

pub(super) fn draw(page: &mut Page<'_>, area: Rect, shown: &Range<usize>) {
    let model = page.model;
    let status = &model.status;
    page.heading(area, &format!("Setlist ({})", status.songs.len()));
    let songs = status.songs.iter().enumerate();
    for (y, (i, title)) in (1u16..).zip(songs.skip(shown.start).take(shown.len())) {
        let here = i == status.song;
        let role = if here { Role::Strong } else { Role::Text };
        if here {
            page.put(area, 0, y, model.look.glyphs.marker, Role::Key);
        }
        let x = page.put(area, 1, y, &format!("{:>3} ", i + 1), Role::Dim);
        page.put_name(area, x, y, title, area.width.saturating_sub(x), role);
    }
}
