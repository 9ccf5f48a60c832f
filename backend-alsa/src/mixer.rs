//! The hardware's volume, where one is named: set when the device is opened, kept under its ceiling,
//! and turned while it plays.
//!
//! On a thread of its own, which ends with the stream: a USB card answers a mixer when it likes to,
//! and the audio thread can't wait for it.

mod level;

use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alsa::mixer::{Mixer as AlsaMixer, Selem, SelemChannelId, SelemId};
use alsa::poll::{Descriptors, Flags};
use engine_core::backend::{BackendError, BackendErrorKind as Kind, Volume};

use crate::chatter::{self, Chatter};
use crate::eventfd::{self, EventFd, pollfd};
use crate::options::MixerOptions;
use crate::{realtime, refusal};
use level::{Element, Keeper, TooLoud};

/// A card's mixer answers in milliseconds; a USB card may take its time.
const OPEN_WITHIN: Duration = Duration::from_secs(6);
/// How often it is looked at without an event.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Channels of an element that are looked for.
const CHANNELS: [SelemChannelId; 9] = [
    SelemChannelId::FrontLeft,
    SelemChannelId::FrontRight,
    SelemChannelId::RearLeft,
    SelemChannelId::RearRight,
    SelemChannelId::FrontCenter,
    SelemChannelId::Woofer,
    SelemChannelId::SideLeft,
    SelemChannelId::SideRight,
    SelemChannelId::RearCenter,
];

/// A volume that is minded. Dropped, it is left as it is.
pub(crate) struct Mixer {
    desk: Arc<Desk>,
}

/// What the thread and its owner share.
struct Desk {
    wake: EventFd,
    quit: AtomicBool,
    asked: Mutex<Asked>,
    /// What it is, as of late; `None` once the card is gone.
    volume: Mutex<Option<Volume>>,
}

