//! Sources and supplies: the opened stems of a deck, and what the feeder is to do with them.

use std::sync::{Arc, Mutex};

use engine_core::ticket::Ticket;

use super::head::Head;
use super::lane::{LaneEnd, Lanes};
use super::lock;
use crate::media::{Reader, Spec};
use crate::plan::Plan;

/// The part of a source that workers share. A worker holds `head` for a whole turn, reads
/// included, but `lanes` only for the moment it takes or gives blocks, so that the fill can be
/// told while a read hangs.
pub(super) struct Slot {
    pub name: String,
    pub lanes: Mutex<Lanes>,
    pub head: Mutex<Head>,
}

/// One opened stem with the feeder's ends of its tracks' rings.
///
/// A mono or stereo file feeds one track (lane); a file of more channels one mono track per
/// channel. It outlives the decks it is read for: a deck that came back gives its source to the
/// next one, through [`Supply::replan`].
pub struct Source {
    pub(super) slot: Arc<Slot>,
    spec: Spec,
    offset_frames: u64,
}

impl Source {
    /// Takes a reader at the output rate and makes its lanes, each with `blocks` blocks of its
    /// own (see [`lane_blocks`](super::lane_blocks)); all that a source ever allocates, apart
    /// from a loop of under 1 s.
    ///
    /// `offset_frames` is the silence before the stem's first frame, at the output rate. The
    /// returned ends, one per lane in order of channels, go into a deck.
    pub fn new(
        name: impl Into<String>,
        reader: Box<dyn Reader>,
        offset_frames: u64,
        blocks: usize,
    ) -> (Self, Vec<LaneEnd>) {
        let spec = reader.spec().clone();
        let (lanes, ends) = Lanes::new(spec.channels, blocks);
        let source = Self {
            slot: Arc::new(Slot {
                name: name.into(),
                lanes: Mutex::new(lanes),
                head: Mutex::new(Head::new(reader, offset_frames)),
            }),
            spec,
            offset_frames,
        };
        (source, ends)
    }

    /// The name given to it.
    pub fn name(&self) -> &str {
        &self.slot.name
    }

    /// What its reader knew of the file.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Number of lanes, each a track of the deck.
    pub fn lanes(&self) -> usize {
        lock(&self.slot.lanes).count()
    }

    /// One past the song frame of its last frame, where the file tells its length.
    pub fn song_end(&self) -> Option<u64> {
        self.spec
            .frames
            .map(|frames| frames.saturating_add(self.offset_frames))
    }
}

/// All sources of one deck, with the deck's ticket and what it plays. Given to
/// [`Feeder::feed`](super::Feeder::feed), got back from
/// [`FeedHandle::retire`](super::FeedHandle::retire).
pub struct Supply {
    ticket: Ticket,
    plan: Plan,
    pub(super) sources: Vec<Source>,
}

impl Supply {
    /// A supply that plays `plan` from its start under `ticket`.
    pub fn new(ticket: Ticket, plan: Plan, sources: Vec<Source>) -> Self {
        let mut supply = Self {
            ticket,
            plan,
            sources,
        };
        supply.replan(ticket, plan);
        supply
    }

    /// Makes it the supply of another deck on the same rings: another part of the song (a seek,
    /// a loop) or the same once more. Touches no file; the feeder seeks when it fills the first
    /// block.
    ///
    /// Blocks of the old deck must go home first: whoever has the [`LaneEnd`]s moves what is left
    /// in `full` to `free`.
    pub fn replan(&mut self, ticket: Ticket, plan: Plan) {
        self.ticket = ticket;
        self.plan = plan;
        for source in &self.sources {
            lock(&source.slot.head).replan(plan);
            lock(&source.slot.lanes).restart(plan.deck_len() == Some(0));
        }
    }

    /// The deck's ticket.
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// What the deck plays.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The sources, in order of the deck's tracks.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The sources, to build another supply of them.
    pub fn into_sources(self) -> Vec<Source> {
        self.sources
    }
}
