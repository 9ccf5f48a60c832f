//! Which way to the ears: a JACK server that already runs, else the default ALSA device, unless
//! one is named.

use engine_core::convert::SampleFormat;

use super::refusal::Refusal;
use crate::config::{BackendChoice, Setting, Settings, Source, Transport};
use crate::control::surface::MidiFrom;
use crate::exit::{Code, Failure};
use crate::player::Output;

/// A way to the ears, and what is asked of it.
pub(in crate::commands) struct Chosen {
    pub output: Output,
    pub rate: Option<u32>,
    pub period: Option<u32>,
    pub periods: Option<u32>,
    pub format: Option<SampleFormat>,
    /// Sentences for the user.
    pub notices: Vec<String>,
    /// Why it came to this, when it is the last way that was left.
    pub last_resort: Option<String>,
    /// The server that was started for this, to be kept until the output is open.
    pub kept: Option<Kept>,
}

/// Has MIDI be heard through JACK, where the settings ask for it.
pub(super) fn hear_midi(chosen: &mut Chosen, settings: &Settings) -> Result<(), Refusal> {
    let Setting { value, source } = &settings.midi;
    if *value != MidiFrom::Jack || chosen.output.hear_midi() {
        return Ok(());
    }
    let why = match &chosen.last_resort {
        Some(why) => why.clone(),
        None => format!("the backend here is {}", chosen.output.name()),
    };
    let message = format!("{source} asks for MIDI through JACK, and {why}");
    match (source.is_explicit(), &chosen.last_resort) {
        (true, Some(_)) => Err(Refusal::new(
            Failure::new(Code::Unavailable, message),
            "no-server",
        )),
        (true, None) => Err(Failure::usage(message).into()),
        (false, _) => {
            chosen.notices.push(format!("{message}: none is heard"));
            Ok(())
        }
    }
}

#[cfg(feature = "jack")]
pub(in crate::commands) use backend_jack::Kept;
#[cfg(not(feature = "jack"))]
pub(in crate::commands) use std::convert::Infallible as Kept;

impl Chosen {
    /// An output that does as the settings say.
    fn as_set(output: Output, settings: &Settings) -> Self {
        Self {
            output,
            rate: settings.rate.value,
            period: Some(settings.period.value),
            periods: Some(settings.periods.value),
            format: settings.format.value,
            notices: Vec::new(),
            last_resort: None,
            kept: None,
        }
    }
}

/// Chooses. A JACK server is asked for its rate and period; no device is opened.
pub(in crate::commands) fn choose(settings: &Settings) -> Result<Chosen, Refusal> {
    match settings.backend.value {
        BackendChoice::Null => Ok(Chosen::as_set(Output::Null { speed: 1.0 }, settings)),
        BackendChoice::Alsa => alsa(settings),
        BackendChoice::Jack => jack(settings),
        BackendChoice::Auto => auto(settings),
    }
}

fn auto(settings: &Settings) -> Result<Chosen, Refusal> {
    let refusal = match jack(settings) {
        Ok(chosen) => return Ok(chosen),
        Err(refusal) if refusal.failure.code != Code::Unavailable => return Err(refusal),
        Err(refusal) => refusal,
    };
    let transport = &settings.transport;
    if transport.value != Transport::None {
        let message = format!(
            "{} is for JACK, and {}",
            transport.source,
            no_jack(&refusal)
        );
        return Err(Refusal::new(Failure::usage(message), "no-server"));
    }
    // With ALSA these would do nothing.
    if let Some(flag) = jack_flag(settings) {
        let Failure { code, message, .. } = refusal.failure.clone();
        let message = format!("{flag} is for JACK: {message}");
        return Err(Refusal::new(Failure::new(code, message), "no-server"));
    }
    let why = no_jack(&refusal);
    let mut chosen = alsa(settings).map_err(|_| {
        Refusal::from(Failure::new(
            Code::Unavailable,
            format!("{why}, and this backline has no ALSA built in; to play without a device: --backend null"),
        ))
    })?;
    if refusal.event().code != "no-server" && cfg!(feature = "jack") {
        chosen.notices.push(format!("{why}, so ALSA is"));
    }
    chosen.last_resort = Some(why);
    Ok(chosen)
}

