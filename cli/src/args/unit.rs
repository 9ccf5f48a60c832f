//! `backline unit`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Action, Play, parse};
use crate::exit::{Code, Failure};

/// Print a systemd unit that plays what a command line says
///
/// The unit waits for nobody to log in, is told apart from a hung one by a watchdog, starts again after a failure, reloads, and
/// may do nothing but play. Lay it into /etc/systemd/system, or with --user into ~/.config/systemd/user.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct UnitArgs {
    /// For a user's service manager, as where PipeWire or JACK runs for a user
    #[arg(long)]
    pub user: bool,

    /// Where the program is
    #[arg(long, value_name = "PATH", default_value = "/usr/bin/backline")]
    pub program: PathBuf,

    /// What is to be run: `play` and what goes with it, with absolute paths
    #[arg(
        value_name = "COMMAND",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub command: Vec<OsString>,
}

const EXAMPLES: &str = "\
Examples:
  backline unit play --kiosk --device hw:CARD=USB /srv/song
  backline unit --user -- play --kiosk --backend jack /srv/song > ~/.config/systemd/user/backline.service";

/// A complete order for a unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// For a user's manager.
    pub user: bool,
    /// Where the program is.
    pub program: PathBuf,
    /// The command line, without the program.
    pub command: Vec<String>,
    /// What it means.
    pub play: Play,
}

/// Reads the command line in it as if it were given by itself, with no environment and no configuration.
pub(super) fn resolve(args: UnitArgs) -> Result<Unit, Failure> {
    let words = [OsString::from("backline")].into_iter();
    let nothing = |name: &str| (name == "BACKLINE_CONFIG").then(|| "none".into());
    let action = parse(words.chain(args.command.iter().cloned()), &nothing)?;
    let Action::Play(play) = action else {
        return Err(Failure::usage(
            "a unit is for a command that plays: backline unit play …",
        ));
    };
    if !args.program.is_absolute() {
        let program = args.program.display();
        return Err(Failure::usage(format!(
            "--program {program}: a unit needs an absolute path"
        )));
    }
    let settings = &play.settings;
    let files = [&settings.metrics.value, &settings.keep_state.value];
    let files = files.into_iter().flatten().map(Path::new);
    let inputs = play.run.inputs.iter().map(PathBuf::as_path);
    if let Some(input) = inputs.chain(files).find(|path| path.is_relative()) {
        let input = input.display();
        return Err(Failure::new(
            Code::Usage,
            format!("{input}: a unit starts in another folder, so it needs absolute paths"),
        ));
    }
    let command = args.command.into_iter().map(|word| {
        word.into_string().map_err(|word| {
            let word = word.display();
            Failure::usage(format!("{word}: a unit can hold only Unicode text"))
        })
    });
    Ok(Unit {
        user: args.user,
        program: args.program,
        command: command.collect::<Result<_, _>>()?,
        play: *play,
    })
}
