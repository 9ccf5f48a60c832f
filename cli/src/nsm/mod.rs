//! A session manager's client: NSM, the protocol of New Session Manager, RaySession and others
//! (OSC over UDP, version 1.1).
//!
//! [`Link`] speaks the protocol, [`Project`] is the folder of a session: what it holds and how it
//! is written. Nothing here plays.

mod link;
mod project;
mod stored;
mod written;

pub use link::{Link, NsmError, Refusal, Request, Ticket};
pub use project::{Contents, Project, Restored};
