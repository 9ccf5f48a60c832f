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

/// Options of [`Alsa`](crate::Alsa).
#[derive(Clone, Debug, PartialEq, Eq)]
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
        }
    }
}
