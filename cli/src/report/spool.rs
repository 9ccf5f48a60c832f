//! Lines on their way out, written by a thread of their own so that nobody waits for a reader.

use std::collections::VecDeque;
use std::io::{ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Lines that wait at most; a line that finds as many before it is dropped and counted.
pub(super) const BOUND: usize = 1024;

/// To the start of the line, and clear to its end (ECMA-48 EL).
const ERASE: &str = "\r\x1b[K";

/// Between two tries on an output that another process has made non-blocking.
const RETRY: Duration = Duration::from_millis(10);

#[derive(Default)]
struct State {
    lines: VecDeque<String>,
    /// The live line as it shall be.
    live: Option<String>,
    /// It isn't what the writer was last told.
    live_changed: bool,
    /// A live line is on the screen (or being written).
    shown: bool,
    /// The writer is in a write.
    busy: bool,
    /// The reader has gone, or the output never worked.
    closed: bool,
    /// No more lines will come.
    ended: bool,
    dropped: u64,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A queue of lines and, on a terminal, the live line below them.
pub(super) struct Spool {
    shared: Arc<Shared>,
}

impl Spool {
    /// Lines go to `out`, in whole writes. Without a thread they go nowhere.
    pub(super) fn new(out: Box<dyn Write + Send>) -> Self {
        let shared = Arc::new(Shared::default());
        let writer = shared.clone();
        let thread = thread::Builder::new()
            .name("report".into())
            .spawn(move || run(&writer, out));
        if thread.is_err() {
            shared.state().closed = true;
        }
        Self { shared }
    }

    /// Appends whole lines. Never waits: they are dropped when too many wait already.
    pub(super) fn push(&self, lines: String) {
        let mut s = self.shared.state();
        if s.closed {
            return;
        }
        if s.lines.len() >= BOUND {
            s.dropped += 1;
            return;
        }
        s.lines.push_back(lines);
        drop(s);
        self.shared.changed.notify_all();
    }

    /// Appends the last lines, in spite of the bound, and takes the live line away.
    pub(super) fn push_last(&self, lines: String) {
        let mut s = self.shared.state();
        s.live_changed |= s.live.take().is_some();
        if !s.closed {
            s.lines.push_back(lines);
        }
        drop(s);
        self.shared.changed.notify_all();
    }

    /// Sets or takes away the live line (without a line end).
    pub(super) fn live(&self, line: Option<String>) {
        let mut s = self.shared.state();
        if !s.closed && s.live != line {
            s.live = line;
            s.live_changed = true;
            drop(s);
            self.shared.changed.notify_all();
        }
    }

    /// The screen is another's now: nothing of ours is on it, and nothing is to be erased.
    pub(super) fn forget_live(&self) {
        let mut s = self.shared.state();
        s.live = None;
        s.live_changed = false;
        s.shown = false;
    }

    /// Lines dropped so far.
    pub(super) fn dropped(&self) -> u64 {
        self.shared.state().dropped
    }

    /// Waits until everything is out, or for `at_most`. Whether it is.
    pub(super) fn flush(&self, at_most: Duration) -> bool {
        let end = Instant::now() + at_most;
        let mut s = self.shared.state();
        while !s.closed && (s.busy || !s.lines.is_empty() || s.live_changed) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            s = self
                .shared
                .changed
                .wait_timeout(s, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // The thread writes what is left and ends. It isn't waited for: it may be stuck.
        self.shared.state().ended = true;
        self.shared.changed.notify_all();
    }
}

fn run(shared: &Shared, mut out: Box<dyn Write + Send>) {
    let mut s = shared.state();
    loop {
        if !s.lines.is_empty() || s.live_changed {
            let bytes = compose(&mut s);
            s.busy = true;
            drop(s);
            let written = write_all(&mut *out, &bytes);
            s = shared.state();
            s.busy = false;
            if !written {
                s.closed = true;
                s.lines.clear();
                s.live = None;
                s.live_changed = false;
            }
            shared.changed.notify_all();
        } else if s.ended || s.closed {
            return;
        } else {
            s = shared
                .changed
                .wait(s)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Takes what waits and makes one write of it: lines above, the live line below.
fn compose(s: &mut State) -> Vec<u8> {
    let mut text = String::new();
    if s.shown {
        text += ERASE;
    }
    for line in s.lines.drain(..) {
        text += &line;
    }
    s.shown = s.live.is_some();
    s.live_changed = false;
    if let Some(live) = &s.live {
        text += live;
    }
    text.into_bytes()
}

/// Writes all of it; false when the output is no good any more.
fn write_all(out: &mut dyn Write, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(0) => return false,
            Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY),
            Err(_) => return false,
        }
    }
    out.flush().is_ok()
}

#[cfg(test)]
pub(super) mod tests {
    use std::io;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    /// Keeps what is written.
    #[derive(Clone, Default)]
    pub(in crate::report) struct Page(Arc<Mutex<Vec<u8>>>);

    impl Page {
        pub(in crate::report) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A pipe whose reader takes a write only when told to.
    pub(in crate::report) struct Stuck(
        pub(in crate::report) Receiver<io::Result<()>>,
        pub(in crate::report) Page,
    );

    pub(in crate::report) fn stuck() -> (SyncSender<io::Result<()>>, Stuck, Page) {
        let page = Page::default();
        let (tx, rx) = sync_channel(0);
        (tx, Stuck(rx, page.clone()), page)
    }

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.0.recv() {
                Ok(result) => result?,
                Err(_) => return Err(ErrorKind::BrokenPipe.into()),
            }
            self.1.write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_come_out_in_order() {
        let page = Page::default();
        let spool = Spool::new(Box::new(page.clone()));
        for i in 0..2000 {
            spool.push(format!("{i}\n"));
            if i % 500 == 0 {
                assert!(spool.flush(LONG));
            }
        }
        spool.push_last("end\n".into());
        assert!(spool.flush(LONG));
        let want: String = (0..2000).map(|i| format!("{i}\n")).collect();
        assert_eq!(spool.dropped(), 0);
        assert_eq!(page.text(), want + "end\n");
    }

    #[test]
    fn a_stuck_reader_costs_lines_but_no_time() {
        let (go, out, page) = stuck();
        let spool = Spool::new(Box::new(out));
        spool.push("first\n".into());
        // Until the writer is stuck with it.
        while !spool.shared.state().busy {
            thread::yield_now();
        }
        for i in 0..BOUND + 10 {
            spool.push(format!("{i}\n"));
        }
        assert_eq!(spool.dropped(), 10);
        spool.push_last("last\n".into());
        assert!(!spool.flush(Duration::from_millis(1)));
        go.send(Ok(())).unwrap();
        go.send(Ok(())).unwrap();
        assert!(spool.flush(LONG));
        let text = page.text();
        assert!(text.starts_with("first\n0\n1\n"));
        assert!(text.ends_with("\n1022\n1023\nlast\n"));
    }

    #[test]
    fn a_closed_reader_is_forgotten_quietly() {
        let (go, out, page) = stuck();
        let spool = Spool::new(Box::new(out));
        spool.push("a\n".into());
        go.send(Err(ErrorKind::WouldBlock.into())).unwrap();
        go.send(Err(ErrorKind::Interrupted.into())).unwrap();
        go.send(Ok(())).unwrap();
        assert!(spool.flush(LONG));
        assert_eq!(page.text(), "a\n");
        drop(go);
        spool.push("b\n".into());
        assert!(spool.flush(LONG));
        for _ in 0..BOUND * 2 {
            spool.push("c\n".into());
        }
        spool.push_last("d\n".into());
        assert!(spool.flush(LONG));
        assert_eq!(spool.dropped(), 0);
        assert_eq!(page.text(), "a\n");
    }

    #[test]
    fn messages_go_above_the_live_line() {
        let page = Page::default();
        let spool = Spool::new(Box::new(page.clone()));
        let step = |want: &str| {
            assert!(spool.flush(LONG));
            assert_eq!(page.text(), want);
            page.0.lock().unwrap().clear();
        };
        spool.live(Some("one".into()));
        step("one");
        spool.live(Some("one".into()));
        step("");
        spool.live(Some("two".into()));
        step("\r\x1b[Ktwo");
        spool.push("message\n".into());
        step("\r\x1b[Kmessage\ntwo");
        spool.forget_live();
        spool.push("message\n".into());
        step("message\n");
        spool.live(Some("three".into()));
        step("three");
        spool.push_last("summary\n".into());
        step("\r\x1b[Ksummary\n");
        spool.live(Some("four".into()));
        step("four");
        spool.live(None);
        step("\r\x1b[K");
    }
}
