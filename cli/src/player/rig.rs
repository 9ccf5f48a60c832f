//! A rig: an engine in its seat, the handle to it, and the driver that borrows it.

use std::time::{Duration, Instant};

use engine_core::backend::{
    BackendError, BackendErrorKind as Kind, Closed, Granted, Process, Wish,
};
use engine_core::engine::EngineConfig;
use engine_core::host::{self, HostHandle};
use engine_core::seat::Seat;

use super::PlayerError;
use super::clock::HostClock;
use super::driver::{Driver, Engine, Output};
use super::layout::Layout;

/// How long a driver may take to give the engine back or to close.
pub(super) const DEADLINE: Duration = Duration::from_secs(2);
/// Length of the ramps on changed controls.
const RAMP_MS: u32 = 5;

/// What is asked of the driver.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    pub rate: Option<u32>,
    /// The rate that would be best; where the device hasn't got it, any of its own will do.
    pub best_rate: Option<u32>,
    pub period: Option<u32>,
    pub periods: Option<u32>,
    pub format: Option<engine_core::convert::SampleFormat>,
}

pub(super) struct Rig {
    seat: Seat<Engine>,
    pub handle: HostHandle<HostClock>,
    pub driver: Driver,
    pub granted: Granted,
    /// The driver calls the engine.
    pub running: bool,
    started: bool,
}

impl Rig {
    /// Opens the driver and seats an engine at the granted rate. Nothing sounds yet.
    pub fn open(output: &Output, layout: &Layout, asked: Asked) -> Result<Self, PlayerError> {
        let outs: Vec<&str> = layout.outs.iter().map(String::as_str).collect();
        let open = |rate| -> Result<(Driver, Granted), BackendError> {
            let mut driver = output.driver(layout);
            let granted = driver.open(&Wish {
                rate,
                period: asked.period,
                periods: asked.periods,
                format: asked.format,
                outs: &outs,
            })?;
            Ok((driver, granted))
        };
        let (driver, granted) = match open(asked.rate.or(asked.best_rate)) {
            Err(e) if e.kind == Kind::Rate && asked.rate.is_none() => open(None)?,
            other => other?,
        };
        let config = EngineConfig {
            rate: granted.rate,
            ramp: granted.rate * RAMP_MS / 1000,
            direct_from: layout.direct_from,
        };
        let (engine, handle) = host::engine(config, layout.engine(), HostClock::new());
        Ok(Self {
            seat: Seat::new(engine),
            handle,
            driver,
            granted,
            running: false,
            started: false,
        })
    }

    /// Lends the engine and has the driver call it.
    pub fn run(&mut self) -> Result<(), PlayerError> {
        if self.running {
            return Ok(());
        }
        self.seat.lend();
        self.running = true;
        let result = if self.started {
            self.driver.resume()
        } else {
            match self.seat.borrower() {
                Some(borrower) => {
                    self.started = true;
                    self.driver.start(borrower)
                }
                None => self.driver.resume(),
            }
        };
        if result.is_err() {
            self.take_back();
        }
        Ok(result?)
    }

    /// Which loudspeaker each channel is, where the driver tells.
    pub fn channel_map(&self) -> Option<Vec<String>> {
        let map = self
            .granted
            .channel_map
            .split(' ')
            .filter(|p| !p.is_empty());
        let map: Vec<String> = map.map(str::to_owned).collect();
        (!map.is_empty()).then_some(map)
    }

    /// Has the driver take part in its graph, silent: a client's ports can be connected only then.
    pub fn appear(&mut self) {
        // A driver that can't shows it in its report, and when it is to play.
        if self.run().is_ok() {
            self.halt(engine_core::backend::Halt::Now);
        }
    }

    /// Has the driver play what it was given, to the last frame, and takes the engine back.
    pub fn halt(&mut self, how: engine_core::backend::Halt) {
        if self.running {
            // A driver that can't halt shows it in its report.
            let _ = self.driver.halt(how, DEADLINE);
            self.take_back();
        }
    }

    /// Withdraws the engine from the driver; false when the driver keeps it past the deadline.
    pub fn take_back(&mut self) -> bool {
        self.running = false;
        self.seat.withdraw();
        let deadline = Instant::now() + DEADLINE;
        while self.seat.engine().is_none() {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// With no driver calling it, runs the engine over no frames, so that commands are obeyed.
    pub fn pump(&mut self) {
        if !self.running
            && let Some(engine) = self.seat.engine()
        {
            engine.process(&mut [], 0);
        }
    }

    /// Closes the driver; the engine goes with the rig.
    pub fn close(mut self) -> Closed {
        let back = self.take_back();
        match self.driver.close(DEADLINE) {
            Closed::Clean if back => Closed::Clean,
            _ => {
                // The driver's thread may still be inside: driver and engine are left to it.
                std::mem::forget(self);
                Closed::Abandoned
            }
        }
    }
}
