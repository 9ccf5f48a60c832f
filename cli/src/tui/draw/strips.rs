//! The mixer: a row for each track, each bus and the master.

use ratatui::layout::Rect;

use super::{Page, decibels};
use crate::tui::layout::Layout;
use crate::tui::look::Role;
use crate::tui::meter::{FLOOR_DB, Meter, place};
use crate::tui::model::Strip;

/// Where the scale has numbers, dB.
const SCALE: [i8; 7] = [-60, -40, -30, -20, -10, 0, 6];
/// From here on a level is high, dB.
const HIGH_DB: f32 = -9.0;
/// From here on it is too high, dB.
const BAD_DB: f32 = 0.0;

pub(super) fn draw(page: &mut Page<'_>, layout: &Layout) {
    heading(page, layout);
    let model = page.model;
    for strip in model.strips() {
        if let Some(row) = layout.row(strip, model) {
            draw_strip(page, layout, strip, row);
        }
    }
    // Where there are more than fit.
    let more = model.look.glyphs.more;
    let lists = [
        (
            layout.tracks,
            &layout.shown_tracks,
            model.status.tracks.len(),
        ),
        (
            layout.outs,
            &layout.shown_outs,
            model.status.buses.len() + 1,
        ),
    ];
    for (area, shown, n) in lists {
        let [above, below] = more;
        if area.is_empty() {
            continue;
        }
        if shown.start > 0 {
            page.put(area, 0, 0, above, Role::Key);
        }
        if shown.end < n {
            page.put(area, 0, area.height - 1, below, Role::Key);
        }
    }
}

fn heading(page: &mut Page<'_>, layout: &Layout) {
    let (area, c) = (layout.heading, &layout.columns);
    let names = [
        (c.name, "Track"),
        (c.peak, " Peak"),
        (c.level, "   dB"),
        (c.pan, " Pan"),
        (c.mute, "M"),
        (c.solo, "S"),
        (c.bus, "Bus"),
    ];
    for ((x, width), name) in names {
        if width > 0 {
            page.put_name(area, x, 0, name, width, Role::Frame);
        }
    }
    let (x, width) = c.meter;
    let meter = Rect {
        x: area.x + x,
        width,
        ..area
    };
    let mut free = 0;
    for db in SCALE {
        let text = db.to_string();
        let cells = text.len() as u16;
        let at = cell(f32::from(db), width);
        // The last digit stands over the place; the last number ends with the scale.
        let from = (at + 1)
            .saturating_sub(cells)
            .min(width.saturating_sub(cells));
        if from >= free && width >= cells {
            page.put(meter, from, 0, &text, Role::Dim);
            free = from + cells + 1;
        }
    }
}

/// The cell of a meter that a level is in.
fn cell(db: f32, width: u16) -> u16 {
    let at = (place(db) * f32::from(width)) as u16;
    at.min(width.saturating_sub(1))
}

fn draw_strip(page: &mut Page<'_>, layout: &Layout, strip: Strip, row: Rect) {
    let (model, c) = (page.model, &layout.columns);
    let status = &model.status;
    let selected = model.selected == strip;
    if selected {
        page.put(row, 0, 0, model.look.glyphs.marker, Role::Key);
    }
    let name = match strip {
        Strip::Track(i) => status.tracks.get(i).map(|t| t.name.as_str()),
        Strip::Bus(i) => status.buses.get(i).map(|b| b.name.as_str()),
        Strip::Master => Some("master"),
    };
    if let Strip::Track(i) = strip {
        page.put(row, 1, 0, &format!("{:>3}", i + 1), Role::Dim);
    }
    let role = match (selected, strip) {
        (true, _) => Role::Selected,
        (false, Strip::Track(_)) => Role::Text,
        (false, _) => Role::Frame,
    };
    page.put_name(row, c.name.0, 0, name.unwrap_or(""), c.name.1, role);

    let meter_area = Rect {
        x: row.x + c.meter.0,
        width: c.meter.1,
        ..row
    };
    let level = model.level(strip);
    let meter = match strip {
        Strip::Track(i) => model.tracks.get(i),
        Strip::Bus(i) => model.buses.get(i),
        Strip::Master => None,
    };
    match meter {
        Some(meter) => {
            draw_meter(page, meter_area, meter);
            if c.peak.1 > 0 {
                let role = if meter.over() { Role::Bad } else { Role::Dim };
                let held = if meter.over() {
                    meter.highest
                } else {
                    meter.held
                };
                let held = if held <= FLOOR_DB {
                    f64::NEG_INFINITY
                } else {
                    f64::from(held)
                };
                page.put(row, c.peak.0, 0, &decibels(held, false), role);
            }
        }
        None => fader(page, meter_area, level as f32),
    }
    page.put(row, c.level.0, 0, &decibels(level, true), Role::Text);
    let Strip::Track(i) = strip else {
        return;
    };
    let Some(track) = status.tracks.get(i) else {
        return;
    };
    if c.pan.1 > 0 {
        page.put(row, c.pan.0, 0, &pan(model.pan(i)), Role::Text);
    }
    let (on, off) = (Role::Muted, Role::Dim);
    page.put(row, c.mute.0, 0, "M", if track.mute { on } else { off });
    let on = Role::Soloed;
    page.put(row, c.solo.0, 0, "S", if track.solo { on } else { off });
    if c.bus.1 > 0 {
        page.put_name(row, c.bus.0, 0, &track.bus, c.bus.1, Role::Dim);
    }
}

fn draw_meter(page: &mut Page<'_>, area: Rect, meter: &Meter) {
    if area.is_empty() {
        return;
    }
    let glyphs = page.model.look.glyphs;
    let zero = cell(0.0, area.width);
    page.put(area, zero, 0, glyphs.zero, Role::Dim);
    let (high, bad) = (place(HIGH_DB), place(BAD_DB));
    let role = |part: f32| match part {
        part if part >= bad => Role::Bad,
        part if part >= high => Role::High,
        _ => Role::Good,
    };
    page.bar(area, place(meter.shown), role);
    if meter.held > FLOOR_DB {
        let at = cell(meter.held, area.width);
        let role = match meter.held {
            db if db >= BAD_DB => Role::Bad,
            db if db >= HIGH_DB => Role::High,
            _ => Role::Good,
        };
        if f32::from(at) >= place(meter.shown) * f32::from(area.width) {
            page.put(area, at, 0, glyphs.hold, role);
        }
    }
}

/// A level that is no meter's: a knob on a line.
fn fader(page: &mut Page<'_>, area: Rect, db: f32) {
    if area.is_empty() {
        return;
    }
    let glyphs = page.model.look.glyphs;
    for x in 0..area.width {
        page.put(area, x, 0, glyphs.line, Role::Dim);
    }
    page.put(area, cell(db, area.width), 0, glyphs.knob, Role::Strong);
}

/// A pan as people read it: ` L25`, `   C`, `R100`.
fn pan(pan: f64) -> String {
    let percent = (pan * 100.0).round();
    if percent < 0.0 {
        format!("{:>4}", format!("L{}", -percent))
    } else if percent > 0.0 {
        format!("{:>4}", format!("R{percent}"))
    } else {
        "   C".into()
    }
}
