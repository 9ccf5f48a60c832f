//! The process callback: one cycle of the graph.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use engine_core::backend::Process;
use engine_core::outside::Outside;

use crate::raw::{Cycle, Moment, Planes};
use crate::shared::{Mode, Shared};
use crate::transport;

/// How long a freewheeling cycle waits for data. jackd's own limit is 10 s.
pub(crate) const FREEWHEEL_WAIT: Duration = Duration::from_secs(5);
/// Between two looks of one that waits.
pub(crate) const PAUSE: Duration = Duration::from_micros(200);

/// A player's process on the cycles of a client.
pub(crate) struct Player<P> {
    process: P,
    shared: Arc<Shared>,
    /// Frames of one call of the process at most: the player's rings are sized by it.
    most: usize,
    /// Frame time of the next cycle and frames of the last, when both are known.
    expected: Option<(u32, u32)>,
}

impl<P: Process> Player<P> {
    pub(crate) fn new(process: P, shared: Arc<Shared>, granted_period: u32) -> Self {
        Self {
            process,
            shared,
            most: granted_period.max(1) as usize,
            expected: None,
        }
    }

    /// Compares the server's frame time with where the last cycle left it.
    fn note_time(&mut self, time: u32, frames: u32, freewheel: bool) {
        if !freewheel && let Some((expected, last)) = self.expected {
            let jump = time.wrapping_sub(expected);
            // A size change restarts the driver, and half the range means backwards.
            if last == frames && jump != 0 && jump < u32::MAX / 2 {
                self.shared.jumped(jump);
            }
        }
        self.expected = (!freewheel).then(|| (time.wrapping_add(frames), frames));
    }

    /// Freewheel only, where the server waits for its clients and no clock runs: waits until the
    /// player has the frames, with a bound, and gives way to a halt.
    #[cold]
    #[inline(never)]
    fn wait_ready(&mut self, frames: usize) {
        let start = Instant::now();
        while !self.process.ready(frames)
            && self.shared.freewheeling()
            && self.shared.mode() == Mode::Play
            && start.elapsed() < FREEWHEEL_WAIT
        {
            thread::sleep(PAUSE);
        }
    }
}

impl<P: Process + 'static> Cycle for Player<P> {
    fn cycle(&mut self, planes: &mut Planes<'_>, moment: Moment) {
        let frames = moment.frames;
        let freewheel = self.shared.freewheeling();
        self.note_time(moment.time, frames, freewheel);
        if let (Some(us), false) = (moment.late_us, freewheel) {
            self.shared.punctuality.began_late(us);
        }
        let n = frames as usize;
        if let Some(at) = moment.transport
            && self.shared.mode() == Mode::Play
        {
            self.process.follow(at);
        }
        if self.shared.mode() == Mode::Silent {
            silence(planes, 0, n);
        } else if n <= self.most {
            if freewheel {
                self.wait_ready(n);
            }
            self.process.process(planes, n);
        } else {
            let mut from = 0;
            while from < n {
                let to = n.min(from + self.most);
                if freewheel {
                    self.wait_ready(to - from);
                }
                if self.shared.mode() == Mode::Silent {
                    silence(planes, from, n);
                    break;
                }
                // `collect` would link heapless' panic for too many.
                let mut part = Planes::new();
                for plane in planes.iter_mut() {
                    let _ = part.push(plane.get_mut(from..to).unwrap_or_default());
                }
                self.process.process(&mut part, to - from);
                from = to;
            }
        }
        self.shared.cycle_done(frames);
    }

    fn spoilt(&mut self, planes: &mut Planes<'_>, moment: Moment) {
        self.note_time(moment.time, moment.frames, self.shared.freewheeling());
        silence(planes, 0, moment.frames as usize);
        self.shared.cycle_done(moment.frames);
    }

    fn ready(&mut self, at: Outside) -> bool {
        transport::ready(&mut self.process, &self.shared, at)
    }

    fn wants_clock(&self) -> bool {
        self.shared.watched()
    }
}

