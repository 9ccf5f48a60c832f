//! The null backend, with something of the test's own around the engine.

use std::time::Duration;

use backline::null::Null;
use backline::player::EngineBorrower;
use engine_core::backend::{Backend, BackendError, Closed, Granted, Halt, Process, Report, Wish};

/// The backend: `around` makes what it calls of the engine.
pub struct OverNull<P, F> {
    null: Null<P>,
    around: F,
}

impl<P, F> OverNull<P, F> {
    /// Over this one.
    pub fn new(null: Null<P>, around: F) -> Self {
        Self { null, around }
    }
}

impl<P, F> Backend<EngineBorrower> for OverNull<P, F>
where
    P: Process + 'static,
    F: Fn(EngineBorrower) -> P + Send,
{
    fn name(&self) -> &'static str {
        "null"
    }
    fn open(&mut self, wish: &Wish<'_>) -> Result<Granted, BackendError> {
        self.null.open(wish)
    }
    fn start(&mut self, process: EngineBorrower) -> Result<(), BackendError> {
        self.null.start((self.around)(process))
    }
    fn halt(&mut self, how: Halt, deadline: Duration) -> Result<(), BackendError> {
        self.null.halt(how, deadline)
    }
    fn resume(&mut self) -> Result<(), BackendError> {
        self.null.resume()
    }
    fn report(&mut self) -> Report {
        self.null.report()
    }
    fn close(&mut self, deadline: Duration) -> Closed {
        self.null.close(deadline)
    }
}
