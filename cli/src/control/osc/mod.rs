//! OSC: the verbs as addresses of datagrams, and feedback to who subscribes. One thread; what anybody sends costs a bounded
//! amount of memory and nobody else's turn.

mod address;
mod feedback;
mod read;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType, encoder};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use self::read::ROOT;
use super::mailbox::Mailbox;
use super::remote::Curiosity;
use super::{Answer, ErrorCode, Refusal, Remote, Verb};
use crate::player::Status;
use crate::prompt;

pub use address::{OscAddress, OscSocket};
pub use read::{DATAGRAM, OscRequest, read_osc};

/// Subscribers at a time.
const SUBSCRIBERS: usize = 16;
/// How long a subscription lasts.
const LEASE: Duration = Duration::from_secs(60);
/// Requests that wait for their first answer; no more are read until there are fewer.
const FIRST: usize = 64;
/// Requests that were accepted and wait for their last answer; more are refused.
const LAST: usize = 256;
/// How often it is looked for changes of state, while somebody wants to know them.
const STATE: Duration = Duration::from_millis(100);
/// Datagrams that are read before everything else gets its turn.
const STRETCH: usize = 16;
/// Longest bundle that is sent, bytes: it goes through every network in one piece.
const SENT: usize = 1400;

/// Serves a session through OSC. Dropping it ends that.
pub struct Osc {
    mailbox: Arc<Mailbox<Mail>>,
    thread: Option<JoinHandle<()>>,
}

/// An answer on its way to who asked.
struct Mail {
    request: u64,
    answer: Answer,
}

impl Osc {
    /// Serves at `socket` with what `remote` steers.
    ///
    /// # Errors
    /// The system has no more threads or files.
    pub fn start(socket: OscSocket, remote: Remote) -> io::Result<Self> {
        let (mailbox, wakened) = Mailbox::new()?;
        let mut desk = Desk {
            socket: socket.0,
            curiosity: remote.curiosity(),
            remote,
            mailbox: mailbox.clone(),
            wakened,
            asked: VecDeque::new(),
            next: 0,
            subscribers: Vec::new(),
            looked: Instant::now(),
        };
        let thread = prompt::spawn("backline-osc", move || desk.run())?;
        Ok(Self {
            mailbox,
            thread: Some(thread),
        })
    }
}

