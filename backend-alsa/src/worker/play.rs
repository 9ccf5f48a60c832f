//! Normal playback: asks the engine for a chunk whenever the device has room for one.

use std::time::{Duration, Instant};

use engine_core::backend::{Played, Process};
use engine_core::denormals::flush_denormals;

use super::{Drain, Mode, NAP, Turn, Worker, recover};
use crate::MAX_CHANNELS;
use crate::fault;
use crate::shared::add;

/// Longest wait for an engine that is not ready, when nothing paces the device. Then it is called all the
/// same, so that it can count what is missing.
const READY_WITHIN: Duration = Duration::from_secs(5);
/// A device that takes this much audio …
const UNPACED_SECONDS: u64 = 2;
/// … in less than this time is paced by nothing.
const UNPACED_WITHIN: Duration = Duration::from_millis(200);

/// How often the two clocks are compared.
const COMPARE_EVERY: Duration = Duration::from_millis(250);

impl Worker {
    /// One turn of normal playback.
    pub(super) fn play<P: Process>(&mut self, process: &mut P) -> Result<Turn, i32> {
        let room = self.room()?;
        if self.stage.is_empty() {
            if room < self.pcm.chunk {
                return Ok(Turn::Wait);
            }
            if self.pulled && !self.wait_ready(process) {
                return Ok(Turn::Again);
            }
            if self.produce(process) {
                return Ok(Turn::Again);
            }
        }
        self.hand_over()
    }

    /// Asks the device how much room it has, frames.
    pub(super) fn room(&mut self) -> Result<usize, i32> {
        let pcm = &self.pcm.pcm;
        // Not every plug-in can tell both at once.
        let (room, delay) = match pcm.avail_delay() {
            Ok(both) => both,
            Err(_) => {
                let room = pcm.avail().map_err(|e| e.errno())?;
                (room, self.pcm.buffer as alsa::pcm::Frames - room)
            }
        };
        let frames = |n: alsa::pcm::Frames| usize::try_from(n).unwrap_or(0);
        let room = frames(room).min(self.pcm.buffer);
        self.delay = frames(delay);
        self.behind = self.delay.saturating_sub(self.pcm.buffer - room);
        self.measured = Instant::now();
        self.flow.see_room(room, self.measured);
        self.notice_progress();
        self.compare_clocks();
        Ok(room)
    }

    /// Now and then, compares how far the card has come with the system's clock, by the card's time stamp.
    fn compare_clocks(&mut self) {
        if !self.started || !self.pcm.end.is_card() || self.drift_seen.elapsed() < COMPARE_EVERY {
            return;
        }
        self.drift_seen = Instant::now();
        let Ok(status) = self.pcm.pcm.status() else {
            return;
        };
        let stamp = recover::since_boot(status.get_htstamp());
        // A stamp of another clock tells nothing.
        let old = recover::monotonic().checked_sub(stamp);
        if old.is_none_or(|old| old >= Duration::from_secs(1)) {
            return;
        }
        let room = usize::try_from(status.get_avail()).unwrap_or(0);
        let queued = self.pcm.buffer.saturating_sub(room) as u64;
        let Some(played) = self.flow.given().checked_sub(queued).filter(|n| *n > 0) else {
            return;
        };
        self.drift.see(stamp, played, self.pcm.rate);
        self.shared.set_drift(self.drift.ppm());
    }

    /// Hands over from the stage; starts the device when enough is queued.
    pub(super) fn hand_over(&mut self) -> Result<Turn, i32> {
        let n = self.stage.hand_over(&self.pcm.pcm, self.pcm.mapped)?;
        // Writing tells of an xrun, mapped access does not: what was put into a device that had
        // stopped by then was not heard, and waits again.
        if self.pcm.mapped && n > 0 && fault::state(&self.pcm.pcm) == alsa_sys::SND_PCM_STATE_XRUN {
            self.stage.take_back(n);
            self.taken_back = n;
            return Err(libc::EPIPE);
        }
        self.flow.give(n);
        self.accepted += n as u64;
        // (Silence that follows the last frame is nothing that waits to be heard.)
        if !matches!(
            self.mode,
            Mode::Resting | Mode::Draining(Drain::AliveUntil { .. })
        ) {
            self.shared
                .set_latency((self.delay + n) as u64, self.measured);
        }
        self.delay += n;
        self.notice_pace();
        if !self.started && self.flow.queued() >= self.pcm.start_at as u64 {
            self.start_device()?;
        }
        if n == 0 {
            return Ok(Turn::Wait);
        }
        self.idle_wakeups = 0;
        Ok(Turn::Again)
    }

