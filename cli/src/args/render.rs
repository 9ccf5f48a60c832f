//! `backline render`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Environment;
use super::environment::Off;
use super::input::{self, InputArgs, Run};
use super::mixer::MixerArgs;
use super::parsers::{bus, number};
use super::shared::{self, SharedArgs};
use crate::config::{self, ConfigFile, Settings, Status};
use crate::exit::Failure;

/// Sample format of a rendered file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum RenderFormat {
    /// 16-bit signed
    S16,
    /// 24-bit signed, packed
    #[default]
    S24,
    /// 32-bit float, full scale ±1.0
    F32,
}

/// Render the mix of a song to a WAV file: the same samples as when it is played
///
/// Inputs and mixer options are those of `backline play`. An existing file is replaced only when
/// the new one is complete.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RenderArgs {
    #[command(flatten)]
    pub input: InputArgs,

    /// Write the mix to this WAV file; `-` is standard output
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,

    /// Write each track, as it goes into the mix, to a file in this folder
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub stems: Option<PathBuf>,

    /// Render only this bus
    #[arg(long, value_name = "NAME", value_parser = bus, help_heading = "Output")]
    pub only_bus: Option<String>,

    /// Sample format of the file [default: s24]
    #[arg(long, value_name = "FORMAT", help_heading = "Output")]
    pub format: Option<RenderFormat>,

    /// Sample rate of the file [default: that of the stems]
    #[arg(long, value_name = "HZ", value_parser = number(config::RATE), help_heading = "Output")]
    pub rate: Option<u32>,

    #[command(flatten)]
    pub mixer: MixerArgs,

    #[command(flatten)]
    pub shared: SharedArgs,
}

const EXAMPLES: &str = "\
Examples:
  backline render song/ -o mix.wav                     the whole mix, 24 bit
  backline render song/ -o click.wav --only-bus click  just the click
  backline render song/ --stems out/ --format f32      every track on its own
  backline render song/ -o - | flac - -o mix.flac      through a pipe";

/// A complete order to render.
#[derive(Clone, Debug, PartialEq)]
pub struct Render {
    /// What, from where to where, and through which mixer settings.
    pub run: Run,
    /// How many times in all, at least once.
    pub repeat: u32,
    /// The mix's file; `-` is standard output. There is this, or `stems`, or both.
    pub output: Option<PathBuf>,
    /// Folder for a file per track.
    pub stems: Option<PathBuf>,
    /// The only bus that is rendered.
    pub only_bus: Option<String>,
    /// Sample format of the files.
    pub format: RenderFormat,
    /// Sample rate of the files, Hz; `None` is that of the stems.
    pub rate: Option<u32>,
    /// All else. The device's settings in it mean nothing here.
    pub settings: Settings,
    /// Sentences for the user, to be shown before rendering.
    pub notices: Vec<String>,
}

/// Lays the flags over the environment, the file and the defaults.
pub(super) fn resolve(
    flags: RenderArgs,
    from_env: RenderArgs,
    off: &Off,
    env: Environment<'_>,
) -> Result<Render, Failure> {
    let flag_layer = flags.shared.layer(None);
    let env_layer = from_env.shared.layer(Some(off));
    let repeat = flags.input.repeat.or(from_env.input.repeat).unwrap_or(1);
    let run = input::run(
        "render",
        false,
        (flags.input, flags.mixer),
        (from_env.input, from_env.mixer),
    )?;
    let output = flags.output.or(from_env.output);
    let stems = flags.stems.or(from_env.stems);
    if output.is_none() && stems.is_none() {
        return Err(Failure::usage(
            "render needs to know where to: -o FILE, or --stems DIR, or both",
        ));
    }
    let file = ConfigFile::find(&shared::wanted(flags.shared.config), env)?;
    let settings = Settings::resolve(&flag_layer, &env_layer, &file)?;
    let to_stdout = output
        .as_ref()
        .is_some_and(|output| output.as_os_str() == "-");
    if to_stdout && settings.status.value == Status::Json {
        return Err(Failure::usage(
            "-o - and --status json both write to standard output; choose one",
        ));
    }
    if settings.status.value == Status::Tui && settings.status.source.is_explicit() {
        return Err(Failure::usage(format!(
            "{} tui is for play; render tells its progress with text or json",
            settings.status.source
        )));
    }
    let notices = file.notice.into_iter();
    Ok(Render {
        notices: notices
            .chain(input::master_notice(&run, settings.max_gain_db.value))
            .collect(),
        run,
        repeat,
        output,
        stems,
        only_bus: flags.only_bus.or(from_env.only_bus),
        format: flags.format.or(from_env.format).unwrap_or_default(),
        rate: flags.rate.or(from_env.rate),
        settings,
    })
}
