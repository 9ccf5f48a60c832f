//! `backline play`.

use std::path::PathBuf;

use clap::Args;
use engine_core::convert::SampleFormat;

use super::Environment;
use super::environment::Off;
use super::input::{self, InputArgs, Run};
use super::mixer::MixerArgs;
use super::parsers::{client_name, format, keep_alive, number, text};
use super::shared::{self, SharedArgs};
use super::volume;
use crate::config::{
    self, BackendChoice, ConfigFile, KeepAlive, Layer, MonitorLevel, OnDamage, OnLoss, OnReturn,
    Ports, Profile, Setting, Settings, Source, Transport, WaitDevice, Wanted,
};
use crate::control::OscAddress;
use crate::control::surface::{InputName, MidiFrom};
use crate::exit::{Code, Failure};
use crate::song::OnEnd;
use crate::units::{Connect, Level, MixerName, TimeRange};

/// Play a folder's audio files together, as the stems of ONE song
///
/// Several audio files are the stems of one song as well. Several folders or song files are a
/// setlist, in order. All stems start on the same frame and stay in step to the sample.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct PlayArgs {
    #[command(flatten)]
    pub input: InputArgs,

    /// Loop the song, or the part from A to B, until stopped
    #[arg(
        long = "loop",
        value_name = "A..B",
        num_args = 0..=1,
        require_equals = true,
        conflicts_with = "repeat",
        help_heading = "Input"
    )]
    #[allow(clippy::option_option, reason = "clap's type for an optional value")]
    pub looped: Option<Option<TimeRange>>,

    /// Play unattended: everything without end and without gaps, whatever happens
    ///
    /// Waits for the device at the start and after a loss and plays on when it is back; skips what can't be opened
    /// or read, and tries it again. Ends only by a signal, or by a command line that makes no sense; with a broken
    /// configuration it plays with the defaults, and says so.
    #[arg(long, conflicts_with_all = ["looped", "repeat", "on_end"], help_heading = "Input")]
    pub kiosk: bool,

    /// What happens at the end of a song [default: what its file says, else stop]
    #[arg(long, value_name = "WHAT", help_heading = "Input")]
    pub on_end: Option<OnEnd>,

    #[command(flatten)]
    pub mixer: MixerArgs,

    #[command(flatten)]
    pub output: OutputArgs,

    #[command(flatten)]
    pub shared: SharedArgs,

    #[command(flatten)]
    pub session: SessionArgs,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// Which way to the ears [default: auto]
    #[arg(long, value_name = "BACKEND")]
    pub backend: Option<BackendChoice>,

    /// ALSA device, such as hw:CARD=USB or usb:VENDOR:PRODUCT[:SERIAL] (implies --backend alsa)
    ///
    /// A card that is named by its id, by what is built into it, or by the socket it is in (usb:1-1.2) is looked up
    /// at each opening, so that it is found again whatever its number is.
    #[arg(long, value_name = "DEVICE", value_parser = text)]
    pub device: Option<String>,

    /// Sample rate of the device
    #[arg(long, value_name = "HZ", value_parser = number(config::RATE))]
    pub rate: Option<u32>,

    /// Set period, periods, ring and priority at once [default: balanced]
    #[arg(long, value_name = "PROFILE")]
    pub profile: Option<Profile>,

    /// Frames between two callbacks
    #[arg(long, value_name = "FRAMES", value_parser = number(config::PERIOD))]
    pub period: Option<u32>,

    /// Periods in the device's buffer
    #[arg(long, value_name = "N", value_parser = number(config::PERIODS))]
    pub periods: Option<u32>,

    /// Sample format of the device [default: its best]
    #[arg(long, value_name = "FORMAT", value_parser = format())]
    pub format: Option<SampleFormat>,

    /// Turn this volume of the card's mixer (implies --backend alsa) [default: leave the mixer alone]
    ///
    /// NAME is as alsamixer and `backline devices` show it: Master, PCM, Digital; INDEX tells several of one name
    /// apart, from 0. Without --volume it stays as it is.
    #[arg(long, value_name = "NAME[,INDEX]")]
    pub mixer: Option<MixerName>,

    /// Set the volume: that of --mixer, without one the master level
    ///
    /// In dB as the card counts them (`backline ctl status` tells), `-inf` is off. Where the card has no dB, 0 is all of its
    /// range and -6 half of it, which is said.
    #[arg(long, value_name = "LEVEL", allow_hyphen_values = true)]
    pub volume: Option<Level>,

    /// Keep the volume under this, whoever turns it up
    ///
    /// No flag, configuration, song, `ctl`, OSC, MIDI or key takes it above, and what another program turns up on the card
    /// is brought back.
    #[arg(long, value_name = "LEVEL", allow_hyphen_values = true)]
    pub volume_max: Option<Level>,

    /// Keep the card's stream going while nothing is to be heard, for DACs that pop [default: it stops]
    ///
    /// From the opening to the end of the program the card gets silence between songs and after them, or `noise` of one step
    /// of 24 bit, also in place of digital silence while it plays, for DACs that mute themselves in it. A pause keeps the
    /// stream going in any case.
    #[arg(long, value_name = "silence|noise", num_args = 0..=1, require_equals = true, value_parser = keep_alive())]
    #[allow(clippy::option_option, reason = "clap's type for an optional value")]
    pub keep_alive: Option<Option<KeepAlive>>,

    /// Have the card's channels be these loudspeakers, such as FL,FR,FC,LFE,RL,RR [default: as its driver has them]
    ///
    /// As many channels are opened as are named, and the card's driver is told; one that can't is refused, with the maps it offers.
    /// `backline devices --json` lists those. Names are ALSA's; NA is a channel without a loudspeaker.
    #[arg(long, value_name = "FL,FR,…", value_parser = text)]
    pub channel_map: Option<String>,

    /// Audio read ahead of the callback, ms
    #[arg(long, value_name = "MS", value_parser = number(config::RING_MS))]
    pub ring_ms: Option<u32>,

    /// Real-time priority of the audio thread
    #[arg(long, value_name = "N", value_parser = number(config::RT_PRIORITY))]
    pub rt_priority: Option<u32>,

    /// Connect JACK ports: none, physical, PORT=DEST or PORT=/REGEX/ [repeatable] [default: physical]
    ///
    /// PORT is one of ours, such as main_L. `physical` connects bus main to the physical outputs and
    /// nothing else. A DEST is a port's full name; a REGEX matches the whole full name of one port. For
    /// control_in (--midi=jack) the other port is a source of MIDI.
    #[arg(long, value_name = "RULE")]
    pub connect: Vec<Connect>,

    /// Which JACK ports there are [default: buses]
    #[arg(long, value_name = "WHICH")]
    pub ports: Option<Ports>,

    /// Follow JACK's transport, or lead it [default: none]
    #[arg(long, value_name = "HOW")]
    pub transport: Option<Transport>,

    /// JACK server's name
    #[arg(long, value_name = "NAME", value_parser = text)]
    pub server: Option<String>,

    /// Start the JACK server if it doesn't run, as ~/.jackdrc says
    ///
    /// Without this, a server is never started. libjack starts it: with the command in ~/.jackdrc
    /// or /etc/jackdrc; JACK_NO_START_SERVER in the environment forbids it.
    #[arg(long)]
    pub start_server: bool,

    /// Name of the JACK client and of the control socket [default: backline]
    #[arg(long, value_name = "NAME", value_parser = client_name)]
    pub name: Option<String>,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Session")]
