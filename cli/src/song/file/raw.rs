//! Song and setlist files as they are written, every value with its place.
//!
//! Reserved keys are read, whatever their value, so that they can be refused by name.

use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;

use crate::song::OnEnd;
use crate::song::fields::{Bpm, Fps, GainDb, Pan, TimeText};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub version: Option<Spanned<i64>>,
    pub title: Option<Spanned<String>>,
    pub on_end: Option<Spanned<OnEnd>>,
    pub crossfade: Option<Spanned<TimeText>>,
    pub after: Option<Spanned<TimeText>>,
    pub tracks: Option<Spanned<Vec<RawTrack>>>,
    pub buses: Option<Spanned<Vec<RawBus>>>,
    pub sections: Option<Spanned<Vec<RawSection>>>,
    pub tempo: Option<Spanned<Vec<RawStretch>>>,
    pub click: Option<Spanned<RawClick>>,
    pub cue: Option<Spanned<RawCue>>,
    pub ltc: Option<Spanned<RawLtc>>,
    pub songs: Option<Spanned<Vec<RawEntry>>>,
    pub idle: Option<Spanned<String>>,
    pub midi: Option<Spanned<IgnoredAny>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTrack {
    pub name: Option<Spanned<String>>,
    pub file: Spanned<String>,
    pub gain_db: Option<Spanned<GainDb>>,
    pub pan: Option<Pan>,
    #[serde(default)]
    pub mute: bool,
    #[serde(default)]
    pub solo: bool,
    pub bus: Option<Spanned<String>>,
    pub offset: Option<Spanned<TimeText>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBus {
    pub name: Spanned<String>,
    pub outputs: Option<Spanned<Vec<Spanned<i64>>>>,
    pub level_db: Option<Spanned<GainDb>>,
    pub follow_master: Option<bool>,
    pub jack: Option<Spanned<Vec<Spanned<String>>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSection {
    pub name: Spanned<String>,
    pub start: Spanned<TimeText>,
    pub end: Option<Spanned<TimeText>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEntry {
    pub file: Spanned<String>,
    pub on_end: Option<Spanned<OnEnd>>,
    pub crossfade: Option<Spanned<TimeText>>,
    pub after: Option<Spanned<TimeText>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStretch {
    pub at: Option<Spanned<TimeText>>,
    pub bpm: Spanned<Bpm>,
    pub meter: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawClick {
    pub name: Option<Spanned<String>>,
    pub bus: Option<Spanned<String>>,
    pub gain_db: Option<Spanned<GainDb>>,
    pub pan: Option<Pan>,
    #[serde(default)]
    pub mute: bool,
    pub accents: Option<Spanned<Vec<Spanned<i64>>>>,
    pub count_in: Option<Spanned<i64>>,
    pub subdivision: Option<Spanned<i64>>,
    pub beat_file: Option<Spanned<String>>,
    pub accent_file: Option<Spanned<String>>,
    pub between_file: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCue {
    pub name: Option<Spanned<String>>,
    pub bus: Option<Spanned<String>>,
    pub gain_db: Option<Spanned<GainDb>>,
    pub pan: Option<Pan>,
    #[serde(default)]
    pub mute: bool,
    pub sounds: Spanned<Vec<RawCueSound>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCueSound {
    pub file: Spanned<String>,
    pub at: Spanned<TimeText>,
    pub before: Option<Spanned<TimeText>>,
    pub before_bars: Option<Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLtc {
    pub fps: Spanned<Fps>,
    pub start: Option<Spanned<String>>,
    pub name: Option<Spanned<String>>,
    pub bus: Option<Spanned<String>>,
    pub gain_db: Option<Spanned<GainDb>>,
    #[serde(default)]
    pub mute: bool,
}
