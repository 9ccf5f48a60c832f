//! backend-alsa on PCMs without hardware: exact samples, every fault, every refusal.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use backend_alsa::{Access, Alsa, AlsaOptions};
use backline_tests::alsa_rig::{Ramp, Shared, cpu_time, isolated, isolated_for, runs, until};
use backline_tests::dice::Dice;
use engine_core::backend::{
    Backend, BackendErrorKind as Kind, Closed, Granted, Halt, Health, Played, Process, Report, Wish,
};
use engine_core::convert::{Dither, SampleFormat};

const FORMATS: [SampleFormat; 5] = [
    SampleFormat::S16,
    SampleFormat::S24,
    SampleFormat::S24_3,
    SampleFormat::S32,
    SampleFormat::F32,
];
const LONG: Duration = Duration::from_secs(20);
const STEREO: &[&str] = &["main_L", "main_R"];
const EIGHT: &[&str] = &["a", "b", "c", "d", "e", "f", "g", "h"];
const S32: SampleFormat = SampleFormat::S32;

fn wish(format: SampleFormat) -> Wish<'static> {
    Wish {
        rate: Some(48_000),
        period: Some(256),
        periods: Some(4),
        format: Some(format),
        outs: STEREO,
    }
}

/// Leaves everything to the driver.
fn any_wish() -> Wish<'static> {
    Wish {
        rate: None,
        period: None,
        periods: None,
        format: None,
        outs: STEREO,
    }
}

fn options(device: &str, access: Access) -> AlsaOptions {
    AlsaOptions {
        device: device.to_owned(),
        access,
        dither: Dither::None,
        ..AlsaOptions::default()
    }
}

fn alsa(device: &str) -> Alsa<Ramp> {
    Alsa::new(options(device, Access::Auto))
}

/// A PCM that plays a ramp into a file.
struct Play {
    backend: Alsa<Ramp>,
    ramp: Arc<Shared>,
    length: u64,
    granted: Granted,
    format: SampleFormat,
    channels: usize,
    file: PathBuf,
}

impl Play {
    /// Opens the faulty PCM with `settings` besides its file and starts a ramp on it.
    fn faulty(folder: &Path, settings: &str, access: Access, wish: &Wish<'_>, length: u64) -> Self {
        let file = folder.join("heard.raw");
        let device = format!("faulty:FILE={},{settings}", file.display());
        Self::on(&device, file, access, wish, |r| r, length)
    }

    fn on(
        device: &str,
        file: PathBuf,
        access: Access,
        wish: &Wish<'_>,
        shape: impl FnOnce(Ramp) -> Ramp,
        length: u64,
    ) -> Self {
        let mut backend = Alsa::new(options(device, access));
        let granted = backend.open(wish).expect(device);
        let format = granted.format.expect("a format");
        let (process, ramp) = Ramp::new(format, length);
        backend.start(shape(process)).expect("start");
        Self {
            backend,
            ramp,
            length,
            channels: granted.channels as usize,
            granted,
            format,
            file,
        }
    }

    fn given(&self) -> u64 {
        self.ramp.given.load(Ordering::Acquire)
    }

    /// Waits for the ramp's end.
    fn reach_end(&mut self) -> Report {
        let length = self.length;
        until("the ramp's end", || {
            let report = self.backend.report();
            assert_ne!(report.health, Health::Lost, "{}", report.reason);
            self.ramp.given.load(Ordering::Acquire) >= length
        });
        self.backend.report()
    }

    /// Waits for the ramp's end, drains and closes; what the report said after the drain.
    fn finish(&mut self) -> Report {
        self.reach_end();
        self.backend.halt(Halt::Drain, LONG).expect("drain");
        let report = self.backend.report();
        assert_eq!(report.health, Health::Halted);
        self.close();
        report
    }

    fn close(&mut self) {
        assert_eq!(self.backend.close(LONG), Closed::Clean);
        assert!(self.ramp.dropped.load(Ordering::Acquire));
    }

    /// Waits until the backend is lost; its last report.
    fn lost(&mut self) -> Report {
        until("the loss", || self.backend.report().health == Health::Lost);
        self.backend.report()
    }

    /// Frames heard, as runs of (first, count), without the silence after them.
    fn heard(&self) -> Vec<(u64, u64)> {
        let data = std::fs::read(&self.file).expect("what was heard");
        let size = self.channels * self.format.bytes();
        let last = data
            .chunks_exact(size)
            .rposition(|frame| frame.iter().any(|b| *b != 0));
        let end = last.map_or(0, |i| (i + 1) * size);
        runs(&data[..end], self.format, self.channels, self.channels)
            .expect("frames of the ramp only")
    }
}

/// Share of a core that the process used while `body` ran, in per cent.
fn cpu_share(body: impl FnOnce()) -> f64 {
    let (wall, cpu) = (Instant::now(), cpu_time());
    body();
    let used = cpu_time().saturating_sub(cpu).as_secs_f64();
    100.0 * used / wall.elapsed().as_secs_f64().max(1e-9)
}

