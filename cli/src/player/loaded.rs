//! A song whose files have been looked at: lengths, widths, strips, controls.

use std::ops::Range;
use std::sync::Arc;

use engine_core::controls::TrackSetting;
use engine_core::host::{HostControls, TRACKS};
use engine_core::ticket::{Ticket, TicketDrum};

use super::PlayerError;
use super::layout::Layout;
use crate::made::Sounds;
use crate::media::{self, OpenOptions, Reader, Shared, Spec};
use crate::song::{Bus, Overrides, Setlist, Song, SongError, Strips, Time, unknown_track};
use crate::units::TrackRef;

/// How stems are opened.
#[derive(Clone, Debug)]
pub(crate) struct LoadOptions {
    pub open: OpenOptions,
    /// Settings of tracks and buses that go before the song's own.
    pub overrides: Overrides,
    /// Ceiling of the levels in them, dB.
    pub max_gain_db: f64,
    /// Fold every stem to one channel.
    pub mono: bool,
    /// Refuse stems of another rate than the output's.
    pub strict_rate: bool,
    /// Leave out what can't be opened, unless nothing can.
    pub skip_broken: bool,
    /// Lock what was loaded in memory.
    pub lock_memory: bool,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            open: OpenOptions::default(),
            overrides: Overrides::default(),
            max_gain_db: 12.0,
            mono: false,
            strict_rate: false,
            skip_broken: false,
            lock_memory: false,
        }
    }
}

/// Opens every stem of every song once. Beside the songs come sentences on those that are left out.
///
/// # Errors
/// The first one that can't be opened (with `skip_broken` only if none can); songs and options that don't
/// go together.
pub(crate) fn load_all(
    setlist: Setlist,
    tickets: &mut TicketDrum,
    options: &LoadOptions,
) -> Result<(Vec<Loaded>, Vec<String>), PlayerError> {
    let (mut songs, mut skipped, mut first) = (Vec::new(), Vec::new(), None);
    for song in setlist.songs {
        let is_idle = song.idle;
        match Loaded::new(tickets.draw(), song, options) {
            Ok(song) => songs.push(song),
            // (Without the song that is there when nothing else is, there is nothing to play.)
            Err(e) if options.skip_broken && !is_idle && !matches!(e, PlayerError::Usage(_)) => {
                skipped.push(format!("{e}; it is skipped"));
                first = first.or(Some(e));
            }
            Err(e) => return Err(e),
        }
    }
    if let Some(e) = first.filter(|_| songs.is_empty()) {
        return Err(e);
    }
    let all: Vec<_> = songs
        .iter()
        .map(|s| (&*s.song, strips(&s.strips)))
        .collect();
    if skipped.is_empty() {
        // (Of a song that is left out nobody knows what it has.)
        options.overrides.check(&all).map_err(usage)?;
    }
    drop(all);
    Ok((songs, skipped))
}

fn strips(all: &[StripInfo]) -> Strips<'_> {
    Strips {
        all: all.iter().map(|s| (s.name.as_str(), s.track)).collect(),
    }
}

/// Overrides are refused for what was asked for, never for a file.
fn usage(error: SongError) -> PlayerError {
    PlayerError::Usage(error.to_string())
}

/// A strip of the mixer: a track, or one channel of a track of more than two.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StripInfo {
    /// `name`, or `name.1` … `name.n`.
    pub name: String,
    /// Index of the track in the song.
    pub track: usize,
    /// 1 or 2.
    pub channels: usize,
    /// The bus channel of its first channel, in a bus of three or more.
    pub first: usize,
}

/// A bus of a song, its width known.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SongBus {
    pub name: String,
    pub channels: usize,
    pub outputs: Vec<u16>,
    pub level: f32,
    pub follow_master: bool,
    pub jack: Vec<String>,
}

/// How much there is to play: the songs, and the frames of all their stems at the files' own rates.
pub(crate) fn extent(songs: &[Loaded]) -> (usize, u64) {
    let frames = songs.iter().flat_map(|song| &song.lengths).copied();
    (songs.len(), frames.fold(0, u64::saturating_add))
}

/// A song whose files have been looked at.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub ticket: Ticket,
    pub song: Arc<Song>,
    /// One per track, at the files' own rates.
    pub specs: Vec<Spec>,
    /// Exact length of each stem in frames at its own rate.
    pub lengths: Vec<u64>,
    pub strips: Vec<StripInfo>,
    pub controls: Arc<HostControls>,
    buses: Vec<SongBus>,
    /// Standard input, where it is one of the stems: it can't be opened again.
    stdin: Option<Shared>,
    /// What its made tracks play.
    sounds: Sounds,
}

