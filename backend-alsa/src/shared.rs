//! What the audio thread and its owner share: a command with its acknowledgement, and the report.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use engine_core::backend::{Health, Report, Text, Timing, text};

use crate::eventfd::EventFd;

/// What the owner asks of the audio thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Play.
    Run,
    /// Play out what was handed over, then stop.
    Drain,
    /// Stop at once.
    Drop,
    /// End the thread.
    Quit,
}

const COMMANDS: [Command; 4] = [Command::Run, Command::Drain, Command::Drop, Command::Quit];
const HEALTHS: [Health; 4] = [
    Health::Halted,
    Health::Running,
    Health::Recovering,
    Health::Lost,
];

/// The bits of a latency.
const LATENCY: u64 = (1 << 24) - 1;

/// See the module.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Low two bits: the command; the others: its number. 0: none yet.
    command: AtomicU32,
    /// The last command that was carried out.
    done: AtomicU32,
    /// The thread has given everything back.
    finished: AtomicBool,
    /// Wakes the audio thread.
    pub(crate) wake: EventFd,
    /// Wakes the owner.
    answer: EventFd,

    health: AtomicU8,
    /// Written by the audio thread only when something went wrong, never near `process`.
    reason: Mutex<Text>,
    pub(crate) rate: AtomicU32,
    pub(crate) period: AtomicU32,
    /// Frames on their way to the ear (the lower 24 bits), and when they were: µs since `born`, which begin again after twelve days.
    latency: AtomicU64,
    born: Instant,
    pub(crate) xruns: AtomicU32,
    pub(crate) xrun_frames: AtomicU32,
    pub(crate) clips: AtomicU32,
    pub(crate) cycles: AtomicU32,
    /// The bits of an f32, ppm; NaN is not known.
    drift: AtomicU32,
    /// 0: none.
    pub(crate) rt_priority: AtomicU8,
}

impl Shared {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            command: AtomicU32::new(0),
            done: AtomicU32::new(0),
            finished: AtomicBool::new(false),
            wake: EventFd::new()?,
            answer: EventFd::new()?,
            health: AtomicU8::new(0),
            reason: Mutex::new(Text::new()),
            rate: AtomicU32::new(0),
            period: AtomicU32::new(0),
            latency: AtomicU64::new(0),
            born: Instant::now(),
            xruns: AtomicU32::new(0),
            xrun_frames: AtomicU32::new(0),
            clips: AtomicU32::new(0),
            cycles: AtomicU32::new(0),
            drift: AtomicU32::new(f32::NAN.to_bits()),
            rt_priority: AtomicU8::new(0),
        })
    }

    // --- the owner's side ---

    /// Sends a command, replacing one that was not carried out yet.
    pub(crate) fn send(&self, command: Command) -> u32 {
        let number = (self.command.load(Ordering::Relaxed) >> 2).wrapping_add(1);
        let word = (number << 2) | command as u32;
        self.command.store(word, Ordering::Release);
        self.wake.raise();
        word
    }

    /// Waits until the command `word` was carried out: false when `deadline` was over first.
    pub(crate) fn wait_done(&self, word: u32, deadline: Instant) -> bool {
        self.wait(deadline, || self.done.load(Ordering::Acquire) == word)
    }

    /// Waits until the thread has given everything back.
    pub(crate) fn wait_finished(&self, deadline: Instant) -> bool {
        self.wait(deadline, || self.finished.load(Ordering::Acquire))
    }

    fn wait(&self, deadline: Instant, reached: impl Fn() -> bool) -> bool {
        loop {
            if reached() {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.finished.load(Ordering::Acquire) {
                return reached();
            }
            self.answer.wait(left.min(Duration::from_secs(1)));
        }
    }

    pub(crate) fn health(&self) -> Health {
        let n = usize::from(self.health.load(Ordering::Acquire));
        HEALTHS.get(n).copied().unwrap_or_default()
    }

    pub(crate) fn reason(&self) -> Text {
        self.reason.lock().map(|t| t.clone()).unwrap_or_default()
    }

    pub(crate) fn report(&self) -> Report {
        self.report_at(Instant::now())
    }

    fn report_at(&self, now: Instant) -> Report {
        let health = self.health();
        let rate = self.rate.load(Ordering::Relaxed);
        let (latency_frames, since) = self.latency(now);
        // A device that is in trouble may stand still.
        let passed_frames = match health {
            Health::Running => {
                let passed = (since.as_secs_f64() * f64::from(rate)) as u32;
                passed.min(latency_frames)
            }
            _ => 0,
        };
        let reason = match health {
            Health::Recovering | Health::Lost => self.reason(),
            _ => Text::new(),
        };
        let rt = self.rt_priority.load(Ordering::Relaxed);
        Report {
            health,
            reason,
            rate,
            period: self.period.load(Ordering::Relaxed),
            latency_frames,
            passed_frames,
            device_xruns: self.xruns.load(Ordering::Relaxed),
            xrun_frames: self.xrun_frames.load(Ordering::Relaxed),
            clips: self.clips.load(Ordering::Relaxed),
            cycles: self.cycles.load(Ordering::Relaxed),
            rt_priority: (rt > 0).then_some(rt),
            timing: Timing {
                drift_ppm: Some(f32::from_bits(self.drift.load(Ordering::Relaxed)))
                    .filter(|ppm| !ppm.is_nan()),
                ..Timing::default()
            },
            volume: None,
        }
    }

    /// Frames that were on their way when that was last measured, and how long ago that is.
    fn latency(&self, now: Instant) -> (u32, Duration) {
        let word = self.latency.load(Ordering::Relaxed);
        // Both shifted up, so that what there is no room for is left out of both.
        let since = (self.micros(now) << 24).wrapping_sub(word & !LATENCY) >> 24;
        // Measured only just, after `now` was read.
        let since = if since >> 39 == 0 { since } else { 0 };
        ((word & LATENCY) as u32, Duration::from_micros(since))
    }

    fn micros(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.born).as_micros() as u64
    }

    // --- the audio thread's side ---

    /// So many frames were on their way to the ear at that time.
    pub(crate) fn set_latency(&self, frames: u64, at: Instant) {
        let word = (self.micros(at) << 24) | frames.min(LATENCY);
        self.latency.store(word, Ordering::Relaxed);
    }

    /// The newest command word.
    pub(crate) fn word(&self) -> u32 {
        self.command.load(Ordering::Acquire)
    }

    pub(crate) fn command_of(word: u32) -> Command {
        // Two bits: always one of the four.
        COMMANDS
            .get((word & 3) as usize)
            .copied()
            .unwrap_or(Command::Quit)
    }

    /// Says that the command `word` was carried out.
    pub(crate) fn carried_out(&self, word: u32) {
        self.done.store(word, Ordering::Release);
        self.answer.raise();
    }

    pub(crate) fn finish(&self) {
        self.finished.store(true, Ordering::Release);
        self.answer.raise();
    }

    pub(crate) fn set_drift(&self, ppm: Option<f32>) {
        let bits = ppm.unwrap_or(f32::NAN).to_bits();
        self.drift.store(bits, Ordering::Relaxed);
    }

    pub(crate) fn set_health(&self, health: Health) {
        self.health.store(health as u8, Ordering::Release);
    }

    /// Sets the reason, then the health it explains.
    pub(crate) fn explain(&self, health: Health, reason: core::fmt::Arguments<'_>) {
        if let Ok(mut t) = self.reason.lock() {
            *t = text(reason);
        }
        self.set_health(health);
    }
}