fn pass(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        std::thread::sleep(left);
    }
}

// --- exactness ---

#[test]
fn every_format_width_and_access_is_exact_to_the_last_frame() {
    isolated(
        "every_format_width_and_access_is_exact_to_the_last_frame",
        |folder| {
            for format in FORMATS {
                for channels in [2, 4, 8] {
                    for access in [Access::Mmap, Access::Rw] {
                        let what = format!("{format:?}, {channels} channels, {access:?}");
                        // No multiple of the period.
                        let length = 30_001;
                        let wish = Wish {
                            outs: &EIGHT[..channels],
                            ..wish(format)
                        };
                        let mut play = Play::faulty(folder, "SPEED=20", access, &wish, length);
                        let granted = &play.granted;
                        assert_eq!(granted.format, Some(format), "{what}");
                        let shape = (granted.rate, granted.channels as usize);
                        assert_eq!(shape, (48_000, channels), "{what}");
                        let sizes = (granted.period, granted.periods);
                        assert_eq!(sizes, (256, Some(4)), "{what}");
                        play.finish();
                        assert_eq!(play.heard(), [(1, length)], "{what}");
                    }
                }
            }
        },
    );
}

/// A tone below the steps of 16 bit, the same on both channels.
struct Tone {
    frame: u64,
    given: Arc<AtomicU64>,
}

/// Of full scale: no whole number of steps.
const TONE_LEVEL: f64 = 10.37 / 32_768.0;
/// Cycles in [`TONE_FRAMES`].
const TONE_CYCLES: f64 = 1337.0;
const TONE_FRAMES: usize = 1 << 16;

fn tone(frame: usize) -> f64 {
    let phase = 2.0 * std::f64::consts::PI * TONE_CYCLES * frame as f64 / TONE_FRAMES as f64;
    TONE_LEVEL * phase.sin()
}

impl Process for Tone {
    fn process(&mut self, planes: &mut [&mut [f32]], frames: usize) -> Played {
        for plane in planes.iter_mut() {
            for (i, x) in plane.iter_mut().take(frames).enumerate() {
                *x = tone(self.frame as usize + i) as f32;
            }
        }
        self.frame += frames as u64;
        self.given.store(self.frame, Ordering::Release);
        Played::Engine
    }

    fn ready(&mut self, _: usize) -> bool {
        true
    }
}

/// The device's samples, of steps of 16 bit, on the left.
fn tone_heard(folder: &Path, dither: Dither, access: Access) -> Vec<f64> {
    let file = folder.join("tone.raw");
    let device = format!("faulty:FILE={},SPEED=20", file.display());
    let mut backend = Alsa::new(AlsaOptions {
        dither,
        ..options(&device, access)
    });
    backend.open(&wish(SampleFormat::S16)).unwrap();
    let given = Arc::new(AtomicU64::new(0));
    let tone = Tone {
        frame: 0,
        given: given.clone(),
    };
    backend.start(tone).unwrap();
    until("the tone's end", || {
        given.load(Ordering::Acquire) as usize > TONE_FRAMES
    });
    backend.halt(Halt::Drain, LONG).unwrap();
    assert_eq!(backend.close(LONG), Closed::Clean);
    let data = std::fs::read(&file).unwrap();
    let frames = data.chunks_exact(4).take(TONE_FRAMES);
    let heard: Vec<f64> = frames
        .map(|f| f64::from(i16::from_le_bytes([f[0], f[1]])))
        .collect();
    assert_eq!(heard.len(), TONE_FRAMES);
    heard
}

/// What is heard beyond the tone, dBFS (a full-scale sine is 0), and how far it follows the tone and its
/// first harmonics: the greatest of their amplitudes in it, in steps.
fn beyond_the_tone(heard: &[f64]) -> (f64, f64) {
    let n = heard.len() as f64;
    let error: Vec<f64> = (heard.iter().enumerate())
        .map(|(i, x)| x - tone(i) * 32_768.0)
        .collect();
    let power = error.iter().map(|e| e * e).sum::<f64>() / n;
    let floor = 10.0 * (power / (32_768.0f64.powi(2) / 2.0)).log10();
    let amplitude = |harmonic: usize| {
        let (s, c) = error.iter().enumerate().fold((0.0, 0.0), |(s, c), (i, e)| {
            let turns = TONE_CYCLES * (harmonic * i) as f64 / n;
            let phase = 2.0 * std::f64::consts::PI * turns.fract();
            (s + e * phase.sin(), c + e * phase.cos())
        });
        2.0 * f64::hypot(s, c) / n
    };
    (floor, (1..=12).map(amplitude).fold(0.0, f64::max))
}

