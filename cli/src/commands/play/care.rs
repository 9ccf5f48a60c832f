//! What a session needs beyond playing: somebody who looks after it, loads it anew when asked to, and
//! says the same thing only now and then.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use super::session::Next;
use super::{extent_of, warn};
use crate::args::{Passes, Play, Run};
use crate::kiosk::{Attendant, Keeper, Kept};
use crate::player::{Player, Status};
use crate::report::{Ended, Reporter, Summary};
use crate::song::Overrides;

/// How soon is looked whether what was left out or broke off is there again; doubled up to the longest.
const LOOK: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(300);
/// The same sentence is said once in so long.
const SAID: Duration = Duration::from_secs(3600);
/// Sentences that are remembered.
const SENTENCES: usize = 64;

/// Looks after one session.
pub(super) struct Care<'a> {
    attendant: &'a mut Attendant,
    thrift: &'a mut Thrift,
    keeper: Option<&'a mut Keeper>,
    play: &'a Play,
    job: Option<Job>,
    looked: Instant,
    look: Duration,
}

/// What is to be played, and how much there is; or why it can't be.
type Loaded = Result<(Play, (usize, u64)), String>;

/// Something that is being looked at on a thread of its own.
struct Job {
    answer: Receiver<Loaded>,
    /// Somebody asked for it; otherwise it counts only if there is more to play than now.
    asked: bool,
}

impl<'a> Care<'a> {
    pub fn new(
        attendant: &'a mut Attendant,
        thrift: &'a mut Thrift,
        keeper: Option<&'a mut Keeper>,
        play: &'a Play,
    ) -> Self {
        Self {
            attendant,
            thrift,
            keeper,
            play,
            job: None,
            looked: Instant::now(),
            look: LOOK,
        }
    }

    /// Whether a warning is worth saying.
    pub fn passes(&mut self, message: &str) -> bool {
        self.thrift.passes(message)
    }

    /// Somebody asked for everything to be read again.
    pub fn reload(&mut self, status: &Status) {
        self.attendant.reloading();
        self.begin(true, status);
    }

    pub fn stopping(&mut self) {
        self.attendant.stopping();
    }

    /// Looks after it. `Some`: what is to be played instead.
    pub fn tend(&mut self, player: &Player, reporter: &mut Reporter) -> Option<Next> {
        if self.attendant.is_due() {
            let status = player.status();
            if let Some(message) = self.attendant.look(&status) {
                warn(reporter, "metrics", message);
            }
        }
        if let Some(keeper) = self.keeper.as_mut().filter(|keeper| keeper.is_due())
            && let Some(message) = keeper.look(&player.status())
        {
            warn(reporter, "state", message);
        }
        if self.play.kiosk && self.job.is_none() && self.looked.elapsed() >= self.look {
            self.looked = Instant::now();
            let status = player.status();
            if status.skipped > 0 || status.damaged > 0 {
                self.look = (self.look * 2).min(LONGEST);
                self.begin(false, &status);
            }
        }
        let job = self.job.as_ref()?;
        let answer = match job.answer.try_recv() {
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err("it can't be loaded".to_owned()),
            Ok(answer) => answer,
        };
        let asked = job.asked;
        self.job = None;
        let status = player.status();
        match answer {
            Ok((play, extent)) if asked || extent > status.extent => {
                self.attendant.reloaded(true);
                self.attendant.gone(&status);
                Some(Next::Play(Box::new(play), Kept::of(&status)))
            }
            Err(why) if asked => {
                self.attendant.reloaded(false);
                warn(reporter, "reload", refused(&why));
                None
            }
            _ => None,
        }
    }

    /// A session has ended: its state is kept. After a natural end the next one begins at the beginning.
    pub fn keep(&mut self, ended: Option<Ended>, status: &Status, reporter: &mut Reporter) {
        if let Some(keeper) = &mut self.keeper
            && let Some(message) = keeper.end(status, ended == Some(Ended::End))
        {
            warn(reporter, "state", message);
        }
    }

    /// Whether a session that ended so is begun anew.
    pub fn again(&mut self, summary: &Summary, status: &Status) -> Option<Next> {
        let error = summary.error.as_ref()?;
        // Drivers that hang leave threads behind, which only a new process is free of.
        if !self.play.kiosk || error.code == "hung" {
            return None;
        }
        self.attendant.gone(status);
        let play = with_loaded(self.play, &status.loaded);
        let reason = error.message.clone();
        Some(Next::Again(reason, Box::new(play), Kept::of(status)))
    }

    fn begin(&mut self, asked: bool, status: &Status) {
        let (done, answer) = mpsc::channel();
        let play = with_loaded(self.play, &status.loaded);
        let look = move || {
            let env = |name: &str| std::env::var_os(name);
            let looked = play
                .again(&env)
                .map_err(|failure| failure.message)
                .and_then(|play| match extent_of(&play) {
                    Ok(extent) => Ok((play, extent)),
                    Err(refusal) => Err(refusal.failure.message),
                });
            let _ = done.send(looked);
        };
        // Without a thread the sender is gone, which is an answer as well.
        let _ = thread::Builder::new()
            .name("backline-reload".into())
            .spawn(look);
        self.job = Some(Job { answer, asked });
    }
}

/// The sentence on something that couldn't be loaded again.
pub(super) fn refused(why: &str) -> String {
    format!("{why}; what was loaded before plays on")
}

/// The order with what was loaded while it played in the place of what it began with. What flags say of that one's tracks and
/// times is not for the other.
pub(super) fn with_loaded(play: &Play, loaded: &[PathBuf]) -> Play {
    let mut play = play.clone();
    if !loaded.is_empty() {
        play.run = Run {
            inputs: loaded.to_vec(),
            sequence: false,
            overrides: Overrides::default(),
            start: None,
            end: None,
            ..play.run
        };
        if let Passes::Loop(Some(_)) = play.passes {
            play.passes = Passes::Times(1);
        }
    }
    play
}

/// Unattended, the same warning comes only now and then: a log must not grow without bound.
pub(super) struct Thrift {
    on: bool,
    said: VecDeque<(String, Instant)>,
}

impl Thrift {
    pub fn new(on: bool) -> Self {
        Self {
            on,
            said: VecDeque::new(),
        }
    }

    /// Whether a sentence is to be said.
    pub fn passes(&mut self, message: &str) -> bool {
        let now = Instant::now();
        self.said.retain(|(_, at)| now - *at < SAID);
        if !self.on {
            return true;
        }
        if self.said.iter().any(|(said, _)| said == message) {
            return false;
        }
        if self.said.len() >= SENTENCES {
            self.said.pop_front();
        }
        self.said.push_back((message.to_owned(), now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unattended_the_same_is_said_once_and_what_is_remembered_has_a_bound() {
        let mut thrift = Thrift::new(true);
        assert!(thrift.passes("a"));
        assert!(!thrift.passes("a"));
        for n in 0..2 * SENTENCES {
            assert!(thrift.passes(&n.to_string()));
        }
        assert_eq!(thrift.said.len(), SENTENCES);
        assert!(thrift.passes("a"));
        let mut open = Thrift::new(false);
        assert!(open.passes("a") && open.passes("a"));
    }
}
