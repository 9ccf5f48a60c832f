//! How a PCM is to be opened, beyond what every backend is asked for.

use engine_core::convert::Dither;

/// How samples reach the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Into the mapped buffer where the PCM offers it interleaved, else by writing.
    #[default]
    Auto,
    /// Into the mapped buffer only.
    Mmap,
    /// By writing only.
    Rw,
}

/// What a device gets while nothing is to be heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepAlive {
    /// Nothing: the stream stops at the end of a song, and stands before the first.
    #[default]
    No,
    /// Silence.
    Silence,
    /// Noise of one step of 24 bit (of 16 bit, where the device has those), also in place of digital silence while it
    /// plays; dither does as well.
    Noise,
}

/// A volume of the card's mixer that is to be minded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MixerOptions {
    /// The element's name, such as `Master`.
    pub name: String,
    /// Which one of that name, from 0.
    pub index: u32,
    /// What it is set to when the device is opened, dB; −∞ is off. `None` leaves it as it is, unless it is above the
    /// ceiling.
    pub level_db: Option<f32>,
    /// What it is never let above, dB, whoever turns it up.
    pub max_db: Option<f32>,
}

/// Options of [`Alsa`](crate::Alsa).
#[derive(Clone, Debug, PartialEq)]
pub struct AlsaOptions {
    /// The PCM's name, verbatim: `default`, `hw:CARD=x,DEV=0`, `plughw:…`, `null`. Or a USB card by what is
    /// built into it, `usb:VENDOR:PRODUCT[:SERIAL]`, or by its socket, `usb:1-1.2`: looked up at each opening.
    pub device: String,
    /// How samples reach it.
    pub access: Access,
    /// Noise added before rounding to 16 bit. Channels that carry no output get none.
    pub dither: Dither,
    /// `SCHED_FIFO` priority (1 to 99) to ask for; `None` asks for none. Only a PCM that ends at
    /// a sound card is promoted: behind other plug-ins there may be code that is not fit for it.
    pub rt_priority: Option<u8>,
    /// Refuse a rate that ALSA would have to convert. A `hw:` PCM never converts.
    pub strict_rate: bool,
    /// Keep the audio buffers and the thread's stack in memory where that is allowed.
    pub lock_memory: bool,
    /// Which loudspeaker each channel is, such as `FL,FR,FC,LFE`: so many channels are opened, and the driver is told. `None`
    /// leaves its own map.
    pub channel_map: Option<String>,
    /// Keep the stream going while nothing is to be heard: for DACs that pop when it stops. Not where nothing paces it.
    pub keep_alive: KeepAlive,
    /// The hardware's volume; `None` leaves the mixer alone.
    pub mixer: Option<MixerOptions>,
}

impl Default for AlsaOptions {
    fn default() -> Self {
        Self {
            device: String::from("default"),
            access: Access::Auto,
            dither: Dither::default(),
            rt_priority: Some(45),
            strict_rate: false,
            lock_memory: true,
            channel_map: None,
            keep_alive: KeepAlive::No,
            mixer: None,
        }
    }
}
