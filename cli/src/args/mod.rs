//! The command line: what can be said, what it means, and what is said back when it makes no sense.
//!
//! [`parse`] turns arguments and environment into an [`Action`] in which nothing is left open.

mod bench;
mod check;
mod completing;
mod ctl;
mod doctor;
mod environment;
mod input;
mod learn;
mod list;
mod live;
mod mixer;
mod pages;
mod parsers;
mod play;
mod render;
mod shared;
mod unit;
mod usage;
mod volume;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::{ConfigFile, Settings, Status};
use crate::exit::{Code, Failure};

pub use bench::Bench;
pub use check::Check;
pub use clap_complete::Shell;
pub use completing::{completing, completions};
pub use ctl::Ctl;
pub use doctor::Doctor;
pub use input::Run;
pub use learn::Learn;
pub use pages::man_pages;
pub use play::{Layers, Passes, Play};
pub use render::{Render, RenderFormat};
pub use unit::Unit;

/// Real-time multitrack playback: the stems of a song in sample-exact sync, through JACK or ALSA.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "backline",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = ENVIRONMENT,
    after_long_help = format!("{EXAMPLES}\n\n{ENVIRONMENT}")
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  backline play song/                         the stems in the folder song/, together
  backline play drums.wav bass.wav click.wav  the same from single files
  backline play song/ --out click=3           and the click on the device's channel 3
  backline render song/ -o mix.wav            the same mix into a file";

const ENVIRONMENT: &str = "\
Every option --x-y can also be given as the environment variable BACKLINE_X_Y (of an option that \
repeats, the values are separated by `;`), and most as a key of the configuration file: see \
`backline config show`.";

#[derive(Clone, Debug, Subcommand)]
enum Command {
    Play(Box<play::PlayArgs>),
    Render(Box<render::RenderArgs>),
    Check(Box<check::CheckArgs>),
    Devices(list::DevicesArgs),
    Info(list::InfoArgs),
    Ctl(ctl::CtlArgs),
    Learn(learn::LearnArgs),
    Bench(Box<bench::BenchArgs>),
    Doctor(Box<doctor::DoctorArgs>),
    Config(list::ConfigArgs),
    Unit(unit::UnitArgs),
    Completions(list::CompletionsArgs),
    Man(list::ManArgs),
}

/// What the command line asks for, complete.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Play.
    Play(Box<Play>),
    /// Don't play, since the configuration is broken; the JSON stream that was asked for says so.
    Misconfigured(Failure),
    /// Render to a file.
    Render(Box<Render>),
    /// Test songs without playing them.
    Check(Box<Check>),
    /// List devices.
    Devices {
        /// As one JSON document.
        json: bool,
    },
    /// Describe audio files.
    Info {
        /// At least one.
        files: Vec<PathBuf>,
        /// As one JSON document.
        json: bool,
    },
    /// Control a session that runs.
    Ctl(Ctl),
    /// Add what is pressed next to a mapping.
    Learn(Box<Learn>),
    /// Measure how many stems the machine and its device hold.
    Bench(Box<Bench>),
    /// Say what stands in the way of playing.
    Doctor(Box<Doctor>),
    /// Show the settings and their sources.
    ConfigShow {
        /// The settings.
        settings: Box<Settings>,
        /// As one JSON document.
        json: bool,
        /// Sentences for the user.
        notices: Vec<String>,
    },
    /// Print a systemd unit.
    Unit(Box<Unit>),
    /// Print the completions for a shell.
    Completions(Shell),
    /// Write every manual page into a folder, or print the main one.
    Man(Option<PathBuf>),
    /// Print this (help, version) to standard output.
    Print(String),
}

