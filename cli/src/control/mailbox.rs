//! A box into which other threads put what has come, and a way to wake the thread that empties it.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The end into which things are put.
pub(super) struct Mailbox<M> {
    mail: Mutex<Vec<M>>,
    /// A byte is on its way to the thread.
    woken: AtomicBool,
    waker: UnixStream,
    closing: AtomicBool,
}

impl<M> Mailbox<M> {
    /// A box, and what its thread waits for: readable when there is something in it.
    ///
    /// # Errors
    /// The system has no more files.
    pub fn new() -> io::Result<(Arc<Self>, UnixStream)> {
        let (waker, wakened) = UnixStream::pair()?;
        waker.set_nonblocking(true)?;
        wakened.set_nonblocking(true)?;
        let mailbox = Self {
            mail: Mutex::default(),
            woken: AtomicBool::new(false),
            waker,
            closing: AtomicBool::new(false),
        };
        Ok((Arc::new(mailbox), wakened))
    }

    fn mail(&self) -> MutexGuard<'_, Vec<M>> {
        // A list of whole things: there is no half-made one.
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            let _ = (&self.waker).write(&[0]);
        }
    }

    /// Puts something in.
    pub fn push(&self, mail: M) {
        self.mail().push(mail);
        self.wake();
    }

    /// Tells the thread that it is over.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether it is over.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// What has come. For the thread, with its end.
    pub fn take(&self, mut wakened: &UnixStream) -> Vec<M> {
        let mut bytes = [0; 64];
        while matches!(wakened.read(&mut bytes), Ok(1..)) {}
        self.woken.store(false, Ordering::Release);
        std::mem::take(&mut *self.mail())
    }
}
