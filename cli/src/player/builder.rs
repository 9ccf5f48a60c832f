//! The builder: everything about a session that is known before it starts.
//!
//! What can be chosen is in `policy.rs`, what is refused or said before it starts in `builder/check.rs`, and what of each song is
//! played in `builder/parts.rs`.

mod check;
mod parts;

use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use engine_core::controls::TrackSetting;
use engine_core::convert::SampleFormat;
use engine_core::monitor::MonitorLevel;
use engine_core::ticket::TicketDrum;

pub(super) use check::song_notices;
pub(crate) use check::{NO_IDLE, refuse_other_rates};
use check::{tell_gone, tell_notices};
use parts::{Repeat, part_of};

use super::PlayerError;
use super::anchors::Anchors;
use super::controller::{
    Billed, Controller, Idle, KeepGoing, Loads, Orders, Saves, Shown, Step, Told,
};
use super::decks::Decks;
use super::driver::Output;
use super::face::Player;
use super::layout::{Layout, Wiring};
use super::loaded::{LoadOptions, Loaded, extent, load_all};
pub use super::policy::{OnDamage, OnLoss, OnReturn, Ports, Transport};
use super::programme::Reading;
use super::queue::queue;
use super::rig::{Asked, Rig};
use super::status::Status;
use crate::feeder::{Feeder, FeederOptions};
use crate::kiosk::Spot;
use crate::prompt;
use crate::song::{OnEnd, Overrides, Setlist, Time};

/// Collects what a session is to be. Defaults are those of the command line.
pub struct PlayerBuilder {
    setlist: Setlist,
    output: Output,
    asked: Asked,
    load: LoadOptions,
    ports: Ports,
    poll: Duration,
    ring_ms: u32,
    monitor: MonitorLevel,
    master: f32,
    volume_db: Option<f64>,
    volume_max_db: Option<f64>,
    on_damage: OnDamage,
    on_loss: OnLoss,
    on_return: OnReturn,
    transport: Transport,
    finish_at_end: bool,
    keep_going: bool,
    left_out: usize,
    spot: Option<Spot>,
    start: Option<Time>,
    end: Option<Time>,
    repeat: Repeat,
    born: Instant,
    song: usize,
    settings: Vec<(usize, String, TrackSetting)>,
    present: bool,
    configuration: Option<PathBuf>,
    on_end: Option<OnEnd>,
}

impl PlayerBuilder {
    /// A session that plays `setlist` on the null backend.
    pub fn new(setlist: Setlist) -> Self {
        Self {
            setlist,
            output: Output::Null { speed: 1.0 },
            asked: Asked::default(),
            load: LoadOptions::default(),
            ports: Ports::Buses,
            poll: Duration::from_millis(100),
            ring_ms: 1000,
            monitor: MonitorLevel::Off,
            master: 1.0,
            volume_db: None,
            volume_max_db: None,
            on_damage: OnDamage::default(),
            on_loss: OnLoss::default(),
            on_return: OnReturn::default(),
            transport: Transport::None,
            finish_at_end: true,
            keep_going: false,
            left_out: 0,
            spot: None,
            start: None,
            end: None,
            repeat: Repeat::No,
            born: Instant::now(),
            song: 0,
            settings: Vec::new(),
            present: false,
            configuration: None,
            on_end: None,
        }
    }

    /// Where the sound goes.
    pub fn output(mut self, output: Output) -> Self {
        self.output = output;
        self
    }

    /// Output rate, Hz. By default the server's, or the one most stems have.
    pub fn rate(mut self, rate: Option<u32>) -> Self {
        self.asked.rate = rate;
        self
    }

    /// Frames per period, and periods in the device's buffer.
    pub fn period(mut self, period: Option<u32>, periods: Option<u32>) -> Self {
        self.asked.period = period;
        self.asked.periods = periods;
        self
    }

    /// Sample format of the device.
    pub fn format(mut self, format: Option<SampleFormat>) -> Self {
        self.asked.format = format;
        self
    }

    /// What JACK's ports are.
    pub fn ports(mut self, ports: Ports) -> Self {
        self.ports = ports;
        self
    }

    /// Settings of tracks and buses that go before the songs' own; levels in them end at
    /// `max_gain_db` (dB).
    pub fn overrides(mut self, overrides: Overrides, max_gain_db: f64) -> Self {
        self.load.overrides = overrides;
        self.load.max_gain_db = max_gain_db;
        self
    }