pub(super) struct SessionArgs {
    /// What the loss of the server or device does [default: wait]
    #[arg(long, value_name = "WHAT")]
    pub on_loss: Option<OnLoss>,

    /// What happens when it is back [default: stay]
    #[arg(long, value_name = "WHAT")]
    pub on_return: Option<OnReturn>,

    /// Wait at the start for a device or server that isn't there, at most so long [default: don't wait]
    ///
    /// Without SECONDS, as long as it takes. One that is there and refuses is an error at once.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, value_parser = number(config::WAIT_DEVICE_S))]
    #[allow(clippy::option_option, reason = "clap's type for an optional value")]
    pub wait_device: Option<Option<u32>>,

    /// Keep figures for a collector (Prometheus) in this file
    #[arg(long, value_name = "FILE", value_parser = text)]
    pub metrics: Option<String>,

    /// Keep the place in the song, the master level and the volume in this file, and go on there at the next start
    ///
    /// They go before --start, --master and --volume then. It is written at the end, when something changes, and once a
    /// minute; see kiosk.md.
    #[arg(long, value_name = "FILE", value_parser = text)]
    pub keep_state: Option<String>,

    /// How closely the callbacks are watched [default: off]
    #[arg(long, value_name = "LEVEL")]
    pub monitor: Option<MonitorLevel>,

