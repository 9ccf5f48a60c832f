//! Linear time code (SMPTE 12M): the song's position as sound, for lights and video that follow it.
//!
//! A frame of time code is 80 bits, each a cell that begins with a change of sign, with another one in its middle for a 1. One bit
//! makes the number of 0s even, so that every frame begins with the same sign, and each sample is a function of its position.

use super::Maker;
use crate::song::Song;

/// Level of the square wave, as of a peak.
const LEVEL: f32 = 0.5;
/// Cells of a frame, and halves of cells.
const BITS: u64 = 80;
const HALVES: u64 = 2 * BITS;
/// What ends every frame, in the order of its bits.
const SYNC: u128 = 0b1011_1111_1111_1100;

/// How many frames of time code there are in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameRate {
    /// 24, film.
    Fps24,
    /// 25, EBU.
    Fps25,
    /// 30 000 / 1001, drop-frame: numbers are left out so that an hour is an hour.
    Fps2997Drop,
    /// 30.
    Fps30,
}

impl FrameRate {
    /// As in a song file.
    pub const ALL: [(&'static str, Self); 4] = [
        ("24", Self::Fps24),
        ("25", Self::Fps25),
        ("29.97df", Self::Fps2997Drop),
        ("30", Self::Fps30),
    ];

    /// Frames a second, as a fraction.
    fn fraction(self) -> (u64, u64) {
        match self {
            Self::Fps24 => (24, 1),
            Self::Fps25 => (25, 1),
            Self::Fps2997Drop => (30_000, 1001),
            Self::Fps30 => (30, 1),
        }
    }

    /// Numbers of frames in a second.
    fn numbers(self) -> u64 {
        match self {
            Self::Fps24 => 24,
            Self::Fps25 => 25,
            Self::Fps2997Drop | Self::Fps30 => 30,
        }
    }

    fn drops(self) -> bool {
        self == Self::Fps2997Drop
    }

    /// Frames of a day.
    fn day(self) -> u64 {
        match self.drops() {
            // Two numbers are left out in nine of ten minutes.
            true => 24 * 6 * DROP_TEN,
            false => 24 * 3600 * self.numbers(),
        }
    }
}

/// Frames of a minute and of ten, drop-frame.
const DROP_ONE: u64 = 60 * 30 - 2;
const DROP_TEN: u64 = 10 * 60 * 30 - 9 * 2;

/// A time of day in frames of time code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeCode {
    /// From 0 to 23.
    pub hours: u8,
    /// From 0 to 59.
    pub minutes: u8,
    /// From 0 to 59.
    pub seconds: u8,
    /// From 0, below the frame rate.
    pub frames: u8,
}

impl TimeCode {
    /// Reads `HH:MM:SS:FF`; `None` if that is no time at this rate.
    pub fn parse(text: &str, rate: FrameRate) -> Option<Self> {
        let mut parts = text.split([':', ';']).map(|part| match part.len() {
            1 | 2 if part.bytes().all(|b| b.is_ascii_digit()) => part.parse::<u8>().ok(),
            _ => None,
        });
        let mut next = |limit: u64| parts.next()?.filter(|n| u64::from(*n) < limit);
        let code = Self {
            hours: next(24)?,
            minutes: next(60)?,
            seconds: next(60)?,
            frames: next(rate.numbers())?,
        };
        let dropped = rate.drops()
            && code.frames < 2
            && code.seconds == 0
            && !code.minutes.is_multiple_of(10);
        (parts.next().is_none() && !dropped).then_some(code)
    }

    /// How many frames after midnight it is.
    fn count(self, rate: FrameRate) -> u64 {
        let minutes = u64::from(self.hours) * 60 + u64::from(self.minutes);
        let numbers = (minutes * 60 + u64::from(self.seconds)) * rate.numbers();
        let dropped = match rate.drops() {
            true => 2 * (minutes - minutes / 10),
            false => 0,
        };
        numbers + u64::from(self.frames) - dropped
    }

