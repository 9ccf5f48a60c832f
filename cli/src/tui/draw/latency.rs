//! The latency monitor: what callbacks take of the time there is.

use ratatui::layout::Rect;

use super::Page;
use crate::report::Latency;
use crate::tui::look::Role;

/// Per cent of the budget from which on it is much.
const HIGH_PCT: f64 = 50.0;
/// And from which on it is too much.
const BAD_PCT: f64 = 80.0;

/// How much of a budget is how bad.
pub(super) fn role(usage_pct: f64) -> Role {
    match usage_pct {
        pct if pct >= BAD_PCT => Role::Bad,
        pct if pct >= HIGH_PCT => Role::Heavy,
        _ => Role::Good,
    }
}

pub(super) fn draw(page: &mut Page<'_>, area: Rect) {
    page.heading(area, "Latency monitor");
    // Where there are few rows, the bar stands beside the title.
    let tall = area.height > 8;
    match page.model.status.latency {
        Latency::Full {
            mean_ms,
            max_ms,
            xruns,
            budget_ms,
            usage_pct,
            total_callbacks,
            ..
        } => {
            let ms = |ms: f64| format!("{ms:.3} ms");
            let figures = [
                ("average", ms(mean_ms)),
                ("peak", ms(max_ms)),
                ("budget", ms(budget_ms)),
                ("usage", format!("{usage_pct:.1} %")),
                ("xruns", xruns.to_string()),
                ("calls", total_callbacks.to_string()),
            ];
            for (i, (name, value)) in (0u16..).zip(&figures) {
                let (x, y) = if tall { (0, i) } else { (i % 2 * 20, i / 2) };
                let value_role = match *name {
                    "usage" => role(usage_pct),
                    "peak" if budget_ms > 0.0 => role(max_ms / budget_ms * 100.0),
                    "xruns" if xruns > 0 => Role::Bad,
                    _ => Role::Text,
                };
                page.put(area, x, 1 + y, name, Role::Dim);
                page.put(area, x + 8, 1 + y, value, value_role);
            }
            let (x, y) = if tall { (0, 8) } else { (16, 0) };
            let bar = Rect {
                x: area.x + x,
                y: area.y + y,
                width: area.width.saturating_sub(x),
                height: 1,
            };
            if area.contains(bar.as_position()) {
                let colour = role(usage_pct);
                page.bar(bar, (usage_pct / 100.0) as f32, |_| colour);
            }
        }
        Latency::Sampled {
            total_callbacks,
            budget_ms,
            callbacks_per_s,
            longest_gap_ms,
        } => {
            let lines = [
                format!("calls {total_callbacks}, {callbacks_per_s:.1}/s"),
                format!("budget {budget_ms:.3} ms"),
                format!("longest gap {longest_gap_ms:.3} ms"),
            ];
            for (y, line) in (1u16..).zip(&lines) {
                page.put(area, 0, y, line, Role::Text);
            }
        }
        Latency::Off => {
            page.put(area, 0, 1, "not measuring", Role::Dim);
        }
    }
}
