//! Uncompressed samples of a file, turned into planar float.

/// How one sample of a WAV or AIFF file is stored: little-endian, unless it says `Be`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// Unsigned 8-bit, middle at 128.
    U8,
    S8,
    S16,
    S24,
    S32,
    F32,
    F64,
    S16Be,
    S24Be,
    S32Be,
    F32Be,
    F64Be,
    /// ITU-T G.711 A-law.
    ALaw,
    /// ITU-T G.711 µ-law.
    MuLaw,
}

impl Coding {
    /// Bytes of one sample.
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::S8 | Self::ALaw | Self::MuLaw => 1,
            Self::S16 | Self::S16Be => 2,
            Self::S24 | Self::S24Be => 3,
            Self::S32 | Self::S32Be | Self::F32 | Self::F32Be => 4,
            Self::F64 | Self::F64Be => 8,
        }
    }

    /// Whether samples are stored as integers, which never come out too small or not finite.
    pub(super) const fn is_integer(self) -> bool {
        !matches!(self, Self::F32 | Self::F32Be | Self::F64 | Self::F64Be)
    }

    /// The name for people, as in `WAV 24-bit`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::U8 | Self::S8 => "8-bit",
            Self::S16 | Self::S16Be => "16-bit",
            Self::S24 | Self::S24Be => "24-bit",
            Self::S32 | Self::S32Be => "32-bit",
            Self::F32 | Self::F32Be => "32-bit float",
            Self::F64 | Self::F64Be => "64-bit float",
            Self::ALaw => "A-law",
            Self::MuLaw => "µ-law",
        }
    }
}

/// One sample of A-law, expanded to the 13-bit value in 16 bits (ITU-T G.711, table 1).
fn a_law(code: u8) -> i16 {
    let code = code ^ 0x55;
    let step = i16::from(code & 0x0f) << 4;
    let magnitude = match (code >> 4) & 7 {
        0 => step + 8,
        segment => (step + 0x108) << (segment - 1),
    };
    if code & 0x80 != 0 {
        magnitude
    } else {
        -magnitude
    }
}

