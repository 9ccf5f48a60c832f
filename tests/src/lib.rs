//! Helpers that the end-to-end tests share.

pub mod alone;
pub mod allocations;
pub mod alsa_rig;
pub mod guest;
pub mod jackd;
pub mod law;
pub mod process;
pub mod random_song;
pub mod rush;
pub mod session;
pub mod program;
pub mod mixer;
pub mod stems;
pub mod step;
pub mod terminal;
