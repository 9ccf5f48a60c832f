//! A driver called by hand that waits for nothing: it keeps calling, faster than any stem can be
//! read, as a real device does on a slow disk.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use backline::player::{Driver, EngineBorrower, Output};
use engine_core::backend::{
    Backend, BackendError, Closed, Granted, Halt, Health, Played, Process, Report, Text, Wish,
};

/// The test's end of the driver.
#[derive(Clone)]
pub struct Rush {
    state: Arc<Mutex<State>>,
}

struct State {
    rate: u32,
    period: u32,
    outs: usize,
    process: Option<EngineBorrower>,
    running: bool,
    cycles: u32,
}

impl Rush {
    /// A device of that rate (Hz) and usual period (frames).
    pub fn new(rate: u32, period: u32) -> Self {
        let state = State {
            rate,
            period,
            outs: 0,
            process: None,
            running: false,
            cycles: 0,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// For the player.
    pub fn output(&self) -> Output {
        let this = self.clone();
        Output::Other {
            name: "rush",
            make: Arc::new(move || -> Driver { Box::new(this.clone()) }),
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.state.lock().unwrap())
    }

    /// Asks for `frames` frames at once, whether they are there or not: channels × frames. `None`
    /// while the stream doesn't run.
    pub fn call(&self, frames: usize) -> Option<Vec<Vec<f32>>> {
        self.with(|s| {
            let process = s.process.as_mut().filter(|_| s.running)?;
            let mut planes = vec![vec![f32::NAN; frames]; s.outs];
            let mut slices: Vec<&mut [f32]> = planes.iter_mut().map(Vec::as_mut_slice).collect();
            let played = process.process(&mut slices, frames);
            s.cycles += 1;
            (played == Played::Engine).then_some(planes)
        })
    }
}

impl Backend<EngineBorrower> for Rush {
    fn name(&self) -> &'static str {
        "rush"
    }

    fn open(&mut self, wish: &Wish<'_>) -> Result<Granted, BackendError> {
        self.with(|s| {
            s.outs = wish.outs.len();
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
            s.running = true;
        });
        Ok(())
    }

    fn halt(&mut self, _how: Halt, _deadline: Duration) -> Result<(), BackendError> {
        self.with(|s| s.running = false);
        Ok(())
    }

    fn resume(&mut self) -> Result<(), BackendError> {
        self.with(|s| s.running = true);
        Ok(())
    }

    fn report(&mut self) -> Report {
        self.with(|s| Report {
            health: if s.running {
                Health::Running
            } else {
                Health::Halted
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
            s.running = false;
        });
        Closed::Clean
    }
}
