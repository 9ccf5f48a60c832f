//! Whether all is well: a judgement of what was observed, with no clock and no system in it.
//!
//! A stream that should run is well as long as its callbacks move, our data comes in time, and it
//! isn't silent while there is something to be heard. While it is held for a reason it is well as
//! long as the controller gets on and the next try, of which it says when, comes and moves on.

use std::time::Duration;

/// A running stream is called oftener than this, whatever its period.
const CALLBACK: Duration = Duration::from_secs(3);
/// The controller looks around at least once a second.
const CONTROLLER: Duration = Duration::from_secs(5);
/// A disk may be slow for so long.
const STARVED: Duration = Duration::from_secs(10);
/// The output may be silent for so long while the tracks are not.
const SILENT: Duration = Duration::from_secs(10);
/// A try that is due may take so long.
const OVERDUE: Duration = Duration::from_secs(20);

/// Why nothing plays that should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldKind {
    /// For a device or server that isn't there yet.
    Waiting,
    /// For one that went away.
    Recovering,
    /// For what is to be played: its files are being opened, or aren't there.
    Loading,
}

impl HoldKind {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Recovering => "recovering",
            Self::Loading => "loading",
        }
    }
}

/// A hold: nothing plays, for a reason, and it is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold<T> {
    /// What for.
    pub kind: HoldKind,
    /// Why, in a sentence.
    pub reason: String,
    /// When it is tried again: it must move on.
    pub until: T,
}

/// What was observed, all at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// Time, from any beginning; it never goes back.
    pub now: Duration,
    /// A counter that the controller moves.
    pub beat: u64,
    /// The hold there is, and the time of its next try.
    pub hold: Option<(HoldKind, Duration)>,
    /// A stream should run.
    pub runs: bool,
    /// A counter that every callback moves.
    pub callbacks: u64,
    /// Our data isn't there.
    pub starving: bool,
    /// Loudest peak of what the tracks give, linear.
    pub material: f32,
    /// Loudest peak of the output, linear.
    pub output: f32,
    /// The output's levels let something through: no bus or master is at −∞.
    pub open: bool,
}

/// What isn't well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Illness {
    /// The controller doesn't get on.
    Controller,
    /// The device doesn't ask for sound.
    Callback,
    /// The files are read too slowly.
    Starved,
    /// There is something to be heard, and nothing is.
    Silent,
    /// What is held isn't tried again.
    Overdue,
}

impl Illness {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Controller => "controller-stuck",
            Self::Callback => "callback-stuck",
            Self::Starved => "starved",
            Self::Silent => "silent",
            Self::Overdue => "retry-overdue",
        }
    }

    /// A sentence for people.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Controller => "the player doesn't react any more",
            Self::Callback => "the device doesn't ask for sound any more",
            Self::Starved => "the files are read too slowly",
            Self::Silent => "nothing is heard, though there is something to be heard",
            Self::Overdue => "what is waited for isn't tried again",
        }
    }
}

/// A counter, and when it moved last.
#[derive(Clone, Copy, Debug, Default)]
struct Moving {
    count: u64,
    at: Duration,
}

impl Moving {
    /// How long it hasn't moved.
    fn still(&mut self, count: u64, now: Duration) -> Duration {
        if self.count != count {
            (self.count, self.at) = (count, now);
        }
        now.saturating_sub(self.at)
    }
}

/// Judges observations, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Health {
    beat: Moving,
    callbacks: Moving,
    ran: bool,
    starving: Option<Duration>,
    silent: Option<Duration>,
    heard: Option<Duration>,
    begun: Option<Duration>,
    /// Counters at the last sign of life.
    fed: Option<(u64, u64)>,
}

impl Health {
    /// What isn't well, if anything.
    pub fn judge(&mut self, seen: &Observation) -> Option<Illness> {
        let now = seen.now;
        if self.begun.is_none() {
            self.begun = Some(now);
            self.beat.at = now;
        }
        if seen.output > 0.0 {
            self.heard = Some(now);
        }
        let stuck = self.beat.still(seen.beat, now) > CONTROLLER;
        let runs = seen.runs && seen.hold.is_none();
        if !std::mem::replace(&mut self.ran, runs) {
            // Its callbacks are counted from here.
            self.callbacks = Moving {
                count: seen.callbacks,
                at: now,
            };
        }
        let frozen = runs && self.callbacks.still(seen.callbacks, now) > CALLBACK;
        let since = |from: &mut Option<Duration>, bad: bool| {
            *from = bad.then(|| from.unwrap_or(now));
            from.map_or(Duration::ZERO, |from| now.saturating_sub(from))
        };
        let starved = since(&mut self.starving, runs && seen.starving) > STARVED;
        let mute = runs && seen.open && seen.material > 0.0 && seen.output <= 0.0;
        let silent = since(&mut self.silent, mute) > SILENT;
        let overdue = seen
            .hold
            .is_some_and(|(_, until)| now.saturating_sub(until) > OVERDUE);
        match () {
            () if stuck => Some(Illness::Controller),
            () if overdue => Some(Illness::Overdue),
            () if frozen => Some(Illness::Callback),
            () if starved => Some(Illness::Starved),
            () if silent => Some(Illness::Silent),
            () => None,
        }
    }

