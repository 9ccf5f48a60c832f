//! Orders with JACK's transport: leading, what moves the song moves the transport; following, it is refused.

use super::Controller;
use super::orders::Outcome;
use super::waiting::Await;
use crate::control::{ErrorCode, Looped, Refusal, Verb, When};

impl Controller {
    /// Carries out a verb that the transport has a say in; `None` for all others. The frame of a move is the one that the
    /// transport was asked for.
    pub(super) fn conduct(&mut self, verb: &Verb) -> Result<Option<Outcome>, Refusal> {
        let here = Outcome::At(self.here());
        let refused = |why: &str| Err(Refusal::new(ErrorCode::Transport, why));
        let outcome = match verb {
            Verb::Play | Verb::Toggle if !self.rolling => {
                self.join();
                match self.hold {
                    Some(_) => here,
                    None => Outcome::Wait(Await::Start),
                }
            }
            Verb::Pause | Verb::Stop if !self.rolling => here,
            Verb::Loop(Looped::Off) => here,
            Verb::Loop(_) => {
                return refused(
                    "the time of JACK's transport goes straight on: there is no loop with it",
                );
            }
            Verb::Next => self.conduct_song(self.song + 1)?,
            Verb::Previous => self.conduct_song(self.song.wrapping_sub(1))?,
            Verb::Song(song) => self.conduct_song(self.find_song(song)?)?,
            Verb::Jump(_, When::SectionEnd | When::NextBar) => {
                return refused(
                    "the time of JACK's transport goes straight on: with it a jump is made at once",
                );
            }
            Verb::Play
            | Verb::Pause
            | Verb::Toggle
            | Verb::Stop
            | Verb::Seek(_)
            | Verb::Jump(..)
                if !self.leads() =>
            {
                return refused(
                    "JACK's transport says when and from where to play; move that, or use --transport lead",
                );
            }
            Verb::Play => {
                self.lead(true);
                here
            }
            Verb::Pause => {
                self.lead(false);
                here
            }
            Verb::Toggle => {
                self.lead_on_or_off();
                here
            }
            Verb::Stop => {
                self.lead(false);
                self.lead_to(self.parts[self.song].start)
            }
            Verb::Seek(target) => {
                let frame = self.target(target)?;
                self.lead_to(frame)
            }
            Verb::Jump(to, When::Now) => {
                let frame = self.place(to)?.min(self.parts[self.song].end);
                self.lead_to(frame)
            }
            _ => return Ok(None),
        };
        Ok(Some(outcome))
    }

    fn lead_to(&mut self, frame: u64) -> Outcome {
        self.go_to(frame);
        Outcome::At(frame)
    }

    fn conduct_song(&mut self, song: usize) -> Result<Outcome, Refusal> {
        self.check_song(song)?;
        self.other_song(song);
        Ok(Outcome::At(match self.leads() {
            true => self.parts[song].start,
            false => self.here(),
        }))
    }
}
