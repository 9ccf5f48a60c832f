//! What a level meter shows: it rises at once, falls slowly, and holds its peak.

use std::time::Duration;

/// How fast a meter falls, dB a second: IEC 60268-18's 20 dB in 1.7 s is a little slower.
const FALL: f32 = 20.0;
/// How long a peak is held.
const HOLD: Duration = Duration::from_millis(1500);
/// What counts as silence, dB.
pub const FLOOR_DB: f32 = -70.0;
/// The upper end of the scale, dB.
pub const TOP_DB: f32 = 6.0;

/// One meter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Meter {
    /// What the bar shows, dB.
    pub shown: f32,
    /// The held peak, dB.
    pub held: f32,
    /// The highest since it was last cleared, dB.
    pub highest: f32,
    until: Duration,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            shown: FLOOR_DB,
            held: FLOOR_DB,
            highest: FLOOR_DB,
            until: Duration::ZERO,
        }
    }
}

impl Meter {
    /// Takes the peak (linear) since the last time, `passed` ago.
    pub fn take(&mut self, peak: f32, now: Duration, passed: Duration) {
        let db = decibels(peak).max(FLOOR_DB);
        self.shown = (self.shown - FALL * passed.as_secs_f32()).max(db);
        self.highest = self.highest.max(db);
        if db >= self.held {
            self.held = db;
            self.until = now + HOLD;
        } else if now >= self.until {
            self.held = self.shown;
        }
    }

    /// Whether it was beyond full scale since it was last cleared.
    pub fn over(&self) -> bool {
        self.highest > 0.0
    }

    /// Forgets peaks.
    pub fn clear(&mut self) {
        self.held = self.shown;
        self.highest = self.shown;
    }
}

/// A linear level in dB, −∞ for silence; a NaN is silence.
pub fn decibels(level: f32) -> f32 {
    20.0 * level.max(0.0).log10()
}

/// Where a level (dB) is on a scale from 0 to 1, whose upper end is at [`TOP_DB`]: as on a meter
/// of IEC 60268-18, with more room for what is loud.
pub fn place(db: f32) -> f32 {
    let deflection = match db {
        db if db < -60.0 => (db + 70.0) * 0.25,
        db if db < -50.0 => (db + 60.0) * 0.5 + 2.5,
        db if db < -40.0 => (db + 50.0) * 0.75 + 7.5,
        db if db < -30.0 => (db + 40.0) * 1.5 + 15.0,
        db if db < -20.0 => (db + 30.0) * 2.0 + 30.0,
        db => (db + 20.0) * 2.5 + 50.0,
    };
    const TOP: f32 = (TOP_DB + 20.0) * 2.5 + 50.0;
    (deflection / TOP).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_at_once_falls_slowly_and_holds() {
        let mut m = Meter::default();
        let ms = Duration::from_millis;
        m.take(0.5, ms(0), ms(33));
        assert!((m.shown + 6.02).abs() < 0.01 && (m.held + 6.02).abs() < 0.01);
        m.take(0.0, ms(500), ms(500));
        assert!((m.shown + 16.02).abs() < 0.01, "{}", m.shown);
        assert!((m.held + 6.02).abs() < 0.01);
        m.take(0.0, ms(1499), ms(500));
        assert!((m.held + 6.02).abs() < 0.01);
        m.take(0.0, ms(1500), ms(1));
        assert_eq!(m.held, m.shown);
        // A lower peak that is higher than what is shown is shown, and not held.
        m.take(0.25, ms(1600), ms(100));
        assert!((m.shown + 12.04).abs() < 0.01);
        m.take(0.0, ms(60_000), ms(50_000));
        assert_eq!((m.shown, m.held), (FLOOR_DB, FLOOR_DB));
        assert!(!m.over());
        m.take(1.01, ms(60_001), ms(1));
        assert!(m.over());
        m.take(0.0, ms(90_000), ms(29_000));
        assert!(m.over());
        m.clear();
        assert!(!m.over());
    }

    #[test]
    fn the_scale_never_turns_back() {
        assert_eq!(place(f32::NEG_INFINITY), 0.0);
        assert_eq!(place(TOP_DB), 1.0);
        assert_eq!(place(100.0), 1.0);
        let mut last = 0.0;
        for tenth in -800..=60 {
            let at = place(tenth as f32 / 10.0);
            assert!(at >= last, "{tenth}");
            last = at;
        }
        assert!((place(-20.0) - 50.0 / 115.0).abs() < 1e-6);
        assert_eq!(decibels(f32::NAN), f32::NEG_INFINITY);
    }
}
