//! What the controller shows: position, meters, faults, the summary.

use std::time::{Duration, Instant};

use engine_core::backend::{Health, Report};
use engine_core::host::{BUS_CHANNELS, TRACKS};
use engine_core::monitor::{LatencyStats, MonitorLevel};
use engine_core::status::State as EngineState;

use super::super::anchors::Heard;
use super::super::decks::GONE;
use super::super::layout::Wiring;
use super::super::loaded::extent;
use super::super::notes::Note;
use super::super::status::{BusMeter, Status, TrackMeter};
use super::{Controller, Totals};
use crate::report::{Delivery, Ended, Latency, Position, State, Summary};

/// Between two positions.
pub(super) const EVERY: Duration = Duration::from_millis(100);

/// What was shown last, and what it is made of.
pub(in super::super) struct Shown {
    pub health: Option<Health>,
    pub report: Report,
    last: Instant,
    /// How often the status is renewed, while somebody wants it oftener than by itself.
    pub every: Duration,
    /// Who wants it how often.
    curious: Vec<(u64, Duration)>,
    told: Instant,
    position: Option<Position>,
    track_peaks: [f32; TRACKS],
    bus_peaks: [f32; BUS_CHANNELS],
    /// For `sampled`: when the callback counter was last seen, and what it was.
    seen: Option<(Instant, u32)>,
    rate_per_s: f64,
    longest_gap: Duration,
    moved: Instant,
}

impl Shown {
    pub fn new() -> Self {
        let now = Instant::now();
        Self {
            health: None,
            report: Report::default(),
            last: now,
            every: EVERY,
            curious: Vec::new(),
            told: now,
            position: None,
            track_peaks: [0.0; TRACKS],
            bus_peaks: [0.0; BUS_CHANNELS],
            seen: None,
            rate_per_s: 0.0,
            longest_gap: Duration::ZERO,
            moved: now,
        }
    }

    /// Frames that left the engine and aren't heard yet.
    fn on_its_way(&self) -> u32 {
        let Report {
            latency_frames,
            passed_frames,
            ..
        } = self.report;
        latency_frames.saturating_sub(passed_frames)
    }

    /// Renews the status as often as the most curious wants.
    pub fn refresh(&mut self, who: u64, every: Duration) {
        self.curious.retain(|(other, _)| *other != who);
        if every < EVERY {
            self.curious.push((who, every));
        }
        let most = self.curious.iter().map(|(_, every)| *every).min();
        self.every = most.unwrap_or(EVERY);
    }

    /// The callback counter seen from outside.
    fn sample(&mut self, callbacks: u32, playing: bool) {
        let now = Instant::now();
        if !playing {
            self.seen = None;
            self.moved = now;
            return;
        }
        match self.seen {
            None => {
                self.seen = Some((now, callbacks));
                self.moved = now;
            }
            Some((then, before)) if callbacks != before => {
                let dt = now - then;
                let n = f64::from(callbacks.wrapping_sub(before));
                if dt >= EVERY {
                    self.rate_per_s = n / dt.as_secs_f64();
                    self.seen = Some((now, callbacks));
                }
                self.longest_gap = self.longest_gap.max(now - self.moved);
                self.moved = now;
            }
            Some(_) => {}
        }
    }
}

impl Controller {
    /// Renews the status; sends the position when it is time for it, or something changed.
    pub(super) fn show(&mut self, at_once: bool) {
        let due = at_once || self.shown.last.elapsed() >= self.shown.every.mul_f64(0.95);
        let position = self.position();
        let changed = self
            .shown
            .position
            .as_ref()
            .is_none_or(|p| p.state != position.state || p.reason != position.reason);
        if let Some(rig) = &self.rig {
            let board = rig.handle.board();
            let p = board.position();
            let callbacks = board.counters().callbacks;
            self.shown
                .sample(callbacks, p.state == EngineState::Playing && rig.running);
            if let Some(l) = self.current.and_then(|t| self.decks.find(t))
                && p.deck == l.ticket
                && l.song != GONE
            {
                let moving = Self::moves(&p);
                let (plan, song) = (l.plan, l.song);
                self.anchors
                    .add(p.engine_frame, p.deck, p.deck_frame, plan, song, moving);
            }
        }
        if !(due || changed) {
            return;
        }
        self.shown.last = Instant::now();
        if let Some(rig) = &self.rig {
            let board = rig.handle.board();
            let (tracks, buses) = (&mut self.shown.track_peaks, &mut self.shown.bus_peaks);
            if board.peaks(tracks, buses).is_some() {
                board.next_meter_window();
            }
        }
        let status = self.make_status(position.clone());
        *crate::player::face::lock(&self.status) = status;
        self.shown.position = Some(position.clone());
        let due = at_once || changed || self.shown.told.elapsed() >= EVERY.mul_f64(0.95);
        if due && (self.started || self.hold.is_some()) {
            self.shown.told = self.shown.last;
            self.tell(Note::Position(position));
        }
    }

