//! A remote: what steers a session from any thread, by verbs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::answer::{Answer, Answerer};
use super::{ErrorCode, Refusal, Verb};
use crate::player::{Status, Wish, Wishes};

/// Steers one session. Any number may be about, on any threads.
#[derive(Clone)]
pub struct Remote {
    wishes: Wishes,
    status: Arc<Mutex<Status>>,
}

impl Remote {
    pub(crate) fn new(wishes: Wishes, status: Arc<Mutex<Status>>) -> Self {
        Self { wishes, status }
    }

    /// Asks for something, and returns at once. `answer` is called from another thread: with
    /// [`Answer::Accepted`] or not, and then exactly once with a last answer. It must not block.
    pub fn order(&self, verb: Verb, answer: impl FnMut(Answer) + Send + 'static) {
        let answerer = Answerer::new(answer);
        if let Verb::Subscribe(_) = verb {
            let what = "subscribe: it is for a connection that stays";
            answerer.refuse(Refusal::new(ErrorCode::BadValue, what));
            return;
        }
        // After the end nobody listens: the answerer comes back, and says so as it goes.
        self.wishes.send(Wish::Order(verb, answerer));
    }

    /// Asks for something, and waits for the last answer.
    pub fn ask(&self, verb: Verb) -> Answer {
        let (sender, answers) = mpsc::channel();
        self.order(verb, move |answer| {
            let _ = sender.send(answer);
        });
        loop {
            match answers.recv() {
                Ok(Answer::Accepted) => {}
                Ok(last) => return last,
                Err(_) => return Answer::Refused(Refusal::over()),
            }
        }
    }

    /// How things are, as of the last poll.
    pub fn status(&self) -> Status {
        let status = self.status.lock();
        status.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Somebody who may want the status and its meters oftener than they are renewed by themselves.
    pub(crate) fn curiosity(&self) -> Curiosity {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Curiosity {
            who: NEXT.fetch_add(1, Ordering::Relaxed),
            every: None,
            wishes: self.wishes.clone(),
        }
    }
}

/// How often somebody wants the status renewed. Who wants it most often has his way.
pub(crate) struct Curiosity {
    who: u64,
    every: Option<Duration>,
    wishes: Wishes,
}

impl Curiosity {
    /// Has the status and its meters renewed this often; 100 ms is as it is by itself.
    pub fn every(&mut self, every: Duration) {
        if self.every != Some(every) {
            self.every = Some(every);
            self.wishes.send(Wish::Refresh(self.who, every));
        }
    }
}
