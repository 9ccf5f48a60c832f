//! A stream that is kept going while nothing is to be heard: from the opening on, over ends and pauses, without a gap
//! before the next frame; exact to the sample on both sides.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use backend_alsa::{Access, Alsa, AlsaOptions, KeepAlive};
use backline_tests::alsa_rig::{Ramp, Shared, isolated, until};
use engine_core::backend::{Backend, Closed, Halt, Health, Wish};
use engine_core::convert::{Dither, SampleFormat};

const LONG: Duration = Duration::from_secs(20);
/// Bytes of a frame: two samples of 32 bit.
const FRAME: usize = 8;

struct Kept {
    backend: Alsa<Ramp>,
    ramp: Arc<Shared>,
    file: PathBuf,
}

impl Kept {
    /// Opens; nothing is started yet.
    fn open(folder: &Path, settings: &str, access: Access, keep_alive: KeepAlive) -> Self {
        let file = folder.join("heard.raw");
        let mut backend = Alsa::new(AlsaOptions {
            device: format!("faulty:FILE={},{settings}", file.display()),
            access,
            dither: Dither::None,
            keep_alive,
            ..AlsaOptions::default()
        });
        let wish = Wish {
            rate: Some(48_000),
            // Long, for a busy machine.
            period: Some(2048),
            periods: Some(4),
            format: Some(SampleFormat::S32),
            outs: &["left", "right"],
        };
        backend.open(&wish).unwrap();
        Self {
            backend,
            ramp: Arc::default(),
            file,
        }
    }

    fn start(&mut self, length: u64) {
        let (process, ramp) = Ramp::new(SampleFormat::S32, length);
        self.ramp = ramp;
        self.backend.start(process).unwrap();
    }

    fn given(&self) -> u64 {
        self.ramp.given.load(Ordering::Acquire)
    }

    /// Frames heard so far.
    fn heard(&self) -> usize {
        std::fs::metadata(&self.file).map_or(0, |m| m.len() as usize / FRAME)
    }

    /// Waits until the device has played on for so many frames.
    fn goes_on(&self, frames: usize) {
        let before = self.heard();
        until("the device going on", || self.heard() > before + frames);
    }

    fn drain(&mut self) {
        self.backend.halt(Halt::Drain, LONG).unwrap();
        let report = self.backend.report();
        assert_eq!((report.health, report.latency_frames), (Health::Halted, 0));
    }

    /// Closes; what was heard, in steps of 24 bit.
    fn close(mut self) -> Vec<[i32; 2]> {
        assert_eq!(self.backend.close(LONG), Closed::Clean);
        let bytes = std::fs::read(&self.file).unwrap();
        let (frames, rest) = bytes.as_chunks::<FRAME>();
        assert!(rest.is_empty());
        let frames = frames.iter().map(|f| {
            let (words, _) = f.as_chunks::<4>();
            [words[0], words[1]].map(|w| {
                let word = i32::from_le_bytes(w);
                assert_eq!(word & 0xff, 0, "below the step of 24 bit");
                word >> 8
            })
        });
        frames.collect()
    }
}

/// The number of a ramp's frame; `None` for one that isn't.
fn number(frame: [i32; 2]) -> Option<u64> {
    (frame[0] >= 1 && frame[1] == !frame[0]).then_some(frame[0] as u64)
}

/// That the ramp came whole and in order; how many other frames there were before it, after each of `stops`, and at the end.
fn rests(heard: &[[i32; 2]], stops: &[u64]) -> Vec<usize> {
    let mut next = 1;
    let mut rests = vec![0];
    for (at, frame) in heard.iter().enumerate() {
        match number(*frame) {
            Some(n) => {
                assert_eq!(n, next, "frame {at}");
                if rests.len() <= stops.len() && n == stops[rests.len() - 1] + 1 {
                    panic!("no rest at {n}");
                }
                next += 1;
                if stops.contains(&n) {
                    rests.push(0);
                }
            }
            None => {
                let begun = next == 1 || stops.contains(&(next - 1));
                assert!(begun, "{frame:?} amid the ramp, behind {}", next - 1);
                *rests.last_mut().unwrap() += 1;
            }
        }
    }
    assert_eq!(Some(&(next - 1)), stops.last());
    rests
}

