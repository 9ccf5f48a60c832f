//! What the tests in the virtual machine share: an ear at the other end of the loopback card, and
//! cards that are pulled out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use alsa::pcm::{Access, Format, Frames, HwParams, PCM};
use alsa::{Direction, ValueOr};
use engine_core::convert::SampleFormat;

/// The rate of all of it, Hz.
pub const RATE: u32 = 48_000;

/// The playing end of the loopback card.
pub const LOOPBACK: &str = "hw:Loopback,0,0";

/// Every sample format a device is played in.
pub const FORMATS: [SampleFormat; 5] = [
    SampleFormat::S16,
    SampleFormat::S24,
    SampleFormat::S24_3,
    SampleFormat::S32,
    SampleFormat::F32,
];

/// Nothing in here may touch the cards of a real machine.
fn assert_inside() {
    assert_eq!(
        std::env::var("BACKLINE_GUEST").as_deref(),
        Ok("1"),
        "start me through tests/rig/guest/runner.sh"
    );
}

/// Polls until `reached`, or panics with `what` after a minute of the guest's time.
pub fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !reached() {
        assert!(Instant::now() < limit, "never came: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Opens a PCM of the guest's cards for reading or writing interleaved samples.
///
/// # Panics
/// When the card refuses.
pub fn open(
    device: &str,
    direction: Direction,
    format: SampleFormat,
    channels: usize,
    buffer: Frames,
) -> PCM {
    assert_inside();
    let pcm = PCM::new(device, direction, false).expect(device);
    {
        let wish = HwParams::any(&pcm).expect(device);
        wish.set_access(Access::RWInterleaved).expect("access");
        let format = match format {
            SampleFormat::S16 => Format::S16LE,
            SampleFormat::S24 => Format::S24LE,
            SampleFormat::S24_3 => Format::S243LE,
            SampleFormat::S32 => Format::S32LE,
            SampleFormat::F32 => Format::FloatLE,
        };
        wish.set_format(format).expect("format");
        wish.set_channels(channels as u32).expect("channels");
        wish.set_rate(RATE, ValueOr::Nearest).expect("rate");
        wish.set_period_size_near(512, ValueOr::Nearest)
            .expect("period");
        wish.set_buffer_size_near(buffer).expect("buffer");
        pcm.hw_params(&wish).expect("configuration");
    }
    pcm
}

/// Records the other end of the loopback card. To be opened first: from then on the playing end
/// takes this format and this number of channels only.
pub struct Ear {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<u8>>,
    frame_bytes: usize,
}

impl Ear {
    /// Starts to record.
    ///
    /// # Panics
    /// When the card refuses.
    pub fn open(format: SampleFormat, channels: usize) -> Self {
        let pcm = open(
            "hw:Loopback,1,0",
            Direction::Capture,
            format,
            channels,
            16_384,
        );
        pcm.start().expect("the loopback records");
        let frame_bytes = channels * format.bytes();
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let thread = std::thread::spawn(move || {
            let io = pcm.io_bytes();
            let mut heard = Vec::new();
            let mut chunk = vec![0; 512 * frame_bytes];
            // What is still in the card's buffer when told to stop is heard, too.
            let mut left = 4;
            while left > 0 {
                left -= u32::from(told.load(Ordering::Acquire));
                let n = io.readi(&mut chunk).expect("the ear is never late");
                heard.extend_from_slice(&chunk[..n * frame_bytes]);
            }
            heard
        });
        Self {
            stop,
            thread,
            frame_bytes,
        }
    }

    /// All bytes heard, in whole frames, from the first frame on that isn't silent.
    ///
    /// # Panics
    /// When it overran: its thread is starved.
    pub fn heard(self) -> Vec<u8> {
        self.stop.store(true, Ordering::Release);
        let mut heard = self.thread.join().expect("the ear's thread");
        let first = heard.iter().position(|b| *b != 0).unwrap_or(heard.len());
        heard.drain(..first - first % self.frame_bytes);
        heard
    }
}

/// Checks what an [`Ear`] heard: exactly `sent`, and silence for 50 ms after it. What comes later
/// isn't looked at: while draining, the loopback's last tick is not to be trusted.
///
/// # Panics
/// At the first difference, naming its frame and channel.
pub fn assert_heard(heard: &[u8], sent: &[u8], format: SampleFormat, channels: usize, what: &str) {
    let sample = format.bytes();
    let silent = vec![0; RATE as usize / 20 * channels * sample];
    let expected = sent
        .chunks_exact(sample)
        .chain(silent.chunks_exact(sample))
        .enumerate();
    let mut came = heard.chunks_exact(sample);
    for (i, expected) in expected {
        let (frame, channel) = (i / channels, i % channels);
        assert_eq!(
            came.next(),
            Some(expected),
            "{what}: frame {frame}, channel {channel}"
        );
    }
}

/// A card that was pulled out by its driver's switch. Plugged in again when dropped.
pub struct Unplugged {
    driver: &'static str,
    device: String,
    thread: Option<JoinHandle<()>>,
}

/// Pulls out the first card of `driver` (`snd_dummy`, `snd_aloop`). Returns as soon as programs
/// can see it; the kernel is done when the last of them has closed the card.
///
/// # Panics
/// When there is no such card.
pub fn unplug(driver: &'static str) -> Unplugged {
    assert_inside();
    let device = format!("{driver}.0");
    let at = |file: &str| format!("/sys/bus/platform/drivers/{driver}/{file}");
    let (unbind, there) = (at("unbind"), at(&device));
    assert!(std::path::Path::new(&there).exists(), "{there}");
    let name = device.clone();
    let thread = std::thread::spawn(move || std::fs::write(unbind, name).expect("to unbind"));
    Unplugged {
        driver,
        device,
        thread: Some(thread),
    }
}

impl Unplugged {
    /// Plugs the card in again.
    pub fn plug_in(self) {}
}

impl Drop for Unplugged {
    fn drop(&mut self) {
        // The kernel must be through with unbinding first.
        let _ = self.thread.take().map(JoinHandle::join);
        let bind = format!("/sys/bus/platform/drivers/{}/bind", self.driver);
        let bound = std::fs::write(bind, &self.device);
        if !std::thread::panicking() {
            bound.expect("to bind");
        }
    }
}
