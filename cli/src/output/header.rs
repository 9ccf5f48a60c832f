//! The header of a WAV file: RIFF, RF64 (EBU Tech 3306) or a stream's.
//!
//! Its length doesn't depend on what the file becomes, so it can be written first and replaced
//! at the end: a `JUNK` chunk keeps the place of RF64's `ds64`.

use engine_core::convert::SampleFormat;

/// Sample format of a WAV file, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WavFormat {
    /// 16-bit signed.
    S16,
    /// 24-bit signed in three bytes.
    S24,
    /// 32-bit IEEE float, full scale ±1.0, never clipped.
    F32,
}

impl WavFormat {
    /// The converter's name for it.
    pub const fn sample_format(self) -> SampleFormat {
        match self {
            Self::S16 => SampleFormat::S16,
            Self::S24 => SampleFormat::S24_3,
            Self::F32 => SampleFormat::F32,
        }
    }
}

/// How long the file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Not known and never will be: a pipe. All sizes are the largest that can be written,
    /// which readers take for "to the end".
    Stream,
    /// So many bytes of samples.
    Bytes(u64),
}

/// What a header tells, but for the length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) format: WavFormat,
    /// Hz.
    pub(super) rate: u32,
    /// 1 to [`super::MAX_CHANNELS`].
    pub(super) channels: u16,
    /// RIFF sizes from here on make the file an RF64: `u32::MAX` in use, less in tests.
    pub(super) rf64_from: u64,
}

/// Body of a `ds64` chunk without a table.
const DS64_LEN: u32 = 28;
const TAG_PCM: u16 = 1;
const TAG_FLOAT: u16 = 3;
const TAG_EXTENSIBLE: u16 = 0xfffe;
/// What follows the tag in the subformat of a `WAVE_FORMAT_EXTENSIBLE`.
const GUID_TAIL: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];

impl Header {
    /// Bytes of a frame.
    pub(super) fn block(&self) -> u16 {
        self.channels * self.format.sample_format().bytes() as u16
    }

    /// The whole header, up to the first sample.
    pub(super) fn bytes(&self, extent: Extent) -> Vec<u8> {
        let fmt = self.fmt();
        let fact_len = if self.format == WavFormat::F32 { 12 } else { 0 };
        let len = 12 + 8 + DS64_LEN as u64 + 8 + fmt.len() as u64 + fact_len + 8;
        let (id, riff, data, frames, ds64) = match extent {
            Extent::Stream => (b"RIFF", u32::MAX, u32::MAX, u32::MAX, None),
            Extent::Bytes(n) => {
                let frames = n / u64::from(self.block());
                let riff = len - 8 + n + (n & 1);
                match (u32::try_from(riff), u32::try_from(n)) {
                    (Ok(riff), Ok(n)) if u64::from(riff) < self.rf64_from => {
                        (b"RIFF", riff, n, frames as u32, None)
                    }
                    _ => {
                        // The largest value says that ds64 has the true one.
                        let f = u32::try_from(frames).unwrap_or(u32::MAX);
                        (b"RF64", u32::MAX, u32::MAX, f, Some((riff, n, frames)))
                    }
                }
            }
        };
        let mut out = Vec::with_capacity(len as usize);
        out.extend(id);
        out.extend(riff.to_le_bytes());
        out.extend(b"WAVE");
        out.extend(if ds64.is_some() { b"ds64" } else { b"JUNK" });
        out.extend(DS64_LEN.to_le_bytes());
        let (a, b, c) = ds64.unwrap_or_default();
        for v in [a, b, c] {
            out.extend(v.to_le_bytes());
        }
        // Entries of the table of other chunks' sizes: none.
        out.extend(0u32.to_le_bytes());
        out.extend(b"fmt ");
        out.extend((fmt.len() as u32).to_le_bytes());
        out.extend(fmt);
        if fact_len > 0 {
            out.extend(b"fact");
            out.extend(4u32.to_le_bytes());
            out.extend(frames.to_le_bytes());
        }
        out.extend(b"data");
        out.extend(data.to_le_bytes());
        out
    }

