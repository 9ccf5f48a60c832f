//! The ways in besides the control socket: taken before anything plays, served while a session lasts.

use crate::config::Settings;
use crate::control::{Osc, OscAddress, OscSocket};
use crate::exit::Failure;
use crate::player::Player;
use crate::report::Reporter;

/// What was taken.
pub(super) struct Surfaces {
    osc: Option<OscSocket>,
}

/// What serves. Dropping it ends that.
pub(super) struct Serving {
    _osc: Option<Osc>,
}

impl Surfaces {
    /// Takes what the settings ask for.
    ///
    /// # Errors
    /// Code 69: the address is taken or none of this machine's.
    pub fn open(settings: &Settings) -> Result<Self, Failure> {
        Ok(Self {
            osc: OscSocket::open(&settings.osc.value)?,
        })
    }

    /// Serves a session.
    pub fn start(self, player: &Player, reporter: &mut Reporter) -> Serving {
        let osc = self.osc.map(|socket| Osc::start(socket, player.remote()));
        let osc = osc.transpose().unwrap_or_else(|e| {
            super::warn(reporter, "control", format!("there is no OSC: {e}"));
            None
        });
        Serving { _osc: osc }
    }
}

/// Says what is left out under a session manager.
pub(super) fn none_with_a_manager(settings: &Settings, reporter: &mut Reporter) {
    if settings.osc.value != OscAddress::None {
        let message = format!(
            "{}: there is no OSC under a session manager",
            settings.osc.source
        );
        super::warn(reporter, "setting", message);
    }
}
