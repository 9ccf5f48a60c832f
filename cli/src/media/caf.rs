//! The head of a Core Audio Format file that holds plain samples.

use super::pcm::Coding;
use super::riff::{Forward, Head, HeadError};

const MAX_CHUNKS: usize = 4096;
/// Bits of the format flags of `lpcm`.
const FLOAT: u32 = 1;
const LITTLE_ENDIAN: u32 = 2;

fn be32(b: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*b.get(at..)?.first_chunk()?))
}

struct Description {
    channels: usize,
    rate: u32,
    coding: Coding,
}

/// The content of a `desc` chunk; `None` for compressed audio.
fn describe(b: &[u8; 32]) -> Option<Description> {
    let rate = f64::from_be_bytes(*b.first_chunk()?);
    let flags = be32(b, 12)?;
    let (packet, channels) = (be32(b, 16)?, be32(b, 24)?);
    let width = packet.checked_div(channels)?;
    let little = flags & LITTLE_ENDIAN != 0;
    let coding = match (&b[8..12], flags & FLOAT != 0, width, little) {
        (b"lpcm", false, 1, _) => Coding::S8,
        (b"lpcm", false, 2, true) => Coding::S16,
        (b"lpcm", false, 2, false) => Coding::S16Be,
        (b"lpcm", false, 3, true) => Coding::S24,
        (b"lpcm", false, 3, false) => Coding::S24Be,
        (b"lpcm", false, 4, true) => Coding::S32,
        (b"lpcm", false, 4, false) => Coding::S32Be,
        (b"lpcm", true, 4, true) => Coding::F32,
        (b"lpcm", true, 4, false) => Coding::F32Be,
        (b"lpcm", true, 8, true) => Coding::F64,
        (b"lpcm", true, 8, false) => Coding::F64Be,
        (b"alaw", _, 1, _) => Coding::ALaw,
        (b"ulaw", _, 1, _) => Coding::MuLaw,
        _ => return None,
    };
    Some(Description {
        channels: channels as usize,
        // Out of range becomes a rate that is refused later.
        rate: rate as u32,
        coding,
    })
}

/// Reads up to the samples. `None` when they are compressed.
pub(super) fn read_head(source: &mut impl Forward) -> Result<Option<Head>, HeadError> {
    let incomplete = || HeadError::Bad("a CAF header without samples".into());
    source.skip(8).map_err(HeadError::Io)?;
    let mut pos = 8u64;
    let mut told: Option<Description> = None;
    for _ in 0..MAX_CHUNKS {
        let mut head = [0u8; 12];
        if source.fill(&mut head).map_err(HeadError::Io)? < head.len() {
            return Err(incomplete());
        }
        let [a, b, c, d, size @ ..] = head;
        let size = i64::from_be_bytes(size);
        pos += 12;
        if &[a, b, c, d] == b"data" {
            let Some(told) = told else {
                return Err(incomplete());
            };
            // An edit count comes before the samples. −1: they reach to the end of the file.
            return Ok(Some(Head {
                form: "CAF",
                coding: Some(told.coding),
                tag: 0,
                channels: told.channels,
                rate: told.rate,
                data_start: pos + 4,
                data_len: u64::try_from(size).ok().map(|n| n.saturating_sub(4)),
                doubtful: false,
                fact: None,
            }));
        }
        let mut size = u64::try_from(size).map_err(|_| incomplete())?;
        if &[a, b, c, d] == b"desc" {
            let mut content = [0u8; 32];
            if size < 32 || source.fill(&mut content).map_err(HeadError::Io)? < 32 {
                return Err(incomplete());
            }
            match describe(&content) {
                Some(description) => told = Some(description),
                None => return Ok(None),
            }
            size -= 32;
            pos += 32;
        }
        source.skip(size).map_err(HeadError::Io)?;
        pos = pos.checked_add(size).ok_or_else(incomplete)?;
    }
    Err(incomplete())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_prefix_and_no_changed_byte_upsets_the_parser() {
        let mut bytes = b"caff\0\x01\0\0desc".to_vec();
        bytes.extend(32u64.to_be_bytes());
        bytes.extend(96_000f64.to_be_bytes());
        bytes.extend(b"lpcm");
        for word in [LITTLE_ENDIAN, 6, 1, 2, 24] {
            bytes.extend(word.to_be_bytes());
        }
        bytes.extend(b"free");
        bytes.extend(3u64.to_be_bytes());
        bytes.extend([0; 3]);
        bytes.extend(b"data");
        bytes.extend((-1i64).to_be_bytes());
        bytes.extend([0; 4]);
        let parse = |b: &[u8]| read_head(&mut &b[..]);
        let head = parse(&bytes).unwrap().unwrap();
        assert_eq!((head.channels, head.rate), (2, 96_000));
        assert_eq!((head.coding, head.data_len), (Some(Coding::S24), None));
        assert_eq!(head.data_start, bytes.len() as u64);
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
