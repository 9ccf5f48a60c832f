//! A program run by the engine, its frames given in calls of some sizes.

use std::sync::Arc;

use backline_tests::dice::Dice;
use backline_tests::mixer::{DeckPlan, Feed, HeapPlatform, Rig};
use engine_core::backend::Process;
use engine_core::block::AnyBlock;
use engine_core::clock::NoClock;
use engine_core::command::Command;
use engine_core::controls::SongControls;
use engine_core::cut::At;
use engine_core::deck::{Deck, DeckSpec};
use engine_core::engine::EngineConfig;
use engine_core::event::{Event, EventKind};
use engine_core::host::{BLOCK, BUS_CHANNELS, BUSES, Heap, RING, STRETCH, TRACKS};
use engine_core::outside::Followed;
use engine_core::platform::Platform;
use engine_core::status::{Board, State};
use engine_core::ticket::Ticket;

use crate::program::{Action, Program, When};
use crate::transport::{deck_ticket, song_ticket};

/// An engine that is so small that a program of some hundred frames meets every seam of it.
pub struct Small;

/// Its parameters. The stretch is no multiple of the block, nor of what the inner loops do at a
/// stroke.
pub mod small {
    pub const RING: usize = 32;
    pub const TRACKS: usize = 5;
    pub const BUSES: usize = 3;
    pub const BUS_CHANNELS: usize = 12;
    pub const STRETCH: usize = 37;
    pub const BLOCK: usize = 16;
}

impl Platform<{ small::RING }, { small::TRACKS }, { small::BUSES }, { small::BUS_CHANNELS }>
    for Small
{
    type Block = Box<AnyBlock<{ small::BLOCK }>>;
    type Controls = Arc<SongControls<{ small::TRACKS }, { small::BUSES }>>;
    type Deck = Box<
        Deck<Self, { small::RING }, { small::TRACKS }, { small::BUSES }, { small::BUS_CHANNELS }>,
    >;
    type Board = Arc<Board<{ small::TRACKS }, { small::BUS_CHANNELS }>>;
    type Clock = NoClock;
}

/// A program on the small engine.
pub fn on_small(program: &Program, slicing: Slicing) -> Outcome {
    run::<
        Small,
        { small::RING },
        { small::TRACKS },
        { small::BUSES },
        { small::BUS_CHANNELS },
        { small::STRETCH },
        { small::BLOCK },
    >(program, slicing)
}

/// A program on the host's engine.
pub fn on_host(program: &Program, slicing: Slicing) -> Outcome {
    run::<Heap<NoClock>, RING, TRACKS, BUSES, BUS_CHANNELS, STRETCH, BLOCK>(program, slicing)
}

/// How the frames of a step are given.
#[derive(Clone, Copy, Debug)]
pub enum Slicing {
    /// In one call.
    Whole,
    /// In calls of at most so many frames, some of none, some after a question whether there is
    /// enough; by the dice of a seed.
    Random(u64, u32),
}

/// What came of it.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    /// Planes × frames.
    pub heard: Vec<Vec<f32>>,
    /// What was told.
    pub events: Vec<Event>,
    /// After each step.
    pub after: Vec<After>,
}

/// What the board shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct After {
    /// What the transport does, whether it holds or leaves, the deck and its frame.
    pub position: (State, bool, bool, Ticket, u64),
    /// The outside transport.
    pub outside: Option<Followed>,
    /// Starvation episodes and the frames held.
    pub starved: [u32; 2],
    /// The stop flag.
    pub stop_flag: Option<Ticket>,
}

struct Run<
    'p,
    P: HeapPlatform<N, T, U, C, B>,
    const N: usize,
    const T: usize,
    const U: usize,
    const C: usize,
    const F: usize,
    const B: usize,
> {
    program: &'p Program,
    rig: Rig<P, N, T, U, C, F, B>,
    controls: Vec<Arc<SongControls<T, U>>>,
    /// Both ends of each deck, once there.
    feeds: Vec<Option<Feed<N, B>>>,
    decks: Vec<Option<P::Deck>>,
    events: Vec<Event>,
}

fn run<
    P: HeapPlatform<N, T, U, C, B, Clock = NoClock>,
    const N: usize,
    const T: usize,
    const U: usize,
    const C: usize,
    const F: usize,
    const B: usize,
