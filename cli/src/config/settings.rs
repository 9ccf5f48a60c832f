//! The values that count: flag before environment before file before default.

use std::path::PathBuf;
use std::sync::LazyLock;

use engine_core::convert::{Dither, SampleFormat};

use super::{
    BackendChoice, ConfigFile, KeepAlive, Layer, MonitorLevel, OnDamage, OnLoss, OnReturn, Ports,
    Profile, Setting, Source, Status, Transport, WaitDevice,
};
use crate::control::OscAddress;
use crate::control::surface::{InputName, MidiFrom};
use crate::exit::Failure;
use crate::units::{Connect, DEFAULT_MAX_GAIN_DB, Level, MixerName};

/// Every setting, with the value that counts and its source.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The configuration file that was read.
    pub config_file: Option<PathBuf>,
    /// The profile that was chosen last; the four values below have it only where nothing went before.
    pub profile: Setting<Profile>,
    /// Which way to the ears. A device that is named for this run makes it ALSA.
    pub backend: Setting<BackendChoice>,
    /// ALSA device; `None` is the default one. Means nothing to other backends.
    pub device: Setting<Option<String>>,
    /// Sample rate, Hz; `None` is the device's or server's choice.
    pub rate: Setting<Option<u32>>,
    /// Frames of a period.
    pub period: Setting<u32>,
    /// Periods in the device's buffer.
    pub periods: Setting<u32>,
    /// Sample format of the device; `None` is its best.
    pub format: Setting<Option<SampleFormat>>,
    /// Dither to 16 bit.
    pub dither: Setting<Dither>,
    /// The hardware's volume that is minded; none leaves the mixer alone.
    pub mixer: Setting<Option<MixerName>>,
    /// What the volume is set to; without a mixer it is the master level.
    pub volume: Setting<Option<Level>>,
    /// What it is never let above.
    pub volume_max: Setting<Option<Level>>,
    /// What the device gets while nothing is to be heard.
    pub keep_alive: Setting<KeepAlive>,
    /// Which loudspeaker each channel of the card is; `None` is as its driver has it.
    pub channel_map: Setting<Option<String>>,
    /// Length of the rings between disk and callback, ms.
    pub ring_ms: Setting<u32>,
    /// Real-time priority of the audio thread, 1 to 98.
    pub rt_priority: Setting<u8>,
    /// Refuse rather than resample.
    pub strict_rate: Setting<bool>,
    /// Ceiling of every level, dB.
    pub max_gain_db: Setting<f64>,
    /// Limit for files that are loaded as a whole, MB (10⁶ bytes).
    pub preload_limit: Setting<u32>,
    /// JACK client's name.
    pub name: Setting<String>,
    /// JACK server's name; `None` is the default one.
    pub server: Setting<Option<String>>,
    /// Start the JACK server if it doesn't run.
    pub start_server: Setting<bool>,
    /// Which JACK ports there are.
    pub ports: Setting<Ports>,
    /// What JACK ports are connected to.
    pub connect: Setting<Vec<Connect>>,
    /// What JACK's transport has to do with it.
    pub transport: Setting<Transport>,
    /// Path of the control socket, or `none`; nothing is the usual place.
    pub control: Setting<Option<String>>,
    /// Group whose members may use the control socket, too.
    pub control_group: Setting<Option<String>>,
    /// Where OSC is served.
    pub osc: Setting<OscAddress>,
    /// The mapping of surfaces.
    pub map: Setting<Option<PathBuf>>,
    /// Whether MIDI is heard.
    pub midi: Setting<MidiFrom>,
    /// Inputs that are opened.
    pub input: Setting<Vec<InputName>>,
    /// What is reported while playing.
    pub status: Setting<Status>,
    /// What a damaged stem does.
    pub on_damage: Setting<OnDamage>,
    /// Whether to wait, at the start, for a device or server that isn't there.
    pub wait_device: Setting<WaitDevice>,
    /// File for metrics.
    pub metrics: Setting<Option<String>>,
    /// File for kept state.
    pub keep_state: Setting<Option<String>>,
    /// What the loss of the device does.
    pub on_loss: Setting<OnLoss>,
    /// What its return does.
    pub on_return: Setting<OnReturn>,
    /// Poll interval of the controller, ms.
    pub poll_ms: Setting<u32>,
    /// How closely callbacks are watched.
    pub monitor: Setting<MonitorLevel>,
}