    /// The body of the `fmt ` chunk: the form that most programs read. Plain for 16 bit and
    /// float up to stereo, extensible where the plain one is ambiguous (24 bit, more channels).
    fn fmt(&self) -> Vec<u8> {
        let bytes = self.format.sample_format().bytes() as u16;
        let tag = if self.format == WavFormat::F32 {
            TAG_FLOAT
        } else {
            TAG_PCM
        };
        let extensible = self.channels > 2 || self.format == WavFormat::S24;
        let mut out = Vec::with_capacity(40);
        out.extend(if extensible { TAG_EXTENSIBLE } else { tag }.to_le_bytes());
        out.extend(self.channels.to_le_bytes());
        out.extend(self.rate.to_le_bytes());
        out.extend(self.rate.saturating_mul(self.block().into()).to_le_bytes());
        out.extend(self.block().to_le_bytes());
        out.extend((bytes * 8).to_le_bytes());
        if extensible {
            // Speakers: known for mono and stereo. More channels are outputs of a mixer, not
            // places in a room.
            let mask: u32 = match self.channels {
                1 => 0x4,
                2 => 0x3,
                _ => 0,
            };
            out.extend(22u16.to_le_bytes());
            out.extend((bytes * 8).to_le_bytes());
            out.extend(mask.to_le_bytes());
            out.extend(tag.to_le_bytes());
            out.extend(GUID_TAIL);
        } else if tag != TAG_PCM {
            out.extend(0u16.to_le_bytes());
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(format: WavFormat, channels: u16) -> Header {
        Header {
            format,
            rate: 48_000,
            channels,
            rf64_from: u32::MAX.into(),
        }
    }

    #[test]
    fn a_plain_stereo_file() {
        let h = header(WavFormat::S16, 2).bytes(Extent::Bytes(400));
        let mut want = Vec::new();
        want.extend(b"RIFF");
        want.extend(472u32.to_le_bytes());
        want.extend(b"WAVEJUNK");
        want.extend(28u32.to_le_bytes());
        want.extend([0; 28]);
        want.extend(b"fmt \x10\0\0\0\x01\0\x02\0\x80\xbb\0\0\0\xee\x02\0\x04\0\x10\0");
        want.extend(b"data");
        want.extend(400u32.to_le_bytes());
        assert_eq!(h, want);
    }

    #[test]
    fn twenty_four_bit_and_many_channels_are_extensible() {
        let h = header(WavFormat::S24, 1).bytes(Extent::Bytes(3));
        // RIFF counts the pad byte, data does not.
        assert_eq!(h[4..8], (h.len() as u32 - 8 + 4).to_le_bytes());
        assert_eq!(h[h.len() - 4..], 3u32.to_le_bytes());
        let fmt = &h[48..];
        assert_eq!(fmt[..8], *b"fmt \x28\0\0\0");
        let fmt = &fmt[8..48];
        assert_eq!(fmt[..4], [0xfe, 0xff, 1, 0]);
        assert_eq!(fmt[12..24], [3, 0, 24, 0, 22, 0, 24, 0, 4, 0, 0, 0]);
        assert_eq!(
            fmt[24..],
            *b"\x01\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
        );
        let h = header(WavFormat::F32, 10).bytes(Extent::Bytes(0));
        assert_eq!(h[56..60], [0xfe, 0xff, 10, 0]);
        assert_eq!(h[76..80], [0, 0, 0, 0]);
        assert_eq!(h[80..82], [3, 0]);
    }

    #[test]
    fn float_has_a_fact_chunk() {
        let h = header(WavFormat::F32, 2).bytes(Extent::Bytes(80));
        assert_eq!(h[48..58], *b"fmt \x12\0\0\0\x03\0");
        assert_eq!(h[74..], *b"fact\x04\0\0\0\x0a\0\0\0data\x50\0\0\0");
        let s = header(WavFormat::F32, 2).bytes(Extent::Stream);
        assert_eq!(
            s[74..],
            *b"fact\x04\0\0\0\xff\xff\xff\xffdata\xff\xff\xff\xff"
        );
        assert_eq!(s[..20], *b"RIFF\xff\xff\xff\xffWAVEJUNK\x1c\0\0\0");
    }

    #[test]
    fn the_largest_riff_and_the_smallest_rf64() {
        let h = header(WavFormat::S16, 1);
        let len = h.bytes(Extent::Bytes(0)).len() as u64;
        let largest = u64::from(u32::MAX) - 1 - (len - 8);
        let riff = h.bytes(Extent::Bytes(largest & !1));
        assert_eq!(riff[..4], *b"RIFF");
        let n = (largest & !1) + 2;
        let rf64 = h.bytes(Extent::Bytes(n));
        assert_eq!(rf64.len(), riff.len());
        assert_eq!(rf64[..20], *b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0");
        assert_eq!(rf64[20..28], (len - 8 + n).to_le_bytes());
        assert_eq!(rf64[28..36], n.to_le_bytes());
        assert_eq!(rf64[36..44], (n / 2).to_le_bytes());
        assert_eq!(rf64[44..48], [0; 4]);
        assert_eq!(rf64[rf64.len() - 8..], *b"data\xff\xff\xff\xff");
    }
}
