//! What is played and from where to where: the same for playing and rendering.

use std::path::PathBuf;

use clap::Args;

use super::mixer::MixerArgs;
use super::parsers::number;
use crate::exit::Failure;
use crate::song::{Overrides, Time};
use crate::units::Level;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Input")]
pub(super) struct InputArgs {
    /// Audio files or ONE folder: the stems of one song. Several folders or song files: a setlist.
    ///
    /// A folder that holds a song.toml plays as that says; hidden files and subfolders are ignored.
    /// `-` is a WAV on standard input.
    #[arg(value_name = "INPUT", help_heading = None)]
    pub inputs: Vec<PathBuf>,

    /// Play each audio file as a song of its own, one after the other
    #[arg(long)]
    pub sequence: bool,

    /// Begin at this time: 90, 1:30.5, 96000f (frames) or @SECTION
    #[arg(long, value_name = "TIME")]
    pub start: Option<Time>,

    /// End before this time
    #[arg(long, value_name = "TIME")]
    pub end: Option<Time>,

    /// Play N times in all
    #[arg(long, value_name = "N", value_parser = number(1..=i64::from(u32::MAX)))]
    pub repeat: Option<u32>,
}

/// What is played, from where to where, and through which mixer settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// As given: at least one, but for a session manager's client.
    pub inputs: Vec<PathBuf>,
    /// Each audio file is a song of its own.
    pub sequence: bool,
    /// Settings of tracks and buses.
    pub overrides: Overrides,
    /// Level over all buses that follow it.
    pub master: Level,
    /// Every stem is folded to one channel.
    pub mono: bool,
    /// First frame; `None` is the song's start.
    pub start: Option<Time>,
    /// One past the last frame; `None` is the song's end.
    pub end: Option<Time>,
}

/// Lays the flags over the environment. With `managed`, a session manager may say what is played.
pub(super) fn run(
    command: &str,
    managed: bool,
    (flags, flag_mixer): (InputArgs, MixerArgs),
    (env, env_mixer): (InputArgs, MixerArgs),
) -> Result<Run, Failure> {
    if flags.inputs.is_empty() && !managed {
        return Err(Failure::usage(format!(
            "{command} needs at least one INPUT: audio files, a folder of stems, or a song file"
        ))
        .hint(format!("try `backline {command} --help`")));
    }
    let (start, end) = (flags.start.or(env.start), flags.end.or(env.end));
    // Of several songs the first has the start and the last the end.
    let backwards = match (&start, &end) {
        (Some(_), Some(_)) if flags.inputs.len() > 1 => false,
        (Some(start), Some(end)) => start.is_known_not_before(end),
        (None, Some(end)) => Time::Nanos(0).is_known_not_before(end),
        _ => false,
    };
    if backwards {
        return Err(Failure::usage("--end must be after --start"));
    }
    let mixer = flag_mixer.over(env_mixer);
    Ok(Run {
        inputs: flags.inputs,
        sequence: flags.sequence || env.sequence,
        master: mixer.master.unwrap_or(Level::UNITY),
        mono: mixer.mono,
        overrides: mixer.overrides(),
        start,
        end,
    })
}

/// The sentences for a master level that the ceiling cuts.
pub(super) fn master_notice(run: &Run, max_gain_db: f64) -> Option<String> {
    run.master.is_above(max_gain_db).then(|| {
        format!(
            "--master: {} is above the ceiling, {max_gain_db} dB is used (--max-gain-db)",
            run.master
        )
    })
}