/// Why there is no JACK.
fn no_jack(refusal: &Refusal) -> String {
    match refusal.event().code.as_ref() {
        "no-server" => "no JACK server is running".to_owned(),
        _ => format!("JACK can't be used ({})", refusal.failure.message),
    }
}

/// The first flag that only JACK understands.
fn jack_flag(settings: &Settings) -> Option<&str> {
    fn flag<T>(setting: &Setting<T>) -> Option<&str> {
        match &setting.source {
            Source::Flag(name) => Some(name),
            _ => None,
        }
    }
    flag(&settings.connect)
        .or(flag(&settings.ports))
        .or(flag(&settings.server))
        .or(flag(&settings.start_server))
}

#[cfg(feature = "alsa")]
fn alsa(settings: &Settings) -> Result<Chosen, Refusal> {
    let options = backend_alsa::AlsaOptions {
        device: settings
            .device
            .value
            .clone()
            .unwrap_or_else(|| "default".to_owned()),
        dither: settings.dither.value,
        rt_priority: Some(settings.rt_priority.value),
        strict_rate: settings.strict_rate.value,
        keep_alive: match settings.keep_alive.value {
            crate::config::KeepAlive::No => backend_alsa::KeepAlive::No,
            crate::config::KeepAlive::Silence => backend_alsa::KeepAlive::Silence,
            crate::config::KeepAlive::Noise => backend_alsa::KeepAlive::Noise,
        },
        channel_map: settings.channel_map.value.clone(),
        mixer: settings.mixer.value.as_ref().map(|mixer| {
            let db = |level: &Option<crate::units::Level>| level.map(|level| level.db() as f32);
            let max_db = db(&settings.volume_max.value);
            backend_alsa::MixerOptions {
                name: mixer.name.clone(),
                index: mixer.index,
                level_db: db(&settings.volume.value)
                    .map(|db| db.min(max_db.unwrap_or(f32::INFINITY))),
                max_db,
            }
        }),
        ..backend_alsa::AlsaOptions::default()
    };
    Ok(Chosen::as_set(Output::Alsa(options), settings))
}

#[cfg(not(feature = "alsa"))]
fn alsa(_: &Settings) -> Result<Chosen, Refusal> {
    Err(not_built_in("ALSA"))
}

#[cfg(not(feature = "jack"))]
fn jack(_: &Settings) -> Result<Chosen, Refusal> {
    Err(not_built_in("JACK"))
}

#[cfg(not(all(feature = "alsa", feature = "jack")))]
fn not_built_in(what: &str) -> Refusal {
    Failure::new(
        Code::Unavailable,
        format!("this backline has no {what} built in"),
    )
    .into()
}

#[cfg(feature = "jack")]
fn jack(settings: &Settings) -> Result<Chosen, Refusal> {
    use engine_core::backend::BackendErrorKind;

    use super::refusal::{sentence, word_of};

    let server = settings.server.value.as_deref();
    let start = settings.start_server.value;
    let (kept, found) = match backend_jack::list_ports(server) {
        Err(e) if start && e.kind == BackendErrorKind::NoServer => {
            super::start::start_server(server).map(|(kept, found)| (Some(kept), found))
        }
        found => found.map(|found| (None, found)),
    }
    .map_err(|e| {
        let code = Failure::from(e.clone()).code;
        let failure = Failure::new(code, sentence(&e.message));
        Refusal::new(failure, word_of(e.kind))
    })?;
    let mut notices = under_jack(settings, found.rate, found.period)?;
    if kept.is_some() {
        notices.insert(0, format!("the JACK server {} was started", found.name));
    }
    check_physical(settings)?;
    let (connect, physical) = rules(&settings.connect.value);
    let connect_nothing = settings
        .connect
        .value
        .contains(&crate::units::Connect::Nothing);
    Ok(Chosen {
        output: Output::Jack {
            options: backend_jack::JackOptions {
                client_name: settings.name.value.clone(),
                server_name: settings.server.value.clone(),
                connect,
                // A configuration's rules hold for whatever is played.
                pass_over: !settings.connect.source.is_explicit(),
                ..backend_jack::JackOptions::default()
            },
            physical,
            as_songs_say: !connect_nothing,
        },
        rate: None,
        period: None,
        periods: None,
        format: None,
        notices,
        last_resort: None,
        kept,
    })
}