/// Environment variables by name.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Turns arguments (the program's name first) and environment into an action. Reads the configuration file.
///
/// # Errors
/// Code 64 with one sentence, and where it helps a hint; 78 for the configuration file.
pub fn parse<I>(arguments: I, env: Environment<'_>) -> Result<Action, Failure>
where
    I: IntoIterator<Item = OsString>,
{
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    // A session manager starts its clients by their names alone.
    if arguments.len() == 1 && env(play::NSM_URL).is_some_and(|url| !url.is_empty()) {
        arguments.push("play".into());
    }
    let path = usage::command_path(&Cli::command(), &arguments);
    let matches = match Cli::command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => return usage::answer(&error, &path),
    };
    let cli = Cli::from_arg_matches(&matches).map_err(|error| usage::failure(&error, &path))?;
    let from_env = |command: &str| environment::layer(command, env);
    match cli.command {
        Command::Play(flags) => {
            let (cli, off) = from_env("play")?;
            let Command::Play(env_args) = cli.command else {
                return Err(usage::impossible());
            };
            let of_flags = flags.layer(None).ok().and_then(|layer| layer.status);
            let of_env = || {
                env_args
                    .layer(Some(&off))
                    .ok()
                    .and_then(|layer| layer.status)
            };
            let json = of_flags.or_else(of_env) == Some(Status::Json);
            match play::resolve(*flags, *env_args, &off, env) {
                Ok(play) => Ok(Action::Play(Box::new(play))),
                Err(failure) if json && failure.code == Code::Config => {
                    Ok(Action::Misconfigured(failure))
                }
                Err(failure) => Err(failure),
            }
        }
        Command::Render(flags) => {
            let (cli, off) = from_env("render")?;
            let Command::Render(env_args) = cli.command else {
                return Err(usage::impossible());
            };
            let render = render::resolve(*flags, *env_args, &off, env)?;
            Ok(Action::Render(Box::new(render)))
        }
        Command::Devices(args) => Ok(Action::Devices {
            json: args.json || environment::switch("BACKLINE_JSON", env)?,
        }),
        Command::Info(args) => Ok(Action::Info {
            json: args.json || environment::switch("BACKLINE_JSON", env)?,
            files: args.files,
        }),
        Command::Bench(flags) => {
            let (cli, off) = from_env("bench")?;
            let Command::Bench(env_args) = cli.command else {
                return Err(usage::impossible());
            };
            let bench = bench::resolve(*flags, &env_args, &off, env)?;
            Ok(Action::Bench(Box::new(bench)))
        }
        Command::Ctl(args) => Ok(Action::Ctl(ctl::resolve(args, env)?)),
        Command::Learn(args) => Ok(Action::Learn(Box::new(learn::resolve(args, env)?))),
        Command::Check(args) => Ok(Action::Check(Box::new(check::resolve(*args, env)?))),
        Command::Doctor(args) => Ok(Action::Doctor(Box::new(doctor::resolve(*args, env)?))),
        Command::Config(list::ConfigArgs {
            command: list::ConfigCommand::Show(args),
        }) => {
            let variables = play_variables(env)?;
            let file = ConfigFile::find(&shared::wanted(args.config), env)?;
            let flags = crate::config::Layer {
                profile: args.profile,
                ..Default::default()
            };
            let settings = Settings::resolve(&flags, &variables, &file)?;
            Ok(Action::ConfigShow {
                settings: Box::new(settings),
                json: args.json || environment::switch("BACKLINE_JSON", env)?,
                notices: file.notice.into_iter().collect(),
            })
        }
        Command::Unit(args) => Ok(Action::Unit(Box::new(unit::resolve(args)?))),
        Command::Completions(args) => Ok(Action::Completions(args.shell)),
        Command::Man(args) => Ok(Action::Man(args.dir)),
    }
}

/// What the variables say of the settings of playing.
fn play_variables(env: Environment<'_>) -> Result<crate::config::Layer, Failure> {
    let (cli, off) = environment::layer("play", env)?;
    let Command::Play(args) = cli.command else {
        return Err(usage::impossible());
    };
    args.layer(Some(&off))
}

#[cfg(test)]
mod tests;
