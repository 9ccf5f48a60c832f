//! What the controller does with wishes.

use engine_core::command::Command;
use engine_core::controls::TrackSetting;
use engine_core::cut::At;
use engine_core::fade::Curve;
use engine_core::monitor::MonitorLevel;
use engine_core::status::State;
use engine_core::ticket::Ticket;

use super::super::PlayerError;
use super::super::decks::{Live, Preparing, Purpose};
use super::super::wish::{Place, Wish};
use super::{Controller, FADE_MS, SONG_FADE_MS};
use crate::plan::{Loop, Plan};
use crate::song::Time;

/// How far ahead of the present frame a splice is tried, ms; doubled each time it came too late.
const SPLICE_MS: u32 = 120;
/// Going back to the previous section within this time of a section's start, s.
const BACK_S: f64 = 2.0;

impl Controller {
    pub(super) fn obey(&mut self, wish: Wish) {
        let wish = if self.follows() && self.quitting.is_none() {
            match self.obey_following(wish) {
                Some(wish) => wish,
                None => return,
            }
        } else {
            wish
        };
        match wish {
            Wish::Opened(ticket, kit) => {
                if let Some((preparing, e)) = self.decks.opened(ticket, *kit) {
                    self.not_opened(&preparing, e);
                }
            }
            Wish::Primed(ticket) => self.primed(ticket),
            Wish::Mixer(answer) => {
                // Who asked may have given up.
                let _ = answer.send(self.mixer());
            }
            Wish::Order(verb, answerer) => self.order(&verb, answerer),
            Wish::Loaded(number, loaded) => self.loaded(number, *loaded),
            Wish::Written(written, answerer) => self.written(written, answerer),
            Wish::Refresh(who, every) => self.shown.refresh(who, every),
            _ if self.quitting.is_some() => {}
            Wish::Play => self.play(),
            Wish::Pause => self.pause(),
            Wish::Toggle if self.rolling => self.pause(),
            Wish::Toggle => self.play(),
            Wish::Quit => self.quit(),
            Wish::Seek(place) => self.seek(&place),
            Wish::Loop(range) => self.set_loop(range),
            Wish::ToggleLoop => self.toggle_loop(),
            Wish::Song(song) => {
                self.change_song(song);
            }
            Wish::Gain(track, gain) => self.change_one(track, |s| s.gain = gain),
            Wish::Pan(track, pan) => self.change_one(track, |s| s.pan = pan),
            Wish::Mute(track, on) => self.change_one(track, |s| s.mute = on.unwrap_or(!s.mute)),
            Wish::Solo(track, on) => self.change_one(track, |s| s.solo = on.unwrap_or(!s.solo)),
            Wish::ClearSolo => {
                self.clear_solo();
                self.songs[self.song].controls.commit();
            }
            Wish::Master(level) => self.set_master(level),
            Wish::Level(bus, level) => {
                if let Some(i) = self.layout.bus(&bus) {
                    let controls = &self.songs[self.song].controls;
                    controls.set_level(i, level);
                    controls.commit();
                }
            }
            Wish::Monitor(level) => self.set_monitor(level),
        }
    }

    pub(in super::super) fn set_master(&mut self, level: f32) {
        if !level.is_nan() {
            self.master = self.allowed_master(level.max(0.0));
        }
        if let Some(rig) = &self.rig {
            rig.handle.board().set_master(self.master);
        }
    }

    pub(super) fn set_monitor(&mut self, level: MonitorLevel) {
        self.told.monitor = level;
        if let Some(rig) = &mut self.rig {
            rig.driver.watch(level == MonitorLevel::Full);
            rig.handle.board().set_monitor_level(level);
        }
    }

    /// A batch of one change.
    fn change_one(&mut self, track: usize, change: impl Fn(&mut TrackSetting)) {
        self.change(track, change);
        self.songs[self.song].controls.commit();
    }

    /// Nothing is soloed any more. It belongs to a batch.
    pub(super) fn clear_solo(&mut self) {
        for track in 0..self.songs[self.song].strips.len() {
            self.change(track, |s| s.solo = false);
        }
    }

    /// Changes a track of the song in play; one that isn't there has no effect. It belongs to a batch, which a commit of the controls ends:
    /// what is changed together is heard, and told, from the same frame on.
    pub(super) fn change(&mut self, track: usize, change: impl Fn(&mut TrackSetting)) {
        let song = &self.songs[self.song];
        if track < song.strips.len() {
            let mut setting = song.controls.track(track);
            change(&mut setting);
            song.controls.set_track(track, setting);
        }
    }

