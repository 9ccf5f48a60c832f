//! MPEG audio files: our own walk over the frames, symphonia's decoder.
//!
//! A walk of our own, because a position must not depend on an estimate of the length, because lost
//! synchronisation must show as damage and not shift what follows, and because a seek needs as much
//! run-up as the bit reservoir asks for.

use std::fs::File;
use std::path::Path;

use symphonia::core::audio::Channels;
use symphonia::core::audio::layouts;
use symphonia::core::codecs::audio::well_known as id;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use super::decoder::{contained, fault, make_decoder};
use super::mpeg::{FrameHead, Info, find_first, info};
use super::packets::{Fault, Packets};
use super::wav::read_full_at;
use super::{MediaError, Spec};

/// What a layer III decoder adds to the encoder's delay: 528 frames of its filter bank and one
/// more (LAME's technical FAQ).
const DECODER_DELAY: u32 = 529;
/// A frame may refer back by 511 bytes of main data; the overlap and the filter bank reach back
/// one frame more. Run-up until so many bytes and frames are behind.
const RUN_UP_BYTES: u64 = 2048;
const RUN_UP_FRAMES: usize = 6;

/// The frames of a file, decoded.
pub(super) struct Mp3 {
    file: File,
    decoder: Box<dyn AudioDecoder>,
    first: FrameHead,
    /// Bytes of the file.
    len: u64,
    /// Offset of each frame known so far, and of what follows the last.
    index: Vec<u64>,
    /// Number of the frame to decode next.
    next: usize,
    /// Audio frames before the first of the material.
    delay: u32,
    /// Faults of frames before this number are passed over.
    quiet_until: usize,
    packet: Vec<u8>,
    window: Vec<u8>,
    window_at: u64,
}

/// What stands where a frame should be.
enum At {
    Frame(FrameHead),
    End,
    /// Something else, and frames after it; or a frame that is cut off.
    Damage(&'static str),
}

impl Mp3 {
    /// Opens the file whose first frame is at `start`, and tells what it is.
    pub(super) fn open(
        path: &Path,
        file: File,
        len: u64,
        start: u64,
    ) -> Result<(Spec, Self), MediaError> {
        let unreadable = |error| MediaError::Unreadable {
            path: path.into(),
            error,
        };
        let unsupported = |what: &str| MediaError::Unsupported {
            path: path.into(),
            what: what.into(),
        };
        let mut head = [0u8; 4];
        read_full_at(&file, start, &mut head).map_err(unreadable)?;
        let first = FrameHead::parse(head).ok_or_else(|| unsupported("no MPEG frame"))?;
        let mut packet = vec![0u8; first.bytes];
        let got = read_full_at(&file, start, &mut packet).map_err(unreadable)?;
        packet.truncate(got);
        let told = info(&packet);
        let begin = start
            + if told.is_some() {
                first.bytes as u64
            } else {
                0
            };

        let mut params = AudioCodecParameters::new();
        let codec = match first.layer {
            1 => id::CODEC_ID_MP1,
            2 => id::CODEC_ID_MP2,
            _ => id::CODEC_ID_MP3,
        };
        let layout: Channels = match first.channels {
            1 => layouts::CHANNEL_LAYOUT_MONO,
            _ => layouts::CHANNEL_LAYOUT_STEREO,
        };
        params
            .for_codec(codec)
            .with_sample_rate(first.rate)
            .with_channels(layout);
        let decoder = make_decoder(&params, false).map_err(|e| unsupported(&e.to_string()))?;

        let Info {
            count,
            delay_padding,
        } = told.unwrap_or_default();
        let mut this = Self {
            file,
            decoder,
            first,
            len,
            index: vec![begin],
            next: 0,
            delay: delay_padding.map_or(0, |(delay, _)| delay + DECODER_DELAY),
            quiet_until: 0,
            packet,
            window: Vec::new(),
            window_at: 0,
        };
        let count = match count {
            Some(n) => Some(u64::from(n)),
            // Nothing tells the length: look at every frame's head.
            None => this.count().map_err(unreadable)?,
        };
        let frames = count.map(|n| {
            let all = n * u64::from(first.frames);
            let after =
                delay_padding.map_or(0, |(_, padding)| padding.saturating_sub(DECODER_DELAY));
            all.saturating_sub(u64::from(this.delay) + u64::from(after))
        });
        let spec = Spec {
            path: path.into(),
            format: format!("MP{}", first.layer),
            rate: first.rate,
            channels: first.channels,
            frames,
            notice: delay_padding.is_none().then(|| {
                "this file doesn't tell its encoder's delay, so it may start some 10 to 50 ms late; for exact sync use WAV or FLAC, or an MP3 with a LAME header".into()
            }),
        };
        Ok((spec, this))
    }

