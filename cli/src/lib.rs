//! backline as a library: everything the `backline` program does, for other programs.
pub mod feeder;
pub mod exit;
mod located;
pub mod media;
pub mod plan;
pub mod song;
pub mod units;
//pub mod analyse;
pub mod media;
pub mod output;
//pub mod report;
pub mod song;
pub mod terminal;