#[test]
fn dither_makes_a_floor_that_knows_nothing_of_the_signal() {
    isolated(
        "dither_makes_a_floor_that_knows_nothing_of_the_signal",
        |folder| {
            for access in [Access::Mmap, Access::Rw] {
                let dithered = tone_heard(folder, Dither::Tpdf, access);
                let (floor, follows) = beyond_the_tone(&dithered);
                // Rounding with triangular noise: a power of ¼ step², −93.3 dBFS. White noise of
                // that power has amplitudes of 0.003 steps at each of these frequencies.
                assert!((floor + 93.3).abs() < 0.1, "{floor} dBFS");
                assert!(follows < 0.012, "{follows} steps");
                // The same bytes at every run.
                assert_eq!(dithered, tone_heard(folder, Dither::Tpdf, access));
                let (floor, follows) = beyond_the_tone(&tone_heard(folder, Dither::None, access));
                assert!(floor < -97.0, "{floor} dBFS");
                assert!(follows > 0.03, "{follows} steps: rounding alone distorts");
            }
        },
    );
}

#[test]
fn a_pcm_that_nothing_paces_gets_every_frame_and_no_more() {
    isolated(
        "a_pcm_that_nothing_paces_gets_every_frame_and_no_more",
        |folder| {
            for format in FORMATS {
                for access in [Access::Mmap, Access::Rw] {
                    let file = folder.join("taken.raw");
                    let device = format!("recorder:FILE={}", file.display());
                    // Whole periods, so that nothing but the ramp is ready.
                    let length = 256 * 2000;
                    let mut play = Play::on(
                        &device,
                        file,
                        access,
                        &wish(format),
                        Ramp::then_unready,
                        length,
                    );
                    play.reach_end();
                    let share = cpu_share(|| pass(Duration::from_millis(100)));
                    assert!(share < 20.0, "{share} % of a core with nothing to do");
                    play.finish();
                    let bytes = std::fs::metadata(&play.file).unwrap().len();
                    assert_eq!(bytes, length * 2 * format.bytes() as u64);
                    assert_eq!(play.heard(), [(1, length)], "{format:?} {access:?}");
                }
            }
        },
    );
}

#[test]
fn silence_passes_no_faster_than_time_where_nothing_paces() {
    isolated(
        "silence_passes_no_faster_than_time_where_nothing_paces",
        |folder| {
            let file = folder.join("taken.raw");
            let device = format!("recorder:FILE={}", file.display());
            let mut play = Play::on(&device, file, Access::Auto, &wish(S32), |r| r, 5000);
            play.reach_end();
            let start = Instant::now();
            let share = cpu_share(|| pass(Duration::from_millis(500)));
            assert!(share < 20.0, "{share} % of a core on silence");
            let blocks = play.ramp.after_end.load(Ordering::Acquire);
            let most = start.elapsed().as_secs_f64() * 48_000.0 / 256.0 + 2.0;
            assert!((blocks as f64) < most, "{blocks} silent blocks");
            play.finish();
            assert_eq!(play.heard(), [(1, 5000)]);
        },
    );
}

#[test]
fn null_works_by_name_with_what_is_usual() {
    isolated("null_works_by_name_with_what_is_usual", |_| {
        let mut play = Play::on(
            "null",
            PathBuf::new(),
            Access::Auto,
            &any_wish(),
            Ramp::then_unready,
            480_000,
        );
        // Nothing behind it: float, and what is usual.
        assert_eq!(play.granted.format, Some(SampleFormat::F32));
        assert_eq!((play.granted.rate, play.granted.period), (48_000, 1024));
        let report = play.finish();
        assert_eq!(report.device_xruns, 0);
        assert!(report.cycles >= 480_000 / 1024);
        assert_eq!(report.rt_priority, None);
    });
}

#[test]
fn a_plug_in_between_changes_nothing_at_its_own_rate() {
    isolated(
        "a_plug_in_between_changes_nothing_at_its_own_rate",
        |folder| {
            for access in [Access::Mmap, Access::Rw] {
                let file = folder.join("heard.raw");
                let device = format!("converting:FILE={}", file.display());
                let mut play = Play::on(&device, file, access, &wish(S32), |r| r, 40_001);
                play.finish();
                assert_eq!(play.heard(), [(1, 40_001)], "{access:?}");
            }
        },
    );
}

#[test]
fn writes_cut_short_lose_nothing() {
    isolated("writes_cut_short_lose_nothing", |folder| {
        for n in [1, 100, 255] {
            let settings = format!("SPEED=4,SHORT={n}");
            let mut play = Play::faulty(folder, &settings, Access::Auto, &wish(S32), 20_000);
            play.finish();
            assert_eq!(play.heard(), [(1, 20_000)], "{n} frames at a time");
        }
    });
}

