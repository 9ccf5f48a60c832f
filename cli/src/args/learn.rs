//! `backline learn`.

use std::path::PathBuf;

use clap::Args;

use super::parsers::{client_name, text};
use super::{Environment, play_variables, shared};
use crate::config::{ConfigFile, Layer, Setting, Settings};
use crate::control::Verb;
use crate::control::surface::{InputName, MidiFrom};
use crate::exit::Failure;
use crate::units::Connect;

/// Write a mapping: wait for a key, a line, a note or a controller, and have it do VERB from then on
///
/// What is pressed next on an input is added to the mapping; what stands there stays, comments too.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct LearnArgs {
    /// Mapping; made if it isn't there
    #[arg(long, value_name = "FILE")]
    pub map: Option<PathBuf>,

    /// Hear MIDI through the ALSA sequencer; with =CLIENT, that client is connected whenever it is there; =jack: through JACK
    #[arg(
        long,
        value_name = "CLIENT",
        num_args = 0..=1,
        require_equals = true
    )]
    #[allow(clippy::option_option, reason = "clap's type for an optional value")]
    pub midi: Option<Option<MidiFrom>>,

    /// Hear this input: evdev:PATH, gpio:CHIP/LINE [repeatable]
    #[arg(long, value_name = "INPUT")]
    pub input: Vec<InputName>,

    /// With --midi=jack: connect a source of MIDI, control_in=PORT or control_in=/REGEX/ [repeatable]
    #[arg(long, value_name = "RULE")]
    pub connect: Vec<Connect>,

    /// JACK server's name
    #[arg(long, value_name = "NAME", value_parser = text)]
    pub server: Option<String>,

    /// Name of the sequencer's or the JACK client [default: backline]
    #[arg(long, value_name = "NAME", value_parser = client_name)]
    pub name: Option<String>,

    /// Configuration file, or `none`
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// What it is to do: a verb with its words, as of `backline ctl`; for a controller also `gain TRACK`, `pan TRACK`, `bus BUS` and `master` alone
    #[arg(
        value_name = "VERB",
        required = true,
        num_args = 1..,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub words: Vec<String>,
}

const EXAMPLES: &str = "\
Examples:
  backline learn --map stage.toml --midi=nanoPAD2 toggle
  backline learn --map stage.toml --input evdev:/dev/input/by-id/usb-switch-event-kbd jump @Chorus section-end
  backline learn --map stage.toml --midi=nanoKONTROL gain drums";

/// An order to learn.
#[derive(Clone, Debug, PartialEq)]
pub struct Learn {
    /// The mapping.
    pub map: PathBuf,
    /// Whether MIDI is heard.
    pub midi: MidiFrom,
    /// Inputs that are heard.
    pub inputs: Vec<InputName>,
    /// What is connected to the port for MIDI.
    pub connect: Vec<Connect>,
    /// The JACK server's name.
    pub server: Option<String>,
    /// What we call ourselves.
    pub name: String,
    /// The verb.
    pub words: Vec<String>,
    /// Sentences for the user.
    pub notices: Vec<String>,
}

/// Files in a mapping are those of its folder, and these are those of ours.
fn whole(words: Vec<String>) -> Vec<String> {
    let parsed = words
        .split_first()
        .and_then(|(name, words)| Verb::parse(name, words).ok());
    let Some(mut verb) = parsed.filter(|verb| !verb.clone().files_mut().is_empty()) else {
        return words;
    };
    for file in verb.files_mut().iter_mut().filter(|f| f.as_os_str() != "-") {
        if let Ok(path) = std::path::absolute(&*file) {
            *file = path;
        }
    }
    let (name, words) = verb.words();
    [name.to_owned()].into_iter().chain(words).collect()
}

/// Lays the flags over the environment and the configuration.
pub(super) fn resolve(args: LearnArgs, env: Environment<'_>) -> Result<Learn, Failure> {
    let file = ConfigFile::find(&shared::wanted(args.config), env)?;
    let of_jack = [
        ("--connect", !args.connect.is_empty()),
        ("--server", args.server.is_some()),
    ];
    let flags = Layer {
        map: args.map,
        midi: args.midi.map(|from| from.unwrap_or(MidiFrom::Anyone)),
        input: (!args.input.is_empty()).then_some(args.input),
        connect: (!args.connect.is_empty()).then_some(args.connect),
        server: args.server,
        name: args.name,
        ..Layer::default()
    };
    let settings = Settings::resolve(&flags, &play_variables(env)?, &file)?;
    let Some(map) = settings.map.value else {
        return Err(
            Failure::usage("there is no mapping to write to").hint("give one with --map FILE")
        );
    };
    let (midi, inputs) = (settings.midi.value, settings.input.value);
    if midi == MidiFrom::None && inputs.is_empty() {
        return Err(Failure::usage("there is no input to learn from")
            .hint("give one with --midi or --input"));
    }
    if midi != MidiFrom::Jack
        && let Some((flag, _)) = of_jack.iter().find(|(_, given)| *given)
    {
        return Err(Failure::usage(format!("{flag} is for --midi=jack")));
    }
    let Setting { value, source } = settings.connect;
    let (connect, others): (Vec<_>, Vec<_>) =
        (value.into_iter()).partition(|rule| rule.port() == Some(Connect::MIDI_PORT));
    // (What a configuration says of others is for playing.)
    if midi == MidiFrom::Jack && !others.is_empty() && source.is_explicit() {
        return Err(Failure::usage(format!(
            "{source}: the one port there is to connect is {}",
            Connect::MIDI_PORT
        )));
    }
    Ok(Learn {
        map,
        midi,
        inputs,
        connect,
        server: settings.server.value,
        name: settings.name.value,
        words: whole(args.words),
        notices: file.notice.into_iter().collect(),
    })
}