    pub(super) fn play(&mut self) {
        self.rolling = true;
        if self.orders.stopping {
            // Once the fade-out is over and the song at its start.
            return;
        }
        if let Some(hold) = &mut self.hold {
            hold.was_rolling = true;
            return;
        }
        if self.is_starting() {
            return;
        }
        match self.state() {
            State::Ended => {
                self.prepare_start(self.song, None);
            }
            // (One that was handed over is as good as cut to.)
            _ if self.current.is_none() && self.decks.live.is_empty() => {
                self.prepare_start(self.song, None);
            }
            _ => {
                // A first start is never faded.
                let begun = self
                    .rig
                    .as_ref()
                    .is_some_and(|r| r.handle.board().position().deck_frame > 0);
                let fade = if begun { self.frames(FADE_MS) } else { 0 };
                self.roll(fade);
            }
        }
    }

    pub(super) fn is_starting(&self) -> bool {
        self.decks
            .preparing
            .iter()
            .any(|p| p.purpose == Purpose::Start)
    }

    pub(super) fn pause(&mut self) {
        self.rolling = false;
        if let Some(hold) = &mut self.hold {
            hold.was_rolling = false;
            return;
        }
        let fade = self.frames(FADE_MS);
        self.send(Command::Pause { fade });
    }

    /// The song frame that the engine gives next.
    pub(in super::super) fn here(&self) -> u64 {
        if let Some(hold) = &self.hold {
            return hold.frame;
        }
        if let Some(frame) = self.outside_frame() {
            return frame;
        }
        let deck_frame = self
            .rig
            .as_ref()
            .map_or(0, |r| r.handle.board().position().deck_frame);
        self.current
            .and_then(|t| self.decks.find(t))
            .map_or(self.parts[self.song].start, |l| {
                l.plan.song_frame(deck_frame)
            })
    }

    fn seek(&mut self, place: &Place) {
        match self.resolve(place) {
            Ok(frame) => {
                self.jump(frame);
            }
            Err(e) => self.warn("no-section", e.to_string(), None),
        }
    }

    /// Goes to a frame of the song. The deck that will play there; none while there is no device.
    pub(super) fn jump(&mut self, frame: u64) -> Option<Ticket> {
        self.orders.stopping = false;
        if let Some(hold) = &mut self.hold {
            hold.frame = frame;
            return None;
        }
        let plan = self.plan(self.song, Some(frame), self.looping);
        let purpose = if self.is_starting() {
            Purpose::Start
        } else {
            Purpose::Jump
        };
        self.begin(self.song, plan, purpose)
    }

    /// The song frame of a place, within the song.
    pub(super) fn resolve(&self, place: &Place) -> Result<u64, PlayerError> {
        let rate = self.rate().max(1);
        let song = &self.songs[self.song];
        let length = song.length(rate);
        let here = self.here();
        let spans = || song.song.spans(rate, length);
        let frame = match place {
            Place::At(time) => song.song.frame(time, rate)?,
            Place::By(seconds) => {
                let by = (seconds * f64::from(rate)) as i64;
                here.saturating_add_signed(by)
            }
            Place::PreviousSection => {
                let back = (BACK_S * f64::from(rate)) as u64;
                let starts = spans().into_iter().map(|s| s.start);
                starts.filter(|s| s + back <= here).max().unwrap_or(0)
            }
            Place::NextSection => spans()
                .into_iter()
                .map(|s| s.start)
                .filter(|s| *s > here)
                .min()
                .unwrap_or(length),
        };
        Ok(frame.min(length))
    }

    fn set_loop(&mut self, range: Option<(Time, Time)>) {
        let rate = self.rate().max(1);
        let song = self.songs[self.song].song.clone();
        let range = match range {
            None => None,
            Some((a, b)) => match (song.frame(&a, rate), song.frame(&b, rate)) {
                (Ok(a), Ok(b)) => Some((a, b)),
                (Err(e), _) | (_, Err(e)) => {
                    self.warn("no-section", e.to_string(), None);
                    return;
                }
            },
        };
        self.apply_loop(range);
    }

    fn toggle_loop(&mut self) {
        let range = match self.looping {
            Some(_) => None,
            None => Some(self.span_here()),
        };
        self.apply_loop(range);
    }

    /// The section that is playing; the song, where there is none.
    pub(super) fn span_here(&self) -> (u64, u64) {
        let rate = self.rate().max(1);
        let song = &self.songs[self.song];
        let here = self.here();
        let length = song.length(rate);
        song.song
            .spans(rate, length)
            .into_iter()
            .find(|s| (s.start..s.end).contains(&here))
            .map_or((0, length), |s| (s.start, s.end))
    }

