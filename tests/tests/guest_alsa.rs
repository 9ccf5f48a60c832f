//! backend-alsa on the kernel's own drivers, in the virtual machine: exact samples in every format
//! and width, periods no busy host could hold, xruns, cards that are pulled out, refusals.
//!
//! The guest's clock counts instructions: an xrun that no test asked for is the backend's fault.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use alsa::Direction;
use backend_alsa::{Access, Alsa, AlsaOptions};
use backline_tests::alsa_rig::{Ramp, runs};
use backline_tests::guest::{Ear, FORMATS, LOOPBACK, RATE, assert_heard, open, unplug, until};
use backline_tests::noise::Noise;
use engine_core::backend::{
    Backend, BackendErrorKind as Kind, Closed, Granted, Halt, Health, Played, Process, Report, Wish,
};
use engine_core::convert::{Dither, SampleFormat};

const LONG: Duration = Duration::from_secs(20);
const OUTS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

fn wish(format: SampleFormat, channels: usize, period: u32, periods: u32) -> Wish<'static> {
    Wish {
        rate: Some(RATE),
        period: Some(period),
        periods: Some(periods),
        format: Some(format),
        outs: &OUTS[..channels],
    }
}

fn alsa<P: Process + 'static>(device: &str, access: Access) -> Alsa<P> {
    Alsa::new(AlsaOptions {
        device: device.to_owned(),
        access,
        dither: Dither::None,
        ..AlsaOptions::default()
    })
}

/// Opens and starts; what was granted.
fn start<P: Process + 'static>(backend: &mut Alsa<P>, wish: &Wish<'_>, process: P) -> Granted {
    let granted = backend.open(wish).expect("the card opens");
    backend.start(process).expect("the card starts");
    granted
}

/// Waits until `given` has come to `frames`, drains and closes; the report after the drain.
fn finish<P: Process + 'static>(backend: &mut Alsa<P>, given: &AtomicU64, frames: u64) -> Report {
    until("the end", || {
        let report = backend.report();
        assert_ne!(report.health, Health::Lost, "{}", report.reason);
        given.load(Ordering::Acquire) >= frames
    });
    backend.halt(Halt::Drain, LONG).expect("the card drains");
    let report = backend.report();
    assert_eq!(report.health, Health::Halted);
    assert_eq!(backend.close(LONG), Closed::Clean);
    report
}

fn faults(report: &Report) -> (u32, u32, u32) {
    (report.device_xruns, report.xrun_frames, report.clips)
}

#[test]
fn every_format_width_and_access_arrives_exactly() {
    // No multiple of the period.
    let length = 9_001;
    for format in FORMATS {
        for channels in [2, 4, 8] {
            for access in [Access::Mmap, Access::Rw] {
                let what = format!("{format:?}, {channels} channels, {access:?}");
                let ear = Ear::open(format, channels);
                let mut backend = alsa(LOOPBACK, access);
                let (noise, given) = Noise::new(format, length);
                let granted = start(&mut backend, &wish(format, channels, 256, 4), noise);
                assert_eq!((granted.period, granted.periods), (256, Some(4)), "{what}");
                assert_eq!(granted.channels as usize, channels, "{what}");
                let report = finish(&mut backend, &given, length);
                assert_eq!(faults(&report), (0, 0, 0), "{what}");
                let sent = Noise::bytes(format, channels, length);
                assert_heard(&ear.heard(), &sent, format, channels, &what);
            }
        }
    }
}

#[test]
fn a_drain_delivers_the_last_frame_however_short_the_song() {
    let format = SampleFormat::S32;
    for access in [Access::Mmap, Access::Rw] {
        for length in [1, 127, 128, 129, 511, 512, 513] {
            let what = format!("{length} frames, {access:?}");
            let ear = Ear::open(format, 2);
            let mut backend = alsa(LOOPBACK, access);
            let (noise, given) = Noise::new(format, length);
            start(&mut backend, &wish(format, 2, 128, 4), noise);
            let report = finish(&mut backend, &given, length);
            assert_eq!(faults(&report), (0, 0, 0), "{what}");
            let sent = Noise::bytes(format, 2, length);
            assert_heard(&ear.heard(), &sent, format, 2, &what);
        }
    }
}