    /// Fold every stem to one channel.
    pub fn mono(mut self, mono: bool) -> Self {
        self.load.mono = mono;
        self
    }

    /// Refuse stems of another rate than the output's.
    pub fn strict_rate(mut self, strict: bool) -> Self {
        self.load.strict_rate = strict;
        self
    }

    /// Lock the pages of the process in memory where the system allows it, after every load.
    /// It concerns all of the process, and nothing unlocks it; without it, which
    /// is the default, the audio thread may have to wait for a page that was swapped out.
    pub fn lock_memory(mut self, lock: bool) -> Self {
        self.load.lock_memory = lock;
        self
    }

    /// Most memory for one stem of a format that can't be sought otherwise, bytes.
    pub fn preload_limit(mut self, bytes: u64) -> Self {
        self.load.open.preload_limit = bytes;
        self
    }

    /// How often the controller looks at the stop flag (10 ms to 1 s).
    pub fn poll(mut self, poll: Duration) -> Self {
        self.poll = poll.clamp(Duration::from_millis(10), Duration::from_secs(1));
        self
    }

    /// Playing time that the rings hold, ms.
    pub fn ring_ms(mut self, ms: u32) -> Self {
        self.ring_ms = ms;
        self
    }

    /// The latency monitor's level; `Off` costs nothing.
    pub fn monitor_level(mut self, level: MonitorLevel) -> Self {
        self.monitor = level;
        self
    }

    /// Master level, linear.
    pub fn master(mut self, level: f32) -> Self {
        self.master = level;
        self
    }

    /// What the volume of the output's mixer is set to, dB, in place of what the output says. Without a mixer there is nothing to
    /// set; see [`master`](Self::master).
    pub fn volume(mut self, level_db: Option<f64>) -> Self {
        self.volume_db = level_db;
        self
    }

    /// What the volume is never let above, dB: that of the output's mixer, or without one the master level.
    pub fn volume_max(mut self, max_db: Option<f64>) -> Self {
        self.volume_max_db = max_db;
        self
    }

    /// What damage in a stem does.
    pub fn on_damage(mut self, what: OnDamage) -> Self {
        self.on_damage = what;
        self
    }

    /// What the loss and the return of the device do.
    pub fn on_loss(mut self, loss: OnLoss, back: OnReturn) -> Self {
        self.on_loss = loss;
        self.on_return = back;
        self
    }

    /// What JACK's transport has to do with it.
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// End the session when the last song has ended (the default); otherwise wait for wishes.
    pub fn finish_at_end(mut self, finish: bool) -> Self {
        self.finish_at_end = finish;
        self
    }

    /// Play all songs without end, whatever they say of their ends, and come to no end by anything that is the
    /// matter with them: what can't be opened or read is skipped, and while nothing can be, it is tried again.
    /// Every pass opens its files anew.
    pub fn keep_going(mut self, keep_going: bool) -> Self {
        self.keep_going = keep_going;
        self.load.skip_broken = keep_going;
        self
    }

    /// So many songs were left out already; they count as skipped.
    pub fn left_out(mut self, songs: usize) -> Self {
        self.left_out = songs;
        self
    }

    /// Begin where it was before, if that song is still there, and as long.
    pub fn go_on(mut self, spot: Spot) -> Self {
        self.spot = Some(spot);
        self
    }

    /// Play from here (the first song) …
    pub fn start(mut self, start: Option<Time>) -> Self {
        self.start = start;
        self
    }

    /// … up to there (the last song).
    pub fn end(mut self, end: Option<Time>) -> Self {
        self.end = end;
        self
    }

    /// Plays in all, of the song or the setlist.
    pub fn repeat(mut self, plays: u32) -> Self {
        self.repeat = Repeat::Plays(plays.max(1));
        self
    }

    /// Play without end: between two times of the song, or all of it.
    pub fn looping(mut self, range: Option<(Time, Time)>) -> Self {
        self.repeat = match range {
            Some((a, b)) => Repeat::Between(a, b),
            None => Repeat::Endless,
        };
        self
    }

    /// Begin with this song of the setlist (index from 0), if there is one.
    pub fn first_song(mut self, song: usize) -> Self {
        self.song = song;
        self
    }

    /// How strips are set (song by index from 0, name of the strip), whatever the songs say. One
    /// that isn't there is passed over.
    pub fn strips(mut self, settings: Vec<(usize, String, TrackSetting)>) -> Self {
        self.settings = settings;
        self
    }

