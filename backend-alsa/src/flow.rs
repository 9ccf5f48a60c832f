//! How far the device has come with what it was given, and whether it moves at all.

use std::time::{Duration, Instant};

/// A device that was never seen moving since it was prepared gets this long: sound servers and
/// wireless speakers take their time to begin.
const BEGIN_WITHIN: Duration = Duration::from_secs(5);
/// Shortest time without progress that counts as standing still.
const STILL: Duration = Duration::from_millis(500);

/// And this is already a fault to be told of, or a buffer's time, if that is longer.
const STALL: Duration = Duration::from_millis(200);

/// Frames given and taken since the PCM was last prepared.
#[derive(Debug)]
pub(crate) struct Flow {
    buffer: usize,
    limit: Duration,
    stall: Duration,
    given: u64,
    taken: u64,
    moved_at: Instant,
}

impl Flow {
    /// For a buffer of `buffer` frames at `rate` Hz.
    pub(crate) fn new(buffer: usize, rate: u32, now: Instant) -> Self {
        let two_buffers = Duration::from_secs_f64(2.0 * buffer as f64 / f64::from(rate.max(1)));
        Self {
            buffer,
            limit: two_buffers.max(STILL),
            stall: (two_buffers / 2).max(STALL),
            given: 0,
            taken: 0,
            moved_at: now,
        }
    }

    /// The PCM was prepared: its buffer is empty.
    pub(crate) fn restart(&mut self, now: Instant) {
        self.given = 0;
        self.taken = 0;
        self.moved_at = now;
    }

    /// The clock for standing still starts again.
    pub(crate) fn touch(&mut self, now: Instant) {
        self.moved_at = now;
    }

    /// The device accepted `frames`.
    pub(crate) fn give(&mut self, frames: usize) {
        self.given += frames as u64;
    }

    /// The device said how much room it has; more than its buffer is not believed.
    pub(crate) fn see_room(&mut self, room: usize, now: Instant) {
        let queued = self.buffer.saturating_sub(room) as u64;
        let taken = self.given.saturating_sub(queued);
        if taken > self.taken {
            self.taken = taken;
            self.moved_at = now;
        }
    }

    /// Frames the device took since it was prepared.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Frames given since it was prepared.
    pub(crate) fn given(&self) -> u64 {
        self.given
    }

    /// Frames that wait in the device.
    pub(crate) fn queued(&self) -> u64 {
        self.given.saturating_sub(self.taken)
    }

    /// When it was last seen moving, if it did before and has stood still for so long since that it is a fault.
    pub(crate) fn stalled(&self, now: Instant) -> Option<Instant> {
        let still = now.saturating_duration_since(self.moved_at);
        (self.taken > 0 && still > self.stall).then_some(self.moved_at)
    }

    /// How long the device has stood still, when that is too long.
    pub(crate) fn stuck(&self, now: Instant) -> Option<Duration> {
        let limit = if self.taken == 0 {
            self.limit.max(BEGIN_WITHIN)
        } else {
            self.limit
        };
        let still = now.saturating_duration_since(self.moved_at);
        (still > limit).then_some(still)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_what_left_the_buffer() {
        let t = Instant::now();
        let mut f = Flow::new(300, 1000, t);
        f.see_room(300, t);
        f.give(300);
        f.see_room(0, t);
        assert_eq!((f.taken(), f.queued()), (0, 300));
        f.see_room(100, t);
        f.give(100);
        assert_eq!((f.taken(), f.queued(), f.given()), (100, 300, 400));
        // Nonsense beyond the buffer counts as an empty buffer.
        f.see_room(10_000, t);
        assert_eq!(f.queued(), 0);
    }

    #[test]
    fn standing_still_is_told_from_beginning_slowly() {
        let t = Instant::now();
        let ms = Duration::from_millis;
        let mut f = Flow::new(300, 1000, t);
        f.give(300);
        assert_eq!(f.stuck(t + ms(4900)), None);
        assert!(f.stuck(t + ms(5100)).is_some());
        f.see_room(10, t + ms(1000));
        // A buffer is 300 ms here, two are 600.
        assert_eq!(f.stalled(t + ms(1290)), None);
        assert_eq!(f.stalled(t + ms(1310)), Some(t + ms(1000)));
        assert_eq!(f.stuck(t + ms(1590)), None);
        assert!(f.stuck(t + ms(1610)).is_some());
        f.touch(t + ms(1600));
        assert_eq!(f.stuck(t + ms(1610)), None);
        f.restart(t + ms(2000));
        assert_eq!((f.given(), f.taken()), (0, 0));
        assert_eq!(f.stuck(t + ms(6900)), None);
    }
}