    /// Poll interval of the controller [default: 100]
    #[arg(long, value_name = "MS", value_parser = number(config::POLL_MS))]
    pub poll_ms: Option<u32>,

    /// Where `backline ctl` reaches it: the path of a socket, or `none` [default: NAME.sock in the runtime folder]
    #[arg(long, value_name = "PATH", value_parser = text)]
    pub control: Option<String>,

    /// Let the members of this group control it, too
    #[arg(long, value_name = "GROUP", value_parser = text)]
    pub control_group: Option<String>,

    /// Serve OSC there: ADDRESS:PORT, or a PORT of the loopback [default: none]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub osc: Option<OscAddress>,

    /// What inputs do: a mapping (`backline learn` writes it)
    #[arg(long, value_name = "FILE")]
    pub map: Option<PathBuf>,

    /// Hear MIDI through the ALSA sequencer; with =CLIENT, that client is connected whenever it is there; =jack: through JACK
    ///
    /// With =jack the JACK client has a port control_in. Connect to it what you like, or have it connected with
    /// --connect control_in=SOURCE.
    #[arg(
        long,
        value_name = "CLIENT",
        num_args = 0..=1,
        require_equals = true
    )]
    #[allow(clippy::option_option, reason = "clap's type for an optional value")]
    pub midi: Option<Option<MidiFrom>>,

    /// Hear this input: evdev:PATH, gpio:CHIP/LINE [repeatable]
    ///
    /// evdev is an input device, such as a page-turner, a foot switch or a button box, best by its name in
    /// /dev/input/by-id; it may come and go. gpio is a line of a GPIO chip with a button to ground (with
    /// `:high` behind it, one to the supply).
    #[arg(long, value_name = "INPUT")]
    pub input: Vec<InputName>,

    /// Take no keys from the terminal
    #[arg(long)]
    pub no_keys: bool,

    /// Exit with 75 if there was any xrun or starvation
    #[arg(long)]
    pub fail_on_xrun: bool,
}

const EXAMPLES: &str = "\
Examples:
  backline play song/                               the stems in the folder song/, together
  backline play song/ --gain drums=-6 --mute vox    with the drums softer and the voice off
  backline play song/ --out main=1,2 --out click=3  the click on its own output
  backline play one/ two/ three.toml                a setlist
  backline play --sequence announcements/           each file for itself, one after the other
  backline play song/ --loop=0:30..1:00             that half minute until stopped
  backline play song/ --device hw:CARD=USB          on that ALSA device
  backline play --kiosk --sequence announcements/   unattended: without end, whatever happens

With NSM_URL in the environment it joins that session manager, and plays what the session holds; INPUTs
make a new session.";

/// How often it is played.
#[derive(Clone, Debug, PartialEq)]
pub enum Passes {
    /// So many times in all, at least once.
    Times(u32),
    /// Until stopped: the range, or everything.
    Loop(Option<TimeRange>),
}

/// The variable by which a session manager (NSM) names itself.
pub(super) const NSM_URL: &str = "NSM_URL";

/// A complete order to play.
#[derive(Clone, Debug, PartialEq)]
pub struct Play {
    /// What, from where to where, and through which mixer settings.
    pub run: Run,
    /// How often.
    pub passes: Passes,
    /// What happens at the end of every song, whatever the files say.
    pub on_end: Option<OnEnd>,
    /// Unattended: without end, whatever happens.
    pub kiosk: bool,
    /// Whether keys are taken from the terminal.
    pub keys: bool,
    /// Whether xruns and starvations make the exit code 75.
    pub fail_on_xrun: bool,
    /// All else.
    pub settings: Settings,
    /// Sentences for the user, to be shown before playing.
    pub notices: Vec<String>,
    /// Address of the session manager (`$NSM_URL`).
    pub session_manager: Option<String>,
    /// What the settings were made of.
    pub layers: Layers,
}

/// What settings are made of, for them to be made again with those of a session in between.
#[derive(Clone, Debug, PartialEq)]
pub struct Layers {
    flags: Layer,
    env: Layer,
    file: ConfigFile,
    config: Wanted,
}

