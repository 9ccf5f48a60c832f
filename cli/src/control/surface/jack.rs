//! MIDI by way of a JACK client's port.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use backend_jack::{Jack, JackOptions, MIDI_PORT, MidiIn};
use engine_core::backend::{Backend as _, Health, Played, Process, Wish};

use super::event::Event;
use super::midi::parse_midi;
use super::source::Source;
use crate::exit::Failure;

/// A callback wakes nobody, so it is looked whether something has come: this often while something is connected…
const SOON: Duration = Duration::from_millis(1);
/// … and this often while nothing is known to be.
const LATE: Duration = Duration::from_millis(50);
/// What is wrong is told this often, and a client of our own is looked after.
const NOW_AND_THEN: Duration = Duration::from_secs(1);

/// The port of a player's client, or of one of our own.
pub struct JackInput {
    midi: MidiIn,
    own: Option<Own>,
    /// For times.
    born: Instant,
    read: Instant,
    /// Looked after.
    tended: Instant,
    lost: u32,
    news: Option<String>,
}

struct Own {
    client: Jack<Silence>,
    gone: bool,
}

/// What a client does that only hears.
struct Silence;

impl Process for Silence {
    fn process(&mut self, planes: &mut [&mut [f32]], frames: usize) -> Played {
        for plane in planes {
            for x in plane.iter_mut().take(frames) {
                *x = 0.0;
            }
        }
        Played::Silence
    }

    fn ready(&mut self, _: usize) -> bool {
        true
    }
}

impl JackInput {
    /// What the client of a player hears.
    pub fn new(midi: MidiIn) -> Self {
        let now = Instant::now();
        Self {
            midi,
            own: None,
            born: now,
            read: now,
            tended: now,
            lost: 0,
            news: None,
        }
    }

    /// A client that is there only to hear, as the options say.
    ///
    /// # Errors
    /// As of a player's: there is no server, or it refuses.
    pub fn open(options: JackOptions) -> Result<Self, Failure> {
        let midi = MidiIn::default();
        let mut client = Jack::new(JackOptions {
            midi: Some(midi.clone()),
            ..options
        });
        let granted = client.open(&Wish {
            rate: None,
            period: None,
            periods: None,
            format: None,
            outs: &[],
        })?;
        client.start(Silence)?;
        let name = granted.device.split('@').next().unwrap_or_default();
        let mut news = format!("MIDI: connect what is to be heard to {name}:{MIDI_PORT}");
        if !granted.notice.is_empty() {
            news = format!("{} {news}", granted.notice);
        }
        Ok(Self {
            own: Some(Own {
                client,
                gone: false,
            }),
            news: Some(news),
            ..Self::new(midi)
        })
    }

    /// Looks after what can't be seen from the callback.
    fn tend(&mut self) {
        if let Some(own) = &mut self.own {
            let report = own.client.report();
            if report.health == Health::Lost && !own.gone {
                own.gone = true;
                self.news = Some(report.reason.to_string());
            }
        }
        self.lost = self.lost.saturating_add(self.midi.take_lost());
        if self.lost > 0 {
            let messages = match self.lost {
                1 => "a message".to_owned(),
                n => format!("{n} messages"),
            };
            self.news = Some(format!(
                "MIDI: {messages} came faster than can be heard, and went unheard"
            ));
            self.lost = 0;
        }
    }
}

impl Source for JackInput {
    fn fds(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }

    fn due(&self) -> Option<Instant> {
        let after = match self.midi.is_connected() {
            true => SOON,
            false => LATE,
        };
        Some(self.read + after)
    }

    fn read(&mut self, to: &mut dyn FnMut(Event, Duration)) {
        self.read = Instant::now();
        let at = self.read.saturating_duration_since(self.born);
        self.midi.read(&mut |(bytes, length)| {
            if let Some(event) = bytes.get(..length).and_then(parse_midi) {
                to(Event::Midi(event), at);
            }
        });
        if self.read.saturating_duration_since(self.tended) >= NOW_AND_THEN {
            self.tended = self.read;
            self.tend();
        }
    }

    fn news(&mut self) -> Option<String> {
        self.news.take()
    }
}
