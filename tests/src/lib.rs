//! Helpers that the end-to-end tests share.

// In every test: a callback that allocates ends it.
use backline_trap as _;

pub mod alone;
pub mod alsa_rig;
pub mod blocker;
pub mod conductor;
pub mod dice;
pub mod flood;
pub mod guest;
pub mod jack_look;
pub mod jackd;
pub mod keyboard;
pub mod law;
pub mod mixer;
pub mod noise;
pub mod nsm;
pub mod osc;
pub mod over_null;
pub mod pipewire;
pub mod process;
pub mod program;
pub mod random_song;
pub mod rush;
pub mod service;
pub mod session;
pub mod stage;
pub mod stems;
pub mod step;
pub mod terminal;
