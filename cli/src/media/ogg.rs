//! The pages of an Ogg file (RFC 3533), checked while it plays.
//!
//! symphonia passes over a page whose checksum is wrong and counts on as if it had never been; what
//! follows would come too early. Here every page is checked before its frames are given.

use std::fs::File;
use std::io;
use std::sync::LazyLock;

use super::decoder::Decoder;
use super::packets::{Fault, Packets};
use super::wav::read_full_at;

const HEAD_BYTES: usize = 27;
/// A page's head, 255 segment lengths and 255 segments of 255 bytes.
const MAX_PAGE: usize = HEAD_BYTES + 255 + 255 * 255;

/// CRC-32 with the polynomial 0x04c11db7, high bit first, from 0.
static CRC: LazyLock<[u32; 256]> = LazyLock::new(|| {
    std::array::from_fn(|i| {
        (0..8).fold((i as u32) << 24, |c, _| {
            (c << 1) ^ if c >> 31 == 1 { 0x04c1_1db7 } else { 0 }
        })
    })
});

fn crc(start: u32, b: &[u8]) -> u32 {
    let table = &*CRC;
    b.iter().fold(start, |c, &x| {
        c << 8 ^ table[usize::from((c >> 24) as u8 ^ x)]
    })
}

/// A whole page with a right checksum.
struct Page {
    bytes: usize,
    /// Position of the last packet that ends in it; −1 when none does.
    granule: i64,
    serial: u32,
    sequence: u32,
    last: bool,
}

impl Page {
    /// The page at the head of `b`.
    fn parse(b: &[u8]) -> Option<Self> {
        let head: &[u8; HEAD_BYTES] = b.first_chunk()?;
        if &head[..5] != b"OggS\0" {
            return None;
        }
        let word = |at: usize| {
            let bytes = head.get(at..)?.first_chunk()?;
            Some(u32::from_le_bytes(*bytes))
        };
        let lengths = b.get(HEAD_BYTES..HEAD_BYTES + usize::from(head[26]))?;
        let bytes =
            HEAD_BYTES + lengths.len() + lengths.iter().map(|&n| usize::from(n)).sum::<usize>();
        let whole = b.get(..bytes)?;
        // The checksum is made with its own place zeroed.
        let sum = crc(crc(crc(0, &whole[..22]), &[0; 4]), &whole[26..]);
        if word(22) != Some(sum) {
            return None;
        }
        Some(Self {
            bytes,
            granule: i64::from(word(10)?) << 32 | i64::from(word(6)?),
            serial: word(14)?,
            sequence: word(18)?,
            last: head[5] & 4 != 0,
        })
    }
}

/// Where the last whole page of a file ends, if it isn't the end of the file.
pub(super) fn cut_off(file: &File, len: u64) -> io::Result<Option<u64>> {
    let start = len.saturating_sub(2 * MAX_PAGE as u64);
    let mut tail = vec![0u8; (len - start) as usize];
    let got = read_full_at(file, start, &mut tail)?;
    tail.truncate(got);
    let mut end = None;
    let mut at = 0;
    while let Some(rest) = tail.get(at..).filter(|r| !r.is_empty()) {
        match Page::parse(rest) {
            Some(page) => {
                at += page.bytes;
                end = Some(start + at as u64);
            }
            None => at += 1,
        }
    }
    Ok(end.filter(|&e| e < len))
}

/// A walk over the pages of one stream of a file, and what is wrong with them.
struct Pages {
    file: File,
    serial: u32,
    /// Offset of the next page.
    at: u64,
    sequence: Option<u32>,
    /// Position up to which all is checked.
    checked: i64,
    /// Positions `[from, to)` whose frames are missing or misplaced.
    bad: Vec<(i64, i64)>,
    /// A defect began here, the next page ends it.
    open_bad: Option<i64>,
    ended: bool,
    window: Vec<u8>,
    window_at: u64,
}

impl Pages {
    fn new(file: File, serial: u32) -> Self {
        Self {
            file,
            serial,
            at: 0,
            sequence: None,
            checked: 0,
            bad: Vec::new(),
            open_bad: None,
            ended: false,
            window: Vec::new(),
            window_at: 0,
        }
    }

    /// The file's bytes at `at`: at least a page of them, unless it ends.
    fn bytes(&mut self) -> io::Result<&[u8]> {
        let have = self.window_at + self.window.len() as u64;
        if self.at < self.window_at || self.at + MAX_PAGE as u64 > have {
            self.window.resize(4 * MAX_PAGE, 0);
            let got = read_full_at(&self.file, self.at, &mut self.window);
            self.window.truncate(*got.as_ref().unwrap_or(&0));
            self.window_at = self.at;
            got?;
        }
        let from = (self.at - self.window_at) as usize;
        Ok(self.window.get(from..).unwrap_or_default())
    }

    /// Checks pages until frames up to `position` are known to be good or bad.
    fn check(&mut self, position: i64) -> io::Result<()> {
        while self.checked <= position && !self.ended {
            self.step()?;
        }
        Ok(())
    }

