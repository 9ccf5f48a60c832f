//! Programs made up at random.

use backline_tests::dice::Dice;
use engine_core::bus::NO_OUT;
use engine_core::controls::TrackSetting;
use engine_core::fade::Curve;
use engine_core::outside::Outside;
use engine_core::strip::StripSpec;

use crate::program::{Action, DeckPlan, Kind, Material, Program, SongPlan, Step, When};

/// What the engine that is to run it has room for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Frames of a block.
    pub block: usize,
    /// Blocks in a ring, at most.
    pub blocks: usize,
    /// Frames of a program, about.
    pub frames: usize,
}

/// The program of a seed.
pub fn program(seed: u64, limits: Limits) -> Program {
    let mut maker = Maker {
        dice: Dice::new(seed),
        limits,
        program: Program {
            ramp: 0,
            buses: Vec::new(),
            planes: 0,
            direct_from: 0,
            songs: Vec::new(),
            decks: Vec::new(),
            steps: Vec::new(),
        },
        cut_to: Vec::new(),
        frame: 0,
        outside: None,
    };
    if maker.dice.one_in(4) {
        maker.outside = Some(Outside::default());
    }
    maker.set_up();
    maker.happen();
    maker.program
}

struct Maker {
    dice: Dice,
    limits: Limits,
    program: Program,
    /// Decks that were cut to.
    cut_to: Vec<usize>,
    /// About where the last of them is.
    frame: u64,
    /// The outside transport, if one is followed.
    outside: Option<Outside>,
}

impl Maker {
    fn pick<X: Copy>(&mut self, from: &[X]) -> X {
        from[self.index(from.len())]
    }

    fn index(&mut self, n: usize) -> usize {
        self.dice.below(n as u32) as usize
    }

    fn level(&mut self) -> f32 {
        let any = self.dice.unit() * 2.0;
        // The last two: just below and just what counts.
        self.pick(&[any, any, any, 1.0, 1.0, 0.5, 0.0, 9.5e-7, 1.0 / 1_048_576.0])
    }

    fn set_up(&mut self) {
        self.program.ramp = self.pick(&[0, 1, 7, 64, 100, 333]);
        let mut planes = 0;
        for _ in 0..1 + self.dice.below(3) {
            let channels = self.pick(&[1, 2, 2, 2, 2, 3, 4]);
            let shares = planes >= channels && self.dice.one_in(8);
            let first = if shares { 0 } else { planes };
            let outs = (first..first + channels)
                .map(|plane| if self.dice.one_in(30) { NO_OUT } else { plane });
            let outs = outs.collect();
            self.program.buses.push(outs);
            planes = planes.max(first + channels);
        }
        self.program.direct_from = planes;
        let directs = self.pick(&[0, 0, 2, 4]);
        self.program.planes = usize::from(planes + directs);
        for _ in 0..1 + self.dice.below(3) {
            let tracks = self.pick(&[0, 1, 1, 2, 2, 3, 3, 4, 5]);
            let tracks = (0..tracks).map(|number| self.track(number)).collect();
            let own_level = (0..self.program.buses.len())
                .filter(|_| self.dice.one_in(4))
                .collect();
            self.program.songs.push(SongPlan { tracks, own_level });
        }
        for _ in 0..1 + self.dice.below(6) {
            let deck = self.deck();
            self.program.decks.push(deck);
        }
    }

    fn track(&mut self, number: usize) -> (StripSpec, Material) {
        let channels = 1 + self.dice.below(2) as u8;
        let bus = self.index(self.program.buses.len()) as u8;
        let mut spec = StripSpec::into_bus(channels, bus);
        spec.first = self.pick(&[0, 0, 1]);
        let directs = self.program.planes as u32 - u32::from(self.program.direct_from);
        if directs > 0 && self.dice.one_in(3) {
            for out in spec.direct.iter_mut().take(usize::from(channels)) {
                if !self.dice.one_in(4) {
                    *out = self.program.direct_from + self.dice.below(directs) as u16;
                }
            }
            if self.dice.one_in(3) {
                spec.bus = None;
            }
        }
        let block = self.limits.block as u64;
        let kind = self.pick(&[
            Kind::Noise,
            Kind::Noise,
            Kind::Noise,
            Kind::Ones,
            Kind::Patchy(block),
            Kind::Patchy(block),
            Kind::Patchy(5),
            Kind::Odd,
        ]);
        let kind = if self.dice.one_in(40) {
            Kind::Huge
        } else {
            kind
        };
        (spec, Material { kind, number })
    }

