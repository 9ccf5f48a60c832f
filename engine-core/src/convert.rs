//! Sample formats of devices and files, and the conversion of a float mix to them.
//!
//! The rule for an integer format of `b` bits: `y = x · 2^(b−1)` in `f32` (exact, being a power of
//! two), to 16 bit plus dither when asked for, rounded to the nearest integer, halves to even,
//! and saturated to `−2^(b−1) ..= 2^(b−1) − 1`. NaN becomes 0. Every step is a plain `f32` or
//! integer operation, so that all machines write the same bytes.

/// A device's or a file's sample format, always little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SampleFormat {
    /// 16-bit signed.
    S16,
    /// 24-bit signed in the low three bytes of four, sign-extended.
    S24,
    /// 24-bit signed in three bytes.
    S24_3,
    /// 32-bit signed.
    S32,
    /// 32-bit IEEE float, full scale ±1.0.
    F32,
}

impl SampleFormat {
    /// Bytes of one sample.
    pub const fn bytes(self) -> usize {
        match self {
            Self::S16 => 2,
            Self::S24_3 => 3,
            Self::S24 | Self::S32 | Self::F32 => 4,
        }
    }
}

/// What is added before rounding to 16 bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Dither {
    /// Nothing: samples that came from 16 bit come out as they were.
    None,
    /// Triangular noise of two steps peak to peak, to 16 bit only.
    #[default]
    Tpdf,
}

/// Frames converted at a time: what a channel's scratch memory on the stack holds.
const CHUNK: usize = 64;

const SCALE_16: f32 = (1u32 << 15) as f32;
const SCALE_24: f32 = (1u32 << 23) as f32;
const SCALE_32: f32 = (1u32 << 31) as f32;

/// From here on every `f32` is an integer; and what is added to a smaller magnitude lets the
/// adder itself round to integers, halves to even.
const TWO_23: f32 = (1u32 << 23) as f32;

/// Converts planar float to interleaved device samples.
///
/// The dither of the first `C` channels is kept here; a conversion of more channels leaves the
/// further ones without dither.
#[derive(Clone, Debug)]
pub struct Converter<const C: usize> {
    format: SampleFormat,
    dither: Dither,
    /// State of each channel's xorshift32, never 0.
    noise: [u32; C],
}

impl<const C: usize> Converter<C> {
    /// A converter whose noise is the same on every run, and another one on every channel.
    pub fn new(format: SampleFormat, dither: Dither) -> Self {
        Self {
            format,
            dither,
            noise: core::array::from_fn(|channel| seed(channel as u32)),
        }
    }

    /// Writes `frames` frames of `planes` (channels × frames) interleaved to `out`, which has
    /// room for `frames · planes.len() · format.bytes()` bytes; whole frames that do not fit are left out.
    /// A plane shorter than `frames` goes on as silence.
    ///
    /// Returns the number of samples whose rounded value was beyond the format's range and
    /// saturated (0 for float, which has none). Float is copied bit by bit, but for NaN.
    ///
    /// The noise advances by one step per frame written, so the bytes do not depend on how a
    /// stream is cut into calls.
    pub fn interleave(&mut self, planes: &[&[f32]], frames: usize, out: &mut [u8]) -> u32 {
        match (self.format, self.dither) {
            (SampleFormat::S16, Dither::None) => {
                write::<2>(planes, frames, out, |_, x, q| quantise(x, q, SCALE_16))
            }
            (SampleFormat::S16, Dither::Tpdf) => {
                let noise = &mut self.noise;
                write::<2>(planes, frames, out, |channel, x, q| {
                    match noise.get_mut(channel) {
                        Some(state) => quantise_dithered(x, q, state),
                        None => quantise(x, q, SCALE_16),
                    }
                })
            }
            (SampleFormat::S24, _) => {
                write::<4>(planes, frames, out, |_, x, q| quantise(x, q, SCALE_24))
            }
            (SampleFormat::S24_3, _) => {
                write::<3>(planes, frames, out, |_, x, q| quantise(x, q, SCALE_24))
            }
            (SampleFormat::S32, _) => write::<4>(planes, frames, out, |_, x, q| quantise_32(x, q)),
            (SampleFormat::F32, _) => write::<4>(planes, frames, out, |_, x, q| float_bits(x, q)),
        }
    }
}

/// Takes every channel through `quantise` (channel, samples, integers; returns clips) in chunks
/// and writes the low `B` bytes of each integer to its place.
#[inline]
fn write<const B: usize>(
    planes: &[&[f32]],
    frames: usize,
    out: &mut [u8],
    mut quantise: impl FnMut(usize, &[f32], &mut [i32]) -> u32,
) -> u32 {
    // At least 1: no division by zero is left for the compiler to guard.
    let stride = planes.len().saturating_mul(B).max(1);
    let mut left = frames.min(out.len() / stride);
    let mut rest = out;
    let mut clips = 0u32;
    let mut start = 0;
    let mut integers = [0i32; CHUNK];
    while left > 0 {
        let n = left.min(CHUNK);
        let Some((chunk, tail)) = rest.split_at_mut_checked(n * stride) else {
            break;
        };
        let Some(integers) = integers.get_mut(..n) else {
            break;
        };
        for (channel, plane) in planes.iter().enumerate() {
            let clipped = match plane.get(start..start + n) {
                Some(samples) => quantise(channel, samples, integers),
                None => {
                    let mut padded = [0.0; CHUNK];
                    let present = plane.get(start..).unwrap_or_default();
                    padded.iter_mut().zip(present).for_each(|(p, x)| *p = *x);
                    quantise(channel, padded.get(..n).unwrap_or_default(), integers)
                }
            };
            clips = clips.saturating_add(clipped);
            if let Some(places) = chunk.get_mut(channel * B..) {
                scatter::<B>(integers, places, stride);
            }
        }
        rest = tail;
        start += n;
        left -= n;
    }
    clips
}