impl Loaded {
    /// Opens every stem once.
    fn new(ticket: Ticket, mut song: Song, options: &LoadOptions) -> Result<Self, PlayerError> {
        let mut specs = Vec::new();
        let mut lengths = Vec::new();
        let mut all = Vec::new();
        let mut stdin = None;
        for (track, t) in song.tracks.iter().enumerate() {
            if let Some(made) = &t.made {
                made.look()?;
                // As long as the others are: a length of its own it has not.
                let spec = made.spec(0);
                all.extend(strips_of(track, &t.name, spec.channels));
                lengths.push(0);
                specs.push(spec);
                continue;
            }
            let mut reader = open_stem(&t.file, options)?;
            let length = match reader.spec().frames {
                Some(frames) => frames,
                None => media::exact_frames(&mut *reader)?,
            };
            let spec = reader.spec().clone();
            all.extend(strips_of(track, &t.name, spec.channels));
            lengths.push(length);
            specs.push(spec);
            if is_stdin(&t.file) {
                stdin = Some(Shared::new(reader));
            }
        }
        if let Some(rate) = usual_rate(&specs) {
            for spec in specs.iter_mut().filter(|s| s.rate == 0) {
                spec.rate = rate;
            }
        }
        if all.len() > TRACKS {
            return Err(PlayerError::Song(format!(
                "`{}` has {} tracks, more than the {TRACKS} there may be",
                song.title,
                all.len()
            )));
        }
        let mut settings: Vec<TrackSetting> = all
            .iter()
            .map(|strip| setting_of(&song, strip.track))
            .collect();
        options
            .overrides
            .apply(&mut song, &strips(&all), options.max_gain_db, &mut settings)
            .map_err(usage)?;
        let buses = buses_of(&song, &specs)?;
        let controls = HostControls::new();
        for (i, setting) in settings.into_iter().enumerate() {
            controls.set_track(i, setting);
        }
        controls.commit();
        Ok(Self {
            ticket,
            song: Arc::new(song),
            specs,
            lengths,
            strips: all,
            controls: Arc::new(controls),
            buses,
            stdin,
            sounds: Sounds::default(),
        })
    }

    /// The strips that a track is, by number or name.
    ///
    /// # Errors
    /// There is none; the sentence names those there are.
    pub fn find(&self, track: &TrackRef) -> Result<Vec<usize>, String> {
        let strips = strips(&self.strips);
        let names: Vec<String> = self.song.tracks.iter().map(|t| t.name.clone()).collect();
        let found = strips.find(track, &names);
        match found.is_empty() {
            true => Err(unknown_track(&[(&self.song, strips)], track)),
            false => Ok(found),
        }
    }

    pub fn buses(&self) -> &[SongBus] {
        &self.buses
    }

    /// A reader of a track's stem, at its own rate; what is made is made at `rate` Hz.
    pub fn open_track(
        &self,
        track: usize,
        options: &LoadOptions,
        rate: u32,
    ) -> Result<Box<dyn Reader>, PlayerError> {
        let track = &self.song.tracks[track];
        if let Some(made) = &track.made {
            let length = self.length(rate);
            return Ok(made.reader(&self.song, rate, length, &self.sounds)?);
        }
        let file = &track.file;
        match &self.stdin {
            Some(stdin) if is_stdin(file) => Ok(stdin.reader()),
            _ => open_stem(file, options),
        }
    }

    /// Bus levels, once it is known which bus is which.
    pub fn set_levels(&self, layout: &Layout) {
        for bus in &self.buses {
            if let Some(i) = layout.bus(&bus.name) {
                self.controls.set_level(i, bus.level);
            }
        }
        self.controls.commit();
    }

    /// Sets the strip of that name, if there is one.
    pub fn set_strip(&self, name: &str, setting: TrackSetting) {
        if let Some(at) = self.strips.iter().position(|s| s.name == name) {
            self.controls.set_track(at, setting);
            self.controls.commit();
        }
    }

    /// The bus that strip `strip` feeds.
    pub fn bus_of(&self, strip: &StripInfo) -> &str {
        self.song.tracks[strip.track].bus_name()
    }

    /// Frames of silence before a track, at `rate`.
    pub fn offset(&self, track: usize, rate: u32) -> u64 {
        // An offset never names a section.
        self.song
            .frame(&self.song.tracks[track].offset, rate)
            .unwrap_or(0)
    }

    /// The song's length at `rate`: that of its longest stem, offset included.
    pub fn length(&self, rate: u32) -> u64 {
        let stems = self.lengths.iter().zip(&self.specs).enumerate();
        stems
            .filter(|(i, _)| self.song.tracks[*i].made.is_none())
            .map(|(i, (frames, spec))| {
                media::resampled_frames(*frames, spec.rate, rate)
                    .saturating_add(self.offset(i, rate))
            })
            .max()
            .unwrap_or(0)
    }

