//! The player: songs in, sound out. Everything between a [`Setlist`](crate::song::Setlist) and a
//! driver, without the program around it.
//!
//! ```no_run
//! use backline::player::{Output, PlayerBuilder};
//! use backline::song::{Request, load};
//!
//! let setlist = load(&Request {
//!     inputs: &["demo/song".into()],
//!     sequence: false,
//!     on_end: None,
//!     max_gain_db: 12.0,
//! })?;
//! let mut player = PlayerBuilder::new(setlist).output(Output::Null { speed: 1.0 }).build()?;
//! player.play();
//! player.wait();
//! println!("{:?}", player.latency_stats());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Threads
//!
//! A [`Player`] is a face: its calls queue wishes with the *controller*, a thread that owns
//! everything, polls the stop flag and steers. The *feeder*'s workers read files and fill rings
//! (see [`crate::feeder`]), a short-lived *loader* thread opens the files of a new deck, and the
//! *driver*'s thread calls the engine. Only the controller writes to the engine, and only it
//! reads from it.

mod anchors;
mod builder;
mod clock;
mod controller;
mod decks;
mod driver;
mod error;
mod face;
pub(crate) mod kit;
pub(crate) mod layout;
pub(crate) mod loaded;
mod loaders;
mod loss;
mod memory;
mod mixer;
mod notes;
mod plugged;
mod policy;
mod programme;
mod queue;
mod rig;
mod status;
mod wish;

pub(crate) use builder::refuse_other_rates;
pub use builder::{OnDamage, OnLoss, OnReturn, PlayerBuilder, Ports, Transport};
pub use clock::HostClock;
pub use driver::{Driver, EngineBorrower, Output};
pub use error::PlayerError;
pub use face::Player;
pub use layout::Wiring;
pub use mixer::{Mixer, SongMixer, Strip};
pub use notes::Note;
pub(crate) use programme::Reading;
pub(crate) use queue::Wishes;
pub use status::{BusMeter, Status, TrackMeter, Volume};
pub use wish::Place;
pub(crate) use wish::Wish;
