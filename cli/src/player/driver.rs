//! The drivers a player can use.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use engine_core::backend::{Backend, Granted};
use engine_core::host::HostEngine;
use engine_core::seat::Borrower;

use super::clock::HostClock;
use super::kit::RingSize;
use super::layout::Layout;
use crate::null::Null;
#[cfg(feature = "alsa")]
use crate::units::MixerName;

/// The engine of a player.
pub(crate) type Engine = Box<HostEngine<HostClock>>;

/// What a driver calls: a player's engine, borrowed for one callback at a time.
pub type EngineBorrower = Borrower<Engine>;

/// A driver of a player.
pub type Driver = Box<dyn Backend<EngineBorrower> + Send>;

/// Where the sound goes.
#[derive(Clone)]
#[non_exhaustive]
pub enum Output {
    /// Nowhere, at `speed` times the speed of a real device (infinity is as fast as it goes).
    Null {
        /// 1.0 is real time.
        speed: f64,
    },
    /// A JACK server that already runs. `connect` rules for bus outputs of the song files are added.
    #[cfg(feature = "jack")]
    Jack {
        /// The client.
        options: backend_jack::JackOptions,
        /// Connect bus main to the physical outputs, unless its song says where it goes.
        physical: bool,
        /// Connect buses as their songs say.
        as_songs_say: bool,
    },
    /// An ALSA device.
    #[cfg(feature = "alsa")]
    Alsa(backend_alsa::AlsaOptions),
    /// A driver of your own. Its outputs count as channels of a device.
    Other {
        /// Its name in reports.
        name: &'static str,
        /// Makes one; called again after the device was lost.
        make: Arc<dyn Fn() -> Driver + Send + Sync>,
    },
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Output {
    /// The word of the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Null { .. } => "null",
            #[cfg(feature = "jack")]
            Self::Jack { .. } => "jack",
            #[cfg(feature = "alsa")]
            Self::Alsa(_) => "alsa",
            Self::Other { name, .. } => name,
        }
    }

    /// Whether the driver itself reports faults of a device.
    pub(crate) fn counts_xruns(&self) -> bool {
        self.name() != "null"
    }

    /// The hardware's volume that the driver minds, as `--mixer` has it.
    pub(crate) fn mixer(&self) -> Option<String> {
        match self {
            #[cfg(feature = "alsa")]
            Self::Alsa(options) => {
                let mixer = options.mixer.as_ref()?;
                let name = MixerName::new(mixer.name.clone(), mixer.index);
                Some(name.to_string())
            }
            _ => None,
        }
    }

    /// What it is set to when the driver is opened, dB; `None` leaves it as it is.
    pub(crate) fn volume(&self) -> Option<f32> {
        match self {
            #[cfg(feature = "alsa")]
            Self::Alsa(options) => options.mixer.as_ref()?.level_db,
            _ => None,
        }
    }

    /// Leaves the hardware's volume alone.
    pub(crate) fn without_mixer(&mut self) {
        #[cfg(feature = "alsa")]
        if let Self::Alsa(options) = self {
            options.mixer = None;
        }
    }

    /// Has the next driver that is opened set it to so many dB.
    pub(crate) fn set_volume(&mut self, level_db: f32) {
        let _ = level_db;
        #[cfg(feature = "alsa")]
        if let Self::Alsa(options) = self
            && let Some(mixer) = &mut options.mixer
        {
            mixer.level_db = Some(level_db);
        }
    }

    /// Whether outputs are ports rather than channels of a device.
    pub(crate) fn has_ports(&self) -> bool {
        self.name() == "jack"
    }

    /// Where what its client hears is put.
    #[cfg(feature = "jack")]
    pub(crate) fn midi(&self) -> Option<backend_jack::MidiIn> {
        match self {
            Self::Jack { options, .. } => options.midi.clone(),
            _ => None,
        }
    }

    /// Whether its client has a port for MIDI.
    pub(crate) fn hears_midi(&self) -> bool {
        match self {
            #[cfg(feature = "jack")]
            Self::Jack { options, .. } => options.midi.is_some(),
            _ => false,
        }
    }

    /// Has its client have a port for MIDI; false where there can be none.
    pub(crate) fn hear_midi(&mut self) -> bool {
        match self {
            #[cfg(feature = "jack")]
            Self::Jack { options, .. } => {
                options.midi = Some(backend_jack::MidiIn::default());
                true
            }
            _ => false,
        }
    }

    /// How deep rings are for what it `granted`.
    pub(crate) fn ring_size(&self, ring_ms: u32, granted: &Granted) -> RingSize {
        let size =
            RingSize::new(granted.rate, ring_ms, granted.period).with_periods(granted.periods);
        if self.has_ports() {
            size.for_any_period()
        } else {
            size
        }
    }

    /// Longest wait between two tries to open a device or server that is gone. A JACK server's absence
    /// costs next to nothing to find out, and its session waits for us.
    pub(crate) fn last_try(&self) -> Duration {
        if self.name() == "jack" {
            Duration::from_millis(400)
        } else {
            Duration::from_secs(5)
        }
    }

    /// Has the driver follow its transport; false where there can be none.
    pub(crate) fn follow_transport(&mut self) -> bool {
        match self {
            #[cfg(feature = "jack")]
            Self::Jack { options, .. } => {
                options.transport = true;
                true
            }
            Self::Other { .. } => true,
            _ => false,
        }
    }

    /// What the user should know of ports that nobody connects.
    pub(crate) fn notices(&self, layout: &Layout) -> Vec<(String, String)> {
        match self {
            #[cfg(feature = "jack")]
            Self::Jack {
                options,
                physical,
                as_songs_say,
            } if !layout.wiring.has_buses() => {
                let code = "unconnected".to_owned();
                let song = layout.buses.iter().find(|b| !b.jack.is_empty());
                match song.filter(|_| *as_songs_say) {
                    Some(bus) => vec![(
                        code,
                        format!("bus `{}` is to be connected, but with --ports tracks there are no buses; --ports both has them", bus.name),
                    )],
                    None if *physical && options.connect.is_empty() => vec![(
                        code,
                        "with --ports tracks nothing is connected by itself: say what goes where with --connect PORT=DEST, or patch it".into(),
                    )],
                    None => Vec::new(),
                }
            }
            _ => {
                let _ = layout;
                Vec::new()
            }
        }
    }

    pub(crate) fn driver(&self, layout: &Layout) -> Driver {
        match self {
            Self::Null { speed } => {
                let _ = layout;
                Box::new(Null::at_speed(*speed))
            }
            #[cfg(feature = "jack")]
            Self::Jack {
                options,
                physical,
                as_songs_say,
            } => {
                let mut options = options.clone();
                let names = layout.outs.iter().zip(&layout.labels);
                options.labels = names
                    .map(|(port, label)| backend_jack::PortLabel {
                        port: port.clone(),
                        name: label.name.clone(),
                        group: label.group.clone(),
                    })
                    .collect();
                if *physical && (!as_songs_say || !layout.says_where_main_goes()) {
                    options.connect.push(backend_jack::ConnectRule::Physical {
                        ports: layout.main_ports(),
                    });
                }
                if *as_songs_say {
                    let told = song_rules(layout, &options.connect);
                    options.connect.extend(told);
                }
                Box::new(backend_jack::Jack::new(options))
            }
            #[cfg(feature = "alsa")]
            Self::Alsa(options) => Box::new(backend_alsa::Alsa::new(options.clone())),
            Self::Other { make, .. } => make(),
        }
    }
}

/// What the song files say of connecting their buses, but for ports that `told` already says
/// something of.
#[cfg(feature = "jack")]
fn song_rules(
    layout: &Layout,
    told: &[backend_jack::ConnectRule],
) -> Vec<backend_jack::ConnectRule> {
    use backend_jack::ConnectRule::{Exact, Physical, Regex};

    let is_told = |id: &String| {
        told.iter().any(|rule| match rule {
            Exact { port, .. } | Regex { port, .. } => port == id,
            Physical { .. } => false,
        })
    };
    let mut rules = Vec::new();
    for bus in &layout.buses {
        for (out, dest) in bus.outs.iter().zip(&bus.jack) {
            let Some(port) = layout.outs.get(usize::from(*out)) else {
                continue;
            };
            if is_told(port) {
                continue;
            }
            let port = port.clone();
            let pattern = dest.strip_prefix('/').and_then(|d| d.strip_suffix('/'));
            rules.push(match pattern {
                Some(p) => Regex {
                    port,
                    pattern: p.to_owned(),
                },
                None => Exact {
                    port,
                    dest: dest.clone(),
                },
            });
        }
    }
    rules
}
