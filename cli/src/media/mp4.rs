//! The boxes of an MP4 file (ISO/IEC 14496-12) that tell where its material begins and ends:
//! the edit list, iTunes' gapless tag, and whether the AAC inside is HE-AAC.

use std::fs::File;
use std::io;

use super::wav::read_full_at;

/// A movie box larger than this is no audio file's.
const MAX_MOOV: u64 = 256 << 20;

/// What the boxes of the first audio track tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mp4 {
    /// First frame of the material in the decoded stream, at the media's time scale; `None` when
    /// neither an edit list nor a gapless tag tells it.
    pub(super) start: Option<u64>,
    /// Frames of material.
    pub(super) frames: Option<u64>,
    /// Media time scale, Hz: the sample rate in an audio file.
    pub(super) scale: u32,
    /// HE-AAC (spectral band replication), signalled in one of the usual ways.
    pub(super) he_aac: bool,
    /// Where the last box ends, which is beyond the end of a file that is cut off.
    pub(super) extent: u64,
    /// The edit list plays several parts, of which only the first is taken.
    pub(super) several_parts: bool,
    /// Samples that the fragments' runs claim, all together.
    pub(super) run_samples: u64,
}

fn be16(b: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*b.get(at..)?.first_chunk()?))
}

fn be32(b: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*b.get(at..)?.first_chunk()?))
}

fn be64(b: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(*b.get(at..)?.first_chunk()?))
}

/// The boxes within `b`: name and content.
fn boxes(mut b: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let name = *b.get(4..)?.first_chunk()?;
        let (head, size) = match be32(b, 0)? {
            0 => (8, b.len()),
            1 => (16, usize::try_from(be64(b, 8)?).ok()?),
            n => (8, n as usize),
        };
        let content = b.get(head..size.min(b.len()))?;
        b = b.get(size..).unwrap_or_default();
        Some((name, content))
    })
}

fn find<'a>(b: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(b, |b, &name| {
        boxes(b)
            .find(|(n, _)| n == name)
            .map(|(_, content)| content)
    })
}

/// Reads the boxes of `file`, `len` bytes long. `None` when there is no movie box.
pub(super) fn read(file: &File, len: u64) -> io::Result<Option<Mp4>> {
    let mut at = 0u64;
    let mut told = None;
    let mut run_samples = 0u64;
    while at < len {
        let mut head = [0u8; 16];
        let n = read_full_at(file, at, &mut head)?;
        let head = &head[..n];
        let (Some(size), Some(name)) = (be32(head, 0), head.get(4..8)) else {
            break;
        };
        let (skip, size) = match size {
            0 => (8, len - at),
            1 => (16, be64(head, 8).unwrap_or(0)),
            n => (8, u64::from(n)),
        };
        if size < skip {
            break;
        }
        if name == b"moov" || name == b"moof" {
            let content = (size - skip).min(len.saturating_sub(at + skip));
            if content > MAX_MOOV {
                break;
            }
            let mut inside = vec![0u8; content as usize];
            let got = read_full_at(file, at + skip, &mut inside)?;
            inside.truncate(got);
            if name == b"moof" {
                run_samples = run_samples.saturating_add(samples_of_runs(&inside));
            } else if told.is_none() {
                told = Some(parse(&inside));
            }
        }
        at = at.saturating_add(size);
    }
    Ok(told.map(|told| Mp4 {
        extent: at,
        run_samples,
        ..told
    }))
}

/// The samples that the runs of a movie fragment claim. Where they share one size and duration a run is a
/// few bytes, however many it claims.
fn samples_of_runs(moof: &[u8]) -> u64 {
    let of = |name: &'static [u8; 4]| move |(n, content)| (&n == name).then_some(content);
    boxes(moof)
        .filter_map(of(b"traf"))
        .flat_map(|traf| boxes(traf).filter_map(of(b"trun")))
        .filter_map(|run| be32(run, 4))
        .map(u64::from)
        .sum()
}

fn parse(moov: &[u8]) -> Mp4 {
    let mut told = Mp4::default();
    let movie_scale = find(moov, &[b"mvhd"])
        .and_then(|b| be32(b, if b.first() == Some(&1) { 20 } else { 12 }))
        .unwrap_or(0);
    let track = boxes(moov).find_map(|(name, trak)| {
        let is_sound = find(trak, &[b"mdia", b"hdlr"])?.get(8..12) == Some(b"soun");
        (&name == b"trak" && is_sound).then_some(trak)
    });
    let Some(trak) = track else {
        return told;
    };
    told.scale = find(trak, &[b"mdia", b"mdhd"])
        .and_then(|b| be32(b, if b.first() == Some(&1) { 20 } else { 12 }))
        .unwrap_or(0);
    let table = find(trak, &[b"mdia", b"minf", b"stbl"]).unwrap_or_default();
    let coded = find(table, &[b"stts"]).map_or(0, |b| {
        let entries = b.get(8..).unwrap_or_default().chunks_exact(8);
        entries
            .take(be32(b, 4).unwrap_or(0) as usize)
            .filter_map(|e| Some(u64::from(be32(e, 0)?) * u64::from(be32(e, 4)?)))
            .fold(0u64, u64::saturating_add)
    });

    if let Some(elst) = find(trak, &[b"edts", b"elst"]) {
        let wide = elst.first() == Some(&1);
        let entries = elst
            .get(8..)
            .unwrap_or_default()
            .chunks_exact(if wide { 20 } else { 12 })
            .take(be32(elst, 4).unwrap_or(0) as usize);
        // A media time of −1 is an empty edit: silence before the material.
        let mut parts = entries.filter_map(|e| {
            if wide {
                Some((be64(e, 0)?, be64(e, 8)?)).filter(|&(_, t)| t <= i64::MAX as u64)
            } else {
                Some((u64::from(be32(e, 0)?), u64::from(be32(e, 4)?)))
                    .filter(|&(_, t)| t <= i32::MAX as u64)
            }
        });
        if let Some((duration, start)) = parts.next() {
            told.several_parts = parts.next().is_some();
            told.start = Some(start);
            let there = coded.checked_sub(start).filter(|&n| n > 0);
            // The duration is rounded to the movie's time scale, often milliseconds: it only
            // counts when it really cuts something off.
            let scaled = u128::from(duration) * u128::from(told.scale);
            let cut = scaled.checked_div(u128::from(movie_scale)).unwrap_or(0) as u64;
            let tick = u64::from(told.scale.checked_div(movie_scale).unwrap_or(0)) + 1;
            told.frames = match there {
                Some(n) if cut > 0 && cut.saturating_add(tick) < n => Some(cut),
                n => n,
            };
        }
    }
    if let Some((delay, frames)) = gapless_tag(moov) {
        told.start = Some(delay);
        told.frames = Some(frames).filter(|&n| n > 0).or(told.frames);
    }
    told.he_aac = is_he_aac(table);
    told
}

