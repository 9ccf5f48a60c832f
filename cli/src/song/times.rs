//! A song's times as frames, once the rate is known.

use super::{Song, Time};
use crate::made::Made;
use crate::units::frames_from_nanos;

/// A song has no section of that name. Name one that it has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownSection {
    /// It has others.
    #[error("no section `{name}` in `{song}`, which has {known}")]
    Among {
        /// What was asked for.
        name: String,
        /// The song's title.
        song: String,
        /// The names it has, separated by commas.
        known: String,
    },
    /// It has none.
    #[error("no section `{name}`: `{song}` has no sections")]
    None {
        /// What was asked for.
        name: String,
        /// The song's title.
        song: String,
    },
}

/// A section in frames, `[start, end)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The section's name.
    pub name: String,
    /// First frame.
    pub start: u64,
    /// One past the last frame.
    pub end: u64,
}

impl Song {
    /// Bars of click before the music.
    pub fn count_in(&self) -> u32 {
        let mut made = self.tracks.iter().filter_map(|track| track.made.as_ref());
        made.find_map(|made| match made {
            Made::Click(click) => Some(click.count_in),
            _ => None,
        })
        .unwrap_or(0)
    }

    /// Where the music's first bar begins: the tempo map, but for the bars of a count-in.
    pub fn first_bar(&self) -> Time {
        let Some(first) = self.tempo.first() else {
            return Time::Nanos(0);
        };
        match first.at {
            Time::Nanos(at) => Time::Nanos(at.saturating_add(first.bars_nanos(self.count_in()))),
            _ => first.at.clone(),
        }
    }

    /// The frame (from the song's start) of `time` at `rate` Hz, rounded half up.
    ///
    /// # Errors
    /// `time` names a section that the song has not.
    pub fn frame(&self, time: &Time, rate: u32) -> Result<u64, UnknownSection> {
        match time {
            Time::Nanos(nanos) => Ok(frames_from_nanos(*nanos, rate)),
            Time::Frames(frames) => Ok(*frames),
            Time::Section(name) => match self.sections.iter().find(|section| section.name == *name)
            {
                // A section's own times never lean on a section.
                Some(section) => Ok(match &section.start {
                    Time::Nanos(nanos) => frames_from_nanos(*nanos, rate),
                    Time::Frames(frames) => *frames,
                    Time::Section(_) => 0,
                }),
                None => Err(self.unknown_section(name)),
            },
        }
    }

    /// The sections in frames at `rate` Hz for a song of `length` frames. None overlaps the next:
    /// where times in seconds and in frames meet, an end is cut at the next start. Sections that
    /// are empty at this rate or begin past the song's end are left out.
    pub fn spans(&self, rate: u32, length: u64) -> Vec<Span> {
        let frame = |time: &Time| self.frame(time, rate).unwrap_or(u64::MAX);
        let mut limit = length;
        let mut spans: Vec<Span> = self
            .sections
            .iter()
            .rev()
            .filter_map(|section| {
                let start = frame(&section.start);
                let end = section.end.as_ref().map_or(limit, frame).min(limit);
                limit = limit.min(start);
                (start < end).then(|| Span {
                    name: section.name.clone(),
                    start,
                    end,
                })
            })
            .collect();
        spans.reverse();
        spans
    }

    fn unknown_section(&self, name: &str) -> UnknownSection {
        let (name, song) = (name.to_owned(), self.title.clone());
        let known: Vec<&str> = self.sections.iter().map(|s| s.name.as_str()).collect();
        match known.is_empty() {
            true => UnknownSection::None { name, song },
            false => UnknownSection::Among {
                name,
                song,
                known: known.join(", "),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::song::Section;

    fn song(sections: &[(&str, Time, Option<Time>)]) -> Song {
        Song {
            title: "Blue".into(),
            sections: sections
                .iter()
                .map(|(name, start, end)| Section {
                    name: (*name).into(),
                    start: start.clone(),
                    end: end.clone(),
                })
                .collect(),
            ..Song::default()
        }
    }

    fn span(name: &str, start: u64, end: u64) -> Span {
        Span {
            name: name.into(),
            start,
            end,
        }
    }

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn times_become_frames_at_the_rate() {
        let song = song(&[("verse", Time::Nanos(SECOND * 3 / 2), None)]);
        assert_eq!(song.frame(&Time::Nanos(SECOND), 44_100), Ok(44_100));
        assert_eq!(song.frame(&Time::Frames(7), 44_100), Ok(7));
        assert_eq!(
            song.frame(&Time::Section("verse".into()), 48_000),
            Ok(72_000)
        );
        assert_eq!(
            song.frame(&Time::Section("coda".into()), 48_000)
                .unwrap_err()
                .to_string(),
            "no section `coda` in `Blue`, which has verse"
        );
        let bare = Song {
            title: "Blue".into(),
            ..Song::default()
        };
        assert_eq!(
            bare.frame(&Time::Section("coda".into()), 48_000)
                .unwrap_err()
                .to_string(),
            "no section `coda`: `Blue` has no sections"
        );
    }

    #[test]
    fn sections_end_at_the_next_or_with_the_song() {
        let song = song(&[
            ("a", Time::Nanos(0), None),
            ("b", Time::Frames(100), Some(Time::Frames(150))),
            ("c", Time::Frames(200), None),
            ("d", Time::Frames(900), None),
        ]);
        assert_eq!(
            song.spans(48_000, 500),
            [span("a", 0, 100), span("b", 100, 150), span("c", 200, 500)]
        );
    }

    #[test]
    fn seconds_and_frames_that_overlap_are_cut() {
        let song = song(&[
            ("a", Time::Nanos(0), Some(Time::Nanos(SECOND))),
            ("b", Time::Frames(46_000), None),
        ]);
        assert_eq!(
            song.spans(48_000, 96_000),
            [span("a", 0, 46_000), span("b", 46_000, 96_000)]
        );
        assert_eq!(
            song.spans(44_100, 96_000),
            [span("a", 0, 44_100), span("b", 46_000, 96_000)]
        );
    }
}