impl PlayArgs {
    /// What they say of the settings.
    pub fn layer(&self, off: Option<&Off>) -> Result<Layer, Failure> {
        let connect = (!self.output.connect.is_empty()).then(|| self.output.connect.clone());
        if let Some(rules) = &connect {
            let option = if off.is_some() {
                "BACKLINE_CONNECT"
            } else {
                "--connect"
            };
            Connect::check_all(rules).map_err(|why| Failure::usage(format!("{option}: {why}")))?;
        }
        let (output, session) = (&self.output, &self.session);
        Ok(Layer {
            profile: output.profile,
            backend: output.backend,
            device: output.device.clone(),
            rate: output.rate,
            period: output.period,
            periods: output.periods,
            format: output.format,
            mixer: output.mixer.clone(),
            volume: output.volume,
            volume_max: output.volume_max,
            keep_alive: match output.keep_alive {
                Some(how) => Some(how.unwrap_or(KeepAlive::Silence)),
                None => off
                    .filter(|off| off.contains("keep-alive"))
                    .map(|_| KeepAlive::No),
            },
            channel_map: output.channel_map.clone(),
            ring_ms: output.ring_ms,
            rt_priority: output.rt_priority,
            name: output.name.clone(),
            server: output.server.clone(),
            start_server: match output.start_server {
                true => Some(true),
                false => off
                    .filter(|off| off.contains("start-server"))
                    .map(|_| false),
            },
            ports: output.ports,
            connect,
            transport: output.transport,
            wait_device: match session.wait_device {
                Some(None) => Some(WaitDevice::Endless),
                Some(Some(seconds)) => Some(WaitDevice::Seconds(seconds)),
                None => off
                    .filter(|off| off.contains("wait-device"))
                    .map(|_| WaitDevice::No),
            },
            metrics: session.metrics.clone(),
            keep_state: session.keep_state.clone(),
            on_loss: session.on_loss,
            on_return: session.on_return,
            poll_ms: session.poll_ms,
            monitor: session.monitor,
            control: session.control.clone(),
            control_group: session.control_group.clone(),
            osc: session.osc.clone(),
            map: session.map.clone(),
            midi: match &session.midi {
                Some(from) => Some(from.clone().unwrap_or(MidiFrom::Anyone)),
                None => off
                    .filter(|off| off.contains("midi"))
                    .map(|_| MidiFrom::None),
            },
            input: (!session.input.is_empty()).then(|| session.input.clone()),
            ..self.shared.layer(off)
        })
    }
}

/// Lays the flags over the environment, the file and the defaults.
pub(super) fn resolve(
    flags: PlayArgs,
    from_env: PlayArgs,
    off: &Off,
    env: Environment<'_>,
) -> Result<Play, Failure> {
    let flag_layer = flags.layer(None)?;
    let env_layer = from_env.layer(Some(off))?;
    let kiosk = flags.kiosk
        || (from_env.kiosk
            && flags.looped.is_none()
            && flags.input.repeat.is_none()
            && flags.on_end.is_none());
    let passes = match (
        &flags.looped,
        flags.input.repeat,
        &from_env.looped,
        from_env.input.repeat,
    ) {
        _ if kiosk => Passes::Loop(None),
        (Some(range), ..) => Passes::Loop(range.clone()),
        (None, Some(times), ..) => Passes::Times(times),
        (None, None, Some(range), _) => Passes::Loop(range.clone()),
        (None, None, None, times) => Passes::Times(times.unwrap_or(1)),
    };
    let session_manager = env(NSM_URL)
        .map(|url| url.to_string_lossy().into_owned())
        .filter(|url| !url.is_empty() && !kiosk);
    let run = input::run(
        "play",
        session_manager.is_some(),
        (flags.input, flags.mixer),
        (from_env.input, from_env.mixer),
    )?;
    let config = shared::wanted(flags.shared.config);
    let file = match ConfigFile::find(&config, env) {
        Err(failure) if kiosk && failure.code == Code::Config => ConfigFile {
            notice: Some(format!(
                "{}; playing without the configuration",
                failure.message
            )),
            ..ConfigFile::default()
        },
        found => found?,
    };
    let mut settings = Settings::resolve(&flag_layer, &env_layer, &file)?;
    check_jack_only(&settings)?;
    let mut notices: Vec<String> = file.notice.clone().into_iter().collect();
    notices.extend(volume::check(&settings, &run)?);
    if kiosk {
        notices.extend(unattended(&mut settings, &run)?);
    }
    Ok(Play {
        notices: notices
            .into_iter()
            .chain(input::master_notice(&run, settings.max_gain_db.value))
            .collect(),
        run,
        passes,
        on_end: flags.on_end.or(from_env.on_end).filter(|_| !kiosk),
        kiosk,
        keys: !(flags.session.no_keys || from_env.session.no_keys),
        fail_on_xrun: flags.session.fail_on_xrun || from_env.session.fail_on_xrun,
        settings,
        session_manager,
        layers: Layers {
            flags: flag_layer,
            env: env_layer,
            file,
            config,
        },
    })
}