    /// The time `count` frames after midnight, of whatever day.
    fn from_count(count: u64, rate: FrameRate) -> Self {
        let mut count = count % rate.day();
        if rate.drops() {
            let (tens, rest) = (count / DROP_TEN, count % DROP_TEN);
            // The first minute of ten leaves out nothing.
            let minutes = match rest.checked_sub(60 * 30) {
                Some(rest) => 1 + rest / DROP_ONE,
                None => 0,
            };
            count += 2 * (9 * tens + minutes);
        }
        let numbers = rate.numbers();
        let seconds = count / numbers;
        // Each is below a hundred.
        Self {
            hours: (seconds / 3600 % 24) as u8,
            minutes: (seconds / 60 % 60) as u8,
            seconds: (seconds % 60) as u8,
            frames: (count % numbers) as u8,
        }
    }

    /// Its 80 bits, the first one lowest.
    fn bits(self, rate: FrameRate) -> u128 {
        let tens = |n: u8| u128::from(n / 10);
        let units = |n: u8| u128::from(n % 10);
        let mut bits = units(self.frames)
            | tens(self.frames) << 8
            | u128::from(rate.drops()) << 10
            | units(self.seconds) << 16
            | tens(self.seconds) << 24
            | units(self.minutes) << 32
            | tens(self.minutes) << 40
            | units(self.hours) << 48
            | tens(self.hours) << 56
            | SYNC << 64;
        if !bits.count_ones().is_multiple_of(2) {
            bits |= 1
                << match rate {
                    FrameRate::Fps25 => 59,
                    _ => 27,
                };
        }
        bits
    }
}

impl std::fmt::Display for TimeCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:02}:{:02}:{:02}:{:02}",
            self.hours, self.minutes, self.seconds, self.frames
        )
    }
}

/// Time code of the song's position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ltc {
    /// Frames a second.
    pub rate: FrameRate,
    /// The time at the music's beginning.
    pub start: TimeCode,
}

impl Default for Ltc {
    fn default() -> Self {
        Self {
            rate: FrameRate::Fps25,
            start: TimeCode::default(),
        }
    }
}

pub(super) struct Coder {
    rate: FrameRate,
    /// Time code at frame 0 of the song, in frames after midnight.
    start: u64,
    /// Halves of cells per frame of sound, as a fraction.
    over: u128,
    under: u128,
    /// Halves of cells that are gone at frame 0 of the song, times `under`.
    gone: u128,
}

impl Ltc {
    pub(super) fn maker(&self, song: &Song, rate: u32) -> Coder {
        let (frames, seconds) = self.rate.fraction();
        let (over, under) = (
            u128::from(frames * HALVES),
            u128::from(seconds) * u128::from(rate),
        );
        let lead = u128::from(crate::units::frames_from_nanos(song.lead_nanos, rate));
        // Whole days before the first, so that a lead doesn't go below zero.
        let day = u128::from(self.rate.day());
        let before = (lead * over).div_ceil(under * u128::from(HALVES));
        let start = (u128::from(self.start.count(self.rate)) + day * before.div_ceil(day.max(1))
            - before)
            % day;
        Coder {
            rate: self.rate,
            start: u64::try_from(start).unwrap_or(0),
            over,
            under,
            gone: before * under * u128::from(HALVES) - lead * over,
        }
    }
}

