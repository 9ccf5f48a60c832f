//! Telling people and programs how playing goes.
//!
//! The player fills plain structs in and hands them to a [`Reporter`], which makes sentences for
//! people on standard error or JSON lines for programs on standard output. Nothing here waits for
//! whoever reads them.

mod delivery;
mod event;
mod listing;
mod live;
mod progress;
mod reporter;
mod spool;
mod text;

pub use delivery::{Delivery, OutputLatency};
pub use event::{
    Device, DeviceState, Ended, Failure, Latency, Position, Started, State, Summary, Warning,
};
pub use listing::print;
pub use live::{BusLevel, Faults, Meters, Switched};
pub use progress::Progress;
pub use reporter::{Mode, Reporter};
pub use text::{clean, clock};
