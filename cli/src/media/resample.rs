//! Resampling a reader to another rate, frame 0 on frame 0, with exact seeks.

use audioadapter_buffers::direct::SequentialSliceOfVecs;
use rubato::{Fft, FixedSync, Resampler};

use super::blemish::Blemishes;
use super::{MediaError, Reader, Spec};

/// Wanted input frames of one transform.
const CHUNK: u32 = 1024;
/// Chunks that a seek starts early. The overlap of one chunk reaches into the next, so that one
/// is enough; two cost nothing and leave a margin.
const EARLY: u64 = 2;

/// Longest chunk of one channel, and of all together, in samples, before or after. Rates without a common
/// divisor make chunks of twice the rate; beyond these it takes seconds to prepare for them.
const MAX_CHUNK: usize = 400_000;
const MAX_CHUNK_ALL: usize = 4_000_000;

/// Length of `frames` frames at `from` Hz when they are played at `to` Hz: rounded to the nearest
/// frame, a half up.
pub fn resampled_frames(frames: u64, from: u32, to: u32) -> u64 {
    let (from, to) = (u128::from(from.max(1)), u128::from(to));
    let twice = u128::from(frames) * to * 2 + from;
    u64::try_from(twice / (from * 2)).unwrap_or(u64::MAX)
}

/// Input frames of one transform: an even multiple of the fewest that make a whole number of output
/// frames, since only an even transform delays by a whole number of frames.
fn chunk(from: u32, to: u32) -> usize {
    let (mut a, mut b) = (from, to);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    let fewest = (from / a.max(1)).max(1);
    fewest as usize * CHUNK.div_ceil(fewest).next_multiple_of(2) as usize
}

/// A reader at another rate.
pub(super) struct Resampled {
    spec: Spec,
    inner: Box<dyn Reader>,
    fft: Fft<f32>,
    chunk_in: usize,
    chunk_out: usize,
    /// Output frames before the first of the material.
    delay: u64,
    input: Vec<Vec<f32>>,
    output: Vec<Vec<f32>>,
    /// What was no sound in the input, by its frame in the raw output.
    blemishes: Blemishes,
    /// Index of the chunk that `output` holds; `None` before the first.
    at_chunk: Option<u64>,
    /// Index of the chunk that comes next out of `inner`.
    next_chunk: u64,
    /// Next frame to give.
    pos: u64,
    /// The inner reader has no more to give until a seek.
    drained: bool,
    /// Output length as far as it is known, cut short by damage.
    end: Option<u64>,
    /// The damage, kept until everything before it was given.
    held: Option<MediaError>,
}

impl Resampled {
    /// A reader at `rate`, which isn't 0.
    pub(super) fn new(inner: Box<dyn Reader>, rate: u32) -> Result<Self, MediaError> {
        let of = inner.spec();
        let channels = of.channels;
        let chunk = chunk(of.rate, rate);
        let refused = || MediaError::Unsupported {
            path: of.path.clone(),
            what: format!(
                "{} Hz can't be resampled to {rate} Hz, the two have too little in common; convert it to {rate} Hz",
                of.rate
            ),
        };
        let after = resampled_frames(chunk as u64, of.rate, rate);
        let longest = chunk.max(usize::try_from(after).unwrap_or(usize::MAX));
        if longest > MAX_CHUNK || longest.saturating_mul(channels) > MAX_CHUNK_ALL {
            return Err(refused());
        }
        let fft = Fft::<f32>::new(
            of.rate as usize,
            rate as usize,
            chunk,
            channels,
            FixedSync::Both,
        )
        .map_err(|_| refused())?;
        let frames = of.frames.map(|f| resampled_frames(f, of.rate, rate));
        let spec = Spec {
            rate,
            frames,
            ..of.clone()
        };
        let (chunk_in, chunk_out) = (fft.input_frames_max(), fft.output_frames_max());
        Ok(Self {
            spec,
            inner,
            chunk_in,
            chunk_out,
            delay: fft.output_delay() as u64,
            fft,
            input: vec![vec![0.0; chunk_in]; channels],
            output: vec![vec![0.0; chunk_out]; channels],
            blemishes: Blemishes::default(),
            at_chunk: None,
            next_chunk: 0,
            pos: 0,
            drained: false,
            end: frames,
            held: None,
        })
    }