/// What `--kiosk` makes of the settings; sentences on those of a file that it overrules.
fn unattended(settings: &mut Settings, run: &Run) -> Result<Vec<String>, Failure> {
    if run.inputs.iter().any(|input| input.as_os_str() == "-") {
        return Err(Failure::usage(
            "--kiosk plays again and again, and standard input can be read only once",
        ));
    }
    let mut notices = Vec::new();
    let mut overrule = |source: &Source, says: &str, instead: &str| {
        if source.is_explicit() {
            return Err(Failure::usage(format!(
                "{source} {says} ends playing, and --kiosk never does; leave out one of them"
            )));
        }
        notices.push(format!(
            "{source}: {says} is not for --kiosk, which {instead}"
        ));
        Ok(())
    };
    if settings.on_loss.value != OnLoss::Wait {
        let says = format!("on_loss {}", settings.on_loss.value.word());
        overrule(&settings.on_loss.source, &says, "waits")?;
        settings.on_loss.value = OnLoss::Wait;
    }
    if settings.on_damage.value != OnDamage::Warn {
        let says = format!("on_damage {}", settings.on_damage.value.word());
        overrule(&settings.on_damage.source, &says, "plays on")?;
        settings.on_damage.value = OnDamage::Warn;
    }
    if settings.on_return.source == Source::Default {
        settings.on_return.value = OnReturn::Resume;
    }
    if settings.wait_device.source == Source::Default {
        settings.wait_device.value = WaitDevice::Endless;
    }
    Ok(notices)
}

impl Play {
    /// The same order with the configuration file read again.
    ///
    /// # Errors
    /// The file is broken, or contradicts the command line.
    pub fn again(&self, env: Environment<'_>) -> Result<Self, Failure> {
        let file = ConfigFile::find(&self.layers.config, env)?;
        let mut settings = Settings::resolve(&self.layers.flags, &self.layers.env, &file)?;
        check_jack_only(&settings)?;
        let mut notices: Vec<String> = file.notice.clone().into_iter().collect();
        notices.extend(volume::check(&settings, &self.run)?);
        if self.kiosk {
            notices.extend(unattended(&mut settings, &self.run)?);
        }
        Ok(Self {
            settings,
            notices,
            layers: Layers {
                file,
                ..self.layers.clone()
            },
            ..self.clone()
        })
    }
}

impl Layers {
    /// The settings when a session has its own.
    ///
    /// # Errors
    /// As [`Settings::resolve`]; a flag that means nothing to the backend.
    pub fn with_session(&self, session: &ConfigFile) -> Result<Settings, Failure> {
        let settings = Settings::in_session(&self.flags, &self.env, Some(session), &self.file)?;
        check_jack_only(&settings)?;
        Ok(settings)
    }
}

/// A flag that only JACK understands, with another backend, would do nothing.
fn check_jack_only(settings: &Settings) -> Result<(), Failure> {
    fn flag<T>(setting: &Setting<T>) -> Option<&str> {
        match &setting.source {
            Source::Flag(name) => Some(name),
            _ => None,
        }
    }
    let backend = settings.backend.value;
    if !matches!(backend, BackendChoice::Alsa | BackendChoice::Null) {
        return Ok(());
    }
    let flags = [
        flag(&settings.connect),
        flag(&settings.ports),
        flag(&settings.transport).filter(|_| settings.transport.value != Transport::None),
        flag(&settings.server),
        flag(&settings.start_server),
    ];
    match flags.into_iter().flatten().next() {
        Some(flag) => Err(Failure::usage(format!(
            "{flag} is for JACK, and the backend here is {}",
            backend.word()
        ))),
        None => Ok(()),
    }
}