struct Layers<'a> {
    flags: &'a Layer,
    env: &'a Layer,
    session: Option<&'a ConfigFile>,
    file: &'a ConfigFile,
}

impl Layers<'_> {
    /// The layers with the source each has for `key` (as in the file: `ring_ms`).
    fn each(&self, key: &str) -> [(&Layer, Source); 4] {
        static NOTHING: LazyLock<Layer> = LazyLock::new(Layer::default);
        let of_file = |file: &ConfigFile| Source::File(file.path.clone().unwrap_or_default());
        [
            (
                self.flags,
                Source::Flag(format!("--{}", key.replace('_', "-"))),
            ),
            (
                self.env,
                Source::Environment(format!("BACKLINE_{}", key.to_uppercase())),
            ),
            match self.session {
                Some(session) => (&session.layer, of_file(session)),
                None => (&NOTHING, Source::Default),
            },
            (&self.file.layer, of_file(self.file)),
        ]
    }

    fn get<T>(&self, key: &str, of: impl Fn(&Layer) -> Option<T>, default: T) -> Setting<T> {
        self.each(key)
            .into_iter()
            .find_map(|(layer, source)| of(layer).map(|value| Setting { value, source }))
            .unwrap_or(Setting {
                value: default,
                source: Source::Default,
            })
    }

    /// A value that a profile gives as well: within a layer, after the value itself.
    fn profiled(
        &self,
        key: &str,
        of: impl Fn(&Layer) -> Option<u32>,
        from_profile: impl Fn(Profile) -> u32,
    ) -> Setting<u32> {
        for ((layer, source), (_, chooser)) in self.each(key).into_iter().zip(self.each("profile"))
        {
            if let Some(value) = of(layer) {
                return Setting { value, source };
            }
            if let Some(profile) = layer.profile {
                return Setting {
                    value: from_profile(profile),
                    source: Source::Profile(profile.word(), Box::new(chooser)),
                };
            }
        }
        let profile = Profile::default();
        Setting {
            value: from_profile(profile),
            source: Source::Profile(profile.word(), Box::new(Source::Default)),
        }
    }

    fn backend(&self) -> Result<Setting<BackendChoice>, Failure> {
        let implied = self.each("device").into_iter().zip(self.each("mixer"));
        for ((layer, source), ((_, device), (_, mixer))) in
            self.each("backend").into_iter().zip(implied)
        {
            let implied = match (&layer.device, &layer.mixer) {
                (Some(_), _) => Some((device, "an ALSA device")),
                (None, Some(_)) => Some((mixer, "a volume of an ALSA card")),
                (None, None) => None,
            };
            match (layer.backend, implied) {
                // In a file, they stand ready for whenever ALSA is chosen.
                (
                    Some(value @ (BackendChoice::Jack | BackendChoice::Null)),
                    Some((implied, what)),
                ) if source.is_explicit() => {
                    return Err(Failure::usage(format!(
                        "{implied} names {what}, so it can't be used with {source} {}",
                        value.word()
                    )));
                }
                (Some(BackendChoice::Auto) | None, Some((implied, _))) => {
                    return Ok(Setting {
                        value: BackendChoice::Alsa,
                        source: implied,
                    });
                }
                (Some(value), _) => return Ok(Setting { value, source }),
                (None, None) => {}
            }
        }
        Ok(Setting {
            value: BackendChoice::default(),
            source: Source::Default,
        })
    }
}

impl Settings {
    /// The hardware's volume, where it is the volume that counts.
    pub fn mixer_in_use(&self) -> Option<&MixerName> {
        let mixer = self.mixer.value.as_ref();
        mixer.filter(|_| self.backend.value == BackendChoice::Alsa)
    }