#[test]
fn channels_without_an_output_are_silent_even_with_dither() {
    isolated(
        "channels_without_an_output_are_silent_even_with_dither",
        |folder| {
            let file = folder.join("heard.raw");
            let device = format!("faulty:FILE={},SPEED=20,CHMIN=5", file.display());
            let mut backend = Alsa::new(AlsaOptions {
                dither: Dither::Tpdf,
                ..options(&device, Access::Auto)
            });
            let granted = backend.open(&wish(SampleFormat::S16)).unwrap();
            assert_eq!(granted.channels, 5);
            let (process, ramp) = Ramp::new(SampleFormat::S16, 30_000);
            backend.start(process).unwrap();
            until("the end", || ramp.given.load(Ordering::Acquire) >= 30_000);
            backend.halt(Halt::Drain, LONG).unwrap();
            assert_eq!(backend.close(LONG), Closed::Clean);
            let data = std::fs::read(&file).unwrap();
            assert!(data.len() >= 30_000 * 10);
            for frame in data.chunks_exact(10) {
                assert_eq!(frame[4..], [0; 6]);
            }
        },
    );
}

// --- stopping and going on ---

#[test]
fn a_drain_delivers_the_last_frame_however_short_the_song() {
    isolated(
        "a_drain_delivers_the_last_frame_however_short_the_song",
        |folder| {
            for access in [Access::Mmap, Access::Rw] {
                for length in [1, 255, 256, 257, 1023, 1024, 1025] {
                    let mut play = Play::faulty(folder, "SPEED=1", access, &wish(S32), length);
                    play.finish();
                    assert_eq!(play.heard(), [(1, length)], "{access:?}");
                }
            }
        },
    );
}

#[test]
fn halting_and_resuming_keeps_the_order() {
    isolated("halting_and_resuming_keeps_the_order", |folder| {
        for how in [Halt::Drain, Halt::Now] {
            let length = 2_000_000;
            let mut play = Play::faulty(folder, "SPEED=4", Access::Auto, &wish(S32), length);
            for round in 1..=10u64 {
                until("some frames", || {
                    play.ramp.given.load(Ordering::Acquire) > round * 4000
                });
                play.backend.halt(how, LONG).unwrap();
                let given = play.given();
                assert_eq!(play.backend.report().health, Health::Halted);
                pass(Duration::from_millis(5));
                assert_eq!(play.given(), given, "a halted stream asks for nothing");
                play.backend.resume().unwrap();
                assert_eq!(play.backend.report().health, Health::Running);
            }
            play.backend.halt(Halt::Drain, LONG).unwrap();
            let given = play.given();
            let report = play.backend.report();
            play.close();
            let heard = play.heard();
            match how {
                Halt::Drain => assert_eq!(heard, [(1, given)]),
                Halt::Now => {
                    let ordered = heard.windows(2).all(|w| w[0].0 + w[0].1 < w[1].0);
                    assert!(ordered && heard.len() <= 11, "{heard:?}");
                    assert_eq!(heard.last().map(|(first, n)| first + n), Some(given + 1));
                }
            }
            assert_eq!(
                report.xrun_frames, 0,
                "only true underruns, which lose nothing"
            );
        }
    });
}

#[test]
fn two_hundred_lives_end_in_time() {
    isolated("two_hundred_lives_end_in_time", |_| {
        let mut backend = alsa("faulty:SPEED=20");
        for n in 0..200 {
            backend.open(&wish(S32)).unwrap();
            let (process, ramp) = Ramp::new(S32, u64::MAX);
            backend.start(process).unwrap();
            until("frames", || ramp.given.load(Ordering::Acquire) > 500);
            let how = if n % 2 == 0 { Halt::Now } else { Halt::Drain };
            backend.halt(how, LONG).unwrap();
            backend.resume().unwrap();
            assert_eq!(backend.close(LONG), Closed::Clean);
            assert!(ramp.dropped.load(Ordering::Acquire));
        }
        let open = std::fs::read_dir("/proc/self/fd").unwrap().count();
        assert!(open < 40, "{open} descriptors are open");
    });
}

#[test]
fn the_latency_is_what_is_queued() {
    isolated("the_latency_is_what_is_queued", |folder| {
        let mut play = Play::faulty(folder, "SPEED=1", Access::Auto, &wish(S32), u64::MAX);
        until("a second buffer", || play.given() > 2048);
        let latency = play.backend.report().latency_frames;
        assert!((256..=1024).contains(&latency), "{latency}");
        play.close();
    });
}

// --- faults ---

#[test]
fn an_xrun_is_healed_and_counted_once_with_what_it_cost() {
    isolated(
        "an_xrun_is_healed_and_counted_once_with_what_it_cost",
        |folder| {
            let fault = "SPEED=2,FAULT=xrun@20000";
            // A write cut short leaves a part of a period staged when the fault comes.
            let short = "SPEED=2,FAULT=xrun@20000,SHORT=100";
            for (access, settings) in [
                (Access::Mmap, fault),
                (Access::Rw, fault),
                (Access::Rw, short),
            ] {
                let mut play = Play::faulty(folder, settings, access, &wish(S32), 40_000);
                let report = play.finish();
                let heard = play.heard();
                assert_eq!(heard[0], (1, 20_000));
                let (first, n) = heard[1];
                assert_eq!(heard.len(), 2, "{heard:?}");
                assert_eq!(first + n, 40_001);
                assert_eq!(u64::from(report.xrun_frames), first - 20_001, "{heard:?}");
                // A busy machine adds true underruns of its own; those lose nothing.
                assert!((1..20).contains(&report.device_xruns), "{report:?}");
            }
        },
    );
}

