//! The curves as they are documented: a value on its way to another, and the two sides of a fade.

use engine_core::fade::Curve;

/// Coefficients under 2⁻²⁰ count as 0.
pub fn coefficient(c: f32) -> f32 {
    if c.abs() < 1.0 / 1_048_576.0 { 0.0 } else { c }
}

/// A value that may be on its way to another.
#[derive(Clone, Copy, Debug)]
pub struct Glide {
    from: f32,
    to: f32,
    frames: u32,
    /// The frame of the way that comes next.
    at: u32,
}

impl Glide {
    /// At rest.
    pub fn resting(value: f32) -> Self {
        let value = coefficient(value);
        Self {
            from: value,
            to: value,
            frames: 0,
            at: 0,
        }
    }

    /// Frames of the way that are left.
    pub fn left(&self) -> u32 {
        self.frames - self.at
    }

    pub fn moves(&self) -> bool {
        self.left() > 0
    }

    /// At the next frame.
    pub fn value(&self) -> f32 {
        if !self.moves() {
            return self.to;
        }
        let t = (self.at as f32 * (1.0 / self.frames as f32)).min(1.0);
        let v = self.from + (self.to - self.from) * t;
        coefficient(v.clamp(self.from.min(self.to), self.from.max(self.to)))
    }

    /// A frame passes.
    pub fn pass(&mut self) {
        if self.moves() {
            self.at += 1;
        }
    }

    /// On to another value, from wherever it is.
    pub fn go(&mut self, to: f32, frames: u32) {
        let from = self.value();
        *self = Self::resting(to);
        if frames > 0 && from != self.to {
            self.from = from;
            self.frames = frames;
        }
    }

    /// The same unless that is where it goes already.
    pub fn turn(&mut self, to: f32, frames: u32) {
        if coefficient(to) != self.to {
            self.go(to, frames);
        }
    }

    /// Is there at once.
    pub fn arrive(&mut self) {
        *self = Self::resting(self.to);
    }
}

/// The gains of the old deck and the new one at frame `at` of a fade of `frames`.
pub fn crossfade(curve: Curve, at: u32, frames: u32) -> [f32; 2] {
    let t = (at as f32 * (1.0 / frames as f32)).min(1.0);
    let angle = f64::from(std::f32::consts::FRAC_PI_2 * t);
    match curve {
        Curve::Linear => [1.0 - t, t],
        Curve::EqualPower => [angle.cos() as f32, angle.sin() as f32],
    }
    .map(coefficient)
}