    /// Resamples the next chunk of the inner reader; silence follows its end.
    fn advance(&mut self) {
        let mut filled = 0;
        while filled < self.chunk_in && !self.drained {
            let inner = &mut self.inner;
            let got = super::with_slices(&mut self.input, filled, self.chunk_in, |slices| {
                inner.read(slices)
            });
            match got {
                Ok(0) => self.close(filled as u64, None),
                Ok(n) => filled += n,
                Err(e) => self.close(filled as u64, Some(e)),
            }
        }
        for plane in &mut self.input {
            plane.get_mut(filled..).unwrap_or_default().fill(0.0);
        }
        let (from, to) = (self.inner.spec().rate, self.spec.rate);
        let first = self.next_chunk.saturating_mul(self.chunk_in as u64);
        self.blemishes.take_from(&mut self.input, |frame| {
            resampled_frames(first.saturating_add(frame), from, to).saturating_add(self.delay)
        });
        let channels = self.input.len();
        let (chunk_in, chunk_out) = (self.chunk_in, self.chunk_out);
        let input = SequentialSliceOfVecs::new(&self.input, channels, chunk_in);
        let output = SequentialSliceOfVecs::new_mut(&mut self.output, channels, chunk_out);
        let made = match (input, output) {
            (Ok(input), Ok(mut output)) => self
                .fft
                .process_into_buffer(&input, &mut output, None)
                .is_ok(),
            _ => false,
        };
        if !made {
            // The buffers have the sizes that the resampler asked for, so this is out of reach.
            for plane in &mut self.output {
                plane.fill(0.0);
            }
        }
        let first = self.next_chunk.saturating_mul(chunk_out as u64);
        self.blemishes.put_into(&mut self.output, first);
        self.at_chunk = Some(self.next_chunk);
        self.next_chunk += 1;
    }

    /// The inner reader ended `filled` frames into the chunk being filled.
    fn close(&mut self, filled: u64, fault: Option<MediaError>) {
        self.drained = true;
        let reached = (self.next_chunk)
            .saturating_mul(self.chunk_in as u64)
            .saturating_add(filled);
        let of = self.inner.spec();
        if fault.is_none() {
            // The reader may have learnt its length only now.
            let known = of
                .frames
                .map(|f| resampled_frames(f, of.rate, self.spec.rate));
            self.spec.frames = known;
            self.end = known.or(Some(resampled_frames(reached, of.rate, self.spec.rate)));
        } else {
            self.end = Some(resampled_frames(reached, of.rate, self.spec.rate));
        }
        self.held = fault;
    }
}

impl Reader for Resampled {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn read(&mut self, planes: &mut [&mut [f32]]) -> Result<usize, MediaError> {
        let asked = planes.iter().map(|p| p.len()).min().unwrap_or(0);
        let mut done = 0;
        while done < asked {
            if self.end.is_some_and(|end| self.pos >= end) {
                // Damage on the very last frames shows only when the inner reader is asked for them.
                if !self.drained && self.held.is_none() {
                    self.advance();
                    continue;
                }
                break;
            }
            let raw = self.pos.saturating_add(self.delay);
            let chunk = raw / self.chunk_out as u64;
            if self.at_chunk != Some(chunk) {
                self.advance();
                continue;
            }
            let from = (raw % self.chunk_out as u64) as usize;
            let left = self.end.map_or(u64::MAX, |end| end - self.pos);
            let n = ((self.chunk_out - from).min(asked - done) as u64).min(left) as usize;
            for (c, plane) in planes.iter_mut().enumerate() {
                let out = plane.get_mut(done..done + n).unwrap_or_default();
                match self.output.get(c).and_then(|p| p.get(from..from + n)) {
                    Some(part) => out.copy_from_slice(part),
                    None => out.fill(0.0),
                }
            }
            done += n;
            self.pos += n as u64;
        }
        if done == 0
            && asked > 0
            && let Some(fault) = self.held.take()
        {
            return Err(fault);
        }
        Ok(done)
    }

    fn seek(&mut self, frame: u64) -> Result<(), MediaError> {
        self.held = None;
        self.pos = frame;
        self.end = self.spec.frames;
        if self.spec.frames.is_some_and(|total| frame >= total) {
            self.drained = true;
            return Ok(());
        }
        let chunk = frame.saturating_add(self.delay) / self.chunk_out as u64;
        self.next_chunk = chunk.saturating_sub(EARLY);
        self.at_chunk = None;
        self.drained = false;
        self.fft.reset();
        self.blemishes = Blemishes::default();
        self.inner
            .seek(self.next_chunk.saturating_mul(self.chunk_in as u64))
    }
}
