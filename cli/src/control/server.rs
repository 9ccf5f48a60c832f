//! The socket's server: one thread that reads requests, has them carried out, and writes what
//! comes of them. It never touches the callback, and what a client does or doesn't do costs a bounded amount
//! of memory and nobody else's turn.

mod client;

use std::io;
use std::io::Write as _;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;

use self::client::Client;
use super::mailbox::Mailbox;
use super::place::Socket;
use super::remote::Curiosity;
use super::{Answer, ErrorCode, Refusal, Remote, protocol, shown};
use crate::player::Status;
use crate::prompt;

/// Connections at a time.
const CLIENTS: usize = 64;
/// How often it is looked for changes of state, while somebody wants to know them.
const STATE: Duration = Duration::from_millis(100);
/// How long it takes at most to tell everybody that it is over.
const FAREWELL: Duration = Duration::from_millis(300);
/// How long no connection is taken after one couldn't be.
const RECOVERY: Duration = Duration::from_millis(100);

/// Serves a session's socket. Dropping it says goodbye to every client and removes the socket.
pub struct Server {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// An answer on its way to a client.
struct Mail {
    client: u64,
    request: u64,
    answer: Answer,
}

type Shared = Mailbox<Mail>;

impl Server {
    /// Serves `socket` with what `remote` steers.
    ///
    /// # Errors
    /// The system has no more threads or files.
    pub fn start(socket: Socket, remote: Remote) -> io::Result<Self> {
        let (shared, wakened) = Mailbox::new()?;
        let mut desk = Desk {
            socket,
            curiosity: remote.curiosity(),
            remote,
            shared: shared.clone(),
            wakened,
            clients: Vec::new(),
            next: 0,
            not_before: None,
            looked: Instant::now(),
            state: Value::Null,
        };
        let thread = prompt::spawn("backline-socket", move || desk.run())?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread has.
struct Desk {
    socket: Socket,
    remote: Remote,
    shared: Arc<Shared>,
    wakened: UnixStream,
    clients: Vec<Client>,
    /// Number of the next client.
    next: u64,
    /// No connection is taken before that.
    not_before: Option<Instant>,
    /// When it was last looked for changes.
    looked: Instant,
    /// The state that subscribers know.
    state: Value,
    curiosity: Curiosity,
}

impl Desk {
    fn run(&mut self) {
        loop {
            let (ready, hear_new) = self.wait();
            if self.shared.is_closing() {
                self.say_goodbye();
                return;
            }
            self.deliver();
            for (at, flags) in ready {
                if let Some(client) = self.clients.get_mut(at) {
                    if flags.intersects(PollFlags::OUT) {
                        client.write();
                    }
                    if flags.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
                        client.read();
                    }
                }
            }
            for client in &mut self.clients {
                client.work(&self.remote, &self.shared, &mut self.state);
            }
            self.report();
            let now = Instant::now();
            for client in &mut self.clients {
                client.write();
                client.check(now);
            }
            self.clients.retain(|client| !client.is_gone());
            self.adjust();
            if hear_new {
                self.accept();
            }
        }
    }

    /// Waits until there is something to do: clients by index with what they are ready for, and whether
    /// somebody wants to connect.
    fn wait(&mut self) -> (Vec<(usize, PollFlags)>, bool) {
        let now = Instant::now();
        let mut until = self.due();
        if let Some(then) = self.not_before {
            if then <= now {
                self.not_before = None;
            } else {
                until = Some(until.map_or(then, |u| u.min(then)));
            }
        }
        let mut fds = vec![PollFd::new(&self.wakened, PollFlags::IN)];
        if self.not_before.is_none() {
            fds.push(PollFd::new(&self.socket.listener, PollFlags::IN));
        }
        let first = fds.len();
        let mut who = Vec::new();
        for (at, client) in self.clients.iter().enumerate() {
            let wants = client.wants();
            if !wants.is_empty() {
                who.push(at);
                fds.push(PollFd::from_borrowed_fd(client.stream.as_fd(), wants));
            }
        }
        let timeout = until.map(|until| {
            let left = until.saturating_duration_since(now);
            Timespec {
                tv_sec: left.as_secs().cast_signed(),
                tv_nsec: left.subsec_nanos().into(),
            }
        });
        // An interrupted wait is one that was over early.
        let _ = poll(&mut fds, timeout.as_ref());
        let ready = who
            .into_iter()
            .zip(fds.iter().skip(first))
            .filter(|(_, fd)| !fd.revents().is_empty())
            .map(|(at, fd)| (at, fd.revents()));
        let ready: Vec<_> = ready.collect();
        let hear_new = first == 2 && fds.get(1).is_some_and(|fd| !fd.revents().is_empty());
        (ready, hear_new)
    }

    /// When something is due without anybody's doing.
    fn due(&self) -> Option<Instant> {
        let state = self
            .clients
            .iter()
            .any(|c| c.subscribed.is_some())
            .then(|| self.looked + STATE);
        let clients = self.clients.iter().filter_map(Client::due);
        clients.chain(state).min()
    }

    /// Takes the answers that have come to their clients.
    fn deliver(&mut self) {
        for mail in self.shared.take(&self.wakened) {
            // A client that has gone doesn't want to know.
            if let Ok(at) = self
                .clients
                .binary_search_by_key(&mail.client, |c| c.number)
            {
                self.clients[at].answer(mail.request, &mail.answer);
            }
        }
    }

    fn accept(&mut self) {
        // A few at a time, so that those who are here get their turn.
        for _ in 0..8 {
            match self.socket.listener.accept() {
                Ok((stream, _)) => {
                    if stream.set_nonblocking(true).is_err() {
                        continue;
                    }
                    if self.clients.len() >= CLIENTS {
                        let full = Refusal::new(
                            ErrorCode::TooManyClients,
                            format!("there are {CLIENTS} connections already"),
                        );
                        let _ = (&stream).write(protocol::bye(&full).as_bytes());
                        continue;
                    }
                    self.clients.push(Client::new(self.next, stream));
                    self.next += 1;
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {
                    // Too many files are open, or it went away again.
                    self.not_before = Some(Instant::now() + RECOVERY);
                    return;
                }
            }
        }
    }

    /// Tells subscribers what they want to know.
    fn report(&mut self) {
        let now = Instant::now();
        let meters = self.clients.iter().any(|c| c.wants_meters(now));
        let look =
            now >= self.looked + STATE && self.clients.iter().any(|c| c.subscribed.is_some());
        if !(meters || look) {
            return;
        }
        self.looked = now;
        let status: Status = self.remote.status();
        let state = shown::state(&status);
        if state != self.state {
            let line = protocol::event("state", state.clone());
            self.state = state;
            for client in &mut self.clients {
                client.tell_state(&line);
            }
        }
        for client in &mut self.clients {
            client.catch_up(&self.state);
        }
        if meters {
            let line = protocol::event("meters", shown::meters(&status));
            for client in &mut self.clients {
                client.tell_meters(now, &line);
            }
        }
    }

    /// Has the session renew its status as often as the most curious subscriber wants.
    fn adjust(&mut self) {
        let rates = self.clients.iter().filter_map(|c| c.subscribed.as_ref());
        let every = rates
            .filter_map(|s| s.every)
            .min()
            .unwrap_or(STATE)
            .min(STATE);
        self.curiosity.every(every);
    }

    /// Answers what has been answered, and tells everybody that it is over.
    fn say_goodbye(&mut self) {
        self.deliver();
        let over = Refusal::over();
        for client in &mut self.clients {
            client.close(&over);
            client.write();
        }
        let limit = Instant::now() + FAREWELL;
        loop {
            self.clients.retain(|client| !client.is_gone());
            let left = limit.saturating_duration_since(Instant::now());
            if self.clients.is_empty() || left.is_zero() {
                return;
            }
            let timeout = Timespec {
                tv_sec: 0,
                tv_nsec: left.subsec_nanos().into(),
            };
            let fds = self.clients.iter();
            let mut fds: Vec<PollFd<'_>> = fds
                .map(|c| PollFd::from_borrowed_fd(c.stream.as_fd(), PollFlags::OUT))
                .collect();
            let _ = poll(&mut fds, Some(&timeout));
            for client in &mut self.clients {
                client.write();
            }
        }
    }
}