/// From the last frame before an xrun to the first after it: a period, in which the device's interrupt may be yet to
/// come, and a millisecond. A busy machine has its own delays besides, so a few of the gaps have to be that short.
#[test]
fn after_an_xrun_it_sounds_again_within_a_period_and_a_millisecond() {
    isolated(
        "after_an_xrun_it_sounds_again_within_a_period_and_a_millisecond",
        |folder| {
            let most = 1_000_000 * 512 / 48_000 + 1_000;
            for access in [Access::Mmap, Access::Rw] {
                let faults: Vec<String> = (1..=12).map(|n| format!("xrun@{}", n * 5_000)).collect();
                let settings = format!("SPEED=1,FAULT={}", faults.join("+"));
                let wish = Wish {
                    period: Some(512),
                    ..wish(S32)
                };
                let mut seen = Vec::new();
                let quick = (0..4).any(|_| {
                    let mut play = Play::faulty(folder, &settings, access, &wish, 100_000);
                    play.finish();
                    let log = std::fs::read_to_string(play.file.with_extension("raw.faults"));
                    let log = log.expect("a log");
                    let gaps = log.lines().filter_map(|line| line.strip_prefix("gap "));
                    let mut gaps: Vec<u64> = gaps.map(|gap| gap.parse().unwrap()).collect();
                    assert_eq!(gaps.len(), faults.len(), "{log}");
                    gaps.sort_unstable();
                    let third = gaps[gaps.len() / 3];
                    seen.push(gaps);
                    third <= most
                });
                println!("{access:?}: gaps in microseconds: {seen:?}");
                assert!(quick, "more than {most} us: {seen:?}");
            }
        },
    );
}

#[test]
fn what_is_put_into_a_device_that_just_stopped_is_given_again() {
    isolated(
        "what_is_put_into_a_device_that_just_stopped_is_given_again",
        |folder| {
            for access in [Access::Mmap, Access::Rw] {
                let settings = "SPEED=2,FAULT=late@10000";
                let mut play = Play::faulty(folder, settings, access, &wish(S32), 40_000);
                let report = play.finish();
                assert_eq!(play.heard(), [(1, 40_000)], "{access:?}");
                assert!(report.device_xruns >= 1);
                assert_eq!(report.xrun_frames, 0);
            }
        },
    );
}

#[test]
fn a_suspended_device_resumes_with_its_queue() {
    isolated("a_suspended_device_resumes_with_its_queue", |folder| {
        for access in [Access::Mmap, Access::Rw] {
            let settings = "SPEED=2,FAULT=suspend@20000";
            let mut play = Play::faulty(folder, settings, access, &wish(S32), 40_000);
            let report = play.finish();
            assert_eq!(play.heard(), [(1, 40_000)]);
            assert!(report.device_xruns >= 1);
            assert_eq!(report.xrun_frames, 0);
        }
    });
}

#[test]
fn a_device_that_can_not_resume_is_prepared() {
    isolated("a_device_that_can_not_resume_is_prepared", |folder| {
        for access in [Access::Mmap, Access::Rw] {
            let settings = "SPEED=2,FAULT=noresume@20000";
            let mut play = Play::faulty(folder, settings, access, &wish(S32), 40_000);
            let report = play.finish();
            let heard = play.heard();
            assert_eq!(heard.len(), 2, "{heard:?}");
            assert_eq!(heard[0], (1, 20_000));
            assert!(
                heard[1].0 <= 20_001 + 1024,
                "no more than the queue is lost"
            );
            assert_eq!(heard[1].0 + heard[1].1, 40_001);
            assert_eq!(u64::from(report.xrun_frames), heard[1].0 - 20_001);
        }
    });
}

#[test]
fn a_short_stall_ends_in_an_xrun_and_loses_nothing() {
    isolated(
        "a_short_stall_ends_in_an_xrun_and_loses_nothing",
        |folder| {
            let settings = "SPEED=1,FAULT=stall@10000:150";
            let mut play = Play::faulty(folder, settings, Access::Auto, &wish(S32), 30_000);
            let report = play.finish();
            assert_eq!(play.heard(), [(1, 30_000)]);
            assert!(report.device_xruns >= 1);
        },
    );
}

#[test]
fn many_faults_in_a_row_leave_every_frame_in_order() {
    isolated(
        "many_faults_in_a_row_leave_every_frame_in_order",
        |folder| {
            let settings = "SPEED=4,FAULT=xrun@5000+suspend@9000+xrun@9001+noresume@20000+xrun@30000+suspend@30500";
            let mut play = Play::faulty(folder, settings, Access::Auto, &wish(S32), 100_000);
            let report = play.finish();
            let heard = play.heard();
            assert!(
                heard.windows(2).all(|w| w[0].0 + w[0].1 < w[1].0),
                "{heard:?}"
            );
            let lost = 100_000 - heard.iter().map(|(_, n)| n).sum::<u64>();
            assert_eq!(u64::from(report.xrun_frames), lost);
        },
    );
}