    fn deck(&mut self) -> DeckPlan {
        let Limits {
            block,
            blocks,
            frames,
        } = self.limits;
        let most = blocks.min(2 * frames / block).max(12);
        let blocks = (most / 3 + self.index(most - most / 3))
            .max(140 / block + 1)
            .min(blocks);
        let room = (blocks * block) as u32;
        let some = self.dice.below(frames as u32 / 2);
        let end = match self.dice.below(5) {
            0 | 1 => None,
            // One that ends with a block, or in its first frames.
            2 => Some((1 + u64::from(some) / block as u64) * block as u64 + self.pick(&[0, 0, 1])),
            _ => Some(1 + u64::from(some)),
        };
        DeckPlan {
            song: self.index(self.program.songs.len()),
            from: u64::from(self.dice.below(1000)),
            end,
            prime: self.pick(&[0, 64, room / 2, 128]),
            resume: self.pick(&[0, 64, room / 2, 128]),
            followed: self.dice.one_in(6),
            blocks,
        }
    }

    fn happen(&mut self) {
        let mut left = self.limits.frames / 2 + self.index(self.limits.frames / 2);
        let mut first = !self.dice.one_in(12);
        while left > 0 {
            let mut actions = Vec::new();
            if first {
                self.feed_all(0, &mut actions);
                self.some(&mut actions, Self::control);
                self.locate(&mut actions);
                let at = match self.outside {
                    Some(Outside { frame, .. }) => When::Outside { frame },
                    None => When::Now,
                };
                actions.push(self.cut_of(0, at));
                let fade = self.pick(&[0, 0, 0, 50]);
                actions.push(Action::Play(fade));
                first = false;
            } else {
                self.feed(&mut actions);
                if self.dice.one_in(3) {
                    self.locate(&mut actions);
                }
                self.some(&mut actions, Self::event);
                self.some(&mut actions, Self::control);
            }
            let frames = self.frames().min(left);
            self.frame += frames as u64;
            if let Some(Outside {
                rolling: true,
                frame,
            }) = &mut self.outside
            {
                *frame += frames as u64;
            }
            left -= frames.max(1);
            self.program.steps.push(Step { actions, frames });
        }
    }

    /// The outside transport starts, stops, or goes elsewhere; or the driver just tells where it is.
    fn locate(&mut self, actions: &mut Vec<Action>) {
        let Some(mut outside) = self.outside else {
            return;
        };
        outside.rolling = match self.dice.below(4) {
            0 => !outside.rolling,
            1 => outside.rolling,
            _ => true,
        };
        if self.dice.one_in(3) {
            outside.frame = u64::from(self.dice.below(3000));
        }
        self.outside = Some(outside);
        actions.push(Action::Follow(outside));
    }

    /// Zero to two of something.
    fn some(&mut self, actions: &mut Vec<Action>, what: fn(&mut Self, &mut Vec<Action>)) {
        for _ in 0..self.pick(&[0, 0, 1, 1, 2]) {
            what(self, actions);
        }
    }

    fn frames(&mut self) -> usize {
        let block = self.limits.block;
        match self.dice.below(8) {
            0 => self.pick(&[0, 1, 2, 63, 64, 65]),
            1 => block + self.index(3) - 1,
            2 | 3 => self.index(2 * block),
            4..7 => self.index(self.limits.frames / 8),
            _ => self.index(self.limits.frames / 3),
        }
    }

    fn feed_all(&mut self, deck: usize, actions: &mut Vec<Action>) {
        actions.push(Action::Feed {
            deck,
            lane: None,
            blocks: usize::MAX,
        });
    }

    /// Mostly everything there is room for; now and then little, or nothing, or one track only.
    fn feed(&mut self, actions: &mut Vec<Action>) {
        for deck in 0..self.program.decks.len() {
            let tracks = self.program.songs[self.program.decks[deck].song]
                .tracks
                .len();
            match self.dice.below(16) {
                0..13 => self.feed_all(deck, actions),
                13 if tracks > 0 => {
                    let lane = Some(self.index(tracks));
                    let blocks = 1 + self.index(8);
                    actions.push(Action::Feed { deck, lane, blocks });
                }
                14 => {
                    let blocks = 1 + self.index(8);
                    let lane = None;
                    actions.push(Action::Feed { deck, lane, blocks });
                }
                _ => {}
            }
        }
    }

    fn song(&mut self) -> usize {
        // Mostly the one that is likely to be heard.
        match self.cut_to.last() {
            Some(deck) if !self.dice.one_in(5) => self.program.decks[*deck].song,
            _ => self.index(self.program.songs.len()),
        }
    }

    fn control(&mut self, actions: &mut Vec<Action>) {
        let song = self.song();
        let tracks = self.program.songs[song].tracks.len();
        let what = self.dice.below(8);
        match what {
            0..5 if tracks > 0 => {
                let track = self.index(tracks);
                let set = self.setting();
                actions.push(Action::Track { song, track, set });
            }
            5 | 6 => {
                let bus = self.index(self.program.buses.len());
                let level = self.level();
                actions.push(Action::Level { song, bus, level });
            }
            _ => {
                let level = self.level();
                actions.push(Action::Master(level));
            }
        }
        if !self.dice.one_in(6) {
            actions.push(Action::Commit { song });
        }
    }

