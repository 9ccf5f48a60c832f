//! Questions to a server without playing: does it run, and what can be connected to.

use std::ffi::CString;
use std::sync::Arc;
use std::time::Duration;

use engine_core::backend::{BackendError, BackendErrorKind, Text};
use engine_core::outside::Outside;

use crate::aside::{Aside, NoAnswer, none_leaving, wait_until};
use crate::messages;
use crate::raw::{Client, Cycle, Moment, OpenError, Planes};
use crate::shared::Shared;

/// How long a server may take for an answer.
pub(crate) const ANSWER: Duration = Duration::from_secs(5);

/// How long the start of a server may take. libjack itself waits for some seconds.
const START: Duration = Duration::from_secs(20);

/// A running server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name.
    pub name: String,
    /// Sample rate, Hz.
    pub rate: u32,
    /// Frames per callback.
    pub period: u32,
    /// It runs its clients with a real-time priority.
    pub realtime: bool,
    /// The physical audio outputs of the machine, in the server's order.
    pub outputs: Vec<PhysicalPort>,
}

/// A physical output: an input port of the graph that leads out of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhysicalPort {
    /// Its number among the physical outputs, from 1.
    pub channel: usize,
    /// Its full name, as [`ConnectRule::Exact`](crate::ConnectRule) takes it.
    pub name: String,
    /// Another name the server has for it (often the card's).
    pub alias: Option<String>,
}

/// Whether a server runs that this user can reach. `None` is `$JACK_DEFAULT_SERVER`, or else
/// `default`. Opens a client for a moment; a server that doesn't answer within 5 s counts as not running.
pub fn server_running(server: Option<&str>) -> bool {
    list_ports(server).is_ok()
}

/// Rate, period and physical outputs of a running server; errors as in
/// [`Backend::open`](engine_core::backend::Backend::open).
pub fn list_ports(server: Option<&str>) -> Result<Server, BackendError> {
    let (aside, found) = probe(server, false)?;
    // A probe that hangs in closing stays behind; its answer counts.
    aside.close(ANSWER);
    Ok(found)
}

