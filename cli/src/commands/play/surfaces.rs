//! The ways in besides the control socket: taken before anything plays, served while a session lasts.

use std::sync::mpsc::Sender;

use super::session::Input;
use crate::config::Settings;
use crate::control::surface::{EvdevInput, GpioInput, InputName, Map, MidiFrom, Source, Surface};
use crate::control::{Osc, OscAddress, OscSocket};
use crate::exit::Failure;
use crate::player::Player;
use crate::report::Reporter;

/// What was taken.
pub(super) struct Surfaces {
    osc: Option<OscSocket>,
    map: Map,
    sources: Vec<Box<dyn Source>>,
}

/// What serves. Dropping it ends that.
pub(super) struct Serving {
    _osc: Option<Osc>,
    _surface: Option<Surface>,
}

impl Surfaces {
    /// Takes what the settings ask for.
    ///
    /// # Errors
    /// Code 69: an address, a device or a line can't be had. 78: the mapping makes no sense. 64: there is none.
    pub fn open(settings: &Settings) -> Result<Self, Failure> {
        let osc = OscSocket::open(&settings.osc.value)?;
        let map = match &settings.map.value {
            Some(path) => Map::load(path)?,
            None => Map::default(),
        };
        let (midi, inputs) = (&settings.midi, &settings.input);
        let heard = [
            (midi.value != MidiFrom::None, &midi.source),
            (!inputs.value.is_empty(), &inputs.source),
        ];
        let heard = heard.iter().find(|(wanted, _)| *wanted);
        if let (None, Some((_, source))) = (&settings.map.value, heard) {
            let message = format!("{source} needs a mapping that says what it does");
            return Err(Failure::usage(message)
                .hint("give one with --map FILE; `backline learn` writes it"));
        }
        Ok(Self {
            osc,
            map,
            sources: open_inputs(&settings.name.value, &midi.value, &inputs.value)?,
        })
    }

    /// Serves a session. What goes wrong on the way is told through `sender`.
    pub fn start(
        mut self,
        player: &Player,
        sender: Sender<Input>,
        reporter: &mut Reporter,
    ) -> Serving {
        let osc = self.osc.map(|socket| Osc::start(socket, player.remote()));
        let osc = osc.transpose().unwrap_or_else(|e| {
            super::warn(reporter, "control", format!("there is no OSC: {e}"));
            None
        });
        for news in self.sources.iter_mut().filter_map(|s| s.news()) {
            super::warn(reporter, "input", news);
        }
        #[cfg(feature = "jack")]
        if let Some(midi) = player.midi() {
            let input = crate::control::surface::JackInput::new(midi);
            self.sources.push(Box::new(input));
        }
        // Sent to nobody after the end.
        let say = move |sentence| drop(sender.send(Input::Surface(sentence)));
        let surface = (!self.sources.is_empty())
            .then(|| Surface::start(self.map, self.sources, player.remote(), say));
        let surface = surface.transpose().unwrap_or_else(|e| {
            super::warn(reporter, "control", format!("no input is heard: {e}"));
            None
        });
        Serving {
            _osc: osc,
            _surface: surface,
        }
    }
}

/// Opens inputs; `client` is what we call ourselves.
///
/// # Errors
/// Code 69: one can't be had.
pub(in super::super) fn open_inputs(
    client: &str,
    midi: &MidiFrom,
    names: &[InputName],
) -> Result<Vec<Box<dyn Source>>, Failure> {
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    match midi {
        // (JACK's is the port of a client that is somebody else's.)
        MidiFrom::None | MidiFrom::Jack => {}
        MidiFrom::Anyone => sources.push(open_midi(client, None)?),
        MidiFrom::Client(from) => sources.push(open_midi(client, Some(from))?),
    }
    for name in names {
        sources.push(match name {
            InputName::Evdev(path) => Box::new(EvdevInput::open(path)?),
            InputName::Gpio(line, high) => Box::new(GpioInput::open(line, *high)?),
        });
    }
    Ok(sources)
}

#[cfg(feature = "alsa")]
fn open_midi(client: &str, from: Option<&str>) -> Result<Box<dyn Source>, Failure> {
    use crate::control::surface::SequencerInput;
    Ok(Box::new(SequencerInput::open(client, from)?))
}

#[cfg(not(feature = "alsa"))]
fn open_midi(_: &str, _: Option<&str>) -> Result<Box<dyn Source>, Failure> {
    let message = "MIDI other than of JACK comes through the ALSA sequencer, and this program is built without ALSA";
    Err(Failure::new(crate::exit::Code::Unavailable, message))
}

/// Says what is left out under a session manager.
pub(super) fn none_with_a_manager(settings: &Settings, reporter: &mut Reporter) {
    let left_out = [
        (
            settings.keep_state.value.is_some(),
            &settings.keep_state.source,
            "kept state but the session's",
        ),
        (
            settings.osc.value != OscAddress::None,
            &settings.osc.source,
            "OSC",
        ),
        (
            settings.midi.value != MidiFrom::None,
            &settings.midi.source,
            "MIDI",
        ),
        (
            !settings.input.value.is_empty(),
            &settings.input.source,
            "input",
        ),
    ];
    for (wanted, source, what) in left_out {
        if wanted {
            let message = format!("{source}: there is no {what} under a session manager");
            super::warn(reporter, "setting", message);
        }
    }
}