    pub(super) fn position(&self) -> Position {
        let rate = self.rate();
        let (song, frame, state, mut reason) = match (&self.rig, &self.hold) {
            (Some(rig), _) => {
                let p = rig.handle.board().position();
                let heard = p
                    .engine_frame
                    .saturating_sub(u64::from(self.shown.on_its_way()));
                // With nothing queued what the engine gave is what was heard.
                let heard = if rig.running { heard } else { p.engine_frame };
                let heard = self.anchors.at(heard);
                let heard = heard.filter(|h| h.song != GONE);
                // What stands there as soon as it is read counts as there.
                let starts = self.decks.starts_at(self.current);
                let starts = starts.filter(|_| p.state == EngineState::Stopped);
                let heard = starts.map(|(song, frame)| Heard { song, frame }).or(heard);
                let state = match p.state {
                    EngineState::Stopped => State::Stopped,
                    EngineState::Playing => State::Playing,
                    EngineState::Paused => State::Paused,
                    EngineState::Ended => State::Ended,
                };
                let reason = p
                    .holding
                    .then(|| "the stems are read too slowly".to_owned());
                let song = heard.map_or(self.song, |h| h.song);
                let frame = heard.map_or(self.parts[self.song].start, |h| h.frame);
                // Not into the silence before the next song.
                let frame = frame.min(self.parts[song].end);
                // In mid-song after a loss, waiting to be told to play on.
                let going = self.started && self.quitting.is_none() && self.over.is_none();
                let state = match state {
                    State::Stopped if going && frame > self.parts[song].start => State::Paused,
                    state => state,
                };
                match (p.outside, self.waits_to_join()) {
                    (Some(outside), Some(why)) => {
                        let frame = outside.at.frame.min(self.parts[self.song].end);
                        (self.song, frame, State::Paused, Some(why.to_owned()))
                    }
                    (Some(outside), None) if state == State::Playing => {
                        let (state, reason) = Self::state_with(outside, p.holding);
                        // Out of step nothing is heard.
                        let end = self.parts[self.song].end;
                        let (song, frame) = match outside.in_step {
                            true => (song, frame),
                            false => (self.song, outside.at.frame.min(end)),
                        };
                        (song, frame, state, reason)
                    }
                    _ => (song, frame, state, reason),
                }
            }
            (None, Some(hold)) => (self.song, hold.frame, State::Paused, None),
            (None, None) => (self.song, 0, State::Stopped, None),
        };
        if let Some(hold) = self.held() {
            reason = Some(hold.reason);
        }
        let song = &self.songs[song];
        let (length, section) = if rate == 0 {
            (None, None)
        } else {
            let length = song.length(rate);
            let section = song
                .song
                .spans(rate, length)
                .into_iter()
                .find(|s| (s.start..s.end).contains(&frame))
                .map(|s| s.name);
            (Some(length), section)
        };
        Position {
            frame,
            length_frames: length,
            state,
            reason,
            song: Some(song.song.title.clone()),
            section,
            latency: self.delivery().latency,
        }
    }

    /// The way to the ear, as the driver reported it last; while there is none, nothing.
    fn delivery(&self) -> Delivery {
        let known = self.rig.is_some() && self.shown.report.rate != 0;
        let report = known.then_some(&self.shown.report);
        report.map_or_else(Delivery::default, |r| Delivery::new(r, r.rate))
    }

    /// It plays, and our data isn't there.
    fn starves(&self) -> bool {
        let position = self.rig.as_ref().map(|r| r.handle.board().position());
        position.is_some_and(|p| p.holding && p.state == EngineState::Playing)
    }

    /// The loudest of what goes out.
    fn output_peak(&self) -> f32 {
        let loudest = |peaks: &[f32]| peaks.iter().copied().fold(0.0, f32::max);
        match self.layout.wiring {
            // There are no buses, and every track goes out by itself.
            Wiring::TrackPorts => loudest(&self.shown.track_peaks),
            _ => loudest(&self.shown.bus_peaks),
        }
    }

    /// All counts of the run so far.
    pub(in super::super) fn totals(&self) -> Totals {
        let mut t = self.before;
        if let Some(rig) = &self.rig {
            let board = rig.handle.board();
            let c = board.counters();
            let sum = |a: &mut u32, b: u32| *a = a.wrapping_add(b);
            sum(&mut t.counters.starvations, c.starvations);
            sum(&mut t.counters.starved_frames, c.starved_frames);
            sum(&mut t.counters.non_finite, c.non_finite);
            t.callbacks += u64::from(c.callbacks);
            let report = &self.shown.report;
            t.device_xruns += u64::from(report.device_xruns);
            let float = rig
                .granted
                .format
                .is_none_or(|f| f == engine_core::convert::SampleFormat::F32);
            t.clips += u64::from(if float { c.overs } else { report.clips });
            t.late += u64::from(board.monitor.late_callbacks());
        }
        t
    }

    fn stats(&self) -> LatencyStats {
        self.rig
            .as_ref()
            .map_or_else(LatencyStats::default, |r| r.handle.board().monitor.stats())
    }

