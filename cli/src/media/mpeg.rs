//! MPEG audio frames (layers I to III; ISO/IEC 11172-3 and 13818-3): where each begins in a file,
//! and what the Xing/Info/LAME or VBRI header says of the length and the encoder's delay.

/// The head of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHead {
    /// 1 to 3.
    pub(super) layer: u8,
    /// MPEG-1; otherwise MPEG-2 or the unofficial 2.5.
    mpeg1: bool,
    mpeg25: bool,
    /// Hz.
    pub(super) rate: u32,
    pub(super) channels: usize,
    /// Bytes, head included.
    pub(super) bytes: usize,
    /// Audio frames that it decodes to.
    pub(super) frames: u32,
}

impl FrameHead {
    /// Reads the four bytes of a frame head. Free format (no bit rate) is not supported.
    pub(super) fn parse(word: [u8; 4]) -> Option<Self> {
        const KBPS: [[u16; 14]; 5] = [
            [
                32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448,
            ],
            [
                32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
            ],
            [
                32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
            ],
            [
                32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256,
            ],
            [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        ];
        let [a, b, c, d] = word;
        if a != 0xff || b & 0xe0 != 0xe0 {
            return None;
        }
        let (mpeg1, mpeg25) = match (b >> 3) & 3 {
            0 => (false, true),
            2 => (false, false),
            3 => (true, false),
            _ => return None,
        };
        let layer = match (b >> 1) & 3 {
            1 => 3,
            2 => 2,
            3 => 1,
            _ => return None,
        };
        let row = match (mpeg1, layer) {
            (true, 1) => 0,
            (true, 2) => 1,
            (true, _) => 2,
            (false, 1) => 3,
            (false, _) => 4,
        };
        let index = usize::from(c >> 4).checked_sub(1)?;
        let bit_rate = u32::from(*KBPS.get(row)?.get(index)?) * 1000;
        let rate = *[44_100u32, 48_000, 32_000].get(usize::from((c >> 2) & 3))?
            >> (u32::from(!mpeg1) + u32::from(mpeg25));
        let padding = u32::from((c >> 1) & 1);
        let frames = match (layer, mpeg1) {
            (1, _) => 384,
            (3, false) => 576,
            _ => 1152,
        };
        let bytes = match layer {
            1 => (12 * bit_rate / rate + padding) * 4,
            _ => frames / 8 * bit_rate / rate + padding,
        };
        Some(Self {
            layer,
            mpeg1,
            mpeg25,
            rate,
            channels: if d >> 6 == 3 { 1 } else { 2 },
            bytes: bytes as usize,
            frames,
        })
    }

    /// Whether `other` can follow in the same stream.
    pub(super) fn matches(&self, other: &Self) -> bool {
        (
            self.layer,
            self.mpeg1,
            self.mpeg25,
            self.rate,
            self.channels,
        ) == (
            other.layer,
            other.mpeg1,
            other.mpeg25,
            other.rate,
            other.channels,
        )
    }

    /// Bytes of head and layer III side information, without a checksum.
    fn side_end(&self) -> usize {
        4 + match (self.mpeg1, self.channels) {
            (true, 1) => 17,
            (true, _) => 32,
            (false, 1) => 9,
            (false, _) => 17,
        }
    }
}

fn head_at(b: &[u8], at: usize) -> Option<FrameHead> {
    FrameHead::parse(*b.get(at..)?.first_chunk()?)
}

/// Frames in a row that make a stream out of what could be chance.
const CHAIN: usize = 3;

/// Offset of the first frame in `b`: one that others follow. `whole` tells that the file ends with
/// `b`, so that a chain may end there.
pub(super) fn find_first(b: &[u8], whole: bool) -> Option<usize> {
    (0..b.len().saturating_sub(3)).find(|&start| {
        let Some(first) = head_at(b, start) else {
            return false;
        };
        let mut at = start;
        for n in 0..CHAIN {
            match head_at(b, at) {
                Some(head) if head.matches(&first) => at += head.bytes,
                // A short file: its frames must fill it, but for an ID3v1 tag.
                _ => return whole && n > 0 && (at == b.len() || b.get(at..at + 3) == Some(b"TAG")),
            }
        }
        true
    })
}

/// What an encoder's information frame says. Such a frame holds no audio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Info {
    /// MPEG frames of audio that follow.
    pub(super) count: Option<u32>,
    /// Frames of silence that the encoder put before the material, and after it.
    pub(super) delay_padding: Option<(u32, u32)>,
}

