//! Plans: what part of a song a deck plays, and which song frame each deck frame is.
//!
//! All frames are at the output rate. A deck counts its own frames from 0; a loop makes the same
//! song frames come again under new deck frames.

use std::ops::Range;

/// A region that is played over and over.
///
/// A loop that play can't come to is not played: an empty one (`a ≥ b`), one that ends after the
/// plan's `end`, and one that ends at or before the plan's `start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Loop {
    /// First song frame of the region.
    pub a: u64,
    /// One past its last song frame. When play reaches it, it goes on at `a`.
    pub b: u64,
    /// How often play goes back from `b` to `a`, `None` for ever. The region is heard once more
    /// than that (when play starts at or before `a`); 0 is as good as no loop.
    pub passes: Option<u32>,
}

/// What part of a song a deck plays.
///
/// Play starts at `start`, goes round the loop if there is one, and on to `end`. A whole song `n`
/// times over is the loop `{a: 0, b: end, passes: Some(n − 1)}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Plan {
    /// First song frame played.
    pub start: u64,
    /// One past the last song frame played. At or before `start` nothing is played.
    pub end: u64,
    /// What is repeated on the way.
    pub repeat: Option<Loop>,
}

/// Song frames that are played one after the other without a jump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Deck frame on which the first of them is played.
    pub deck: u64,
    /// The song frames, never empty.
    pub song: Range<u64>,
}

impl Plan {
    /// A plan without a loop.
    pub const fn new(start: u64, end: u64) -> Self {
        Self {
            start,
            end,
            repeat: None,
        }
    }

    /// The loop, if play comes to it and goes back at least once.
    pub fn active_loop(&self) -> Option<Loop> {
        self.repeat
            .filter(|l| l.a < l.b && l.b <= self.end && self.start < l.b && l.passes != Some(0))
    }

    /// Frames of the whole deck, `None` when it never ends. Stays at `u64::MAX` where it would
    /// be more.
    pub fn deck_len(&self) -> Option<u64> {
        let once = self.end.saturating_sub(self.start);
        match self.active_loop() {
            None => Some(once),
            Some(l) => l
                .passes
                .map(|passes| once.saturating_add((l.b - l.a).saturating_mul(u64::from(passes)))),
        }
    }

    /// The song frame heard on a deck frame. At and past the deck's end: the song part's end.
    pub fn song_frame(&self, deck_frame: u64) -> u64 {
        self.piece_at(deck_frame)
            .map_or(self.end.max(self.start), |piece| piece.song.start)
    }

    /// What is played from a deck frame on, up to the next jump or the end. `None` at and past
    /// the deck's end.
    pub fn piece_at(&self, deck_frame: u64) -> Option<Piece> {
        if self.deck_len().is_some_and(|len| deck_frame >= len) {
            return None;
        }
        let song = match self.active_loop() {
            None => self.start + deck_frame..self.end,
            Some(l) => {
                let first = l.b - self.start;
                match deck_frame.checked_sub(first) {
                    // Before the first jump.
                    None => self.start + deck_frame..l.b,
                    Some(since) => self.after_first_jump(l, since),
                }
            }
        };
        Some(Piece {
            deck: deck_frame,
            song,
        })
    }

    /// Where play is `since` frames after the first jump from `b` to `a`.
    fn after_first_jump(&self, l: Loop, since: u64) -> Range<u64> {
        let len = l.b - l.a;
        let (jumps_before, into) = (since / len, since % len);
        match l.passes.map(u64::from) {
            // No more jump: the last pass runs straight on into what follows the loop. No
            // overflow: jumps_before ≥ passes − 1 means that `since` is at least that product.
            Some(passes) if jumps_before >= passes.saturating_sub(1) => {
                l.a + (since - (passes.saturating_sub(1)) * len)..self.end
            }
            _ => l.a + into..l.b,
        }
    }

    /// The pieces from a deck frame on, in order; without end when the deck has none.
    pub fn pieces(&self, deck_frame: u64) -> Pieces {
        Pieces {
            plan: *self,
            deck: deck_frame,
        }
    }
}

/// Iterator over the pieces of a [`Plan`].
#[derive(Clone, Debug)]
pub struct Pieces {
    plan: Plan,
    deck: u64,
}

