//! A kit: a deck and the supply that feeds it, made of the same rings. Outside an engine both are
//! here; a kit whose deck came back serves the next seek.

use engine_core::deck::DeckSpec;
use engine_core::host::HostDeck;
use engine_core::strip::StripSpec;
use engine_core::ticket::Ticket;

use super::PlayerError;
use super::clock::HostClock;
use super::layout::{Layout, Wiring};
use super::loaded::{LoadOptions, Loaded};
use crate::feeder::{Source, Supply, lane_blocks};
use crate::media::{self};
use crate::plan::Plan;

/// The longest period that is reckoned with where it may change.
const ANY_PERIOD: u64 = 8192;

/// How deep rings are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RingSize {
    /// Output rate, Hz.
    pub rate: u32,
    /// Frames a ring holds.
    pub frames: u64,
    /// Frames per callback.
    pub period: u32,
    /// Frames that a device takes at a stretch when it starts: all of its buffer.
    buffer: u32,
}

impl RingSize {
    /// Rings of `ring_ms` at `rate`, and at least three periods.
    pub fn new(rate: u32, ring_ms: u32, period: u32) -> Self {
        Self {
            rate,
            frames: u64::from(ring_ms) * u64::from(rate) / 1000,
            period,
            buffer: period,
        }
    }

    /// For a server that may change its period: rings that hold what any period needs.
    pub fn for_any_period(mut self) -> Self {
        self.frames = self.frames.max(3 * ANY_PERIOD);
        self
    }

    /// For a device whose buffer has `periods` periods: rings that hold it and two periods more.
    pub fn with_periods(mut self, periods: Option<u32>) -> Self {
        self.buffer = self.period.saturating_mul(periods.unwrap_or(1));
        let least = u64::from(self.buffer) + 2 * u64::from(self.period);
        self.frames = self.frames.max(least);
        self
    }

    /// The server calls for other numbers of frames now.
    pub fn set_period(&mut self, period: u32) {
        // (A device with a buffer keeps its own.)
        if self.buffer == self.period {
            self.buffer = period;
        }
        self.period = period;
    }

    /// Rings of that size do for this one.
    pub fn alike(&self, other: Self) -> bool {
        (self.rate, self.frames) == (other.rate, other.frames)
    }

    /// Frames that all blocks of a lane hold, less the two that are in somebody's hands.
    fn capacity(&self) -> u64 {
        (lane_blocks(self.frames, self.period) as u64 - 2) * engine_core::host::BLOCK as u64
    }

    /// Frames that a deck needs to be primed: half the ring or 100 ms, and in any case the
    /// device's buffer and a period more.
    pub fn prime(&self) -> u32 {
        let stretch = u64::from(self.buffer) + u64::from(self.period);
        let want = (self.capacity() / 2)
            .min(u64::from(self.rate) / 10)
            .max(stretch + u64::from(engine_core::deck::RESERVE))
            .min(self.capacity());
        u32::try_from(want).unwrap_or(u32::MAX)
    }

    fn resume(&self) -> u32 {
        u32::try_from(self.capacity() / 2).unwrap_or(u32::MAX)
    }

    /// What a deck is told.
    pub fn spec(&self, ticket: Ticket, song: Ticket, plan: &Plan, followed: bool) -> DeckSpec {
        DeckSpec {
            ticket,
            song,
            end: plan.deck_len(),
            prime: self.prime(),
            resume: self.resume(),
            followed,
        }
    }
}

/// A deck that is in no engine, and its supply.
pub(crate) struct Kit {
    pub song: Ticket,
    pub deck: Box<HostDeck<HostClock>>,
    pub supply: Supply,
    size: RingSize,
}

impl Kit {
    /// Opens the song's files at the output rate and lays rings.
    #[allow(clippy::too_many_arguments)]
    pub fn open(
        song: &Loaded,
        layout: &Layout,
        directs: &[[u16; 2]],
        options: &LoadOptions,
        size: RingSize,
        ticket: Ticket,
        plan: Plan,
        followed: bool,
    ) -> Result<Self, PlayerError> {
        let spec = size.spec(ticket, song.ticket, &plan, followed);
        let mut deck = Box::new(HostDeck::new(spec, song.controls.clone()));
        for bus in song.buses() {
            if let Some(i) = layout.bus(&bus.name) {
                deck.set_follows_master(i, bus.follow_master);
            }
        }
        let blocks = lane_blocks(size.frames, size.period);
        let mut sources = Vec::new();
        let mut strips = song.strips.iter().zip(directs);
        for (i, track) in song.song.tracks.iter().enumerate() {
            let reader = song.open_track(i, options, size.rate)?;
            let rate = reader.spec().rate;
            if options.strict_rate && rate != size.rate {
                return Err(PlayerError::Song(format!(
                    "{}: its rate is {rate} Hz, the output's is {} Hz; without --strict-rate it is resampled",
                    track.file.display(),
                    size.rate
                )));
            }
            let reader = media::at_rate(reader, size.rate)?;
            let offset = song.offset(i, size.rate);
            let (source, ends) = Source::new(track.name.clone(), reader, offset, blocks);
            sources.push(source);
            for (end, (strip, direct)) in ends.into_iter().zip(&mut strips) {
                let spec = StripSpec {
                    channels: end.channels as u8,
                    bus: match layout.wiring {
                        Wiring::TrackPorts => None,
                        _ => layout.bus(song.bus_of(strip)).map(|b| b as u8),
                    },
                    first: strip.first as u8,
                    direct: *direct,
                };
                if deck.add_track(spec, end.full, end.free).is_err() {
                    return Err(PlayerError::Song(format!(
                        "`{}` has too many tracks",
                        song.song.title
                    )));
                }
            }
        }
        Ok(Self {
            song: song.ticket,
            deck,
            supply: Supply::new(ticket, plan, sources),
            size,
        })
    }

    /// A deck that came back, with its supply.
    pub fn again(
        song: Ticket,
        deck: Box<HostDeck<HostClock>>,
        supply: Supply,
        size: RingSize,
    ) -> Self {
        Self {
            song,
            deck,
            supply,
            size,
        }
    }

    /// Whether it is of the rate and the depth that are wanted.
    pub fn is_for(&self, size: RingSize) -> bool {
        self.size.alike(size)
    }

    /// Makes it ready for another part of the song.
    pub fn replan(&mut self, ticket: Ticket, plan: Plan, followed: bool) {
        self.deck
            .rewind(self.size.spec(ticket, self.song, &plan, followed));
        self.supply.replan(ticket, plan);
    }
}
