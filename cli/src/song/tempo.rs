//! The tempo map: which frame is which bar and beat, exactly.
//!
//! A map is a list of [`Stretch`]es, each with one tempo and one meter, each beginning a bar. Beat `n` (from 0) of a
//! stretch that begins at frame `s` is at frame `s + round(n · 60 · rate / bpm)`, rounded half up, in whole numbers: no error
//! adds up, however long the song is.

use super::{Song, Time};

/// Slowest and fastest tempo, beats per minute.
pub const BPM: std::ops::RangeInclusive<f64> = 1.0..=999.0;
/// Most beats of a bar.
pub const MAX_BEATS: u32 = 64;

/// A part of a song with one tempo and one meter. Its start is the start of a bar.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch {
    /// Where it begins; never a section.
    pub at: Time,
    /// Beats per minute, in millionths. A beat is a note of the meter's lower number: in 6/8 an eighth.
    pub micro_bpm: u64,
    /// The meter's upper number: beats of a bar, from 1 to [`MAX_BEATS`].
    pub beats: u32,
    /// The meter's lower number: 1, 2, 4 … 64.
    pub unit: u32,
}

impl Stretch {
    /// How long so many bars of it last, ns.
    pub fn bars_nanos(&self, bars: u32) -> u64 {
        let beats = u128::from(bars) * u128::from(self.beats);
        let micro_bpm = u128::from(self.micro_bpm.max(1));
        // 60 s in ns, times the millionths of the tempo.
        let nanos = (beats * 60_000_000_000_000_000 + micro_bpm / 2) / micro_bpm;
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

/// A beat of a song.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// First frame of the beat, from the song's start.
    pub frame: u64,
    /// Bar, from 1: the first of the tempo map. Those of a count-in end with 0.
    pub bar: i64,
    /// Beat of its bar, from 1.
    pub beat: u32,
    /// Beats of its bar.
    pub of: u32,
}

/// A song's tempo map at one rate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grid {
    rate: u32,
    stretches: Vec<Laid>,
}

/// A stretch in frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Laid {
    start: u64,
    /// Where the next one starts.
    end: u64,
    micro_bpm: u64,
    beats: u32,
    /// Number of its first bar.
    bar: i64,
}

impl Laid {
    /// Frame of beat `n`, from 0.
    fn beat(&self, n: u64, rate: u32) -> u64 {
        let (over, under) = self.beat_length(rate);
        let twice = u128::from(n) * over * 2 + under;
        self.start
            .saturating_add(u64::try_from(twice / (under * 2)).unwrap_or(u64::MAX))
    }

    /// Frames of a beat, as a fraction.
    fn beat_length(&self, rate: u32) -> (u128, u128) {
        (60_000_000 * u128::from(rate), u128::from(self.micro_bpm))
    }

    /// The last beat that begins at `frame` or before, which is not before the stretch's start.
    fn beat_before(&self, frame: u64, rate: u32) -> u64 {
        let (over, under) = self.beat_length(rate);
        let along = u128::from(frame - self.start);
        // Rounding moves a beat by half a frame at most, so that this is it or the one before it.
        let guess = u64::try_from((along * 2 + 1) * under / (over * 2)).unwrap_or(u64::MAX);
        match self.beat(guess, rate) > frame {
            true => guess.saturating_sub(1),
            false => guess,
        }
    }

    /// How many beats begin in it.
    fn count(&self, rate: u32) -> u64 {
        match self.end.checked_sub(1) {
            Some(last) if last >= self.start => self.beat_before(last, rate) + 1,
            _ => 0,
        }
    }

    fn at(&self, n: u64, rate: u32) -> Beat {
        let beats = u64::from(self.beats);
        Beat {
            frame: self.beat(n, rate),
            bar: self.bar.saturating_add_unsigned(n / beats),
            // Below `beats`, which is a u32.
            beat: (n % beats) as u32 + 1,
            of: self.beats,
        }
    }
}

impl Grid {
    /// Lays `map` out at `rate` Hz for `song`, whose stretches are in order of their starts. Of two that start on the same frame
    /// at this rate the later counts.
    pub fn new(song: &Song, rate: u32) -> Self {
        let start = |stretch: &Stretch| song.frame(&stretch.at, rate).unwrap_or(u64::MAX);
        let mut stretches: Vec<Laid> = Vec::new();
        for stretch in &song.tempo {
            let start = start(stretch);
            let mut bar = 1 - i64::from(song.count_in());
            while let Some(before) = stretches.last_mut() {
                if before.start < start {
                    before.end = start;
                    let count = before.count(rate);
                    let bars = count.div_ceil(u64::from(before.beats));
                    bar = before.bar.saturating_add_unsigned(bars);
                    break;
                }
                stretches.pop();
            }
            stretches.push(Laid {
                start,
                end: u64::MAX,
                micro_bpm: stretch.micro_bpm.max(1),
                beats: stretch.beats.max(1),
                bar,
            });
        }
        Self { rate, stretches }
    }

