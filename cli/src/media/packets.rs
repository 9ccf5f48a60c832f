//! Compressed files, packet by packet: from a decoder's packets to frames at exact positions.

use super::{MediaError, Reader, Spec};

/// What a decoder couldn't do.
#[derive(Debug)]
pub(super) enum Fault {
    /// The file is damaged here: what the decoder said.
    Damaged(String),
    /// The system said no.
    Io(std::io::Error),
}

/// A decoder with its demuxer.
pub(super) trait Packets: Send {
    /// Decodes on until there are frames, puts them to `planes` (channels × frames, of equal
    /// length) and returns the frame at which they start, on a timeline whose frame 0 is the
    /// first of the material. `None` at the end.
    fn next(&mut self, planes: &mut Vec<Vec<f32>>) -> Result<Option<i64>, Fault>;

    /// Goes to a place before `target` from which decoding gives, at `target`, the very bits
    /// that decoding from the start gives there. Faults before `target` may be passed over.
    fn seek(&mut self, target: u64) -> Result<(), Fault>;
}

/// The frames of a decoder as a reader.
pub(super) struct PacketReader<P> {
    spec: Spec,
    packets: P,
    /// The last decoded packet and the frame at which it starts.
    block: Vec<Vec<f32>>,
    block_at: i64,
    /// Next frame to give.
    pos: u64,
    /// Where the next packet must start; `None` after a seek, until the target is reached.
    expected: Option<i64>,
    /// End of the last packet that was decoded.
    reached: Option<i64>,
    /// Nothing more to come until a seek.
    ended: bool,
    /// A fault that was met when frames had to be given first.
    held: Option<MediaError>,
}

fn frames_of(block: &[Vec<f32>]) -> usize {
    block.first().map_or(0, Vec::len)
}

impl<P: Packets> PacketReader<P> {
    /// A reader at frame 0 of freshly opened `packets`.
    pub(super) fn new(spec: Spec, packets: P) -> Self {
        Self {
            spec,
            packets,
            block: Vec::new(),
            block_at: 0,
            pos: 0,
            expected: None,
            reached: None,
            ended: false,
            held: None,
        }
    }

    fn damaged(&mut self, what: String) -> MediaError {
        self.ended = true;
        MediaError::Damaged {
            path: self.spec.path.clone(),
            frame: self.pos,
            what,
        }
    }

    /// Decodes the packet that holds `pos`, or finds the end.
    fn advance(&mut self) -> Result<(), MediaError> {
        match self.packets.next(&mut self.block) {
            Ok(Some(at)) => {
                let frames = frames_of(&self.block) as i64;
                let target = i64::try_from(self.pos).unwrap_or(i64::MAX);
                // A first packet may start before the target (pre-roll); one that starts after it,
                // or any that doesn't follow the last, means that data is missing.
                let fits = match self.expected {
                    Some(expected) => at == expected,
                    None => at <= target,
                };
                if !fits {
                    for plane in &mut self.block {
                        plane.clear();
                    }
                    return Err(self.damaged("a part of the data is missing".into()));
                }
                self.block_at = at;
                let end = at.saturating_add(frames);
                self.reached = Some(end);
                self.expected = (end > target).then_some(end);
                Ok(())
            }
            Ok(None) => {
                self.ended = true;
                match self.spec.frames {
                    Some(total) if self.pos < total => Err(self.damaged(format!(
                        "the file ends there, it should hold {total} frames"
                    ))),
                    Some(_) => Ok(()),
                    None => {
                        // The end of the last packet is the length, unless a seek passed it; without
                        // any packet from the start on there is nothing.
                        let nothing = (self.pos == 0).then_some(0);
                        let end = self.reached.and_then(|e| u64::try_from(e).ok());
                        self.spec.frames = end.or(nothing);
                        Ok(())
                    }
                }
            }
            Err(Fault::Damaged(what)) => Err(self.damaged(what)),
            Err(Fault::Io(error)) => {
                self.ended = true;
                Err(MediaError::Unreadable {
                    path: self.spec.path.clone(),
                    error,
                })
            }
        }
    }
}

impl<P: Packets> Reader for PacketReader<P> {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn read(&mut self, planes: &mut [&mut [f32]]) -> Result<usize, MediaError> {
        let asked = planes.iter().map(|p| p.len()).min().unwrap_or(0);
        if asked > 0
            && let Some(fault) = self.held.take()
        {
            return Err(fault);
        }
        let mut done = 0;
        while done < asked {
            let left = self
                .spec
                .frames
                .map_or(u64::MAX, |t| t.saturating_sub(self.pos));
            if self.ended || left == 0 {
                break;
            }
            let frames = frames_of(&self.block) as i64;
            let target = i64::try_from(self.pos).unwrap_or(i64::MAX);
            let ahead = target.saturating_sub(self.block_at);
            if ahead < 0 || ahead >= frames {
                // What was already read in this call goes out first.
                match self.advance() {
                    Ok(()) => continue,
                    Err(e) if done > 0 => {
                        self.held = Some(e);
                        break;
                    }
                    Err(e) => return Err(e),
                }
            }
            let from = ahead as usize;
            let n = ((frames - ahead) as u64)
                .min(left)
                .min((asked - done) as u64) as usize;
            for (c, plane) in planes.iter_mut().enumerate() {
                let out = plane.get_mut(done..done + n).unwrap_or_default();
                match self.block.get(c).and_then(|p| p.get(from..from + n)) {
                    Some(part) => out.copy_from_slice(part),
                    None => out.fill(0.0),
                }
            }
            done += n;
            self.pos += n as u64;
        }
        Ok(done)
    }

    fn seek(&mut self, frame: u64) -> Result<(), MediaError> {
        self.held = None;
        self.ended = false;
        self.pos = frame;
        let target = i64::try_from(frame).unwrap_or(i64::MAX);
        let in_block = target
            .checked_sub(self.block_at)
            .is_some_and(|ahead| (0..frames_of(&self.block) as i64).contains(&ahead));
        if in_block {
            return Ok(());
        }
        for plane in &mut self.block {
            plane.clear();
        }
        self.expected = None;
        self.reached = None;
        if self.spec.frames.is_some_and(|total| frame >= total) {
            self.ended = true;
            return Ok(());
        }
        match self.packets.seek(frame) {
            Ok(()) => Ok(()),
            Err(Fault::Damaged(what)) => {
                // Reading on from there reports it.
                self.held = Some(self.damaged(what));
                Ok(())
            }
            Err(Fault::Io(error)) => Err(MediaError::Unreadable {
                path: self.spec.path.clone(),
                error,
            }),
        }
    }
}
