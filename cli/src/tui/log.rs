//! The log: what would stand on standard error while there is no screen. It is kept in order, and what only
//! the screen has shown is written to standard error once the screen is gone, by the thread of the reporter's that
//! writes there anyway: nobody else waits for a terminal that takes nothing.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::report::clean;

/// Lines that are kept.
const LINES: usize = 500;
/// Characters of a line that are kept.
const LINE: usize = 500;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// For the record.
    Note,
    /// Something is not as it should be.
    Warning,
    /// Something can't go on.
    Error,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When, counted from the log's birth.
    pub at: Duration,
    /// How bad it is.
    pub weight: Weight,
    /// One line without control characters.
    pub text: String,
}

struct Inner {
    lines: VecDeque<Line>,
    /// How many of the last ones standard error hasn't had.
    untold: usize,
    /// How many there have been.
    count: u64,
    /// A screen shows them.
    open: bool,
}

/// A log that anyone may hold a hand of.
#[derive(Clone)]
pub struct Log {
    born: Instant,
    inner: Arc<Mutex<Inner>>,
}

impl Default for Log {
    fn default() -> Self {
        Self::new()
    }
}

impl Log {
    /// An empty one. Time counts from here.
    pub fn new() -> Self {
        Self {
            born: Instant::now(),
            inner: Arc::new(Mutex::new(Inner {
                lines: VecDeque::new(),
                untold: 0,
                count: 0,
                open: false,
            })),
        }
    }

    fn held(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A screen shows it from now on.
    pub fn open(&self) {
        self.held().open = true;
    }

    /// No screen shows it any more: what standard error hasn't had goes there with what is said next.
    pub fn close(&self) {
        self.held().open = false;
    }

    /// Adds a line.
    pub fn add(&self, weight: Weight, text: &str) {
        let at = self.born.elapsed();
        let mut text: String = clean(text);
        if let Some((end, _)) = text.char_indices().nth(LINE) {
            text.truncate(end);
        }
        let mut inner = self.held();
        inner.untold = (inner.untold + 1).min(LINES);
        if inner.lines.len() == LINES {
            inner.lines.pop_front();
        }
        inner.lines.push_back(Line { at, weight, text });
        inner.count += 1;
    }

    /// The last `n` lines, in order, if there are others than when `seen` was returned.
    pub fn since(&self, seen: u64, n: usize) -> Option<(u64, Vec<Line>)> {
        let inner = self.held();
        (inner.count != seen).then(|| {
            let from = inner.lines.len().saturating_sub(n);
            (inner.count, inner.lines.range(from..).cloned().collect())
        })
    }

    /// What standard error hasn't had, unless a screen shows it.
    fn untold(&self) -> String {
        let mut inner = self.held();
        if inner.open {
            return String::new();
        }
        let untold = std::mem::take(&mut inner.untold);
        let from = inner.lines.len().saturating_sub(untold);
        let lines = inner.lines.range(from..);
        lines.flat_map(|line| [line.text.as_str(), "\n"]).collect()
    }

    /// A writer of whole lines for a reporter. While no screen shows them they go on to `people`.
    pub fn writer(&self, people: Box<dyn Write + Send>) -> Box<dyn Write + Send> {
        Box::new(Writer {
            log: self.clone(),
            begun: Vec::new(),
            people,
        })
    }
}

/// Lines as the reporter writes them.
struct Writer {
    log: Log,
    begun: Vec<u8>,
    people: Box<dyn Write + Send>,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for &byte in bytes {
            if byte != b'\n' {
                self.begun.push(byte);
                continue;
            }
            let line = std::mem::take(&mut self.begun);
            let text = String::from_utf8_lossy(&line);
            self.log.add(weight(&text), &text);
        }
        self.flush()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let untold = self.log.untold();
        self.people.write_all(untold.as_bytes())?;
        self.people.flush()
    }
}

/// How bad a sentence of the reporter's is.
pub fn weight(text: &str) -> Weight {
    if text.starts_with("warning: ") || text.starts_with("device: lost") {
        Weight::Warning
    } else if text.starts_with("error: ") || text.starts_with("backline: ") {
        Weight::Error
    } else {
        Weight::Note
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Page {
        fn take(&self) -> String {
            String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
        }
    }

    #[test]
    fn what_only_the_screen_has_shown_is_told_when_it_is_gone() {
        let page = Page::default();
        let log = Log::new();
        let mut writer = log.writer(Box::new(page.clone()));
        writer.write_all(b"warning: before\nhal").unwrap();
        assert_eq!(page.take(), "warning: before\n");
        log.open();
        writer.write_all(b"f\n").unwrap();
        log.add(Weight::Error, "bad\x1b[2J");
        assert_eq!(page.take(), "");
        let (seen, lines) = log.since(0, 10).unwrap();
        let shown: Vec<_> = lines.iter().map(|l| (l.weight, l.text.as_str())).collect();
        assert_eq!(
            shown,
            [
                (Weight::Warning, "warning: before"),
                (Weight::Note, "half"),
                (Weight::Error, "bad\u{fffd}[2J")
            ]
        );
        assert_eq!(log.since(seen, 10), None);
        log.close();
        log.add(Weight::Note, "after");
        assert_eq!(page.take(), "");
        writer.write_all(b"last\n").unwrap();
        assert_eq!(page.take(), "half\nbad\u{fffd}[2J\nafter\nlast\n");
    }

    #[test]
    fn it_is_bounded() {
        let page = Page::default();
        let log = Log::new();
        let mut writer = log.writer(Box::new(page.clone()));
        log.open();
        for n in 0..2 * LINES {
            log.add(Weight::Note, &format!("{n}{}", "x".repeat(2 * LINE)));
        }
        assert_eq!(log.held().lines.len(), LINES);
        assert_eq!(log.since(0, 3).unwrap().1.len(), 3);
        log.close();
        writer.flush().unwrap();
        let told = page.take();
        assert_eq!(told.lines().count(), LINES);
        assert!(told.starts_with("500x"));
        assert!(told.lines().all(|l| l.chars().count() == LINE));
    }
}
