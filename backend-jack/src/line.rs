//! The client's side of things, on the client's thread: ports, connections, and what only libjack can tell.

use std::sync::Arc;
use std::time::Instant;

use engine_core::backend::{BackendError, BackendErrorKind, Granted, Process, text};
use engine_core::outside::Move;

use crate::connect::{self, Found, Inputs, Want};
use crate::midi::{MIDI_PORT, MidiIn};
use crate::names;
use crate::options::{JackOptions, PortLabel};
use crate::patch::Patch;
use crate::ports::{c_string, open_client, said, server_name};
use crate::process::Player;
use crate::raw;
use crate::shared::Shared;

/// The client's side of things, on the client's thread.
pub(crate) struct Line<P: Process + 'static> {
    client: raw::Client<Shared, Player<P>>,
    shared: Arc<Shared>,
    /// Full names of our ports: the outputs, then the one for MIDI.
    ports: Vec<String>,
    wants: Vec<Want>,
    /// Names of our ports without the client's.
    names: Vec<String>,
    midi: Option<MidiIn>,
    patch: Patch,
    /// Callbacks up to the latest look at the connections.
    looked_at: u32,
    /// What people are told of our ports, by index.
    labels: Vec<(usize, PortLabel)>,
}

impl<P: Process + 'static> Line<P> {
    /// Opens the client with ports of these names. What is refused is refused here, while somebody listens.
    pub(crate) fn open(
        options: &JackOptions,
        outs: &[String],
    ) -> Result<(Self, (Arc<Shared>, Granted)), BackendError> {
        use BackendErrorKind::{Channels, Usage};
        let server = server_name(options.server_name.as_deref());
        let mut format = (0, 0);
        let mut kept = None;
        let mut client = open_client(
            &options.client_name,
            options.server_name.as_deref(),
            false,
            |rate, period| {
                format = (rate, period);
                let shared = Arc::new(Shared::new(rate, period));
                kept = Some(shared.clone());
                shared
            },
        )?;
        let shared = kept.unwrap_or_default();
        let name = client.name();
        let (_, longest) = raw::name_limits();
        let room = longest
            .min(names::FULL_BYTES)
            .saturating_sub(name.len() + 1);
        // Behind the outputs, where it keeps out of their numbers.
        let midi = options.midi.as_ref().map(|_| MIDI_PORT.to_owned());
        let ports: Vec<String> = outs.iter().cloned().chain(midi).collect();
        let ids = names::fit(&ports, room);
        let mut passed = Vec::new();
        // A port may be called as it was to be or, cut, as it is.
        let rules = connect::renamed(&options.connect, &ports, &ids);
        let lenient = options.pass_over.then_some(&mut passed);
        let mut wants = connect::wants(&rules, &ids, outs.len(), lenient)?;
        let mut full = Vec::new();
        for id in &ids {
            let c_name = c_string(id, "port name")?;
            let whole = format!("{name}:{id}");
            if full.contains(&whole) {
                return Err(BackendError::new(
                    Usage,
                    format_args!(
                        "Two JACK ports would be named {whole:?}; rename one bus or track."
                    ),
                ));
            }
            let registered = match &options.midi {
                Some(midi) if full.len() == outs.len() => client.register_midi(&c_name, midi.tap()),
                _ => client.register(&c_name),
            };
            if !registered {
                let shown: String = whole.chars().take(60).collect();
                return Err(BackendError::new(
                    Channels,
                    format_args!(
                        "The JACK server {server:?} refused port {shown:?}{}; play fewer buses or tracks, or raise its number of ports (jackd -p).",
                        said()
                    ),
                ));
            }
            full.push(whole);
        }
        let labels = (options.labels.iter())
            .filter_map(|l| Some((outs.iter().position(|o| *o == l.port)?, l.clone())));
        options.patch.memory().begin(&ports, &mut wants);
        let line = Self {
            client,
            shared: shared.clone(),
            ports: full,
            wants,
            names: ports,
            midi: options.midi.clone(),
            patch: options.patch.clone(),
            looked_at: 0,
            labels: labels.collect(),
        };
        let inputs = line.inputs();
        let mut notices = Vec::new();
        // What has come to the graph since the first time is no reason not to be back in it.
        match line.check_targets(&inputs) {
            Err(e) if options.patch.memory().returns => notices.push(e.message.to_string()),
            checked => checked?,
        }
        options.patch.memory().returns = true;
        if name != options.client_name {
            notices.push(format!(
                "The name {:?} is taken on the JACK server; this client is {name:?}.",
                options.client_name
            ));
        }
        notices.extend(connect::missing(&line.wants, &ids, &inputs));
        if !passed.is_empty() {
            notices.push(format!(
                "There is no port {} to connect this time.",
                passed.join(" or ")
            ));
        }
        let granted = Granted {
            channel_map: Default::default(),
            rate: format.0,
            period: format.1,
            periods: None,
            channels: u32::try_from(outs.len()).unwrap_or(u32::MAX),
            format: None,
            device: text(format_args!("{name}@{server}")),
            notice: text(format_args!("{}", notices.join(" "))),
        };
        Ok((line, (shared, granted)))
    }

    /// Starts the cycles and makes the connections; whether the server does.
    pub(crate) fn activate(&mut self, player: Player<P>, transport: bool) -> bool {
        let active = self.client.activate(player, transport);
        if active {
            self.tend();
        }
        active
    }

    /// Moves the transport.
    pub(crate) fn steer(&self, to: Move) {
        // A locate may be refused where there is no server any more; then nothing follows from it.
        self.client.steer(to);
    }

    /// Tells people of our ports.
    pub(crate) fn describe(&self) {
        for (index, label) in &self.labels {
            self.client
                .describe(*index, &label.name, label.group.as_deref());
        }
    }

    fn inputs(&self) -> Inputs {
        Inputs {
            all: self.client.audio_inputs(false),
            physical: self.client.audio_inputs(true),
            midi: match self.midi {
                Some(_) => self.client.midi_sources(),
                None => Vec::new(),
            },
        }
    }

    /// Refuses what can't be meant, while somebody listens.
    fn check_targets(&self, inputs: &Inputs) -> Result<(), BackendError> {
        use BackendErrorKind::Usage;
        for want in &self.wants {
            match want.find(inputs) {
                Found::Several(n) => {
                    return Err(BackendError::new(
                        Usage,
                        format_args!(
                            "{n} JACK {} match {}, and it must be one; narrow the pattern.",
                            if want.midi { "MIDI outputs" } else { "inputs" },
                            want.target()
                        ),
                    ));
                }
                Found::None if want.exact().is_some_and(|name| self.client.exists(name)) => {
                    return Err(BackendError::new(
                        Usage,
                        format_args!(
                            "The JACK port {} is no {}; name one that is.",
                            want.target(),
                            want.kind()
                        ),
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes the connections that can be made, and looks at what only libjack can tell.
    pub(crate) fn tend(&mut self) {
        let arrived = self.shared.take_arrived();
        let new: Vec<String> = (arrived.iter())
            .filter_map(|id| self.client.name_of(*id))
            .collect();
        let inputs = self.inputs();
        for want in &mut self.wants {
            if let Some(made) = &want.made {
                // A target may have gone and come back between two looks.
                if inputs.contains(made) && !new.contains(made) {
                    continue;
                }
                want.made = None;
            }
            let (Found::One(dest), Some(ours)) = (want.find(&inputs), self.ports.get(want.port))
            else {
                continue;
            };
            if connect(&self.client, ours, dest, want.midi) {
                want.made = Some(dest.to_owned());
                if let Some(name) = self.names.get(want.port) {
                    self.patch.memory().made(name, dest);
                }
            }
        }
        self.remember(&inputs);
        self.shared.set_latency(self.client.playback_latency());
        self.shared.set_priority(self.client.priority());
        let (load, delay) = (self.client.load(), self.client.max_delay());
        self.shared.punctuality.tell(load, delay);
    }

    /// Makes what the last server's client was connected to, and remembers what is.
    fn remember(&mut self, inputs: &Inputs) {
        // Nothing is locked while a server is asked: it may hang.
        let owed = self.patch.memory().owed(inputs);
        for (name, dest) in owed {
            if let Some(at) = self.names.iter().position(|n| *n == name)
                && let Some(ours) = self.ports.get(at)
            {
                let midi = self.midi.is_some() && at + 1 == self.ports.len();
                // One that refuses is tried again at the next look.
                connect(&self.client, ours, &dest, midi);
            }
        }
        let mut connected = self.client.connections();
        if let Some(midi) = &self.midi {
            let sources = self.client.midi_connections();
            midi.set_connected(!sources.is_empty());
            connected.push(sources);
        }
        // Of a dead server libjack's answers mean nothing, and PipeWire's tells nobody that it died: it has lost all
        // connections while the ports are still there.
        let cycles = self.shared.cycles();
        if self.shared.lost() || cycles == self.looked_at {
            return;
        }
        self.looked_at = cycles;
        let ours = self.names.iter().zip(connected);
        let pair = |(name, dests): (&String, Vec<String>)| {
            let name = name.clone();
            (dests.into_iter()).map(move |dest| (name.clone(), dest))
        };
        let connected = ours.flat_map(pair).collect();
        let mut memory = self.patch.memory();
        memory.look(connected, inputs, Instant::now());
        memory.look_at_rules(&self.names, &self.wants);
    }
}

/// Connects one of our ports to another, or with `midi` the other to ours.
fn connect<P: Process + 'static>(
    client: &raw::Client<Shared, Player<P>>,
    ours: &str,
    other: &str,
    midi: bool,
) -> bool {
    match midi {
        true => client.connect(other, ours),
        false => client.connect(ours, other),
    }
}

impl<P: Process + 'static> Drop for Line<P> {
    fn drop(&mut self) {
        // A server that is gone has taken its metadata along.
        if !self.labels.is_empty() && !self.shared.lost() {
            self.client.forget_descriptions();
        }
    }
}