/// The rules of `--connect` for a client, and whether bus main goes to the physical outputs.
#[cfg(feature = "jack")]
pub(in crate::commands) fn rules(
    connect: &[crate::units::Connect],
) -> (Vec<backend_jack::ConnectRule>, bool) {
    use backend_jack::ConnectRule;

    use crate::units::Connect;

    // Who says only what is heard has said nothing of the sound.
    let mut physical = (connect.iter()).all(|rule| rule.port() == Some(Connect::MIDI_PORT));
    let rules = connect.iter().filter_map(|rule| match rule {
        Connect::Nothing => None,
        Connect::Physical => {
            physical = true;
            None
        }
        Connect::Exact { port, dest } => Some(ConnectRule::Exact {
            port: port.clone(),
            dest: dest.clone(),
        }),
        Connect::Matching { port, pattern } => Some(ConnectRule::Regex {
            port: port.clone(),
            pattern: pattern.clone(),
        }),
    });
    let rules = rules.collect();
    (rules, physical)
}

/// `physical` means bus main, which not every session has.
#[cfg(feature = "jack")]
fn check_physical(settings: &Settings) -> Result<(), Failure> {
    let Setting { value, source } = &settings.connect;
    let physical = value.contains(&crate::units::Connect::Physical);
    if physical && source.is_explicit() && settings.ports.value == crate::config::Ports::Tracks {
        return Err(Failure::usage(format!(
            "{source} physical connects bus main, and with --ports tracks there are no buses; --ports both has them"
        )));
    }
    Ok(())
}

/// What the settings ask of a device that is the server's: refused when it was asked for this
/// run, else a notice.
#[cfg(feature = "jack")]
fn under_jack(settings: &Settings, rate: u32, period: u32) -> Result<Vec<String>, Failure> {
    use crate::config::format_word;

    let mut notices = Vec::new();
    let mut differs = |source: &Source, wanted: String, has: String| {
        if source.is_explicit() {
            return Err(Failure::usage(format!(
                "{source} asks for {wanted}, but the JACK server has {has}"
            ))
            .hint("change it at the server, or leave it out"));
        }
        notices.push(match source {
            Source::Profile(name, _) => {
                format!("under JACK only ring_ms of the profile {name} applies")
            }
            _ => format!("{source} asks for {wanted}, but the JACK server has {has}"),
        });
        Ok(())
    };
    if let Some(wanted) = settings.rate.value
        && wanted != rate
    {
        let source = &settings.rate.source;
        differs(source, format!("{wanted} Hz"), format!("{rate} Hz"))?;
    }
    if let Some(wanted) = settings.format.value
        && wanted != SampleFormat::F32
    {
        let wanted = format!("samples of {}", format_word(wanted));
        differs(&settings.format.source, wanted, "f32".into())?;
    }
    let wanted = settings.period.value;
    let source = &settings.period.source;
    let chosen = !matches!(source, Source::Profile(_, by) if **by == Source::Default);
    if wanted != period && chosen {
        let wanted = format!("a period of {wanted} frames");
        differs(source, wanted, format!("{period}"))?;
    }
    let unused = [
        &settings.periods.source,
        &settings.rt_priority.source,
        &settings.keep_alive.source,
        &settings.channel_map.source,
    ];
    for source in unused {
        if source.is_explicit() {
            notices.push(format!("{source} does nothing under JACK"));
        }
    }
    Ok(notices)
}

