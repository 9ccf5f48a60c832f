//! Song and setlist files: TOML in, a checked [`Song`] or list of songs out.

mod made;
mod raw;
mod tempo;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;
use toml::Spanned;

use super::fields::{GainDb, TimeText};
use super::names::{check_name, clean};
use super::{Bus, Handover, OnEnd, Section, Song, SongError, Time, Track};
use crate::config::RATE;
use crate::located::{self, Located};
use crate::made::Made;
use crate::units::{Connect, gain_from_db};
use raw::{Raw, RawBus, RawSection, RawTrack};

/// What a file says.
#[derive(Clone, Debug, PartialEq)]
pub enum Document {
    /// A song (`[[tracks]]`).
    Song {
        /// The song. Its `on_end` is the default where the file has none.
        song: Song,
        /// What the file says of its end.
        on_end: Option<OnEnd>,
    },
    /// A setlist (`[[songs]]`), at least one.
    Setlist(Vec<Entry>),
}

/// One song of a setlist file.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// A song file, a folder of stems or an audio file.
    pub file: PathBuf,
    /// What the setlist says of its end; it goes before what the song says.
    pub on_end: Option<OnEnd>,
    /// How the next song takes over; anything but a cut goes before what the song says.
    pub handover: Handover,
    /// It is the setlist's idle song, which is the last one.
    pub idle: bool,
}

impl Entry {
    /// Has the setlist's word on how the next song takes over go before the song's.
    pub(super) fn hand_over(&self, song: &mut Song) {
        if self.handover != Handover::Cut {
            song.handover = self.handover.clone();
        }
        song.idle = self.idle;
    }
}

/// Parses the text of a song or setlist file. Relative paths in it are taken from the folder of
/// `path`; nothing is read. Levels above `max_gain_db` (dB) are refused.
///
/// # Errors
/// [`SongError::Invalid`] with line and column.
pub fn parse(path: &Path, text: &str, max_gain_db: f64) -> Result<Document, SongError> {
    let file = File {
        text,
        folder: path.parent().unwrap_or(Path::new("")),
        max_gain_db,
    };
    located::parse(text)
        .and_then(|raw: Raw| file.document(path, raw))
        .map_err(|at| SongError::Invalid {
            path: path.to_owned(),
            line: at.line,
            column: at.column,
            what: without_reserved(at.what),
        })
}

/// The list of known keys in a complaint, without those that would be refused.
fn without_reserved(what: String) -> String {
    what.replace(", `midi`", "")
}

/// What happens at the end of a song with that handover, which needs a next song.
fn next_for(handover: &Handover, said: &Option<Spanned<OnEnd>>) -> Option<OnEnd> {
    match handover {
        Handover::Cut => said.as_ref().map(|end| *end.get_ref()),
        _ => Some(OnEnd::Next),
    }
}

/// Whether an offset is longer than a day, at whatever rate.
fn is_too_long(offset: &Time, sections: &[Section]) -> bool {
    const DAY: u64 = 24 * 60 * 60;
    match offset {
        Time::Nanos(nanos) => *nanos > DAY * 1_000_000_000,
        Time::Frames(frames) => *frames > DAY * RATE.end().unsigned_abs(),
        // A section's own start never names a section.
        Time::Section(name) => sections
            .iter()
            .any(|s| s.name == *name && is_too_long(&s.start, &[])),
    }
}

struct File<'a> {
    text: &'a str,
    folder: &'a Path,
    max_gain_db: f64,
}

