//! What can be measured, one section a file.

pub mod feeder;
pub mod live;
pub mod mixer;
pub mod render;
pub mod start;
pub mod worst;
