//! Status: what the callback shows, as atomics that any number of readers may look at.
//!
//! One writer each way: the callback alone writes the status, the controller alone writes the
//! master level, the meter window's number and the acknowledgement of the stop flag.

use core::sync::atomic::{AtomicU32, Ordering, fence};

use portable_atomic::AtomicF32;

use crate::monitor::{MonitorBoard, MonitorLevel};
use crate::outside::{Followed, Outside};
use crate::ticket::Ticket;

/// What the transport does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum State {
    /// Not playing: nothing loaded, not started, or stopped.
    #[default]
    Stopped = 0,
    /// Playing; fading, waiting for data and holding included.
    Playing = 1,
    /// Paused, the position stands still.
    Paused = 2,
    /// The natural end was reached.
    Ended = 3,
}

impl State {
    fn from_word(word: u32) -> Self {
        match word {
            1 => Self::Playing,
            2 => Self::Paused,
            3 => Self::Ended,
            _ => Self::Stopped,
        }
    }
}

/// A consistent picture of the transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Position {
    /// What the transport does.
    pub state: State,
    /// Playing, but silent because data is missing.
    pub holding: bool,
    /// A fade-out to pause or stop is running.
    pub leaving: bool,
    /// Output frames since the engine was made.
    pub engine_frame: u64,
    /// The deck in play; [`Ticket::NONE`] when there is none.
    pub deck: Ticket,
    /// Its song.
    pub song: Ticket,
    /// Frames the deck has given.
    pub deck_frame: u64,
    /// Frames all tracks of the deck have ready.
    pub fill_frames: u32,
    /// The revision of the song's controls that was applied last.
    pub revision: u32,
    /// The outside transport, when one is followed.
    pub outside: Option<Followed>,
}

const WORDS: usize = 9;
/// Further words, written only while an outside transport is followed.
const OUTSIDE_WORDS: usize = 2;

const HOLDING: u32 = 0x100;
const LEAVING: u32 = 0x200;
const FOLLOWS: u32 = 0x400;
const ROLLING: u32 = 0x800;
const IN_STEP: u32 = 0x1000;

/// Counters of the callback. They wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Counters {
    /// Calls of `process` with at least one frame.
    pub callbacks: u32,
    /// Starvation episodes.
    pub starvations: u32,
    /// Output frames during which a deck held because data was missing.
    pub starved_frames: u32,
    /// Sums that were not finite and became 0.
    pub non_finite: u32,
    /// Bus samples beyond full scale (they pass unharmed).
    pub overs: u32,
    /// Blocks that were not the ones expected and were sent home.
    pub stale_blocks: u32,
    /// Events lost because their ring was full.
    pub lost_events: u32,
}

#[derive(Default)]
struct CounterWords {
    callbacks: AtomicU32,
    starvations: AtomicU32,
    starved_frames: AtomicU32,
    non_finite: AtomicU32,
    overs: AtomicU32,
    stale_blocks: AtomicU32,
    lost_events: AtomicU32,
}

/// The board on which engine and controller show each other things: `T` tracks, `C` bus channels.
pub struct Board<const T: usize, const C: usize> {
    sequence: AtomicU32,
    words: [AtomicU32; WORDS],
    outside: [AtomicU32; OUTSIDE_WORDS],
    counters: CounterWords,
    raised: AtomicU32,
    acknowledged: AtomicU32,
    master: AtomicF32,
    /// How often the master was set.
    master_turns: AtomicU32,
    level: AtomicU32,
    window: AtomicU32,
    window_shown: AtomicU32,
    track_peaks: [AtomicF32; T],
    bus_peaks: [AtomicF32; C],
    /// What the latency monitor writes.
    pub monitor: MonitorBoard,
}

impl<const T: usize, const C: usize> Board<T, C> {
    /// Nothing happened yet; master 1, monitoring off.
    pub const fn new() -> Self {
        Self {
            sequence: AtomicU32::new(0),
            words: [const { AtomicU32::new(0) }; WORDS],
            outside: [const { AtomicU32::new(0) }; OUTSIDE_WORDS],
            counters: CounterWords {
                callbacks: AtomicU32::new(0),
                starvations: AtomicU32::new(0),
                starved_frames: AtomicU32::new(0),
                non_finite: AtomicU32::new(0),
                overs: AtomicU32::new(0),
                stale_blocks: AtomicU32::new(0),
                lost_events: AtomicU32::new(0),
            },
            raised: AtomicU32::new(0),
            acknowledged: AtomicU32::new(0),
            master: AtomicF32::new(1.0),
            master_turns: AtomicU32::new(0),
            level: AtomicU32::new(MonitorLevel::Off as u32),
            window: AtomicU32::new(0),
            window_shown: AtomicU32::new(0),
            track_peaks: [const { AtomicF32::new(0.0) }; T],
            bus_peaks: [const { AtomicF32::new(0.0) }; C],
            monitor: MonitorBoard::new(),
        }
    }