#[cfg(all(test, feature = "jack"))]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::args::{Action, parse};

    fn settings(flags: &[&str], env: &'static [(&str, &str)]) -> Settings {
        let words = ["backline", "play", "song", "--config", "none"];
        let words = words.iter().chain(flags).map(OsString::from);
        let value = |name: &str| {
            let found = env.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| OsString::from(value))
        };
        match parse(words, &value).unwrap() {
            Action::Play(play) => play.settings,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_default_profile_says_nothing_under_jack() {
        let settings = settings(&[], &[]);
        assert_eq!(under_jack(&settings, 48_000, 64), Ok(vec![]));
    }

    #[test]
    fn a_rate_that_differs_is_refused_when_it_was_asked_for() {
        let flag = settings(&["--rate", "44100"], &[]);
        let failure = under_jack(&flag, 48_000, 64).unwrap_err();
        assert_eq!(failure.code, Code::Usage);
        assert_eq!(
            failure.message,
            "--rate asks for 44100 Hz, but the JACK server has 48000 Hz"
        );
        assert_eq!(under_jack(&flag, 44_100, 64), Ok(vec![]));
        let env = settings(&[], &[("BACKLINE_PERIOD", "128")]);
        let failure = under_jack(&env, 48_000, 64).unwrap_err();
        assert_eq!(
            failure.message,
            "BACKLINE_PERIOD asks for a period of 128 frames, but the JACK server has 64"
        );
        let s16 = settings(&["--format", "s16"], &[]);
        assert_eq!(under_jack(&s16, 48_000, 64).unwrap_err().code, Code::Usage);
        let f32 = settings(&["--format", "f32"], &[]);
        assert_eq!(under_jack(&f32, 48_000, 64), Ok(vec![]));
    }

    #[test]
    fn a_profile_is_a_notice() {
        let profile = settings(&["--profile", "modern"], &[]);
        assert_eq!(
            under_jack(&profile, 48_000, 64),
            Ok(vec![
                "under JACK only ring_ms of the profile modern applies".to_owned()
            ])
        );
        let periods = settings(&["--periods", "2"], &[]);
        assert_eq!(
            under_jack(&periods, 48_000, 2048),
            Ok(vec!["--periods does nothing under JACK".to_owned()])
        );
    }

    #[test]
    fn rules_for_connecting() {
        use backend_jack::ConnectRule;
        assert_eq!(rules(&settings(&[], &[]).connect.value), (vec![], true));
        let none = settings(&["--connect", "none"], &[]);
        assert_eq!(rules(&none.connect.value), (vec![], false));
        let two = settings(
            &["--connect", "click=a:b", "--connect", "main_L=/c:.*/"],
            &[],
        );
        let exact = ConnectRule::Exact {
            port: "click".into(),
            dest: "a:b".into(),
        };
        let regex = ConnectRule::Regex {
            port: "main_L".into(),
            pattern: "c:.*".into(),
        };
        assert_eq!(rules(&two.connect.value), (vec![exact, regex], false));
        let heard = settings(&["--connect", "control_in=pad:out"], &[]);
        let (of_midi, physical) = rules(&heard.connect.value);
        assert_eq!((of_midi.len(), physical), (1, true));
    }

    #[test]
    fn only_flags_that_jack_alone_understands_insist_on_it() {
        assert_eq!(jack_flag(&settings(&[], &[("BACKLINE_SERVER", "x")])), None);
        assert_eq!(
            jack_flag(&settings(&["--ports", "tracks"], &[])),
            Some("--ports")
        );
    }
}