#[derive(Clone, Copy, Default)]
struct Asked {
    /// Wishes so far.
    number: u32,
    /// The last one, dB, if it was not taken up yet.
    level_db: Option<f32>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mixer {
    /// Finds the element of `options` on the card (by its index at present) that `device` plays to, and sets it. What
    /// the user should know of it, one sentence or nothing.
    pub(crate) fn open(
        options: &MixerOptions,
        device: &str,
        card: Option<u32>,
    ) -> Result<(Self, String), BackendError> {
        let Some(card) = card else {
            return Err(BackendError::new(
                Kind::Mixer,
                format_args!(
                    "\"{device}\" plays to no sound card itself, so it has no mixer: name the card (`hw:CARD=…`), or leave the mixer out"
                ),
            ));
        };
        let failed = |e: std::io::Error| {
            BackendError::new(
                Kind::Driver,
                format_args!("the mixer's thread can't be started: {e}"),
            )
        };
        let desk = Arc::new(Desk {
            wake: EventFd::new().map_err(failed)?,
            quit: AtomicBool::new(false),
            asked: Mutex::new(Asked::default()),
            volume: Mutex::new(None),
        });
        let (opened, reply) = mpsc::channel();
        let order = Order {
            options: options.clone(),
            device: device.to_owned(),
            card,
        };
        let mixer = Self { desk: desk.clone() };
        std::thread::Builder::new()
            .name("backline-mixer".into())
            .spawn(move || thread(&order, &desk, &opened))
            .map_err(failed)?;
        match reply.recv_timeout(OPEN_WITHIN) {
            Ok(result) => result.map(|notice| (mixer, notice)),
            Err(RecvTimeoutError::Timeout) => Err(BackendError::new(
                Kind::TimedOut,
                format_args!("the mixer of \"{device}\" does not answer: its driver hangs"),
            )),
            Err(RecvTimeoutError::Disconnected) => Err(BackendError::new(
                Kind::Driver,
                format_args!("opening the mixer of \"{device}\" failed in the driver"),
            )),
        }
    }

    /// Asks for a level, dB; the number of this wish.
    pub(crate) fn set(&self, level_db: f32) -> u32 {
        let mut asked = lock(&self.desk.asked);
        asked.number = asked.number.wrapping_add(1);
        asked.level_db = Some(level_db);
        self.desk.wake.raise();
        asked.number
    }

    /// What it is; `None` once the card is gone.
    pub(crate) fn volume(&self) -> Option<Volume> {
        *lock(&self.desk.volume)
    }
}

impl Drop for Mixer {
    fn drop(&mut self) {
        self.desk.quit.store(true, Ordering::Release);
        self.desk.wake.raise();
    }
}

/// What a mixer's thread is to do.
struct Order {
    options: MixerOptions,
    device: String,
    card: u32,
}

fn thread(order: &Order, desk: &Desk, opened: &Sender<Result<String, BackendError>>) {
    realtime::block_signals();
    let chatter = Chatter::collect();
    let said = |errno: i32| {
        let line = chatter.last_line();
        refusal::driver(
            &order.device,
            "has no mixer that can be opened",
            errno,
            line.as_deref(),
        )
    };
    let mixer = match AlsaMixer::new(&format!("hw:{}", order.card), true) {
        Ok(mixer) => mixer,
        Err(e) => {
            let _ = opened.send(Err(said(e.errno())));
            return;
        }
    };
    let begun = begin(order, &mixer).and_then(|(keeper, notice)| {
        let volume = look(&keeper, 0, 0).map_err(said)?;
        *lock(&desk.volume) = Some(volume);
        Ok((keeper, notice))
    });
    drop(chatter);
    chatter::silence();
    match begun {
        Ok((keeper, notice)) => {
            let _ = opened.send(Ok(notice));
            mind(&keeper, &mixer, desk);
        }
        Err(refused) => {
            let _ = opened.send(Err(refused));
        }
    }
    // Whoever asks from now on hears that it is gone. The card is free to be had again.
    *lock(&desk.volume) = None;
}

/// Finds the element and sets it.
fn begin<'a>(
    order: &Order,
    mixer: &'a AlsaMixer,
) -> Result<(Keeper<OnCard<'a>>, String), BackendError> {
    let Order {
        options, device, ..
    } = order;
    let MixerOptions { name, index, .. } = options;
    let found = volumes(mixer).find(|(_, of, i)| of == name && i == index);
    let Some((element, ..)) = found else {
        let there: Vec<String> = names(mixer);
        let there = match there.is_empty() {
            true => "the card has no volume at all".to_owned(),
            false => format!("there are {}", there.join(", ")),
        };
        let shown = shown(name, *index);
        return Err(BackendError::new(
            Kind::Mixer,
            format_args!(
                "the card of \"{device}\" has no volume \"{shown}\" in its mixer; {there}"
            ),
        ));
    };
    let keeper = Keeper::new(OnCard::new(element), options.max_db).map_err(|TooLoud(lowest)| {
        BackendError::new(
            Kind::Mixer,
            format_args!(
                "\"{name}\" of \"{device}\" can't be kept under the ceiling of {} dB: at its lowest it is {lowest} dB",
                options.max_db.unwrap_or_default()
            ),
        )
    })?;
    let failed = |errno| refusal::driver(device, "does not let its volume be set", errno, None);
    let mut notices = Vec::new();
    if let Some(db) = options.level_db {
        keeper.set(db).map_err(failed)?;
    } else if keeper.hold_down().map_err(failed)? {
        let now = keeper.level().map_err(failed)?;
        notices.push(format!(
            "the volume \"{name}\" of \"{device}\" stood above its ceiling and was turned down to {now:.1} dB"
        ));
    }
    if !keeper.is_scaled() {
        notices.push(format!(
            "the volume \"{name}\" of \"{device}\" has no dB scale: 0 dB is all of its range, -6 dB half of it"
        ));
    }
    Ok((keeper, notices.join("; ")))
}