/// Faults at random, life after life: for a few seconds, or with BACKLINE_SOAK=1 for ten minutes. Each life ends by
/// itself, or with a device that is gone or hangs, and is opened anew.
#[test]
fn faults_at_random_are_counted_once_and_leave_every_frame_in_order() {
    let soak = std::env::var_os("BACKLINE_SOAK").is_some();
    let test = "faults_at_random_are_counted_once_and_leave_every_frame_in_order";
    let time = Duration::from_secs(if soak { 600 } else { 6 });
    isolated_for(test, time + Duration::from_secs(180), |folder| {
        let mut dice = Dice::new(std::process::id().into());
        let (end, mut all) = (Instant::now() + time, [0u64; 2]);
        let mut lives = 0;
        while Instant::now() < end || lives < 4 {
            let counted = one_life(folder, &mut dice, lives % 4 == 3);
            all = [all[0] + counted[0], all[1] + counted[1]];
            lives += 1;
        }
        println!(
            "{lives} lives, {} faults, {} true underruns",
            all[0], all[1]
        );
        assert!(all[0] >= lives);
    });
}

/// A device with a few faults, played to its end. Faults that struck, true underruns besides.
fn one_life(folder: &Path, dice: &mut Dice, dies: bool) -> [u64; 2] {
    let wish = Wish {
        period: Some(512),
        ..wish(S32)
    };
    let short = dice.one_in(2);
    let access = [Access::Mmap, Access::Rw][dice.below(2) as usize];
    let access = if short { Access::Rw } else { access };
    let (mut at, mut faults) = (0, Vec::new());
    for _ in 0..1 + dice.below(5) {
        // So far apart that none falls into the episode of another.
        at += 6000 + dice.below(6000);
        faults.push(match dice.below(if short { 5 } else { 4 }) {
            0 => format!("xrun@{at}"),
            1 => format!("suspend@{at}"),
            2 => format!("noresume@{at}"),
            3 => format!("stall@{at}:{}", dice.below(100)),
            _ => format!("eio@{at}"),
        });
    }
    at += 6000;
    if dies {
        let kind = ["disconnect", "hang", "dead"][dice.below(3) as usize];
        faults.push(format!("{kind}@{at}"));
    }
    let mut settings = format!("SPEED=4,FAULT={}", faults.join("+"));
    if short {
        settings += &format!(",SHORT={}", 1 + dice.below(400));
    }
    let length = u64::from(at) + 12_000;
    let mut play = Play::faulty(folder, &settings, access, &wish, length);
    let report = if dies {
        let report = play.lost();
        play.close();
        report
    } else {
        play.finish()
    };
    let what = format!("{settings} {access:?}: {report:?}");
    let heard = play.heard();
    let ordered = heard.windows(2).all(|w| w[0].0 + w[0].1 < w[1].0);
    assert!(ordered, "{what}: {heard:?}");
    if !dies {
        let lost = length - heard.iter().map(|(_, n)| n).sum::<u64>();
        assert_eq!(u64::from(report.xrun_frames), lost, "{what}: {heard:?}");
    }
    let log = std::fs::read_to_string(play.file.with_extension("raw.faults")).expect("a log");
    // A short stall shows as the true underrun that it ends in; a device that is gone is lost, and no xrun.
    let (mut struck, mut dry) = (0u64, 0u64);
    for line in log.lines() {
        match line {
            "underrun" => dry += 1,
            "stall" | "disconnect" => {}
            gap if gap.starts_with("gap ") => {}
            _ => struck += 1,
        }
    }
    let counted = u64::from(report.device_xruns);
    // A true underrun may fall into the same episode as its neighbour.
    let least = struck.saturating_sub(dry);
    assert!((least..=struck + dry).contains(&counted), "{what}: {log:?}");
    [struck, dry]
}

#[test]
fn an_unplugged_device_is_lost_and_can_be_opened_again() {
    isolated(
        "an_unplugged_device_is_lost_and_can_be_opened_again",
        |folder| {
            for access in [Access::Mmap, Access::Rw] {
                let gone = folder.join("gone");
                let settings = format!("SPEED=1,FAULT=disconnect@5000,GONE={}", gone.display());
                let mut play = Play::faulty(folder, &settings, access, &wish(S32), u64::MAX);
                let report = play.lost();
                assert!(report.reason.contains("unplugged"), "{}", report.reason);
                let share = cpu_share(|| pass(Duration::from_millis(500)));
                assert!(share < 20.0, "{share} % of a core on a lost device");
                let refused = play.backend.halt(Halt::Drain, LONG).unwrap_err();
                assert_eq!(refused.kind, Kind::Lost);
                assert!(refused.message.contains("unplugged"));
                assert_eq!(play.backend.resume().unwrap_err().kind, Kind::Lost);
                play.close();
                assert_eq!(play.heard(), [(1, 5000)]);

                let device = format!("faulty:SPEED=20,GONE={}", gone.display());
                let mut again = alsa(&device);
                assert_eq!(again.open(&wish(S32)).unwrap_err().kind, Kind::NoDevice);
                std::fs::remove_file(&gone).unwrap();
                again.open(&wish(S32)).unwrap();
                assert_eq!(again.close(LONG), Closed::Clean);
            }
        },
    );
}

