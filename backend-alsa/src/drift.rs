//! How fast the device's clock goes, measured by the system's: a straight line through what had been
//! played at which time.

use std::time::Duration;

/// Shortest time a figure is made of.
const LEAST: Duration = Duration::from_secs(10);
/// A figure with a greater standard error than this is none, ppm.
const ERROR: f64 = 20.0;

/// The line, by its sums relative to the first point.
#[derive(Debug, Default)]
pub(crate) struct Drift {
    first: Option<(Duration, u64)>,
    span: Duration,
    n: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Drift {
    /// The stream was interrupted: frames and time have lost each other.
    pub(crate) fn restart(&mut self) {
        *self = Self::default();
    }

    /// At time `at`, `played` frames of a stream at `rate` Hz had been played.
    pub(crate) fn see(&mut self, at: Duration, played: u64, rate: u32) {
        let (t0, p0) = *self.first.get_or_insert((at, played));
        let (Some(span), Some(frames)) = (at.checked_sub(t0), played.checked_sub(p0)) else {
            self.restart();
            return;
        };
        self.span = span;
        let x = span.as_secs_f64();
        // How far the device is ahead, s: near nothing, so that the squares keep their digits.
        let y = frames as f64 / f64::from(rate.max(1)) - x;
        self.n += 1.0;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.xy += x * y;
        self.yy += y * y;
    }

    /// How much faster than the system's the device's clock is, ppm; `None` until that is known.
    pub(crate) fn ppm(&self) -> Option<f32> {
        if self.span < LEAST || self.n < 3.0 {
            return None;
        }
        let sxx = self.xx - self.x * self.x / self.n;
        let sxy = self.xy - self.x * self.y / self.n;
        let syy = self.yy - self.y * self.y / self.n;
        let slope = sxy / sxx;
        let rest = (syy - slope * sxy).max(0.0);
        let error = (rest / (self.n - 2.0) / sxx).sqrt();
        let ppm = slope * 1e6;
        (error * 1e6 < ERROR && ppm.is_finite()).then_some(ppm as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock that is `ppm` fast, seen four times a second with `jitter` frames of uncertainty.
    fn after(seconds: u64, ppm: f64, jitter: f64) -> Option<f32> {
        let mut drift = Drift::default();
        let mut dice = 12345u32;
        for i in 0..seconds * 4 + 1 {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let off = f64::from(dice >> 8) / f64::from(1u32 << 24) * jitter;
            let t = i as f64 * 0.25;
            let played = t * 48_000.0 * (1.0 + ppm * 1e-6) + 5000.0 - off;
            let at = Duration::from_secs(1000) + Duration::from_secs_f64(t);
            drift.see(at, played as u64, 48_000);
        }
        drift.ppm()
    }

    #[test]
    fn a_fast_and_a_slow_clock_are_told() {
        for ppm in [-150.0, 0.0, 37.0, 4000.0] {
            let told = f64::from(after(20, ppm, 0.0).unwrap());
            assert!((told - ppm).abs() < 2.0, "{told} for {ppm}");
            // A position that is known to a period only needs longer.
            let told = f64::from(after(600, ppm, 1024.0).unwrap());
            assert!((told - ppm).abs() < 15.0, "{told} for {ppm}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        assert_eq!(after(5, 100.0, 0.0), None);
        assert_eq!(after(12, 100.0, 2048.0), None);
        let mut drift = Drift::default();
        assert_eq!(drift.ppm(), None);
        drift.see(Duration::from_secs(9), 100, 48_000);
        // Time or position that goes back is another beginning.
        drift.see(Duration::from_secs(8), 200, 48_000);
        assert_eq!(drift.n, 0.0);
    }
}
