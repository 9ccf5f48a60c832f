//! stub
use crate::clock::Clock;
/// l
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum MonitorLevel {
    /// o
    Off = 0,
    /// s
    Sampled = 1,
    /// f
    Full = 2,
}
/// b
pub struct MonitorBoard;
impl MonitorBoard {
    /// n
    pub const fn new() -> Self {
        Self
    }
}
/// m
pub struct Monitor;
impl Monitor {
    /// n
    pub const fn new() -> Self {
        Self
    }
    /// b
    pub fn begin(&mut self, _b: &MonitorBoard, c: &impl Clock) -> u32 {
        c.now()
    }
    /// e
    pub fn end(&mut self, _b: &MonitorBoard, _c: &impl Clock, _s: u32, _f: u32, _r: u32, _l: u32) {}
}
