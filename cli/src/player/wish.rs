//! Wishes: what anyone may ask of the controller. They wait in its queue and wake it at once.

use std::sync::mpsc::Sender;
use std::time::Duration;

use engine_core::monitor::MonitorLevel;
use engine_core::ticket::Ticket;

use super::kit::Kit;
use super::mixer::Mixer;
use super::programme::{LoadError, Programme};
use crate::control::{Answerer, Refusal, Verb};
use crate::save::Written;
use crate::song::Time;

/// A place in a song.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// A time from the song's start.
    At(Time),
    /// Seconds from where it is, either way.
    By(f64),
    /// The section before this one's start (or this one's start, when more than 2 s into it).
    PreviousSection,
    /// The next section's start.
    NextSection,
}

pub(crate) enum Wish {
    Play,
    Pause,
    Toggle,
    /// Fade out, stop, finish.
    Quit,
    Seek(Place),
    /// Loop between two places, or stop looping.
    Loop(Option<(Time, Time)>),
    /// Loop the section that is playing (or the song), or stop looping.
    ToggleLoop,
    /// Another song of the setlist.
    Song(usize),
    Gain(usize, f32),
    Pan(usize, f32),
    Mute(usize, Option<bool>),
    Solo(usize, Option<bool>),
    ClearSolo,
    Master(f32),
    Level(String, f32),
    Monitor(MonitorLevel),
    /// Tell how every song's mixer stands.
    Mixer(Sender<Mixer>),
    /// A verb that wants an answer.
    Order(Verb, Answerer),
    /// How often somebody wants the status renewed.
    Refresh(u64, Duration),

    // ---- from the player's own threads ----
    /// A deck's files are open.
    Opened(Ticket, Box<Result<Kit, super::PlayerError>>),
    /// A deck's rings are primed.
    Primed(Ticket),
    /// What was to be loaded is, or can't be: the number of the load.
    Loaded(u64, Box<Result<Programme, LoadError>>),
    /// Something was written, or couldn't be.
    Written(Result<Written, Refusal>, Answerer),
}
