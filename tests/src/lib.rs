//! Helpers that the end-to-end tests share.

pub mod jackd;
pub mod alsa_rig;
