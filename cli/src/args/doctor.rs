//! `backline doctor`.

use std::path::PathBuf;

use clap::Args;

use super::parsers::text;
use super::{Environment, environment, shared};
use crate::config::{BackendChoice, ConfigFile, Layer, Settings};
use crate::exit::Failure;

/// Look for what stands in the way of playing on this machine, and say what to do about it
///
/// Looks at the configuration, the JACK server (real-time or not, its period), which sound servers run,
/// the cards, who holds them and how fast a USB card is connected, limits for real-time priority and locked memory, the user's groups,
/// the processor's governor, swap and throttling, and the rates of the files that are named.
/// Changes nothing, and plays nothing. Exits with 0 when it finds no failure, with 1 when it does.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DoctorArgs {
    /// Audio files that are to be played
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// What is to be played through [default: auto]
    #[arg(long, value_name = "BACKEND")]
    pub backend: Option<BackendChoice>,

    /// JACK server's name
    #[arg(long, value_name = "NAME", value_parser = text)]
    pub server: Option<String>,

    /// Take warnings for failures: exit with 1 for them, too
    #[arg(long)]
    pub strict: bool,

    /// Print one JSON document
    #[arg(long)]
    pub json: bool,

    /// Configuration file, or `none`
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  backline doctor                          everything there is to be said
  backline doctor --backend jack song/*.wav  for these files through JACK
  backline doctor --json --strict          for a script";

/// An order to examine the machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Doctor {
    /// Audio files.
    pub files: Vec<PathBuf>,
    /// Whether warnings make the exit code 1.
    pub strict: bool,
    /// As one JSON document.
    pub json: bool,
    /// What playing would have, or why there is nothing: a finding, and no error here.
    pub settings: Result<Settings, String>,
}

/// Lays the flags over the environment, the file and the defaults.
pub(super) fn resolve(args: DoctorArgs, env: Environment<'_>) -> Result<Doctor, Failure> {
    let flags = Layer {
        backend: args.backend,
        server: args.server,
        ..Layer::default()
    };
    Ok(Doctor {
        strict: args.strict || environment::switch("BACKLINE_STRICT", env)?,
        json: args.json || environment::switch("BACKLINE_JSON", env)?,
        files: args.files,
        settings: settings(&flags, args.config, env).map_err(|failure| failure.message),
    })
}

fn settings(
    flags: &Layer,
    config: Option<PathBuf>,
    env: Environment<'_>,
) -> Result<Settings, Failure> {
    let variables = super::play_variables(env)?;
    let file = ConfigFile::find(&shared::wanted(config), env)?;
    Settings::resolve(flags, &variables, &file)
}
