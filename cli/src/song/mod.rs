//! Songs and setlists: what is played, from files, folders and TOML.

mod model;
pub use model::*;
