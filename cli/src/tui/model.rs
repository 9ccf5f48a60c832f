//! What the screen shows: a value that is made from the player's status and from what was pressed, and
//! knows of no terminal and no thread.

use std::time::Duration;

use super::log::Line;
use super::look::Look;
use super::meter::{FLOOR_DB, Meter, decibels};
use crate::player::Status;
use crate::song::Span;
use crate::song::tempo::Grid;

/// How long a level that was asked for counts before the status must show it.
const PATIENCE: Duration = Duration::from_millis(600);

/// A strip of the mixer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strip {
    /// A track, by its index.
    Track(usize),
    /// A bus, by its index.
    Bus(usize),
    /// The master level.
    Master,
}

/// What can be shown or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Panes {
    /// Every key and what it does.
    pub help: bool,
    /// The latency monitor.
    pub latency: bool,
    /// The setlist; nothing said is: where there are several songs, and room.
    pub songs: Option<bool>,
}

/// A level or a pan that was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted {
    strip: Strip,
    pan: bool,
    value: f64,
    at: Duration,
}

/// The form of the song, from its files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wave {
    /// Levels from the song's start to its end, 0 to 1; empty where there are none.
    pub levels: Vec<f32>,
    /// Files are still being read: how much of them has been, 0 to 1.
    pub reading: Option<f32>,
}

/// Everything that is shown.
#[derive(Clone, Debug)]
pub struct Model {
    /// How it looks.
    pub look: Look,
    /// Time since the screen was opened.
    pub now: Duration,
    /// The player's status.
    pub status: Status,
    /// The sections of the song in play, in frames.
    pub sections: Vec<Span>,
    /// The bars of the song in play.
    pub grid: Grid,
    /// The form of the song in play.
    pub wave: Wave,
    /// One for each track.
    pub tracks: Vec<Meter>,
    /// One for each bus.
    pub buses: Vec<Meter>,
    /// The strip that keys mean.
    pub selected: Strip,
    /// What is shown besides.
    pub panes: Panes,
    /// The end of the log.
    pub log: Vec<Line>,
    /// The section that is to be jumped to as soon as it is time.
    pub armed: Option<String>,
    /// What came of saving, for a moment, and whether it is no good news.
    pub notice: Option<(String, bool)>,
    /// `m` or `s` was pressed: a digit is a track.
    pub prefix: Option<char>,
    wanted: Vec<Wanted>,
}

impl Model {
    /// An empty one.
    pub fn new(look: Look) -> Self {
        Self {
            look,
            now: Duration::ZERO,
            status: Status::default(),
            sections: Vec::new(),
            grid: Grid::default(),
            wave: Wave::default(),
            tracks: Vec::new(),
            buses: Vec::new(),
            selected: Strip::Track(0),
            panes: Panes::default(),
            log: Vec::new(),
            armed: None,
            notice: None,
            prefix: None,
            wanted: Vec::new(),
        }
    }

    /// Takes a new status. Says whether meters move of themselves.
    pub fn take(&mut self, status: Status, now: Duration) -> bool {
        let passed = now.saturating_sub(self.now);
        self.now = now;
        let of = |s: &Status| (s.programme, s.song);
        if of(&status) != of(&self.status) || status.tracks.len() != self.tracks.len() {
            self.tracks.clear();
            self.wanted.clear();
        }
        self.tracks.resize(status.tracks.len(), Meter::default());
        self.buses.resize(status.buses.len(), Meter::default());
        for (meter, track) in self.tracks.iter_mut().zip(&status.tracks) {
            meter.take(track.peak, now, passed);
        }
        for (meter, bus) in self.buses.iter_mut().zip(&status.buses) {
            meter.take(bus.peak, now, passed);
        }
        self.status = status;
        self.wanted.retain(|w| now < w.at + PATIENCE);
        self.selected = match self.selected {
            Strip::Track(i) if i < self.tracks.len() => self.selected,
            Strip::Bus(i) if i < self.buses.len() => self.selected,
            // Nothing is known yet.
            Strip::Track(0) if self.buses.is_empty() => self.selected,
            Strip::Track(_) if !self.tracks.is_empty() => Strip::Track(self.tracks.len() - 1),
            _ => Strip::Master,
        };
        let mut meters = self.tracks.iter().chain(&self.buses);
        meters.any(|m| m.held > FLOOR_DB) || !self.wanted.is_empty()
    }

    /// Every strip, from top to bottom.
    pub fn strips(&self) -> impl DoubleEndedIterator<Item = Strip> + Clone {
        let tracks = (0..self.status.tracks.len()).map(Strip::Track);
        let buses = (0..self.status.buses.len()).map(Strip::Bus);
        tracks.chain(buses).chain([Strip::Master])
    }

    /// Selects the strip so many further down (or up), as far as there are any.
    pub fn select_by(&mut self, by: isize) {
        let strips: Vec<Strip> = self.strips().collect();
        let at = strips.iter().position(|s| *s == self.selected).unwrap_or(0);
        let to = at.saturating_add_signed(by).min(strips.len() - 1);
        self.selected = strips.get(to).copied().unwrap_or(Strip::Master);
    }

    /// A strip's level in dB: the one asked for last, else the one that is.
    pub fn level(&self, strip: Strip) -> f64 {
        if let Some(wanted) = self.wanted(strip, false) {
            return wanted;
        }
        let status = &self.status;
        let linear = match strip {
            Strip::Track(i) => status.tracks.get(i).map(|t| t.gain),
            Strip::Bus(i) => status.buses.get(i).map(|b| b.level),
            Strip::Master => Some(status.master),
        };
        f64::from(decibels(linear.unwrap_or(0.0)))
    }

    /// A track's pan: the one asked for last, else the one that is.
    pub fn pan(&self, track: usize) -> f64 {
        self.wanted(Strip::Track(track), true).unwrap_or_else(|| {
            let track = self.status.tracks.get(track);
            track.map_or(0.0, |t| f64::from(t.pan))
        })
    }

    fn wanted(&self, strip: Strip, pan: bool) -> Option<f64> {
        let mut all = self.wanted.iter();
        all.find(|w| w.strip == strip && w.pan == pan)
            .map(|w| w.value)
    }

    /// A level (dB) or a pan was asked for: until the status shows it, this is it.
    pub fn want(&mut self, strip: Strip, pan: bool, value: f64) {
        self.wanted.retain(|w| w.strip != strip || w.pan != pan);
        self.wanted.push(Wanted {
            strip,
            pan,
            value,
            at: self.now,
        });
    }

    /// Forgets held peaks.
    pub fn clear_peaks(&mut self) {
        let meters = self.tracks.iter_mut().chain(&mut self.buses);
        meters.for_each(Meter::clear);
    }

    /// The section that is playing.
    pub fn section(&self) -> Option<&Span> {
        let frame = self.status.position.frame;
        let mut all = self.sections.iter();
        all.find(|s| (s.start..s.end).contains(&frame))
    }
}
