//! A stream that is kept going while nothing is to be heard, for DACs that pop when it stops or that mute themselves in
//! digital silence. The device gets silence, or noise that nobody hears; the engine isn't asked.

use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Instant;

use engine_core::backend::{Health, Process};
use engine_core::convert::SampleFormat;

use super::{Mode, Turn, Worker};
use crate::options::KeepAlive;

/// The step of 24 bit, which the converters of most DACs end at.
const STEP_24: f32 = 1.0 / 8_388_608.0;
/// The step of 16 bit.
const STEP_16: f32 = 1.0 / 32_768.0;

/// Noise of one step up or down, or none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Murmur {
    state: u32,
    step: f32,
}

impl Murmur {
    pub(super) fn new(format: SampleFormat) -> Self {
        Self {
            state: 0x9e37_79b9,
            step: match format {
                SampleFormat::S16 => STEP_16,
                _ => STEP_24,
            },
        }
    }

    pub(super) fn next(&mut self) -> f32 {
        let mut x = self.state;
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        self.state = x;
        match x >> 30 {
            0 => self.step,
            1 => -self.step,
            _ => 0.0,
        }
    }
}

impl Worker {
    /// Whether the device is to be kept going. One that nothing paces would get silence without end.
    pub(super) fn keeps_alive(&self) -> bool {
        self.keep_alive != KeepAlive::No && !self.pulled
    }

    /// What the thread is well at when it is in that mode.
    pub(super) fn well(&self) -> Health {
        match self.mode {
            Mode::Resting => Health::Halted,
            _ => Health::Running,
        }
    }

    /// Waits for the process, keeping the device going from the beginning.
    pub(super) fn await_process<P: Process>(&mut self, process: &Receiver<P>) -> Option<P> {
        if !self.keeps_alive() {
            return process.recv().ok();
        }
        self.begin_resting();
        loop {
            match process.try_recv() {
                Ok(process) => return Some(process),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {}
            }
            // (Its first command comes right behind it, and wakes the same.)
            match self.mode {
                Mode::Resting => {
                    let turn = self.rest();
                    self.take_turn(turn);
                }
                _ => self.idle(),
            }
        }
    }

    /// From a standing device.
    pub(super) fn begin_resting(&mut self) {
        self.mode = Mode::Resting;
        self.start_over();
    }

    /// The device goes on; nothing of the engine's waits in it any more.
    pub(super) fn go_on_resting(&mut self) {
        self.mode = Mode::Resting;
        self.shared.set_latency(0, Instant::now());
        if !self.in_episode {
            self.shared.set_health(Health::Halted);
        }
        self.answer();
    }

    /// Plays again, without a gap.
    pub(super) fn go_on_playing(&mut self) {
        self.mode = Mode::Running;
        self.accepted = 0;
        self.running_since = Instant::now();
        if !self.in_episode {
            self.shared.set_health(Health::Running);
        }
        self.answer();
    }

    /// One turn of keeping it going.
    pub(super) fn rest(&mut self) -> Result<Turn, i32> {
        if self.pulled {
            // Found out only now.
            let _ = self.pcm.pcm.drop();
            self.stop();
            return Ok(Turn::Again);
        }
        let room = self.room()?;
        if self.stage.is_empty() {
            if room < self.pcm.chunk {
                return Ok(Turn::Wait);
            }
            self.planes.fill(0.0);
            match self.keep_alive {
                KeepAlive::Noise => self.convert(),
                _ => self.stage.fill_silent(self.pcm.chunk),
            }
        }
        self.hand_over()
    }

    /// Keeps it going until what the engine gave has been heard. `last`: so many frames given since the PCM was prepared
    /// were that.
    pub(super) fn drain_alive(&mut self, last: u64) -> Result<Turn, i32> {
        let turn = self.rest()?;
        let behind = self.behind as u64;
        // (Prepared anew, it has nothing of it any more.)
        let unheard = match self.flow.given() < last {
            true => 0,
            false => (last + behind).saturating_sub(self.flow.taken()),
        };
        self.shared.set_latency(unheard, self.measured);
        if unheard == 0 && self.mode != Mode::Halted {
            self.go_on_resting();
        }
        Ok(turn)
    }

    /// Noise in place of digital silence, where that is wanted and the dither doesn't make it.
    pub(super) fn murmur(&mut self) {
        let Some(murmur) = &mut self.murmur else {
            return;
        };
        if self.planes.iter().any(|x| *x != 0.0) {
            return;
        }
        let chunk = self.pcm.chunk.max(1);
        for plane in self.planes.chunks_exact_mut(chunk).take(self.outs) {
            for sample in plane {
                *sample = murmur.next();
            }
        }
    }
}
