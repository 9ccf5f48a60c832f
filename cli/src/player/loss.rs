//! What the controller does when the device or server goes away, and when it is back.

use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use engine_core::backend::{Closed, Health};
use engine_core::monitor::MonitorLevel;

use super::PlayerError;
use super::builder::{OnLoss, OnReturn};
use super::controller::Controller;
use super::notes::Note;
use super::plugged::Plugged;
use super::rig::Rig;
use crate::media::resampled_frames;
use crate::plan::Loop;
use crate::report::{Device, DeviceState};

/// First wait before the device is tried again; doubled up to [`Output::last_try`](super::driver::Output).
const FIRST_TRY: Duration = Duration::from_millis(100);
/// A device that goes again so soon after it came is no better: the waits go on where they were.
const UNSTEADY: Duration = Duration::from_secs(5);
/// Hung drivers that may be left behind.
const ABANDONED: u32 = 8;
/// Poll while the device is being opened.
const OPENING: Duration = Duration::from_millis(5);

/// Playing is held because there is no device.
pub(super) struct Hold {
    pub reason: String,
    /// Song frame at which it goes on, at `rate`.
    pub frame: u64,
    /// Rate of the rig that was lost, Hz.
    pub rate: u32,
    pub was_rolling: bool,
    /// It was with JACK's transport, playing or not.
    joined: bool,
    /// Only the rate changed: it plays on whatever the policy says of a return.
    rate_only: bool,
    pub next_try: Instant,
    wait: Duration,
    /// Tells that a device came, so that it needn't wait for the next try.
    plugged: Plugged,
    /// The device is being opened, on a thread of its own: a server may hang.
    opening: Option<Receiver<Result<Rig, PlayerError>>>,
}

/// What the controller remembers of losses.
#[derive(Clone, Debug, Default)]
pub(super) struct Losses {
    /// Times the device or server went away.
    pub count: u32,
    /// Why it went the last time.
    pub reason: Option<String>,
    /// Drivers that hung and were left behind with their engines.
    pub abandoned: u32,
    /// What the driver had to say when it was opened last.
    notice: String,
    /// When it came back the last time, and the wait before.
    returned: Option<(Instant, Duration)>,
}

impl Controller {
    /// The driver is lost: everything is closed, the place in the song is kept.
    pub(super) fn lost(&mut self, reason: String) {
        self.losses.count += 1;
        self.losses.reason = Some(reason.clone());
        if self.told.on_loss == OnLoss::Exit {
            self.put_down();
            self.fail("device-lost", reason);
            return;
        }
        self.hold(reason, false);
        if self.told.on_loss == OnLoss::Stop {
            self.rolling = false;
            if let Some(hold) = &mut self.hold {
                hold.was_rolling = false;
            }
        }
    }

    /// The device or server has another rate now: all is made anew for it, and nobody need know.
    pub(super) fn rate_changed(&mut self, rate: u32) {
        self.hold(format!("the rate changed to {rate} Hz"), true);
    }

