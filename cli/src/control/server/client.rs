//! One client of the socket: its requests in their order, and what it hasn't read yet.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use serde_json::Value;

use super::super::{
    Answer, ErrorCode, LINE_LIMIT, Refusal, Remote, Request, Verb, protocol, shown,
};
use super::{Mail, Shared};

/// Requests that may wait for their last answer; no more are read until there are fewer.
const REQUESTS: usize = 64;
/// Unread output above which no more requests are read, and no more events told, bytes.
const OUTPUT: usize = 64 * 1024;
/// Read at a stretch, bytes.
const STRETCH: usize = 16 * 1024;
/// How long a client may leave everything unread.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a subscriber wants.
pub(super) struct Subscription {
    /// Time between two reports of the meters; none wanted without.
    pub every: Option<Duration>,
    next: Instant,
    /// It knows the state but for what was left out while it didn't read.
    behind: bool,
}

/// A request that isn't through.
struct Slot {
    number: u64,
    id: Option<Value>,
    verb: Option<Verb>,
    /// It was accepted: a last answer is to come.
    accepted: bool,
    /// There will be no more lines.
    finished: bool,
    /// Lines that wait for the requests before it.
    lines: String,
}

pub(super) struct Client {
    pub number: u64,
    pub stream: UnixStream,
    pub subscribed: Option<Subscription>,
    input: Vec<u8>,
    output: VecDeque<u8>,
    /// Requests without a line so far, or held up behind one.
    waiting: VecDeque<Slot>,
    /// Requests that were accepted.
    running: Vec<Slot>,
    requests: u64,
    /// It sends nothing more.
    ended: bool,
    /// It can't be written to.
    broken: bool,
    /// Closed as soon as it has read what there is for it.
    closing: bool,
    /// When it last read something, while there was something to read.
    read_at: Instant,
}

impl Client {
    pub fn new(number: u64, stream: UnixStream) -> Self {
        Self {
            number,
            stream,
            subscribed: None,
            input: Vec::new(),
            output: VecDeque::new(),
            waiting: VecDeque::new(),
            running: Vec::new(),
            requests: 0,
            ended: false,
            broken: false,
            closing: false,
            read_at: Instant::now(),
        }
    }

    fn has_room(&self) -> bool {
        self.waiting.len() + self.running.len() < REQUESTS && self.output.len() < OUTPUT
    }

    /// What it is to be looked at for.
    pub fn wants(&self) -> PollFlags {
        let mut wants = PollFlags::empty();
        let unread = self.input.len() <= LINE_LIMIT;
        if !self.ended && !self.closing && unread && (self.has_room() || self.broken) {
            wants |= PollFlags::IN;
        }
        if !self.output.is_empty() && !self.broken {
            wants |= PollFlags::OUT;
        }
        wants
    }

    /// When it is to be looked after, whatever it does.
    pub fn due(&self) -> Option<Instant> {
        let slow = (!self.output.is_empty()).then(|| self.read_at + PATIENCE);
        let meters = self.subscribed.as_ref();
        let meters = meters.and_then(|s| s.every.map(|_| s.next));
        slow.into_iter().chain(meters).min()
    }

    /// Nothing more is to be done for it.
    pub fn is_gone(&self) -> bool {
        let quiet = self.output.is_empty() || self.broken;
        let through =
            self.waiting.is_empty() && self.running.is_empty() && self.subscribed.is_none();
        (self.closing && quiet) || (self.ended && self.broken) || (self.ended && quiet && through)
    }

    pub fn read(&mut self) {
        let mut room = [0; STRETCH];
        match self.stream.read(&mut room) {
            Ok(0) => self.ended = true,
            Ok(n) => self.input.extend(room.iter().take(n)),
            Err(e) if is_passing(&e) => {}
            Err(_) => {
                self.ended = true;
                self.broken = true;
            }
        }
    }

    /// Sets about the requests that have come, as many as there is room for.
    pub fn work(&mut self, remote: &Remote, shared: &Arc<Shared>, state: &mut Value) {
        let mut from = 0;
        while !self.closing && self.has_room() {
            let rest = self.input.get(from..).unwrap_or_default();
            let Some(len) = rest.iter().take(LINE_LIMIT + 1).position(|b| *b == b'\n') else {
                if rest.len() > LINE_LIMIT {
                    let message = format!("a line may have {LINE_LIMIT} bytes");
                    self.close(&Refusal::new(ErrorCode::LineTooLong, message));
                }
                break;
            };
            let line = rest.get(..len).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            // An empty line asks for nothing.
            let request = (!line.is_empty()).then(|| Request::parse(line));
            from += len + 1;
            if let Some(request) = request {
                self.take(request, remote, shared, state);
            }
        }
        self.input.drain(..from.min(self.input.len()));
        if self.input.is_empty() {
            self.input.shrink_to(STRETCH);
        }
    }

