//! Steering a session: one set of [verbs](Verb), one set of [answers](Answer), whichever way they come.
//!
//! A [`Remote`] of a [`Player`](crate::player::Player) takes verbs from the program itself; a
//! [`Server`] takes them from a socket, one JSON object a line (`docs/protocol.md`); [`Osc`] from datagrams (`docs/osc.md`).

mod answer;
mod client;
mod mailbox;
mod osc;
mod place;
mod protocol;
mod refusal;
mod remote;
mod server;
mod shown;
pub mod surface;
mod verb;

pub use answer::Answer;
pub(crate) use answer::Answerer;
pub use client::{Connection, Reply};
pub use osc::{DATAGRAM, Osc, OscAddress, OscRequest, OscSocket, read_osc};
pub use place::{Access, Place, Socket, find, folders, sessions};
pub use protocol::{LINE_LIMIT, Request};
pub use refusal::{ErrorCode, Refusal};
pub(crate) use remote::Curiosity;
pub use remote::Remote;
pub use server::Server;
pub use verb::{Fader, Keep, Looped, MAX_RATE, Switch, Target, VERBS, Verb, When};

#[cfg(test)]
mod tests;
