//! What a user can say about the JACK client.

use std::time::Duration;

use crate::midi::MidiIn;
use crate::patch::Patch;

/// How to open a JACK client and where to connect its ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JackOptions {
    /// Name of the client. When it is taken, the server grants another one (`name-01`) and
    /// `Granted::device` and `Granted::notice` say so.
    pub client_name: String,
    /// Name of the server; `None` is `$JACK_DEFAULT_SERVER`, or else `default`. PipeWire's
    /// libjack takes it as the name of the PipeWire remote.
    pub server_name: Option<String>,
    /// What to connect; empty connects nothing. A rule whose target is missing keeps the others
    /// and is carried out when the target appears.
    pub connect: Vec<ConnectRule>,
    /// Follow the server's transport, as a slow-sync client: the process is told where it is, and whoever starts
    /// or locates it waits until the process is in step.
    pub transport: bool,
    /// Pass over rules for ports that aren't there, with a notice, instead of refusing them: for
    /// rules that hold for many songs.
    pub pass_over: bool,
    /// What people are shown of the ports. A port that isn't listed has its id only.
    pub labels: Vec<PortLabel>,
    /// How long a running graph may stand still, outside freewheel, before the server counts
    /// as lost. Needed because PipeWire's libjack says nothing when its server dies.
    pub watchdog: Duration,
    /// What the ports were connected to when a server was lost. The client that is opened with it
    /// makes those connections again, and none that was taken apart by hand.
    pub patch: Patch,
    /// Hear MIDI: the client has a port [`MIDI_PORT`](crate::MIDI_PORT), and what comes is put here. Nothing is connected to
    /// it but by a rule.
    pub midi: Option<MidiIn>,
}

impl Default for JackOptions {
    fn default() -> Self {
        Self {
            client_name: "backline".into(),
            server_name: None,
            connect: Vec::new(),
            transport: false,
            pass_over: false,
            labels: Vec::new(),
            watchdog: Duration::from_secs(2),
            patch: Patch::default(),
            midi: None,
        }
    }
}

/// What JACK's metadata tells of a port. Their order is that of the outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortLabel {
    /// The port's id, as in the [`Wish`](engine_core::backend::Wish).
    pub port: String,
    /// Its name for people, in any script.
    pub name: String,
    /// What it is a channel of, when that has several.
    pub group: Option<String>,
}

/// One wish of connection. `port` and `ports` are names of outputs of the
/// [`Wish`](engine_core::backend::Wish), such as `main_L`, without the client's name; or [`MIDI_PORT`](crate::MIDI_PORT), where the
/// other port is an output for MIDI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectRule {
    /// The first port to the first physical audio input of the graph, the second to the second,
    /// and so on; never more than are listed here. Physical ports are known by their flag.
    Physical {
        /// Our ports, in channel order: those of the main bus.
        ports: Vec<String>,
    },
    /// A port to the input with exactly this full name (`client:port`).
    Exact {
        /// Our port.
        port: String,
        /// The input's full name.
        dest: String,
    },
    /// A port to the one audio input whose full name matches the whole pattern.
    Regex {
        /// Our port.
        port: String,
        /// A regular expression, anchored at both ends.
        pattern: String,
    },
}
