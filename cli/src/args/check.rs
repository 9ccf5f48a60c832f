//! `backline check`.

use std::path::PathBuf;

use clap::Args;

use super::{Environment, environment, shared};
use crate::config::{ConfigFile, Layer, Settings};
use crate::exit::Failure;

/// Test songs and setlists without playing them
///
/// Opens every file of every song and mixes it from beginning to end, into nothing: what is missing, damaged or silent,
/// different rates and lengths, sections and tempo behind the end, a mix that clips. Exits with 0 when it finds no failure, with 1
/// when it does.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CheckArgs {
    /// Audio files, a folder of stems, song files, or a setlist, as for `play`
    #[arg(value_name = "INPUT", required = true)]
    pub inputs: Vec<PathBuf>,

    /// Take each audio file for a song of its own
    #[arg(long)]
    pub sequence: bool,

    /// Only open the files: don't look for damage, silence and clipping
    #[arg(long)]
    pub quick: bool,

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
  backline check tonight.toml              every song of the setlist
  backline check song/                     one song
  backline check --json --strict song.toml  for a script";

/// An order to test songs.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// At least one.
    pub inputs: Vec<PathBuf>,
    /// Each audio file is a song of its own.
    pub sequence: bool,
    /// Whether files are only opened.
    pub quick: bool,
    /// Whether warnings make the exit code 1.
    pub strict: bool,
    /// As one JSON document.
    pub json: bool,
    /// What playing would have.
    pub settings: Settings,
}

/// Lays the flags over the environment, the file and the defaults.
pub(super) fn resolve(args: CheckArgs, env: Environment<'_>) -> Result<Check, Failure> {
    let variables = super::play_variables(env)?;
    let file = ConfigFile::find(&shared::wanted(args.config), env)?;
    Ok(Check {
        inputs: args.inputs,
        sequence: args.sequence || environment::switch("BACKLINE_SEQUENCE", env)?,
        quick: args.quick || environment::switch("BACKLINE_QUICK", env)?,
        strict: args.strict || environment::switch("BACKLINE_STRICT", env)?,
        json: args.json || environment::switch("BACKLINE_JSON", env)?,
        settings: Settings::resolve(&Layer::default(), &variables, &file)?,
    })
}
