//! The mixing core of backline: `no_std`, no allocation, fixed memory.
//!
//! The core knows frames, gains, rings and decks. It knows no file, no driver, no thread and no
//! wall clock. A host (or a firmware) owns an engine, lends it to a driver for one callback at a
//! time, and steers it through a control handle from one other thread.
//!
//! Everything reachable from an engine's `process` keeps the real-time contract: no allocation
//! or free, no lock, no system call, no panic path, bounded work.
#![no_std]
#![warn(missing_docs)]
#![cfg_attr(rtsan, feature(sanitize))]

#[cfg(feature = "alloc")]
extern crate alloc;

#[cfg(all(feature = "alloc", not(target_has_atomic = "ptr")))]
compile_error!(
    "the feature `alloc` needs a processor with compare-and-swap; this one does without, with static rings"
);

#[cfg(test)]
use backline_trap as _;

pub mod backend;
#[cfg(feature = "alloc")]
#[doc = include_str!("../docs/backend.md")]
pub mod backend_guide {}
pub mod block;
pub mod bus;
pub mod clock;
pub mod command;
pub mod controls;
pub mod convert;
pub mod cut;
pub mod deck;
pub mod denormals;
pub mod engine;
pub mod event;
pub mod fade;
pub mod handle;
pub mod histogram;
#[cfg(feature = "alloc")]
pub mod host;
mod mix;
pub mod monitor;
pub mod outside;
pub mod platform;
pub mod ramp;
pub mod ring;
#[cfg(feature = "alloc")]
pub mod seat;
pub mod status;
pub mod strip;
pub mod ticket;