#[test]
fn a_device_that_stands_still_is_lost_without_burning_time() {
    isolated(
        "a_device_that_stands_still_is_lost_without_burning_time",
        |folder| {
            for (fault, reason) in [
                ("hang", "stands still"),
                ("dead", "stands still"),
                ("sick", "does not recover"),
            ] {
                for access in [Access::Mmap, Access::Rw] {
                    let settings = format!("SPEED=1,FAULT={fault}@5000");
                    let mut play = Play::faulty(folder, &settings, access, &wish(S32), u64::MAX);
                    until("the fault", || play.given() >= 5000);
                    let share = cpu_share(|| {
                        let report = play.lost();
                        assert!(report.reason.contains(reason), "{}", report.reason);
                        assert!(report.device_xruns <= 6, "one episode, not one per attempt");
                        pass(Duration::from_millis(300));
                    });
                    assert!(share < 20.0, "{fault}: {share} % of a core");
                    play.close();
                }
            }
        },
    );
}

#[test]
fn a_device_that_dies_in_a_drain_ends_the_drain() {
    isolated("a_device_that_dies_in_a_drain_ends_the_drain", |folder| {
        let mut play = Play::faulty(
            folder,
            "SPEED=1,FAULT=hang@900",
            Access::Auto,
            &wish(S32),
            1000,
        );
        until("the end", || play.given() >= 1000);
        let refused = play.backend.halt(Halt::Drain, LONG).unwrap_err();
        assert_eq!(refused.kind, Kind::Lost);
        play.close();
    });
}

#[test]
fn a_drain_that_misses_its_deadline_can_be_cut_short() {
    isolated(
        "a_drain_that_misses_its_deadline_can_be_cut_short",
        |folder| {
            let settings = "SPEED=1,FAULT=hang@900";
            let mut play = Play::faulty(folder, settings, Access::Auto, &wish(S32), 1000);
            until("the end", || play.given() >= 1000);
            let refused = play
                .backend
                .halt(Halt::Drain, Duration::from_millis(20))
                .unwrap_err();
            assert_eq!(refused.kind, Kind::TimedOut);
            play.backend.halt(Halt::Now, LONG).unwrap();
            assert_eq!(play.backend.report().health, Health::Halted);
            play.close();
        },
    );
}

#[test]
fn a_poll_that_is_always_ready_costs_little_and_loses_nothing() {
    isolated(
        "a_poll_that_is_always_ready_costs_little_and_loses_nothing",
        |folder| {
            for access in [Access::Mmap, Access::Rw] {
                let settings = "SPEED=1,FAULT=noroom@1000";
                let mut play = Play::faulty(folder, settings, access, &wish(S32), 40_000);
                until("the fault", || play.given() > 3000);
                let share = cpu_share(|| {
                    play.reach_end();
                });
                assert!(share < 20.0, "{share} % of a core");
                play.finish();
                assert_eq!(play.heard(), [(1, 40_000)]);
            }
        },
    );
}

#[test]
fn a_driver_that_hangs_is_left_behind() {
    isolated("a_driver_that_hangs_is_left_behind", |folder| {
        let settings = "SPEED=1,FAULT=block@3000:3000";
        let mut play = Play::faulty(folder, settings, Access::Auto, &wish(S32), u64::MAX);
        // Frozen as soon as nothing more is asked for.
        let mut last = (play.given(), Instant::now());
        until("the hang", || {
            if play.given() != last.0 {
                last = (play.given(), Instant::now());
            }
            last.0 > 2000 && last.1.elapsed() > Duration::from_millis(300)
        });
        let start = Instant::now();
        assert_eq!(
            play.backend.close(Duration::from_millis(50)),
            Closed::Abandoned
        );
        assert!(start.elapsed() < Duration::from_secs(2));
        assert!(!play.ramp.dropped.load(Ordering::Acquire));
        // The thread left behind gives everything back once the driver returns.
        until("its end", || play.ramp.dropped.load(Ordering::Acquire));
    });
}

