//! MIDI by way of the ALSA sequencer.

use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant};

use backend_alsa::Sequencer;

use super::event::Event;
use super::midi::parse_midi;
use super::source::Source;
use crate::exit::{Code, Failure};

/// A port of the sequencer.
pub struct SequencerInput {
    sequencer: Sequencer,
    /// For times.
    born: Instant,
}

impl SequencerInput {
    /// A client of that name, which hears the client `from` whenever that is there.
    ///
    /// # Errors
    /// Code 69: there is no sequencer, or it can't be opened.
    pub fn open(client: &str, from: Option<&str>) -> Result<Self, Failure> {
        match Sequencer::open(client, from) {
            Ok(sequencer) => Ok(Self {
                sequencer,
                born: Instant::now(),
            }),
            Err(e) => Err(Failure::new(
                Code::Unavailable,
                format!("MIDI: the ALSA sequencer can't be opened: {e}"),
            )
            .hint("it is in the kernel's module snd-seq, and for members of the group `audio`")),
        }
    }
}

impl Source for SequencerInput {
    fn fds(&self) -> Vec<BorrowedFd<'_>> {
        vec![self.sequencer.as_fd()]
    }

    fn due(&self) -> Option<Instant> {
        None
    }

    fn read(&mut self, to: &mut dyn FnMut(Event, Duration)) {
        let at = self.born.elapsed();
        self.sequencer.read(&mut |(bytes, length)| {
            if let Some(event) = bytes.get(..length).and_then(parse_midi) {
                to(Event::Midi(event), at);
            }
        });
    }

    fn news(&mut self) -> Option<String> {
        self.sequencer.news()
    }
}
