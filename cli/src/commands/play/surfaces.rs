//! The ways in besides the control socket: taken before anything plays, served while a session lasts.

use std::sync::mpsc::Sender;

use super::session::Input;
use crate::config::Settings;
use crate::control::surface::{EvdevInput, GpioInput, InputName, Map, Source, Surface};
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
        let inputs = &settings.input;
        if settings.map.value.is_none() && !inputs.value.is_empty() {
            let message = format!("{} needs a mapping that says what it does", inputs.source);
            return Err(Failure::usage(message)
                .hint("give one with --map FILE; `backline learn` writes it"));
        }
        Ok(Self {
            osc,
            map,
            sources: open_inputs(&inputs.value)?,
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

/// Opens inputs.
///
/// # Errors
/// Code 69: one can't be had.
pub(in super::super) fn open_inputs(names: &[InputName]) -> Result<Vec<Box<dyn Source>>, Failure> {
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    for name in names {
        sources.push(match name {
            InputName::Evdev(path) => Box::new(EvdevInput::open(path)?),
            InputName::Gpio(line, high) => Box::new(GpioInput::open(line, *high)?),
        });
    }
    Ok(sources)
}

/// Says what is left out under a session manager.
pub(super) fn none_with_a_manager(settings: &Settings, reporter: &mut Reporter) {
    let left_out = [
        (
            settings.osc.value != OscAddress::None,
            &settings.osc.source,
            "OSC",
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
