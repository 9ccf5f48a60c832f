//! Healing a PCM in place: `prepare` takes about a millisecond, opening it anew about thirty.

use std::time::{Duration, Instant};

use alsa::pcm::PCM;
use engine_core::backend::Health;

use super::{Mode, Worker};
use crate::fault::{self, Fault};
use crate::refusal;
use crate::shared::add;

/// Recoveries in a row, without a period played in between, after which the device is given up.
const ATTEMPTS: u32 = 10;
/// Pause before the second attempt; it grows by as much with each one.
const PAUSE: Duration = Duration::from_millis(10);
/// A card that is asked to resume may still be waking up.
const RESUME_WITHIN: Duration = Duration::from_secs(5);

impl Worker {
    /// Does what the device needs. `errno` 0: nothing failed, but the device may have something to say.
    pub(super) fn heal(&mut self, errno: i32) {
        let fault = fault::tell(errno, fault::state(&self.pcm.pcm));
        match fault {
            Fault::None => {
                if errno == 0 {
                    // An error flag or a time-out that its state does not explain.
                    self.idle_wakeups = self.idle_wakeups.saturating_add(1);
                }
                return;
            }
            Fault::Gone => {
                self.lose_device("was unplugged or switched off");
                return;
            }
            Fault::Xrun | Fault::Suspended | Fault::Other => {}
        }
        let room = self.room_at_fault();
        self.flow.see_room(room, Instant::now());
        self.notice_progress();
        self.note_episode(fault, errno);
        if self.attempts > ATTEMPTS {
            self.lose_device("does not recover");
            return;
        }
        if self.attempts > 1 {
            self.nap(PAUSE * (self.attempts - 1));
        }
        if fault == Fault::Suspended && self.resumed() {
            self.flow.touch(Instant::now());
            return;
        }
        match self.pcm.pcm.prepare() {
            Ok(()) => {
                // What was still queued is gone.
                let queued = self.pcm.buffer.saturating_sub(room);
                let dropped = queued.saturating_sub(self.taken_back);
                add(&self.shared.xrun_frames, dropped as u32);
                self.prepared();
            }
            // Some plug-ins say only now that the device is gone.
            Err(e) => {
                let state = fault::state(&self.pcm.pcm);
                if fault::tell(e.errno(), state) == Fault::Gone {
                    self.lose_device("was unplugged or switched off");
                }
            }
        }
    }

    /// Counts the fault, once per episode: until a period was played again, further faults belong to it.
    fn note_episode(&mut self, fault: Fault, errno: i32) {
        self.attempts += 1;
        if self.in_episode {
            return;
        }
        self.in_episode = true;
        add(&self.shared.xruns, 1);
        if fault == Fault::Xrun && self.pcm.end.is_card() {
            add(&self.shared.xrun_frames, self.silent_frames());
        }
        let device = &self.device;
        let why = match fault {
            Fault::Xrun => "ran out of audio (xrun)",
            Fault::Suspended => "was suspended",
            _ => "reports an error",
        };
        if errno == 0 || fault != Fault::Other {
            self.shared
                .explain(Health::Recovering, format_args!("\"{device}\" {why}"));
        } else {
            let name = refusal::name(errno);
            self.shared.explain(
                Health::Recovering,
                format_args!("\"{device}\" {why}: {name}"),
            );
        }
    }

    /// Room in a device that stands in a fault: its position is still known, if not by the usual way.
    fn room_at_fault(&self) -> usize {
        match self.pcm.pcm.status() {
            Ok(status) => usize::try_from(status.get_avail())
                .unwrap_or(0)
                .min(self.pcm.buffer),
            Err(_) => self.pcm.buffer,
        }
    }

    /// Frames of silence since the card stopped, by its time stamp.
    fn silent_frames(&self) -> u32 {
        let Ok(status) = self.pcm.pcm.status() else {
            return 0;
        };
        let since = since_boot(status.get_trigger_htstamp());
        // A stamp of zero, or of another clock, tells nothing.
        monotonic()
            .checked_sub(since)
            .filter(|gap| !since.is_zero() && *gap < Duration::from_secs(10))
            .map_or(0, |gap| self.frames_in(gap) as u32)
    }

    /// Wakes a suspended device with its queue intact. False when it has to be prepared instead.
    fn resumed(&self) -> bool {
        let limit = Instant::now() + RESUME_WITHIN;
        loop {
            match self.pcm.pcm.resume() {
                Ok(()) => return is_running(&self.pcm.pcm),
                Err(e) if e.errno() == libc::EAGAIN && Instant::now() < limit => {
                    self.nap(Duration::from_millis(20));
                    if self.shared.word() != self.word {
                        return false;
                    }
                }
                Err(_) => return false,
            }
        }
    }

    /// The PCM is prepared and empty.
    pub(super) fn prepared(&mut self) {
        self.flow.restart(Instant::now());
        self.drift.restart();
        self.shared.set_drift(None);
        self.started = false;
        self.taken_back = 0;
        self.idle_wakeups = 0;
    }

    /// Once the device has played a period again, an episode is over.
    pub(super) fn notice_progress(&mut self) {
        if self.flow.taken() < self.pcm.chunk as u64 {
            return;
        }
        self.attempts = 0;
        if self.in_episode {
            self.in_episode = false;
            if self.mode != Mode::Lost {
                self.shared.set_health(self.well());
            }
        }
    }

    fn lose_device(&mut self, what: &str) {
        let device = core::mem::take(&mut self.device);
        self.lose(format_args!("\"{device}\" {what}"));
        self.device = device;
        // The latency stays: what the device held was given and never heard, and whoever goes on
        // elsewhere goes on from there.
    }
}

fn is_running(pcm: &PCM) -> bool {
    fault::state(pcm) == alsa_sys::SND_PCM_STATE_RUNNING
}

/// A PCM's time stamp.
pub(super) fn since_boot(stamp: libc::timespec) -> Duration {
    Duration::new(
        u64::try_from(stamp.tv_sec).unwrap_or(0),
        u32::try_from(stamp.tv_nsec).unwrap_or(0),
    )
}

/// The clock of the PCM's time stamps.
pub(super) fn monotonic() -> Duration {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is valid for writing; the clock always exists.
    unsafe {
        libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now);
    }
    since_boot(now)
}