    fn setting(&mut self) -> TrackSetting {
        let any = self.dice.unit() * 2.0 - 1.0;
        TrackSetting {
            gain: self.level(),
            pan: self.pick(&[any, any, 0.0, 0.0, -1.0, 1.0]),
            mute: self.dice.one_in(4),
            solo: self.dice.one_in(8),
        }
    }

    fn event(&mut self, actions: &mut Vec<Action>) {
        let fade = self.fade();
        match self.dice.below(20) {
            0..8 => self.cut(actions),
            8 if !self.cut_to.is_empty() => {
                let deck = self.pick(&self.cut_to.clone());
                let curve = self.pick(&[Curve::Linear, Curve::EqualPower]);
                actions.push(match self.dice.one_in(2) {
                    true => Action::Cancel { deck },
                    false => Action::Hasten { deck, fade, curve },
                });
            }
            9..12 => actions.push(Action::Play(fade)),
            12 => actions.push(Action::Pause(fade)),
            13 => actions.push(Action::Stop(fade)),
            14 if self.dice.one_in(4) => actions.push(Action::Eject),
            _ => self.timed(actions),
        }
    }

    fn fade(&mut self) -> u32 {
        let any = self.dice.below(300);
        self.pick(&[0, 0, 1, 2, 64, any, any, any])
    }

    fn cut(&mut self, actions: &mut Vec<Action>) {
        let unused: Vec<_> = (0..self.program.decks.len())
            .filter(|d| !self.cut_to.contains(d))
            .collect();
        if unused.is_empty() {
            return;
        }
        let deck = self.pick(&unused);
        let before = self.cut_to.last().copied();
        if let Some(outside) = self.outside
            && !self.dice.one_in(6)
        {
            let ahead = self.pick(&[0, 0, 1, 50, 200]);
            let late = self.pick(&[0, 0, 0, 10]);
            let frame = (outside.frame + ahead).saturating_sub(late);
            let cut = self.cut_of(deck, When::Outside { frame });
            actions.push(cut);
            return;
        }
        let at = match before {
            Some(of) if !self.dice.one_in(3) => {
                let end = self.program.decks[of].end;
                let soon = u64::from(self.dice.below(400));
                let frame = match end {
                    // At the natural end, or about there.
                    Some(end) if self.dice.one_in(2) => {
                        let late = self.pick(&[0, 0, 1, 40]);
                        let early = self.pick(&[0, 0, 1, 70]);
                        (end + late).saturating_sub(early)
                    }
                    _ => (self.frame + soon).saturating_sub(60),
                };
                let of = if self.dice.one_in(20) { deck } else { of };
                When::Frame { of, frame }
            }
            _ => When::Now,
        };
        let cut = self.cut_of(deck, at);
        actions.push(cut);
    }

    fn cut_of(&mut self, deck: usize, at: When) -> Action {
        self.cut_to.push(deck);
        self.frame = 0;
        let fade = self.fade();
        let curve = self.pick(&[Curve::Linear, Curve::EqualPower]);
        Action::Cut {
            deck,
            at,
            fade,
            curve,
        }
    }

    /// Timed fades and the exclusive solo, with the controls set likewise, as they are to be.
    fn timed(&mut self, actions: &mut Vec<Action>) {
        let song = self.song();
        let tracks = self.program.songs[song].tracks.len();
        let any = self.dice.below(500);
        let frames = self.pick(&[0, 1, 10, any, any]);
        let level = self.level();
        match self.dice.below(4) {
            0 if tracks > 0 => {
                let track = self.index(tracks);
                let mut set = self.setting();
                set.gain = level;
                actions.push(Action::Track { song, track, set });
                actions.push(Action::FadeTrack {
                    song,
                    track,
                    gain: level,
                    frames,
                });
            }
            1 => {
                let bus = self.index(self.program.buses.len());
                actions.push(Action::Level { song, bus, level });
                actions.push(Action::FadeBus {
                    song,
                    bus,
                    level,
                    frames,
                });
            }
            2 => {
                actions.push(Action::Master(level));
                actions.push(Action::FadeMaster { level, frames });
            }
            _ if tracks > 0 => {
                let track = self.index(tracks);
                for t in 0..tracks {
                    let mut set = self.setting();
                    set.solo = t == track;
                    actions.push(Action::Track {
                        song,
                        track: t,
                        set,
                    });
                }
                actions.push(Action::ExclusiveSolo { song, track });
            }
            _ => {}
        }
    }
}
