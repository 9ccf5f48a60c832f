//! The end of the log.

use ratatui::layout::Rect;

use super::Page;
use crate::tui::log::Weight;
use crate::tui::look::Role;

pub(super) fn draw(page: &mut Page<'_>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let model = page.model;
    // A heading where there is room for more than it.
    let from = u16::from(area.height > 2);
    if from > 0 {
        page.heading(area, "Log");
    }
    let rows = usize::from(area.height - from);
    // A sentence is wrapped: its end tells what to do.
    let indent = 8;
    let width = usize::from(area.width.saturating_sub(indent)).max(8);
    let mut wrapped = Vec::new();
    for line in model.log.iter().rev() {
        let role = match line.weight {
            Weight::Note => Role::Text,
            Weight::Warning => Role::High,
            Weight::Error => Role::Bad,
        };
        let pieces = wrap(&line.text, width);
        for (i, piece) in pieces.into_iter().enumerate().rev() {
            wrapped.push(((i == 0).then_some(line.at), piece, role));
        }
        if wrapped.len() >= rows {
            break;
        }
    }
    wrapped.truncate(rows);
    for (y, (at, text, role)) in (from..).zip(wrapped.into_iter().rev()) {
        if let Some(at) = at {
            let s = at.as_secs();
            let at = format!("{:>4}:{:02}", s / 60, s % 60);
            page.put(area, 0, y, &at, Role::Dim);
        }
        page.put(area, indent, y, &text, role);
    }
}

/// Breaks a text at spaces, where it can be.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let cells = word.chars().count();
        if used > 0 && used + 1 + cells > width {
            lines.push(String::new());
            used = 0;
        }
        for (i, c) in word.chars().enumerate() {
            let space = i == 0 && used > 0;
            if used + usize::from(space) >= width {
                lines.push(String::new());
                used = 0;
            }
            if let Some(line) = lines.last_mut() {
                if space {
                    line.push(' ');
                }
                line.push(c);
                used += 1 + usize::from(space);
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_broken_at_spaces() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!(wrap("four five", 4), ["four", "five"]);
    }
}