    /// Starts the device unless it did so by itself. Mapped access never does.
    pub(super) fn start_device(&mut self) -> Result<(), i32> {
        if fault::state(&self.pcm.pcm) == alsa_sys::SND_PCM_STATE_PREPARED {
            self.pcm.pcm.start().map_err(|e| e.errno())?;
        }
        self.started = true;
        self.flow.touch(Instant::now());
        Ok(())
    }

    /// Finds out that a device is paced by nothing.
    pub(super) fn notice_pace(&mut self) {
        let enough = UNPACED_SECONDS * u64::from(self.pcm.rate) + self.pcm.buffer as u64;
        if self.pulled || self.accepted < enough {
            return;
        }
        let now = Instant::now();
        self.pulled = now.saturating_duration_since(self.running_since) < UNPACED_WITHIN;
        self.running_since = now;
        self.accepted = self.pcm.buffer as u64;
    }

    /// Waits, with a bound, until the engine can give a chunk. False when there is a command.
    pub(super) fn wait_ready<P: Process>(&mut self, process: &mut P) -> bool {
        let limit = Instant::now() + READY_WITHIN;
        let mut nap = Duration::from_micros(250);
        while !process.ready(self.pcm.chunk) {
            self.nap(nap);
            nap = (nap * 2).min(NAP);
            if self.shared.word() != self.word {
                return false;
            }
            if Instant::now() >= limit {
                break;
            }
        }
        // Waiting for the engine is not the device's standing still.
        self.flow.touch(Instant::now());
        true
    }

    /// Has the engine fill a chunk and stages it. True when there is nothing to hand over.
    pub(super) fn produce<P: Process>(&mut self, process: &mut P) -> bool {
        let chunk = self.pcm.chunk;
        let played = self.ask(process);
        if self.pulled {
            // Nothing paces silence, least of all the end of a song: left to itself it would fill a
            // disk. It passes as slowly as time does, and what no engine gave is not written at all.
            if played == Played::Silence {
                self.nap(NAP);
                return true;
            }
            if self.planes.iter().all(|x| *x == 0.0) {
                self.nap(self.time_of(chunk));
            }
        }
        self.convert();
        false
    }

    /// Has the engine fill the planes. A function of its own in the program, too, where the check for
    /// ways to a panic begins; likewise `convert`.
    #[inline(never)]
    #[cfg_attr(rtsan, sanitize(realtime = "nonblocking"))]
    fn ask<P: Process>(&mut self, process: &mut P) -> Played {
        let _guard = flush_denormals();
        // Never 0, which the compiler doesn't know: it would keep a panic for it.
        let chunk = self.pcm.chunk.max(1);
        let mut planes: heapless::Vec<&mut [f32], MAX_CHANNELS> = heapless::Vec::new();
        // `collect` would link heapless' panic for too many.
        for plane in self.planes.chunks_exact_mut(chunk).take(self.outs) {
            let _ = planes.push(plane);
        }
        let played = process.process(&mut planes, chunk);
        add(&self.shared.cycles, 1);
        played
    }

    /// Converts the planes into the stage.
    #[inline(never)]
    #[cfg_attr(rtsan, sanitize(realtime = "nonblocking"))]
    pub(super) fn convert(&mut self) {
        let _guard = flush_denormals();
        self.murmur();
        let chunk = self.pcm.chunk.max(1);
        let mut planes: heapless::Vec<&[f32], MAX_CHANNELS> = heapless::Vec::new();
        for plane in self.planes.chunks_exact(chunk) {
            let _ = planes.push(plane);
        }
        let clips = self
            .converter
            .interleave(&planes, chunk, self.stage.storage());
        if self.hush {
            let sample = self.pcm.format.bytes();
            let frame = sample * self.pcm.channels;
            for frame in self.stage.storage().chunks_exact_mut(frame.max(1)) {
                if let Some(unused) = frame.get_mut(sample * self.outs..) {
                    unused.fill(0);
                }
            }
        }
        self.stage.filled(chunk);
        if clips > 0 {
            add(&self.shared.clips, clips);
        }
    }
}
