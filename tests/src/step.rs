//! A driver that a test drives by hand: frames are played when the test says so, and kept.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use backline::player::{Driver, EngineBorrower, Output};
use engine_core::backend::{
    Backend, BackendError, Closed, Granted, Halt, Health, Played, Process, Report, Text, Wish,
};
use engine_core::outside::{Move, Outside};

/// The test's end of the driver.
#[derive(Clone)]
pub struct Stepper {
    state: Arc<Mutex<State>>,
}

struct State {
    rate: u32,
    period: u32,
    process: Option<EngineBorrower>,
    planes: Vec<Vec<f32>>,
    /// What was played since the last [`Stepper::take`], channels × frames.
    heard: Vec<Vec<f32>>,
    halted: bool,
    lost: bool,
    hangs: bool,
    opens: u32,
    cycles: u32,
    /// An outside transport, if there is one.
    outside: Option<Outside>,
    /// What it was asked to do and has not done yet; whether it does.
    moves: Vec<Move>,
    obeys: bool,
}

impl State {
    /// One call, if there is somebody to call; whether the engine gave what was heard.
    fn call(&mut self, frames: usize) -> bool {
        let Some(p) = &mut self.process else {
            return false;
        };
        for plane in &mut self.planes {
            plane.resize(frames, 0.0);
        }
        let mut planes: Vec<&mut [f32]> = self.planes.iter_mut().map(Vec::as_mut_slice).collect();
        let played = p.process(&mut planes, frames) == Played::Engine;
        self.cycles += 1;
        if played {
            for (heard, plane) in self.heard.iter_mut().zip(&self.planes) {
                heard.extend_from_slice(&plane[..frames]);
            }
        }
        played
    }
}

impl Stepper {
    /// A device of that rate (Hz) and period (frames).
    pub fn new(rate: u32, period: u32) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                rate,
                period,
                process: None,
                planes: Vec::new(),
                heard: Vec::new(),
                halted: true,
                lost: false,
                hangs: false,
                opens: 0,
                cycles: 0,
                outside: None,
                moves: Vec::new(),
                obeys: true,
            })),
        }
    }

    /// For the player.
    pub fn output(&self) -> Output {
        let this = self.clone();
        Output::Other {
            name: "step",
            make: Arc::new(move || -> Driver { Box::new(this.clone()) }),
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.state.lock().unwrap())
    }

    /// Plays `frames` frames in one call, as soon as the player is ready for them. Returns false
    /// when it isn't by the deadline, or the stream doesn't run.
    pub fn step(&self, frames: usize, deadline: Duration) -> bool {
        let deadline = Instant::now() + deadline;
        loop {
            let played = self.with(|s| {
                if s.halted {
                    return false;
                }
                let Some(p) = &mut s.process else {
                    return false;
                };
                if !p.ready(frames) {
                    return false;
                }
                s.call(frames)
            });
            if played {
                return true;
            }
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// Where the outside transport is from now on. Rolling, it goes on with the frames of [`Stepper::rush`].
    pub fn follow(&self, outside: Outside) {
        self.with(|s| s.outside = Some(outside));
    }

    /// Where the outside transport is.
    pub fn outside(&self) -> Option<Outside> {
        self.with(|s| s.outside)
    }

    /// Whether the outside transport does at the next [`Stepper::rush`] what it is asked to; otherwise it waits.
    pub fn obey(&self, obeys: bool) {
        self.with(|s| s.obeys = obeys);
    }

    /// Whether the outside transport's frame could be played at once.
    pub fn in_step(&self) -> bool {
        self.with(|s| match (&mut s.process, s.outside) {
            (Some(p), Some(outside)) => {
                p.follow(outside);
                p.in_step()
            }
            _ => false,
        })
    }

    /// Plays `frames` frames in one call, ready or not, if the stream runs.
    pub fn rush(&self, frames: usize) {
        self.with(|s| {
            if s.halted || s.process.is_none() {
                return;
            }
            if let (Some(p), Some(outside)) = (&mut s.process, &mut s.outside) {
                if s.obeys {
                    s.moves.retain(|to| {
                        match to {
                            Move::Stop => outside.rolling = false,
                            Move::Locate(frame) => outside.frame = *frame,
                            // Only when who follows is ready.
                            Move::Start => {
                                p.follow(*outside);
                                outside.rolling = p.in_step();
                                return !outside.rolling;
                            }
                        }
                        false
                    });
                }
                p.follow(*outside);
                outside.frame += if outside.rolling { frames as u64 } else { 0 };
            }
            s.call(frames);
        });
    }

    /// What was played since the last time, channels × frames.
    pub fn take(&self) -> Vec<Vec<f32>> {
        self.with(|s| {
            let channels = s.heard.len();
            std::mem::replace(&mut s.heard, vec![Vec::new(); channels])
        })
    }

    /// Whether the stream runs.
    pub fn runs(&self) -> bool {
        self.with(|s| !s.halted && s.process.is_some())
    }

    /// Unplugs the device (the next `open` fails, too), or plugs it in again at a rate.
    pub fn plug(&self, rate: Option<u32>) {
        self.with(|s| {
            s.lost = rate.is_none();
            if let Some(rate) = rate {
                s.rate = rate;
            }
        });
    }

    /// Whether it hangs from now on when it is closed.
    pub fn hang(&self, hangs: bool) {
        self.with(|s| s.hangs = hangs);
    }

    /// How often it was opened.
    pub fn opens(&self) -> u32 {
        self.with(|s| s.opens)
    }
}

impl Backend<EngineBorrower> for Stepper {
    fn name(&self) -> &'static str {
        "step"
    }

    fn open(&mut self, wish: &Wish<'_>) -> Result<Granted, BackendError> {
        self.with(|s| {
            if s.lost {
                return Err(BackendError::new(
                    engine_core::backend::BackendErrorKind::NoDevice,
                    format_args!("the test's device is unplugged"),
                ));
            }
            s.opens += 1;
            s.heard.resize(wish.outs.len(), Vec::new());
            s.planes = vec![Vec::new(); wish.outs.len()];
            Ok(Granted {
                channel_map: Default::default(),
                rate: s.rate,
                period: s.period,
                periods: None,
                channels: wish.outs.len() as u32,
                format: None,
                device: Text::new(),
                notice: Text::new(),
            })
        })
    }

    fn start(&mut self, process: EngineBorrower) -> Result<(), BackendError> {
        self.with(|s| {
            s.process = Some(process);
            s.halted = false;
        });
        Ok(())
    }

    fn halt(&mut self, _how: Halt, _deadline: Duration) -> Result<(), BackendError> {
        self.with(|s| s.halted = true);
        Ok(())
    }

    fn resume(&mut self) -> Result<(), BackendError> {
        self.with(|s| s.halted = false);
        Ok(())
    }

    fn steer(&mut self, to: Move) -> Result<(), BackendError> {
        self.with(|s| s.moves.push(to));
        Ok(())
    }

    fn report(&mut self) -> Report {
        self.with(|s| Report {
            health: if s.lost {
                Health::Lost
            } else if s.halted {
                Health::Halted
            } else {
                Health::Running
            },
            rate: s.rate,
            period: s.period,
            cycles: s.cycles,
            ..Report::default()
        })
    }

    fn close(&mut self, _deadline: Duration) -> Closed {
        self.with(|s| {
            s.process = None;
            s.halted = true;
            // A server's transport goes with it.
            s.moves.clear();
            s.outside = s.outside.map(|_| Outside::default());
            if s.hangs {
                Closed::Abandoned
            } else {
                Closed::Clean
            }
        })
    }
}