>(
    program: &Program,
    slicing: Slicing,
) -> Outcome {
    let config = EngineConfig {
        rate: 48_000,
        ramp: program.ramp,
        direct_from: program.direct_from,
    };
    let buses: Vec<_> = program.buses.iter().map(Vec::as_slice).collect();
    let mut run = Run::<P, N, T, U, C, F, B> {
        program,
        rig: Rig::new(config, &buses, program.planes, NoClock),
        controls: program.songs.iter().map(|_| Arc::default()).collect(),
        feeds: program.decks.iter().map(|_| None).collect(),
        decks: program.decks.iter().map(|_| None).collect(),
        events: Vec::new(),
    };
    let mut after = Vec::new();
    let seed = match slicing {
        Slicing::Whole => 0,
        Slicing::Random(seed, _) => seed,
    };
    let mut dice = Dice::new(seed);
    for step in &program.steps {
        for action in &step.actions {
            run.act(action);
        }
        let mut left = step.frames;
        if left == 0 {
            run.call(0, false);
        }
        while left > 0 {
            let (frames, ask) = match slicing {
                Slicing::Whole => (left, false),
                Slicing::Random(_, most) => (dice.below(most + 1) as usize, dice.one_in(4)),
            };
            run.call(frames.min(left), ask);
            left -= frames.min(left);
        }
        after.push(run.after());
    }
    run.all_comes_home();
    Outcome {
        heard: run.rig.heard,
        events: run.events,
        after,
    }
}

impl<
    P: HeapPlatform<N, T, U, C, B>,
    const N: usize,
    const T: usize,
    const U: usize,
    const C: usize,
    const F: usize,
    const B: usize,
