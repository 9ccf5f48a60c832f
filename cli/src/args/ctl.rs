//! `backline ctl`: every verb a command of its own. Arguments are read where all verbs are
//! ([`Verb::parse`]), so that what is said of a wrong one is the same on every path.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Environment;
use super::environment::switch;
use super::live;
use super::parsers::{client_name, text};
use crate::control::Verb;
use crate::exit::Failure;

/// Control a session that plays
///
/// Talks to the control socket of a `backline play` that runs, and waits until what was asked for has taken
/// effect.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CtlArgs {
    #[command(subcommand)]
    pub verb: CtlVerb,

    /// Print what the session answers: one JSON object per line
    #[arg(long, global = true)]
    pub json: bool,

    /// Name of the session [default: the only one that runs]
    #[arg(long, global = true, value_name = "NAME", value_parser = client_name, add = live::names())]
    pub name: Option<String>,

    /// Path of the session's socket
    #[arg(long, global = true, value_name = "PATH", value_parser = text, conflicts_with = "name")]
    pub control: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  backline ctl toggle                      pause, or play on
  backline ctl gain drums -6               the drums softer
  backline ctl seek @Chorus                to the chorus
  backline ctl jump @Outro section-end     to the outro when this section ends
  backline ctl jump @Chorus next-bar       to the chorus on the next bar line
  backline ctl fade master -inf 8          everything out over eight seconds
  backline ctl load sets/friday.toml       other songs, without a gap
  backline ctl save                        keep gains, pans and mutes in the song's file
  backline ctl --name left status --json   all there is to know of the session `left`";

#[derive(Clone, Debug, Args)]
pub(super) struct Track {
    /// Track: its number or its name (`name:2` for one whose name is a number)
    #[arg(value_name = "TRACK", add = live::tracks())]
    track: String,
    /// Whether [default: on]
    #[arg(value_name = "on|off|toggle", add = live::words(&["on", "off", "toggle"]))]
    on: Option<String>,
}

#[derive(Clone, Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum CtlVerb {
    /// Play from where it is; after the end, from the beginning
    Play,
    /// Fade out and hold the position
    Pause,
    /// Pause if it plays, play if it doesn't
    Toggle,
    /// Fade out and go back to the song's start
    Stop,
    /// Go to a place of the song
    Seek {
        /// Place: `1:30`, `96000f`, `@SECTION`, or `+5`, `-5` from here
        #[arg(value_name = "PLACE", allow_hyphen_values = true, add = live::sections(&[]))]
        place: String,
    },
    /// Go to a place now, or when the present section ends
    Jump {
        /// Place: `1:30`, `96000f` or `@SECTION`
        #[arg(value_name = "PLACE", add = live::sections(&[]))]
        place: String,
        /// When [default: now]
        #[arg(value_name = "now|section-end|next-bar", add = live::words(&["now", "section-end", "next-bar"]))]
        when: Option<String>,
    },
    /// Loop without a gap, or stop looping
    Loop {
        /// A section (`@SECTION`), a part (`A..B`), or `off` [default: the section that is playing]
        #[arg(value_name = "WHAT", add = live::sections(&["off"]))]
        what: Option<String>,
    },
    /// Go to the next song of the setlist
    Next,
    /// Go to the song before
    Previous,
    /// Play a song of the setlist once, and go back to its idle song
    Trigger {
        /// Song: its number or its title (`name:2` for one whose title is a number)
        #[arg(value_name = "SONG", add = live::songs())]
        song: String,
        /// How long it and what plays sound together, and `if-idle`: not while another triggered one plays
        #[arg(value_name = "FADE|if-idle", num_args = 0..=2, add = live::words(&["if-idle"]))]
        how: Vec<String>,
    },
    /// Go to a song of the setlist
    Song {
        /// Song: its number or its title (`name:2` for one whose title is a number)
        #[arg(value_name = "SONG", add = live::songs())]
        song: String,
    },
    /// Set a track's gain
    Gain {
        /// Track: its number or its name (`name:2` for one whose name is a number)
        #[arg(value_name = "TRACK", add = live::tracks())]
        track: String,
        /// Level: `-6`, `-inf`, `x0.5`
        #[arg(value_name = "LEVEL", allow_hyphen_values = true)]
        level: String,
    },
    /// Set a track's pan
    Pan {
        /// Track: its number or its name (`name:2` for one whose name is a number)
        #[arg(value_name = "TRACK", add = live::tracks())]
        track: String,
        /// Position from -1 (left) to 1 (right)
        #[arg(value_name = "PAN", allow_hyphen_values = true)]
        pan: String,
    },
    /// Mute a track, or not
    Mute(Track),
    /// Solo a track besides others, or not
    Solo(Track),
    /// End every solo
    ClearSolo,
    /// Set a bus's level
    Bus {
        /// Bus
        #[arg(value_name = "BUS", add = live::buses())]
        bus: String,
        /// Level: `-6`, `-inf`, `x0.5`
        #[arg(value_name = "LEVEL", allow_hyphen_values = true)]
        level: String,
    },
    /// Set the master level
    Master {
        /// Level: `-6`, `-inf`, `x0.5`
        #[arg(value_name = "LEVEL", allow_hyphen_values = true)]
        level: String,
    },
    /// Set the volume: that of the card's mixer (--mixer), else the master level
    Volume {
        /// Level: `-20`, `-inf`, `x0.5`
        #[arg(value_name = "LEVEL", allow_hyphen_values = true)]
        level: String,
    },
    /// Take a level to another over a time: `track TRACK`, `bus BUS` or `master`, then LEVEL and TIME
    Fade {
        /// What, where to (`-inf`) and how long (`3` seconds, `0:10`, `4800f`)
        #[arg(value_name = "WORD", required = true, allow_hyphen_values = true, num_args = 3..=4, add = live::fade())]
        words: Vec<String>,
    },
    /// Switch the latency monitor
    Monitor {
        /// How closely the callbacks are watched
        #[arg(value_name = "off|sampled|full", add = live::words(&["off", "sampled", "full"]))]
        level: String,
        /// Have it so in the session's configuration file as well
        #[arg(value_name = "save")]
        save: Option<String>,
    },
    /// Play something else; the song in play is heard until that is there
    Load {
        /// As of `backline play`: audio files (the stems of one song), folders of stems, song files, or a setlist
        #[arg(value_name = "PATH", required = true, value_hint = clap::ValueHint::AnyPath)]
        inputs: Vec<String>,
    },
    /// Write the mixer as it stands into the song's file, or the song into a new file
    Save {
        /// A song file that isn't there yet, such as `stems/song.toml` [default: the one the song was read from]
        #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
        file: Option<String>,
    },
    /// Tell everything there is to know
    Status,
    /// Tell the levels that are heard
    Meters,
    /// Tell every change from now on, and the meters
    Subscribe {
        /// Meters per second, 0 to 30 [default: 10]
        #[arg(value_name = "RATE")]
        rate: Option<String>,
    },
    /// Fade out and end the session
    Quit,
}

