//! Opening a PCM and agreeing with it on access, channels, rate, format, period and buffer.
//!
//! The order matters, since every choice narrows the next ones: what was asked for comes first,
//! what is ours to choose afterwards.

use alsa::pcm::{Access as AlsaAccess, Format, Frames, HwParams, PCM, TstampType};
use alsa::{Direction, ValueOr};
use engine_core::backend::{BackendError, BackendErrorKind as Kind, Granted, Text, text};
use engine_core::convert::SampleFormat;

use crate::chain::{self, End};
use crate::chatter::Chatter;
use crate::options::{Access, AlsaOptions};
use crate::{MAX_CHANNELS, map, notice, refusal, usb};

/// Period when none is asked for, frames.
const PERIOD: u32 = 1024;
/// Periods when none are asked for.
const PERIODS: u32 = 3;
/// The engine is never asked for more frames at once, however long the device's period.
const LONGEST_CHUNK: u32 = 8192;
/// Rates a refusal lists, Hz.
const USUAL_RATES: [u32; 10] = [
    8000, 16000, 22050, 32000, 44100, 48000, 88200, 96000, 176_400, 192_000,
];

/// A [`Wish`](engine_core::backend::Wish) that can go to another thread.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) options: AlsaOptions,
    pub(crate) rate: Option<u32>,
    pub(crate) period: Option<u32>,
    pub(crate) periods: Option<u32>,
    pub(crate) format: Option<SampleFormat>,
    pub(crate) outs: usize,
}

/// A PCM that is ready to be prepared, and what it agreed to.
pub(crate) struct Opened {
    /// The name it was opened by.
    pub(crate) name: String,
    pub(crate) pcm: PCM,
    pub(crate) end: End,
    /// Index of the card that is played to, where there is one.
    pub(crate) card: Option<u32>,
    pub(crate) mapped: bool,
    pub(crate) format: SampleFormat,
    pub(crate) channels: usize,
    pub(crate) rate: u32,
    /// Frames asked of the engine at a time: the device's period unless that is very long.
    pub(crate) chunk: usize,
    /// Frames the device's buffer holds.
    pub(crate) buffer: usize,
    /// Frames queued before the device is started.
    pub(crate) start_at: usize,
    pub(crate) channel_map: Text,
    pub(crate) notice: Text,
}

impl Opened {
    pub(crate) fn granted(&self) -> Granted {
        Granted {
            rate: self.rate,
            period: self.chunk as u32,
            periods: Some((self.buffer / self.chunk.max(1)) as u32),
            channels: self.channels as u32,
            format: Some(self.format),
            channel_map: self.channel_map.clone(),
            device: text(format_args!("{}", self.name)),
            notice: self.notice.clone(),
        }
    }
}

/// Opens the PCM of `request` and sets it up.
pub(crate) fn open(request: &Request) -> Result<Opened, BackendError> {
    let found = usb::resolve(&request.options.device)?;
    let device = found.as_deref().unwrap_or(&request.options.device);
    let chatter = Chatter::collect();
    let said = |errno: i32, what: &str| {
        refusal::driver(device, what, errno, chatter.last_line().as_deref())
    };
    let wanted = request.options.channel_map.as_deref();
    let wanted = wanted.map(map::parse).transpose()?;
    let name = std::ffi::CString::new(device).map_err(|_| {
        BackendError::new(
            Kind::Usage,
            format_args!("a device name can't hold a NUL character"),
        )
    })?;
    let pcm = PCM::open(&name, Direction::Playback, true)
        .map_err(|e| refusal::opening(device, e.errno(), chatter.last_line().as_deref()))?;
    let end = chain::end_of(&pcm);
    let negotiation = Negotiation {
        request,
        device,
        end,
        channels: wanted.as_ref().map(Vec::len),
    };
    let (mut agreed, mapped) = negotiation.hardware(&pcm, &said)?;
    if let Some(wanted) = &wanted {
        map::set(&pcm, device, wanted)?;
    }
    if let Some(converted) = chain::conversions(&pcm, end) {
        agreed.notice = match converted.has_rate() {
            true => text(format_args!("ALSA converts for \"{device}\": {converted}")),
            false => notice::and(
                &agreed.notice,
                &format!("ALSA converts for \"{device}\": {converted}"),
            ),
        };
    }
    let start_at = software(&pcm, &agreed).map_err(|e| said(e.errno(), "refuses its settings"))?;
    let channel_map = map::of(&pcm);
    Ok(Opened {
        name: device.to_owned(),
        card: pcm
            .info()
            .ok()
            .and_then(|i| u32::try_from(i.get_card()).ok()),
        pcm,
        end,
        mapped,
        format: agreed.format,
        channels: agreed.channels as usize,
        rate: agreed.rate,
        chunk: agreed.period.min(LONGEST_CHUNK) as usize,
        buffer: agreed.buffer as usize,
        start_at,
        channel_map,
        notice: agreed.notice,
    })
}

