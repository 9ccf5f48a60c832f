//! The null backend: no device, paced by the system's clock. For a machine without sound, for
//! tests, and for trying things out.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use engine_core::backend::{
    Backend, BackendError, BackendErrorKind, Closed, Granted, Halt, Health, Process, Report, Text,
    Wish, text,
};

/// Rate when none is wished, Hz.
const RATE: u32 = 48_000;
/// Period when none is wished, frames.
const PERIOD: u32 = 1024;
/// Later than this, the lost time is not made up.
const GIVE_UP: Duration = Duration::from_millis(200);

/// Plays to nobody, at the speed of a real device unless told otherwise.
pub struct Null<P> {
    speed: f64,
    opened: Option<Opened>,
    worker: Option<Worker>,
    _process: std::marker::PhantomData<fn(P)>,
}

struct Opened {
    rate: u32,
    period: u32,
    outs: usize,
}

struct Worker {
    shared: Arc<Shared>,
    done: mpsc::Receiver<()>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    quit: AtomicBool,
    halted: AtomicBool,
    cycles: AtomicU32,
}

impl<P> Null<P> {
    /// Paced like a device.
    pub fn new() -> Self {
        Self::at_speed(1.0)
    }

    /// Paced `speed` times as fast as a device would; infinite speed asks for the next frames as
    /// soon as they are ready.
    pub fn at_speed(speed: f64) -> Self {
        Self {
            speed,
            opened: None,
            worker: None,
            _process: std::marker::PhantomData,
        }
    }
}

impl<P> Default for Null<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Process + 'static> Backend<P> for Null<P> {
    fn name(&self) -> &'static str {
        "null"
    }

    fn open(&mut self, wish: &Wish<'_>) -> Result<Granted, BackendError> {
        let rate = wish.rate.unwrap_or(RATE);
        let period = wish.period.unwrap_or(PERIOD);
        if !(1..=1 << 20).contains(&period) || !(1_000..=1_000_000).contains(&rate) {
            return Err(BackendError::new(
                BackendErrorKind::Usage,
                format_args!(
                    "the null backend can't do {rate} Hz with a period of {period} frames"
                ),
            ));
        }
        self.opened = Some(Opened {
            rate,
            period,
            outs: wish.outs.len(),
        });
        Ok(Granted {
            channel_map: Default::default(),
            rate,
            period,
            periods: None,
            channels: u32::try_from(wish.outs.len()).unwrap_or(u32::MAX),
            format: None,
            device: text(format_args!("null")),
            notice: Text::new(),
        })
    }

    fn start(&mut self, process: P) -> Result<(), BackendError> {
        let Some(opened) = &self.opened else {
            return Err(BackendError::new(
                BackendErrorKind::Usage,
                format_args!("the null backend was started before it was opened"),
            ));
        };
        let shared = Arc::new(Shared::default());
        let (finished, done) = mpsc::channel();
        let pace = Pace {
            period: opened.period as usize,
            outs: opened.outs,
            step: if self.speed.is_finite() {
                Some(Duration::from_secs_f64(
                    f64::from(opened.period) / f64::from(opened.rate) / self.speed.max(1e-3),
                ))
            } else {
                None
            },
        };
        let theirs = shared.clone();
        let thread = std::thread::Builder::new()
            .name("backline-null".into())
            .spawn(move || {
                pace.run(&theirs, process);
                let _ = finished.send(());
            })
            .map_err(|e| {
                BackendError::new(
                    BackendErrorKind::Driver,
                    format_args!("can't start the null backend's thread: {e}"),
                )
            })?;
        self.worker = Some(Worker {
            shared,
            done,
            thread,
        });
        Ok(())
    }

    fn halt(&mut self, _how: Halt, _deadline: Duration) -> Result<(), BackendError> {
        // Nothing is queued: what was given has been heard by nobody.
        if let Some(w) = &self.worker {
            w.shared.halted.store(true, Ordering::Release);
        }
        Ok(())
    }

    fn resume(&mut self) -> Result<(), BackendError> {
        if let Some(w) = &self.worker {
            w.shared.halted.store(false, Ordering::Release);
            w.thread.thread().unpark();
        }
        Ok(())
    }

    fn report(&mut self) -> Report {
        let (rate, period) = self.opened.as_ref().map_or((0, 0), |o| (o.rate, o.period));
        let running = self
            .worker
            .as_ref()
            .is_some_and(|w| !w.shared.halted.load(Ordering::Acquire));
        Report {
            health: if running {
                Health::Running
            } else {
                Health::Halted
            },
            rate,
            period,
            cycles: self
                .worker
                .as_ref()
                .map_or(0, |w| w.shared.cycles.load(Ordering::Relaxed)),
            ..Report::default()
        }
    }

    fn close(&mut self, deadline: Duration) -> Closed {
        self.opened = None;
        let Some(w) = self.worker.take() else {
            return Closed::Clean;
        };
        w.shared.quit.store(true, Ordering::Release);
        w.thread.thread().unpark();
        match w.done.recv_timeout(deadline) {
            Err(mpsc::RecvTimeoutError::Timeout) => Closed::Abandoned,
            _ => {
                let _ = w.thread.join();
                Closed::Clean
            }
        }
    }
}

struct Pace {
    period: usize,
    outs: usize,
    /// Time of a period; `None` is as fast as the frames come.
    step: Option<Duration>,
}

impl Pace {
    fn run<P: Process>(&self, shared: &Shared, mut process: P) {
        let mut room = vec![vec![0.0f32; self.period]; self.outs];
        let mut planes: Vec<&mut [f32]> = room.iter_mut().map(Vec::as_mut_slice).collect();
        let mut next = Instant::now();
        while !shared.quit.load(Ordering::Acquire) {
            if shared.halted.load(Ordering::Acquire) {
                std::thread::park_timeout(Duration::from_millis(100));
                next = Instant::now();
                continue;
            }
            match self.step {
                Some(step) => {
                    let now = Instant::now();
                    if next > now {
                        std::thread::park_timeout(next - now);
                        continue;
                    }
                    if now - next > GIVE_UP {
                        next = now;
                    }
                    next += step;
                }
                None => {
                    if !process.ready(self.period) {
                        std::thread::park_timeout(Duration::from_micros(200));
                        continue;
                    }
                }
            }
            process.process(&mut planes, self.period);
            let cycles = shared.cycles.load(Ordering::Relaxed);
            shared
                .cycles
                .store(cycles.wrapping_add(1), Ordering::Relaxed);
        }
    }
}
