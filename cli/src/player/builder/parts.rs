//! What of each song is played, and how often.

use super::super::controller::{KeepGoing, Part, PartOf};
use super::super::loaded::Loaded;
use crate::plan::Loop;
use crate::song::{OnEnd, Time};

/// What is repeated.
#[derive(Clone, Debug, Default)]
pub(super) enum Repeat {
    #[default]
    No,
    Plays(u32),
    Endless,
    /// Without end, and each turn with files that are opened anew.
    Turns,
    Between(Time, Time),
}

/// Works out parts: of the first song from `start`, of the last, which is number `last` from 0, to `end`. `idle` is the
/// number of the idle song.
pub(super) fn part_of(
    start: Option<Time>,
    end: Option<Time>,
    repeat: Repeat,
    last: usize,
    idle: Option<usize>,
) -> PartOf {
    let list = last > 0;
    Box::new(move |song: &Loaded, index: usize, rate: u32| {
        let length = song.length(rate);
        let frame = |t: &Time| song.song.frame(t, rate).unwrap_or(0).min(length);
        let from = start.as_ref().filter(|_| index == 0).map_or(0, frame);
        let to = end.as_ref().filter(|_| index == last).map_or(length, frame);
        let whole = |passes| Loop {
            a: from.min(to),
            b: to,
            passes,
        };
        let repeat = match &repeat {
            Repeat::Turns if !list || idle == Some(index) => {
                KeepGoing::passes(to.saturating_sub(from), rate).map(|n| whole(Some(n)))
            }
            Repeat::Turns => None,
            _ if song.song.on_end == OnEnd::Loop => Some(whole(None)),
            Repeat::Plays(n) if !list && *n > 1 => Some(whole(Some(n - 1))),
            Repeat::Endless if !list => Some(whole(None)),
            Repeat::Between(a, b) => Some(Loop {
                a: frame(a),
                b: frame(b),
                passes: None,
            }),
            _ => None,
        };
        Part {
            start: from.min(to),
            end: to,
            repeat: repeat.filter(|l| l.a < l.b),
        }
    })
}