    /// Number of frames to the end; `None` if the walk meets damage.
    fn count(&mut self) -> std::io::Result<Option<u64>> {
        loop {
            let number = self.index.len() - 1;
            match self.at(number)? {
                At::Frame(_) => {}
                At::End => return Ok(Some(number as u64)),
                At::Damage(_) => return Ok(None),
            }
        }
    }

    /// Bytes of the file at `offset`, through a window.
    fn bytes(&mut self, offset: u64, n: usize) -> std::io::Result<&[u8]> {
        const WINDOW: usize = 32 * 1024;
        let end = offset.saturating_add(n as u64);
        let inside = offset >= self.window_at && end <= self.window_at + self.window.len() as u64;
        if !inside {
            self.window.resize(WINDOW.max(n), 0);
            let got = read_full_at(&self.file, offset, &mut self.window);
            self.window.truncate(*got.as_ref().unwrap_or(&0));
            self.window_at = offset;
            got?;
        }
        let from = (offset - self.window_at) as usize;
        let to = (from + n).min(self.window.len());
        Ok(self.window.get(from..to).unwrap_or_default())
    }

    /// Looks at frame `number`, whose offset must be known, and learns the offset of the next.
    fn at(&mut self, number: usize) -> std::io::Result<At> {
        let Some(&offset) = self.index.get(number) else {
            return Ok(At::End);
        };
        let head = self.bytes(offset, 4)?;
        let head = head.first_chunk().and_then(|&word| FrameHead::parse(word));
        match head.filter(|h| h.matches(&self.first)) {
            Some(head) => {
                let end = offset + head.bytes as u64;
                if end > self.len {
                    return Ok(At::Damage("the last frame is cut off"));
                }
                if number + 1 == self.index.len() {
                    self.index.push(end);
                }
                Ok(At::Frame(head))
            }
            None => {
                // Tags and padding may follow the audio; more frames mean that some are lost.
                const LOOK: usize = 64 * 1024;
                let whole = offset.saturating_add(LOOK as u64) >= self.len;
                let rest = self.bytes(offset, LOOK)?;
                Ok(match rest {
                    [b'T', b'A', b'G', ..]
                    | [b'A', b'P', b'E', b'T', ..]
                    | [b'L', b'Y', b'R', ..] => At::End,
                    rest if find_first(rest, whole).is_some() => {
                        At::Damage("a part of the data is missing or overwritten")
                    }
                    _ => At::End,
                })
            }
        }
    }
}

impl Packets for Mp3 {
    fn next(&mut self, planes: &mut Vec<Vec<f32>>) -> Result<Option<i64>, Fault> {
        loop {
            let number = self.next;
            let head = match self.at(number).map_err(Fault::Io)? {
                At::Frame(head) => head,
                At::End => return Ok(None),
                At::Damage(what) => return Err(Fault::Damaged(what.into())),
            };
            let offset = self.index.get(number).copied().unwrap_or(self.len);
            let mut packet = std::mem::take(&mut self.packet);
            packet.clear();
            packet.extend_from_slice(self.bytes(offset, head.bytes).map_err(Fault::Io)?);
            self.next += 1;
            let at = number as i64 * i64::from(head.frames);
            let decoder = &mut self.decoder;
            let result = contained(|| {
                let dur = Duration::from(u64::from(head.frames));
                let audio = Packet::new(0, Timestamp::new(at), dur, packet.as_slice());
                decoder.decode(&audio)?.copy_to_vecs_planar(planes);
                Ok(())
            });
            self.packet = packet;
            match result {
                Ok(()) => return Ok(Some(at - i64::from(self.delay))),
                Err(_) if number < self.quiet_until => {}
                Err(e) => return Err(fault(e)),
            }
        }
    }

    fn seek(&mut self, target: u64) -> Result<(), Fault> {
        let raw = target.saturating_add(u64::from(self.delay));
        let number = usize::try_from(raw / u64::from(self.first.frames)).unwrap_or(usize::MAX);
        self.decoder.reset();
        self.quiet_until = 0;
        while self.index.len() <= number {
            match self.at(self.index.len() - 1).map_err(Fault::Io)? {
                At::Frame(_) => {}
                At::End | At::Damage(_) => {
                    // Reading on from there tells which.
                    self.next = self.index.len() - 1;
                    return Ok(());
                }
            }
        }
        let offset = |n: usize| self.index.get(n).copied().unwrap_or(0);
        let end = offset(number);
        let mut start = number;
        while start > 0 && (number - start < RUN_UP_FRAMES || end - offset(start) < RUN_UP_BYTES) {
            start -= 1;
        }
        self.next = start;
        // From the very start nothing is excused: linear reading would have met it as well.
        self.quiet_until = if start > 0 { number } else { 0 };
        Ok(())
    }
}