    fn take(&mut self, request: Request, remote: &Remote, shared: &Arc<Shared>, state: &mut Value) {
        let only_asks =
            |verb: &Verb| matches!(verb, Verb::Status | Verb::Meters | Verb::Subscribe(_));
        // One that went without waiting for answers may have sent any number of questions before.
        if self.broken && request.verb.as_ref().map_or(true, only_asks) {
            return;
        }
        let number = self.requests;
        self.requests += 1;
        let mut slot = Slot {
            number,
            id: request.id,
            verb: None,
            accepted: false,
            finished: false,
            lines: String::new(),
        };
        match request.verb {
            Err(refusal) => {
                slot.tell(&Answer::Refused(refusal));
                self.waiting.push_back(slot);
            }
            Ok(Verb::Subscribe(rate)) => {
                let status = shown::state(&remote.status());
                slot.lines = protocol::subscribed(slot.id.as_ref(), rate);
                slot.lines += &protocol::event("state", status.clone());
                slot.finished = true;
                // The others hear of a change that only this one knows by now with the next look.
                if self.subscribed.is_none() && state.is_null() {
                    *state = status;
                }
                let every = (rate > 0).then(|| Duration::from_secs(1) / rate);
                self.subscribed = Some(Subscription {
                    every,
                    next: Instant::now() + every.unwrap_or_default(),
                    behind: false,
                });
                self.waiting.push_back(slot);
            }
            Ok(verb) => {
                slot.verb = Some(verb.clone());
                self.waiting.push_back(slot);
                let (client, shared) = (self.number, shared.clone());
                remote.order(verb, move |answer| {
                    shared.push(Mail {
                        client,
                        request: number,
                        answer,
                    });
                });
            }
        }
        self.advance();
    }

    /// An answer has come.
    pub fn answer(&mut self, request: u64, answer: &Answer) {
        if let Some(slot) = self.waiting.iter_mut().find(|s| s.number == request) {
            slot.tell(answer);
            self.advance();
        } else if let Some(at) = self.running.iter().position(|s| s.number == request) {
            let slot = &mut self.running[at];
            slot.tell(answer);
            if slot.finished {
                let slot = self.running.swap_remove(at);
                self.say(&slot.lines);
            }
        }
    }

    /// Passes on the lines of all requests up to the first that has none.
    fn advance(&mut self) {
        while let Some(slot) = self.waiting.pop_front_if(|s| !s.lines.is_empty()) {
            self.say(&slot.lines);
            if !slot.finished {
                self.running.push(Slot {
                    lines: String::new(),
                    ..slot
                });
            }
        }
    }

    fn say(&mut self, lines: &str) {
        if self.broken {
            return;
        }
        if self.output.is_empty() {
            self.read_at = Instant::now();
        }
        self.output.extend(lines.as_bytes());
    }

    pub fn tell_state(&mut self, line: &str) {
        let full = self.output.len() >= OUTPUT;
        if let Some(subscription) = &mut self.subscribed {
            subscription.behind = full;
            if !full {
                self.say(line);
            }
        }
    }

    /// Tells the state, should it have missed it.
    pub fn catch_up(&mut self, state: &Value) {
        if self.output.len() < OUTPUT && self.subscribed.as_ref().is_some_and(|s| s.behind) {
            self.tell_state(&protocol::event("state", state.clone()));
        }
    }

    pub fn wants_meters(&self, now: Instant) -> bool {
        let subscription = self.subscribed.as_ref();
        subscription.is_some_and(|s| s.every.is_some() && s.next <= now)
    }

    pub fn tell_meters(&mut self, now: Instant, line: &str) {
        let full = self.output.len() >= OUTPUT;
        if !self.wants_meters(now) {
            return;
        }
        if let Some(subscription) = &mut self.subscribed {
            let every = subscription.every.unwrap_or_default();
            // What was missed is not made up.
            subscription.next = (subscription.next + every).max(now);
            if !full {
                self.say(line);
            }
        }
    }

    /// Says why, and closes once that has been read.
    pub fn close(&mut self, why: &Refusal) {
        if !self.closing {
            self.say(&protocol::bye(why));
            self.closing = true;
        }
    }

    pub fn write(&mut self) {
        while !self.output.is_empty() && !self.broken {
            let (front, _) = self.output.as_slices();
            match self.stream.write(front) {
                Ok(0) => self.broken = true,
                Ok(n) => {
                    self.output.drain(..n);
                    self.read_at = Instant::now();
                }
                Err(e) if is_passing(&e) => return,
                Err(_) => self.broken = true,
            }
        }
        if self.broken {
            self.output.clear();
        }
        self.output.shrink_to(OUTPUT);
    }

    /// One that reads nothing for too long is let go.
    pub fn check(&mut self, now: Instant) {
        if !self.output.is_empty() && now >= self.read_at + PATIENCE {
            let seconds = PATIENCE.as_secs();
            let message = format!("nothing was read for {seconds} s");
            let bye = protocol::bye(&Refusal::new(ErrorCode::TooSlow, message));
            // Where there is no room for the reason it goes without.
            let _ = self.stream.write(bye.as_bytes());
            self.broken = true;
            self.ended = true;
            self.output.clear();
        }
    }
}

impl Slot {
    fn tell(&mut self, answer: &Answer) {
        let (id, verb) = (self.id.as_ref(), self.verb.as_ref());
        self.lines += &protocol::reply(id, verb, self.accepted, answer);
        self.accepted |= *answer == Answer::Accepted;
        self.finished |= answer.is_last();
    }
}

/// Not now, but later.
fn is_passing(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
