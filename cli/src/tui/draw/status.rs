//! The row of what a technician looks at: the device, the three kinds of faults, the load.

use ratatui::layout::Rect;

use super::{Page, latency};
use crate::report::{Latency, clean};
use crate::tui::look::Role;

pub(super) fn draw(page: &mut Page<'_>, area: Rect) {
    let model = page.model;
    let s = &model.status;
    // What is wrong comes first, so that a narrow window shows it.
    let mut x = 0;
    let faults = [
        ("xruns", s.device_xruns),
        ("late", s.late_callbacks),
        ("starved", Some(s.starvations)),
        ("clips", Some(s.clips)),
    ];
    for (name, count) in faults {
        let value = count.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let role = if count.unwrap_or(0) > 0 {
            Role::Bad
        } else {
            Role::Text
        };
        x = page.put(area, x, 0, name, Role::Dim) + 1;
        x = page.put(area, x, 0, &value, role) + 2;
    }
    // What a driver's server says of its load counts where no clock is read.
    let load = match s.latency {
        Latency::Full { usage_pct, .. } => Some(usage_pct),
        _ => s.delivery.cpu_load_pct,
    };
    x = page.put(area, x, 0, "DSP", Role::Dim) + 1;
    x = match load {
        Some(pct) => page.put(area, x, 0, &format!("{pct:.0} %"), latency::role(pct)),
        None => page.put(area, x, 0, "-", Role::Text),
    } + 2;
    for (name, count) in [("lost", s.losses), ("damaged", s.damaged)] {
        if count > 0 {
            x = page.put(area, x, 0, &format!("{name} {count}"), Role::Bad) + 2;
        }
    }
    let mut about = vec![clean(&s.backend)];
    if !s.device.is_empty() && s.device != s.backend {
        about.push(clean(&s.device));
    }
    if s.rate > 0 {
        about.push(format!("{} kHz", f64::from(s.rate) / 1000.0));
    }
    if let Some(ms) = s.position.latency.ms.filter(|ms| *ms > 0.0) {
        about.push(format!("{ms:.1} ms"));
    }
    let room = usize::from(area.width.saturating_sub(x));
    while about.join("  ").chars().count() > room && about.pop().is_some() {}
    page.put_right(area, 0, &about.join("  "), Role::Dim);
}
