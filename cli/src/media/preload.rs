//! Files that can only be sought by decoding from the start, held in memory.

use super::packets::{Fault, Packets};
use super::{MediaError, OpenOptions, Reader, Spec};

/// A whole file as planar float.
pub(super) struct Preloaded {
    spec: Spec,
    planes: Vec<Vec<f32>>,
    pos: usize,
    /// Why it ends before its time.
    damage: Option<String>,
    reported: bool,
}

impl Preloaded {
    /// Decodes all of `packets`. The first `skip` frames (encoder delay) are left out; then the file
    /// has `spec.frames` frames, where that is known.
    pub(super) fn load(
        mut spec: Spec,
        mut packets: impl Packets,
        skip: u64,
        options: &OpenOptions,
    ) -> Result<Self, MediaError> {
        let frame_bytes = (spec.channels * size_of::<f32>()) as u64;
        let too_big = |frames: u64| frames.saturating_mul(frame_bytes) > options.preload_limit;
        let refuse = |spec: &Spec| MediaError::Unsupported {
            path: spec.path.clone(),
            what: format!(
                "{} can only be sought when it is in memory, and it needs more than --preload-limit ({} MB); raise the limit or convert it to FLAC or WAV",
                spec.format,
                options.preload_limit / 1_000_000
            ),
        };
        if spec.frames.is_some_and(too_big) {
            return Err(refuse(&spec));
        }
        let mut planes = vec![Vec::<f32>::new(); spec.channels];
        let mut block = Vec::new();
        let mut skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let mut damage = None;
        let mut frames = 0u64;
        loop {
            match packets.next(&mut block) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(Fault::Damaged(what)) => {
                    damage = Some(what);
                    break;
                }
                Err(Fault::Io(error)) => {
                    return Err(MediaError::Unreadable {
                        path: spec.path.clone(),
                        error,
                    });
                }
            }
            let n = block.first().map_or(0, Vec::len);
            let from = skip.min(n);
            skip -= from;
            let left = spec.frames.map_or(u64::MAX, |t| t - frames.min(t));
            let to = from + ((n - from) as u64).min(left) as usize;
            frames += (to - from) as u64;
            if too_big(frames) {
                return Err(refuse(&spec));
            }
            for (c, plane) in planes.iter_mut().enumerate() {
                match block.get(c).and_then(|b| b.get(from..to)) {
                    Some(part) => plane.extend_from_slice(part),
                    None => plane.resize(plane.len() + to - from, 0.0),
                }
            }
            if spec.frames == Some(frames) {
                break;
            }
        }
        match spec.frames {
            Some(total) if frames < total => {
                damage.get_or_insert_with(|| {
                    format!("the file ends there, it should hold {total} frames")
                });
            }
            Some(_) => damage = None,
            None if damage.is_none() => spec.frames = Some(frames),
            None => {}
        }
        Ok(Self {
            spec,
            planes,
            pos: 0,
            damage,
            reported: false,
        })
    }
}

impl Reader for Preloaded {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn read(&mut self, planes: &mut [&mut [f32]]) -> Result<usize, MediaError> {
        let asked = planes.iter().map(|p| p.len()).min().unwrap_or(0);
        let there = self.planes.first().map_or(0, Vec::len);
        let n = asked.min(there.saturating_sub(self.pos));
        if n == 0 {
            let inside = self.spec.frames.is_none_or(|t| (self.pos as u64) < t);
            if let Some(what) = &self.damage
                && asked > 0
                && inside
                && !self.reported
            {
                self.reported = true;
                return Err(MediaError::Damaged {
                    path: self.spec.path.clone(),
                    frame: there as u64,
                    what: what.clone(),
                });
            }
            return Ok(0);
        }
        for (c, plane) in planes.iter_mut().enumerate() {
            let out = plane.get_mut(..n).unwrap_or_default();
            match self
                .planes
                .get(c)
                .and_then(|p| p.get(self.pos..self.pos + n))
            {
                Some(part) => out.copy_from_slice(part),
                None => out.fill(0.0),
            }
        }
        self.pos += n;
        Ok(n)
    }

    fn seek(&mut self, frame: u64) -> Result<(), MediaError> {
        self.pos = usize::try_from(frame).unwrap_or(usize::MAX);
        self.reported = false;
        Ok(())
    }
}
