//! What a file is, by its first bytes and never by its name.

use std::fs::File;
use std::io;

use super::mpeg;
use super::wav::read_full_at;

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Wav,
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
    let kind = match &head[..n] {
        [b'R', b'I', b'F', b'F' | b'X', ..]
        | [b'R', b'F', b'6', b'4', ..]
        | [b'B', b'W', b'6', b'4', ..] => Kind::Wav,
        [b'r', b'i', b'f', b'f', 0x2e, 0x91, ..] => Kind::Wave64,
        [
            b'F',
            b'O',
            b'R',
            b'M',
            _,
            _,
            _,
            _,
            b'A',
            b'I',
            b'F',
            b'F' | b'C',
            ..,
        ] => Kind::Aiff,
        [b'c', b'a', b'f', b'f', ..] => Kind::Caf,
        [b'f', b'L', b'a', b'C', ..] => Kind::Flac,
        [b'O', b'g', b'g', b'S', ..] => Kind::Ogg,
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Kind::Mp4,
        [0x1a, 0x45, 0xdf, 0xa3, ..] => Kind::Matroska,
        [0xff, b, ..] if b & 0xf6 == 0xf0 && adts_chain(file, start)? => Kind::Adts,
        _ => Kind::Unknown,
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
