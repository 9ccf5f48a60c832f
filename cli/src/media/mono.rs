//! Folding to one channel, as `--mono` does.

use super::{MediaError, Reader, Spec};

/// The average of all channels: (L+R)/2 for two. A reader of one channel passes unchanged.
pub fn mono(reader: Box<dyn Reader>) -> Box<dyn Reader> {
    let channels = reader.spec().channels;
    if channels <= 1 {
        return reader;
    }
    let spec = Spec {
        channels: 1,
        ..reader.spec().clone()
    };
    Box::new(Mono {
        spec,
        inner: reader,
        planes: vec![Vec::new(); channels],
    })
}

struct Mono {
    spec: Spec,
    inner: Box<dyn Reader>,
    planes: Vec<Vec<f32>>,
}

impl Reader for Mono {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn read(&mut self, planes: &mut [&mut [f32]]) -> Result<usize, MediaError> {
        let asked = planes.iter().map(|p| p.len()).min().unwrap_or(0);
        for plane in &mut self.planes {
            plane.resize(asked.max(plane.len()), 0.0);
        }
        let inner = &mut self.inner;
        let n = super::with_slices(&mut self.planes, 0, asked, |slices| inner.read(slices))?;
        self.spec.frames = inner.spec().frames;
        let scale = 1.0 / self.planes.len() as f32;
        let Some((out, surplus)) = planes.split_first_mut() else {
            return Ok(0);
        };
        let out = out.get_mut(..n).unwrap_or_default();
        for (c, plane) in self.planes.iter().enumerate() {
            if c == 0 {
                out.copy_from_slice(plane.get(..n).unwrap_or_default());
            } else {
                out.iter_mut().zip(plane).for_each(|(o, x)| *o += x);
            }
        }
        out.iter_mut().for_each(|o| *o *= scale);
        for plane in surplus {
            plane.iter_mut().take(n).for_each(|x| *x = 0.0);
        }
        Ok(n)
    }

    fn seek(&mut self, frame: u64) -> Result<(), MediaError> {
        self.inner.seek(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Ramp;
    use super::*;

    #[test]
    fn the_fold_is_the_average() {
        let mut r = mono(Box::new(Ramp::new(48_000, 2, 1000)));
        assert_eq!(r.spec().channels, 1);
        assert_eq!(r.spec().frames, Some(1000));
        let mut out = [0.0f32; 300];
        r.seek(10).unwrap();
        assert_eq!(r.read(&mut [&mut out]).unwrap(), 300);
        for (i, x) in out.iter().enumerate() {
            let want = (Ramp::value(10 + i as u64, 0) + Ramp::value(10 + i as u64, 1)) / 2.0;
            assert_eq!(*x, want);
        }
        r.seek(999).unwrap();
        assert_eq!(r.read(&mut [&mut out]).unwrap(), 1);
        assert_eq!(r.read(&mut [&mut out]).unwrap(), 0);
    }
}
