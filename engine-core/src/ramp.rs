//! Ramps: values that change over a stated number of output frames.

/// A linear ramp of one value. For frame `i` of `len`, from `start` to `target`:
/// `clamp(start + (target − start)·(i·(1/len)))` between the two ends, each step rounded to f32; from frame
/// `len` on it is `target` exactly. So it is monotonic, never leaves its ends, and the same samples
/// come out however the frames are divided into calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ramp {
    start: f32,
    target: f32,
    len: u32,
    at: u32,
}

impl Ramp {
    /// A settled ramp.
    pub const fn new(value: f32) -> Self {
        Self {
            start: value,
            target: value,
            len: 0,
            at: 0,
        }
    }

    /// Settles on a value at once.
    pub fn set(&mut self, value: f32) {
        *self = Self::new(value);
    }

    /// Sets out from the present value to `target` over `frames`; 0 frames settle at once.
    pub fn glide(&mut self, target: f32, frames: u32) {
        let start = self.value();
        if frames == 0 || start == target {
            self.set(target);
        } else {
            *self = Self {
                start,
                target,
                len: frames,
                at: 0,
            };
        }
    }

    /// Where it leads.
    #[inline]
    pub fn target(&self) -> f32 {
        self.target
    }

    /// The value of the next frame.
    #[inline]
    pub fn value(&self) -> f32 {
        if self.at >= self.len {
            self.target
        } else {
            self.shape().at(self.at)
        }
    }

    /// Whether it has arrived.
    #[inline]
    pub fn is_settled(&self) -> bool {
        self.at >= self.len
    }

    /// The value, once it has arrived.
    #[inline]
    pub fn settled_value(&self) -> Option<f32> {
        if self.is_settled() {
            Some(self.target)
        } else {
            None
        }
    }

    /// Frames until it arrives.
    #[inline]
    pub fn left(&self) -> u32 {
        self.len.saturating_sub(self.at)
    }

    /// Goes on by `frames`.
    #[inline]
    pub fn advance(&mut self, frames: usize) {
        let frames = u32::try_from(frames).unwrap_or(u32::MAX);
        if frames >= self.left() {
            self.set(self.target);
        } else {
            self.at += frames;
        }
    }

    /// Writes the values of the next frames and goes on past them.
    pub fn fill(&mut self, out: &mut [f32]) {
        let moving = (self.left() as usize).min(out.len());
        if let Some((moving, settled)) = out.split_at_mut_checked(moving) {
            let shape = self.shape();
            for (i, x) in (self.at..).zip(moving.iter_mut()) {
                *x = shape.at(i);
            }
            settled.fill(self.target);
        }
        self.advance(out.len());
    }

    #[inline]
    fn shape(&self) -> Shape {
        Shape {
            start: self.start,
            delta: self.target - self.start,
            step: 1.0 / self.len as f32,
            low: self.start.min(self.target),
            high: self.start.max(self.target),
        }
    }
}

struct Shape {
    start: f32,
    delta: f32,
    step: f32,
    low: f32,
    high: f32,
}

impl Shape {
    #[inline]
    fn at(&self, i: u32) -> f32 {
        let x = self.start + self.delta * (i as f32 * self.step);
        // Not `clamp`, which panics when the ends are not ordered.
        x.max(self.low).min(self.high)
    }
}
