//! What a driver and a player agree on: the [`Process`] a driver calls and the [`Backend`] a
//! player drives. Neither has type parameters of the engine's.

use core::fmt;
use core::time::Duration;

use crate::convert::SampleFormat;
use crate::outside::{Move, Outside};

/// Text of bounded length in errors and reports (bytes, UTF-8).
pub type Text = heapless::String<240>;

/// What a driver calls, on its audio thread, for every callback.
pub trait Process: Send {
    /// Fills the first `frames` frames of every plane. `planes` has one slice per output of
    /// the [`Wish`], in that order, each at least `frames` long (a shorter one is filled as far as it goes).
    ///
    /// Any number of frames is legal, 0 included. Never blocks.
    fn process(&mut self, planes: &mut [&mut [f32]], frames: usize) -> Played;

    /// Pulled drive (freewheel, rendering): whether the next `frames` frames can be given
    /// without starving. The driver waits, with a bound and outside `process`, until it is so.
    fn ready(&mut self, frames: usize) -> bool;

    /// Told before `process`, by a driver that has an outside transport to be followed: where it
    /// is on the first frame of the next call. Several calls may follow: their frames move it on.
    fn follow(&mut self, outside: Outside) {
        let _ = outside;
    }

    /// Whether the frame of the outside transport could be played at once: what a transport
    /// that waits for its slow followers asks.
    fn in_step(&mut self) -> bool {
        true
    }
}

/// What a call of [`Process::process`] gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Played {
    /// The engine ran.
    Engine,
    /// The engine was not lent just now; the planes are silent and no frame was consumed.
    Silence,
}

/// What a player asks of a driver. Everything that is `None` is the driver's choice.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Sample rate, Hz.
    pub rate: Option<u32>,
    /// Frames between two callbacks.
    pub period: Option<u32>,
    /// Periods in the device's buffer.
    pub periods: Option<u32>,
    /// Sample format of an integer device; a float-only driver ignores it.
    pub format: Option<SampleFormat>,
    /// Names of the outputs, one per plane: stable ASCII ids such as `main_L`. JACK registers a
    /// port for each; for a device, output `i` is its channel `i`.
    pub outs: &'a [&'a str],
}

/// What a driver granted.
#[derive(Clone, Debug, PartialEq)]
pub struct Granted {
    /// Sample rate, Hz.
    pub rate: u32,
    /// Frames of a usual callback; single calls may differ.
    pub period: u32,
    /// Periods in the device's buffer; `None` where there is no such thing.
    pub periods: Option<u32>,
    /// Channels of the device, at least the outputs asked for; the rest plays silence.
    pub channels: u32,
    /// Sample format, `None` where there is no such thing.
    pub format: Option<SampleFormat>,
    /// Which loudspeaker each channel is, as the driver names them, with blanks between; empty where it doesn't tell.
    pub channel_map: Text,
    /// The device or server, as the driver names it.
    pub device: Text,
    /// Something the user should know about what was granted (one sentence), or empty.
    pub notice: Text,
}

/// How a stream stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// After everything handed to the driver has been heard.
    Drain,
    /// At once.
    Now,
}

/// How a driver was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Everything was given back.
    Clean,
    /// The driver did not answer by the deadline: its thread and memory are left behind.
    Abandoned,
}

/// What a stream does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Health {
    /// Opened, or halted: nothing is asked of the engine.
    #[default]
    Halted,
    /// Callbacks come.
    Running,
    /// A fault is being recovered in place.
    Recovering,
    /// The device or server is gone; [`Report::reason`] says why. Only `close` helps.
    Lost,
}

/// A driver's account of itself. Counters rise from `open` and wrap.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What the stream does.
    pub health: Health,
    /// Why it is lost or recovering, or empty.
    pub reason: Text,
    /// Present rate, Hz: another than granted when a server changed it.
    pub rate: u32,
    /// Present frames per callback.
    pub period: u32,
    /// Frames between a frame's leaving the engine and its being heard. When the stream is lost:
    /// those that had left the engine and were never heard, as far as is known.
    pub latency_frames: u32,
    /// Of those, the ones that have been heard by now, by the time since `latency_frames` was measured; 0 where that
    /// isn't known.
    pub passed_frames: u32,
    /// Faults the driver reported (device xruns), as episodes.
    pub device_xruns: u32,
    /// Frames lost or silent through them, where the driver can tell.
    pub xrun_frames: u32,
    /// Samples that saturated in conversion.
    pub clips: u32,
    /// Callbacks so far.
    pub cycles: u32,
    /// Real-time priority of the audio thread, `None` when it has none or it isn't known.
    pub rt_priority: Option<u8>,
    /// How punctual the server or device is.
    pub timing: Timing,
    /// The hardware's volume, where one is minded and the device is there.
    pub volume: Option<Volume>,
}

