//! backline as a library: everything the `backline` program does, for other programs.
pub mod media;
pub mod song;
