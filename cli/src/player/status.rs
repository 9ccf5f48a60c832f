//! What a player shows of itself at any time.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use engine_core::monitor::LatencyStats;

use crate::kiosk::Hold;
use crate::report::{Delivery, Latency, Position, State};

/// A snapshot, renewed at every poll of the controller.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// What is heard now.
    pub position: Position,
    /// Rate of the frames in `position`, Hz; 0 before a driver is open, the last one's while there
    /// is none.
    pub rate: u32,
    /// Index of the song in the setlist.
    pub song: usize,
    /// Counts up whenever other songs are loaded while it plays.
    pub programme: u32,
    /// What was loaded then, as it was given; empty while it plays what it began with.
    pub loaded: Arc<[PathBuf]>,
    /// Titles of the songs in the setlist.
    pub songs: Vec<String>,
    /// Index of the setlist's idle song.
    pub idle: Option<usize>,
    /// Names of the song's sections.
    pub sections: Vec<String>,
    /// The song loops, from and to this frame.
    pub looping: Option<(u64, u64)>,
    /// `jack`, `alsa`, `null`.
    pub backend: String,
    /// The device or server, also when it is gone.
    pub device: String,
    /// Which loudspeaker each channel of the device is, where its driver tells.
    pub channel_map: Option<Vec<String>>,
    /// Frames between the engine and the ear.
    pub latency_frames: u32,
    /// The same and more of the way to the ear, as far as it is known.
    pub delivery: Delivery,
    /// Song frames delivered so far, repeats included.
    pub delivered_frames: u64,
    /// Tracks of the song; a stem of more than two channels is one for each.
    pub tracks: Vec<TrackMeter>,
    /// Buses.
    pub buses: Vec<BusMeter>,
    /// Master level, linear.
    pub master: f32,
    /// The volume.
    pub volume: Volume,
    /// Callbacks so far.
    pub callbacks: u64,
    /// Faults the driver reported; `None` where a driver reports none.
    pub device_xruns: Option<u64>,
    /// Callbacks over their whole budget; `None` where no clock is read.
    pub late_callbacks: Option<u64>,
    /// Times our data came too late.
    pub starvations: u64,
    /// Frames they lasted.
    pub starved_frames: u64,
    /// Samples beyond full scale.
    pub clips: u64,
    /// Times the device or server was lost.
    pub losses: u32,
    /// Why, the last time.
    pub lost_by: Option<String>,
    /// Drivers that hung and were left behind with their engines; after the ninth the session ends.
    pub abandoned: u32,
    /// Stems found damaged.
    pub damaged: u32,
    /// How many songs there are, and the frames of all their stems, at the files' own rates.
    pub extent: (usize, u64),
    /// Songs that were skipped because they couldn't be opened or read, each time counted.
    pub skipped: u32,
    /// Why nothing plays that should, and when it is tried again.
    pub hold: Option<Hold<Instant>>,
    /// The driver calls the engine: callbacks should come.
    pub runs: bool,
    /// It plays, and is silent because its data isn't there.
    pub starving: bool,
    /// Loudest peak of all outputs in the last window, linear.
    pub output_peak: f32,
    /// A counter that moves as long as the controller does.
    pub beat: u64,
    /// The latency monitor.
    pub latency: Latency,
    /// The latency monitor's statistics.
    pub stats: LatencyStats,
}

impl Default for Status {
    fn default() -> Self {
        Self {
            position: Position {
                frame: 0,
                length_frames: None,
                state: State::Stopped,
                reason: None,
                song: None,
                section: None,
                latency: Default::default(),
            },
            rate: 0,
            song: 0,
            programme: 0,
            loaded: Arc::default(),
            songs: Vec::new(),
            idle: None,
            sections: Vec::new(),
            looping: None,
            backend: String::new(),
            device: String::new(),
            channel_map: None,
            latency_frames: 0,
            delivery: Delivery::default(),
            delivered_frames: 0,
            tracks: Vec::new(),
            buses: Vec::new(),
            master: 1.0,
            volume: Volume::default(),
            callbacks: 0,
            device_xruns: None,
            late_callbacks: None,
            starvations: 0,
            starved_frames: 0,
            clips: 0,
            losses: 0,
            lost_by: None,
            abandoned: 0,
            damaged: 0,
            extent: (0, 0),
            skipped: 0,
            hold: None,
            runs: false,
            starving: false,
            output_peak: 0.0,
            beat: 0,
            latency: Latency::Off,
            stats: LatencyStats::default(),
        }
    }
}

/// The last control before the ear: the hardware's, or the master level.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Volume {
    /// Where it stands, dB: in the hardware's own scale where it is the hardware's. −∞ is off; `None` is not known.
    pub level_db: Option<f64>,
    /// What no control takes it above, dB.
    pub max_db: Option<f64>,
    /// The element of the card's mixer; `None`: it is the master level.
    pub mixer: Option<String>,
}

/// A track and what is heard of it.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackMeter {
    /// Its name.
    pub name: String,
    /// The bus it feeds.
    pub bus: String,
    /// Linear gain.
    pub gain: f32,
    /// −1 … +1.
    pub pan: f32,
    /// Muted.
    pub mute: bool,
    /// Soloed.
    pub solo: bool,
    /// Peak of the last window, linear, after the strip.
    pub peak: f32,
}

/// A bus and what is heard of it.
#[derive(Clone, Debug, PartialEq)]
pub struct BusMeter {
    /// Its name.
    pub name: String,
    /// Linear level.
    pub level: f32,
    /// Peak of the last window, linear, the highest of its channels.
    pub peak: f32,
}
