//! The head of an AIFF or AIFC file.

use super::pcm::Coding;
use super::riff::{Forward, Head, HeadError};

const MAX_CHUNKS: usize = 4096;

fn be16(b: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*b.get(at..)?.first_chunk()?))
}

fn be32(b: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*b.get(at..)?.first_chunk()?))
}

/// An 80-bit extended float, as far as it is a whole sample rate.
fn extended(b: &[u8]) -> Option<u32> {
    let exponent = be16(b, 0)?;
    let mantissa = u64::from(be32(b, 2)?) << 32 | u64::from(be32(b, 6)?);
    // The exponent is biased by 16383, and the mantissa has 63 bits behind the point.
    let shift = (16_383 + 63u16).checked_sub(exponent)?;
    u32::try_from(mantissa.checked_shr(u32::from(shift))?).ok()
}

struct Common {
    channels: usize,
    frames: u64,
    rate: u32,
    coding: Coding,
}

fn common(b: &[u8], aifc: bool) -> Result<Common, HeadError> {
    let short = || HeadError::Bad("the AIFF header is incomplete".into());
    let channels = usize::from(be16(b, 0).ok_or_else(short)?);
    let frames = u64::from(be32(b, 2).ok_or_else(short)?);
    let bits = be16(b, 6).ok_or_else(short)?;
    let rate = extended(b.get(8..18).ok_or_else(short)?)
        .ok_or_else(|| HeadError::Bad("the AIFF header holds no usable sample rate".into()))?;
    let plain: [u8; 4] = match b.get(18..22) {
        Some(&[a, b, c, d]) if aifc => [a, b, c, d],
        _ => *b"NONE",
    };
    let coding = match (&plain, bits) {
        (b"NONE" | b"twos" | b"sowt" | b"in24" | b"in32", 1..=8) => Coding::S8,
        (b"raw ", 1..=8) => Coding::U8,
        (b"NONE" | b"twos", 9..=16) => Coding::S16Be,
        (b"NONE" | b"twos" | b"in24", 17..=24) => Coding::S24Be,
        (b"NONE" | b"twos" | b"in32", 25..=32) => Coding::S32Be,
        (b"sowt", 9..=16) => Coding::S16,
        (b"sowt", 17..=24) => Coding::S24,
        (b"sowt", 25..=32) => Coding::S32,
        (b"fl32" | b"FL32", _) => Coding::F32Be,
        (b"fl64" | b"FL64", _) => Coding::F64Be,
        (b"alaw" | b"ALAW", _) => Coding::ALaw,
        (b"ulaw" | b"ULAW", _) => Coding::MuLaw,
        (name, bits) => {
            return Err(HeadError::Bad(format!(
                "AIFF with {bits}-bit {:?} samples isn't supported; convert it to FLAC or WAV",
                String::from_utf8_lossy(&name[..])
            )));
        }
    };
    if channels == 0 {
        return Err(HeadError::Bad("the AIFF header names no channel".into()));
    }
    Ok(Common {
        channels,
        frames,
        rate,
        coding,
    })
}

