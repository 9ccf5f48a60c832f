//! Settings that playing and rendering share.

use std::path::PathBuf;

use clap::Args;
use engine_core::convert::Dither;

use super::parsers::{dither, max_gain_db, number};
use crate::config::{self, Layer, OnDamage, Status, Wanted};

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Settings")]
pub(super) struct SharedArgs {
    /// Dither to 16 bit [default: tpdf]
    #[arg(long, value_name = "DITHER", value_parser = dither())]
    pub dither: Option<Dither>,

    /// Refuse files at another rate instead of resampling them
    #[arg(long)]
    pub strict_rate: bool,

    /// What a damaged stem does: silence from there on with a warning, or the end [default: warn]
    #[arg(long, value_name = "WHAT", hide_possible_values = false)]
    pub on_damage: Option<OnDamage>,

    /// Load files of formats that can't be sought exactly as a whole, up to this size [default: 64]
    #[arg(long, value_name = "MB", value_parser = number(config::PRELOAD_MB))]
    pub preload_limit: Option<u32>,

    /// Ceiling of every level, dB [default: 12]
    #[arg(long, value_name = "DB", value_parser = max_gain_db, allow_hyphen_values = true)]
    pub max_gain_db: Option<f64>,

    /// What is reported: text for people, one JSON object per line on stdout, or (play) a mixer and a transport on the whole terminal [default: text]
    #[arg(long, value_name = "HOW")]
    pub status: Option<Status>,

    /// Configuration file, or `none`
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl SharedArgs {
    /// Their part of a layer. `off` has the switches that are given as off.
    pub fn layer(&self, off: Option<&super::environment::Off>) -> Layer {
        Layer {
            dither: self.dither,
            strict_rate: match self.strict_rate {
                true => Some(true),
                false => off.filter(|off| off.contains("strict-rate")).map(|_| false),
            },
            on_damage: self.on_damage,
            preload_limit: self.preload_limit,
            max_gain_db: self.max_gain_db,
            status: self.status,
            ..Layer::default()
        }
    }
}

/// What `--config` says.
pub(super) fn wanted(config: Option<PathBuf>) -> Wanted {
    config.map_or(Wanted::Search, Wanted::named)
}