#[test]
fn silence_before_between_and_after() {
    isolated("silence_before_between_and_after", |folder| {
        for access in [Access::Mmap, Access::Rw] {
            let mut kept = Kept::open(folder, "SPEED=1", access, KeepAlive::Silence);
            // Before anything is started.
            kept.goes_on(10_000);
            assert_eq!(kept.backend.report().health, Health::Halted);
            kept.start(u64::MAX);
            let mut stops = Vec::new();
            for _ in 0..3 {
                let before = kept.given();
                until("the ramp", || kept.given() > before + 10_000);
                assert_eq!(kept.backend.report().health, Health::Running);
                kept.drain();
                stops.push(kept.given());
                kept.goes_on(10_000);
                assert_eq!(Some(&kept.given()), stops.last(), "nobody was asked");
                if stops.len() < 3 {
                    kept.backend.resume().unwrap();
                }
            }
            let heard = kept.close();
            assert!(heard.iter().all(|f| number(*f).is_some() || *f == [0; 2]));
            for rest in rests(&heard, &stops) {
                assert!(rest >= 10_000, "{access:?}: {rest} frames of silence");
            }
        }
    });
}

#[test]
fn noise_of_one_step_takes_the_place_of_digital_silence_only() {
    isolated(
        "noise_of_one_step_takes_the_place_of_digital_silence_only",
        |folder| {
            let mut kept = Kept::open(folder, "SPEED=1", Access::Auto, KeepAlive::Noise);
            kept.goes_on(10_000);
            // Ten periods whole; behind its end the engine gives zeros, and is asked on.
            let length = 20_480;
            kept.start(length);
            until("the zeros behind it", || {
                kept.ramp.after_end.load(Ordering::Relaxed) > 10
            });
            kept.drain();
            kept.goes_on(10_000);
            let heard = kept.close();
            let rests = rests(&heard, &[length]);
            assert!(rests[0] >= 10_000 && rests[1] >= 30_000, "{rests:?}");
            let noise: Vec<[i32; 2]> = heard.into_iter().filter(|f| number(*f).is_none()).collect();
            assert!(noise.iter().flatten().all(|x| (-1..=1).contains(x)));
            for some in noise.chunks_exact(64) {
                assert_ne!(some, [[0; 2]; 64], "digital silence");
            }
            let sum: i64 = noise.iter().flatten().map(|x| i64::from(*x)).sum();
            assert!(
                sum.unsigned_abs() < noise.len() as u64 / 20,
                "a constant of {sum}"
            );
            let differ = noise.iter().filter(|f| f[0] != f[1]).count();
            assert!(differ > noise.len() / 4, "both sides alike");
        },
    );
}

#[test]
fn without_it_the_stream_stops() {
    isolated("without_it_the_stream_stops", |folder| {
        let mut kept = Kept::open(folder, "SPEED=1", Access::Auto, KeepAlive::No);
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(kept.heard(), 0);
        kept.start(u64::MAX);
        until("the ramp", || kept.given() > 10_000);
        kept.drain();
        let heard = kept.heard();
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(kept.heard(), heard);
    });
}

#[test]
fn a_device_that_goes_while_nothing_is_heard_is_lost() {
    isolated(
        "a_device_that_goes_while_nothing_is_heard_is_lost",
        |folder| {
            let settings = "SPEED=1,FAULT=xrun@5000+disconnect@200000";
            let mut kept = Kept::open(folder, settings, Access::Auto, KeepAlive::Silence);
            // Healed in place, and told as resting again.
            until("the xrun", || kept.backend.report().device_xruns > 0);
            until("its end", || kept.backend.report().health == Health::Halted);
            until("the loss", || kept.backend.report().health == Health::Lost);
            let report = kept.backend.report();
            assert!(report.reason.contains("unplugged"), "{}", report.reason);
            assert_eq!(report.latency_frames, 0);
            let (process, _) = Ramp::new(SampleFormat::S32, 1);
            assert!(kept.backend.start(process).is_err());
            let begun = Instant::now();
            assert_eq!(kept.backend.close(LONG), Closed::Clean);
            assert!(begun.elapsed() < Duration::from_secs(5));
        },
    );
}