impl File<'_> {
    fn error<T, R>(&self, at: &Spanned<T>, what: impl Into<String>) -> Result<R, Located> {
        Err(Located::at(self.text, at.span().start, what))
    }

    fn top(&self, what: &str) -> Located {
        Located::at(self.text, 0, what)
    }

    fn document(&self, path: &Path, raw: Raw) -> Result<Document, Located> {
        match &raw.version {
            None => {
                return Err(self.top("missing key `version`: begin the file with `version = 1`"));
            }
            Some(version) if *version.get_ref() != 1 => {
                let what = format!(
                    "version {} of the format is not known here; `version = 1` is",
                    version.get_ref()
                );
                return self.error(version, what);
            }
            Some(_) => {}
        }
        self.reserved("midi", &raw.midi)?;
        match (&raw.tracks, &raw.songs) {
            (Some(_), None) => self.song(path, raw),
            (None, Some(_)) => self.setlist(raw),
            (None, None) => {
                Err(self.top("neither `[[tracks]]` (a song) nor `[[songs]]` (a setlist)"))
            }
            (Some(_), Some(songs)) => self.error(
                songs,
                "a file has either `[[tracks]]` (a song) or `[[songs]]` (a setlist), not both",
            ),
        }
    }

    fn reserved(&self, key: &str, value: &Option<Spanned<IgnoredAny>>) -> Result<(), Located> {
        match value {
            None => Ok(()),
            Some(value) => {
                let what = format!(
                    "`{key}` is a reserved key that this version of backline can't play; remove it"
                );
                self.error(value, what)
            }
        }
    }

    fn song(&self, path: &Path, raw: Raw) -> Result<Document, Located> {
        if let Some(idle) = &raw.idle {
            return self.error(idle, "`idle` belongs in a setlist, not in a song file");
        }
        let title = match raw.title {
            Some(title) => {
                self.name("title", &title)?;
                title.into_inner()
            }
            None => title_of(path),
        };
        let sections = self.sections(raw.sections)?;
        let buses = self.buses(raw.buses)?;
        let tempo = self.tempo(raw.tempo)?;
        let mut tracks = self.tracks(raw.tracks, &sections)?;
        let made = [
            raw.click.as_ref().map(|click| self.click(click, &tempo)),
            (raw.cue.as_ref()).map(|cue| self.cue(cue, &tempo, &sections)),
            raw.ltc.as_ref().map(|ltc| self.ltc(ltc)),
        ];
        for track in made.into_iter().flatten() {
            let track = track?;
            if let Some(same) = tracks.iter().find(|t| t.name == track.name) {
                let what = format!(
                    "there is a track `{}` already; give the made one another `name`",
                    same.name
                );
                let place = match track.made {
                    Some(Made::Ltc(_)) => raw.ltc.as_ref().map(Spanned::span),
                    Some(Made::Cue(_)) => raw.cue.as_ref().map(Spanned::span),
                    _ => raw.click.as_ref().map(Spanned::span),
                };
                return Err(Located::at(self.text, place.map_or(0, |p| p.start), what));
            }
            tracks.push(track);
        }
        let handover = self.handover(&raw.crossfade, &raw.after, &raw.on_end)?;
        let on_end = next_for(&handover, &raw.on_end);
        let mut song = Song {
            title,
            tracks,
            buses,
            sections,
            tempo,
            lead_nanos: 0,
            on_end: on_end.unwrap_or_default(),
            handover,
            source: None,
            idle: false,
        };
        if let (Some(raw), 1..) = (&raw.click, song.count_in()) {
            self.count_in(raw, &mut song)?;
        }
        Ok(Document::Song { song, on_end })
    }

    fn setlist(&self, raw: Raw) -> Result<Document, Located> {
        let misplaced = [
            ("title", raw.title.as_ref().map(Spanned::span)),
            ("on_end", raw.on_end.as_ref().map(Spanned::span)),
            ("crossfade", raw.crossfade.as_ref().map(Spanned::span)),
            ("after", raw.after.as_ref().map(Spanned::span)),
            ("buses", raw.buses.as_ref().map(Spanned::span)),
            ("sections", raw.sections.as_ref().map(Spanned::span)),
            ("tempo", raw.tempo.as_ref().map(Spanned::span)),
            ("cue", raw.cue.as_ref().map(Spanned::span)),
            ("click", raw.click.as_ref().map(Spanned::span)),
            ("ltc", raw.ltc.as_ref().map(Spanned::span)),
        ];
        for (key, span) in misplaced {
            if let Some(span) = span {
                let what = format!("`{key}` belongs in a song file, not in a setlist");
                return Err(Located::at(self.text, span.start, what));
            }
        }
        let mut entries = Vec::new();
        if let Some(songs) = raw.songs {
            if songs.get_ref().is_empty() {
                return self.error(&songs, "a setlist needs at least one song");
            }
            for song in songs.into_inner() {
                let handover = self.handover(&song.crossfade, &song.after, &song.on_end)?;
                if let (Some(_), Some(end)) = (&raw.idle, &song.on_end)
                    && *end.get_ref() != OnEnd::Next
                {
                    let what = "with `idle` the idle song follows every song; leave out `on_end`";
                    return self.error(end, what);
                }
                entries.push(Entry {
                    file: self.path(&song.file)?,
                    on_end: match raw.idle {
                        Some(_) => Some(OnEnd::Next),
                        None => next_for(&handover, &song.on_end),
                    },
                    handover,
                    idle: false,
                });
            }
        }
        if let Some(idle) = &raw.idle {
            entries.push(Entry {
                file: self.path(idle)?,
                on_end: Some(OnEnd::Loop),
                handover: Handover::Cut,
                idle: true,
            });
        }
        Ok(Document::Setlist(entries))
    }

    /// How the song after this one takes over.
    fn handover(
        &self,
        crossfade: &Option<Spanned<TimeText>>,
        after: &Option<Spanned<TimeText>>,
        on_end: &Option<Spanned<OnEnd>>,
    ) -> Result<Handover, Located> {
        let (key, time) = match (crossfade, after) {
            (None, None) => return Ok(Handover::Cut),
            (Some(time), None) => ("crossfade", time),
            (None, Some(time)) => ("after", time),
            (Some(_), Some(after)) => {
                return self.error(after, "a song has either `crossfade` or `after`, not both");
            }
        };
        if let Some(end) = on_end.as_ref().filter(|end| *end.get_ref() != OnEnd::Next) {
            let what = format!("`{key}` is for a song that ends with `on_end = \"next\"`");
            return self.error(end, what);
        }
        let length = self.own_time(time, &format!("`{key}`"))?;
        let most = if key == "after" { 3600 } else { 60 };
        let fits = match length {
            Time::Nanos(nanos) => nanos <= most * 1_000_000_000,
            Time::Frames(frames) => frames <= most * 48_000,
            Time::Section(_) => false,
        };
        if !fits {
            return self.error(time, format!("`{key}` is at most {most} seconds"));
        }
        Ok(match key {
            "after" => Handover::After(length),
            _ => Handover::Crossfade(length),
        })
    }

    fn tracks(
        &self,
        raw: Option<Spanned<Vec<RawTrack>>>,
        sections: &[Section],
    ) -> Result<Vec<Track>, Located> {
        let Some(raw) = raw else {
            return Ok(Vec::new());
        };
        if raw.get_ref().is_empty() {
            return self.error(&raw, "a song needs at least one track");
        }
        let mut names = HashSet::new();
        let mut tracks = Vec::new();
        for track in raw.into_inner() {
            let file = self.path(&track.file)?;
            let name = match &track.name {
                Some(name) => {
                    self.name("track name", name)?;
                    name.get_ref().clone()
                }
                None => stem_of(&file),
            };
            if !names.insert(name.clone()) {
                let what =
                    format!("there is a track `{name}` already; give each a `name` of its own");
                return match &track.name {
                    Some(at) => self.error(at, what),
                    None => self.error(&track.file, what),
                };
            }
            let offset = match &track.offset {
                Some(offset) => {
                    if let Time::Section(section) = &offset.get_ref().0
                        && !sections.iter().any(|s| s.name == *section)
                    {
                        return self.error(offset, format!("there is no section `{section}`"));
                    }
                    if is_too_long(&offset.get_ref().0, sections) {
                        return self.error(offset, "an offset can't be longer than 24 hours");
                    }
                    offset.get_ref().0.clone()
                }
                None => Time::Nanos(0),
            };
            if let Some(bus) = &track.bus {
                self.name("bus name", bus)?;
            }
            tracks.push(Track {
                name,
                file,
                made: None,
                gain: self.gain("gain_db", &track.gain_db)?,
                pan: track.pan.map_or(0.0, |pan| pan.0),
                mute: track.mute,
                solo: track.solo,
                bus: Some(
                    track
                        .bus
                        .map_or_else(|| "main".to_owned(), Spanned::into_inner),
                ),
                offset,
            });
        }
        Ok(tracks)
    }

    fn buses(&self, raw: Option<Spanned<Vec<RawBus>>>) -> Result<Vec<Bus>, Located> {
        let mut names = HashSet::new();
        let mut buses: Vec<Bus> = Vec::new();
        for raw in raw.map(Spanned::into_inner).unwrap_or_default() {
            self.name("bus name", &raw.name)?;
            let name = raw.name.get_ref();
            if !names.insert(name.clone()) {
                return self.error(&raw.name, format!("there is a bus `{name}` already"));
            }
            let mut bus = Bus::named(name);
            if let Some(outputs) = &raw.outputs {
                bus.outputs = self.outputs(name, outputs)?;
            }
            if let Some(jack) = &raw.jack {
                bus.jack = self.destinations(name, jack)?;
                if !bus.outputs.is_empty() && bus.outputs.len() != bus.jack.len() {
                    let what = format!(
                        "bus `{name}` has {} in `outputs` but {} in `jack`; each has one entry per channel of the bus",
                        bus.outputs.len(),
                        bus.jack.len()
                    );
                    return self.error(jack, what);
                }
            }
            bus.level = self.gain("level_db", &raw.level_db)?;
            bus.follow_master = raw.follow_master.unwrap_or(bus.follow_master);
            buses.push(bus);
        }
        Ok(buses)
    }

    fn outputs(&self, bus: &str, raw: &Spanned<Vec<Spanned<i64>>>) -> Result<Vec<u16>, Located> {
        if raw.get_ref().is_empty() {
            return self.error(
                raw,
                format!("bus `{bus}` has no channels: `outputs` needs at least one"),
            );
        }
        let mut outputs = Vec::new();
        for channel in raw.get_ref() {
            let number = match u16::try_from(*channel.get_ref()) {
                Ok(number) if number > 0 => number,
                _ => return self.error(channel, "device channels are numbers from 1 to 65535"),
            };
            if outputs.contains(&number) {
                return self.error(channel, format!("bus `{bus}` has channel {number} twice"));
            }
            outputs.push(number);
        }
        Ok(outputs)
    }

    fn destinations(
        &self,
        bus: &str,
        raw: &Spanned<Vec<Spanned<String>>>,
    ) -> Result<Vec<String>, Located> {
        if raw.get_ref().is_empty() {
            return self.error(
                raw,
                format!("bus `{bus}` has no channels: `jack` needs at least one"),
            );
        }
        let mut destinations = Vec::new();
        for destination in raw.get_ref() {
            let dest = destination.get_ref();
            if let Err(why) = format!("port={dest}").parse::<Connect>() {
                // Of a pattern the reason is told.
                let what = match dest.len() > 2 && dest.starts_with('/') && dest.ends_with('/') {
                    true => why.to_string(),
                    false => {
                        "expected a JACK port such as `system:playback_3`, or `/REGEX/`".to_owned()
                    }
                };
                return self.error(destination, what);
            }
            destinations.push(destination.get_ref().clone());
        }
        Ok(destinations)
    }

    fn sections(&self, raw: Option<Spanned<Vec<RawSection>>>) -> Result<Vec<Section>, Located> {
        const OWN: &str = "a section's own times";
        let mut names = HashSet::new();
        let mut sections: Vec<Section> = Vec::new();
        for raw in raw.map(Spanned::into_inner).unwrap_or_default() {
            self.name("section name", &raw.name)?;
            let name = raw.name.get_ref();
            if name.contains("..") {
                return self.error(
                    &raw.name,
                    "a section name can't contain `..`, which stands in ranges",
                );
            }
            if !names.insert(name.clone()) {
                return self.error(&raw.name, format!("there is a section `{name}` already"));
            }
            let start = self.own_time(&raw.start, OWN)?;
            if let Some(before) = sections.last() {
                if before.start.is_known_not_before(&start) {
                    let what = format!(
                        "section `{name}` must start after section `{}`",
                        before.name
                    );
                    return self.error(&raw.start, what);
                }
                if let Some(end) = &before.end
                    && *end != start
                    && end.is_known_not_before(&start)
                {
                    let what = format!(
                        "section `{name}` must not start before section `{}` has ended",
                        before.name
                    );
                    return self.error(&raw.start, what);
                }
            }
            let end = match &raw.end {
                Some(end) => {
                    let time = self.own_time(end, OWN)?;
                    if start.is_known_not_before(&time) {
                        return self
                            .error(end, format!("section `{name}` must end after its start"));
                    }
                    Some(time)
                }
                None => None,
            };
            sections.push(Section {
                name: name.clone(),
                start,
                end,
            });
        }
        Ok(sections)
    }

    /// A time that does not lean on a section.
    fn own_time(&self, raw: &Spanned<TimeText>, whose: &str) -> Result<Time, Located> {
        match &raw.get_ref().0 {
            Time::Section(_) => self.error(raw, format!("{whose} can't be `@SECTION`")),
            time => Ok(time.clone()),
        }
    }

    fn gain(&self, key: &str, raw: &Option<Spanned<GainDb>>) -> Result<f32, Located> {
        let Some(raw) = raw else { return Ok(1.0) };
        let (db, max) = (raw.get_ref().0, self.max_gain_db);
        if db > max {
            let what = format!("`{key}` is {db} dB, above the ceiling of {max} dB (`max_gain_db`)");
            return self.error(raw, what);
        }
        Ok(gain_from_db(db))
    }

    fn name(&self, kind: &str, name: &Spanned<String>) -> Result<(), Located> {
        check_name(name.get_ref()).or_else(|why| self.error(name, format!("a {kind} {why}")))
    }

    fn path(&self, file: &Spanned<String>) -> Result<PathBuf, Located> {
        if file.get_ref().is_empty() || file.get_ref().contains('\0') {
            return self.error(file, "`file` needs the path of a file");
        }
        let path = self.folder.join(file.get_ref());
        // In a file, `-` is a file's name and not standard input.
        Ok(match path.as_os_str() == "-" {
            true => Path::new(".").join(path),
            false => path,
        })
    }
}

/// A track's name from its file.
pub(super) fn stem_of(file: &Path) -> String {
    clean(&file.file_stem().unwrap_or_default().to_string_lossy())
}

/// A song's title from its file: `song.toml` is named after its folder.
fn title_of(path: &Path) -> String {
    let folder = path.parent();
    match (path.file_name(), folder) {
        (Some(name), Some(folder)) if name == "song.toml" => super::folder::name_of(folder),
        _ => stem_of(path),
    }
}

#[cfg(test)]
mod tests;