    /// Have JACK ports take part in the graph before anything plays, so that they can be connected.
    pub fn present(mut self, present: bool) -> Self {
        self.present = present;
        self
    }

    /// What happens at the end of every song that is loaded while it plays, whatever its file says.
    pub fn on_end(mut self, what: Option<OnEnd>) -> Self {
        self.on_end = what;
        self
    }

    /// The configuration file that counts, into which what is to be kept is written.
    pub fn configuration(mut self, file: Option<PathBuf>) -> Self {
        self.configuration = file;
        self
    }

    /// When the program began, for the time to the first sound.
    pub fn born(mut self, born: Instant) -> Self {
        self.born = born;
        self
    }

    /// How much can be played, as [`Status::extent`] has it: looks at every stem, and opens no driver.
    ///
    /// # Errors
    /// The first stem that can't be opened; with [`keep_going`](Self::keep_going) only if no song can be played.
    pub fn extent(self) -> Result<(usize, u64), PlayerError> {
        load_all(self.setlist, &mut TicketDrum::new(), &self.load).map(|(songs, _)| extent(&songs))
    }

    /// Looks at every stem, opens the driver and starts the controller. Nothing sounds before
    /// [`Player::play`].
    ///
    /// # Errors
    /// The first stem that can't be opened, or why the driver refuses.
    pub fn build(mut self) -> Result<Player, PlayerError> {
        if self.keep_going {
            self.repeat = Repeat::Turns;
            for song in &mut self.setlist.songs {
                song.on_end = OnEnd::Next;
            }
        }
        self.check_transport()?;
        self.check_idle()?;
        let mut tickets = TicketDrum::new();
        let (songs, skipped) = load_all(self.setlist, &mut tickets, &self.load)?;
        if songs.is_empty() {
            return Err(PlayerError::Usage("there is no song to play".into()));
        }
        let idle = songs.iter().position(|song| song.song.idle);
        if songs.len() > 1 && matches!(self.repeat, Repeat::Between(..)) {
            return Err(PlayerError::Usage(
                "a loop between two times is for one song, not for a setlist".into(),
            ));
        }
        let wiring = match (self.output.has_ports(), self.ports) {
            (false, _) => Wiring::Channels,
            (true, Ports::Buses) => Wiring::BusPorts,
            (true, Ports::Tracks) => Wiring::TrackPorts,
            (true, Ports::Both) => Wiring::BothPorts,
        };
        let mut layout = Layout::new(&songs, wiring, None)?;
        let of_connecting = self.output.notices(&layout);
        layout.notices.extend(of_connecting);
        let directs = songs.iter().map(|song| layout.directs(song)).collect();
        for song in &songs {
            song.set_levels(&layout);
        }
        for (song, name, setting) in &self.settings {
            if let Some(song) = songs.get(*song) {
                song.set_strip(name, *setting);
            }
        }
        let mut asked = self.asked;
        asked.best_rate = songs[0].usual_rate();
        if let Some(db) = self.volume_db {
            let max = self.volume_max_db.unwrap_or(f64::INFINITY);
            self.output.set_volume(db.min(max) as f32);
        }
        let mut rig = Rig::open(&self.output, &layout, asked)?;
        let rate = rig.granted.rate;
        let last = songs.len() - 1;
        for (i, song) in songs.iter().enumerate() {
            let start = self.start.as_ref().filter(|_| i == 0);
            let end = self.end.as_ref().filter(|_| i == last);
            song.part(start, end, rate)?;
        }
        if let Repeat::Between(a, b) = &self.repeat {
            let (a, b) = (songs[0].song.frame(a, rate)?, songs[0].song.frame(b, rate)?);
            if a >= b || a >= songs[0].length(rate) {
                return Err(PlayerError::Usage(
                    "a loop must end after its start and begin within the song".into(),
                ));
            }
        }
        if self.load.strict_rate {
            refuse_other_rates(&songs, rate)?;
        }

        let (wishes, wishes_out) = queue();
        let (notes, notes_out) = mpsc::channel();
        let (feeder_events, feeder_events_out) = mpsc::channel();
        let feeder = Feeder::new(
            FeederOptions {
                ring: Duration::from_millis(u64::from(self.ring_ms)),
                ..FeederOptions::default()
            },
            feeder_events,
        )?;
        let follows = self.transport == Transport::Follow;
        tell_notices(&notes, &songs, &layout, &rig, follows, &skipped);
        let size = self.output.ring_size(self.ring_ms, &rig.granted);
        let mut decks = Decks::new(tickets, wishes.clone(), feeder, size, self.load.clone());
        decks.keep_kits = !self.keep_going;
        decks.songs = songs.iter().map(|song| song.ticket).collect();
        let status = Arc::new(Mutex::new(Status::default()));
        let (start, end, repeat) = (self.start, self.end, self.repeat.clone());
        // A loop between two times is one of the song it was asked for.
        let repeat_loaded = match &repeat {
            Repeat::Between(..) => Repeat::No,
            other => other.clone(),
        };
        let part_of_loaded = move |songs: usize, idle: Option<usize>| {
            let last = songs.saturating_sub(1);
            parts::part_of(None, None, repeat_loaded.clone(), last, idle)
        };
        let part_of = part_of(start, end, repeat, last, idle);
        let place = self.spot.and_then(|spot| {
            let is_it = |song: &Loaded| song.song.title == spot.title;
            let song = match songs.get(spot.song) {
                Some(song) if is_it(song) => Some(spot.song),
                _ => songs.iter().position(is_it),
            };
            if song.is_none() {
                tell_gone(&notes, &spot.title);
            }
            // A song that was triggered long ago isn't gone on with.
            let song = song.filter(|song| idle.is_none_or(|idle| *song == idle));
            let frame = (spot.at_s.max(0.0) * f64::from(rate)).round() as u64;
            song.map(|song| (song, frame))
        });
        // What nobody can connect to hears nothing.
        let present = (self.present || self.output.hears_midi()) && self.output.has_ports();
        #[cfg(feature = "jack")]
        let midi = self.output.midi();
        let told = Told {
            output: self.output,
            asked,
            poll: self.poll,
            ring_ms: self.ring_ms,
            on_damage: self.on_damage,
            on_loss: self.on_loss,
            on_return: self.on_return,
            transport: self.transport,
            finish_at_end: self.finish_at_end,
            keep_going: self.keep_going,
            list_plays: match self.repeat {
                Repeat::Endless | Repeat::Turns => None,
                Repeat::Plays(n) => Some(n),
                _ => Some(1),
            },
            master: self.master,
            volume_max_db: self.volume_max_db,
            monitor: self.monitor,
            born: self.born,
            present,
            managed: self.present,
            reading: Reading {
                sequence: false,
                on_end: self.on_end,
                max_gain_db: self.load.max_gain_db,
                leave_out: self.keep_going,
            },
            configuration: self.configuration,
        };
        let mut controller = Controller {
            master: 0.0,
            volume: Default::default(),
            told,
            songs,
            parts: Vec::new(),
            part_of: Box::new(part_of),
            part_of_loaded: Box::new(part_of_loaded),
            layout,
            directs,
            wishes: wishes_out,
            notes,
            status: status.clone(),
            feeder_events: feeder_events_out,
            decks,
            rig: None,
            device: (0, String::new()),
            hold: None,
            anchors: Anchors::default(),
            current: None,
            song: place.map_or(idle.unwrap_or(self.song.min(last)), |(song, _)| song),
            first_frame: place.map(|(_, frame)| frame),
            looping: None,
            rolling: false,
            step: Step::default(),
            list_played: 0,
            no_follower: false,
            delivered: 0,
            before: Default::default(),
            damaged: 0,
            losses: Default::default(),
            idle: Idle::new(idle),
            keep: KeepGoing::new(skipped.len() + self.left_out),
            beat: 0,
            started: false,
            quitting: None,
            over: None,
            error: None,
            shown: Shown::new(),
            orders: Orders::default(),
            saves: Saves::default(),
            loads: Loads::default(),
            billed: Billed::default(),
        };
        controller.set_master(controller.told.master);
        controller.work_out_parts(rate);
        // A song that has become shorter than that begins at its start.
        let end = controller.parts[controller.song].end;
        controller.first_frame = controller.first_frame.filter(|frame| *frame < end);
        controller.set_up(&mut rig);
        controller.rig = Some(rig);
        let thread = prompt::spawn("backline-control", move || controller.run())?;
        Ok(Player {
            wishes,
            notes: Some(notes_out),
            status,
            thread: Some(thread),
            summary: None,
            #[cfg(feature = "jack")]
            midi,
        })
    }
}