/// Adds to a counter that only the audio thread writes; it wraps.
pub(crate) fn add(counter: &AtomicU32, n: u32) {
    counter.store(
        counter.load(Ordering::Relaxed).wrapping_add(n),
        Ordering::Relaxed,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_waited_for_by_its_own_number() {
        let s = Shared::new().unwrap();
        let first = s.send(Command::Run);
        assert_eq!(Shared::command_of(s.word()), Command::Run);
        s.carried_out(first);
        assert!(s.wait_done(first, Instant::now()));
        let second = s.send(Command::Drain);
        assert_ne!(first, second);
        assert!(!s.wait_done(second, Instant::now() + Duration::from_millis(5)));
    }

    #[test]
    fn every_health_survives_the_crossing() {
        let s = Shared::new().unwrap();
        for h in HEALTHS {
            s.explain(h, format_args!("why"));
            assert_eq!(s.health(), h);
        }
        assert_eq!(s.report().reason.as_str(), "why");
    }

    #[test]
    fn what_was_on_its_way_passes_with_time() {
        let s = Shared::new().unwrap();
        s.rate.store(48_000, Ordering::Relaxed);
        let at = s.born + Duration::from_millis(7000);
        let after = |ms| {
            let r = s.report_at(at + Duration::from_millis(ms));
            (r.latency_frames, r.passed_frames)
        };
        s.set_latency(2048, at);
        s.set_health(Health::Running);
        assert_eq!(after(0), (2048, 0));
        assert_eq!(after(10), (2048, 480));
        // Never more than there was.
        assert_eq!(after(1000), (2048, 2048));
        for health in [Health::Halted, Health::Recovering, Health::Lost] {
            s.set_health(health);
            assert_eq!(after(10), (2048, 0), "{health:?}");
        }
        s.set_latency(u64::MAX, at);
        assert_eq!(after(10), (0xff_ffff, 0));
    }

    #[test]
    fn it_passes_after_weeks_as_it_did_at_first() {
        let s = Shared::new().unwrap();
        s.rate.store(48_000, Ordering::Relaxed);
        s.set_health(Health::Running);
        // The µs begin again after 2⁴⁰ of them, 12.7 days.
        let again = s.born + Duration::from_micros(1 << 40);
        let ms = Duration::from_millis;
        for measured in [
            again - ms(1),
            again,
            again + ms(1),
            s.born + ms(4_000_000_000),
        ] {
            s.set_latency(2048, measured);
            for (later, passed) in [(0, 0), (10, 480), (1000, 2048)] {
                let report = s.report_at(measured + ms(later));
                assert_eq!(report.passed_frames, passed, "{later}");
            }
            // Measured while the report was made.
            assert_eq!(s.report_at(measured - ms(3)).passed_frames, 0);
        }
    }

    #[test]
    fn a_finished_thread_is_not_waited_for() {
        let s = Shared::new().unwrap();
        s.finish();
        let far = Instant::now() + Duration::from_secs(3600);
        assert!(!s.wait_done(4, far));
        assert!(s.wait_finished(far));
    }
}
