//! The player's face: what a program calls. Every call queues a wish and returns at once.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use engine_core::monitor::{LatencyStats, MonitorLevel};

use super::mixer::Mixer;
use super::notes::Note;
use super::queue::Wishes;
use super::status::Status;
use super::wish::{Place, Wish};
use crate::control::Remote;
use crate::report::Summary;
use crate::song::Time;

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A status is replaced whole: there is no half-made one.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A playing session. Dropping it fades out and stops.
///
/// Made by a [`PlayerBuilder`](super::PlayerBuilder).
pub struct Player {
    pub(super) wishes: Wishes,
    pub(super) notes: Option<Receiver<Note>>,
    pub(super) status: Arc<Mutex<Status>>,
    pub(super) thread: Option<JoinHandle<()>>,
    pub(super) summary: Option<Summary>,
    #[cfg(feature = "jack")]
    pub(super) midi: Option<backend_jack::MidiIn>,
}

impl Player {
    /// What its JACK client hears, if that has a port for MIDI.
    #[cfg(feature = "jack")]
    pub fn midi(&self) -> Option<backend_jack::MidiIn> {
        self.midi.clone()
    }

    fn wish(&self, wish: Wish) {
        // After the end nobody listens; the summary says why.
        self.wishes.send(wish);
    }

    /// Plays from where it is; after the end, from the beginning.
    pub fn play(&self) {
        self.wish(Wish::Play);
    }

    /// Fades out and holds the position.
    pub fn pause(&self) {
        self.wish(Wish::Pause);
    }

    /// Plays if it doesn't, pauses if it does.
    pub fn toggle(&self) {
        self.wish(Wish::Toggle);
    }

    /// Goes to a place, playing or not. Clamped to the song.
    pub fn seek(&self, place: Place) {
        self.wish(Wish::Seek(place));
    }

    /// Loops between two times, or stops looping. Seamless: playing goes on.
    pub fn set_loop(&self, range: Option<(Time, Time)>) {
        self.wish(Wish::Loop(range));
    }

    /// Loops the section that is playing (the song, where there is none), or stops looping.
    pub fn toggle_loop(&self) {
        self.wish(Wish::ToggleLoop);
    }

    /// Goes to another song of the setlist (index from 0).
    pub fn change_song(&self, song: usize) {
        self.wish(Wish::Song(song));
    }

    /// Sets a track's gain (index from 0; linear, from 0).
    pub fn set_gain(&self, track: usize, gain: f32) {
        self.wish(Wish::Gain(track, gain));
    }

    /// Sets a track's pan, −1 … +1.
    pub fn set_pan(&self, track: usize, pan: f32) {
        self.wish(Wish::Pan(track, pan));
    }

    /// Mutes a track or not; `None` toggles.
    pub fn mute(&self, track: usize, on: Option<bool>) {
        self.wish(Wish::Mute(track, on));
    }

    /// Solos a track or not, besides others; `None` toggles.
    pub fn solo(&self, track: usize, on: Option<bool>) {
        self.wish(Wish::Solo(track, on));
    }

    /// Ends every solo.
    pub fn clear_solo(&self) {
        self.wish(Wish::ClearSolo);
    }

    /// Sets the master level (linear, from 0).
    pub fn set_master(&self, level: f32) {
        self.wish(Wish::Master(level));
    }

    /// Sets a bus's level (linear, from 0).
    pub fn set_bus_level(&self, bus: &str, level: f32) {
        self.wish(Wish::Level(bus.to_owned(), level));
    }

    /// Switches the latency monitor.
    pub fn set_monitor_level(&self, level: MonitorLevel) {
        self.wish(Wish::Monitor(level));
    }

    /// Asks how every song's mixer stands. The answer comes once the controller has obeyed what
    /// it was asked before; none comes after the end.
    pub fn mixer(&self) -> Receiver<Mixer> {
        let (sender, answer) = channel();
        self.wish(Wish::Mixer(sender));
        answer
    }

    /// Fades out over 20 ms and ends the session; [`wait`](Self::wait) for it.
    pub fn quit(&self) {
        self.wish(Wish::Quit);
    }

    /// What steers this session from any thread, and is told when and whether it took effect.
    pub fn remote(&self) -> Remote {
        Remote::new(self.wishes.clone(), self.status.clone())
    }

    /// How things are, as of the last poll.
    pub fn status(&self) -> Status {
        lock(&self.status).clone()
    }

    /// What the latency monitor measured; all zero unless it is at `full`.
    pub fn latency_stats(&self) -> LatencyStats {
        lock(&self.status).stats
    }

    /// The next note, waiting up to `timeout`; `None` when there was none or the session is over.
    pub fn next_note(&mut self, timeout: Duration) -> Option<Note> {
        let note = self.notes.as_ref()?.recv_timeout(timeout).ok()?;
        if let Note::Summary(summary) = &note {
            self.summary = Some(summary.clone());
        }
        Some(note)
    }

    /// Waits until the session is over and returns its account. Notes on the way are lost.
    pub fn wait(&mut self) -> Option<Summary> {
        while self.summary.is_none() {
            match self.notes.as_ref()?.recv() {
                Ok(Note::Summary(summary)) => self.summary = Some(summary),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.summary.clone()
    }

    /// Whether the session is over.
    pub fn is_over(&self) -> bool {
        self.summary.is_some() || self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.quit();
        // The controller may be writing to a full channel never read; it is unbounded.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