/// A volume of the hardware.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Volume {
    /// How loud it is in its own dB, by its loudest channel; −∞ while it is switched off.
    pub level_db: f32,
    /// The last wish ([`Backend::set_volume`]) that was carried out.
    pub done: u32,
    /// How often something else turned it up over its ceiling, and it was brought back; wraps.
    pub capped: u32,
}

/// What a server or device tells of its own punctuality; `None` is not measured. Times in µs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timing {
    /// The server's estimate of its load, % of a period.
    pub load_pct: Option<f32>,
    /// The longest delay of the server's own cycles.
    pub max_delay_us: Option<u32>,
    /// The longest time from the beginning of a cycle to that of our callback in it. Needs a clock in
    /// the callback, so only while [`Backend::watch`] says so.
    pub late_us: Option<u32>,
    /// How much faster than the system's the device's clock is, ppm (millionths).
    pub drift_ppm: Option<f32>,
}

/// A way to the ears: JACK, ALSA, null or a test's own.
///
/// The order of calls is `open`, `start` once, any number of `halt` and `resume`, `close`. Then
/// `open` may be called again. Every call returns in bounded time.
pub trait Backend<P: Process> {
    /// The word of the command line for it: `jack`, `alsa`, `null`.
    fn name(&self) -> &'static str;

    /// Opens the device or server. Nothing sounds yet.
    fn open(&mut self, wish: &Wish<'_>) -> Result<Granted, BackendError>;

    /// Starts the stream: from now on `process` is called on the audio thread.
    fn start(&mut self, process: P) -> Result<(), BackendError>;

    /// Stops the stream within `deadline`. A JACK client stays active and plays silence.
    fn halt(&mut self, how: Halt, deadline: Duration) -> Result<(), BackendError>;

    /// Starts a halted stream again.
    fn resume(&mut self) -> Result<(), BackendError>;

    /// How the stream is. Cheap; called at every poll of the controller.
    fn report(&mut self) -> Report;

    /// Moves the outside transport that this driver lets the process follow.
    ///
    /// # Errors
    /// There is none.
    fn steer(&mut self, to: Move) -> Result<(), BackendError> {
        let _ = to;
        Err(BackendError::new(
            BackendErrorKind::Usage,
            format_args!("This output has no transport; JACK has one."),
        ))
    }

    /// Whether a clock may be read in the callback, for [`Timing::late_us`].
    fn watch(&mut self, on: bool) {
        let _ = on;
    }

    /// Turns the hardware's volume to so many dB, −∞ is off; it ends at the ceiling it was opened with. Queued: the
    /// number of the wish, which [`Volume::done`] has once it is carried out.
    ///
    /// # Errors
    /// None is minded, or the device is gone.
    fn set_volume(&mut self, level_db: f32) -> Result<u32, BackendError> {
        let _ = level_db;
        Err(BackendError::new(
            BackendErrorKind::Usage,
            format_args!("This output has no volume of the hardware's."),
        ))
    }

    /// Gives everything back within `deadline`, running or not, lost or not.
    fn close(&mut self, deadline: Duration) -> Closed;
}

/// Why a driver refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendError {
    /// The kind, for a program.
    pub kind: BackendErrorKind,
    /// One plain sentence for a person: what failed, on which device, what to try.
    pub message: Text,
}

/// The kinds of [`BackendError`], and what the caller should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum BackendErrorKind {
    /// No server runs. Try another backend, or wait for it.
    NoServer,
    /// No such device, or it is unplugged. Try another one, or wait for it.
    NoDevice,
    /// Somebody else has the device. Say so; trying again may help.
    Busy,
    /// The user may not open it. Say which group or right is missing.
    Permission,
    /// The device refuses the rate. Ask for another.
    Rate,
    /// The device refuses the sample format. Ask for another.
    Format,
    /// The device has too few channels, or the server too few ports.
    Channels,
    /// The device refuses the period or buffer size.
    Period,
    /// The device has no such volume in its mixer, or one that can't be kept under the ceiling. Name another.
    Mixer,
    /// A wish contradicts itself or names what can't be (a port that is no input, a regular
    /// expression that does not compile): a usage error.
    Usage,
    /// The device or server went away. Close, wait, open again.
    Lost,
    /// The driver did not answer in time. Close; it may have to be abandoned.
    TimedOut,
    /// Anything else the driver said.
    Driver,
}

impl BackendError {
    /// An error with a formatted message, cut to the length of [`Text`].
    pub fn new(kind: BackendErrorKind, message: fmt::Arguments<'_>) -> Self {
        Self {
            kind,
            message: text(message),
        }
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for BackendError {}

/// Formats into a [`Text`]; what does not fit is cut at a character.
pub fn text(message: fmt::Arguments<'_>) -> Text {
    struct Cut(Text);
    impl fmt::Write for Cut {
        fn write_str(&mut self, s: &str) -> fmt::Result {
            s.chars()
                .try_for_each(|c| self.0.push(c))
                .map_err(|_| fmt::Error)
        }
    }
    let mut cut = Cut(Text::new());
    let _ = fmt::write(&mut cut, message);
    cut.0
}