impl CtlVerb {
    fn words(self) -> (&'static str, Vec<String>) {
        let track = |t: Track| [t.track].into_iter().chain(t.on).collect();
        match self {
            Self::Play => ("play", vec![]),
            Self::Pause => ("pause", vec![]),
            Self::Toggle => ("toggle", vec![]),
            Self::Stop => ("stop", vec![]),
            Self::Seek { place } => ("seek", vec![place]),
            Self::Jump { place, when } => ("jump", [place].into_iter().chain(when).collect()),
            Self::Loop { what } => ("loop", what.into_iter().collect()),
            Self::Next => ("next", vec![]),
            Self::Previous => ("previous", vec![]),
            Self::Trigger { song, how } => ("trigger", [song].into_iter().chain(how).collect()),
            Self::Song { song } => ("song", vec![song]),
            Self::Gain { track, level } => ("gain", vec![track, level]),
            Self::Pan { track, pan } => ("pan", vec![track, pan]),
            Self::Mute(t) => ("mute", track(t)),
            Self::Solo(t) => ("solo", track(t)),
            Self::ClearSolo => ("clear-solo", vec![]),
            Self::Bus { bus, level } => ("bus", vec![bus, level]),
            Self::Master { level } => ("master", vec![level]),
            Self::Volume { level } => ("volume", vec![level]),
            Self::Fade { words } => ("fade", words),
            Self::Monitor { level, save } => ("monitor", [level].into_iter().chain(save).collect()),
            Self::Load { inputs } => ("load", inputs),
            Self::Save { file } => ("save", file.into_iter().collect()),
            Self::Status => ("status", vec![]),
            Self::Meters => ("meters", vec![]),
            Self::Subscribe { rate } => ("subscribe", rate.into_iter().collect()),
            Self::Quit => ("quit", vec![]),
        }
    }
}

/// A complete order to a session that runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Ctl {
    /// What is asked for.
    pub verb: Verb,
    /// Print what the session answers as it is.
    pub json: bool,
    /// The session's name.
    pub name: Option<String>,
    /// Its socket.
    pub control: Option<PathBuf>,
}

/// Lays the flags over the environment.
pub(super) fn resolve(args: CtlArgs, env: Environment<'_>) -> Result<Ctl, Failure> {
    let (verb, words) = args.verb.words();
    let mut verb = Verb::parse(verb, &words).map_err(|refusal| Failure::usage(refusal.message))?;
    for file in verb.files_mut().iter_mut().filter(|f| f.as_os_str() != "-") {
        // The session is in another folder.
        if let Ok(whole) = std::path::absolute(&*file) {
            *file = whole;
        }
    }
    let variable = |name: &str| {
        let value = env(name)?.into_string().ok()?;
        (!value.is_empty()).then_some(value)
    };
    let (mut name, mut control) = (args.name, args.control);
    if name.is_none() && control.is_none() {
        control = variable("BACKLINE_CONTROL").filter(|path| path != "none");
        name = variable("BACKLINE_NAME").filter(|_| control.is_none());
    }
    Ok(Ctl {
        verb,
        json: args.json || switch("BACKLINE_JSON", env)?,
        name,
        control: control.map(PathBuf::from),
    })
}
