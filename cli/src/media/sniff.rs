//! What a file is, by its first bytes and never by its name.

use std::fs::File;
use std::io;

use super::mpeg;
use super::wav::read_full_at;

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Wav,
    /// AIFF or AIFC.
    Aiff,
    Caf,
    Flac,
    Ogg,
    Mp4,
    Matroska,
    Adts,
    /// MPEG audio, layer I to III; the first frame's offset.
    Mpeg(u64),
    /// Sony Wave64.
    Wave64,
    /// Not audio that anything here reads.
    Unknown,
}

/// How far a first MPEG frame is looked for behind the tags.
const SEARCH_BYTES: usize = 128 * 1024;

/// Length of the ID3v2 tag at the head of `b`, 0 when there is none.
fn id3_len(b: &[u8]) -> u64 {
    match b {
        [b'I', b'D', b'3', _, _, flags, s @ ..] if s.len() >= 4 => {
            let size = s
                .iter()
                .take(4)
                .fold(0u64, |n, &x| n << 7 | u64::from(x & 0x7f));
            let footer = if flags & 0x10 != 0 { 10 } else { 0 };
            size + 10 + footer
        }
        _ => 0,
    }
}

/// Tells the kind of `file`, which is `len` bytes long.
pub(super) fn sniff(file: &File, len: u64) -> io::Result<Kind> {
    let mut start = 0u64;
    let mut head = [0u8; 64];
    let mut n = read_full_at(file, 0, &mut head)?;
    // Some taggers leave more than one.
    for _ in 0..8 {
        let tag = id3_len(&head[..n]);
        if tag == 0 {
            break;
        }
        start += tag;
        n = read_full_at(file, start, &mut head)?;
    }
    let head = &head[..n];
    let begins = |magic: &[u8]| head.starts_with(magic);
    let kind = if begins(b"RIFF") || begins(b"RIFX") || begins(b"RF64") || begins(b"BW64") {
        Kind::Wav
    } else if begins(b"FORM") && matches!(head.get(8..12), Some(b"AIFF" | b"AIFC")) {
        Kind::Aiff
    } else if begins(b"caff") {
        Kind::Caf
    } else if begins(b"fLaC") {
        Kind::Flac
    } else if begins(b"OggS") {
        Kind::Ogg
    } else if head.get(4..8) == Some(b"ftyp") {
        Kind::Mp4
    } else if begins(&[0x1a, 0x45, 0xdf, 0xa3]) {
        Kind::Matroska
    } else if begins(b"riff\x2e\x91") {
        Kind::Wave64
    } else if matches!(head, [0xff, b, ..] if b & 0xf6 == 0xf0) && adts_chain(file, start)? {
        Kind::Adts
    } else {
        Kind::Unknown
    };
    if kind != Kind::Unknown || start >= len {
        return Ok(kind);
    }
    let mut search = vec![0u8; SEARCH_BYTES.min((len - start) as usize)];
    let got = read_full_at(file, start, &mut search)?;
    search.truncate(got);
    let whole = start + got as u64 >= len;
    Ok(mpeg::find_first(&search, whole).map_or(Kind::Unknown, |at| Kind::Mpeg(start + at as u64)))
}

/// Whether two ADTS frames follow each other from `start` on (or one fills the file).
fn adts_chain(file: &File, start: u64) -> io::Result<bool> {
    let mut at = start;
    for frame in 0..2 {
        let mut h = [0u8; 7];
        let n = read_full_at(file, at, &mut h)?;
        if frame == 1 && n == 0 {
            return Ok(true);
        }
        let len = u64::from(h[3] & 3) << 11 | u64::from(h[4]) << 3 | u64::from(h[5]) >> 5;
        if n < 7 || h[0] != 0xff || h[1] & 0xf6 != 0xf0 || len < 7 {
            return Ok(false);
        }
        at += len;
    }
    Ok(true)
}