/// Writes the low `B` bytes of every integer, `stride` bytes apart.
#[inline]
fn scatter<const B: usize>(integers: &[i32], places: &mut [u8], stride: usize) {
    for (place, v) in places.chunks_mut(stride.max(1)).zip(integers) {
        if let (Some(place), Some(bytes)) = (
            place.first_chunk_mut::<B>(),
            v.to_le_bytes().first_chunk::<B>(),
        ) {
            *place = *bytes;
        }
    }
}

/// To 16 or 24 bit.
#[inline]
fn quantise(x: &[f32], q: &mut [i32], scale: f32) -> u32 {
    let mut clips = 0;
    for (q, x) in q.iter_mut().zip(x) {
        let (v, clip) = round(x * scale, scale);
        *q = v;
        clips += u32::from(clip);
    }
    clips
}

/// To 16 bit with noise. The generator is serial, the rest is not: hence two loops.
#[inline]
fn quantise_dithered(x: &[f32], q: &mut [i32], state: &mut u32) -> u32 {
    let mut s = *state;
    for (q, _) in q.iter_mut().zip(x) {
        s = xorshift32(s);
        // Two independent uniform numbers of 16 bit; their sum is triangular, mean 0.
        *q = (s >> 16) as i32 + (s & 0xFFFF) as i32 - 0xFFFF;
    }
    *state = s;
    let mut clips = 0;
    for (q, x) in q.iter_mut().zip(x) {
        let noise = *q as f32 * (1.0 / 65536.0);
        let (v, clip) = round(x * SCALE_16 + noise, SCALE_16);
        *q = v;
        clips += u32::from(clip);
    }
    clips
}

/// To 32 bit. All but the smallest magnitudes are integers already; `as` saturates and takes NaN
/// to 0.
#[inline]
fn quantise_32(x: &[f32], q: &mut [i32]) -> u32 {
    let mut clips = 0;
    for (q, x) in q.iter_mut().zip(x) {
        let y = x * SCALE_32;
        let a = y.abs();
        let r = if a < TWO_23 { (a + TWO_23) - TWO_23 } else { a };
        *q = r.copysign(y) as i32;
        clips += u32::from(y >= SCALE_32) + u32::from(y < -SCALE_32);
    }
    clips
}

/// Float as it is, NaN as 0.
#[inline]
fn float_bits(x: &[f32], q: &mut [i32]) -> u32 {
    for (q, x) in q.iter_mut().zip(x) {
        *q = if x.is_nan() { 0 } else { x.to_bits() as i32 };
    }
    0
}

/// `y` to the nearest integer, halves to even, saturated to `−scale ..= scale − 1`, and whether it
/// was beyond. `scale` is a power of two up to 2²³.
///
/// Without a rounding instruction (baseline x86-64 has none) and without a branch: the magnitude
/// is added to 2²³, where the spacing of `f32` is 1, so the adder rounds; the integer then stands
/// in the low bits of the sum.
#[inline]
fn round(y: f32, scale: f32) -> (i32, bool) {
    // `−scale − ½` itself rounds to the even `−scale`. At 24 bit it is no f32 and the constant
    // becomes `−scale`, below which the next f32 is `−scale − 1`: the same verdict.
    let clip = (y >= scale - 0.5) | (y < -scale - 0.5);
    // Limits are integers, so to limit first and round then gives the same. In this form each
    // of the two is one instruction; NaN ends at a limit and is masked out below.
    let limited = if y < scale - 1.0 { y } else { scale - 1.0 };
    let limited = if limited > -scale { limited } else { -scale };
    let magnitude = (limited.abs() + TWO_23)
        .to_bits()
        .wrapping_sub(TWO_23.to_bits()) as i32;
    let sign = (limited.to_bits() as i32) >> 31;
    let v = (magnitude ^ sign).wrapping_sub(sign);
    (if y.is_nan() { 0 } else { v }, clip)
}

/// One step of Marsaglia's xorshift generator (“Xorshift RNGs”, 2003; shifts 13, 17, 5): period
/// 2³² − 1, that is a day at 48 kHz.
#[inline]
const fn xorshift32(mut s: u32) -> u32 {
    s ^= s << 13;
    s ^= s >> 17;
    s ^= s << 5;
    s
}

/// Where a channel starts on the generator's one cycle: the channel's number well mixed, never 0.
const fn seed(channel: u32) -> u32 {
    // Odd multipliers and xor-shifts are bijections that take only 0 to 0; an odd input isn't.
    let mut s = channel.wrapping_mul(2) | 1;
    s = s.wrapping_mul(0x9E37_79B1);
    s ^= s >> 15;
    s = s.wrapping_mul(0x85EB_CA77);
    s ^= s >> 13;
    s
}

#[cfg(test)]
mod tests;