impl Drop for Osc {
    fn drop(&mut self) {
        self.mailbox.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Who asked for what.
struct Asked {
    number: u64,
    who: SocketAddr,
    address: String,
    /// How it wants to be told of `status` and `meters`.
    verb: Verb,
    accepted: bool,
}

struct Subscriber {
    who: SocketAddr,
    names: bool,
    every: Option<Duration>,
    next: Instant,
    until: Instant,
    /// The state it knows.
    known: Vec<OscMessage>,
}

struct Desk {
    socket: UdpSocket,
    remote: Remote,
    curiosity: Curiosity,
    mailbox: Arc<Mailbox<Mail>>,
    wakened: UnixStream,
    asked: VecDeque<Asked>,
    next: u64,
    subscribers: Vec<Subscriber>,
    /// When it was last looked for changes.
    looked: Instant,
}

impl Desk {
    fn run(&mut self) {
        // One byte more than is read, so that a longer one is known as such.
        let mut room = vec![0; DATAGRAM + 1];
        loop {
            let readable = self.wait();
            if self.mailbox.is_closing() {
                return;
            }
            for mail in self.mailbox.take(&self.wakened) {
                self.answer(mail);
            }
            if readable {
                self.read(&mut room);
            }
            self.report();
        }
    }

    fn wait(&mut self) -> bool {
        let now = Instant::now();
        let due = self.subscribers.iter().flat_map(|s| {
            let meters = s.every.map(|_| s.next);
            [Some(s.until), meters, Some(self.looked + STATE)]
        });
        let timeout = due.flatten().min().map(|due| {
            let left = due.saturating_duration_since(now);
            Timespec {
                tv_sec: left.as_secs().cast_signed(),
                tv_nsec: left.subsec_nanos().into(),
            }
        });
        let mut fds = vec![PollFd::new(&self.wakened, PollFlags::IN)];
        if self.asked.iter().filter(|a| !a.accepted).count() < FIRST {
            fds.push(PollFd::new(&self.socket, PollFlags::IN));
        }
        // An interrupted wait is one that was over early.
        let _ = poll(&mut fds, timeout.as_ref());
        fds.get(1).is_some_and(|fd| !fd.revents().is_empty())
    }

    fn read(&mut self, room: &mut [u8]) {
        for _ in 0..STRETCH {
            // Nothing left; or an answer of before didn't arrive, which is no matter.
            let Ok((length, who)) = self.socket.recv_from(room) else {
                return;
            };
            for request in read_osc(room.get(..length).unwrap_or_default()) {
                self.take(who, request);
            }
        }
    }

    fn take(&mut self, who: SocketAddr, request: OscRequest) {
        match request {
            OscRequest::Refused(address, refusal) => self.refuse(who, &address, &refusal),
            OscRequest::Unsubscribe(address) => {
                self.subscribers.retain(|s| s.who.ip() != who.ip());
                self.reply(who, &address, vec!["done".into()]);
            }
            OscRequest::Subscribe {
                address,
                rate,
                names,
                port,
            } => self.subscribe(who, &address, rate, names, port),
            OscRequest::Verb(address, verb) => {
                if self.asked.len() >= LAST {
                    let message = format!("{LAST} requests wait to be done already");
                    self.refuse(who, &address, &Refusal::new(ErrorCode::Busy, message));
                    return;
                }
                let number = self.next;
                self.next += 1;
                self.asked.push_back(Asked {
                    number,
                    who,
                    address,
                    verb: verb.clone(),
                    accepted: false,
                });
                let mailbox = self.mailbox.clone();
                self.remote.order(verb, move |answer| {
                    mailbox.push(Mail {
                        request: number,
                        answer,
                    });
                });
            }
        }
    }

    fn subscribe(
        &mut self,
        who: SocketAddr,
        address: &str,
        rate: u32,
        names: bool,
        port: Option<u16>,
    ) {
        let to = SocketAddr::new(who.ip(), port.unwrap_or(who.port()));
        let old = self.subscribers.iter().position(|s| s.who == to);
        if old.is_none() && self.subscribers.len() >= SUBSCRIBERS {
            let message = format!("there are {SUBSCRIBERS} subscribers already");
            let refusal = Refusal::new(ErrorCode::TooManyClients, message);
            self.refuse(who, address, &refusal);
            return;
        }
        if let Some(old) = old {
            self.subscribers.remove(old);
        }
        let now = Instant::now();
        let rate_shown = rate.cast_signed();
        let lease = i32::try_from(LEASE.as_secs()).unwrap_or(i32::MAX);
        let args = vec!["subscribed".into(), rate_shown.into(), lease.into()];
        self.reply(who, address, args);
        // Everything again: datagrams get lost.
        let known = feedback::state(&self.remote.status(), names);
        self.send(to, &known);
        self.subscribers.push(Subscriber {
            who: to,
            names,
            every: (rate > 0).then(|| Duration::from_secs(1) / rate),
            next: now,
            until: now + LEASE,
            known,
        });
        self.adjust();
    }

    fn answer(&mut self, mail: Mail) {
        let place = self.asked.binary_search_by_key(&mail.request, |a| a.number);
        let Ok(at) = place else { return };
        let Some(asked) = self.asked.get_mut(at) else {
            return;
        };
        let (who, address) = (asked.who, asked.address.clone());
        match mail.answer {
            Answer::Accepted => {
                asked.accepted = true;
                self.reply(who, &address, vec!["accepted".into()]);
                return;
            }
            Answer::Done { frame } => {
                let frame = OscType::Long(frame.cast_signed());
                self.reply(who, &address, vec!["done".into(), frame]);
            }
            Answer::Saved { frame, file } => {
                let frame = OscType::Long(frame.cast_signed());
                let file = OscType::String(file.to_string_lossy().into_owned());
                self.reply(who, &address, vec!["done".into(), frame, file]);
            }
            Answer::Status(status) => {
                let messages = match asked.verb {
                    Verb::Meters => feedback::meters(&status, false),
                    _ => feedback::state(&status, false),
                };
                self.send(who, &messages);
                self.reply(who, &address, vec!["done".into()]);
            }
            Answer::Refused(refusal) => self.refuse(who, &address, &refusal),
        }
        self.asked.remove(at);
    }

    /// Tells subscribers what they want to know.
    fn report(&mut self) {
        let now = Instant::now();
        let before = self.subscribers.len();
        self.subscribers.retain(|s| s.until > now);
        if before != self.subscribers.len() {
            self.adjust();
        }
        let look = now >= self.looked + STATE;
        let meters = |s: &Subscriber| s.every.is_some() && s.next <= now;
        if self.subscribers.is_empty() || !(look || self.subscribers.iter().any(meters)) {
            return;
        }
        self.looked = now;
        let status: Status = self.remote.status();
        let mut subscribers = std::mem::take(&mut self.subscribers);
        for s in &mut subscribers {
            let state = feedback::state(&status, s.names);
            if state != s.known {
                let news = state.iter().filter(|m| !s.known.contains(m));
                let news: Vec<OscMessage> = news.cloned().collect();
                self.send(s.who, &news);
                s.known = state;
            }
            if let Some(every) = s.every.filter(|_| s.next <= now) {
                // What was missed is not made up.
                s.next = (s.next + every).max(now);
                self.send(s.who, &feedback::meters(&status, s.names));
            }
        }
        self.subscribers = subscribers;
    }

    /// Has the session renew its status as often as the most curious subscriber wants.
    fn adjust(&mut self) {
        let most = self.subscribers.iter().filter_map(|s| s.every).min();
        self.curiosity.every(most.unwrap_or(STATE).min(STATE));
    }

    fn refuse(&self, who: SocketAddr, address: &str, refusal: &Refusal) {
        let (code, message) = (refusal.code.word(), refusal.message.as_str());
        let args = vec![address.into(), code.into(), message.into()];
        self.send_one(who, "error", args);
    }

    fn reply(&self, who: SocketAddr, address: &str, mut args: Vec<OscType>) {
        args.insert(0, address.into());
        self.send_one(who, "reply", args);
    }

    fn send_one(&self, who: SocketAddr, path: &str, args: Vec<OscType>) {
        let addr = format!("{ROOT}{path}");
        if let Ok(bytes) = encoder::encode(&OscPacket::Message(OscMessage { addr, args })) {
            // Who isn't there any more, or doesn't read, misses it.
            let _ = self.socket.send_to(&bytes, who);
        }
    }

    /// Sends messages in as few bundles as there is room for.
    fn send(&self, who: SocketAddr, messages: &[OscMessage]) {
        let mut content = Vec::new();
        let mut length = 16;
        for message in messages {
            let packet = OscPacket::Message(message.clone());
            let own = encoder::encode(&packet).map_or(0, |bytes| bytes.len() + 4);
            if length + own > SENT && !content.is_empty() {
                self.send_bundle(who, std::mem::take(&mut content));
                length = 16;
            }
            length += own;
            content.push(packet);
        }
        if !content.is_empty() {
            self.send_bundle(who, content);
        }
    }

    fn send_bundle(&self, who: SocketAddr, content: Vec<OscPacket>) {
        // 1 is "at once".
        let timetag = OscTime::from((0, 1));
        if let Ok(bytes) = encoder::encode(&OscPacket::Bundle(OscBundle { timetag, content })) {
            let _ = self.socket.send_to(&bytes, who);
        }
    }
}