/// What the hardware parameters came to.
struct Agreed {
    format: SampleFormat,
    channels: u32,
    rate: u32,
    period: u32,
    buffer: u32,
    notice: Text,
}

struct Negotiation<'a> {
    request: &'a Request,
    device: &'a str,
    end: End,
    /// So many, and neither more nor less.
    channels: Option<usize>,
}

type Said<'a> = &'a dyn Fn(i32, &str) -> BackendError;

impl Negotiation<'_> {
    fn device(&self) -> &str {
        self.device
    }

    /// Agrees with each access in turn: a PCM may offer mapping and then not be able to.
    fn hardware(&self, pcm: &PCM, said: Said) -> Result<(Agreed, bool), BackendError> {
        let accesses: &[AlsaAccess] = match self.request.options.access {
            Access::Auto => &[AlsaAccess::MMapInterleaved, AlsaAccess::RWInterleaved],
            Access::Mmap => &[AlsaAccess::MMapInterleaved],
            Access::Rw => &[AlsaAccess::RWInterleaved],
        };
        let mut refused = None;
        for &access in accesses {
            let mut any =
                HwParams::any(pcm).map_err(|e| said(e.errno(), "offers no configuration"))?;
            if any.set_access(access).is_err() {
                continue;
            }
            let agreed = self.narrow(&mut any, said)?;
            match pcm.hw_params(&any) {
                Ok(()) => {
                    return Ok((
                        self.read_back(pcm, agreed, said)?,
                        access == AlsaAccess::MMapInterleaved,
                    ));
                }
                Err(e) => refused = Some(said(e.errno(), "refuses its configuration")),
            }
        }
        Err(refused.unwrap_or_else(|| {
            BackendError::new(
                Kind::Driver,
                format_args!(
                    "\"{}\" offers none of the ways asked for to hand it interleaved samples; try another access or `plug:`",
                    self.device()
                ),
            )
        }))
    }

    fn narrow(&self, hw: &mut HwParams<'_>, said: Said) -> Result<Agreed, BackendError> {
        if let Some(format) = self.request.format {
            self.set_format(hw, &[format])?;
        }
        let channels = self.channels(hw)?;
        let (rate, mut notice) = self.rate(hw)?;
        let format = match self.request.format {
            Some(format) => format,
            None => self.set_format(hw, preference(self.end))?,
        };
        let (period, buffer) = self.periods(hw, said)?;
        if notice.is_empty() {
            notice = self.period_notice(period, buffer);
        }
        Ok(Agreed {
            format,
            channels,
            rate,
            period,
            buffer,
            notice,
        })
    }

    fn set_format(
        &self,
        hw: &HwParams<'_>,
        formats: &[SampleFormat],
    ) -> Result<SampleFormat, BackendError> {
        formats
            .iter()
            .copied()
            .find(|&f| hw.set_format(alsa_format(f)).is_ok())
            .ok_or_else(|| self.no_format(hw))
    }

    fn no_format(&self, hw: &HwParams<'_>) -> BackendError {
        let device = self.device();
        let takes: Vec<_> = formats_of(hw)
            .iter()
            .map(|&f| alsa_format(f).to_string())
            .collect();
        if !takes.is_empty() {
            return BackendError::new(
                Kind::Format,
                format_args!(
                    "\"{device}\" does not take the format asked for; it takes {}",
                    takes.join(", ")
                ),
            );
        }
        if hw.test_format(Format::IEC958SubframeLE).is_ok() {
            return BackendError::new(
                Kind::Format,
                format_args!(
                    "\"{device}\" takes digital audio subframes only (IEC958), as HDMI outputs do: use its `hdmi:` or `plughw:` name instead"
                ),
            );
        }
        BackendError::new(
            Kind::Format,
            format_args!(
                "\"{device}\" takes no format known here (S16, S24, S32, float): try its `plughw:` name"
            ),
        )
    }

    /// The smallest count that has room for every output.
    fn channels(&self, hw: &HwParams<'_>) -> Result<u32, BackendError> {
        let asked = self.request.outs.max(1) as u32;
        if let Some(exactly) = self.channels {
            return self.exact_channels(hw, exactly as u32, asked);
        }
        let least = hw.get_channels_min().unwrap_or(1).max(asked);
        let most = hw.get_channels_max().unwrap_or(0).min(MAX_CHANNELS as u32);
        (least..=most)
            .find(|&n| hw.set_channels(n).is_ok())
            .ok_or_else(|| {
                BackendError::new(
                    Kind::Channels,
                    format_args!(
                        "\"{}\" has {most} channels, {asked} are needed: route the buses to fewer, or choose another device",
                        self.device()
                    ),
                )
            })
    }

    /// As many as a channel map has.
    fn exact_channels(
        &self,
        hw: &HwParams<'_>,
        exactly: u32,
        needed: u32,
    ) -> Result<u32, BackendError> {
        let device = self.device();
        if exactly < needed {
            return Err(BackendError::new(
                Kind::Usage,
                format_args!(
                    "the channel map has {exactly} channels, and {needed} are needed; name the others as well"
                ),
            ));
        }
        hw.set_channels(exactly).map(|()| exactly).map_err(|_| {
            BackendError::new(
                Kind::Channels,
                format_args!(
                    "\"{device}\" can't be opened with the {exactly} channels of the channel map"
                ),
            )
        })
    }

    fn rate(&self, hw: &mut HwParams<'_>) -> Result<(u32, Text), BackendError> {
        // Without conversion first, even where a plug-in could: it may not have to.
        let converting = hw.clone();
        let plain = hw.set_rate_resample(false).is_ok();
        if let Some(rate) = self.request.rate {
            if hw.set_rate(rate, ValueOr::Nearest).is_ok() {
                return Ok((rate, Text::new()));
            }
            let may_convert = plain && self.end != End::Card && !self.request.options.strict_rate;
            if may_convert && converting.set_rate(rate, ValueOr::Nearest).is_ok() {
                hw.copy_from(&converting);
                let notice = text(format_args!(
                    "\"{}\" does not run at {rate} Hz itself: ALSA converts the rate",
                    self.device()
                ));
                return Ok((rate, notice));
            }
            return Err(self.no_rate(hw, rate));
        }
        // 48000, else 44100, else the nearest one (ALSA's own search for it takes the next above).
        let mut usual = USUAL_RATES;
        usual.sort_by_key(|rate| rate.abs_diff(48_000));
        for rate in usual {
            if hw.set_rate(rate, ValueOr::Nearest).is_ok() {
                return Ok((rate, Text::new()));
            }
        }
        hw.set_rate_near(48_000, ValueOr::Nearest)
            .map(|rate| (rate, Text::new()))
            .map_err(|_| self.no_rate(hw, 48_000))
    }

    fn no_rate(&self, hw: &HwParams<'_>, rate: u32) -> BackendError {
        let takes: Vec<_> = rates_of(hw).iter().map(u32::to_string).collect();
        let takes = match (takes.is_empty(), hw.get_rate_min(), hw.get_rate_max()) {
            (false, ..) => takes.join(", "),
            (true, Ok(low), Ok(high)) => format!("{low} to {high}"),
            _ => String::from("none"),
        };
        BackendError::new(
            Kind::Rate,
            format_args!(
                "\"{}\" does not run at {rate} Hz; it takes {takes} Hz",
                self.device()
            ),
        )
    }

    /// Period first, then the buffer; some drivers only accept the other way round.
    fn periods(&self, hw: &mut HwParams<'_>, said: Said) -> Result<(u32, u32), BackendError> {
        let period = self.request.period.unwrap_or(PERIOD).max(1);
        let periods = self.request.periods.unwrap_or(PERIODS).max(2);
        let buffer = frames(period.saturating_mul(periods));
        let period = frames(period);
        let asked = hw.clone();
        let tried = hw
            .set_period_size_near(period, ValueOr::Nearest)
            .and_then(|p| Ok((p, hw.set_buffer_size_near(buffer.max(p.saturating_mul(2)))?)))
            .or_else(|_| {
                hw.copy_from(&asked);
                let b = hw.set_buffer_size_near(buffer)?;
                Ok((hw.set_period_size_near(period, ValueOr::Nearest)?, b))
            });
        let (period, buffer) = tried.map_err(|e: alsa::Error| {
            let mut refused = said(e.errno(), "refuses the period and buffer size");
            refused.kind = Kind::Period;
            refused
        })?;
        let size = |n: Frames| u32::try_from(n).unwrap_or(u32::MAX);
        Ok((size(period), size(buffer)))
    }

    fn period_notice(&self, period: u32, buffer: u32) -> Text {
        match self.request.period {
            Some(asked) if asked != period => text(format_args!(
                "\"{}\" gives periods of {period} frames (asked: {asked}), {buffer} frames in all",
                self.device()
            )),
            _ => Text::new(),
        }
    }

    /// The driver has the last word on the sizes.
    fn read_back(&self, pcm: &PCM, agreed: Agreed, said: Said) -> Result<Agreed, BackendError> {
        let (buffer, period) = pcm
            .get_params()
            .map_err(|e| said(e.errno(), "does not tell its configuration"))?;
        let size = |n: u64| u32::try_from(n).unwrap_or(u32::MAX).max(1);
        Ok(Agreed {
            period: size(period),
            buffer: size(buffer),
            ..agreed
        })
    }
}