/// A server that was started, kept as long as this is: one that ends with its last client would
/// be gone before a player's client is there.
pub struct Kept(#[allow(dead_code, reason = "it is there to be dropped")] Aside<Probe>);

/// Starts a server, as libjack does it: with the command line in `~/.jackdrc` or `/etc/jackdrc`,
/// else through D-Bus or with jackd's defaults. One that runs already is taken.
///
/// jackd writes to the standard output and error of this process.
///
/// # Errors
/// As in [`Backend::open`](engine_core::backend::Backend::open);
/// [`NoServer`](BackendErrorKind::NoServer) when none came up, or when `$JACK_NO_START_SERVER` is set.
pub fn start_server(server: Option<&str>) -> Result<(Kept, Server), BackendError> {
    let forbidden = std::env::var_os("JACK_NO_START_SERVER").is_some();
    let shown = server_name(server);
    probe(server, true)
        .map(|(aside, found)| (Kept(aside), found))
        .map_err(|e| match e.kind {
            BackendErrorKind::NoServer if forbidden => BackendError::new(
                BackendErrorKind::NoServer,
                format_args!(
                    "No JACK server named {shown:?} is running, and $JACK_NO_START_SERVER forbids starting one; unset it or start the server."
                ),
            ),
            BackendErrorKind::NoServer => BackendError::new(
                BackendErrorKind::NoServer,
                format_args!(
                    "The JACK server {shown:?} could not be started; try the command in ~/.jackdrc by hand (without that file: jackd -n {shown} -d alsa)."
                ),
            ),
            _ => e,
        })
}

type Probe = Client<Shared, Never>;

fn probe(server: Option<&str>, start: bool) -> Result<(Aside<Probe>, Server), BackendError> {
    let shown = server_name(server);
    free_of_others()?;
    let name = shown.clone();
    let server = server.map(str::to_owned);
    let look = move || {
        let mut format = (0, 0);
        let shared = |rate, period| {
            format = (rate, period);
            Arc::new(Shared::new(rate, period))
        };
        let client = open_client::<Never>("backline-probe", server.as_deref(), start, shared)?;
        let outputs = client
            .audio_inputs(true)
            .into_iter()
            .enumerate()
            .map(|(i, name)| PhysicalPort {
                channel: i + 1,
                alias: client.alias(&name),
                name,
            })
            .collect();
        let found = Server {
            name,
            rate: format.0,
            period: format.1,
            realtime: client.realtime(),
            outputs,
        };
        Ok((client, found))
    };
    let patience = if start { START } else { ANSWER };
    Aside::spawn("jack-probe", patience, look).map_err(|e| settle(e, &shown))
}

/// Waits until every client that was closed or given up is really gone. While one still hangs
/// in the library, another server's client would pull its memory from under it: libjack keeps
/// the server's in process-wide variables.
pub(crate) fn free_of_others() -> Result<(), BackendError> {
    if wait_until(ANSWER, none_leaving) {
        return Ok(());
    }
    Err(BackendError::new(
        BackendErrorKind::TimedOut,
        format_args!(
            "An earlier JACK client still hangs in its server; end that server, or start this program again."
        ),
    ))
}

/// The process callback of a client that is never activated.
pub(crate) enum Never {}

impl Cycle for Never {
    fn cycle(&mut self, _: &mut Planes<'_>, _: Moment) {
        match *self {}
    }

    fn spoilt(&mut self, _: &mut Planes<'_>, _: Moment) {
        match *self {}
    }

    fn ready(&mut self, _: Outside) -> bool {
        match *self {}
    }

    fn wants_clock(&self) -> bool {
        match *self {}
    }
}

/// The server's name as libjack resolves it.
pub(crate) fn server_name(server: Option<&str>) -> String {
    server.map(str::to_owned).unwrap_or_else(|| {
        std::env::var("JACK_DEFAULT_SERVER")
            .ok()
            .filter(|s| !s.is_empty())
            .unwrap_or_else(|| "default".into())
    })
}

/// Opens a client, with errors for people.
pub(crate) fn open_client<C: Cycle>(
    name: &str,
    server: Option<&str>,
    start: bool,
    shared: impl FnOnce(u32, u32) -> Arc<Shared>,
) -> Result<Client<Shared, C>, BackendError> {
    let shown = server_name(server);
    let c_name = c_string(name, "client name")?;
    let c_server: Option<CString> = match server {
        Some(s) => Some(c_string(s, "server name")?),
        None => None,
    };
    Client::open(&c_name, c_server.as_deref(), start, shared).map_err(|e| match e {
        OpenError::Library(why) => BackendError::new(
            BackendErrorKind::NoServer,
            format_args!(
                "The JACK library can't be loaded; install libjack (of JACK or PipeWire) or choose another backend ({why})."
            ),
        ),
        OpenError::TooLong(most) => BackendError::new(
            BackendErrorKind::Usage,
            format_args!("The JACK client name is longer than {most} bytes; choose a shorter one."),
        ),
        OpenError::NoServer => BackendError::new(
            BackendErrorKind::NoServer,
            format_args!(
                "No JACK server named {shown:?} is running for this user; start one or choose another backend."
            ),
        ),
        OpenError::Refused(status) => BackendError::new(
            BackendErrorKind::Driver,
            format_args!(
                "The JACK server {shown:?} refused a client named {name:?} (status {status:#x}{}); try another name or restart the server.",
                said()
            ),
        ),
    })
}

/// `: ` and what libjack said last, or nothing.
pub(crate) fn said() -> Text {
    messages::last()
        .map(|m| engine_core::backend::text(format_args!(": {m}")))
        .unwrap_or_default()
}

/// A name as libjack takes it.
pub(crate) fn c_string(s: &str, what: &str) -> Result<CString, BackendError> {
    let bad = || {
        BackendError::new(
            BackendErrorKind::Usage,
            format_args!("The JACK {what} {s:?} is empty or has a character that can't be in one."),
        )
    };
    if s.is_empty() || s.contains(':') || s.chars().any(char::is_control) {
        return Err(bad());
    }
    CString::new(s).map_err(|_| bad())
}

/// What no answer means.
pub(crate) fn no_answer(why: NoAnswer, shown: &str) -> BackendError {
    match why {
        NoAnswer::Late => BackendError::new(
            BackendErrorKind::TimedOut,
            format_args!("The JACK server {shown:?} does not answer; restart it."),
        ),
        NoAnswer::Gone => BackendError::new(
            BackendErrorKind::Driver,
            format_args!(
                "The thread for the JACK server {shown:?} could not run; free some memory and try again."
            ),
        ),
    }
}

pub(crate) fn settle(e: Result<BackendError, NoAnswer>, shown: &str) -> BackendError {
    e.unwrap_or_else(|why| no_answer(why, shown))
}
