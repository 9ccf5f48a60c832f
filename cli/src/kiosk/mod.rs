//! Playing unattended: what a service manager is told, whether all is well, figures for a
//! collector, and the unit file that has a service manager start it.
//!
//! [`Attendant`] looks at a player's [`Status`](crate::player::Status) now and then. Whether all is
//! well is decided in one place, [`Health`]; the watchdog, the status line and the metrics go by it.

mod attendant;
mod health;
mod kept;
mod metrics;
mod notify;

pub use attendant::Attendant;
pub use health::{Health, Hold, HoldKind, Illness, Observation};
pub use kept::{Keeper, Kept, Spot};
pub use metrics::{Figures, to_text};
pub use notify::{Notifier, Watchdog};