    /// Whether the watchdog may be told that all is well: it is, and what should move has moved
    /// since it was told the last time.
    pub fn feed(&mut self, seen: &Observation) -> bool {
        if self.judge(seen).is_some() {
            return false;
        }
        let runs = seen.runs && seen.hold.is_none();
        let moved = self.fed.is_none_or(|(beat, callbacks)| match runs {
            true => seen.callbacks != callbacks,
            false => seen.beat != beat,
        });
        if moved {
            self.fed = Some((seen.beat, seen.callbacks));
        }
        moved
    }

    /// How long nothing was heard.
    pub fn unheard(&self, now: Duration) -> Duration {
        let since = self.heard.or(self.begun).unwrap_or(now);
        now.saturating_sub(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// All is well, at `seconds`.
    fn playing(seconds: u64) -> Observation {
        Observation {
            now: s(seconds),
            beat: seconds * 10,
            hold: None,
            runs: true,
            callbacks: seconds * 50,
            starving: false,
            material: 0.5,
            output: 0.5,
            open: true,
        }
    }

    /// The first illness, with the second at which it shows, of a minute of what `change` makes of
    /// playing well, after ten seconds of it; and how often the watchdog was fed in that minute.
    fn minute(change: impl Fn(&mut Observation, u64)) -> (Option<(u64, Illness)>, u32) {
        let (mut health, mut fed) = (Health::default(), 0);
        for second in 0..=10 {
            assert!(health.feed(&playing(second)), "{second}");
        }
        let mut first = None;
        for second in 11..=70 {
            let mut seen = playing(second);
            change(&mut seen, second);
            fed += u32::from(health.feed(&seen));
            first = first.or(health.judge(&seen).map(|illness| (second - 10, illness)));
        }
        (first, fed)
    }

    #[test]
    fn playing_is_well_and_so_is_being_paused() {
        assert_eq!(minute(|_, _| {}), (None, 60));
        let paused = minute(|seen, _| {
            (seen.runs, seen.callbacks) = (false, 500);
            (seen.material, seen.output) = (0.0, 0.0);
        });
        assert_eq!(paused, (None, 60));
        // A quiet passage, and one that somebody has turned down.
        assert_eq!(
            minute(|seen, _| (seen.material, seen.output) = (0.0, 0.0)).0,
            None
        );
        assert_eq!(
            minute(|seen, _| (seen.open, seen.output) = (false, 0.0)).0,
            None
        );
    }

    #[test]
    fn frozen_callbacks_are_seen_and_never_fed() {
        let frozen = minute(|seen, _| seen.callbacks = 500);
        assert_eq!(frozen, (Some((4, Illness::Callback)), 0));
    }

    #[test]
    fn a_stuck_controller_is_seen_also_while_nothing_is_to_play() {
        let stuck = minute(|seen, _| (seen.beat, seen.runs) = (100, false));
        assert_eq!(stuck, (Some((6, Illness::Controller)), 0));
    }

    #[test]
    fn starvation_and_silence_are_given_time_each_time_anew() {
        let starved = minute(|seen, _| seen.starving = true);
        assert_eq!(starved.0, Some((12, Illness::Starved)));
        assert_eq!(starved.1, 11);
        let silent = minute(|seen, _| seen.output = 0.0);
        assert_eq!(silent.0, Some((12, Illness::Silent)));
        // Now and then is no illness.
        assert_eq!(minute(|seen, n| seen.starving = n % 9 > 0).0, None);
        assert_eq!(
            minute(|seen, n| seen.output = if n % 9 > 0 { 0.0 } else { 0.1 }).0,
            None
        );
    }

    #[test]
    fn a_hold_is_well_while_its_next_try_moves_on() {
        let kinds = [HoldKind::Waiting, HoldKind::Recovering, HoldKind::Loading];
        for kind in kinds {
            let held = |until: fn(u64) -> u64| {
                minute(move |seen, n| {
                    seen.hold = Some((kind, s(until(n))));
                    // No stream runs, whoever wants one.
                    (seen.callbacks, seen.output) = (500, 0.0);
                })
            };
            assert_eq!(held(|n| n + 5), (None, 60));
            assert_eq!(held(|_| 15).0, Some((26, Illness::Overdue)));
        }
    }

    #[test]
    fn after_a_hold_the_callbacks_have_their_time() {
        let back = minute(|seen, n| {
            if n < 60 {
                (seen.hold, seen.callbacks) = (Some((HoldKind::Recovering, s(n))), 500);
            } else {
                seen.callbacks = 500 + (n - 60);
            }
        });
        assert_eq!(back.0, None);
    }

    #[test]
    fn how_long_nothing_was_heard() {
        let mut health = Health::default();
        assert_eq!(health.unheard(s(5)), s(0));
        let mut seen = playing(10);
        seen.output = 0.0;
        health.judge(&seen);
        assert_eq!(health.unheard(s(12)), s(2));
        health.judge(&playing(20));
        assert_eq!(health.unheard(s(20)), s(0));
        assert_eq!(health.unheard(s(31)), s(11));
    }
}