    // ---- the controller's side ----

    /// The transport, consistent in itself. Tries again while the callback is writing.
    pub fn position(&self) -> Position {
        loop {
            let before = self.sequence.load(Ordering::Acquire);
            let w: [u32; WORDS] = core::array::from_fn(|i| {
                self.words.get(i).map_or(0, |w| w.load(Ordering::Relaxed))
            });
            let [o_lo, o_hi] = &self.outside;
            let o = join(o_lo.load(Ordering::Relaxed), o_hi.load(Ordering::Relaxed));
            fence(Ordering::Acquire);
            if before & 1 == 0 && self.sequence.load(Ordering::Relaxed) == before {
                let [flags, e_lo, e_hi, deck, song, d_lo, d_hi, fill, revision] = w;
                return Position {
                    state: State::from_word(flags & 0xff),
                    holding: flags & HOLDING != 0,
                    leaving: flags & LEAVING != 0,
                    engine_frame: join(e_lo, e_hi),
                    deck: Ticket(deck),
                    song: Ticket(song),
                    deck_frame: join(d_lo, d_hi),
                    fill_frames: fill,
                    revision,
                    outside: (flags & FOLLOWS != 0).then_some(Followed {
                        at: Outside {
                            rolling: flags & ROLLING != 0,
                            frame: o,
                        },
                        in_step: flags & IN_STEP != 0,
                    }),
                };
            }
            core::hint::spin_loop();
        }
    }

    /// The counters. Each is exact; together they may be one call apart.
    pub fn counters(&self) -> Counters {
        let c = &self.counters;
        Counters {
            callbacks: c.callbacks.load(Ordering::Relaxed),
            starvations: c.starvations.load(Ordering::Relaxed),
            starved_frames: c.starved_frames.load(Ordering::Relaxed),
            non_finite: c.non_finite.load(Ordering::Relaxed),
            overs: c.overs.load(Ordering::Relaxed),
            stale_blocks: c.stale_blocks.load(Ordering::Relaxed),
            lost_events: c.lost_events.load(Ordering::Relaxed),
        }
    }

    /// The one-shot stop flag: the ticket of the deck that reached its end since the flag was
    /// last taken. Compare it with the deck in play: a stale flag means nothing. It is raised within a call, before the
    /// call's [`position`](Self::position) and after its events: so take it when the position shows the end, and the events first.
    pub fn take_stop_flag(&self) -> Option<Ticket> {
        let raised = self.raised.load(Ordering::Acquire);
        if raised == self.acknowledged.load(Ordering::Relaxed) {
            return None;
        }
        self.acknowledged.store(raised, Ordering::Release);
        Some(Ticket(raised))
    }

    /// Sets the master level (linear, from 0; NaN is refused), ramped from the next call on.
    pub fn set_master(&self, level: f32) {
        if !level.is_nan() {
            self.master.store(level.max(0.0), Ordering::Relaxed);
            // One writer: load and store need no read-modify-write.
            let turns = self.master_turns.load(Ordering::Relaxed).wrapping_add(1);
            self.master_turns.store(turns, Ordering::Release);
        }
    }

    /// What the master level is set to.
    #[inline]
    pub fn master(&self) -> f32 {
        self.master.load(Ordering::Relaxed)
    }

    /// Switches the latency monitor, from the next call on.
    pub fn set_monitor_level(&self, level: MonitorLevel) {
        self.level.store(level as u32, Ordering::Relaxed);
    }

    /// The latency monitor's level.
    #[inline]
    pub fn monitor_level(&self) -> MonitorLevel {
        MonitorLevel::from_u32(self.level.load(Ordering::Relaxed))
    }

    /// Closes the running meter window. Once the next call has run, [`Board::peaks`] shows it;
    /// no peak is lost between windows.
    pub fn next_meter_window(&self) {
        let next = self.window.load(Ordering::Relaxed).wrapping_add(1);
        self.window.store(next, Ordering::Release);
    }

    /// Copies the peaks of the last closed window (linear magnitudes, per track and per bus channel)
    /// and returns its number; `None` while the callback hasn't closed it yet.
    pub fn peaks(&self, tracks: &mut [f32], bus_channels: &mut [f32]) -> Option<u32> {
        let shown = self.window_shown.load(Ordering::Acquire);
        if shown != self.window.load(Ordering::Relaxed) {
            return None;
        }
        for (to, from) in tracks.iter_mut().zip(&self.track_peaks) {
            *to = from.load(Ordering::Relaxed);
        }
        for (to, from) in bus_channels.iter_mut().zip(&self.bus_peaks) {
            *to = from.load(Ordering::Relaxed);
        }
        Some(shown)
    }

    // ---- the callback's side ----

