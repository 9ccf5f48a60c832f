//! `backline bench`.

use clap::Args;

use super::Environment;
use super::environment::Off;
use super::parsers::{client_name, number, text};
use super::shared;
use crate::capacity::MOST;
use crate::config::{self, BackendChoice, ConfigFile, Layer, Settings};
use crate::exit::Failure;

/// Measuring time, s.
const SECONDS: std::ops::RangeInclusive<i64> = 6..=3_600;
const DEFAULT_SECONDS: u32 = 24;
const DEFAULT_STEMS: u32 = 24;

/// Measure how many stems this machine and its device hold, and suggest a profile
///
/// Plays 16-bit stereo stems through the real engine and device, with the master at 0: nothing is to
/// be heard. At 64, 128, 256 and 512 frames (under JACK: at the server's period) it looks for the most
/// stems, up to 128, with which no callback is late, no xrun is reported and nothing starves. Without a
/// JACK server and a device it measures on the null backend, and says so.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct BenchArgs {
    /// Where to measure [default: auto]
    #[arg(long, value_name = "BACKEND")]
    pub backend: Option<BackendChoice>,

    /// ALSA device, such as hw:CARD=USB (implies --backend alsa)
    #[arg(long, value_name = "DEVICE", value_parser = text)]
    pub device: Option<String>,

    /// Sample rate of the device
    #[arg(long, value_name = "HZ", value_parser = number(config::RATE))]
    pub rate: Option<u32>,

    /// Periods in the device's buffer [default: 2]
    #[arg(long, value_name = "N", value_parser = number(config::PERIODS))]
    pub periods: Option<u32>,

    /// JACK server's name
    #[arg(long, value_name = "NAME", value_parser = text)]
    pub server: Option<String>,

    /// Name of the JACK client [default: backline]
    #[arg(long, value_name = "NAME", value_parser = client_name)]
    pub name: Option<String>,

    /// Stems the suggestion is for [default: 24]
    #[arg(long, value_name = "N", value_parser = number(1..=MOST as i64))]
    pub stems: Option<u32>,

    /// Measure for at most so long in all; opening the device comes on top [default: 24]
    #[arg(long, value_name = "SECONDS", value_parser = number(SECONDS))]
    pub seconds: Option<u32>,

    /// Print one JSON document
    #[arg(long)]
    pub json: bool,

    /// Configuration file, or `none`
    #[arg(long, value_name = "FILE")]
    pub config: Option<std::path::PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  backline bench                       on what `play` would use; about half a minute
  backline bench --device hw:CARD=USB  on that ALSA device
  backline bench --stems 64 --json     for 64 stems, as one JSON document";

/// A complete order to measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Bench {
    /// Stems the suggestion is for.
    pub stems: usize,
    /// Measuring time in all, s.
    pub seconds: u32,
    /// Periods in the device's buffer.
    pub periods: u32,
    /// As one JSON document.
    pub json: bool,
    /// All else.
    pub settings: Settings,
    /// Sentences for the user.
    pub notices: Vec<String>,
}

impl BenchArgs {
    fn layer(&self) -> Layer {
        Layer {
            backend: self.backend,
            device: self.device.clone(),
            rate: self.rate,
            periods: self.periods,
            server: self.server.clone(),
            name: self.name.clone(),
            ..Layer::default()
        }
    }
}

/// Lays the flags over the environment, the file and the defaults.
pub(super) fn resolve(
    flags: BenchArgs,
    from_env: &BenchArgs,
    off: &Off,
    env: Environment<'_>,
) -> Result<Bench, Failure> {
    let layers = (flags.layer(), from_env.layer());
    let file = ConfigFile::find(&shared::wanted(flags.config), env)?;
    let settings = Settings::resolve(&layers.0, &layers.1, &file)?;
    let json_off = off.contains("json");
    Ok(Bench {
        stems: flags.stems.or(from_env.stems).unwrap_or(DEFAULT_STEMS) as usize,
        seconds: flags
            .seconds
            .or(from_env.seconds)
            .unwrap_or(DEFAULT_SECONDS),
        periods: flags.periods.or(from_env.periods).unwrap_or(2),
        json: flags.json || (from_env.json && !json_off),
        settings,
        notices: file.notice.into_iter().collect(),
    })
}
