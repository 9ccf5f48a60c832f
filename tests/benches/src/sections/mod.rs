//! What can be measured, one section a file.

pub mod mixer;
pub mod worst;