fn be32(b: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*b.get(at..)?.first_chunk()?))
}

/// Reads the information frame `b`, if it is one.
pub(super) fn info(b: &[u8]) -> Option<Info> {
    let head = head_at(b, 0).filter(|h| h.layer == 3)?;
    if b.get(36..40) == Some(b"VBRI") {
        return Some(Info {
            count: be32(b, 50),
            delay_padding: None,
        });
    }
    // Some encoders count the checksum's two bytes, some don't.
    let at = [head.side_end(), head.side_end() + 2]
        .into_iter()
        .find(|&at| matches!(b.get(at..at + 4), Some(b"Xing" | b"Info")))?;
    let flags = be32(b, at + 4)?;
    let mut next = at + 8;
    let mut count = None;
    if flags & 1 != 0 {
        count = be32(b, next);
        next += 4;
    }
    next += if flags & 2 != 0 { 4 } else { 0 };
    next += if flags & 4 != 0 { 100 } else { 0 };
    next += if flags & 8 != 0 { 4 } else { 0 };
    let delay_padding = match b.get(next..next + 24) {
        Some([name @ .., d0, d1, d2]) if name.iter().take(4).all(u8::is_ascii_graphic) => {
            let (d0, d1, d2) = (u32::from(*d0), u32::from(*d1), u32::from(*d2));
            let pair = (d0 << 4 | d1 >> 4, (d1 & 15) << 8 | d2);
            (pair != (0, 0)).then_some(pair)
        }
        _ => None,
    };
    Some(Info {
        count,
        delay_padding,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_heads_of_all_versions() {
        let head = |w: u32| FrameHead::parse(w.to_be_bytes());
        // 44.1 kHz, 128 kbit/s, joint stereo.
        let h = head(0xfffb_9064).unwrap();
        assert_eq!(
            (h.layer, h.rate, h.channels, h.bytes, h.frames),
            (3, 44_100, 2, 417, 1152)
        );
        assert_eq!(head(0xfffb_9264).unwrap().bytes, 418);
        // MPEG-2, 24 kHz, 64 kbit/s, mono.
        let h = head(0xfff3_84c4).unwrap();
        assert_eq!(
            (h.rate, h.channels, h.bytes, h.frames),
            (24_000, 1, 192, 576)
        );
        // MPEG-2.5, 8 kHz, 8 kbit/s.
        let h = head(0xffe3_18c4).unwrap();
        assert_eq!((h.rate, h.bytes), (8000, 72));
        // Layer II, 48 kHz, 192 kbit/s; layer I, 48 kHz, 384 kbit/s.
        assert_eq!(head(0xfffd_a400).unwrap().bytes, 576);
        assert_eq!(head(0xffff_c400).unwrap().bytes, 384);
        // Reserved values and free format.
        for w in [
            0xffeb_9064,
            0xfff9_9064,
            0xfffb_f064,
            0xfffb_9c64,
            0xfffb_0064,
            0x0000_0000,
        ] {
            assert_eq!(head(w), None);
        }
    }

    #[test]
    fn a_chain_is_told_from_chance() {
        let mut b = vec![0u8; 7];
        for _ in 0..4 {
            let mut frame = vec![0u8; 417];
            frame[..4].copy_from_slice(&0xfffb_9064u32.to_be_bytes());
            b.extend(frame);
        }
        assert_eq!(find_first(&b, true), Some(7));
        assert_eq!(find_first(&b[..7 + 417 * 2], true), Some(7));
        assert_eq!(find_first(&b[..7 + 417 * 2 - 1], true), None);
        b[7 + 417 + 1] = 0;
        assert_eq!(find_first(&b[..7 + 417 * 3 - 1], false), None);
        assert_eq!(find_first(&[0xff; 5000], true), None);
        assert_eq!(find_first(&[], true), None);
    }
}