    /// Loop on or off: another deck that plays the same up to where the difference begins.
    /// The deck that will.
    pub(super) fn apply_loop(&mut self, range: Option<(u64, u64)>) -> Option<Ticket> {
        let end = self.parts[self.song].end;
        self.looping = range
            .map(|(a, b)| Loop {
                a: a.min(end),
                b: b.min(end),
                passes: None,
            })
            .filter(|l| l.a < l.b);
        if range.is_some() && self.looping.is_none() {
            self.warn(
                "empty-loop",
                "a loop must end after its start and begin within the song".into(),
                None,
            );
            return None;
        }
        if self.hold.is_some() || self.current.is_none() {
            return None;
        }
        self.splice(0)
    }

    /// Prepares a deck that takes over a little later, at the same place of the song.
    pub(super) fn splice(&mut self, tries: u32) -> Option<Ticket> {
        let (current, rig) = (self.current?, self.rig.as_ref()?);
        let live = self.decks.find(current)?;
        let position = rig.handle.board().position();
        if position.state != State::Playing {
            let here = self.here();
            return self.jump(here);
        }
        let lead = self.frames(SPLICE_MS << tries) + 2 * self.period();
        let at = position.deck_frame + u64::from(lead);
        let frame = live.plan.song_frame(at);
        match self.looping {
            // Past the loop's end already: into the loop.
            Some(l) if frame >= l.b => self.jump(l.a),
            _ => {
                let plan = self.plan(self.song, Some(frame), self.looping);
                let purpose = Purpose::Splice {
                    of: current,
                    at,
                    tries,
                };
                self.begin(self.song, plan, purpose)
            }
        }
    }

    /// The song in play would wait at its end for what doesn't come, and that would count as a fault: a deck that ends there takes
    /// over, where there is time for it.
    fn follow_nothing(&mut self) {
        let Some(live) = self.current.and_then(|deck| self.decks.find(deck)) else {
            return;
        };
        let position = self.rig.as_ref().map(|r| r.handle.board().position());
        let enough = u64::from(4 * self.frames(SPLICE_MS));
        let left = position
            .filter(|p| p.state == State::Playing)
            .and_then(|p| {
                let len = live.plan.deck_len()?;
                Some(len.saturating_sub(p.deck_frame))
            });
        if left.is_some_and(|left| left > enough) {
            self.splice(0);
        }
    }

    /// Goes to another song. The deck that will play it; none while there is no device.
    pub(super) fn change_song(&mut self, song: usize) -> Option<Ticket> {
        if song >= self.songs.len() {
            return None;
        }
        self.orders.stopping = false;
        self.looping = self.parts[song].repeat;
        if let Some(hold) = &mut self.hold {
            hold.frame = self.parts[song].start;
            self.song = song;
            return None;
        }
        let plan = self.plan(song, None, self.looping);
        if let Some(deck) = self.hasten(song, plan) {
            return Some(deck);
        }
        let purpose = if self.current.is_none() {
            self.song = song;
            Purpose::Start
        } else {
            Purpose::Jump
        };
        self.begin(song, plan, purpose)
    }

    /// What is to follow the deck in play is just that: it is primed already, or nearly, and comes now.
    fn hasten(&mut self, song: usize, plan: Plan) -> Option<Ticket> {
        let current = self.current?;
        let is_it = |s: usize, p: Plan, purpose: Purpose| {
            (s, p) == (song, plan) && matches!(purpose, Purpose::Follow { of, .. } if of == current)
        };
        // (One that was handed over after it has taken its place.)
        let is_live = |l: &&mut Live| is_it(l.song, l.plan, l.purpose);
        let Some(live) = self.decks.live.last_mut().filter(is_live) else {
            self.decks
                .give_up(|p| !matches!(p.purpose, Purpose::Follow { .. } | Purpose::Load));
            let mut preparing = self.decks.preparing.iter_mut();
            let p = preparing.find(|p| is_it(p.song, p.plan, p.purpose))?;
            p.purpose = Purpose::Jump;
            return Some(p.ticket);
        };
        let (deck, before) = (live.ticket, live.purpose);
        live.purpose = Purpose::Jump;
        let hasten = Command::Hasten {
            deck,
            fade: (self.idle.wanted()).unwrap_or_else(|| self.frames(SONG_FADE_MS)),
            curve: Curve::EqualPower,
        };
        if !self.try_send(hasten) {
            // It comes when it was to come; another one is prepared.
            let mut live = self.decks.live.iter_mut();
            if let Some(live) = live.find(|l| l.ticket == deck) {
                live.purpose = before;
            }
            return None;
        }
        self.decks
            .give_up(|p| !matches!(p.purpose, Purpose::Follow { .. } | Purpose::Load));
        if self.rolling && self.state() != State::Playing {
            self.roll(0);
        }
        Some(deck)
    }