/// A card's own formats are integers, the widest first. Plug-ins and servers work in float
/// themselves, so that nothing is rounded twice.
fn preference(end: End) -> &'static [SampleFormat] {
    use SampleFormat::{F32, S16, S24, S24_3, S32};
    if end.is_card() {
        &[S32, S24, S24_3, S16, F32]
    } else {
        &[F32, S32, S24, S24_3, S16]
    }
}

/// alsa-lib counts frames in the platform's `long`.
fn frames(n: u32) -> Frames {
    n.min(i32::MAX as u32) as Frames
}

const ALL: [SampleFormat; 5] = [
    SampleFormat::S32,
    SampleFormat::S24,
    SampleFormat::S24_3,
    SampleFormat::S16,
    SampleFormat::F32,
];

/// The formats known here that a configuration still leaves open.
pub(crate) fn formats_of(hw: &HwParams<'_>) -> Vec<SampleFormat> {
    let takes = |f: &SampleFormat| hw.test_format(alsa_format(*f)).is_ok();
    ALL.into_iter().filter(takes).collect()
}

/// The usual rates that it leaves open, Hz.
pub(crate) fn rates_of(hw: &HwParams<'_>) -> Vec<u32> {
    let takes = |rate: &u32| hw.test_rate(*rate).is_ok();
    USUAL_RATES.into_iter().filter(takes).collect()
}

fn alsa_format(format: SampleFormat) -> Format {
    match format {
        SampleFormat::S16 => Format::S16LE,
        SampleFormat::S24 => Format::S24LE,
        SampleFormat::S24_3 => Format::S243LE,
        SampleFormat::S32 => Format::S32LE,
        SampleFormat::F32 => Format::FloatLE,
    }
}

/// Start threshold, wake-ups and time stamps. Returns the start threshold.
fn software(pcm: &PCM, agreed: &Agreed) -> alsa::Result<usize> {
    // Two periods where a third leaves room to fill on, else one: a threshold of the whole buffer
    // turns one underrun into a series.
    let start_at = if agreed.buffer >= agreed.period.saturating_mul(3) {
        agreed.period.saturating_mul(2)
    } else {
        agreed.period
    };
    let sw = pcm.sw_params_current()?;
    sw.set_start_threshold(frames(start_at))?;
    sw.set_avail_min(frames(agreed.period))?;
    // Only for the account of a gap: not every plug-in knows them.
    let _ = sw.set_tstamp_mode(true);
    let _ = sw.set_tstamp_type(TstampType::Monotonic);
    pcm.sw_params(&sw)?;
    Ok(start_at as usize)
}
