//! The thread that hears the sources and has done what the mapping says.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::super::mailbox::Mailbox;
use super::super::{Answer, Remote};
use super::event::Event;
use super::map::{Asked, Map};
use super::source::{Source, wait_for};
use crate::prompt;

/// Requests that wait for their first answer; no more events are read until there are fewer.
const FIRST: usize = 64;
/// Requests that were accepted and wait for their last answer; more are let go.
const LAST: usize = 256;

/// Hears surfaces while a session lasts. Dropping it ends that.
pub struct Surface {
    mailbox: Arc<Mailbox<Mail>>,
    thread: Option<JoinHandle<()>>,
}

struct Mail {
    request: u64,
    answer: Answer,
}

/// What was asked for and isn't answered.
struct Pending {
    number: u64,
    entry: usize,
    event: String,
    accepted: bool,
}

struct Desk {
    map: Map,
    sources: Vec<Box<dyn Source>>,
    remote: Remote,
    mailbox: Arc<Mailbox<Mail>>,
    wakened: UnixStream,
    pending: VecDeque<Pending>,
    next: u64,
    /// What was last said of an entry.
    said: Vec<(usize, String)>,
    say: Box<dyn Fn(String) + Send>,
}

impl Surface {
    /// Has done what `map` says of what comes from `sources`. What goes wrong is told to `say`, a sentence at a time.
    ///
    /// # Errors
    /// The system has no more threads or files.
    pub fn start(
        map: Map,
        sources: Vec<Box<dyn Source>>,
        remote: Remote,
        say: impl Fn(String) + Send + 'static,
    ) -> io::Result<Self> {
        let (mailbox, wakened) = Mailbox::new()?;
        let mut desk = Desk {
            map,
            sources,
            remote,
            mailbox: mailbox.clone(),
            wakened,
            pending: VecDeque::new(),
            next: 0,
            said: Vec::new(),
            say: Box::new(say),
        };
        let thread = prompt::spawn("backline-surface", move || desk.run())?;
        Ok(Self {
            mailbox,
            thread: Some(thread),
        })
    }
}

impl Drop for Surface {
    fn drop(&mut self) {
        self.mailbox.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Desk {
    fn run(&mut self) {
        loop {
            let full = self.pending.iter().filter(|p| !p.accepted).count() >= FIRST;
            let sources = match full {
                true => &[][..],
                false => &self.sources[..],
            };
            // (With nothing to wait for but answers, those wake it.)
            let until = full.then(|| Instant::now() + Duration::from_secs(1));
            wait_for(sources, Some(self.wakened.as_fd()), until);
            if self.mailbox.is_closing() {
                return;
            }
            for mail in self.mailbox.take(&self.wakened) {
                self.answer(mail);
            }
            if !full {
                self.read();
            }
            for source in &mut self.sources {
                if let Some(news) = source.news() {
                    (self.say)(news);
                }
            }
        }
    }

    fn read(&mut self) {
        let mut asked: Vec<(Asked, String)> = Vec::new();
        for source in &mut self.sources {
            source.read(&mut |event: Event, at| {
                for one in self.map.take(&event, at) {
                    // A fader's way there is no matter: its latest value counts.
                    let name = event.to_string();
                    let follows = matches!(event, Event::Midi(super::MidiEvent::Controller { .. }));
                    match asked.last_mut() {
                        Some((last, of))
                            if follows
                                && *of == name
                                && last.entry == one.entry
                                && same(last, &one) =>
                        {
                            *last = one;
                        }
                        _ => asked.push((one, name)),
                    }
                }
            });
        }
        for (one, event) in asked {
            self.order(one, event);
        }
    }

    fn order(&mut self, one: Asked, event: String) {
        if self.pending.len() >= LAST {
            self.complain(one.entry, &event, "too much waits to be done already");
            return;
        }
        let number = self.next;
        self.next += 1;
        self.pending.push_back(Pending {
            number,
            entry: one.entry,
            event,
            accepted: false,
        });
        let mailbox = self.mailbox.clone();
        self.remote.order(one.verb, move |answer| {
            mailbox.push(Mail {
                request: number,
                answer,
            });
        });
    }

    fn answer(&mut self, mail: Mail) {
        let place = self
            .pending
            .binary_search_by_key(&mail.request, |p| p.number);
        let Ok(at) = place else { return };
        if mail.answer == Answer::Accepted {
            if let Some(pending) = self.pending.get_mut(at) {
                pending.accepted = true;
            }
            return;
        }
        let Some(pending) = self.pending.remove(at) else {
            return;
        };
        match mail.answer {
            // Whoever presses twice wants the second.
            Answer::Refused(refusal)
                if !matches!(
                    refusal.code,
                    super::super::ErrorCode::Superseded | super::super::ErrorCode::Over
                ) =>
            {
                self.complain(pending.entry, &pending.event, &refusal.message);
            }
            _ => self.said.retain(|(entry, _)| *entry != pending.entry),
        }
    }

    /// Says why nothing happens; once, as long as it is the same.
    fn complain(&mut self, entry: usize, event: &str, why: &str) {
        let sentence = format!("{event}: {why}");
        match self.said.iter_mut().find(|(of, _)| *of == entry) {
            Some((_, before)) if *before == sentence => return,
            Some((_, before)) => before.clone_from(&sentence),
            None => self.said.push((entry, sentence.clone())),
        }
        (self.say)(sentence);
    }
}

/// Whether two requests set the same thing.
fn same(one: &Asked, other: &Asked) -> bool {
    use super::super::Verb;
    match (&one.verb, &other.verb) {
        (Verb::Gain(a, _), Verb::Gain(b, _)) | (Verb::Pan(a, _), Verb::Pan(b, _)) => a == b,
        (Verb::Bus(a, _), Verb::Bus(b, _)) => a == b,
        (Verb::Master(_), Verb::Master(_)) | (Verb::Volume(_), Verb::Volume(_)) => true,
        _ => false,
    }
}
