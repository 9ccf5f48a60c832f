//! The engine: plays at most two decks, mixes them into the output planes, obeys commands.
//!
//! One call of [`Process::process`] runs over the asked frames in pieces that end where something
//! changes (a cut, the end of a fade, the natural end, the end of the data); the pieces are
//! planned in `engine/timeline.rs` and the commands obeyed in `engine/commands.rs`.

mod commands;
mod following;
#[cfg(all(test, feature = "alloc"))]
mod tests;
mod timeline;

use crate::backend::{Played, Process};
use crate::bus::BusLayout;
use crate::command::Command;
use crate::cut::Cut;
use crate::deck::{Deck, Run};
use crate::denormals;
use crate::event::{Event, EventKind};
use crate::fade::Fade;
use crate::mix::{Gain, inspect, multiply, sum};
use crate::monitor::{Call, Monitor, MonitorLevel};
use crate::outside::{Followed, Outside};
use crate::platform::Platform;
use crate::ramp::Ramp;
use crate::ring::{Consumer, Producer};
use crate::status::{Counters, Position, State};
use crate::strip::Curves;
use crate::ticket::Ticket;

/// Length of the command ring (one less fits).
pub const COMMANDS: usize = 64;
/// Length of the ring in which decks come back (one less fits).
pub const RETURNS: usize = 16;
/// Length of the event ring (one less fits).
pub const EVENTS: usize = 64;

/// What an engine is told once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct EngineConfig {
    /// Output rate, Hz.
    pub rate: u32,
    /// Length of the ramps on changed controls, frames. 0 switches hard.
    pub ramp: u32,
    /// Index of the first output plane that is a direct out; the planes before it belong to buses.
    pub direct_from: u16,
}

/// The mixing core. The parameters are [`Platform`]'s; `F` is the most frames mixed at a stretch.
pub struct Engine<
    P: Platform<N, T, U, C>,
    const N: usize,
    const T: usize,
    const U: usize,
    const C: usize,
    const F: usize,
> {
    config: EngineConfig,
    layout: BusLayout<U, C>,
    board: P::Board,
    clock: P::Clock,
    monitor: Monitor,
    commands: Consumer<Command<P::Deck>, COMMANDS>,
    returns: Producer<P::Deck, RETURNS>,
    events: Producer<Event, EVENTS>,

    state: State,
    /// What a running fade-out leads to.
    leaving: Option<State>,
    /// The transport's envelope: pause, resume, stop.
    envelope: Ramp,
    /// The starvation guard's envelope.
    guard: Ramp,
    guard_state: Guard,
    deck: Option<P::Deck>,
    incoming: Option<Incoming<P::Deck>>,
    pending: Option<Cut<P::Deck>>,
    /// A deck that found the way back full; it goes with the next call.
    stuck: Option<P::Deck>,
    master: Ramp,
    following: Following,
    /// How often the board's master had been set when last looked at.
    master_turns: u32,

    engine_frame: u64,
    /// Output frames of the present hold.
    held: u32,
    counters: Counters,
    window: u32,
    bus_peaks: [f32; C],
    room: Room<C, F>,
}

/// The deck that is being cut to, while both sound.
struct Incoming<D> {
    deck: D,
    fade_in: Fade,
    fade_out: Fade,
}

/// What is known of an outside transport; see `engine/following.rs`.
#[derive(Clone, Copy, Debug, Default)]
struct Following {
    /// Where it is, once there is one.
    outside: Option<Outside>,
    /// Its frame at which the first frame of the deck in play belongs.
    origin: Option<u64>,
    /// The deck in play has given a frame in step since playing began: losing step is a fault from then on.
    joined: bool,
}

/// The starvation guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guard {
    /// Data is there; the envelope is at 1 or on its way to it.
    Open,
    /// Fading out over the reserve.
    Closing,
    /// Silent; the position stands still.
    Held,
}

/// Room for intermediate samples.
struct Room<const C: usize, const F: usize> {
    sums: [[f32; F]; C],
    more: [[f32; F]; C],
    outgoing: [f32; F],
    arriving: [f32; F],
    extra: [f32; F],
    master: [f32; F],
    level: [f32; F],
    curves: Curves<F>,
}

