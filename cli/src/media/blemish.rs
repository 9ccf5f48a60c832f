//! Samples that are no sound, carried around a resampler.
//!
//! A single one that isn't finite would spoil all that a transform makes of its chunk. So it goes into
//! the resampler as silence and comes out at its own frame as what it was: not a number, for the feeder to
//! silence and to tell.

/// Largest sample that counts as sound. Far above any (+360 dB), and far below what overflows in a
/// transform.
const LOUDEST: f32 = 1e18;

/// Samples on their way around a resampler: channel, and frame in the resampler's output.
#[derive(Default)]
pub(super) struct Blemishes(Vec<(usize, u64)>);

impl Blemishes {
    /// Silences what is no sound in a chunk of input. `place` gives the output's frame for a frame
    /// of the chunk.
    pub(super) fn take_from(&mut self, input: &mut [Vec<f32>], place: impl Fn(u64) -> u64) {
        for (channel, plane) in input.iter_mut().enumerate() {
            // Whole planes first: this is quick, and nearly always the end of it.
            if plane.iter().fold(true, |sound, x| sound & is_sound(*x)) {
                continue;
            }
            for (frame, x) in plane.iter_mut().enumerate().filter(|(_, x)| !is_sound(**x)) {
                *x = 0.0;
                self.0.push((channel, place(frame as u64)));
            }
        }
    }

    /// Puts those that belong there into a chunk of output, whose first frame is `first`.
    pub(super) fn put_into(&mut self, output: &mut [Vec<f32>], first: u64) {
        self.0.retain(|&(channel, frame)| {
            let Some(ahead) = frame.checked_sub(first) else {
                return false;
            };
            let plane = output.get_mut(channel);
            match plane.and_then(|plane| plane.get_mut(usize::try_from(ahead).ok()?)) {
                Some(x) => {
                    *x = f32::NAN;
                    false
                }
                None => true,
            }
        });
    }
}

fn is_sound(x: f32) -> bool {
    x.abs() <= LOUDEST
}
