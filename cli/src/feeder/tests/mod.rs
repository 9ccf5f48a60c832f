//! Tests of the feeder as a whole.

mod fake;
mod threads;
mod walk;

use engine_core::ticket::Ticket;

use super::{LaneEnd, Supply};
use crate::plan::Plan;

/// A long stretch of `stems` stereo stems with `blocks` blocks each.
pub(super) fn stem_supply(stems: usize, blocks: usize) -> (Supply, Vec<LaneEnd>) {
    let stem = fake::Stem::new(2, 100_000);
    let (sources, ends): (Vec<_>, Vec<_>) = (0..stems).map(|_| stem.source(blocks)).unzip();
    let supply = Supply::new(Ticket(1), Plan::new(0, 100_000), sources);
    (supply, ends.into_iter().flatten().collect())
}