#[test]
fn two_periods_of_64_frames_hold_and_keep_time() {
    let frames = u64::from(RATE);
    for access in [Access::Mmap, Access::Rw] {
        for periods in [2, 3, 4] {
            let mut backend = alsa("hw:Dummy", access);
            let (noise, given) = Noise::new(SampleFormat::S16, frames);
            let begin = Instant::now();
            let wish = wish(SampleFormat::S16, 2, 64, periods);
            let granted = start(&mut backend, &wish, noise);
            assert_eq!((granted.period, granted.periods), (64, Some(periods)));
            until("the end", || given.load(Ordering::Acquire) >= frames);
            let seconds = begin.elapsed().as_secs_f64();
            let report = finish(&mut backend, &given, frames);
            assert_eq!(faults(&report), (0, 0, 0), "{access:?}, {periods} periods");
            assert_eq!(report.rt_priority, Some(45));
            assert!((seconds - 1.0).abs() < 0.05, "{seconds} s");
        }
    }
}

/// A ramp that oversleeps in one of its calls.
struct Oversleeper {
    ramp: Ramp,
    calls: u32,
    /// The call it oversleeps in, from 0.
    at: u32,
    time: Duration,
}

impl Process for Oversleeper {
    fn process(&mut self, planes: &mut [&mut [f32]], frames: usize) -> Played {
        if self.calls == self.at {
            std::thread::sleep(self.time);
        }
        self.calls += 1;
        self.ramp.process(planes, frames)
    }

    fn ready(&mut self, frames: usize) -> bool {
        self.ramp.ready(frames)
    }
}

#[test]
fn an_xrun_is_counted_once_and_healed_in_place() {
    let format = SampleFormat::S16;
    for access in [Access::Mmap, Access::Rw] {
        let mut backend = alsa("hw:Dummy", access);
        let (ramp, shared) = Ramp::new(format, 48_000);
        let sleeper = Oversleeper {
            ramp,
            calls: 0,
            at: 100,
            time: Duration::from_millis(50),
        };
        start(&mut backend, &wish(format, 2, 64, 4), sleeper);
        let report = finish(&mut backend, &shared.given, 48_000);
        assert_eq!(report.device_xruns, 1, "{access:?}");
        // It slept 2400 frames, and at most a buffer of 256 was there to be played meanwhile.
        assert!(
            (2144..2600).contains(&report.xrun_frames),
            "{access:?}: {} frames",
            report.xrun_frames
        );
    }
}

#[test]
fn no_frame_is_lost_around_an_xrun() {
    let (format, length, buffer) = (SampleFormat::S32, 24_000, 1024);
    for access in [Access::Mmap, Access::Rw] {
        let ear = Ear::open(format, 2);
        let mut backend = alsa(LOOPBACK, access);
        let (ramp, shared) = Ramp::new(format, length);
        let sleeper = Oversleeper {
            ramp,
            calls: 0,
            at: 40,
            time: Duration::from_millis(100),
        };
        start(&mut backend, &wish(format, 2, 256, 4), sleeper);
        let report = finish(&mut backend, &shared.given, length);
        assert_eq!(report.device_xruns, 1, "{access:?}");
        let mut heard = ear.heard();
        let sounds: Vec<u8> = heard
            .chunks_exact_mut(8)
            .filter(|frame| frame.iter().any(|b| *b != 0))
            .flat_map(|frame| frame.to_vec())
            .collect();
        let runs = runs(&sounds, format, 2, 2).expect("frames of the ramp only");
        let mut next = 1;
        for (first, frames) in runs {
            if next > length {
                break;
            }
            if first == next {
                next += frames;
            } else {
                // When its buffer runs dry, the loopback plays a tick or two of it again.
                assert_eq!((access, first), (access, next - buffer));
                assert!(frames < buffer / 2, "{access:?}: {frames} old frames");
            }
        }
        assert_eq!(next, length + 1, "{access:?}");
    }
}

#[test]
fn a_card_pulled_out_is_lost_and_can_be_had_again() {
    for access in [Access::Mmap, Access::Rw] {
        let mut backend = alsa("hw:Dummy", access);
        let (noise, given) = Noise::new(SampleFormat::S16, u64::MAX);
        let wish = wish(SampleFormat::S16, 2, 128, 4);
        start(&mut backend, &wish, noise);
        until("some audio", || given.load(Ordering::Acquire) > 10_000);

        let card = unplug("snd_dummy");
        until("the loss", || backend.report().health == Health::Lost);
        let report = backend.report();
        assert!(
            report.reason.contains("hw:Dummy") && report.reason.contains("unplugged"),
            "{}",
            report.reason
        );
        assert_eq!(report.device_xruns, 0, "{access:?}");
        let halted = backend.halt(Halt::Drain, LONG).unwrap_err();
        assert_eq!(halted.kind, Kind::Lost);
        assert_eq!(backend.close(LONG), Closed::Clean);
        let gone = backend.open(&wish).unwrap_err();
        assert_eq!(gone.kind, Kind::NoDevice, "{gone}");

        card.plug_in();
        let (noise, given) = Noise::new(SampleFormat::S16, 10_000);
        start(&mut backend, &wish, noise);
        assert_eq!(faults(&finish(&mut backend, &given, 10_000)), (0, 0, 0));
    }
}