fn silence(planes: &mut Planes<'_>, from: usize, to: usize) {
    for plane in planes.iter_mut() {
        if let Some(p) = plane.get_mut(from..to) {
            p.fill(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::Hooks;
    use engine_core::backend::Played;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    /// Frame k is k + 1; notes its longest call.
    #[derive(Default)]
    struct Ramp {
        next: u32,
        longest: Arc<AtomicUsize>,
        not_ready: Arc<AtomicUsize>,
        never: Arc<AtomicBool>,
    }

    impl Process for Ramp {
        fn process(&mut self, planes: &mut [&mut [f32]], frames: usize) -> Played {
            for p in planes.iter_mut() {
                for (i, x) in p.iter_mut().take(frames).enumerate() {
                    *x = (self.next + i as u32 + 1) as f32;
                }
            }
            self.next += frames as u32;
            self.longest.fetch_max(frames, Ordering::Relaxed);
            Played::Engine
        }

        fn ready(&mut self, _frames: usize) -> bool {
            if self.never.load(Ordering::Relaxed) {
                return false;
            }
            let left = self.not_ready.load(Ordering::Relaxed);
            self.not_ready
                .store(left.saturating_sub(1), Ordering::Relaxed);
            left == 0
        }
    }

    fn run(player: &mut Player<Ramp>, n: usize, time: u32) -> Vec<f32> {
        let mut a = vec![9.0f32; n];
        let mut b = vec![9.0f32; n];
        let mut planes: Planes<'_> = [&mut a[..], &mut b[..]].into_iter().collect();
        let moment = Moment {
            frames: n as u32,
            time,
            ..Moment::default()
        };
        player.cycle(&mut planes, moment);
        drop(planes);
        assert_eq!(a, b);
        a
    }

    #[test]
    fn any_size_is_exact_and_long_calls_are_split() {
        let shared = Arc::new(Shared::new(48_000, 64));
        shared.set_mode(Mode::Play);
        let longest = Arc::new(AtomicUsize::new(0));
        let ramp = Ramp {
            longest: longest.clone(),
            ..Ramp::default()
        };
        let mut player = Player::new(ramp, shared.clone(), 64);
        let mut all = Vec::new();
        for n in [64, 1, 0, 63, 100, 1024, 129, 64] {
            all.extend(run(&mut player, n, 0));
        }
        let wanted: Vec<f32> = (1..=all.len()).map(|k| k as f32).collect();
        assert_eq!(all, wanted);
        assert_eq!(longest.load(Ordering::Relaxed), 64);
        assert_eq!(shared.cycles(), 8);
        assert_eq!(shared.frames() as usize, all.len());
    }

    #[test]
    fn silent_asks_nothing_of_the_player() {
        let shared = Arc::new(Shared::new(48_000, 64));
        let mut player = Player::new(Ramp::default(), shared.clone(), 64);
        assert_eq!(run(&mut player, 80, 0), vec![0.0; 80]);
        shared.set_mode(Mode::Play);
        assert_eq!(run(&mut player, 2, 0), [1.0, 2.0]);
    }

    #[test]
    fn a_spoilt_cycle_is_silence_on_what_there_is_and_counts() {
        let shared = Arc::new(Shared::new(48_000, 64));
        shared.set_mode(Mode::Play);
        let mut player = Player::new(Ramp::default(), shared.clone(), 64);
        assert_eq!(run(&mut player, 2, 0), [1.0, 2.0]);
        let mut a = [9.0f32; 8];
        let mut planes: Planes<'_> = [&mut a[..]].into_iter().collect();
        let moment = Moment {
            frames: 8,
            time: 2,
            ..Moment::default()
        };
        player.spoilt(&mut planes, moment);
        drop(planes);
        assert_eq!(a, [0.0; 8]);
        assert_eq!((shared.cycles(), shared.frames()), (2, 10));
        // The player has lost no frame by it, and the server has had no xrun.
        assert_eq!(run(&mut player, 2, 10), [3.0, 4.0]);
        assert_eq!(shared.xruns(), 0);
    }

    #[test]
    fn freewheel_waits_for_the_player_and_a_pace_does_not() {
        let shared = Arc::new(Shared::new(48_000, 64));
        shared.set_mode(Mode::Play);
        let not_ready = Arc::new(AtomicUsize::new(3));
        let ramp = Ramp {
            not_ready: not_ready.clone(),
            ..Ramp::default()
        };
        let mut player = Player::new(ramp, shared.clone(), 64);
        run(&mut player, 64, 0);
        assert_eq!(not_ready.load(Ordering::Relaxed), 3);
        shared.freewheel(true);
        run(&mut player, 64, 64);
        assert_eq!(not_ready.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_waiting_freewheel_cycle_gives_way_to_a_halt() {
        let shared = Arc::new(Shared::new(48_000, 64));
        shared.set_mode(Mode::Play);
        shared.freewheel(true);
        let ramp = Ramp {
            never: Arc::new(AtomicBool::new(true)),
            ..Ramp::default()
        };
        let mut player = Player::new(ramp, shared.clone(), 64);
        let s = shared.clone();
        let start = Instant::now();
        let halter = thread::spawn(move || s.set_mode(Mode::Silent));
        run(&mut player, 256, 0);
        halter.join().unwrap();
        assert!(start.elapsed() < FREEWHEEL_WAIT);
    }

    #[test]
    fn jumps_of_the_frame_time_are_counted() {
        let shared = Arc::new(Shared::new(48_000, 64));
        let mut player = Player::new(Ramp::default(), shared.clone(), 64);
        for time in [u32::MAX - 63, 0, 64, 256, 320] {
            run(&mut player, 64, time);
        }
        assert_eq!((shared.xruns(), shared.xrun_frames()), (1, 128));
        // Neither a change of size nor freewheel is an xrun.
        run(&mut player, 32, 5000);
        shared.freewheel(true);
        run(&mut player, 32, 9000);
        shared.freewheel(false);
        run(&mut player, 32, 100);
        assert_eq!(shared.xruns(), 1);
    }
}
