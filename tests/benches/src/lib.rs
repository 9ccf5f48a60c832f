//! What the benches are made of.

pub mod bare;
pub mod clock;
pub mod mixer;
pub mod sections;
pub mod table;
