//! The commands that print something and end.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use clap_complete::Shell;

use crate::config::Profile;

/// List the JACK server and the ALSA devices that can be played through
#[derive(Clone, Debug, Args)]
pub(super) struct DevicesArgs {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Tell what audio files are: format, rate, channels, length
#[derive(Clone, Debug, Args)]
pub(super) struct InfoArgs {
    /// Audio files
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,

    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Show the configuration
#[derive(Clone, Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    pub command: ConfigCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub(super) enum ConfigCommand {
    Show(ShowArgs),
}

/// Print every setting with the source of its value: flag, environment, file, profile or default
#[derive(Clone, Debug, Args)]
pub(super) struct ShowArgs {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,

    /// Configuration file, or `none`
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Show what this profile sets
    #[arg(long, value_name = "PROFILE")]
    pub profile: Option<Profile>,
}

/// Print the completions for a shell
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Example:
  backline completions bash > ~/.local/share/bash-completion/completions/backline")]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// Print the manual page, or write all of them into a folder
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  backline man | man -l -            read it
  backline man ~/.local/share/man/man1")]
pub(super) struct ManArgs {
    /// Folder for backline.1, backline-play.1 and so on
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
}
