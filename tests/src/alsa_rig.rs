//! A bench for ALSA without sound hardware: a PCM of our own that keeps time and breaks on demand
//! (`rig/pcm_faulty.c`), built here, and a process whose frames carry their own number.
//!
//! alsa-lib takes its configuration from the environment of the whole process. So each test runs
//! in a process of its own: the test calls [`isolated`], which starts the same test again with the
//! environment set, and in there runs the body.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use engine_core::backend::{Played, Process};
use engine_core::convert::SampleFormat;

const INSIDE: &str = "BACKLINE_ALSA_RIG";

/// Runs `body` in a process of its own whose ALSA knows the rig's PCMs. `test` is the name of
/// the calling test. The body gets a folder that exists for its time only.
///
/// Prints `SKIP` and returns when the plug-in can't be built here.
pub fn isolated(test: &str, body: impl FnOnce(&Path)) {
    isolated_for(test, Duration::from_secs(180), body);
}

/// The same, for a test that may take longer than is usual.
pub fn isolated_for(test: &str, most: Duration, body: impl FnOnce(&Path)) {
    if let Some(folder) = std::env::var_os(INSIDE) {
        body(Path::new(&folder));
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = match build(folder.path()) {
        Ok(config) => config,
        Err(reason) => {
            eprintln!("SKIP {test}: {reason}");
            return;
        }
    };
    let mut child = Command::new(std::env::current_exe().expect("this test's own path"))
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env("ALSA_CONFIG_PATH", config)
        .env(INSIDE, folder.path())
        .stdin(Stdio::null())
        .spawn()
        .expect("this test again");
    let limit = Instant::now() + most;
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child to wait for") {
            break status;
        }
        if Instant::now() > limit {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{test} hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(status.success(), "{test} failed in its own process");
}

/// Builds the plug-in and writes the configuration; the path of the latter.
fn build(folder: &Path) -> Result<PathBuf, String> {
    let rig = Path::new(env!("CARGO_MANIFEST_DIR")).join("rig");
    let plugin = folder.join("libasound_module_pcm_faulty.so");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "gcc".into());
    let built = Command::new(&compiler)
        .args(["-shared", "-fPIC", "-DPIC", "-O1", "-Wall", "-Wextra", "-o"])
        .arg(&plugin)
        .arg(rig.join("pcm_faulty.c"))
        .arg("-lasound")
        .output()
        .map_err(|e| format!("{compiler}: {e}"))?;
    if !built.status.success() {
        let why = String::from_utf8_lossy(&built.stderr);
        // Without the library there is nothing to test; anything else is a mistake of ours.
        if why.contains("asoundlib.h") || why.contains("-lasound") {
            return Err("the ALSA library's development files are missing".into());
        }
        panic!("the faulty PCM does not build:\n{why}");
    }
    let template = std::fs::read_to_string(rig.join("asoundrc.conf")).map_err(|e| e.to_string())?;
    let config = folder.join("asoundrc.conf");
    let text = template.replace("@PLUGIN@", &plugin.to_string_lossy());
    std::fs::write(&config, text).map_err(|e| e.to_string())?;
    Ok(config)
}

/// The sample of `frame` on `channel`: a number of 16 or 24 bits that names the frame, exact in
/// the format. Channel 0 counts up; channel 1 holds the inverse (24 bits) or the upper half (16).
pub fn sample(format: SampleFormat, frame: u64, channel: usize) -> f32 {
    code(format, frame, channel) as f32 / full_scale(format)
}

fn full_scale(format: SampleFormat) -> f32 {
    match format {
        SampleFormat::S16 => 32_768.0,
        _ => 8_388_608.0,
    }
}

fn code(format: SampleFormat, frame: u64, channel: usize) -> i32 {
    let n = frame as u32;
    match (format, channel % 2) {
        (SampleFormat::S16, 0) => i32::from(n as u16 as i16),
        (SampleFormat::S16, _) => i32::from((n >> 16) as u16 as i16),
        (_, 0) => (n << 8) as i32 >> 8,
        (_, _) => (!n << 8) as i32 >> 8,
    }
}

/// The bytes of `frame` as a device must get them.
fn bytes(format: SampleFormat, frame: u64, channels: usize, outs: usize, into: &mut Vec<u8>) {
    for channel in 0..channels {
        let code = if channel < outs {
            code(format, frame, channel)
        } else {
            0
        };
        match format {
            SampleFormat::S16 => into.extend_from_slice(&(code as i16).to_le_bytes()),
            SampleFormat::S24 => into.extend_from_slice(&code.to_le_bytes()),
            SampleFormat::S24_3 => into.extend_from_slice(&code.to_le_bytes()[..3]),
            SampleFormat::S32 => into.extend_from_slice(&(code << 8).to_le_bytes()),
            SampleFormat::F32 => {
                into.extend_from_slice(&(code as f32 / full_scale(format)).to_le_bytes());
            }
        }
    }
}