/// Reads the chunks of a file of `len` bytes.
pub(super) fn read_head(source: &mut impl Forward, len: u64) -> Result<Head, HeadError> {
    let mut form = [0u8; 12];
    if source.fill(&mut form).map_err(HeadError::Io)? < 12 {
        return Err(HeadError::Bad("the AIFF header is incomplete".into()));
    }
    let aifc = &form[8..] == b"AIFC";
    let mut pos = 12u64;
    let mut told: Option<Common> = None;
    let mut sound: Option<(u64, u64)> = None;
    // The chunks come in any order.
    for _ in 0..MAX_CHUNKS {
        let mut head = [0u8; 16];
        let got = source.fill(&mut head[..8]).map_err(HeadError::Io)?;
        let (Some(size), 8) = (be32(&head, 4), got) else {
            break;
        };
        let size = u64::from(size);
        let padded = size + (size & 1);
        pos += 8;
        let mut taken = 0;
        match &head[..4] {
            b"COMM" => {
                let mut content = [0u8; 64];
                let want = padded.min(content.len() as u64) as usize;
                taken = source.fill(&mut content[..want]).map_err(HeadError::Io)?;
                told = Some(common(content.get(..taken).unwrap_or_default(), aifc)?);
            }
            b"SSND" => {
                taken = source.fill(&mut head[8..]).map_err(HeadError::Io)?;
                let offset = u64::from(be32(&head, 8).unwrap_or(0));
                sound = Some((pos + 8 + offset, size.saturating_sub(8 + offset)));
            }
            _ => {}
        }
        if told.is_some() && sound.is_some() {
            break;
        }
        source
            .skip(padded.saturating_sub(taken as u64))
            .map_err(HeadError::Io)?;
        pos += padded;
        if pos >= len {
            break;
        }
    }
    let told = told.ok_or_else(|| HeadError::Bad("an AIFF header that names no format".into()))?;
    let claim = told
        .frames
        .saturating_mul((told.channels * told.coding.bytes()) as u64);
    let (data_start, data_len) = match sound {
        Some((start, size)) if told.frames > 0 => (start, claim.min(size)),
        Some((start, size)) => (start, size.min(len.saturating_sub(start))),
        None if told.frames == 0 => (len, 0),
        None => {
            return Err(HeadError::Bad("an AIFF header without samples".into()));
        }
    };
    Ok(Head {
        form: "AIFF",
        coding: Some(told.coding),
        tag: 0,
        channels: told.channels,
        rate: told.rate,
        data_start,
        data_len: Some(data_len),
        doubtful: false,
        fact: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sample_rates_in_80_bits() {
        let rate = |exponent: u16, mantissa: u64| {
            extended(&[&exponent.to_be_bytes()[..], &mantissa.to_be_bytes()[..]].concat())
        };
        assert_eq!(rate(16_383 + 15, 48_000 << 48), Some(48_000));
        assert_eq!(rate(16_383 + 15, 44_100 << 48), Some(44_100));
        assert_eq!(rate(16_383 + 16, 96_000 << 47), Some(96_000));
        assert_eq!(rate(0, 0), None);
        assert_eq!(rate(0xffff, u64::MAX), None);
    }

    fn file(parts: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut b = b"FORM\0\0\0\0AIFC".to_vec();
        for (name, content) in parts {
            b.extend(*name);
            b.extend((content.len() as u32).to_be_bytes());
            b.extend(*content);
            b.extend(&[0][..content.len() % 2]);
        }
        b
    }

    #[test]
    fn chunks_come_in_any_order_and_no_changed_byte_upsets_the_parser() {
        let mut comm = vec![0, 2, 0, 0, 0, 3, 0, 16, 0x40, 0x0e];
        comm.extend((48_000u64 << 48).to_be_bytes());
        comm.extend(b"sowt");
        let sound = [0u8; 8 + 12];
        for parts in [
            [(b"COMM", &comm[..]), (b"NAME", b"odd"), (b"SSND", &sound)],
            [(b"SSND", &sound), (b"NAME", b"odd"), (b"COMM", &comm[..])],
        ] {
            let bytes = file(&parts);
            let parse = |b: &[u8]| read_head(&mut &b[..], b.len() as u64);
            let head = parse(&bytes).unwrap();
            assert_eq!((head.channels, head.rate), (2, 48_000));
            assert_eq!((head.coding, head.data_len), (Some(Coding::S16), Some(12)));
            for at in 0..bytes.len() {
                let _ = parse(&bytes[..at]);
                for value in [0, 1, 0x7f, 0x80, 0xff] {
                    let mut b = bytes.clone();
                    b[at] = value;
                    let _ = parse(&b);
                }
            }
        }
    }
}
