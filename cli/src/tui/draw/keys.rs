//! The lowest row: the keys that matter most, as many as fit; for a moment what came of saving.

use ratatui::layout::Rect;

use super::Page;
use crate::tui::input::KEYS;
use crate::tui::look::{Glyphs, Role};

pub(super) fn draw(page: &mut Page<'_>, area: Rect) {
    let model = page.model;
    if let Some(prefix) = model.prefix {
        let what = if prefix == 'm' { "mute" } else { "solo" };
        let text = format!("{what} track: 1-9, 0 for 10");
        page.put(area, 0, 0, &text, Role::High);
        return;
    }
    if let Some((said, bad)) = &model.notice {
        let role = if *bad { Role::Bad } else { Role::High };
        page.put_name(area, 0, 0, said, area.width, role);
        return;
    }
    let all = KEYS.iter().filter_map(|(_, _, shown)| *shown);
    let all = all.map(|(key, word)| (written(key, model.look.glyphs), word));
    let mut all: Vec<(String, &str)> = all.collect();
    let width = |all: &[(String, &str)], gap: usize| -> usize {
        let each = all
            .iter()
            .map(|(key, word)| key.chars().count() + 1 + word.chars().count() + gap);
        each.sum::<usize>().saturating_sub(gap)
    };
    let room = usize::from(area.width);
    let gap = if width(&all, 2) <= room { 2 } else { 1 };
    // Help and quit, the last ones, are always there.
    while width(&all, gap) > room && all.len() > 2 {
        all.remove(all.len() - 3);
    }
    let mut x = 0;
    for (key, word) in all {
        x = page.put(area, x, 0, &key, Role::Key);
        x = page.put(area, x + 1, 0, word, Role::Text) + gap as u16;
    }
}

/// A key as the terminal can show it.
pub(super) fn written(key: &str, glyphs: &Glyphs) -> String {
    let [across, along] = glyphs.arrows;
    key.replace("<>", across).replace("^v", along)
}
