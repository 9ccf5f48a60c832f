//! The host's engine with stereo stems into one stereo bus, fed by hand with blocks that go round.

use std::sync::Arc;

use engine_core::backend::Process;
use engine_core::clock::Clock;
use engine_core::command::Command;
use engine_core::controls::{SongControls, TrackSetting};
use engine_core::cut::{At, Cut};
use engine_core::deck::{Deck, DeckSpec};
use engine_core::engine::EngineConfig;
use engine_core::fade::Curve;
use engine_core::host::{self, BLOCK, BlockIn, BlockOut, HostBlock, HostHandle, HostLayout};
use engine_core::monitor::MonitorLevel;
use engine_core::ring::Ring;
use engine_core::strip::StripSpec;
use engine_core::ticket::{Ticket, TicketDrum};

/// Hz.
pub const RATE: u32 = 48_000;

/// The gain and pan of stem `i`: none of them 0 or 1, so that every stem costs its arithmetic.
pub fn setting(i: usize) -> TrackSetting {
    TrackSetting {
        gain: 0.25 + (i % 7) as f32 * 0.03,
        pan: (i % 9) as f32 * 0.1 - 0.45,
        ..TrackSetting::default()
    }
}

/// The two coefficients that [`setting`] makes.
pub fn coefficients(i: usize) -> [f32; 2] {
    let TrackSetting { gain, pan, .. } = setting(i);
    [gain * (1.0 - pan).min(1.0), gain * (1.0 + pan).min(1.0)]
}

/// The blocks of one stem on their way round.
struct Lane {
    full: BlockIn,
    free: BlockOut,
    next: u64,
}

/// An engine that plays.
pub struct Mixer<K: Clock + Send + 'static> {
    /// Behind a call that is never inlined, as in a driver.
    engine: Box<dyn Process>,
    handle: HostHandle<K>,
    lanes: Vec<Lane>,
    ticket: Ticket,
    planes: Vec<Vec<f32>>,
    blocks: usize,
}

impl<K: Clock + Send + 'static> Mixer<K> {
    /// `stems` stereo stems with `blocks` blocks each, all of them full, playing. A call is of at most
    /// `most` frames.
    ///
    /// # Panics
    /// With more stems than the engine has tracks, or more blocks than its rings hold.
    pub fn new(stems: usize, blocks: usize, most: usize, clock: K) -> Self {
        Self::with_outs(stems, blocks, most, clock, false)
    }

    /// The same with planes of its own for each stem, and none on the bus.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn direct(stems: usize, blocks: usize, most: usize, clock: K) -> Self {
        Self::with_outs(stems, blocks, most, clock, true)
    }

    fn with_outs(stems: usize, blocks: usize, most: usize, clock: K, direct: bool) -> Self {
        let mut layout = HostLayout::new();
        layout.add(&[0, 1]).expect("room for a bus");
        let config = EngineConfig {
            rate: RATE,
            ramp: 240,
            direct_from: 2,
        };
        let (engine, mut handle) = host::engine(config, layout, clock);
        let mut drum = TicketDrum::new();
        let (ticket, song) = (drum.draw(), drum.draw());
        let controls = Arc::new(SongControls::new());
        let spec = DeckSpec {
            ticket,
            song,
            end: None,
            prime: 1,
            resume: 1,
            followed: false,
        };
        let mut deck = Box::new(Deck::new(spec, controls.clone()));
        let mut noise = 1u32;
        let mut lanes = Vec::new();
        for i in 0..stems {
            let (mut full, full_out) = Ring::shared();
            let (free_in, free) = Ring::shared();
            for n in 0..blocks {
                let block = block(ticket, n, &mut noise);
                assert!(full.push(block).is_ok(), "room for every block");
            }
            let mut strip = StripSpec::into_bus(2, 0);
            if direct {
                strip.bus = None;
                strip.direct = [2 + 2 * i as u16, 3 + 2 * i as u16];
            }
            let added = deck.add_track(strip, full_out, free_in);
            assert!(added.is_ok(), "room for every stem");
            controls.set_track(i, setting(i));
            let next = (blocks * BLOCK) as u64;
            lanes.push(Lane { full, free, next });
        }
        controls.commit();
        let cut = Cut {
            deck,
            at: At::Now,
            fade: 0,
            curve: Curve::Linear,
        };
        assert!(handle.send(Command::Cut(cut)).is_ok());
        assert!(handle.send(Command::Play { fade: 0 }).is_ok());
        let mut mixer = Self {
            engine,
            handle,
            lanes,
            ticket,
            planes: vec![vec![0.0; most]; if direct { 2 + 2 * stems } else { 2 }],
            blocks,
        };
        // Obeys both; the first frames come with the first call.
        mixer.call(0);
        mixer
    }

    /// How closely it watches itself.
    pub fn monitor(&self, level: MonitorLevel) {
        self.handle.board().set_monitor_level(level);
    }

    /// One callback. Returns the last sample of both channels.
    #[inline]
    pub fn call(&mut self, frames: usize) -> [f32; 2] {
        match self.planes.as_mut_slice() {
            [left, right] => {
                self.engine.process(&mut [left, right], frames);
            }
            many => {
                let mut planes: heapless::Vec<&mut [f32], { host::PLANES }> =
                    many.iter_mut().map(Vec::as_mut_slice).collect();
                self.engine.process(&mut planes, frames);
            }
        }
        let last = self.planes.len() - 2;
        [last, last + 1].map(|p| frames.checked_sub(1).map_or(0.0, |i| self.planes[p][i]))
    }

    /// Frames that [`call`](Self::call) can ask for between two [`refill`](Self::refill)s: all but a
    /// block, for a deck whose last frames are near fades out.
    pub fn frames(&self) -> usize {
        (self.blocks - 1) * BLOCK
    }

    /// Sends the blocks that came home round again: their samples stay as they are.
    ///
    /// # Panics
    /// Never, as long as only this feeds.
    pub fn refill(&mut self) {
        for lane in &mut self.lanes {
            while let Some(mut block) = lane.free.pop() {
                block.tag.ticket = self.ticket;
                block.tag.start_frame = lane.next;
                lane.next += BLOCK as u64;
                assert!(lane.full.push(block).is_ok(), "room for every block");
            }
        }
    }

    /// What went wrong so far, in words; `None` when all was well. A bench of silence would be fast.
    pub fn fault(&self) -> Option<String> {
        let counters = self.handle.board().counters();
        let well = counters.starvations == 0 && counters.stale_blocks == 0;
        (!well).then(|| format!("{counters:?}"))
    }
}

/// A block of noise, softer than full scale.
pub fn block(ticket: Ticket, n: usize, noise: &mut u32) -> HostBlock {
    let mut block = host::block(2);
    block.tag.ticket = ticket;
    block.tag.start_frame = (n * BLOCK) as u64;
    block.tag.len = BLOCK as u32;
    for x in block.planes.as_flattened_mut() {
        *noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *x = (*noise >> 8) as f32 / (1 << 24) as f32 * 0.1 - 0.05;
    }
    block.seal(2);
    block
}