#[test]
fn a_drain_can_be_broken_off_by_going_on() {
    isolated("a_drain_can_be_broken_off_by_going_on", |folder| {
        let mut play = Play::faulty(folder, "SPEED=1", Access::Auto, &wish(S32), u64::MAX);
        until("a buffer", || play.given() > 2048);
        let refused = play.backend.halt(Halt::Drain, Duration::ZERO).unwrap_err();
        assert_eq!(refused.kind, Kind::TimedOut);
        play.backend.resume().unwrap();
        let given = play.given();
        until("more", || play.given() > given + 2048);
        assert_eq!(play.backend.report().health, Health::Running);
        play.close();
        let heard = play.heard();
        assert!(
            heard.windows(2).all(|w| w[0].0 + w[0].1 < w[1].0),
            "{heard:?}"
        );
    });
}

// --- refusals ---

#[test]
fn each_refusal_has_its_kind_and_a_sentence() {
    isolated("each_refusal_has_its_kind_and_a_sentence", |_| {
        let many: Vec<String> = (0..3).map(|n| format!("out_{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let three = Wish {
            outs: &many,
            ..any_wish()
        };
        let at = |rate| Wish {
            rate: Some(rate),
            ..any_wish()
        };
        let cases: [(&str, Wish<'_>, Kind, &str); 10] = [
            (
                "hw:CARD=nowhere,DEV=0",
                any_wish(),
                Kind::NoDevice,
                "nowhere",
            ),
            ("no_such_pcm", any_wish(), Kind::NoDevice, "no_such_pcm"),
            ("faulty:FAULT=busy", any_wish(), Kind::Busy, "PipeWire"),
            (
                "faulty:FAULT=nodev",
                any_wish(),
                Kind::NoDevice,
                "plugged in",
            ),
            (
                "faulty:FAULT=denied",
                any_wish(),
                Kind::Permission,
                "group `audio`",
            ),
            (
                "faulty:CHMAX=2",
                three,
                Kind::Channels,
                "has 2 channels, 3 are needed",
            ),
            (
                "faulty:RATES='44100 96000'",
                at(48_000),
                Kind::Rate,
                "44100, 96000 Hz",
            ),
            ("faulty:FORMATS=S16_LE", wish(S32), Kind::Format, "S16_LE"),
            (
                "faulty:FORMATS=IEC958_SUBFRAME_LE",
                any_wish(),
                Kind::Format,
                "`hdmi:`",
            ),
            ("nul\0l", any_wish(), Kind::Usage, "NUL"),
        ];
        for (device, wish, kind, words) in cases {
            let refused = alsa(device).open(&wish).unwrap_err();
            assert_eq!(refused.kind, kind, "{device}: {refused}");
            assert!(refused.message.contains(words), "{device}: {refused}");
        }
    });
}

#[test]
fn a_rate_is_exact_or_said_to_be_converted() {
    isolated("a_rate_is_exact_or_said_to_be_converted", |_| {
        let at = |rate| Wish { rate, ..any_wish() };
        // Nothing asked: 48000, else 44100, else the nearest.
        for (rates, granted) in [
            ("44100 48000 96000", 48_000),
            ("22050 44100 96000", 44_100),
            ("22050 32000 96000", 32_000),
        ] {
            let mut backend = alsa(&format!("faulty:RATES='{rates}'"));
            assert_eq!(backend.open(&at(None)).unwrap().rate, granted);
            assert_eq!(backend.close(LONG), Closed::Clean);
        }
        let mut backend = alsa("converting");
        let plain = backend.open(&at(Some(48_000))).unwrap();
        assert_eq!(plain.notice.as_str(), "");
        backend.close(LONG);
        let converted = backend.open(&at(Some(44_100))).unwrap();
        assert_eq!(converted.rate, 44_100);
        assert!(
            converted.notice.contains("converts"),
            "{}",
            converted.notice
        );
        backend.close(LONG);
        let mut strict: Alsa<Ramp> = Alsa::new(AlsaOptions {
            strict_rate: true,
            ..options("converting", Access::Auto)
        });
        assert_eq!(strict.open(&at(Some(44_100))).unwrap_err().kind, Kind::Rate);
    });
}

#[test]
fn the_calls_have_an_order() {
    isolated("the_calls_have_an_order", |_| {
        let mut backend = alsa("faulty:SPEED=20");
        let ramp = || Ramp::new(S32, 1000).0;
        assert_eq!(backend.start(ramp()).unwrap_err().kind, Kind::Usage);
        assert_eq!(backend.resume().unwrap_err().kind, Kind::Usage);
        assert_eq!(backend.close(LONG), Closed::Clean);
        backend.open(&wish(S32)).unwrap();
        assert_eq!(backend.report().health, Health::Halted);
        assert_eq!(backend.open(&wish(S32)).unwrap_err().kind, Kind::Usage);
        assert_eq!(backend.halt(Halt::Now, LONG).unwrap_err().kind, Kind::Usage);
        backend.start(ramp()).unwrap();
        assert_eq!(backend.start(ramp()).unwrap_err().kind, Kind::Usage);
        backend.halt(Halt::Now, LONG).unwrap();
        backend.halt(Halt::Drain, LONG).unwrap();
        assert_eq!(backend.close(LONG), Closed::Clean);
        assert_eq!(backend.close(LONG), Closed::Clean);
    });
}