    /// Whether the song has no tempo map.
    pub fn is_empty(&self) -> bool {
        self.stretches.is_empty()
    }

    fn stretch(&self, frame: u64) -> Option<&Laid> {
        let after = self.stretches.partition_point(|s| s.start <= frame);
        self.stretches.get(after.checked_sub(1)?)
    }

    /// The beat that `frame` is in; none before the map begins.
    pub fn beat_at(&self, frame: u64) -> Option<Beat> {
        let stretch = self.stretch(frame)?;
        Some(stretch.at(stretch.beat_before(frame, self.rate), self.rate))
    }

    /// Start of the first bar that begins after `frame`; none without a map.
    pub fn next_bar(&self, frame: u64) -> Option<u64> {
        let Some(stretch) = self.stretch(frame) else {
            return self.stretches.first().map(|s| s.start);
        };
        let beats = u64::from(stretch.beats);
        let n = (stretch.beat_before(frame, self.rate) / beats + 1) * beats;
        Some(stretch.beat(n, self.rate).min(stretch.end))
    }

    /// The frame a number of beats before `frame`, by the tempo there; none where the map has not begun, or the song would not have.
    pub fn beats_before(&self, frame: u64, beats: u32) -> Option<u64> {
        let stretch = self.stretch(frame)?;
        let (over, under) = stretch.beat_length(self.rate);
        let twice = u128::from(beats) * over * 2 + under;
        frame.checked_sub(u64::try_from(twice / (under * 2)).ok()?)
    }

    /// The bar line that is the `bars`th before `frame`; with a count that the map has not, as many bars of its first tempo before
    /// it, which may be below 0.
    pub fn bars_before(&self, frame: u64, bars: u32) -> i64 {
        let signed = |frame: u64| i64::try_from(frame).unwrap_or(i64::MAX);
        let Some(first) = self.stretches.first() else {
            return signed(frame);
        };
        let lines: Vec<u64> = self.bars(0, frame).collect();
        if let Some(line) = (lines.len().checked_sub(bars as usize)).and_then(|i| lines.get(i)) {
            return signed(*line);
        }
        // (All of them, when `bars` is 0.)
        let missing = u64::from(bars).saturating_sub(lines.len() as u64);
        match missing {
            0 => signed(frame),
            _ => {
                let length = first.beat(missing * u64::from(first.beats), self.rate) - first.start;
                signed(first.start).saturating_sub(signed(length))
            }
        }
    }

    /// The map with each beat in `parts`: a beat of it is a part of one, and a bar has `parts` times as many.
    pub fn divided(&self, parts: u32) -> Self {
        let mut divided = self.clone();
        for stretch in &mut divided.stretches {
            stretch.micro_bpm = stretch.micro_bpm.saturating_mul(u64::from(parts.max(1)));
            stretch.beats = stretch.beats.saturating_mul(parts.max(1));
        }
        divided
    }

