//! What the callbacks, the client's thread and the player's thread share: atomics only, except
//! for two things that no real-time thread touches.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU32, Ordering::*};

use engine_core::backend::{Text, text};

use crate::latency::Punctuality;
use crate::raw::Hooks;

/// What the process callback does with a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Silence: nothing is asked of the player.
    Silent,
    /// The player's [`Process`](engine_core::backend::Process) is called.
    Play,
}

#[derive(Debug, Default)]
pub(crate) struct Shared {
    play: AtomicU8,
    /// Callbacks finished.
    cycles: AtomicU32,
    /// Frames of all callbacks, wrapping.
    frames: AtomicU32,
    /// Frames of the latest callback.
    latest: AtomicU32,
    /// Announced frames per callback.
    period: AtomicU32,
    rate: AtomicU32,
    /// xrun notifications.
    xruns: AtomicU32,
    /// Jumps of the server's frame time seen by the callback, and frames jumped over.
    jumps: AtomicU32,
    jumped_frames: AtomicU32,
    freewheel: AtomicBool,
    /// Ports or connections changed since this was last taken.
    graph_changed: AtomicBool,
    /// Ids of ports that came since this was last taken.
    arrived: Mutex<Vec<u32>>,
    lost: AtomicBool,
    reason: Mutex<Text>,
    latency: AtomicU32,
    /// −1: none.
    priority: AtomicI32,
    pub(crate) punctuality: Punctuality,
    /// The callback may read a clock.
    watched: AtomicBool,
}

/// Arrived ports that are remembered between two looks.
const ARRIVED: usize = 4096;

/// Adds to a counter that has one writer only.
fn add(counter: &AtomicU32, n: u32) {
    counter.store(counter.load(Relaxed).wrapping_add(n), Release);
}

impl Shared {
    pub(crate) fn new(rate: u32, period: u32) -> Self {
        let s = Self::default();
        s.rate.store(rate, Relaxed);
        s.period.store(period, Relaxed);
        s.priority.store(-1, Relaxed);
        s
    }

    pub(crate) fn set_mode(&self, mode: Mode) {
        self.play.store(u8::from(mode == Mode::Play), SeqCst);
    }

    pub(crate) fn mode(&self) -> Mode {
        if self.play.load(Acquire) != 0 {
            Mode::Play
        } else {
            Mode::Silent
        }
    }

    /// By the process callback, when a cycle of `frames` frames is done.
    pub(crate) fn cycle_done(&self, frames: u32) {
        add(&self.frames, frames);
        self.latest.store(frames, Relaxed);
        add(&self.cycles, 1);
    }

    /// By the process callback: the server's time went on by `frames` frames that nobody was asked for.
    pub(crate) fn jumped(&self, frames: u32) {
        add(&self.jumped_frames, frames);
        add(&self.jumps, 1);
    }

    pub(crate) fn cycles(&self) -> u32 {
        self.cycles.load(Acquire)
    }

    pub(crate) fn frames(&self) -> u32 {
        self.frames.load(Acquire)
    }

    /// Frames per callback: those of the latest one, since a server may announce one size and
    /// call with another; before the first, the announced.
    pub(crate) fn period(&self) -> u32 {
        match self.latest.load(Relaxed) {
            0 => self.period.load(Relaxed),
            n => n,
        }
    }

    pub(crate) fn rate(&self) -> u32 {
        self.rate.load(Relaxed)
    }

    /// Episodes of device xruns: notifications, or jumps of the frame time where a server
    /// (PipeWire) notifies nobody.
    pub(crate) fn xruns(&self) -> u32 {
        self.xruns.load(Relaxed).max(self.jumps.load(Relaxed))
    }

    pub(crate) fn xrun_frames(&self) -> u32 {
        self.jumped_frames.load(Relaxed)
    }

    pub(crate) fn freewheeling(&self) -> bool {
        self.freewheel.load(Acquire)
    }

    pub(crate) fn take_graph_changed(&self) -> bool {
        self.graph_changed.swap(false, AcqRel)
    }

    pub(crate) fn take_arrived(&self) -> Vec<u32> {
        self.arrived
            .lock()
            .map(|mut ids| std::mem::take(&mut *ids))
            .unwrap_or_default()
    }

    /// Says why the server is gone; the first reason stays.
    pub(crate) fn lose(&self, reason: Text) {
        if let Ok(mut r) = self.reason.lock()
            && r.is_empty()
        {
            *r = reason;
        }
        self.lost.store(true, Release);
    }

    pub(crate) fn lost(&self) -> bool {
        self.lost.load(Acquire)
    }

    pub(crate) fn reason(&self) -> Text {
        self.reason.lock().map(|r| r.clone()).unwrap_or_default()
    }

    pub(crate) fn set_latency(&self, frames: u32) {
        self.latency.store(frames, Relaxed);
    }

    pub(crate) fn latency(&self) -> u32 {
        self.latency.load(Relaxed)
    }

    pub(crate) fn set_priority(&self, priority: Option<u8>) {
        self.priority.store(priority.map_or(-1, i32::from), Relaxed);
    }

    pub(crate) fn priority(&self) -> Option<u8> {
        u8::try_from(self.priority.load(Relaxed)).ok()
    }

    pub(crate) fn watch(&self, on: bool) {
        self.watched.store(on, Relaxed);
    }

    pub(crate) fn watched(&self) -> bool {
        self.watched.load(Relaxed)
    }
}

impl Hooks for Shared {
    fn xrun(&self) {
        // PipeWire calls this inside its cycle: one atomic addition and nothing else.
        self.xruns.fetch_add(1, Relaxed);
    }

    fn buffer_size(&self, frames: u32) {
        self.period.store(frames, Relaxed);
        self.latest.store(frames, Relaxed);
        self.graph_changed.store(true, Release);
    }

    fn sample_rate(&self, hz: u32) {
        self.rate.store(hz, Relaxed);
    }

    fn freewheel(&self, on: bool) {
        self.freewheel.store(on, Release);
    }

    fn registered(&self, id: u32, came: bool) {
        if came
            && let Ok(mut ids) = self.arrived.lock()
            && ids.len() < ARRIVED
        {
            ids.push(id);
        }
        self.graph_changed();
    }

    fn graph_changed(&self) {
        self.graph_changed.store(true, Release);
    }

    fn shutdown(&self, reason: &str) {
        self.lose(if reason.is_empty() {
            text(format_args!("The JACK server went away."))
        } else {
            text(format_args!("The JACK server went away: {reason}."))
        });
    }

    fn is_lost(&self) -> bool {
        self.lost()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_stays() {
        let s = Shared::new(48_000, 64);
        assert!(!s.lost());
        s.shutdown("closed");
        s.shutdown("again");
        assert!(s.lost());
        assert_eq!(s.reason().as_str(), "The JACK server went away: closed.");
    }

    #[test]
    fn the_present_period_is_what_callbacks_bring() {
        let s = Shared::new(48_000, 64);
        assert_eq!(s.period(), 64);
        s.cycle_done(48);
        assert_eq!((s.period(), s.cycles(), s.frames()), (48, 1, 48));
        s.buffer_size(128);
        assert_eq!(s.period(), 128);
    }

    #[test]
    fn xruns_are_the_notified_or_else_the_seen() {
        let s = Shared::new(48_000, 64);
        s.jumped(64);
        s.jumped(128);
        assert_eq!((s.xruns(), s.xrun_frames()), (2, 192));
        for _ in 0..3 {
            s.xrun();
        }
        assert_eq!(s.xruns(), 3);
    }
}
