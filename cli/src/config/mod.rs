//! Configuration: where every setting's value comes from, and the value that counts.
//!
//! A [`Layer`] is what one source says (the flags, the environment, the file); [`Settings`] is the
//! outcome, in which every value remembers its [`Source`].

mod file;
mod layer;
mod profile;
mod settings;
mod show;
mod source;
mod values;

pub use file::{ConfigFile, Wanted};
pub use layer::Layer;
pub use profile::{Profile, ProfileValues};
pub use settings::Settings;
pub use show::{Row, rows, to_json, to_text};
pub use source::{Setting, Source};
pub use values::{
    BackendChoice, KeepAlive, MAX_GAIN_DB, MonitorLevel, OnDamage, OnLoss, OnReturn, PERIOD,
    PERIODS, POLL_MS, PRELOAD_MB, Ports, RATE, RING_MS, RT_PRIORITY, Status, Transport,
    WAIT_DEVICE_S, WaitDevice, check_client_name, dither_word, format_word, parse_dither,
    parse_format,
};

#[cfg(test)]
mod tests;