#[test]
fn a_card_pulled_out_while_halted_is_noticed() {
    let mut backend = alsa("hw:Dummy", Access::Auto);
    let (noise, given) = Noise::new(SampleFormat::S16, u64::MAX);
    start(&mut backend, &wish(SampleFormat::S16, 2, 128, 4), noise);
    until("some audio", || given.load(Ordering::Acquire) > 1000);
    backend.halt(Halt::Now, LONG).unwrap();
    let card = unplug("snd_dummy");
    until("the loss", || backend.report().health == Health::Lost);
    assert_eq!(backend.resume().unwrap_err().kind, Kind::Lost);
    assert_eq!(backend.close(LONG), Closed::Clean);
    card.plug_in();
}

#[test]
fn refusals_say_what_the_card_takes() {
    let mut backend = alsa::<Noise>("hw:Dummy", Access::Auto);
    let mut refused = |wish: &Wish<'_>| backend.open(wish).map(|_| ()).unwrap_err();
    let usual = wish(SampleFormat::S16, 2, 256, 4);
    let rate = refused(&Wish {
        rate: Some(96_000),
        ..usual
    });
    assert_eq!(rate.kind, Kind::Rate, "{rate}");
    assert!(rate.message.contains("96000 Hz"), "{rate}");
    assert!(rate.message.contains("44100, 48000 Hz"), "{rate}");
    let format = refused(&wish(SampleFormat::S24_3, 2, 256, 4));
    assert_eq!(format.kind, Kind::Format, "{format}");
    assert!(format.message.contains("S16_LE"), "{format}");
    let channels = refused(&wish(SampleFormat::S16, 8, 256, 4));
    assert_eq!(channels.kind, Kind::Channels, "{channels}");
    assert!(channels.message.contains("has 2 channels"), "{channels}");
    let mut other = alsa::<Noise>("hw:Nowhere", Access::Auto);
    assert_eq!(other.open(&usual).unwrap_err().kind, Kind::NoDevice);
}

#[test]
fn a_card_that_another_program_has_is_busy_until_it_is_given_back() {
    let holder = open(LOOPBACK, Direction::Playback, SampleFormat::S16, 2, 4096);
    let mut backend = alsa(LOOPBACK, Access::Auto);
    let wish = wish(SampleFormat::S16, 2, 256, 4);
    let busy = backend.open(&wish).unwrap_err();
    assert_eq!(busy.kind, Kind::Busy, "{busy}");
    drop(holder);
    let (noise, given) = Noise::new(SampleFormat::S16, 5000);
    start(&mut backend, &wish, noise);
    assert_eq!(faults(&finish(&mut backend, &given, 5000)), (0, 0, 0));
}

/// Counts the calls whose predecessor was given back to the device too long ago.
#[test]
fn calls_come_evenly() {
    struct Watch {
        last: Option<Instant>,
        longest: Arc<AtomicU32>,
        given: Arc<AtomicU64>,
    }
    impl Process for Watch {
        fn process(&mut self, _: &mut [&mut [f32]], frames: usize) -> Played {
            let now = Instant::now();
            if let Some(last) = self.last.replace(now) {
                // The first calls fill the buffer.
                let gap = (now - last).as_micros() as u32;
                self.longest.fetch_max(gap, Ordering::Relaxed);
            }
            self.given.fetch_add(frames as u64, Ordering::Release);
            Played::Engine
        }
        fn ready(&mut self, _: usize) -> bool {
            true
        }
    }
    let (longest, given) = (Arc::default(), Arc::default());
    let watch = Watch {
        last: None,
        longest: Arc::clone(&longest),
        given: Arc::clone(&given),
    };
    let mut backend = alsa("hw:Dummy", Access::Auto);
    start(&mut backend, &wish(SampleFormat::S16, 2, 64, 3), watch);
    let report = finish(&mut backend, &given, 48_000);
    assert_eq!(faults(&report), (0, 0, 0));
    // A period of 64 frames is 1333 µs.
    let longest = longest.load(Ordering::Relaxed);
    assert!(longest < 2000, "{longest} µs between two calls");
}

