//! clock stub
/// clock
pub trait Clock {
    /// now
    fn now(&self) -> u32;
}
/// none
pub struct NoClock;
impl Clock for NoClock {
    fn now(&self) -> u32 {
        0
    }
}