impl Iterator for Pieces {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let piece = self.plan.piece_at(self.deck)?;
        self.deck = self
            .deck
            .saturating_add(piece.song.end.saturating_sub(piece.song.start));
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The song frames of a plan, one step at a time, `limit` of them at most.
    fn walk(plan: &Plan, limit: usize) -> Vec<u64> {
        let mut frames = Vec::new();
        let mut at = plan.start;
        let mut left = match plan.repeat {
            Some(l) if l.a < l.b && l.b <= plan.end => l.passes.map_or(u64::MAX, u64::from),
            _ => 0,
        };
        while at < plan.end && frames.len() < limit {
            frames.push(at);
            at += 1;
            if let Some(l) = plan.repeat
                && at == l.b
                && left > 0
            {
                left -= 1;
                at = l.a;
            }
        }
        frames
    }

    fn any_plan() -> impl Strategy<Value = Plan> {
        let passes = prop_oneof![Just(None), (0u32..5).prop_map(Some)];
        let repeat = proptest::option::of(
            (0u64..40, 0u64..40, passes).prop_map(|(a, b, passes)| Loop { a, b, passes }),
        );
        (0u64..30, 0u64..40, repeat).prop_map(|(start, end, repeat)| Plan { start, end, repeat })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn agrees_with_a_step_by_step_walk(plan in any_plan(), from in 0u64..120) {
            let want = walk(&plan, 400);
            match plan.deck_len() {
                Some(len) => prop_assert_eq!(len, want.len() as u64),
                None => prop_assert_eq!(want.len(), 400),
            }
            for (deck, song) in want.iter().enumerate() {
                prop_assert_eq!(plan.song_frame(deck as u64), *song);
            }
            if plan.deck_len().is_some() {
                let end = plan.end.max(plan.start);
                prop_assert_eq!(plan.song_frame(want.len() as u64), end);
                prop_assert_eq!(plan.song_frame(u64::MAX), end);
            }
            let mut got = Vec::new();
            let mut deck = from;
            for piece in plan.pieces(from) {
                prop_assert_eq!(piece.deck, deck);
                prop_assert!(piece.song.start < piece.song.end);
                deck += piece.song.end - piece.song.start;
                got.extend(piece.song);
                if got.len() > 200 {
                    break;
                }
            }
            let rest = want.get(from as usize..).unwrap_or(&[]);
            let n = got.len().min(rest.len());
            prop_assert_eq!(&got[..n], &rest[..n]);
            if plan.deck_len().is_some() {
                prop_assert!(got.len() > 200 || got.len() == rest.len());
            }
        }
    }

    #[test]
    fn the_last_pass_runs_on_without_a_seam() {
        let plan = Plan {
            start: 5,
            end: 30,
            repeat: Some(Loop {
                a: 10,
                b: 20,
                passes: Some(2),
            }),
        };
        let songs: Vec<_> = plan.pieces(0).map(|p| p.song).collect();
        assert_eq!(songs, [5..20, 10..20, 10..30]);
        assert_eq!(plan.deck_len(), Some(45));
    }

    #[test]
    fn numbers_at_the_edge_saturate() {
        let most = u64::MAX;
        let plan = Plan::new(0, most);
        assert_eq!(plan.deck_len(), Some(most));
        assert_eq!(plan.song_frame(most - 1), most - 1);
        assert_eq!(plan.song_frame(most), most);

        let long = Loop {
            a: 0,
            b: most,
            passes: Some(u32::MAX),
        };
        let plan = Plan {
            repeat: Some(long),
            ..plan
        };
        assert_eq!(plan.deck_len(), Some(most));
        assert_eq!(plan.song_frame(7), 7);

        let endless = Plan {
            start: most - 3,
            end: most,
            repeat: Some(Loop {
                a: most - 2,
                b: most,
                passes: None,
            }),
        };
        assert_eq!(endless.deck_len(), None);
        assert_eq!(endless.song_frame(2), most - 1);
        assert_eq!(endless.song_frame(3), most - 2);
        assert_eq!(endless.song_frame(most), most - 2);
        assert_eq!(Plan::new(9, 4).deck_len(), Some(0));
        assert_eq!(Plan::new(9, 4).song_frame(3), 9);
        assert_eq!(Plan::new(9, 4).pieces(0).count(), 0);
    }
}
