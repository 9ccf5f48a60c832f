//! Helpers that the end-to-end tests share.

pub mod allocations;
pub mod alone;
pub mod alsa_rig;
pub mod guest;
pub mod jackd;
pub mod law;
pub mod mixer;
pub mod noise;
pub mod process;
pub mod program;
pub mod random_song;
pub mod rush;
pub mod session;
pub mod stems;
pub mod step;
pub mod terminal;
