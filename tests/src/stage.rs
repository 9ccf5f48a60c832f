//! A player on a driver stepped by hand, what was heard of it, and orders to it.

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use backline::control::{Answer, Verb};
use backline::player::{Output, Player};
use tempfile::TempDir;

use crate::session::{SOON, until};
use crate::step::Stepper;

/// Frames of a call.
pub const CALL: usize = 64;
/// How soon an order is heard, on a machine that isn't too busy.
const HEARD: Duration = Duration::from_millis(50);
/// Between two calls while an answer is awaited: about what a device takes.
const PACE: Duration = Duration::from_millis(1);

/// The player, and the first channel of all it has played.
pub struct Stage {
    /// The player.
    pub player: Player,
    /// What drives it.
    pub driver: Stepper,
    /// What was heard since the beginning, or since it was last cleared.
    pub heard: Vec<f32>,
    /// Where its material is.
    pub dir: TempDir,
}

impl Stage {
    /// With a player for this output. It doesn't play yet.
    pub fn new(dir: TempDir, rate: u32, player: impl FnOnce(Output) -> Player) -> Self {
        let driver = Stepper::new(rate, CALL as u32);
        Self {
            player: player(driver.output()),
            driver,
            heard: Vec::new(),
            dir,
        }
    }

    /// Has it play, and waits for the stream.
    pub fn begin(&self) {
        self.player.play();
        until("the stream", || self.driver.runs());
    }

    /// One call.
    ///
    /// # Panics
    /// When there is nothing to play.
    pub fn step(&mut self) {
        assert!(self.driver.step(CALL, SOON), "not ready");
        self.heard.extend(self.driver.take().swap_remove(0));
    }

    /// So many frames, in whole calls.
    pub fn steps(&mut self, frames: u64) {
        for _ in 0..frames.div_ceil(CALL as u64) {
            self.step();
        }
    }

    /// Gives an order as `ctl` has it.
    ///
    /// # Panics
    /// When it is none.
    pub fn order(&self, line: &str) -> Receiver<Answer> {
        let mut words = line.split(' ').map(str::to_owned);
        let name = words.next().unwrap_or_default();
        let verb = Verb::parse(&name, &words.collect::<Vec<_>>()).expect("a verb");
        let (sender, answers) = channel();
        self.player.remote().order(verb, move |answer| {
            let _ = sender.send(answer);
        });
        answers
    }

    /// Asks, and plays on until it has been done; the frame at which it was.
    ///
    /// # Panics
    /// When it isn't.
    pub fn done(&mut self, line: &str) -> u64 {
        let answers = self.order(line);
        match self.last(&answers) {
            Answer::Done { frame } => frame,
            other => panic!("{line}: {other:?}"),
        }
    }

    /// The last answer. It is played on until then, once the order was heard, and not much faster than a device would: what
    /// is made ready meanwhile has the time it has there.
    ///
    /// # Panics
    /// When there is none.
    pub fn last(&mut self, answers: &Receiver<Answer>) -> Answer {
        // (There may be none before a frame is played.)
        let mut answer = answers.recv_timeout(HEARD);
        let limit = Instant::now() + SOON;
        loop {
            match answer {
                Ok(Answer::Accepted) | Err(_) => {}
                Ok(last) => return last,
            }
            assert!(Instant::now() < limit, "never done");
            if self.driver.runs() {
                self.step();
            }
            answer = answers.recv_timeout(PACE);
        }
    }
}