    fn latency(&self, stats: &LatencyStats) -> Latency {
        let budget_ms = self.rig.as_ref().map_or(0.0, |r| {
            f64::from(self.period()) * 1000.0 / f64::from(r.granted.rate.max(1))
        });
        match self.told.monitor {
            MonitorLevel::Off => Latency::Off,
            MonitorLevel::Sampled => Latency::Sampled {
                total_callbacks: self.totals().callbacks,
                budget_ms,
                callbacks_per_s: self.shown.rate_per_s,
                longest_gap_ms: self.shown.longest_gap.as_secs_f64() * 1000.0,
            },
            MonitorLevel::Full => Latency::Full {
                mean_ms: f64::from(stats.mean_ms),
                max_ms: f64::from(stats.max_ms),
                min_ms: f64::from(stats.min_ms),
                xruns: u64::from(stats.xruns),
                budget_ms: f64::from(stats.budget_ms),
                usage_pct: f64::from(stats.usage_pct),
                total_callbacks: u64::from(stats.total_callbacks),
            },
        }
    }

    fn delivered(&self) -> u64 {
        let now = match (&self.rig, self.current) {
            (Some(rig), Some(current)) => {
                let p = rig.handle.board().position();
                let len = self.decks.find(current).and_then(|l| l.plan.deck_len());
                if p.deck == current {
                    p.deck_frame.min(len.unwrap_or(u64::MAX))
                } else {
                    0
                }
            }
            _ => 0,
        };
        self.delivered + now
    }

    pub(super) fn make_status(&self, position: Position) -> Status {
        let song = &self.songs[self.song];
        let tracks = song
            .strips
            .iter()
            .enumerate()
            .map(|(i, strip)| {
                let s = song.controls.track(i);
                TrackMeter {
                    name: strip.name.clone(),
                    bus: song.bus_of(strip).to_owned(),
                    gain: s.gain,
                    pan: s.pan,
                    mute: s.mute,
                    solo: s.solo,
                    peak: self.shown.track_peaks.get(i).copied().unwrap_or(0.0),
                }
            })
            .collect();
        let mut first = 0;
        let mut buses = Vec::new();
        for (i, bus) in self.layout.buses.iter().enumerate() {
            let peaks = self.shown.bus_peaks.iter().skip(first).take(bus.channels);
            buses.push(BusMeter {
                name: bus.name.clone(),
                level: song.controls.level(i),
                peak: peaks.copied().fold(0.0, f32::max),
            });
            first += bus.channels;
        }
        let totals = self.totals();
        let full = self.told.monitor == MonitorLevel::Full;
        let stats = self.stats();
        Status {
            position,
            rate: self.device.0,
            song: self.song,
            idle: self.idle.song,
            programme: self.billed.number,
            loaded: self.billed.inputs.clone(),
            songs: (self.songs.iter()).map(|s| s.song.title.clone()).collect(),
            sections: (song.song.sections.iter())
                .map(|s| s.name.clone())
                .collect(),
            looping: self.looping.map(|l| (l.a, l.b)),
            backend: self.told.output.name().to_owned(),
            device: self.device.1.clone(),
            channel_map: self.rig.as_ref().and_then(|rig| rig.channel_map()),
            latency_frames: self.shown.report.latency_frames,
            delivery: self.delivery(),
            delivered_frames: self.delivered(),
            tracks,
            buses,
            master: self.master,
            volume: self.show_volume(),
            callbacks: totals.callbacks,
            device_xruns: self
                .told
                .output
                .counts_xruns()
                .then_some(totals.device_xruns),
            late_callbacks: full.then_some(totals.late),
            starvations: u64::from(totals.counters.starvations),
            starved_frames: u64::from(totals.counters.starved_frames),
            clips: totals.clips,
            losses: self.losses.count,
            lost_by: self.losses.reason.clone(),
            abandoned: self.losses.abandoned,
            damaged: self.damaged,
            extent: extent(&self.songs),
            skipped: self.keep.skipped,
            hold: self.held(),
            runs: self.rig.as_ref().is_some_and(|rig| rig.running),
            starving: self.starves(),
            output_peak: self.output_peak(),
            beat: self.beat,
            latency: self.latency(&stats),
            stats,
        }
    }

    pub(super) fn summary(&self) -> Summary {
        let status = self.make_status(self.position());
        let rate = (status.rate != 0).then_some(status.rate);
        Summary {
            frames: status.delivered_frames,
            seconds: rate.map_or(0.0, |r| status.delivered_frames as f64 / f64::from(r)),
            damaged: status.damaged,
            rate,
            backend: Some(status.backend),
            device: Some(status.device).filter(|d| !d.is_empty()),
            ended: self.over.unwrap_or(Ended::Stopped),
            device_xruns: status.device_xruns,
            late_callbacks: status.late_callbacks,
            starvations: status.starvations,
            starved_frames: status.starved_frames,
            clips: status.clips,
            losses: status.losses,
            reason: status.lost_by,
            abandoned: status.abandoned,
            delivery: status.delivery,
            latency: status.latency,
            error: self.error.clone(),
        }
    }
}
