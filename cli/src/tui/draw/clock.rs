//! Where it is, in digits that are read from the other end of a stage.

use ratatui::layout::Rect;

use super::Page;
use crate::report::{State, clock};
use crate::tui::look::Role;

/// Rows of a digit on the screen.
pub const ROWS: u16 = 3;
/// Dots of a digit, one on the other.
const HIGH: u16 = 5;
/// The digits, in dots: the three of each row as bits.
const DIGITS: [[u8; HIGH as usize]; 10] = [
    [7, 5, 5, 5, 7],
    [2, 6, 2, 2, 7],
    [7, 1, 7, 4, 7],
    [7, 1, 7, 1, 7],
    [5, 5, 7, 1, 1],
    [7, 4, 7, 1, 7],
    [7, 4, 7, 5, 7],
    [7, 1, 1, 1, 1],
    [7, 5, 7, 5, 7],
    [7, 5, 7, 1, 7],
];
/// Columns of a dot: cells are about twice as high as wide, and a row has two dots.
const DOT: u16 = 2;

/// How many dots wide a character is, and its dots.
fn dots(c: char) -> (u16, [u8; HIGH as usize]) {
    match c {
        ':' => (1, [0, 1, 0, 1, 0]),
        '.' => (1, [0, 0, 0, 0, 1]),
        c => {
            let digit = c.to_digit(10).and_then(|d| DIGITS.get(d as usize));
            (3, digit.copied().unwrap_or_default())
        }
    }
}

/// Columns that a text takes.
fn width(text: &str) -> u16 {
    text.chars().map(|c| dots(c).0 * DOT + 1).sum::<u16>()
}

pub(super) fn draw(page: &mut Page<'_>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let model = page.model;
    let position = &model.status.position;
    if model.status.rate == 0 {
        return;
    }
    let at = clock(position.frame, model.status.rate);
    let role = match position.state {
        State::Playing => Role::Strong,
        _ => Role::High,
    };
    put(page, area, 1, &at, role);
    if let Some(beat) = model.grid.beat_at(position.frame) {
        let bar = format!("{}.{}", beat.bar, beat.beat);
        let x = area.width.saturating_sub(width(&bar) + 1);
        if x > width(&at) + 8 {
            page.put(area, x - 5, ROWS - 1, "bar", Role::Dim);
            put(page, area, x, &bar, role);
        }
    }
}

fn put(page: &mut Page<'_>, area: Rect, mut x: u16, text: &str, role: Role) {
    let Some([upper, lower, both]) = page.model.look.glyphs.halves else {
        return;
    };
    for c in text.chars() {
        let (wide, rows) = dots(c);
        let on = |column: u16, row: u16| {
            let bits = rows.get(usize::from(row)).copied().unwrap_or(0);
            bits >> (wide - 1 - column) & 1 == 1
        };
        for column in 0..wide {
            for y in 0..ROWS {
                let glyph = match (on(column, 2 * y), on(column, 2 * y + 1)) {
                    (true, true) => both,
                    (true, false) => upper,
                    (false, true) => lower,
                    (false, false) => continue,
                };
                for i in 0..DOT {
                    page.put(area, x + column * DOT + i, y, glyph, role);
                }
            }
        }
        x += wide * DOT + 1;
    }
}