    /// Closes the driver, bounded in time; false when too many have hung.
    fn put_down(&mut self) -> bool {
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
            self.losses.abandoned += 1;
        }
        self.decks.clear();
        self.current = None;
        self.anchors.clear();
        self.shown.report = Default::default();
        self.losses.abandoned <= ABANDONED
    }

    /// Where the song goes on: where it is on its way to, else where it was heard last. (Before the first cut after a
    /// return nothing has been heard yet, and what it is on its way to is all there is to know.)
    fn bound_for(&self) -> (usize, u64) {
        if let Some(frame) = self.sent_to() {
            return (self.song, frame);
        }
        if let Some(on_its_way) = self.decks.on_its_way(self.current) {
            return on_its_way;
        }
        if let Some(frame) = self.out_of_step() {
            return (self.song, frame);
        }
        let given = (self.rig.as_ref()).map_or(0, |r| r.handle.board().position().engine_frame);
        let heard = given.saturating_sub(u64::from(self.shown.report.latency_frames));
        let heard = self.anchors.at(heard);
        (self.song, heard.map_or_else(|| self.here(), |h| h.frame))
    }

    fn hold(&mut self, reason: String, rate_only: bool) {
        let (rate, joined) = (self.rate(), self.rolling);
        let was_rolling = joined && self.rolls();
        let (song, frame) = self.bound_for();
        if !self.put_down() {
            self.fail(
                "hung",
                format!(
                    "{}; the driver hung {} times, giving up",
                    reason.trim_end_matches('.'),
                    self.losses.abandoned
                ),
            );
            return;
        }
        self.shown.health = Some(Health::Lost);
        self.song = song;
        self.forget_transport();
        let now = Instant::now();
        let wait = match self.losses.returned {
            Some((at, wait)) if now - at < UNSTEADY => self.longer(wait),
            _ => FIRST_TRY,
        };
        self.hold = Some(Hold {
            reason,
            frame,
            rate,
            was_rolling,
            joined,
            rate_only,
            next_try: if rate_only { now } else { now + wait },
            wait,
            plugged: Plugged::for_output(&self.told.output),
            opening: None,
        });
    }

    fn longer(&self, wait: Duration) -> Duration {
        (wait * 2).min(self.told.output.last_try())
    }

    /// How long the controller may sleep while it waits for the device; `None` when it doesn't.
    pub(super) fn until_next_try(&self) -> Option<Duration> {
        let hold = self.hold.as_ref()?;
        Some(match hold.opening {
            Some(_) => OPENING,
            None => hold.next_try.saturating_duration_since(Instant::now()),
        })
    }

    /// Tries to get the device back.
    pub(super) fn mend(&mut self) {
        if self.quitting.is_some() {
            return;
        }
        let Some(hold) = &mut self.hold else { return };
        if hold.plugged.changed() {
            (hold.next_try, hold.wait) = (Instant::now(), FIRST_TRY);
        }
        let Some(opening) = &hold.opening else {
            if Instant::now() >= hold.next_try {
                self.open_again();
            }
            return;
        };
        let result = match opening.try_recv() {
            Ok(result) => result,
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => {
                Err(std::io::Error::other("it ended before it was done").into())
            }
        };
        hold.opening = None;
        match result {
            Ok(rig) => self.returned(rig),
            Err(e) => self.still_gone(&e),
        }
    }

    /// Opens the driver on a thread of its own.
    fn open_again(&mut self) {
        let (done, opening) = mpsc::channel();
        let (output, layout, asked) = (
            self.told.output.clone(),
            self.layout.clone(),
            self.told.asked,
        );
        let thread = thread::Builder::new().name("backline-open".into());
        let started = thread.spawn(move || {
            // With nobody left to take it, the rig is closed again.
            let _ = done.send(Rig::open(&output, &layout, asked));
        });
        match (started, &mut self.hold) {
            (Ok(_), Some(hold)) => hold.opening = Some(opening),
            (Ok(_), None) => {}
            (Err(e), _) => self.still_gone(&e.into()),
        }
    }

    fn still_gone(&mut self, why: &PlayerError) {
        let wait = self.hold.as_ref().map(|hold| self.longer(hold.wait));
        if let (Some(hold), Some(wait)) = (&mut self.hold, wait) {
            hold.reason = why.to_string();
            hold.wait = wait;
            hold.next_try = Instant::now() + wait;
        }
    }

    fn returned(&mut self, mut rig: Rig) {
        let Some(hold) = self.hold.take() else {
            return;
        };
        let rate = rig.granted.rate;
        self.losses.returned = Some((Instant::now(), hold.wait));
        self.tell(Note::Device(Device {
            state: DeviceState::Running,
            reason: Some(if hold.rate_only {
                hold.reason
            } else {
                format!("{} is back", rig.granted.device)
            }),
        }));
        // (The same once more, about a connection that can't be made yet, would be no news.)
        let notice = rig.granted.notice.to_string();
        if !notice.is_empty() && notice != self.losses.notice {
            self.warn("driver", notice, None);
        }
        self.shown.health = None;
        self.decks.size = self.told.output.ring_size(self.told.ring_ms, &rig.granted);
        self.set_up(&mut rig);
        self.rig = Some(rig);
        self.volume_returns();
        // A loop that was made by hand stays; the song's own is worked out anew.
        let by_hand = self.looping != self.parts[self.song].repeat;
        self.work_out_parts(rate);
        let there = |frame: u64| resampled_frames(frame, hold.rate.max(1), rate);
        let (play, over) = match self.told.on_return {
            _ if hold.rate_only => (true, false),
            OnReturn::Resume => (true, false),
            OnReturn::Restart => (true, true),
            OnReturn::Stay => (false, false),
        };
        // (One that was lost before its first sound was to play all the same.)
        let was_there = self.started || hold.was_rolling || self.told.present;
        if self.follows() {
            let frame = (!over).then(|| there(hold.frame));
            self.follow_again(hold.joined, hold.was_rolling && play, frame);
            if was_there && !self.rolling {
                self.run_driver();
            }
            return;
        }
        self.rolling = hold.was_rolling && play;
        let part = self.parts[self.song];
        // At its end, it would be over again at once.
        let frame = Some(there(hold.frame)).filter(|frame| !over && *frame < part.end);
        self.looping = match self.looping {
            Some(l) if by_hand => Some(Loop {
                a: there(l.a),
                b: there(l.b),
                ..l
            }),
            None if by_hand => None,
            _ => part.repeat,
        };
        self.start_deck(frame);
        if was_there && self.told.output.has_ports() {
            // Its ports are patched as before also while nothing is played.
            self.run_driver();
        }
    }

    /// Settings that live in the rig.
    pub(super) fn set_up(&mut self, rig: &mut Rig) {
        self.device = (rig.granted.rate, rig.granted.device.to_string());
        self.losses.notice = rig.granted.notice.to_string();
        let board = rig.handle.board();
        board.set_master(self.master);
        board.set_monitor_level(self.told.monitor);
        rig.driver.watch(self.told.monitor == MonitorLevel::Full);
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
