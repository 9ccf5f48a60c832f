//! A value on a thread of its own, so that a call on it that hangs can be given up.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak, mpsc};
use std::thread;
use std::time::{Duration, Instant};

type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

/// Threads that nobody waits for any more, as long as they run.
static LEAVING: Mutex<Vec<Weak<()>>> = Mutex::new(Vec::new());

/// Whether no thread of a closed, dropped or given-up [`Aside`] still has its value.
pub(crate) fn none_leaving() -> bool {
    let mut all = LEAVING.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|thread| thread.strong_count() > 0);
    all.is_empty()
}

fn leaves(thread: &Weak<()>) {
    let mut all = LEAVING.lock().unwrap_or_else(PoisonError::into_inner);
    all.push(thread.clone());
}

/// Owns the way to a `T` that lives, and in the end is dropped, on its own thread.
///
/// Dropping an `Aside` lets the thread finish its jobs and drop the value without waiting for it.
pub(crate) struct Aside<T> {
    jobs: Option<mpsc::Sender<Job<T>>>,
    done: mpsc::Receiver<()>,
    /// Alive as long as the thread has the value.
    thread: Weak<()>,
    waiting: Arc<AtomicU32>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// Not within the deadline; the call may still be carried out.
    Late,
    /// The thread could not be started, or has ended.
    Gone,
}

impl<T: 'static> Aside<T> {
    /// Makes the value on a new thread. `Err(Ok(e))` is the maker's own error.
    pub(crate) fn spawn<R, E>(
        name: &str,
        deadline: Duration,
        make: impl FnOnce() -> Result<(T, R), E> + Send + 'static,
    ) -> Result<(Self, R), Result<E, NoAnswer>>
    where
        R: Send + 'static,
        E: Send + 'static,
    {
        let (jobs, inbox) = mpsc::channel::<Job<T>>();
        let (done_tx, done) = mpsc::channel();
        let (made_tx, made) = mpsc::channel();
        let waiting = Arc::new(AtomicU32::new(0));
        let count = waiting.clone();
        let token = Arc::new(());
        let thread = Arc::downgrade(&token);
        let started: io::Result<_> = thread::Builder::new().name(name.into()).spawn(move || {
            // Declared first, so dropped after the value.
            let token = token;
            let mut value = match make() {
                Ok((value, r)) => {
                    // If nobody waits any more, the jobs' channel is closed too.
                    let _ = made_tx.send(Ok(r));
                    value
                }
                Err(e) => {
                    let _ = made_tx.send(Err(e));
                    return;
                }
            };
            while let Ok(job) = inbox.recv() {
                job(&mut value);
                count.fetch_sub(1, Ordering::Release);
            }
            drop(value);
            drop(token);
            let _ = done_tx.send(());
        });
        if started.is_err() {
            return Err(Err(NoAnswer::Gone));
        }
        match made.recv_timeout(deadline) {
            Ok(Ok(r)) => Ok((
                Self {
                    jobs: Some(jobs),
                    done,
                    thread,
                    waiting,
                },
                r,
            )),
            Ok(Err(e)) => Err(Ok(e)),
            Err(e) => {
                leaves(&thread);
                Err(Err(e.into()))
            }
        }
    }

    /// Runs `f` on the value and waits for its result.
    pub(crate) fn call<R: Send + 'static>(
        &self,
        deadline: Duration,
        f: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, NoAnswer> {
        let (tx, rx) = mpsc::channel();
        self.post(move |value| {
            let _ = tx.send(f(value));
        });
        rx.recv_timeout(deadline).map_err(NoAnswer::from)
    }

    /// Runs `f` on the value without waiting.
    pub(crate) fn post(&self, f: impl FnOnce(&mut T) + Send + 'static) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let sent = self.jobs.as_ref().map(|jobs| jobs.send(Box::new(f)));
        if !matches!(sent, Some(Ok(()))) {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether a job is waiting or running.
    pub(crate) fn busy(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// Drops the value on its thread; `true` when that was done within `deadline`.
    pub(crate) fn close(mut self, deadline: Duration) -> bool {
        self.leave();
        self.done.recv_timeout(deadline).is_ok()
    }
}

impl<T> Aside<T> {
    /// Lets the thread end.
    fn leave(&mut self) {
        if let Some(jobs) = self.jobs.take() {
            leaves(&self.thread);
            drop(jobs);
        }
    }
}

impl<T> Drop for Aside<T> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl From<mpsc::RecvTimeoutError> for NoAnswer {
    fn from(e: mpsc::RecvTimeoutError) -> Self {
        match e {
            mpsc::RecvTimeoutError::Timeout => Self::Late,
            mpsc::RecvTimeoutError::Disconnected => Self::Gone,
        }
    }
}

/// Polls `met` every millisecond until it holds; `false` when it did not by `deadline`.
pub(crate) fn wait_until(deadline: Duration, mut met: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !met() {
        if start.elapsed() >= deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    fn counter() -> Aside<u32> {
        Aside::spawn("counter", LONG, || Ok::<_, ()>((7u32, ())))
            .ok()
            .unwrap()
            .0
    }

    #[test]
    fn calls_run_in_order_on_the_value() {
        let a = counter();
        a.post(|n| *n += 1);
        assert_eq!(a.call(LONG, |n| *n).unwrap(), 8);
        assert!(wait_until(LONG, || !a.busy()));
        assert!(a.close(LONG));
    }

    #[test]
    fn a_hung_call_is_given_up_and_the_value_still_dropped_later() {
        let a = counter();
        let (go, gate) = mpsc::channel::<()>();
        let late = a.call(Duration::from_millis(10), move |_| {
            let _ = gate.recv();
        });
        assert!(matches!(late, Err(NoAnswer::Late)));
        assert!(a.busy());
        assert!(!a.close(Duration::from_millis(10)));
        assert!(!none_leaving());
        drop(go);
        assert!(wait_until(LONG, none_leaving));
    }

    #[test]
    fn the_makers_error_comes_back() {
        let r = Aside::<u32>::spawn("bad", LONG, || Err::<(u32, ()), _>("no"));
        assert!(matches!(r, Err(Ok("no"))));
    }
}
