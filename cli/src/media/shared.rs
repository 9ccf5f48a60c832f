//! One source that can be opened only once, read from several places.

use std::sync::{Arc, Mutex, PoisonError};

use super::{MediaError, Reader, Spec};

/// A reader behind a lock, for standard input: it can't be opened again, and several decks may
/// want it at different frames.
#[derive(Clone)]
pub struct Shared {
    spec: Spec,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    reader: Box<dyn Reader>,
    /// The frame that it gives next.
    at: u64,
}

impl Shared {
    /// Shares a reader that is at frame 0.
    pub fn new(reader: Box<dyn Reader>) -> Self {
        Self {
            spec: reader.spec().clone(),
            inner: Arc::new(Mutex::new(Inner { reader, at: 0 })),
        }
    }

    /// Another reader of the same source, at frame 0.
    pub fn reader(&self) -> Box<dyn Reader> {
        Box::new(View {
            shared: self.clone(),
            at: 0,
        })
    }
}

struct View {
    shared: Shared,
    at: u64,
}

impl Reader for View {
    fn spec(&self) -> &Spec {
        &self.shared.spec
    }

    fn read(&mut self, planes: &mut [&mut [f32]]) -> Result<usize, MediaError> {
        let mut inner = (self.shared.inner.lock()).unwrap_or_else(PoisonError::into_inner);
        if inner.at != self.at {
            inner.reader.seek(self.at)?;
            inner.at = self.at;
        }
        let frames = inner.reader.read(planes)?;
        self.at += frames as u64;
        inner.at = self.at;
        Ok(frames)
    }

    fn seek(&mut self, frame: u64) -> Result<(), MediaError> {
        // Whether the source can be there shows when it is read.
        self.at = frame;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::OpenOptions;
    use super::super::stream::WavPipe;
    use super::*;
    use crate::output::{WavFormat, WavWriter};
    use engine_core::convert::Dither;

    #[test]
    fn two_readers_of_a_pipe_each_get_all_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let ramp: Vec<f32> = (0..50_000).map(|i| i as f32).collect();
        let mut wav = WavWriter::create(&path, WavFormat::F32, Dither::None, 48_000, 1).unwrap();
        wav.write(&[&ramp], ramp.len()).unwrap();
        wav.finish().unwrap();
        let pipe = std::fs::File::open(&path).unwrap();
        let pipe = WavPipe::open(&path, Box::new(pipe), &OpenOptions::default()).unwrap();

        let shared = Shared::new(Box::new(pipe));
        let mut readers = [shared.reader(), shared.reader()];
        let mut got = [Vec::new(), Vec::new()];
        for (turn, step) in [300, 7, 20_000, 4096, 1, 30_000].iter().cycle().enumerate() {
            let i = turn % 2;
            let mut plane = vec![0.0; *step];
            let n = readers[i].read(&mut [&mut plane]).unwrap();
            got[i].extend_from_slice(&plane[..n]);
            if got.iter().all(|g| g.len() == ramp.len()) {
                break;
            }
        }
        assert!(got[0] == ramp && got[1] == ramp);
        readers[1].seek(123).unwrap();
        let mut plane = [0.0; 2];
        readers[1].read(&mut [&mut plane]).unwrap();
        assert_eq!(plane, [123.0, 124.0]);
    }
}
