//! The uppermost row: what the transport does, where it is, and in what.

use ratatui::layout::Rect;

use super::Page;
use crate::report::{State, clean, clock};
use crate::tui::look::Role;

pub(super) fn draw(page: &mut Page<'_>, area: Rect) {
    let model = page.model;
    let (status, position) = (&model.status, &model.status.position);
    let [playing, paused, stopped, ended] = model.look.glyphs.states;
    let (glyph, word, role) = match position.state {
        State::Playing => (playing, "PLAYING", Role::Playing),
        State::Paused => (paused, "PAUSED ", Role::Standing),
        State::Stopped => (stopped, "STOPPED", Role::Standing),
        State::Ended => (ended, "ENDED  ", Role::Standing),
    };
    let role = if position.reason.is_some() {
        Role::Alarm
    } else {
        role
    };
    let mut x = page.put(area, 0, 0, &format!(" {glyph} {word} "), role);
    let at = clock(position.frame, status.rate);
    x = page.put(area, x + 1, 0, &at, Role::Strong);
    if let Some(length) = position.length_frames {
        let length = format!(" / {}", clock(length, status.rate));
        x = page.put(area, x, 0, &length, Role::Text);
    }
    if let Some(beat) = model.grid.beat_at(position.frame) {
        let bar = format!("bar {}.{}", beat.bar, beat.beat);
        x = page.put(area, x + 2, 0, &bar, Role::Strong);
    }
    if let Some((a, b)) = status.looping {
        let (a, b) = (clock(a, status.rate), clock(b, status.rate));
        x = page.put(area, x + 2, 0, &format!("loop {a}-{b}"), Role::High);
    }
    if let Some(reason) = &position.reason {
        page.put(area, x + 2, 0, &clean(reason), Role::Bad);
        return;
    }
    if let Some(section) = &position.section {
        x = page.put(area, x + 2, 0, &clean(section), Role::Strong);
    }
    if let Some(armed) = &model.armed {
        let to = format!("{} {}", model.look.glyphs.to, clean(armed));
        x = page.put(area, x + 1, 0, &to, Role::High);
    }
    let Some(title) = &position.song else {
        return;
    };
    let mut title = clean(title);
    if status.songs.len() > 1 {
        title = format!("{}/{} {title}", status.song + 1, status.songs.len());
    }
    let room = area.width.saturating_sub(x + 2);
    let title: String = title.chars().take(room.into()).collect();
    page.put_right(area, 0, &title, Role::Text);
}
