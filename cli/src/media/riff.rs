//! The head of a WAV file: RIFF, and its 64-bit forms RF64 (EBU Tech 3306) and BW64 (ITU-R BS.2088).

use std::io::{self, Read};

use super::pcm::Coding;

/// Where the samples of a WAV file are and what they mean.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Head {
    /// `WAV`, `RF64` or `BW64`.
    pub(super) form: &'static str,
    /// How samples are stored; `None` for a compressed format, see `tag`.
    pub(super) coding: Option<Coding>,
    /// The WAVE format tag, with the one inside WAVE_FORMAT_EXTENSIBLE taken out.
    pub(super) tag: u16,
    pub(super) channels: usize,
    /// Hz.
    pub(super) rate: u32,
    /// Byte offset of the first sample.
    pub(super) data_start: u64,
    /// Bytes of samples that the header claims; `None` where a recorder couldn't know.
    pub(super) data_len: Option<u64>,
    /// The claim may be a placeholder that a recorder writes when it can't seek: to be believed only
    /// if the file is at least that long.
    pub(super) doubtful: bool,
    /// Frames that the `fact` chunk names; meaningful for compressed formats.
    pub(super) fact: Option<u64>,
}

/// Why a head can't be used.
#[derive(Debug)]
pub(super) enum HeadError {
    Io(io::Error),
    /// It ends before the samples begin, or is no WAV: the sentence for the user.
    Bad(String),
}

/// A source that is read from front to back.
pub(super) trait Forward {
    /// Fills `out` as far as there is data and returns the bytes read.
    fn fill(&mut self, out: &mut [u8]) -> io::Result<usize>;
    /// Passes over `n` bytes.
    fn skip(&mut self, n: u64) -> io::Result<()>;
}