impl<
    P: Platform<N, T, U, C>,
    const N: usize,
    const T: usize,
    const U: usize,
    const C: usize,
    const F: usize,
> Engine<P, N, T, U, C, F>
{
    /// An engine that is stopped and empty, with its ends of the three rings to its handle.
    pub fn new(
        config: EngineConfig,
        layout: BusLayout<U, C>,
        board: P::Board,
        clock: P::Clock,
        commands: Consumer<Command<P::Deck>, COMMANDS>,
        returns: Producer<P::Deck, RETURNS>,
        events: Producer<Event, EVENTS>,
    ) -> Self {
        const {
            assert!(F > 0, "an engine mixes at least one frame at a stretch");
        }
        let master_turns = board.master_turns();
        let master = Ramp::new(board.master());
        Self {
            config,
            layout,
            board,
            clock,
            monitor: Monitor::new(),
            commands,
            returns,
            events,
            state: State::Stopped,
            leaving: None,
            envelope: Ramp::new(1.0),
            guard: Ramp::new(1.0),
            guard_state: Guard::Open,
            deck: None,
            incoming: None,
            pending: None,
            stuck: None,
            master,
            following: Following::default(),
            master_turns,
            engine_frame: 0,
            held: 0,
            counters: Counters::default(),
            window: 0,
            bus_peaks: [0.0; C],
            room: Room {
                sums: [[0.0; F]; C],
                more: [[0.0; F]; C],
                outgoing: [0.0; F],
                arriving: [0.0; F],
                extra: [0.0; F],
                master: [0.0; F],
                level: [0.0; F],
                curves: Curves::new(),
            },
        }
    }

    /// What the engine was told.
    pub fn config(&self) -> EngineConfig {
        self.config
    }

    /// Its buses.
    pub fn layout(&self) -> &BusLayout<U, C> {
        &self.layout
    }

    #[inline(never)]
    fn begin_call(&mut self) {
        if let Some(deck) = self.stuck.take() {
            self.give_back(deck);
        }
        // A command may ask whether it is primed.
        if let Some(cut) = &mut self.pending {
            cut.deck.count_fill();
        }
        // What was set while nothing played applies at once, even if playing starts with this call.
        let was_rolling = self.is_rolling();
        self.obey(was_rolling);
        let rolling = self.is_rolling();
        let ramp = if rolling && was_rolling {
            self.config.ramp
        } else {
            0
        };
        let deck = self.deck.as_deref_mut();
        let deck = deck.and_then(|deck| Self::look_after(deck, ramp));
        let incoming = self.incoming.as_mut();
        let incoming = incoming.and_then(|i| Self::look_after(&mut i.deck, ramp));
        for applied in deck.into_iter().chain(incoming) {
            self.tell(applied);
        }
        // Only what was set counts: a timed fade's command may come before it is.
        let turns = self.board.master_turns();
        if turns != self.master_turns {
            self.master_turns = turns;
            self.master.turn(self.board.master(), ramp);
        }
        if !rolling {
            self.cut_at_rest();
        }
    }

    /// What a deck in play needs at the beginning of a call. The news that its controls had changed.
    #[inline]
    fn look_after(deck: &mut Deck<P, N, T, U, C>, ramp: u32) -> Option<EventKind> {
        deck.count_fill();
        deck.apply_controls(ramp).then(|| EventKind::Applied {
            deck: deck.spec().ticket,
            frame: deck.frame(),
            revision: deck.revision(),
        })
    }

    /// Gives the frames, after [`begin_call`](Self::begin_call).
    #[inline(never)]
    fn rest_of_call(&mut self, planes: &mut [&mut [f32]], frames: usize) {
        for plane in planes.iter_mut() {
            let n = frames.min(plane.len());
            if let Some(p) = plane.get_mut(..n) {
                p.fill(0.0);
            }
        }
        let mut at = 0;
        while at < frames {
            at += self.step(planes, at, frames - at);
        }
        self.end_call(frames);
    }

    /// A whole call under the monitor. Out of the way of those that aren't measured.
    #[cold]
    #[inline(never)]
    fn measured_call(&mut self, planes: &mut [&mut [f32]], frames: usize) {
        // What counts is what a call does from its beginning; whether it plays shows only later.
        let started = self.monitor.begin(&self.clock);
        self.begin_call();
        let started = started.filter(|_| self.is_rolling());
        let call = Call {
            number: self.counters.callbacks,
            frames: u32::try_from(frames).unwrap_or(u32::MAX),
            rate: self.config.rate,
            fill_frames: self.ring_fill(),
        };
        self.rest_of_call(planes, frames);
        self.monitor
            .end(started, &self.clock, &self.board.monitor, call);
    }

    fn end_call(&mut self, frames: usize) {
        if frames > 0 {
            self.counters.callbacks = self.counters.callbacks.wrapping_add(1);
        }
        self.board.count(&self.counters);
        let (deck, song, deck_frame, fill, revision) =
            self.deck
                .as_deref()
                .map_or((Ticket::NONE, Ticket::NONE, 0, 0, 0), |d| {
                    (
                        d.spec().ticket,
                        d.spec().song,
                        d.frame(),
                        u32::try_from(d.fill()).unwrap_or(u32::MAX),
                        d.revision(),
                    )
                });
        self.board.show(&Position {
            state: self.state,
            holding: self.state == State::Playing && self.guard_state == Guard::Held,
            leaving: self.leaving.is_some(),
            engine_frame: self.engine_frame,
            deck,
            song,
            deck_frame,
            fill_frames: fill,
            revision,
            outside: self.following.outside.map(|at| Followed {
                at,
                in_step: self.is_in_step(at) && self.guard_state == Guard::Open,
            }),
        });
        let window = self.board.asked_window();
        if window != self.window {
            self.window = window;
            let bus = self.bus_peaks.iter().copied();
            match self.deck.as_deref_mut() {
                Some(d) => self.board.show_peaks(window, d.track_peaks(), bus),
                None => self.board.show_peaks(window, core::iter::empty(), bus),
            }
            self.bus_peaks = [0.0; C];
        }
    }

    #[inline]
    fn is_rolling(&self) -> bool {
        self.state == State::Playing
    }

    /// Gives the next `n` frames (1 to `F`) of the decks in play to the planes from frame `at` on.
    fn give(&mut self, planes: &mut [&mut [f32]], at: usize, n: usize) {
        let Room {
            sums,
            more,
            outgoing,
            arriving,
            extra,
            master,
            level,
            curves,
        } = &mut self.room;
        let (Some(outgoing), Some(arriving), Some(extra), Some(master)) = (
            outgoing.get_mut(..n),
            arriving.get_mut(..n),
            extra.get_mut(..n),
            master.get_mut(..n),
        ) else {
            return;
        };
        let master = match self.master.settled_value() {
            Some(m) => Gain::Flat(m),
            None => {
                self.master.fill(master);
                Gain::Curve(master)
            }
        };
        let still = self.guard.settled_value() == Some(1.0)
            && self.envelope.settled_value() == Some(1.0)
            && self.incoming.is_none();
        if !still {
            self.guard.fill(outgoing);
            self.envelope.fill(extra);
            multiply(outgoing, extra);
            if let Some(incoming) = &mut self.incoming {
                arriving.copy_from_slice(outgoing);
                incoming.fade_in.multiply(arriving);
                incoming.fade_out.multiply(outgoing);
            }
        }
        let (mut stale, mut loud_outs) = (0, false);
        if let Some(deck) = self.deck.as_deref_mut() {
            let mut run = Run {
                sums,
                planes,
                at,
                envelope: if still { None } else { Some(outgoing) },
                master,
                curves,
                level,
                loud_outs: &mut loud_outs,
            };
            stale += deck.give(n, &self.layout, &mut run);
        }
        let channels = self.layout.outs().len();
        if let Some(incoming) = &mut self.incoming {
            let mut run = Run {
                sums: more,
                planes,
                at,
                envelope: Some(arriving),
                master,
                curves,
                level,
                loud_outs: &mut loud_outs,
            };
            stale += incoming.deck.give(n, &self.layout, &mut run);
            for (sums, more) in sums.iter_mut().zip(more).take(channels) {
                if let (Some(sums), Some(more)) = (sums.get_mut(..n), more.get(..n)) {
                    sum(sums, more);
                }
            }
        }
        self.counters.stale_blocks = self.counters.stale_blocks.wrapping_add(stale);
        let mut huge = false;
        for ((sums, out), peak) in sums
            .iter_mut()
            .zip(self.layout.outs())
            .zip(&mut self.bus_peaks)
        {
            let Some(sums) = sums.get_mut(..n) else {
                continue;
            };
            let found = inspect(sums);
            *peak = peak.max(found.peak);
            huge |= found.peak > f32::MAX / (4 * C.max(1)) as f32;
            let c = &mut self.counters;
            c.non_finite = c.non_finite.wrapping_add(found.non_finite);
            c.overs = c.overs.wrapping_add(found.overs);
            if let Some(plane) = planes.get_mut(usize::from(*out))
                && let Some(plane) = plane.get_mut(at..at + n)
            {
                sum(plane, sums);
            }
        }
        // A plane that several share can only overflow when one of them nearly does.
        let first = match (huge, loud_outs) {
            (true, _) => 0,
            (_, true) => usize::from(self.config.direct_from),
            _ => usize::MAX,
        };
        for plane in planes.iter_mut().skip(first) {
            if let Some(plane) = plane.get_mut(at..at + n) {
                let found = inspect(plane);
                let c = &mut self.counters;
                c.non_finite = c.non_finite.wrapping_add(found.non_finite);
            }
        }
    }

    fn tell(&mut self, kind: EventKind) {
        let event = Event {
            engine_frame: self.engine_frame,
            kind,
        };
        if self.events.push(event).is_err() {
            self.counters.lost_events = self.counters.lost_events.wrapping_add(1);
        }
    }

    fn give_back(&mut self, deck: P::Deck) {
        // The handle lets no more decks in than the ring has room for.
        if let Err(deck) = self.returns.push(deck)
            && let Some(other) = self.stuck.replace(deck)
        {
            // Can't be. A leaked deck is the lesser evil: dropping it here would free memory.
            core::mem::forget(other);
        }
    }

    /// Frames that may be asked for now without starving, for the monitor.
    fn ring_fill(&self) -> u32 {
        self.deck
            .as_deref()
            .map_or(0, |d| u32::try_from(d.fill()).unwrap_or(u32::MAX))
    }
}