> Run<'_, P, N, T, U, C, F, B>
{
    fn call(&mut self, frames: usize, ask: bool) {
        let enough = ask && self.rig.ready(frames);
        if ask {
            self.rig.engine.in_step();
        }
        let outside = self.rig.handle.board().position().outside;
        let before = self.rig.handle.board().counters();
        let deck = self.rig.handle.board().position().deck;
        self.rig.call(frames);
        let counters = self.rig.handle.board().counters();
        // (Out of step it is silent, ready or not.)
        let loses_step = outside.is_some_and(|o| !o.in_step || self.cuts_out_of_step());
        if enough && !loses_step && !self.is_at_end_of_another(deck) {
            assert_eq!(
                (before.starvations, before.starved_frames),
                (counters.starvations, counters.starved_frames),
                "starved, though it was said to be ready for {frames} frames"
            );
        }
        assert_eq!((counters.stale_blocks, counters.lost_events), (0, 0));
        let events = self.rig.events().into_iter();
        // The model's controls have no revisions.
        self.events.extend(events.filter(|e| {
            !matches!(
                e.kind,
                EventKind::Applied { .. } | EventKind::FadeBegun { .. }
            )
        }));
        while let Some(deck) = self.rig.handle.take_deck() {
            let index = deck.spec().ticket.0 as usize - 1;
            self.decks[index] = Some(deck);
        }
    }

    /// Whether there are cuts that lead away from an outside transport, at whatever frame.
    fn cuts_out_of_step(&self) -> bool {
        let actions = self.program.steps.iter().flat_map(|s| &s.actions);
        let away =
            |a: &Action| matches!(a, Action::Cut { at, .. } if !matches!(at, When::Outside { .. }));
        actions.into_iter().any(away)
    }

    /// Whether another deck than `before` has come to its end and waits for the next one, whose cut
    /// could not be sent before this one's took place: nobody can be ready for that.
    fn is_at_end_of_another(&self, before: Ticket) -> bool {
        let now = self.rig.handle.board().position();
        let plan = (now.deck.0 as usize).checked_sub(1);
        let plan = plan.map(|deck| &self.program.decks[deck]);
        now.deck != before
            && plan.is_some_and(|p| p.followed && p.end.is_some_and(|end| now.deck_frame >= end))
    }

    fn after(&self) -> After {
        let board = self.rig.handle.board();
        let p = board.position();
        let counters = board.counters();
        After {
            outside: p.outside,
            position: (p.state, p.holding, p.leaving, p.deck, p.deck_frame),
            starved: [counters.starvations, counters.starved_frames],
            stop_flag: board.take_stop_flag(),
        }
    }

    /// Every deck comes back, and every block of it.
    fn all_comes_home(&mut self) {
        let heard = self.rig.heard.first().map_or(0, Vec::len);
        self.rig.send(Command::Eject);
        let told = self.events.len();
        self.call(0, false);
        self.events.truncate(told);
        assert_eq!(
            self.rig.handle.decks_out(),
            0,
            "decks that didn't come back"
        );
        assert_eq!(self.rig.heard.first().map_or(0, Vec::len), heard);
        for (deck, feed) in self.decks.iter_mut().zip(&mut self.feeds) {
            let (Some(deck), Some(feed)) = (deck, feed) else {
                continue;
            };
            let spec = deck.spec();
            deck.rewind(spec);
            for (home, made) in feed.count_home() {
                assert_eq!(home, made, "blocks that came home, and were made");
            }
        }
    }

    fn make(&mut self, deck: usize) {
        if self.feeds[deck].is_some() {
            return;
        }
        let plan = &self.program.decks[deck];
        let song = &self.program.songs[plan.song];
        let spec = DeckSpec {
            ticket: deck_ticket(deck),
            song: song_ticket(plan.song),
            end: plan.end,
            prime: plan.prime,
            resume: plan.resume,
            followed: plan.followed,
        };
        let from = plan.from;
        let tracks = song.tracks.iter().map(|(spec, material)| {
            let material = *material;
            let stem: backline_tests::mixer::Stem =
                Arc::new(move |frame| material.at(from + frame));
            (*spec, stem)
        });
        let (made, feed) = self.rig.deck(&DeckPlan {
            spec,
            controls: &self.controls[plan.song],
            tracks: &tracks.collect::<Vec<_>>(),
            own_level: &song.own_level,
            blocks: plan.blocks,
        });
        self.decks[deck] = Some(made);
        self.feeds[deck] = Some(feed);
    }

    fn act(&mut self, action: &Action) {
        let command = match *action {
            Action::Feed { deck, lane, blocks } => {
                self.make(deck);
                if let Some(feed) = &mut self.feeds[deck] {
                    match lane {
                        Some(lane) => {
                            feed.feed_lane(lane, blocks);
                        }
                        None => feed.feed(blocks),
                    }
                }
                return;
            }
            Action::Track { song, track, set } => {
                return self.controls[song].set_track(track, set);
            }
            Action::Level { song, bus, level } => {
                return self.controls[song].set_level(bus, level);
            }
            Action::Commit { song } => {
                self.controls[song].commit();
                return;
            }
            Action::Follow(outside) => return self.rig.engine.follow(outside),
            Action::Master(level) => return self.rig.handle.board().set_master(level),
            Action::Cut {
                deck,
                at,
                fade,
                curve,
            } => {
                self.make(deck);
                let at = match at {
                    When::Now => At::Now,
                    When::Outside { frame } => At::Outside { frame },
                    When::Frame { of, frame } => At::Frame {
                        of: deck_ticket(of),
                        frame,
                    },
                };
                if let Some(deck) = self.decks[deck].take() {
                    self.rig.cut(deck, at, fade, curve);
                }
                return;
            }
            Action::Cancel { deck } => Command::Cancel(deck_ticket(deck)),
            Action::Hasten { deck, fade, curve } => Command::Hasten {
                deck: deck_ticket(deck),
                fade,
                curve,
            },
            Action::Play(fade) => Command::Play { fade },
            Action::Pause(fade) => Command::Pause { fade },
            Action::Stop(fade) => Command::Stop { fade },
            Action::Eject => Command::Eject,
            Action::FadeTrack {
                song,
                track,
                gain,
                frames,
            } => Command::FadeTrack {
                song: song_ticket(song),
                track: track as u16,
                count: 1,
                gain,
                frames,
            },
            Action::FadeBus {
                song,
                bus,
                level,
                frames,
            } => Command::FadeBus {
                song: song_ticket(song),
                bus: bus as u8,
                level,
                frames,
            },
            Action::FadeMaster { level, frames } => Command::FadeMaster { level, frames },
            Action::ExclusiveSolo { song, track } => Command::ExclusiveSolo {
                song: song_ticket(song),
                track: track as u16,
            },
        };
        self.rig.send(command);
    }
}