    /// Lays flags over environment over file over defaults. A profile stands just below the
    /// values of the layer that chooses it, and above all lower layers.
    ///
    /// # Errors
    /// Code 64: one layer names both a device, or a mixer, and a backend that has none.
    pub fn resolve(flags: &Layer, env: &Layer, file: &ConfigFile) -> Result<Self, Failure> {
        Self::in_session(flags, env, None, file)
    }

    /// The same with what a session's own file says, between environment and configuration.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve).
    pub fn in_session(
        flags: &Layer,
        env: &Layer,
        session: Option<&ConfigFile>,
        file: &ConfigFile,
    ) -> Result<Self, Failure> {
        let layers = Layers {
            flags,
            env,
            session,
            file,
        };
        let rt_priority = layers.profiled(
            "rt_priority",
            |l| l.rt_priority,
            |p| p.values().rt_priority.into(),
        );
        let monitor = match cfg!(debug_assertions) {
            true => MonitorLevel::Full,
            false => MonitorLevel::Off,
        };
        Ok(Self {
            config_file: file.path.clone(),
            profile: layers.get("profile", |l| l.profile, Profile::default()),
            backend: layers.backend()?,
            device: layers.get("device", |l| l.device.clone().map(Some), None),
            rate: layers.get("rate", |l| l.rate.map(Some), None),
            period: layers.profiled("period", |l| l.period, |p| p.values().period),
            periods: layers.profiled("periods", |l| l.periods, |p| p.values().periods),
            format: layers.get("format", |l| l.format.map(Some), None),
            dither: layers.get("dither", |l| l.dither, Dither::Tpdf),
            mixer: layers.get("mixer", |l| l.mixer.clone().map(Some), None),
            volume: layers.get("volume", |l| l.volume.map(Some), None),
            volume_max: layers.get("volume_max", |l| l.volume_max.map(Some), None),
            keep_alive: layers.get("keep_alive", |l| l.keep_alive, KeepAlive::No),
            channel_map: layers.get("channel_map", |l| l.channel_map.clone().map(Some), None),
            ring_ms: layers.profiled("ring_ms", |l| l.ring_ms, |p| p.values().ring_ms),
            rt_priority: Setting {
                value: u8::try_from(rt_priority.value).unwrap_or(u8::MAX),
                source: rt_priority.source,
            },
            strict_rate: layers.get("strict_rate", |l| l.strict_rate, false),
            max_gain_db: layers.get("max_gain_db", |l| l.max_gain_db, DEFAULT_MAX_GAIN_DB),
            preload_limit: layers.get("preload_limit", |l| l.preload_limit, 64),
            name: layers.get("name", |l| l.name.clone(), "backline".to_owned()),
            server: layers.get("server", |l| l.server.clone().map(Some), None),
            start_server: layers.get("start_server", |l| l.start_server, false),
            ports: layers.get("ports", |l| l.ports, Ports::default()),
            connect: layers.get("connect", |l| l.connect.clone(), vec![Connect::Physical]),
            transport: layers.get("transport", |l| l.transport, Transport::default()),
            control: layers.get("control", |l| l.control.clone().map(Some), None),
            control_group: layers.get("control_group", |l| l.control_group.clone().map(Some), None),
            osc: layers.get("osc", |l| l.osc.clone(), OscAddress::None),
            map: layers.get("map", |l| l.map.clone().map(Some), None),
            midi: layers.get("midi", |l| l.midi.clone(), MidiFrom::None),
            input: layers.get("input", |l| l.input.clone(), Vec::new()),
            status: layers.get("status", |l| l.status, Status::default()),
            on_damage: layers.get("on_damage", |l| l.on_damage, OnDamage::default()),
            wait_device: layers.get("wait_device", |l| l.wait_device, WaitDevice::No),
            metrics: layers.get("metrics", |l| l.metrics.clone().map(Some), None),
            keep_state: layers.get("keep_state", |l| l.keep_state.clone().map(Some), None),
            on_loss: layers.get("on_loss", |l| l.on_loss, OnLoss::default()),
            on_return: layers.get("on_return", |l| l.on_return, OnReturn::default()),
            poll_ms: layers.get("poll_ms", |l| l.poll_ms, 100),
            monitor: layers.get("monitor", |l| l.monitor, monitor),
        })
    }
}
