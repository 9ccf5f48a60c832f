//! The volume: the hardware's where an output minds one, else the master level. Either way it ends
//! at its ceiling, whichever way a wish comes in.

use std::time::{Duration, Instant};

use engine_core::backend::Volume as OfDriver;

use super::Controller;
use super::orders::Outcome;
use super::waiting::Await;
use crate::control::Refusal;
use crate::player::Volume;
use crate::units::{Level, db_from_gain, gain_from_db};

/// Between two warnings that something else turns it up.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// What the controller remembers of the hardware's volume.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Heard {
    /// What it was last, dB.
    level_db: Option<f64>,
    /// How often this driver had to bring it back.
    capped: u32,
    /// When that was told.
    told: Option<Instant>,
}

impl Controller {
    fn minds_hardware(&self) -> bool {
        self.told.output.mixer().is_some()
    }

    /// The level that counts when this one is wanted for the master.
    pub(super) fn allowed_master(&self, level: f32) -> f32 {
        match self.told.volume_max_db {
            Some(max) if !self.minds_hardware() => level.min(gain_from_db(max)),
            _ => level,
        }
    }

    pub(super) fn order_volume(&mut self, level: Level) -> Result<Outcome, Refusal> {
        if !self.minds_hardware() {
            self.set_master(self.linear(level));
            return Ok(self.committed());
        }
        let ceiling = self.told.volume_max_db.unwrap_or(f64::INFINITY);
        let db = level.db().min(ceiling) as f32;
        // Also for when a lost card is back.
        self.told.output.set_volume(db);
        let number = self.rig.as_mut().map(|rig| rig.driver.set_volume(db));
        Ok(match number {
            Some(Ok(number)) => Outcome::Wait(Await::Volume(number)),
            _ => Outcome::At(self.here()),
        })
    }

    /// The driver was opened anew, with what had been wished for when that began.
    pub(in super::super) fn volume_returns(&mut self) {
        self.volume.capped = 0;
        if let (Some(db), Some(rig)) = (self.told.output.volume(), &mut self.rig) {
            // One that was lost again meanwhile shows it in its report.
            let _ = rig.driver.set_volume(db);
        }
    }

    /// The driver tells of its volume.
    pub(super) fn hear_volume(&mut self, heard: Option<OfDriver>) {
        let Some(heard) = heard else { return };
        self.volume.level_db = Some(f64::from(heard.level_db));
        if self.volume.capped == heard.capped {
            return;
        }
        self.volume.capped = heard.capped;
        if self.volume.told.is_some_and(|t| t.elapsed() < TOLD_EVERY) {
            return;
        }
        self.volume.told = Some(Instant::now());
        let message = format!(
            "something else turned the volume `{}` up over its ceiling of {} dB; it was brought back",
            self.told.output.mixer().unwrap_or_default(),
            self.told.volume_max_db.unwrap_or_default()
        );
        self.warn("volume", message, None);
    }

    /// Which wish for the hardware's volume was carried out last; `None`: there is nothing to wait for.
    pub(super) fn volume_done(&self) -> Option<u32> {
        let report = self.rig.is_some().then_some(&self.shown.report)?;
        report.volume.map(|volume| volume.done)
    }

    pub(super) fn show_volume(&self) -> Volume {
        let mixer = self.told.output.mixer();
        Volume {
            level_db: match mixer {
                Some(_) => self.volume.level_db,
                None => Some(db_from_gain(self.master)),
            },
            max_db: self.told.volume_max_db,
            mixer,
        }
    }
}
