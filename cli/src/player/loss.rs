//! What the controller does when the device or server goes away, and when it is back.

use std::time::{Duration, Instant};

use engine_core::backend::{Closed, Health};

use super::builder::{OnLoss, OnReturn};
use super::controller::Controller;
use super::kit::RingSize;
use super::notes::Note;
use super::rig::Rig;
use crate::report::{Device, DeviceState};

/// First wait before the device is tried again; doubled up to the last.
const FIRST_TRY: Duration = Duration::from_millis(250);
const LAST_TRY: Duration = Duration::from_secs(5);
/// Hung drivers that may be left behind.
const ABANDONED: u32 = 8;

/// Playing is held because there is no device.
pub(super) struct Hold {
    pub reason: String,
    /// Song frame at which it goes on, at the rate of the rig that was lost.
    pub frame: u64,
    rate: u32,
    pub was_rolling: bool,
    next_try: Instant,
    wait: Duration,
}

impl Controller {
    /// The driver is lost: everything is closed, the place in the song is kept.
    pub(super) fn lost(&mut self, reason: String) {
        let rate = self.rate();
        let frame = self
            .anchors
            .at(self.rig.as_ref().map_or(0, |r| {
                r.handle
                    .board()
                    .position()
                    .engine_frame
                    .saturating_sub(u64::from(self.shown.report.latency_frames))
            }))
            .map_or_else(|| self.here(), |h| h.frame);
        self.before = self.totals();
        self.before.counters.callbacks = 0;
        // What the device was given and never played is given again.
        let unheard = u64::from(self.shown.report.latency_frames);
        self.delivered += self.rig.as_ref().map_or(0, |r| {
            let given = r.handle.board().position().deck_frame;
            given.saturating_sub(unheard)
        });
        if let Some(rig) = self.rig.take()
            && rig.close() == Closed::Abandoned
        {
            self.abandoned += 1;
        }
        self.decks.clear();
        self.current = None;
        self.anchors.clear();
        self.shown.health = Some(Health::Lost);
        self.shown.report = Default::default();
        if self.abandoned > ABANDONED {
            self.fail(
                "hung",
                format!(
                    "{reason}; the driver hung {} times, giving up",
                    self.abandoned
                ),
            );
            return;
        }
        if self.told.on_loss == OnLoss::Exit {
            self.fail("device-lost", reason);
            return;
        }
        self.hold = Some(Hold {
            reason,
            frame,
            rate,
            was_rolling: self.rolling && self.told.on_loss == OnLoss::Wait,
            next_try: Instant::now() + FIRST_TRY,
            wait: FIRST_TRY,
        });
    }

    /// Tries to get the device back.
    pub(super) fn mend(&mut self) {
        let now = Instant::now();
        match &self.hold {
            Some(hold) if now >= hold.next_try && self.quitting.is_none() => {}
            _ => return,
        }
        match Rig::open(&self.told.output, &self.layout, self.told.asked) {
            Ok(rig) => self.returned(rig),
            Err(e) => {
                if let Some(hold) = &mut self.hold {
                    hold.reason = e.to_string();
                    hold.wait = (hold.wait * 2).min(LAST_TRY);
                    hold.next_try = Instant::now() + hold.wait;
                }
            }
        }
    }

    fn returned(&mut self, rig: Rig) {
        let Some(hold) = self.hold.take() else {
            return;
        };
        let rate = rig.granted.rate;
        self.tell(Note::Device(Device {
            state: DeviceState::Running,
            reason: Some(format!("{} is back", rig.granted.device)),
        }));
        self.shown.health = None;
        self.decks.size = RingSize::new(rate, self.told.ring_ms, rig.granted.period)
            .with_periods(rig.granted.periods);
        self.set_up(&rig);
        self.rig = Some(rig);
        self.work_out_parts(rate);
        let frame = crate::media::resampled_frames(hold.frame, hold.rate.max(1), rate);
        self.rolling = hold.was_rolling && self.told.on_return != OnReturn::Stay;
        let frame = (self.told.on_return != OnReturn::Restart).then_some(frame);
        let song = self.song;
        self.prepare_start(song, frame);
    }

    /// Settings that live in the rig.
    pub(super) fn set_up(&mut self, rig: &Rig) {
        self.device = (rig.granted.rate, rig.granted.device.to_string());
        let board = rig.handle.board();
        board.set_master(self.master);
        board.set_monitor_level(self.told.monitor);
    }

    /// What of each song is played, at `rate`.
    pub(super) fn work_out_parts(&mut self, rate: u32) {
        self.parts = self
            .songs
            .iter()
            .enumerate()
            .map(|(i, song)| (self.part_of)(song, i, rate))
            .collect();
    }
}