    fn step(&mut self) -> io::Result<()> {
        let bytes = self.bytes()?;
        let Some(page) = Page::parse(bytes) else {
            if bytes.is_empty() {
                self.ended = true;
                if let Some(from) = self.open_bad.take() {
                    self.bad.push((from, i64::MAX));
                }
                return Ok(());
            }
            let skip = bytes
                .windows(4)
                .skip(1)
                .position(|w| w == b"OggS")
                .map_or(bytes.len().saturating_sub(3).max(1), |n| n + 1);
            self.at += skip as u64;
            self.open_bad.get_or_insert(self.checked);
            return Ok(());
        };
        self.at += page.bytes as u64;
        if page.serial != self.serial {
            return Ok(());
        }
        let follows = self
            .sequence
            .is_none_or(|s| s.wrapping_add(1) == page.sequence);
        self.sequence = Some(page.sequence);
        if !follows {
            self.open_bad.get_or_insert(self.checked);
        }
        if page.granule >= 0 {
            if let Some(from) = self.open_bad.take() {
                self.bad.push((from, page.granule));
            }
            self.checked = self.checked.max(page.granule);
        }
        if page.last {
            // Tags and garbage may follow.
            self.ended = true;
            if let Some(from) = self.open_bad.take() {
                self.bad.push((from, i64::MAX));
            }
        }
        Ok(())
    }
}

/// The packets of an Ogg file, each from a page that was found good.
pub(super) struct Ogg {
    inner: Decoder,
    pages: Pages,
    /// Frames before this one are run-up.
    target: i64,
    /// The next call finds damage.
    broken: bool,
}

impl Ogg {
    /// Checks the pages of `file` for `inner`.
    pub(super) fn new(inner: Decoder, file: File) -> Self {
        let pages = Pages::new(file, inner.track());
        Self {
            inner,
            pages,
            target: 0,
            broken: false,
        }
    }
}

impl Packets for Ogg {
    fn next(&mut self, planes: &mut Vec<Vec<f32>>) -> Result<Option<i64>, Fault> {
        const MISSING: &str = "a part of the data is missing or overwritten";
        if self.broken {
            return Err(Fault::Damaged(MISSING.into()));
        }
        let Some(at) = self.inner.next(planes)? else {
            return Ok(None);
        };
        let end = at.saturating_add(planes.first().map_or(0, Vec::len) as i64);
        let base = self.inner.origin();
        self.pages
            .check(base.saturating_add(end))
            .map_err(Fault::Io)?;
        let first_bad = self.pages.bad.iter().find_map(|&(from, to)| {
            let from = from.saturating_sub(base).max(self.target);
            let to = to.saturating_sub(base);
            (from < to && from < end).then_some(from)
        });
        if let Some(bad) = first_bad {
            self.broken = true;
            let good = bad.saturating_sub(at).max(0) as usize;
            if good == 0 {
                return Err(Fault::Damaged(MISSING.into()));
            }
            planes.iter_mut().for_each(|p| p.truncate(good));
        }
        Ok(Some(at))
    }

    fn seek(&mut self, target: u64) -> Result<(), Fault> {
        self.broken = false;
        self.target = i64::try_from(target).unwrap_or(i64::MAX);
        self.inner.seek(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page with the given packet bytes.
    pub(super) fn page(granule: i64, sequence: u32, body: &[u8]) -> Vec<u8> {
        let mut b = b"OggS\0\0".to_vec();
        b.extend(granule.to_le_bytes());
        b.extend(7u32.to_le_bytes());
        b.extend(sequence.to_le_bytes());
        b.extend([0; 4]);
        b.push(1);
        b.push(body.len() as u8);
        b.extend(body);
        let sum = crc(0, &b);
        b[22..26].copy_from_slice(&sum.to_le_bytes());
        b
    }

    // "123456789" with this polynomial, no reflection, from 0 (CRC-32/MPEG-2 without its start value).
    #[test]
    fn the_checksum_is_the_right_one() {
        assert_eq!(crc(0, b"123456789"), 0x89a1_897f);
    }

    #[test]
    fn a_lost_page_is_noticed_and_so_is_a_changed_one() {
        let dir = tempfile::tempdir().unwrap();
        let good: Vec<Vec<u8>> = (0..6)
            .map(|n| page(i64::from(n) * 100, n, &[n as u8; 50]))
            .collect();
        let bad = |parts: &[Vec<u8>]| {
            let path = dir.path().join("a");
            std::fs::write(&path, parts.concat()).unwrap();
            let mut pages = Pages::new(File::open(&path).unwrap(), 7);
            pages.check(i64::MAX - 1).unwrap();
            pages.bad
        };
        assert_eq!(bad(&good), []);
        let mut lost = good.clone();
        lost.remove(3);
        assert_eq!(bad(&lost), [(200, 400)]);
        let mut changed = good.clone();
        changed[2][40] ^= 1;
        assert_eq!(bad(&changed), [(100, 300)]);
        let mut cut = good;
        cut[5].truncate(40);
        assert_eq!(bad(&cut), [(400, i64::MAX)]);
    }
}