    #[inline]
    pub(crate) fn master_turns(&self) -> u32 {
        self.master_turns.load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn show(&self, p: &Position) {
        let mut flags = p.state as u32;
        flags |= if p.holding { HOLDING } else { 0 };
        flags |= if p.leaving { LEAVING } else { 0 };
        if let Some(outside) = p.outside {
            flags |= FOLLOWS;
            flags |= if outside.at.rolling { ROLLING } else { 0 };
            flags |= if outside.in_step { IN_STEP } else { 0 };
        }
        let new: [u32; WORDS] = [
            flags,
            p.engine_frame as u32,
            (p.engine_frame >> 32) as u32,
            p.deck.0,
            p.song.0,
            p.deck_frame as u32,
            (p.deck_frame >> 32) as u32,
            p.fill_frames,
            p.revision,
        ];
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence
            .store(sequence.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        for (word, value) in self.words.iter().zip(new) {
            word.store(value, Ordering::Relaxed);
        }
        if let Some(outside) = p.outside {
            let frame = outside.at.frame;
            let [lo, hi] = &self.outside;
            lo.store(frame as u32, Ordering::Relaxed);
            hi.store((frame >> 32) as u32, Ordering::Relaxed);
        }
        self.sequence
            .store(sequence.wrapping_add(2), Ordering::Release);
    }

    #[inline]
    pub(crate) fn raise_stop_flag(&self, deck: Ticket) {
        self.raised.store(deck.0, Ordering::Release);
    }

    #[inline]
    pub(crate) fn asked_window(&self) -> u32 {
        self.window.load(Ordering::Acquire)
    }

    pub(crate) fn show_peaks(
        &self,
        window: u32,
        tracks: impl Iterator<Item = f32>,
        bus_channels: impl Iterator<Item = f32>,
    ) {
        let tracks = tracks.chain(core::iter::repeat(0.0));
        for (to, from) in self.track_peaks.iter().zip(tracks) {
            to.store(from, Ordering::Relaxed);
        }
        for (to, from) in self.bus_peaks.iter().zip(bus_channels) {
            to.store(from, Ordering::Relaxed);
        }
        self.window_shown.store(window, Ordering::Release);
    }

    #[inline]
    pub(crate) fn count(&self, c: &Counters) {
        let w = &self.counters;
        w.callbacks.store(c.callbacks, Ordering::Relaxed);
        w.starvations.store(c.starvations, Ordering::Relaxed);
        w.starved_frames.store(c.starved_frames, Ordering::Relaxed);
        w.non_finite.store(c.non_finite, Ordering::Relaxed);
        w.overs.store(c.overs, Ordering::Relaxed);
        w.stale_blocks.store(c.stale_blocks, Ordering::Relaxed);
        w.lost_events.store(c.lost_events, Ordering::Relaxed);
    }
}

impl<const T: usize, const C: usize> Default for Board<T, C> {
    fn default() -> Self {
        Self::new()
    }
}

#[inline]
fn join(lo: u32, hi: u32) -> u64 {
    u64::from(hi) << 32 | u64::from(lo)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn the_stop_flag_is_taken_once_and_carries_its_ticket() {
        let b = Board::<1, 1>::new();
        assert_eq!(b.take_stop_flag(), None);
        b.raise_stop_flag(Ticket(7));
        assert_eq!(b.take_stop_flag(), Some(Ticket(7)));
        assert_eq!(b.take_stop_flag(), None);
        b.raise_stop_flag(Ticket(8));
        b.raise_stop_flag(Ticket(9));
        assert_eq!(b.take_stop_flag(), Some(Ticket(9)));
    }

    #[test]
    fn a_picture_is_never_torn() {
        let rounds: u64 = if cfg!(miri) { 200 } else { 200_000 };
        let board = std::sync::Arc::new(Board::<1, 1>::new());
        let b = board.clone();
        let writer = std::thread::spawn(move || {
            for i in 0..rounds {
                b.show(&Position {
                    engine_frame: i << 20,
                    deck: Ticket(i as u32),
                    deck_frame: i << 20,
                    revision: i as u32,
                    outside: Some(Followed {
                        at: Outside {
                            rolling: true,
                            frame: i << 20,
                        },
                        in_step: true,
                    }),
                    ..Default::default()
                });
            }
        });
        while !writer.is_finished() {
            let p = board.position();
            assert_eq!(p.engine_frame, p.deck_frame);
            assert_eq!(p.engine_frame >> 20, u64::from(p.deck.0));
            assert_eq!(p.deck.0, p.revision);
            assert!(p.outside.is_none_or(|o| o.at.frame == p.deck_frame));
        }
        writer.join().unwrap();
    }

    #[test]
    fn meters_belong_to_numbered_windows() {
        let b = Board::<2, 1>::new();
        let (mut t, mut c) = ([0.0; 2], [0.0; 1]);
        b.next_meter_window();
        assert_eq!(b.peaks(&mut t, &mut c), None);
        b.show_peaks(b.asked_window(), [0.5].into_iter(), [0.25].into_iter());
        assert_eq!(b.peaks(&mut t, &mut c), Some(1));
        assert_eq!((t, c), ([0.5, 0.0], [0.25]));
    }
}