/// Does what is asked and brings back what others turn up, until it is over or the card is gone.
fn mind(keeper: &Keeper<OnCard<'_>>, mixer: &AlsaMixer, desk: &Desk) {
    let mut fds = vec![pollfd(desk.wake.raw())];
    let Ok(card) = mixer.get() else { return };
    fds.extend(card);
    let (mut done, mut capped) = (0, 0);
    loop {
        if desk.quit.load(Ordering::Acquire) {
            return;
        }
        let asked = {
            let mut asked = lock(&desk.asked);
            let taken = *asked;
            asked.level_db = None;
            taken
        };
        if let Some(db) = asked.level_db
            && keeper.set(db).is_err()
        {
            return;
        }
        done = asked.number.max(done);
        match keeper.hold_down() {
            Ok(true) => capped = u32::wrapping_add(capped, 1),
            Ok(false) => {}
            Err(_) => return,
        }
        match look(keeper, done, capped) {
            Ok(volume) => *lock(&desk.volume) = Some(volume),
            Err(_) => return,
        }
        match eventfd::poll(&mut fds, LOOK_EVERY) {
            Ok(_) | Err(libc::EINTR) => {}
            Err(_) => return,
        }
        desk.wake.lower();
        let Some((_, card)) = fds.split_first() else {
            return;
        };
        match mixer.revents(card) {
            Ok(flags) if flags.intersects(Flags::ERR | Flags::HUP | Flags::NVAL) => return,
            Ok(_) => {}
            Err(_) => return,
        }
        // With nothing to be read it says so at once.
        if mixer.handle_events().is_err() {
            return;
        }
    }
}

fn look<E: Element>(keeper: &Keeper<E>, done: u32, capped: u32) -> Result<Volume, i32> {
    Ok(Volume {
        level_db: keeper.level()?,
        done,
        capped,
    })
}

/// The elements with a volume for playback, their names and their indices.
fn volumes(mixer: &AlsaMixer) -> impl Iterator<Item = (Selem<'_>, String, u32)> {
    mixer.iter().filter_map(|element| {
        let element = Selem::new(element)?;
        let id: SelemId = element.get_id();
        let name = id.get_name().ok()?.to_owned();
        element
            .has_playback_volume()
            .then(|| (element, name, id.get_index()))
    })
}

/// As `--mixer` has it.
fn shown(name: &str, index: u32) -> String {
    match index {
        0 => name.to_owned(),
        n => format!("{name},{n}"),
    }
}

fn names(mixer: &AlsaMixer) -> Vec<String> {
    let all = volumes(mixer);
    all.map(|(_, name, index)| shown(&name, index)).collect()
}

/// The names of a card's volumes, as `--mixer` has them. `control` is such as `hw:0`.
pub(crate) fn list(control: &str) -> Vec<String> {
    if CString::new(control).is_err() {
        return Vec::new();
    }
    AlsaMixer::new(control, true).map_or_else(|_| Vec::new(), |mixer| names(&mixer))
}

/// An element of a card's mixer.
struct OnCard<'a> {
    element: Selem<'a>,
    channels: Vec<SelemChannelId>,
}

impl<'a> OnCard<'a> {
    fn new(element: Selem<'a>) -> Self {
        let there = |c: &SelemChannelId| element.has_playback_channel(*c);
        Self {
            channels: CHANNELS.into_iter().filter(there).collect(),
            element,
        }
    }
}

fn errno(e: alsa::Error) -> i32 {
    e.errno()
}

impl Element for OnCard<'_> {
    fn range(&self) -> (i64, i64) {
        self.element.get_playback_volume_range()
    }

    fn scale(&self, step: i64) -> Option<f32> {
        let db = self.element.ask_playback_vol_db(step).ok()?;
        Some(db.to_db())
    }

    fn steps(&self) -> Result<Vec<i64>, i32> {
        let steps = self.channels.iter();
        let steps = steps.map(|c| self.element.get_playback_volume(*c).map_err(errno));
        steps.collect()
    }

    fn set(&self, channel: usize, step: i64) -> Result<(), i32> {
        let Some(channel) = self.channels.get(channel) else {
            return Ok(());
        };
        self.element
            .set_playback_volume(*channel, step)
            .map_err(errno)
    }

    fn is_on(&self) -> Result<Option<bool>, i32> {
        if !self.element.has_playback_switch() {
            return Ok(None);
        }
        for channel in &self.channels {
            if self.element.get_playback_switch(*channel).map_err(errno)? != 0 {
                return Ok(Some(true));
            }
        }
        Ok(Some(false))
    }

    fn switch(&self, on: bool) -> Result<(), i32> {
        self.element
            .set_playback_switch_all(on.into())
            .map_err(errno)
    }
}