impl Maker for Coder {
    fn make(&self, from: u64, plane: &mut [f32]) {
        let mut coded: Option<(u64, u128)> = None;
        // The half of a cell that a frame begins in, or that begins with it, rounded to the nearest; and what is left of it.
        let halves = u128::from(from) * self.over + self.gone + self.over / 2;
        let mut half_now = u64::try_from(halves / self.under).unwrap_or(u64::MAX);
        let mut left = halves % self.under;
        for out in plane {
            let half = half_now;
            left += self.over;
            while left >= self.under {
                left -= self.under;
                half_now = half_now.saturating_add(1);
            }
            let (code, half) = (half / HALVES, half % HALVES);
            let bits = match coded {
                Some((of, bits)) if of == code => bits,
                _ => {
                    let bits = TimeCode::from_count(self.start + code, self.rate).bits(self.rate);
                    coded = Some((code, bits));
                    bits
                }
            };
            // Changes of sign so far in this frame: one per cell, one more for each 1.
            let (cell, second) = (half / 2, half % 2);
            let done = bits & ((1 << cell) - 1);
            let ones = u64::from(done.count_ones())
                + (second & u64::try_from(bits >> cell & 1).unwrap_or(0));
            *out = match (cell + ones) % 2 {
                0 => LEVEL,
                _ => -LEVEL,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_of_a_day_has_its_number_and_an_even_number_of_noughts() {
        for (_, rate) in FrameRate::ALL {
            for count in (0..rate.day()).step_by(7) {
                let code = TimeCode::from_count(count, rate);
                assert_eq!(code.count(rate), count, "{code}");
                assert_eq!(TimeCode::parse(&code.to_string(), rate), Some(code));
                assert_eq!(code.bits(rate).count_zeros() % 2, 0);
            }
        }
    }

    #[test]
    fn dropped_numbers_are_no_times() {
        let drop = FrameRate::Fps2997Drop;
        for (text, good) in [
            ("00:00:59:29", true),
            ("00:01:00:00", false),
            ("00:01:00:01", false),
            ("00:01:00:02", true),
            ("00:10:00;00", true),
            ("24:00:00:00", false),
            ("00:00:00:30", false),
            ("1:2:3", false),
            ("00:00:00:00:00", false),
        ] {
            assert_eq!(TimeCode::parse(text, drop).is_some(), good, "{text}");
        }
        let next = |text| {
            let count = TimeCode::parse(text, drop).unwrap().count(drop) + 1;
            TimeCode::from_count(count, drop).to_string()
        };
        assert_eq!(next("00:00:59:29"), "00:01:00:02");
        assert_eq!(next("00:09:59:29"), "00:10:00:00");
        assert_eq!(next("23:59:59:29"), "00:00:00:00");
    }

    /// Reads the cells back by the length between changes of sign.
    #[test]
    fn the_wave_says_the_position() {
        for (_, fps) in FrameRate::ALL {
            for rate in [44_100, 48_000, 96_000] {
                let ltc = Ltc {
                    rate: fps,
                    start: TimeCode::parse("01:02:59:20", fps).unwrap(),
                };
                let song = Song {
                    lead_nanos: 1_234_567_890,
                    ..Song::default()
                };
                let mut plane = vec![0.0; rate as usize * 5];
                ltc.maker(&song, rate).make(0, &mut plane);
                let (frames, seconds) = fps.fraction();
                let cell = f64::from(rate) * seconds as f64 / (frames * BITS) as f64;
                let changes: Vec<usize> = (1..plane.len())
                    .filter(|i| plane[*i] != plane[*i - 1])
                    .collect();
                let (mut word, mut at, mut found) = (0u128, 0, 0);
                let mut pair = false;
                for change in changes.windows(2) {
                    let length = (change[1] - change[0]) as f64;
                    if pair {
                        pair = false;
                        continue;
                    }
                    let one = length < cell * 0.75;
                    pair = one;
                    word = word >> 1 | u128::from(one) << 79;
                    at += 1;
                    if word >> 64 == SYNC && at >= BITS {
                        let digit = |low: u32, bits: u32| (word >> low & ((1 << bits) - 1)) as u8;
                        let code = TimeCode {
                            frames: digit(0, 4) + 10 * digit(8, 2),
                            seconds: digit(16, 4) + 10 * digit(24, 3),
                            minutes: digit(32, 4) + 10 * digit(40, 3),
                            hours: digit(48, 4) + 10 * digit(56, 2),
                        };
                        // It ended here, and began 80 cells before.
                        let end = change[1] as f64 + cell / 2.0;
                        let lead = crate::units::frames_from_nanos(song.lead_nanos, rate) as f64;
                        let count = (end - lead) / cell / BITS as f64 - 1.0;
                        let wanted = ltc.start.count(fps) as f64 + count;
                        assert!(
                            (code.count(fps) as f64 - wanted).abs() < 0.02,
                            "{code} {wanted}"
                        );
                        found += 1;
                    }
                }
                assert!(found > 4 * fps.numbers() - 3, "{found}");
            }
        }
    }
}
