//! Helpers that the end-to-end tests share.

pub mod alsa_rig;
pub mod jackd;
pub mod stems;
pub mod step;