impl<
    P: Platform<N, T, U, C>,
    const N: usize,
    const T: usize,
    const U: usize,
    const C: usize,
    const F: usize,
> Process for Engine<P, N, T, U, C, F>
where
    Self: Send,
{
    #[cfg_attr(rtsan, sanitize(realtime = "nonblocking"))]
    fn process(&mut self, planes: &mut [&mut [f32]], frames: usize) -> Played {
        let _guard = denormals::flush_denormals();
        // A build with `backline_without_monitor` is what the instruction counts compare `off` with.
        let full = self.board.monitor_level() == MonitorLevel::Full;
        if full && !cfg!(backline_without_monitor) {
            self.measured_call(planes, frames);
        } else {
            self.begin_call();
            self.rest_of_call(planes, frames);
        }
        Played::Engine
    }

    #[cfg_attr(rtsan, sanitize(realtime = "nonblocking"))]
    fn ready(&mut self, frames: usize) -> bool {
        let _guard = denormals::flush_denormals();
        self.begin_call();
        let ready = self.is_covered(frames as u64);
        self.end_call(0);
        ready
    }

    #[cfg_attr(rtsan, sanitize(realtime = "nonblocking"))]
    fn follow(&mut self, outside: Outside) {
        self.following.outside = Some(outside);
    }

    #[cfg_attr(rtsan, sanitize(realtime = "nonblocking"))]
    fn in_step(&mut self) -> bool {
        let _guard = denormals::flush_denormals();
        self.begin_call();
        let ready = self.could_play_at_once();
        self.end_call(0);
        ready
    }
}
