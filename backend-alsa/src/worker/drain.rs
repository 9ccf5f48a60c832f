//! Playing out: what was handed to the device is heard to its last frame before it stops.
//!
//! A sound card drains by itself. Behind a plug-in, draining may block for as long as a server hangs,
//! whatever mode the PCM was opened in; there the buffer is watched until it is empty, and what is
//! still behind it is waited for by the clock.

use std::time::{Duration, Instant};

use super::{Drain, Mode, NAP, Turn, Worker};
use crate::chain::End;
use crate::fault;

/// More than this is not waited for behind a plug-in.
const BEHIND_AT_MOST: Duration = Duration::from_secs(2);

impl Worker {
    pub(super) fn drain(&mut self, drain: Drain) -> Result<Turn, i32> {
        match drain {
            Drain::Flush { tail } => {
                if !self.stage.is_empty() {
                    self.room()?;
                    return self.hand_over();
                }
                if tail > 0 && self.flow.given() > 0 {
                    let n = tail.min(self.pcm.chunk);
                    self.stage.fill_silent(n);
                    self.mode = Mode::Draining(Drain::Flush { tail: tail - n });
                    return Ok(Turn::Again);
                }
                self.play_out()
            }
            Drain::PlayOut => self.played_out(),
            Drain::Alive => {
                if !self.stage.is_empty() {
                    self.room()?;
                    return self.hand_over();
                }
                let last = self.flow.given();
                self.mode = Mode::Draining(Drain::AliveUntil { last });
                Ok(Turn::Again)
            }
            Drain::AliveUntil { last } => self.drain_alive(last),
            Drain::Empty => self.emptied(),
            Drain::Behind { until } => {
                let now = Instant::now();
                if now >= until {
                    let _ = self.pcm.pcm.drop();
                    self.stop();
                } else {
                    self.nap(until - now);
                }
                Ok(Turn::Again)
            }
        }
    }

    /// Everything is handed over.
    fn play_out(&mut self) -> Result<Turn, i32> {
        if self.flow.given() == 0 {
            let _ = self.pcm.pcm.drop();
            self.stop();
            return Ok(Turn::Again);
        }
        if !self.started {
            self.start_device()?;
        }
        if self.pcm.end == End::Other {
            self.mode = Mode::Draining(Drain::Empty);
            return Ok(Turn::Again);
        }
        match self.pcm.pcm.drain() {
            Ok(()) => {
                self.stop();
                Ok(Turn::Again)
            }
            Err(e) if e.errno() == libc::EAGAIN => {
                self.mode = Mode::Draining(Drain::PlayOut);
                Ok(Turn::Again)
            }
            Err(e) => Err(e.errno()),
        }
    }

    /// Looks whether the device has played out. Draining again would only be refused again.
    fn played_out(&mut self) -> Result<Turn, i32> {
        let room = self.pcm.pcm.avail();
        match fault::state(&self.pcm.pcm) {
            alsa_sys::SND_PCM_STATE_DRAINING => {
                if let Ok(room) = room {
                    let room = usize::try_from(room).unwrap_or(0).min(self.pcm.buffer);
                    self.flow.see_room(room, Instant::now());
                }
                self.look_again();
                Ok(Turn::Again)
            }
            alsa_sys::SND_PCM_STATE_SUSPENDED => Err(libc::ESTRPIPE),
            alsa_sys::SND_PCM_STATE_DISCONNECTED => Err(libc::ENODEV),
            // Set up, prepared, or an xrun: the buffer is empty.
            _ => {
                self.stop();
                Ok(Turn::Again)
            }
        }
    }

    /// Looks whether the plug-in has emptied its buffer. That it then runs dry is no fault.
    fn emptied(&mut self) -> Result<Turn, i32> {
        let room = self.room();
        match (room, fault::state(&self.pcm.pcm)) {
            (_, alsa_sys::SND_PCM_STATE_SUSPENDED) => return Err(libc::ESTRPIPE),
            (_, alsa_sys::SND_PCM_STATE_DISCONNECTED) => return Err(libc::ENODEV),
            (_, alsa_sys::SND_PCM_STATE_XRUN) => {}
            (Err(errno), _) => return Err(errno),
            (Ok(room), _) if room < self.pcm.buffer => {
                self.look_again();
                return Ok(Turn::Again);
            }
            (Ok(_), _) => {}
        }
        // The delay was last seen with less than a nap's worth of frames before it.
        let behind = self.time_of(self.behind).min(BEHIND_AT_MOST);
        let until = Instant::now() + behind;
        self.mode = Mode::Draining(Drain::Behind { until });
        Ok(Turn::Again)
    }

    fn look_again(&mut self) {
        if !self.lose_if_stuck() {
            self.nap((self.time_of(self.pcm.chunk) / 4).min(NAP));
        }
    }
}