/// Delay and length from iTunes' `iTunSMPB` comment: hexadecimal words, of which the second is
/// the delay, the third the padding and the fourth the length in frames.
fn gapless_tag(moov: &[u8]) -> Option<(u64, u64)> {
    // `meta` is a full box: four bytes of version and flags come first.
    let meta = find(moov, &[b"udta", b"meta"])?.get(4..)?;
    let list = find(meta, &[b"ilst"])?;
    boxes(list)
        .filter(|(name, _)| name == b"----")
        .find_map(|(_, item)| {
            if find(item, &[b"name"])?.get(4..)? != b"iTunSMPB" {
                return None;
            }
            let text = std::str::from_utf8(find(item, &[b"data"])?.get(8..)?).ok()?;
            let mut words = text.split_ascii_whitespace().skip(1);
            let delay = u64::from_str_radix(words.next()?, 16).ok()?;
            let frames = u64::from_str_radix(words.nth(1)?, 16).ok()?;
            Some((delay, frames))
        })
}

/// Whether the sample description shows spectral band replication: by its object type (5 or 29),
/// by the backward compatible extension, or by naming twice the rate of the core decoder.
fn is_he_aac(table: &[u8]) -> bool {
    fn look(table: &[u8]) -> Option<bool> {
        let entry = find(table, &[b"stsd"])?.get(8..)?;
        let mp4a = find(entry, &[b"mp4a"])?;
        let named_rate = u32::from(be16(mp4a, 24)?);
        let extra = match be16(mp4a, 8)? {
            1 => 16,
            2 => 36,
            _ => 0,
        };
        let children = mp4a.get(28 + extra..)?;
        let esds = find(children, &[b"esds"]).or_else(|| find(children, &[b"wave", b"esds"]))?;
        let config = audio_config(esds.get(4..)?)?;
        let mut bits = Bits { b: config, at: 0 };
        let object = bits.object_type()?;
        let rate = bits.rate()?;
        if object == 5 || object == 29 {
            return Some(true);
        }
        bits.take(4)?;
        // General audio: frame length flag, core coder flag, extension flag.
        if object == 2 && bits.take(3)? == 0 && bits.take(11) == Some(0x2b7) {
            return Some(bits.object_type()? == 5 && bits.take(1)? == 1);
        }
        Some(named_rate == rate * 2)
    }
    look(table).unwrap_or(false)
}

/// The decoder configuration inside an elementary stream descriptor (ISO/IEC 14496-1).
fn audio_config(mut b: &[u8]) -> Option<&[u8]> {
    loop {
        let (&tag, rest) = b.split_first()?;
        // The length: seven bits a byte.
        let mut size = 0usize;
        let mut used = 0;
        for &x in rest.iter().take(4) {
            used += 1;
            size = size << 7 | usize::from(x & 0x7f);
            if x & 0x80 == 0 {
                break;
            }
        }
        let content = rest.get(used..)?;
        match tag {
            // ES_Descriptor: id and flags; optional parts follow the flags.
            3 => {
                let flags = *content.get(2)?;
                let mut skip = 3;
                skip += if flags & 0x80 != 0 { 2 } else { 0 };
                skip += if flags & 0x40 != 0 {
                    1 + usize::from(*content.get(skip)?)
                } else {
                    0
                };
                skip += if flags & 0x20 != 0 { 2 } else { 0 };
                b = content.get(skip..)?;
            }
            // DecoderConfigDescriptor.
            4 => b = content.get(13..)?,
            // DecoderSpecificInfo.
            5 => return content.get(..size.min(content.len())),
            _ => b = content.get(size..)?,
        }
    }
}

struct Bits<'a> {
    b: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, n: usize) -> Option<u32> {
        let mut v = 0;
        for _ in 0..n {
            let byte = *self.b.get(self.at / 8)?;
            v = v << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(v)
    }

    fn object_type(&mut self) -> Option<u32> {
        match self.take(5)? {
            31 => Some(32 + self.take(6)?),
            n => Some(n),
        }
    }

    fn rate(&mut self) -> Option<u32> {
        const RATES: [u32; 13] = [
            96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
            8000, 7350,
        ];
        match self.take(4)? {
            15 => self.take(24),
            i => RATES.get(i as usize).copied(),
        }
    }
}
