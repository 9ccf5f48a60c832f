//! Anchors: which frame of the song leaves the engine at which engine frame, so that what is
//! shown is what is heard, one output latency later.

use std::collections::VecDeque;

use engine_core::ticket::Ticket;

use crate::plan::Plan;

/// Anchors kept. One is made per poll and per event; latencies are well under these.
const KEPT: usize = 256;

#[derive(Clone, Copy, Debug)]
struct Anchor {
    engine_frame: u64,
    deck: Ticket,
    deck_frame: u64,
    plan: Plan,
    song: usize,
    moving: bool,
}

/// The last anchors, oldest first.
#[derive(Debug, Default)]
pub(super) struct Anchors {
    list: VecDeque<Anchor>,
}

/// Where a song is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    pub song: usize,
    pub frame: u64,
}

impl Anchors {
    /// From `engine_frame` on, `deck` plays from `deck_frame` on (or stands there).
    pub fn add(
        &mut self,
        engine_frame: u64,
        deck: Ticket,
        deck_frame: u64,
        plan: Plan,
        song: usize,
        moving: bool,
    ) {
        // Events may be older than the last poll's anchor.
        while self
            .list
            .back()
            .is_some_and(|a| a.engine_frame > engine_frame)
        {
            self.list.pop_back();
        }
        self.list.push_back(Anchor {
            engine_frame,
            deck,
            deck_frame,
            plan,
            song,
            moving,
        });
        while self.list.len() > KEPT {
            self.list.pop_front();
        }
    }

    /// What leaves the engine at `engine_frame`.
    pub fn at(&self, engine_frame: u64) -> Option<Heard> {
        let at = self
            .list
            .iter()
            .rposition(|a| a.engine_frame <= engine_frame)
            .unwrap_or(0);
        let a = self.list.get(at)?;
        let mut frame = a.deck_frame;
        if a.moving {
            let mut gone = engine_frame.saturating_sub(a.engine_frame);
            // Not past what the same deck shows next: it may have stood still in between.
            if let Some(next) = self.list.get(at + 1)
                && next.deck == a.deck
            {
                gone = gone.min(next.deck_frame.saturating_sub(a.deck_frame));
            }
            frame += gone;
        }
        if let Some(len) = a.plan.deck_len() {
            frame = frame.min(len);
        }
        Some(Heard {
            song: a.song,
            frame: a.plan.song_frame(frame),
        })
    }

    /// Forgets everything: another engine counts anew.
    pub fn clear(&mut self) {
        self.list.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_heard_lags_and_stands_still_where_the_deck_did() {
        let mut a = Anchors::default();
        let plan = Plan::new(1000, 5000);
        a.add(0, Ticket(1), 0, plan, 0, true);
        a.add(500, Ticket(1), 500, plan, 0, false);
        a.add(900, Ticket(1), 500, plan, 0, true);
        a.add(1000, Ticket(2), 0, Plan::new(0, 10), 1, true);
        let at = |f| a.at(f).unwrap();
        assert_eq!(
            at(499),
            Heard {
                song: 0,
                frame: 1499
            }
        );
        assert_eq!(
            at(700),
            Heard {
                song: 0,
                frame: 1500
            }
        );
        assert_eq!(
            at(950),
            Heard {
                song: 0,
                frame: 1550
            }
        );
        assert_eq!(at(1004), Heard { song: 1, frame: 4 });
        assert_eq!(at(9999), Heard { song: 1, frame: 10 });
    }
}