/// One sample of µ-law, expanded to the 14-bit value in 16 bits (ITU-T G.711, table 2).
fn mu_law(code: u8) -> i16 {
    let code = !code;
    let magnitude = (((i16::from(code & 0x0f) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84;
    if code & 0x80 != 0 {
        -magnitude
    } else {
        magnitude
    }
}

/// Turns interleaved file samples into planes: `bytes` holds whole frames of `channels` samples,
/// which go to every plane from frame `at` on. What doesn't fit a plane is left out; planes beyond
/// `channels` are set to silence. Integers are scaled so that full scale is ±1.0.
pub(super) fn deinterleave(
    coding: Coding,
    bytes: &[u8],
    channels: usize,
    planes: &mut [&mut [f32]],
    at: usize,
) {
    const I8: f32 = 1.0 / (1u64 << 7) as f32;
    const I16: f32 = 1.0 / (1u64 << 15) as f32;
    const I32: f32 = 1.0 / (1u64 << 31) as f32;
    match coding {
        Coding::U8 => spread(bytes, channels, planes, at, |[b]: [u8; 1]| {
            (f32::from(b) - 128.0) * I8
        }),
        Coding::S16 if channels == 2 && planes.len() == 2 => spread_s16(bytes, planes, at),
        Coding::S16 => spread(bytes, channels, planes, at, |b| {
            f32::from(i16::from_le_bytes(b)) * I16
        }),
        // Exact: 24 significant bits fit a float.
        Coding::S24 => spread(bytes, channels, planes, at, |[a, b, c]: [u8; 3]| {
            i32::from_le_bytes([0, a, b, c]) as f32 * I32
        }),
        Coding::S32 => spread(bytes, channels, planes, at, |b| {
            i32::from_le_bytes(b) as f32 * I32
        }),
        Coding::F32 => spread(bytes, channels, planes, at, f32::from_le_bytes),
        Coding::F64 => spread(bytes, channels, planes, at, |b| {
            f64::from_le_bytes(b) as f32
        }),
        Coding::S8 => spread(bytes, channels, planes, at, |b| {
            f32::from(i8::from_be_bytes(b)) * I8
        }),
        Coding::S16Be => spread(bytes, channels, planes, at, |b| {
            f32::from(i16::from_be_bytes(b)) * I16
        }),
        Coding::S24Be => spread(bytes, channels, planes, at, |[a, b, c]: [u8; 3]| {
            i32::from_be_bytes([a, b, c, 0]) as f32 * I32
        }),
        Coding::S32Be => spread(bytes, channels, planes, at, |b| {
            i32::from_be_bytes(b) as f32 * I32
        }),
        Coding::F32Be => spread(bytes, channels, planes, at, f32::from_be_bytes),
        Coding::F64Be => spread(bytes, channels, planes, at, |b| {
            f64::from_be_bytes(b) as f32
        }),
        Coding::ALaw => spread(bytes, channels, planes, at, |[b]: [u8; 1]| {
            f32::from(a_law(b)) * I16
        }),
        Coding::MuLaw => spread(bytes, channels, planes, at, |[b]: [u8; 1]| {
            f32::from(mu_law(b)) * I16
        }),
    }
}

/// The commonest case: 16 bit, stereo. A frame is one word, whose halves are brought to the top of
/// a word each, where their scale is that of 32 bit; no sample has to change its place.
fn spread_s16(bytes: &[u8], planes: &mut [&mut [f32]], at: usize) {
    const SCALE: f32 = 1.0 / (1u64 << 31) as f32;
    let (frames, _) = bytes.as_chunks::<4>();
    let [left, right] = planes else { return };
    let left = left.get_mut(at..).unwrap_or_default();
    let right = right.get_mut(at..).unwrap_or_default();
    for ((l, r), &frame) in left.iter_mut().zip(right).zip(frames) {
        let word = u32::from_le_bytes(frame);
        *l = (word << 16) as i32 as f32 * SCALE;
        *r = (word & 0xffff_0000) as i32 as f32 * SCALE;
    }
}

#[inline(always)]
fn spread<const W: usize>(
    bytes: &[u8],
    channels: usize,
    planes: &mut [&mut [f32]],
    at: usize,
    convert: impl Fn([u8; W]) -> f32 + Copy,
) {
    let (samples, _) = bytes.as_chunks::<W>();
    match (channels, &mut *planes) {
        (1, [plane]) => {
            let room = plane.get_mut(at..).unwrap_or_default();
            for (x, &s) in room.iter_mut().zip(samples) {
                *x = convert(s);
            }
        }
        (2, [left, right]) => {
            let (frames, _) = samples.as_chunks::<2>();
            let left = left.get_mut(at..).unwrap_or_default();
            let right = right.get_mut(at..).unwrap_or_default();
            for ((l, r), &[a, b]) in left.iter_mut().zip(right).zip(frames) {
                *l = convert(a);
                *r = convert(b);
            }
        }
        _ => {
            let frames = samples.len() / channels.max(1);
            for (channel, plane) in planes.iter_mut().enumerate() {
                let room = plane.get_mut(at..).unwrap_or_default();
                if channel >= channels {
                    let n = room.len().min(frames);
                    room.iter_mut().take(n).for_each(|x| *x = 0.0);
                    continue;
                }
                let own = samples.get(channel..).unwrap_or_default();
                for (x, &s) in room.iter_mut().zip(own.iter().step_by(channels)) {
                    *x = convert(s);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mono(coding: Coding, bytes: &[u8]) -> Vec<f32> {
        let mut plane = vec![9.0; bytes.len() / coding.bytes()];
        deinterleave(coding, bytes, 1, &mut [&mut plane], 0);
        plane
    }

    #[test]
    fn integers_are_scaled_to_full_scale() {
        assert_eq!(mono(Coding::U8, &[0, 128, 255]), [-1.0, 0.0, 127.0 / 128.0]);
        assert_eq!(
            mono(Coding::S16, &[0, 0x80, 1, 0, 0xff, 0x7f]),
            [-1.0, 1.0 / 32768.0, 32767.0 / 32768.0]
        );
        assert_eq!(
            mono(Coding::S24, &[0, 0, 0x80, 1, 0, 0, 0xff, 0xff, 0x7f]),
            [-1.0, 1.0 / 8388608.0, 8388607.0 / 8388608.0]
        );
        assert_eq!(
            mono(Coding::S32, &[0, 0, 0, 0x80, 0, 0, 0, 0x40]),
            [-1.0, 0.5]
        );
    }

    #[test]
    fn floats_pass_unchanged_even_beyond_full_scale() {
        assert_eq!(mono(Coding::F32, &(-3.25f32).to_le_bytes()), [-3.25]);
        assert_eq!(mono(Coding::F64, &1.5f64.to_le_bytes()), [1.5]);
    }

    // The end points and the steps around zero that G.711 prints.
    #[test]
    fn companded_samples_expand_as_the_standard_says() {
        assert_eq!(a_law(0xd5), 8);
        assert_eq!(a_law(0x55), -8);
        assert_eq!(a_law(0xaa), 32256);
        assert_eq!(a_law(0x2a), -32256);
        assert_eq!(mu_law(0xff), 0);
        assert_eq!(mu_law(0x80), 32124);
        assert_eq!(mu_law(0x00), -32124);
        for code in 0..=255u8 {
            assert_eq!(a_law(code), -a_law(code ^ 0x80));
            assert_eq!(mu_law(code), -mu_law(code ^ 0x80));
        }
    }

    #[test]
    fn stereo_of_16_bit_is_what_each_side_is_alone() {
        let sides: [Vec<i16>; 2] = [
            (i16::MIN..=i16::MAX).collect(),
            (i16::MIN..=i16::MAX).rev().collect(),
        ];
        let frames = sides[0].iter().zip(&sides[1]);
        let bytes: Vec<u8> = frames
            .flat_map(|(l, r)| [l.to_le_bytes(), r.to_le_bytes()].concat())
            .collect();
        let mut planes = [vec![9.0f32; 65_537], vec![9.0f32; 65_540]];
        let [left, right] = &mut planes;
        deinterleave(Coding::S16, &bytes, 2, &mut [left, right], 1);
        for (plane, side) in planes.iter().zip(&sides) {
            let bytes: Vec<u8> = side.iter().flat_map(|s| s.to_le_bytes()).collect();
            assert_eq!(plane[0], 9.0);
            assert_eq!(plane[1..=65_536], mono(Coding::S16, &bytes));
        }
    }

    #[test]
    fn every_channel_count_lands_on_its_planes() {
        for channels in 1..6usize {
            let bytes: Vec<u8> = (0..channels * 3)
                .flat_map(|i| (i as f32).to_le_bytes())
                .collect();
            let mut planes = vec![vec![-1.0f32; 5]; channels];
            let mut refs: Vec<&mut [f32]> = planes.iter_mut().map(|p| &mut p[..]).collect();
            deinterleave(Coding::F32, &bytes, channels, &mut refs, 1);
            for (c, plane) in planes.iter().enumerate() {
                let at = |f: usize| (f * channels + c) as f32;
                assert_eq!(plane, &[-1.0, at(0), at(1), at(2), -1.0]);
            }
        }
    }

    #[test]
    fn a_surplus_plane_is_silent_and_a_missing_one_is_no_fault() {
        let bytes: Vec<u8> = [1.0f32, 2.0, 3.0, 4.0]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        let (mut a, mut b, mut c) = ([9.0f32; 2], [9.0f32; 2], [9.0f32; 2]);
        deinterleave(Coding::F32, &bytes, 2, &mut [&mut a, &mut b, &mut c], 0);
        assert_eq!((a, b, c), ([1.0, 3.0], [2.0, 4.0], [0.0, 0.0]));
        deinterleave(Coding::F32, &bytes, 2, &mut [&mut a], 0);
        assert_eq!(a, [1.0, 3.0]);
    }
}