    fn not_opened(&mut self, p: &Preparing, e: PlayerError) {
        let ticket = p.ticket;
        if p.purpose == Purpose::Load {
            self.load_not_opened(ticket, &e);
            return;
        }
        self.orders.not_opened(ticket, &e.to_string());
        if self.told.keep_going {
            self.skip(p, &e.to_string());
            return;
        }
        match p.purpose {
            Purpose::Start | Purpose::Outside { .. } if self.current.is_none() => {
                self.fail("song", e.to_string());
            }
            Purpose::Outside { .. } => {
                self.warn("song", format!("{e}; trying again"), None);
                self.not_in_step();
            }
            Purpose::Follow { .. } => {
                self.warn("song", format!("{e}; playing ends with this song"), None);
                self.no_follower = true;
                self.follow_nothing();
            }
            _ if self.state() == State::Ended => {
                // The song ended while this was to take its place.
                self.warn("song", e.to_string(), None);
                self.song_over();
            }
            _ => self.warn("song", format!("{e}; playing goes on"), None),
        }
    }

    fn primed(&mut self, ticket: Ticket) {
        let Some((deck, live)) = self.decks.primed(ticket) else {
            return;
        };
        if self.is_cutting_to_loaded() {
            // It would take that one's place, and be of a song that is gone.
            self.decks.live.push(live);
            self.decks.back(deck);
            return;
        }
        let state = self.state();
        match live.purpose {
            Purpose::Start => {
                self.hand_over(deck, live, At::Now, 0, Curve::Linear);
                if self.rolling {
                    self.roll(0);
                }
            }
            Purpose::Jump | Purpose::Load => {
                let same = live.purpose == Purpose::Jump && live.song == self.song;
                let (fade, curve) = if same {
                    (FADE_MS, Curve::Linear)
                } else {
                    (SONG_FADE_MS, Curve::EqualPower)
                };
                let own = self.idle.fade_of(ticket);
                let fade = own.unwrap_or_else(|| self.frames(fade));
                self.hand_over(deck, live, At::Now, fade, curve);
                if self.rolling && state != State::Playing {
                    self.roll(0);
                }
            }
            Purpose::Outside { at } => {
                self.hand_over(deck, live, At::Outside { frame: at }, 0, Curve::Linear);
            }
            Purpose::Splice { of, at, tries } => {
                let position = self.rig.as_ref().map(|r| {
                    let p = r.handle.board().position();
                    (p.deck, p.deck_frame + u64::from(2 * self.period()))
                });
                match position {
                    Some((deck_now, next)) if deck_now == of && next < at => {
                        self.hand_over(deck, live, At::Frame { of, frame: at }, 0, Curve::Linear);
                    }
                    _ => {
                        // Too late. The deck goes to the shelf, and is taken for the next try.
                        self.decks.live.push(live);
                        self.decks.back(deck);
                        if let Some(next) = self.splice((tries + 1).min(4)) {
                            self.orders.renamed(ticket, next);
                        }
                    }
                }
            }
            Purpose::Due { of, at, on_bar } => {
                let next = self.rig.as_ref().and_then(|r| {
                    let p = r.handle.board().position();
                    // The engine may be called before it has the command.
                    let next = p.deck_frame + u64::from(2 * self.period());
                    (p.deck == of).then_some(next)
                });
                let at = match next {
                    Some(next) if on_bar && at < next => self.bar_from(of, next).unwrap_or(at),
                    _ => at,
                };
                if next.is_some_and(|next| next <= at) && state == State::Playing {
                    self.hand_over(deck, live, At::Frame { of, frame: at }, 0, Curve::Linear);
                } else {
                    // The frame has gone by while the deck was being prepared: as soon as it can be.
                    let fade = self.frames(FADE_MS);
                    self.hand_over(deck, live, At::Now, fade, Curve::Linear);
                    if self.rolling && state != State::Playing {
                        self.roll(0);
                    }
                }
            }
            Purpose::Follow { .. } if self.decks.is_cutting(self.current) => {
                // It would take the place of what was handed over before, which will have a follower of its own.
                self.decks.live.push(live);
                self.decks.back(deck);
            }
            Purpose::Follow { of, at } => {
                if state == State::Ended {
                    // It came too late to be gapless.
                    self.hand_over(deck, live, At::Now, 0, Curve::Linear);
                    self.roll(0);
                } else {
                    // What of the old song is left then sounds together with it.
                    let len = self.decks.find(of).and_then(|l| l.plan.deck_len());
                    let fade = len.map_or(0, |len| len.saturating_sub(at));
                    let fade = u32::try_from(fade).unwrap_or(0);
                    let curve = Curve::EqualPower;
                    self.hand_over(deck, live, At::Frame { of, frame: at }, fade, curve);
                }
            }
        }
    }
}
