//! Rendering: the very engine that plays, pulled as fast as the stems can be read, into memory or
//! into files.
//!
//! ```no_run
//! use backline::render::{Options, Pulled, Rendering};
//! use backline::song::{Request, load};
//!
//! let setlist = load(&Request {
//!     inputs: &["demo/song".into()],
//!     sequence: false,
//!     on_end: None,
//!     max_gain_db: 12.0,
//! })?;
//! let mut rendering = Rendering::open(setlist, Options::default())?;
//! let mut peak = 0.0f32;
//! loop {
//!     match rendering.pull()? {
//!         Pulled::Frames(frames) => {
//!             for plane in rendering.mix() {
//!                 peak = plane[..frames].iter().fold(peak, |p, x| p.max(x.abs()));
//!             }
//!         }
//!         Pulled::Waiting => {}
//!         Pulled::End => break,
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Threads
//!
//! The feeder's workers decode into short rings, as in play; the engine runs on the caller's thread,
//! in [`Rendering::pull`]. The engine is asked whether it is [`ready`] before it is run, so it never
//! starves: the samples don't depend on the speed of the machine, nor on how many frames are pulled
//! at once.
//!
//! [`ready`]: engine_core::backend::Process::ready

mod error;
mod files;
mod rendering;
mod stems;

use std::time::Duration;

use crate::media::OpenOptions;
use crate::player::OnDamage;
use crate::song::{Overrides, Time};

pub use error::RenderError;
pub use files::{Files, FilesSpec};
pub use rendering::{Progress, Pulled, Rendering};
pub use stems::StemFile;

/// How long stems may give nothing before a rendering is given up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Frames that are mixed at once, where nothing else is said.
pub const CHUNK: usize = 2048;
/// Most frames that are mixed at once.
pub const MAX_CHUNK: usize = 65_536;

/// What of the songs is rendered, and how. The default is all of them, mixed at the usual rate of
/// the first song's stems.
#[derive(Clone, Debug)]
pub struct Options {
    /// Output rate, Hz.
    pub rate: Option<u32>,
    /// Refuse stems of another rate.
    pub strict_rate: bool,
    /// Fold stems to one channel.
    pub mono: bool,
    /// Settings of tracks and buses that go before the songs' own.
    pub overrides: Overrides,
    /// Ceiling of the levels in them, dB.
    pub max_gain_db: f64,
    /// How files are opened.
    pub open: OpenOptions,
    /// What damage in a stem does.
    pub on_damage: OnDamage,
    /// Master level, linear.
    pub master: f32,
    /// First frame, in the first song.
    pub start: Option<Time>,
    /// One past the last frame, in the last song.
    pub end: Option<Time>,
    /// How many times in all, at least once.
    pub repeat: u32,
    /// The only bus to be rendered, on channels from the first on.
    pub only_bus: Option<String>,
    /// Whether the buses are mixed.
    pub mix: bool,
    /// Whether every track is given on its own.
    pub stems: bool,
    /// Most frames given by one pull, 1 to [`MAX_CHUNK`]. The samples don't depend on it.
    pub chunk: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rate: None,
            strict_rate: false,
            mono: false,
            overrides: Overrides::default(),
            max_gain_db: 12.0,
            open: OpenOptions::default(),
            on_damage: OnDamage::Warn,
            master: 1.0,
            start: None,
            end: None,
            repeat: 1,
            only_bus: None,
            mix: true,
            stems: false,
            chunk: CHUNK,
        }
    }
}