    /// Frames that this song and the `next` one sound together, at `rate`: never more than half of either, so that no
    /// song is in two crossfades at once.
    pub fn together(&self, next: &Self, rate: u32) -> u64 {
        let shorter = self.length(rate).min(next.length(rate));
        self.song.handover.together(rate).min(shorter / 2)
    }

    /// The frames between two times, at `rate`: from the beginning and to the end where none is given.
    ///
    /// # Errors
    /// A section that isn't there; nothing is left.
    pub fn part(
        &self,
        start: Option<&Time>,
        end: Option<&Time>,
        rate: u32,
    ) -> Result<Range<u64>, PlayerError> {
        let length = self.length(rate);
        let start = start.map_or(Ok(0), |time| self.song.frame(time, rate))?;
        let end = end.map_or(Ok(length), |time| self.song.frame(time, rate))?;
        let end = end.min(length);
        if start >= end && length > 0 {
            return Err(PlayerError::Usage(format!(
                "nothing is left of `{}`, which is {} long: --start must come before its end, and --end after that",
                self.song.title,
                crate::report::clock(length, rate)
            )));
        }
        Ok(start..end)
    }

    /// The rate that most stems have; of two equally common ones the higher.
    pub fn usual_rate(&self) -> Option<u32> {
        usual_rate(&self.specs)
    }
}

/// The commonest rate of those that are known.
fn usual_rate(specs: &[Spec]) -> Option<u32> {
    let rates = || specs.iter().map(|s| s.rate).filter(|rate| *rate > 0);
    rates().max_by_key(|r| (rates().filter(|o| o == r).count(), *r))
}

/// A track's controls as the song has them.
fn setting_of(song: &Song, track: usize) -> TrackSetting {
    let t = &song.tracks[track];
    TrackSetting {
        gain: t.gain,
        pan: t.pan,
        mute: t.mute,
        solo: t.solo,
    }
}

fn is_stdin(file: &std::path::Path) -> bool {
    file.as_os_str() == "-"
}

/// Opens one stem, folded if asked for.
fn open_stem(
    file: &std::path::Path,
    options: &LoadOptions,
) -> Result<Box<dyn Reader>, PlayerError> {
    let reader = media::open(file, &options.open)?;
    Ok(if options.mono && reader.spec().channels > 1 {
        media::mono(reader)
    } else {
        reader
    })
}

fn strips_of(track: usize, name: &str, channels: usize) -> Vec<StripInfo> {
    if channels <= 2 {
        return vec![StripInfo {
            name: name.to_owned(),
            track,
            channels,
            first: 0,
        }];
    }
    (0..channels)
        .map(|first| StripInfo {
            name: format!("{name}.{}", first + 1),
            track,
            channels: 1,
            first,
        })
        .collect()
}

/// The declared buses and those that tracks imply, with their widths.
fn buses_of(song: &Song, specs: &[Spec]) -> Result<Vec<SongBus>, PlayerError> {
    let implied = song
        .tracks
        .iter()
        .map(|t| t.bus_name())
        .filter(|name| !song.buses.iter().any(|b| b.name == **name));
    let mut all: Vec<Bus> = song.buses.clone();
    for name in implied {
        if !all.iter().any(|b| b.name == name) {
            all.push(Bus::named(name));
        }
    }
    // Main first, wherever it was met.
    all.sort_by_key(|b| b.name != "main");
    let mut buses = Vec::new();
    for bus in all {
        let members = || {
            song.tracks
                .iter()
                .zip(specs)
                .filter(|(t, _)| t.bus_name() == bus.name)
        };
        let widest = members().map(|(_, s)| s.channels).max().unwrap_or(1);
        let declared = bus.outputs.len().max(bus.jack.len());
        let channels = if declared > 0 {
            declared
        } else if bus.name == "main" {
            // Two at least: pan, and a mono stem on both sides, need them.
            widest.max(2)
        } else {
            widest
        };
        for (t, s) in members() {
            // Stereo folds into a mono bus; anything wider would lose channels.
            if s.channels > 2 && s.channels > channels {
                return Err(PlayerError::Song(format!(
                    "track `{}` has {} channels, more than the {channels} of its bus `{}`; give the bus more outputs with --out, or fold the stems with --mono",
                    t.name, s.channels, bus.name
                )));
            }
        }
        buses.push(SongBus {
            name: bus.name,
            channels,
            outputs: bus.outputs,
            level: bus.level,
            follow_master: bus.follow_master,
            jack: bus.jack,
        });
    }
    Ok(buses)
}