/// Reads until `out` is full or the source ends.
pub(super) fn read_full(source: &mut (impl Read + ?Sized), out: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while let Some(room) = out.get_mut(done..).filter(|r| !r.is_empty()) {
        match source.read(room) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(done)
}

const WAVE_FORMAT_PCM: u16 = 1;
const WAVE_FORMAT_IEEE_FLOAT: u16 = 3;
const WAVE_FORMAT_ALAW: u16 = 6;
const WAVE_FORMAT_MULAW: u16 = 7;
const WAVE_FORMAT_EXTENSIBLE: u16 = 0xfffe;
/// What SoX and arecord claim when they write to a pipe.
const PIPE_SIZES: [u32; 4] = [0x7fff_f000, 0x7fff_ff00, 0x7fff_ffff, 0x8000_0000];
/// A file whose chunks before `data` are more than this is no WAV that anyone wrote.
const MAX_CHUNKS: usize = 4096;

fn le16(b: &[u8], at: usize) -> Option<u16> {
    let bytes = b.get(at..)?.first_chunk()?;
    Some(u16::from_le_bytes(*bytes))
}

fn le32(b: &[u8], at: usize) -> Option<u32> {
    let bytes = b.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

fn le64(b: &[u8], at: usize) -> Option<u64> {
    let bytes = b.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}

struct Format {
    tag: u16,
    channels: usize,
    rate: u32,
    coding: Option<Coding>,
}

fn bad(what: &str) -> HeadError {
    HeadError::Bad(what.into())
}

fn parse_format(b: &[u8]) -> Result<Format, HeadError> {
    let short = || bad("the WAV header is incomplete");
    let mut tag = le16(b, 0).ok_or_else(short)?;
    let channels = usize::from(le16(b, 2).ok_or_else(short)?);
    let rate = le32(b, 4).ok_or_else(short)?;
    let align = usize::from(le16(b, 12).ok_or_else(short)?);
    let bits = usize::from(le16(b, 14).ok_or_else(short)?);
    if tag == WAVE_FORMAT_EXTENSIBLE {
        tag = le16(b, 24).ok_or_else(short)?;
    }
    if channels == 0 {
        return Err(bad("the WAV header names no channel"));
    }
    // The container decides: 20 bits in three bytes are stored in the upper 20.
    let width = if align > 0 && align.is_multiple_of(channels) {
        align / channels
    } else {
        bits.div_ceil(8)
    };
    let coding = match (tag, width) {
        (WAVE_FORMAT_PCM, 1) => Some(Coding::U8),
        (WAVE_FORMAT_PCM, 2) => Some(Coding::S16),
        (WAVE_FORMAT_PCM, 3) => Some(Coding::S24),
        (WAVE_FORMAT_PCM, 4) => Some(Coding::S32),
        (WAVE_FORMAT_IEEE_FLOAT, 4) => Some(Coding::F32),
        (WAVE_FORMAT_IEEE_FLOAT, 8) => Some(Coding::F64),
        (WAVE_FORMAT_ALAW, 1) => Some(Coding::ALaw),
        (WAVE_FORMAT_MULAW, 1) => Some(Coding::MuLaw),
        (WAVE_FORMAT_PCM | WAVE_FORMAT_IEEE_FLOAT | WAVE_FORMAT_ALAW | WAVE_FORMAT_MULAW, _) => {
            return Err(HeadError::Bad(format!(
                "WAV with samples of {bits} bits in {width} bytes isn't supported; convert it to 16, 24 or 32 bit"
            )));
        }
        _ => None,
    };
    Ok(Format {
        tag,
        channels,
        rate,
        coding,
    })
}

/// Reads up to the first sample. `len` is the length of the whole file, where it has one.
pub(super) fn read_head(source: &mut impl Forward, len: Option<u64>) -> Result<Head, HeadError> {
    let mut riff = [0u8; 12];
    let n = source.fill(&mut riff).map_err(HeadError::Io)?;
    let form = match &riff[..4] {
        b"RIFF" => "WAV",
        b"RF64" => "RF64",
        b"BW64" => "BW64",
        b"RIFX" => return Err(bad("big-endian WAV (RIFX) isn't supported; convert it")),
        _ => return Err(bad("no WAV header")),
    };
    if n < 12 || &riff[8..] != b"WAVE" {
        return Err(bad("a RIFF file, but no WAV"));
    }
    let riff_len = le32(&riff, 4).map_or(0, u64::from);

    let mut pos = 12u64;
    let mut format: Option<Format> = None;
    let mut fact = None;
    let mut wide: Option<(u64, u64)> = None;
    let mut table: Vec<([u8; 4], u64)> = Vec::new();
    for _ in 0..MAX_CHUNKS {
        let mut head = [0u8; 8];
        if source.fill(&mut head).map_err(HeadError::Io)? < 8 {
            return Err(bad("a WAV header without samples"));
        }
        pos += 8;
        let [a, b, c, d, ..] = head;
        let id = [a, b, c, d];
        let size32 = le32(&head, 4).unwrap_or(0);

        if &id == b"data" {
            let format = format.ok_or_else(|| bad("the WAV header names no format"))?;
            let mut doubtful = false;
            let data_len = match (size32, wide) {
                (u32::MAX, Some((size, _))) => Some(size).filter(|&s| s != 0 && s != u64::MAX),
                (u32::MAX, None) => None,
                // Zero means "unknown" unless everything else says that the file is empty.
                (0, _) => {
                    let closed = form == "WAV" && riff_len == pos - 8
                        || len.is_some_and(|l| l <= pos || riff_len.checked_add(8) == Some(l));
                    closed.then_some(0)
                }
                (size, _) => {
                    doubtful = PIPE_SIZES.contains(&size);
                    Some(u64::from(size))
                }
            };
            return Ok(Head {
                form,
                coding: format.coding,
                tag: format.tag,
                channels: format.channels,
                rate: format.rate,
                data_start: pos,
                data_len,
                doubtful,
                fact: fact.or(wide.map(|(_, frames)| frames)).filter(|&f| f > 0),
            });
        }

        let size = match table.iter().find(|(name, _)| *name == id) {
            Some(&(_, size)) if size32 == u32::MAX => size,
            _ => u64::from(size32),
        };
        // Chunks are padded to even length.
        let padded = size
            .checked_add(size & 1)
            .ok_or_else(|| bad("a WAV chunk of impossible size"))?;
        let mut taken = 0u64;
        if matches!(&id, b"fmt " | b"fact" | b"ds64") {
            let mut content = [0u8; 1024];
            let want = padded.min(content.len() as u64) as usize;
            let got = source.fill(&mut content[..want]).map_err(HeadError::Io)?;
            taken = got as u64;
            let content = &content[..got.min(size.min(usize::MAX as u64) as usize)];
            match &id {
                b"fmt " => format = Some(parse_format(content)?),
                b"fact" => fact = le32(content, 0).filter(|&f| f != u32::MAX).map(u64::from),
                _ => {
                    wide = le64(content, 8).zip(le64(content, 16));
                    let entries = le32(content, 24).unwrap_or(0).min(64) as usize;
                    for entry in content
                        .get(28..)
                        .unwrap_or_default()
                        .chunks_exact(12)
                        .take(entries)
                    {
                        if let (Some(name), Some(size)) = (entry.first_chunk(), le64(entry, 4)) {
                            table.push((*name, size));
                        }
                    }
                }
            }
        }
        source.skip(padded - taken).map_err(HeadError::Io)?;
        pos = pos
            .checked_add(padded)
            .ok_or_else(|| bad("a WAV chunk of impossible size"))?;
        if len.is_some_and(|l| pos > l) {
            return Err(bad("a WAV header without samples"));
        }
    }
    Err(bad("a WAV header without samples"))
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Forward for &[u8] {
        fn fill(&mut self, out: &mut [u8]) -> io::Result<usize> {
            read_full(self, out)
        }
        fn skip(&mut self, n: u64) -> io::Result<()> {
            *self = self.get(n as usize..).unwrap_or_default();
            Ok(())
        }
    }

    fn fmt(tag: u16, channels: u16, bits: u16) -> Vec<u8> {
        let mut b = Vec::new();
        b.extend(tag.to_le_bytes());
        b.extend(channels.to_le_bytes());
        b.extend(48_000u32.to_le_bytes());
        b.extend(0u32.to_le_bytes());
        b.extend((channels * (bits / 8)).to_le_bytes());
        b.extend(bits.to_le_bytes());
        b
    }

    fn chunk(id: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let mut b = id.to_vec();
        b.extend((content.len() as u32).to_le_bytes());
        b.extend(content);
        if content.len() % 2 == 1 {
            b.push(0);
        }
        b
    }

    fn file(form: &[u8; 4], parts: &[Vec<u8>]) -> Vec<u8> {
        let mut b = form.to_vec();
        b.extend(u32::MAX.to_le_bytes());
        b.extend(b"WAVE");
        for p in parts {
            b.extend(p);
        }
        b
    }

    fn parse(bytes: &[u8]) -> Result<Head, HeadError> {
        read_head(&mut &bytes[..], Some(bytes.len() as u64))
    }

    #[test]
    fn odd_chunks_before_the_samples_are_passed_over() {
        let bytes = file(
            b"RIFF",
            &[
                chunk(b"bext", &[7; 603]),
                chunk(b"fmt ", &fmt(1, 2, 24)),
                chunk(b"LIST", &[1; 5]),
                chunk(b"data", &[0; 12]),
            ],
        );
        let head = parse(&bytes).unwrap();
        assert_eq!(head.data_start, bytes.len() as u64 - 12);
        assert_eq!(head.data_len, Some(12));
        assert_eq!((head.coding, head.channels), (Some(Coding::S24), 2));
    }

    #[test]
    fn rf64_takes_its_sizes_from_ds64() {
        let mut ds64 = Vec::new();
        ds64.extend(0u64.to_le_bytes());
        ds64.extend(5_000_000_000u64.to_le_bytes());
        ds64.extend(1_250_000_000u64.to_le_bytes());
        ds64.extend(1u32.to_le_bytes());
        ds64.extend(b"big ");
        ds64.extend(6u64.to_le_bytes());
        let mut big = b"big ".to_vec();
        big.extend(u32::MAX.to_le_bytes());
        big.extend([0; 6]);
        let mut data = b"data".to_vec();
        data.extend(u32::MAX.to_le_bytes());
        for form in [b"RF64", b"BW64"] {
            let bytes = file(
                form,
                &[
                    chunk(b"ds64", &ds64),
                    chunk(b"fmt ", &fmt(1, 2, 16)),
                    big.clone(),
                    data.clone(),
                ],
            );
            let head = parse(&bytes).unwrap();
            assert_eq!(head.form.as_bytes(), form);
            assert_eq!(head.data_len, Some(5_000_000_000));
            assert_eq!(head.data_start, bytes.len() as u64);
        }
    }

    #[test]
    fn unknown_sizes_are_told_from_an_empty_file() {
        let head = |size: u32, riff: u32, extra: usize| {
            let mut b = file(b"RIFF", &[chunk(b"fmt ", &fmt(1, 1, 16))]);
            b[4..8].copy_from_slice(&riff.to_le_bytes());
            b.extend(b"data");
            b.extend(size.to_le_bytes());
            b.extend(vec![0; extra]);
            parse(&b).unwrap()
        };
        assert_eq!(head(u32::MAX, u32::MAX, 100).data_len, None);
        assert_eq!(head(0, 0, 100).data_len, None);
        assert_eq!(head(0, 36, 100).data_len, Some(0));
        assert_eq!(head(0, 0, 0).data_len, Some(0));
        assert!(head(0x7fff_f000, 0, 100).doubtful);
        assert!(!head(100, 0, 100).doubtful);
    }

    #[test]
    fn extensible_names_the_real_format() {
        let mut f = fmt(WAVE_FORMAT_EXTENSIBLE, 8, 32);
        f.extend(22u16.to_le_bytes());
        f.extend(24u16.to_le_bytes());
        f.extend(0u32.to_le_bytes());
        f.extend(WAVE_FORMAT_IEEE_FLOAT.to_le_bytes());
        f.extend([0; 14]);
        let bytes = file(b"RIFF", &[chunk(b"fmt ", &f), chunk(b"data", &[0; 32])]);
        let head = parse(&bytes).unwrap();
        assert_eq!((head.coding, head.channels), (Some(Coding::F32), 8));
    }

    #[test]
    fn no_prefix_and_no_changed_byte_upsets_the_parser() {
        let bytes = file(
            b"RF64",
            &[
                chunk(b"ds64", &[0xff; 52]),
                chunk(b"fmt ", &fmt(1, 2, 16)),
                chunk(b"data", &[0; 8]),
            ],
        );
        for n in 0..bytes.len() {
            let _ = parse(&bytes[..n]);
        }
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut b = bytes.clone();
                b[at] = value;
                let _ = parse(&b);
            }
        }
    }
}
