//! backline as a library: everything the `backline` program does, for other programs.

#[cfg(test)]
use backline_trap as _;

pub mod analyse;
pub mod args;
pub mod atomic;
pub mod capacity;
pub mod check;
pub mod commands;
pub mod config;
pub mod control;
pub mod doctor;
pub mod exit;
pub mod feeder;
pub mod findings;
pub mod kiosk;
mod located;
pub mod made;
pub mod media;
pub mod nsm;
pub mod null;
pub mod output;
pub mod plan;
pub mod player;
pub mod program;
mod prompt;
pub mod render;
pub mod report;
mod save;
pub mod song;
pub mod terminal;
pub mod tui;
pub mod units;
