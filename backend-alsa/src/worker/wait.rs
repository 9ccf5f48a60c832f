//! Waiting for the device without burning time, whatever it claims, and noticing that it stands still.

use std::time::{Duration, Instant};

use alsa::poll::{Descriptors, Flags};

use engine_core::backend::Health;

use super::{NAP, Worker};
use crate::eventfd;
use crate::shared::add;

/// Wake-ups without room that are taken as harmless before the thread naps instead of polling.
const PATIENCE: u32 = 4;

impl Worker {
    /// Waits for the device to have room, for a command, or for the time after which the device is asked
    /// what is the matter.
    pub(super) fn wait_for_room(&mut self) {
        if self.lose_if_stuck() {
            return;
        }
        self.tell_stall();
        if self.idle_wakeups > PATIENCE {
            // Woken again and again for nothing: by a plug-in that is always ready, or a
            // descriptor that nobody reads. Time is left to pass instead.
            let step = 1u32 << (self.idle_wakeups - PATIENCE).min(8);
            let nap = Duration::from_micros(125) * step;
            self.nap(nap.min(NAP).min(self.time_of(self.pcm.chunk)));
        }
        let timeout = (self.time_of(self.pcm.buffer) / 2)
            .clamp(Duration::from_millis(20), Duration::from_millis(500));
        match eventfd::poll(&mut self.fds, timeout) {
            Ok(0) => self.heal(0),
            Ok(_) => self.woken(),
            Err(libc::EINTR) => {}
            Err(errno) => self.heal(errno),
        }
    }

    pub(super) fn woken(&mut self) {
        let Some((_, device)) = self.fds.split_first() else {
            return;
        };
        if device.iter().all(|fd| fd.revents == 0) {
            // Only a command; `obey` lowers the flag.
            self.shared.wake.lower();
            return;
        }
        self.idle_wakeups = self.idle_wakeups.saturating_add(1);
        match self.pcm.pcm.revents(device) {
            Ok(flags) if flags.intersects(Flags::ERR | Flags::HUP | Flags::NVAL) => self.heal(0),
            Ok(_) => {}
            Err(e) => self.heal(e.errno().abs()),
        }
    }

    /// Lets time pass, unless a command comes.
    pub(super) fn nap(&self, time: Duration) {
        let wanted = || self.shared.word() != self.word;
        self.shared.wake.nap(time, wanted);
    }

    pub(super) fn time_of(&self, frames: usize) -> Duration {
        Duration::from_secs_f64(frames as f64 / f64::from(self.pcm.rate.max(1)))
    }

    pub(super) fn frames_in(&self, time: Duration) -> usize {
        (time.as_secs_f64() * f64::from(self.pcm.rate)) as usize
    }

    /// Tells, and counts once, that the device stands still; and that it moves again.
    pub(super) fn tell_stall(&mut self) {
        let stalled = self.flow.stalled(Instant::now());
        if stalled == self.stalled {
            return;
        }
        self.stalled = stalled;
        if stalled.is_none() {
            if !self.in_episode {
                self.shared.set_health(self.well());
            }
            return;
        }
        add(&self.shared.xruns, 1);
        let device = &self.device;
        self.shared.explain(
            Health::Recovering,
            format_args!("\"{device}\" stands still"),
        );
    }

    pub(super) fn lose_if_stuck(&mut self) -> bool {
        let Some(still) = self.flow.stuck(Instant::now()) else {
            return false;
        };
        let ms = still.as_millis();
        let device = core::mem::take(&mut self.device);
        self.lose(format_args!(
            "\"{device}\" stands still: it has taken no audio for {ms} ms"
        ));
        self.device = device;
        true
    }
}
