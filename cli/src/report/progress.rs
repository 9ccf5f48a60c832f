//! The live line of a rendering: a bar, how far, how fast.

use std::time::Duration;

use super::live::cut;
use super::text::clock;

/// Cells of the bar.
const BAR: u64 = 30;

/// How far a rendering is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Frames rendered.
    pub done: u64,
    /// Frames there will be.
    pub total: u64,
    /// Sample rate, Hz.
    pub rate: u32,
    /// Since the start.
    pub taken: Duration,
}

impl Progress {
    /// The line, at most `columns` wide.
    pub(super) fn line(&self, columns: usize) -> String {
        let total = self.total.max(1);
        let part = |of: u64| {
            let part = u128::from(self.done.min(total)) * u128::from(of) / u128::from(total);
            part as u64
        };
        let full = part(BAR) as usize;
        let mut line = format!(
            "rendering [{}{}] {:3} %  {} / {}",
            "#".repeat(full),
            "-".repeat(BAR as usize - full),
            part(100),
            clock(self.done, self.rate),
            clock(self.total, self.rate),
        );
        let seconds = self.taken.as_secs_f64();
        if seconds > 0.2 && self.rate > 0 {
            let speed = self.done as f64 / f64::from(self.rate) / seconds;
            line += &format!("  {speed:.0} × real time");
        }
        cut(line, columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fills_and_never_overflows() {
        let mut p = Progress {
            done: 0,
            total: 48_000 * 60,
            rate: 48_000,
            taken: Duration::ZERO,
        };
        assert_eq!(
            p.line(100),
            "rendering [------------------------------]   0 %  0:00.0 / 1:00.0"
        );
        p.done = 48_000 * 30;
        p.taken = Duration::from_millis(500);
        assert_eq!(
            p.line(100),
            "rendering [###############---------------]  50 %  0:30.0 / 1:00.0  60 × real time"
        );
        p.done = u64::MAX;
        assert!(p.line(80).contains("] 100 %"));
        assert_eq!(p.line(12), "rendering [#");
        p.total = 0;
        p.rate = 0;
        assert!(p.line(200).contains("100 %"));
    }
}