/// The position that is shown moves evenly between two periods.
#[test]
fn what_is_heard_moves_on_between_periods() {
    let mut backend = alsa("hw:Dummy", Access::Auto);
    let (noise, given) = Noise::new(SampleFormat::S16, u64::MAX);
    start(&mut backend, &wish(SampleFormat::S16, 2, 4096, 3), noise);
    until("some audio", || given.load(Ordering::Acquire) > 20_000);
    let (mut seen, mut off) = (Vec::new(), Vec::new());
    while seen.len() < 300 {
        let before = given.load(Ordering::Acquire);
        let (report, at) = (backend.report(), Instant::now());
        // A period may have been handed over amid this.
        if before == given.load(Ordering::Acquire) {
            let heard = before + u64::from(report.passed_frames);
            seen.push((at, heard as f64 - f64::from(report.latency_frames)));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let (t0, p0) = seen[0];
    for (at, p) in &seen {
        let wanted = p0 + (*at - t0).as_secs_f64() * f64::from(RATE);
        off.push((p - wanted).abs());
    }
    let most = off.iter().copied().fold(0.0, f64::max);
    println!("at most {most:.0} frames off the line, of periods of 4096");
    assert!(most < 256.0, "{most} frames");
    let backwards = seen.windows(2).any(|w| w[1].1 < w[0].1 - 48.0);
    assert!(!backwards);
    backend.close(LONG);
}

/// What a driver knows of loudspeakers; the Dummy's knows nothing.
#[test]
fn channel_maps_are_told_set_and_refused() {
    let loaded = std::process::Command::new("modprobe")
        .arg("snd-hda-intel")
        .status()
        .unwrap();
    assert!(loaded.success());
    until("the card", || {
        backend_alsa::list()
            .iter()
            .any(|d| !d.channel_maps.is_empty())
    });
    let listed = backend_alsa::list();
    let card = listed.iter().find(|d| !d.channel_maps.is_empty()).unwrap();
    assert!(card.channel_maps.contains(&"FL FR".into()), "{card:?}");
    let open = |device: &str, map: Option<&str>, outs: usize| {
        let mut backend = Alsa::<Noise>::new(AlsaOptions {
            device: device.to_owned(),
            channel_map: map.map(str::to_owned),
            ..AlsaOptions::default()
        });
        let granted = backend.open(&wish(SampleFormat::S16, outs, 1024, 3));
        backend.close(LONG);
        granted.map(|g| (g.channels, g.channel_map.to_string()))
    };
    let stereo = (2, "FL FR".to_owned());
    assert_eq!(open(&card.name, None, 2).unwrap(), stereo);
    assert_eq!(open(&card.name, Some("fl,fr"), 2).unwrap(), stereo);
    let other = open(&card.name, Some("FC,LFE"), 2).unwrap_err();
    assert_eq!(other.kind, Kind::Channels);
    assert!(other.message.contains("offers FL FR"), "{other}");
    let few = open(&card.name, Some("FL"), 2).unwrap_err();
    assert_eq!(few.kind, Kind::Usage, "{few}");
    let many = open(&card.name, Some("FL,FR,FC,LFE,RL,RR,SL,SR,RC"), 2).unwrap_err();
    assert_eq!(many.kind, Kind::Channels, "{many}");
    let unknown = open(&card.name, Some("FL,LEFT"), 2).unwrap_err();
    assert!(unknown.message.contains("\"LEFT\""), "{unknown}");
    assert_eq!(open("hw:Dummy", None, 2).unwrap().1, "");
    let none = open("hw:Dummy", Some("FL,FR"), 2).unwrap_err();
    assert!(none.message.contains("no channel map"), "{none}");
}

#[test]
fn what_a_plug_in_converts_is_told() {
    let open = |device: &str, wish: Wish<'_>| {
        let mut backend = alsa::<Noise>(device, Access::Auto);
        let granted = backend.open(&wish).unwrap();
        backend.close(LONG);
        granted.notice.to_string()
    };
    let s16 = wish(SampleFormat::S16, 2, 1024, 3);
    assert!(!open("hw:Dummy", s16).contains("converts"));
    assert!(!open("plughw:Dummy", s16).contains("converts"));
    let told = open("plughw:Dummy", wish(SampleFormat::S32, 2, 1024, 3));
    assert!(
        told.contains("converts for \"plughw:Dummy\": S32_LE to S16_LE"),
        "{told}"
    );
    let told = open("plughw:Dummy", wish(SampleFormat::S16, 4, 1024, 3));
    assert!(told.contains("4 to 2 channels"), "{told}");
    let told = open(
        "plughw:Dummy",
        Wish {
            rate: Some(96_000),
            ..s16
        },
    );
    assert!(told.contains("96000 Hz to 48000 Hz"), "{told}");
}
