//! `--volume` and `--volume-max`, which mean the card's mixer or the master level.

use super::input::Run;
use crate::config::Settings;
use crate::exit::Failure;
use crate::units::Level;

/// Sentences on what they come to.
///
/// # Errors
/// Code 64: they say of the master level what `--master` says otherwise.
pub(super) fn check(settings: &Settings, run: &Run) -> Result<Vec<String>, Failure> {
    let mut notices = Vec::new();
    let (volume, max) = (&settings.volume, &settings.volume_max);
    let hardware = settings.mixer_in_use().is_some();
    let master_given = run.master != Level::UNITY;
    if !hardware && master_given && volume.value.is_some() && volume.source.is_explicit() {
        return Err(Failure::usage(format!(
            "{} is the master level where there is no mixer, and --master says another; leave out one of them",
            volume.source
        )));
    }
    if let (Some(mixer), false) = (&settings.mixer.value, hardware) {
        notices.push(format!(
            "{}: the volume `{mixer}` is a card's, and the backend here is {}; the volume is the master level",
            settings.mixer.source,
            settings.backend.value.word()
        ));
    }
    if let Some(max_level) = max.value {
        let mut above = |what: &dyn std::fmt::Display, level: Level| {
            if level.db() > max_level.db() {
                notices.push(format!(
                    "{what}: {level} is above the ceiling, {max_level} is used ({})",
                    max.source
                ));
            }
        };
        match volume.value {
            Some(level) if hardware || !master_given => above(&volume.source, level),
            _ if master_given && !hardware => above(&"--master", run.master),
            _ => {}
        }
    }
    Ok(notices)
}
