//! The mixing law, computed plainly: one frame after the other, every step rounded to f32, as
//! the design states it and knowing nothing of the engine.

/// A stem in the law's terms.
#[derive(Clone, Debug)]
pub struct Stem {
    /// One or two planes.
    pub planes: Vec<Vec<f32>>,
    /// Frames of silence before it.
    pub offset: usize,
    /// Linear.
    pub gain: f32,
    /// −1 … +1.
    pub pan: f32,
    /// Muted.
    pub mute: bool,
    /// Soloed.
    pub solo: bool,
    /// Index of its bus.
    pub bus: usize,
}

/// A bus in the law's terms.
#[derive(Clone, Debug)]
pub struct Bus {
    /// Two (stereo) or one.
    pub channels: usize,
    /// Linear.
    pub level: f32,
    /// Whether the master applies.
    pub follows_master: bool,
}

/// Coefficients under 2⁻²⁰ count as 0.
fn coefficient(c: f32) -> f32 {
    if c.abs() < 1.0 / 1_048_576.0 { 0.0 } else { c }
}

/// Samples that are not finite, or under 2⁻⁴⁰, are +0.
fn sample(x: f32) -> f32 {
    if x.is_finite() && x.abs() >= 1.0 / 1_099_511_627_776.0 {
        x
    } else {
        0.0
    }
}

/// The channels of all buses, one after the other, over `frames`.
pub fn mix(
    stems: &[Stem],
    buses: &[Bus],
    master: f32,
    frames: std::ops::Range<usize>,
) -> Vec<Vec<f32>> {
    let any_solo = stems.iter().any(|s| s.solo);
    let mut out = Vec::new();
    for (index, bus) in buses.iter().enumerate() {
        let level = coefficient(bus.level * if bus.follows_master { master } else { 1.0 });
        for channel in 0..bus.channels {
            let mut plane = Vec::with_capacity(frames.len());
            for frame in frames.clone() {
                let mut acc = 0.0f32;
                for s in stems.iter().filter(|s| s.bus == index) {
                    let active = !s.mute && (s.solo || !any_solo);
                    let Some(at) = frame.checked_sub(s.offset) else {
                        continue;
                    };
                    if !active || at >= s.planes[0].len() {
                        continue;
                    }
                    let x = |plane: usize| sample(s.planes[plane][at]);
                    let balance = [(1.0 - s.pan).min(1.0), (1.0 + s.pan).min(1.0)];
                    let (pan, x) = match (bus.channels, s.planes.len()) {
                        (1, 1) => (1.0, x(0)),
                        (1, _) => (1.0, (x(0) + x(1)) / 2.0),
                        (_, 1) => (balance[channel], x(0)),
                        (_, _) => (balance[channel], x(channel)),
                    };
                    let c = coefficient(s.gain * pan);
                    acc += c * x;
                }
                let mixed = acc * level;
                // An output begins at +0, so that a bus never gives −0.
                plane.push(if mixed.is_finite() { 0.0 + mixed } else { 0.0 });
            }
            out.push(plane);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stem(planes: &[f32], gain: f32, pan: f32) -> Stem {
        Stem {
            planes: planes.iter().map(|x| vec![*x]).collect(),
            offset: 0,
            gain,
            pan,
            mute: false,
            solo: false,
            bus: 0,
        }
    }

    fn one(stems: &[Stem], channels: usize) -> Vec<f32> {
        let bus = Bus {
            channels,
            level: 0.5,
            follows_master: true,
        };
        let planes = mix(stems, &[bus], 0.5, 0..1);
        planes.iter().map(|p| p[0]).collect()
    }

    #[test]
    fn the_law_by_hand() {
        assert_eq!(one(&[stem(&[1.0, 0.5], 2.0, 0.25)], 2), [0.375, 0.25]);
        assert_eq!(one(&[stem(&[1.0], 1.0, -1.0)], 2), [0.25, 0.0]);
        assert_eq!(one(&[stem(&[1.0, 0.5], 1.0, 1.0)], 1), [0.1875]);
        let mut solo = stem(&[1.0], 1.0, 0.0);
        solo.solo = true;
        assert_eq!(one(&[solo.clone(), stem(&[1.0], 1.0, 0.0)], 1), [0.25]);
        solo.mute = true;
        assert_eq!(one(&[solo, stem(&[1.0], 1.0, 0.0)], 1), [0.0]);
        assert_eq!(one(&[stem(&[f32::NAN], 1.0, 0.0)], 1), [0.0]);
        assert_eq!(one(&[stem(&[f32::MAX], 3.0, 0.0)], 1), [0.0]);
        assert_eq!(one(&[stem(&[1.0], 9e-7, 0.0)], 1), [0.0]);
    }
}
