//! Songs and setlists: what is played, from files, folders and TOML.

mod error;
pub(crate) mod fields;
mod file;
mod folder;
mod handover;
mod load;
mod model;
mod names;
mod order;
mod overrides;
pub mod tempo;
mod times;

pub use error::SongError;
pub use file::{Document, Entry, parse};
pub use handover::Handover;
pub use load::{Request, load, load_what_can_be};
pub use model::*;
pub use names::{check_name, suggested_bus};
pub(crate) use names::{clean, unique};
pub use order::natural_order;
pub use overrides::Overrides;
pub(crate) use overrides::{Strips, unknown_track};
pub use times::{Span, UnknownSection};
