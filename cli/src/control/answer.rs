//! What a session answers to a verb.

use std::path::PathBuf;

use super::Refusal;
use crate::player::Status;

/// An answer. A verb that takes effect with the engine's next call gets one; one for which a deck
/// must be prepared, or a fade must end, is first [accepted](Answer::Accepted).
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It is on its way: another answer follows.
    Accepted,
    /// It has taken effect, from this frame of the song on (at the output's rate).
    Done {
        /// The first frame that is different.
        frame: u64,
    },
    /// The same, and it is written in a file.
    Saved {
        /// As of [`Done`](Self::Done).
        frame: u64,
        /// Which, with its whole path.
        file: PathBuf,
    },
    /// What was asked for.
    Status(Box<Status>),
    /// It is not done.
    Refused(Refusal),
}

impl Answer {
    /// Whether none follows.
    pub fn is_last(&self) -> bool {
        *self != Self::Accepted
    }
}

/// Whom to answer. Every verb gets its last answer, whatever happens.
pub(crate) struct Answerer(Option<Box<dyn FnMut(Answer) + Send>>);

impl Answerer {
    pub fn new(answer: impl FnMut(Answer) + Send + 'static) -> Self {
        Self(Some(Box::new(answer)))
    }

    pub fn accept(&mut self) {
        if let Some(answer) = &mut self.0 {
            answer(Answer::Accepted);
        }
    }

    pub fn done(self, frame: u64) {
        self.last(Answer::Done { frame });
    }

    pub fn refuse(self, refusal: Refusal) {
        self.last(Answer::Refused(refusal));
    }

    pub fn last(mut self, answer: Answer) {
        if let Some(mut to) = self.0.take() {
            to(answer);
        }
    }
}

impl Drop for Answerer {
    fn drop(&mut self) {
        if let Some(mut to) = self.0.take() {
            to(Answer::Refused(Refusal::over()));
        }
    }
}
