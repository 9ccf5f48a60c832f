//! backline as a library: everything the `backline` program does, for other programs.

pub mod exit;
pub mod feeder;
mod located;
pub mod analyse;
pub mod media;
pub mod null;
pub mod output;
pub mod plan;
pub mod report;
pub mod feeder;
pub mod media;
pub mod plan;
pub mod song;
pub mod terminal;
pub mod units;