    /// Every beat that begins at `from` or later, in order, without an end.
    pub fn beats(&self, from: u64) -> impl Iterator<Item = Beat> + '_ {
        let after = self.stretches.partition_point(|s| s.start <= from);
        let skipped = after.saturating_sub(1);
        self.stretches.iter().skip(skipped).flat_map(move |s| {
            let first = match from > s.start {
                true => s.beat_before(from - 1, self.rate) + 1,
                false => 0,
            };
            (first..)
                .map(move |n| s.at(n, self.rate))
                .take_while(move |beat| beat.frame < s.end)
        })
    }

    /// The starts of all bars that begin in `[from, to)`.
    pub fn bars(&self, from: u64, to: u64) -> impl Iterator<Item = u64> + '_ {
        self.beats(from)
            .take_while(move |beat| beat.frame < to)
            .filter(|beat| beat.beat == 1)
            .map(|beat| beat.frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 48_000;

    fn grid(stretches: &[(u64, f64, u32)], rate: u32) -> Grid {
        let tempo = stretches.iter().map(|(at, bpm, beats)| Stretch {
            at: Time::Frames(*at),
            micro_bpm: (bpm * 1e6).round() as u64,
            beats: *beats,
            unit: 4,
        });
        let song = Song {
            tempo: tempo.collect(),
            ..Song::default()
        };
        Grid::new(&song, rate)
    }

    #[test]
    fn an_hour_at_an_odd_tempo_is_within_half_a_frame() {
        for rate in [44_100, 48_000, 96_000] {
            let grid = grid(&[(0, 137.3, 4)], rate);
            for (n, beat) in grid.beats(0).take(8_238).enumerate() {
                let exact = n as f64 * 60.0 * f64::from(rate) / 137.3;
                assert!((beat.frame as f64 - exact).abs() <= 0.500_001, "{n}");
                assert_eq!(beat.bar, n as i64 / 4 + 1);
                assert_eq!(u64::from(beat.beat), n as u64 % 4 + 1);
            }
        }
    }

    #[test]
    fn every_frame_has_the_beat_it_is_in() {
        let grid = grid(
            &[(500, 61.7, 3), (200_000, 999.0, 5), (200_100, 240.0, 7)],
            RATE,
        );
        assert_eq!(grid.beat_at(499), None);
        let beats: Vec<Beat> = grid.beats(0).take_while(|b| b.frame < 400_000).collect();
        assert_eq!(
            beats[0],
            Beat {
                frame: 500,
                bar: 1,
                beat: 1,
                of: 3
            }
        );
        for pair in beats.windows(2) {
            assert!(pair[0].frame < pair[1].frame);
            for frame in [pair[0].frame, pair[0].frame + 1, pair[1].frame - 1] {
                assert_eq!(grid.beat_at(frame), Some(pair[0]), "{frame}");
            }
        }
        // From any frame on, the same beats.
        for from in (0..400_000)
            .step_by(7_777)
            .take_while(|from| *from < 390_000)
        {
            let first = grid.beats(from).next();
            let wanted = beats.iter().find(|b| b.frame >= from).copied();
            assert_eq!(first, wanted, "{from}");
        }
    }

    #[test]
    fn a_change_of_tempo_begins_a_bar() {
        // 120 bpm is 24 000 frames a beat; the change comes in the second beat of bar 2.
        let grid = grid(&[(0, 120.0, 4), (132_000, 60.0, 3)], RATE);
        let beats: Vec<(u64, i64, u32)> = grid
            .beats(72_000)
            .take(5)
            .map(|b| (b.frame, b.bar, b.beat))
            .collect();
        assert_eq!(
            beats,
            [
                (72_000, 1, 4),
                (96_000, 2, 1),
                (120_000, 2, 2),
                (132_000, 3, 1),
                (180_000, 3, 2)
            ]
        );
        assert_eq!(grid.next_bar(0), Some(96_000));
        assert_eq!(grid.next_bar(95_999), Some(96_000));
        assert_eq!(grid.next_bar(96_000), Some(132_000));
        assert_eq!(grid.next_bar(132_000), Some(132_000 + 3 * 48_000));
        assert_eq!(
            grid.bars(1, 300_000).collect::<Vec<_>>(),
            [96_000, 132_000, 276_000]
        );
    }

    #[test]
    fn before_the_map_the_next_bar_is_its_first() {
        let grid = grid(&[(1_000, 120.0, 4)], RATE);
        assert_eq!(grid.next_bar(0), Some(1_000));
        assert_eq!(grid.next_bar(1_000), Some(97_000));
        assert_eq!(grid.beats_before(97_000, 2), Some(49_000));
        assert_eq!(grid.beats_before(1_000, 2), None);
        assert!(Grid::default().is_empty());
        assert_eq!(Grid::default().next_bar(0), None);
    }

    #[test]
    fn bar_lines_are_counted_back_over_a_change_of_tempo() {
        let grid = grid(&[(1_000, 120.0, 4), (193_000, 60.0, 3)], RATE);
        for (frame, bars, wanted) in [
            (193_000, 1, 97_000),
            (193_000, 2, 1_000),
            (193_000, 0, 193_000),
            // One more than there are.
            (193_000, 3, -95_000),
            (193_001, 1, 193_000),
            (500, 0, 500),
            (500, 1, -95_000),
        ] {
            assert_eq!(grid.bars_before(frame, bars), wanted, "{frame} {bars}");
        }
        assert_eq!(Grid::default().bars_before(7, 2), 7);
    }

    #[test]
    fn parts_of_beats_keep_the_beats() {
        let grid = grid(&[(0, 137.3, 4), (100_000, 61.7, 3)], RATE);
        for parts in 1..=4 {
            let divided: Vec<Beat> = grid.divided(parts).beats(0).take(200).collect();
            let whole: Vec<u64> = grid.beats(0).take(40).map(|b| b.frame).collect();
            let kept: Vec<u64> = (divided.iter())
                .filter(|b| (b.beat - 1).is_multiple_of(parts))
                .map(|b| b.frame)
                .take(40)
                .collect();
            assert_eq!(kept, whole, "{parts}");
        }
    }

    #[test]
    fn stretches_that_fall_together_leave_the_last() {
        let grid = grid(&[(0, 120.0, 4), (100, 60.0, 4), (100, 240.0, 2)], RATE);
        let second = grid.beats(100).nth(1).unwrap();
        assert_eq!((second.frame, second.of, second.bar), (12_100, 2, 2));
    }
}