/// What was heard, as runs of frames that follow each other: the first frame's number and the
/// number of frames of each run. Anything that is no frame of the ramp ends the search with `Err`.
///
/// Frame 0 is never given by the [`Ramp`]; all-zero frames on 24-bit formats are therefore silence.
pub fn runs(
    data: &[u8],
    format: SampleFormat,
    channels: usize,
    outs: usize,
) -> Result<Vec<(u64, u64)>, String> {
    let size = channels * format.bytes();
    if !data.len().is_multiple_of(size) {
        return Err(format!("{} bytes are no whole frames", data.len()));
    }
    let mut runs: Vec<(u64, u64)> = Vec::new();
    let mut expect = Vec::with_capacity(size);
    for (at, frame) in data.chunks_exact(size).enumerate() {
        let number = number_of(format, frame);
        expect.clear();
        bytes(format, number, channels, outs, &mut expect);
        if frame != expect {
            return Err(format!("frame {at} of the output holds {frame:?}"));
        }
        match runs.last_mut() {
            Some((first, n)) if *first + *n == number => *n += 1,
            _ => runs.push((number, 1)),
        }
    }
    Ok(runs)
}

fn number_of(format: SampleFormat, frame: &[u8]) -> u64 {
    let word = |at: usize, n: usize| {
        let mut w = [0u8; 4];
        w[..n].copy_from_slice(&frame[at..at + n]);
        u32::from_le_bytes(w)
    };
    let number = match format {
        SampleFormat::S16 => word(0, 2) | word(2, 2) << 16,
        SampleFormat::S24_3 => word(0, 3),
        SampleFormat::S24 => word(0, 4) & 0xff_ffff,
        SampleFormat::S32 => word(0, 4) >> 8,
        SampleFormat::F32 => {
            let x = f32::from_bits(word(0, 4)) * full_scale(format);
            (x as i32 as u32) & 0xff_ffff
        }
    };
    u64::from(number)
}

/// What a test sees and steers of its [`Ramp`].
#[derive(Debug, Default)]
pub struct Shared {
    /// Frames given, silence at the end not counted.
    pub given: AtomicU64,
    /// The process is gone.
    pub dropped: AtomicBool,
    /// Calls after the ramp's end.
    pub after_end: AtomicU64,
}

/// Gives frames 1, 2, 3 … up to its length, then silence; see [`sample`].
pub struct Ramp {
    format: SampleFormat,
    length: u64,
    /// Whether it says that it is ready after its end.
    ready_after_end: bool,
    shared: Arc<Shared>,
}

impl Ramp {
    /// A ramp of `length` frames.
    pub fn new(format: SampleFormat, length: u64) -> (Self, Arc<Shared>) {
        let shared = Arc::new(Shared::default());
        let ramp = Self {
            format,
            length,
            ready_after_end: true,
            shared: shared.clone(),
        };
        (ramp, shared)
    }

    /// Never ready again after its end.
    pub fn then_unready(mut self) -> Self {
        self.ready_after_end = false;
        self
    }
}

impl Process for Ramp {
    fn process(&mut self, planes: &mut [&mut [f32]], frames: usize) -> Played {
        let given = self.shared.given.load(Ordering::Relaxed);
        for (channel, plane) in planes.iter_mut().enumerate() {
            for (i, x) in plane.iter_mut().take(frames).enumerate() {
                let frame = given + i as u64;
                *x = if frame < self.length {
                    sample(self.format, frame + 1, channel)
                } else {
                    0.0
                };
            }
        }
        if given >= self.length {
            self.shared.after_end.fetch_add(1, Ordering::Relaxed);
        }
        let now = (given + frames as u64).min(self.length);
        self.shared.given.store(now, Ordering::Release);
        Played::Engine
    }

    fn ready(&mut self, _frames: usize) -> bool {
        self.ready_after_end || self.shared.given.load(Ordering::Relaxed) < self.length
    }
}

impl Drop for Ramp {
    fn drop(&mut self) {
        self.shared.dropped.store(true, Ordering::Release);
    }
}

/// Polls until `reached`, or panics with `what` after half a minute.
pub fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(30);
    while !reached() {
        assert!(Instant::now() < limit, "never came: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Processor time this process has used, all threads together.
pub fn cpu_time() -> Duration {
    // SAFETY: an all-zero `rusage` is valid and is written to during the call only.
    let usage = unsafe {
        let mut usage: libc::rusage = core::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let time = |t: libc::timeval| {
        Duration::from_secs(t.tv_sec as u64) + Duration::from_micros(t.tv_usec as u64)
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}
