//! The JACK backend on real servers, with a source whose every sample names its frame.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use backend_jack::{
    ConnectRule, Jack, JackOptions, MAX_OUTS, list_ports, server_running, take_messages,
};
use backline_tests::jackd::{Jackd, Recorder};
use backline_tests::session::exact;
use engine_core::backend::{
    Backend, BackendErrorKind, Closed, Granted, Halt, Health, Played, Process, Wish,
};

/// Far longer than anything here takes on an idle machine.
const LONG: Duration = Duration::from_secs(30);

/// Frame `k` (from 0) is `k + 1` on even planes and `−(k + 1)` on odd ones: exact below 2²⁴.
#[derive(Default)]
struct Ramp {
    next: u32,
    /// Calls so far.
    calls: Arc<AtomicU32>,
    /// The longest of them, frames.
    longest: Arc<AtomicU32>,
    /// In freewheel, every so many questions the data is late once; 0 never.
    late_every: u32,
    /// Questions so far.
    asked: Arc<AtomicU32>,
    /// The latest answer was no.
    denied: bool,
    /// Calls after a no.
    forced: Arc<AtomicU32>,
    /// How long a call takes beside.
    takes: Duration,
}

impl Process for Ramp {
    fn process(&mut self, planes: &mut [&mut [f32]], frames: usize) -> Played {
        for (i, plane) in planes.iter_mut().enumerate() {
            for (k, x) in plane.iter_mut().take(frames).enumerate() {
                *x = sample(self.next as usize + k, i);
            }
        }
        let begun = Instant::now();
        while begun.elapsed() < self.takes {
            std::hint::spin_loop();
        }
        self.forced.fetch_add(u32::from(self.denied), Relaxed);
        self.next += frames as u32;
        self.calls.fetch_add(1, Relaxed);
        self.longest.fetch_max(frames as u32, Relaxed);
        Played::Engine
    }

    fn ready(&mut self, _frames: usize) -> bool {
        let n = self.asked.fetch_add(1, Relaxed) + 1;
        self.denied = self.late_every != 0 && n.is_multiple_of(self.late_every);
        !self.denied
    }
}

fn sample(frame: usize, plane: usize) -> f32 {
    let x = (frame + 1) as f32;
    if plane.is_multiple_of(2) { x } else { -x }
}

fn options(server: &Jackd, connect: Vec<ConnectRule>) -> JackOptions {
    JackOptions {
        server_name: Some(server.name().into()),
        connect,
        ..JackOptions::default()
    }
}

fn regex(port: &str, pattern: &str) -> ConnectRule {
    ConnectRule::Regex {
        port: port.into(),
        pattern: pattern.into(),
    }
}

fn physical() -> ConnectRule {
    ConnectRule::Physical {
        ports: vec!["main_L".into(), "main_R".into()],
    }
}

fn stereo_to(rec: &Recorder) -> Vec<ConnectRule> {
    vec![
        exact("main_L", &rec.input(1)),
        exact("main_R", &rec.input(2)),
    ]
}

const STEREO: &[&str] = &["main_L", "main_R"];

fn wish<'a>(outs: &'a [&'a str]) -> Wish<'a> {
    Wish {
        rate: None,
        period: None,
        periods: None,
        format: None,
        outs,
    }
}

#[track_caller]
fn open(options: JackOptions, outs: &[&str]) -> (Jack<Ramp>, Granted) {
    let mut jack = Jack::new(options);
    let granted = jack.open(&wish(outs)).expect("opens");
    (jack, granted)
}

#[track_caller]
fn poll(what: &str, mut met: impl FnMut() -> bool) {
    let start = Instant::now();
    while !met() {
        assert!(start.elapsed() < LONG, "timed out: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The planes are the ramp from its first frame on, complete.
#[track_caller]
fn assert_ramp(planes: &[Vec<f32>], frames: usize) {
    assert_eq!(planes.len(), 2);
    for (i, plane) in planes.iter().enumerate() {
        assert_eq!(plane.len(), frames, "plane {i} is complete");
        let wrong = (0..frames).find(|&k| plane[k] != sample(k, i));
        let wrong = wrong.map(|k| (k, plane[k]));
        assert_eq!(wrong, None, "first wrong frame of plane {i}");
    }
}

fn record_at(period: u32) {
    const FRAMES: usize = 24_000;
    let Some(server) = Jackd::start(period, 48_000) else {
        return;
    };
    let rec = Recorder::open(&server, "rec", 2, FRAMES);
    let (mut jack, granted) = open(options(&server, stereo_to(&rec)), STEREO);
    assert_eq!((granted.rate, granted.period), (48_000, period));
    assert_eq!(granted.channels, 2);
    assert_eq!(granted.device, *format!("backline@{}", server.name()));
    assert_eq!(granted.notice, "");
    assert_eq!(jack.report().health, Health::Halted);
    jack.start(Ramp::default()).expect("starts");
    poll("recorded", || {
        assert_eq!(jack.report().health, Health::Running);
        rec.full()
    });
    let report = jack.report();
    assert_eq!((report.rate, report.period), (48_000, period));
    assert!(report.cycles as usize >= FRAMES / period as usize);
    assert_ramp(&rec.finish(LONG), FRAMES);
    assert_eq!(jack.close(LONG), Closed::Clean);
}

#[test]
fn exact_at_64() {
    record_at(64);
}

#[test]
fn exact_at_128() {
    record_at(128);
}

#[test]
fn exact_at_1024() {
    record_at(1024);
}

#[test]
fn exact_through_changes_of_the_period() {
    const FRAMES: usize = 60_000;
    let Some(server) = Jackd::start(256, 44_100) else {
        return;
    };
    let rec = Recorder::open(&server, "rec", 2, FRAMES);
    let (mut jack, granted) = open(options(&server, stereo_to(&rec)), STEREO);
    assert_eq!((granted.rate, granted.period), (44_100, 256));
    let longest = Arc::new(AtomicU32::new(0));
    let ramp = Ramp {
        longest: longest.clone(),
        ..Ramp::default()
    };
    jack.start(ramp).expect("starts");
    for period in [64, 1024, 100, 4096, 256] {
        let before = jack.report().cycles;
        rec.set_period(period);
        poll("some cycles of the new size", || {
            let r = jack.report();
            r.period == period && r.cycles.wrapping_sub(before) > 4
        });
    }
    assert_ramp(&rec.finish(LONG), FRAMES);
    assert_eq!(longest.load(Relaxed), 256, "long cycles are split");
    assert_eq!(jack.close(LONG), Closed::Clean);
}

#[test]
fn a_killed_server_is_noticed_and_a_new_one_taken() {
    let Some(mut server) = Jackd::start(256, 48_000) else {
        return;
    };
    let (mut jack, _) = open(options(&server, Vec::new()), STEREO);
    jack.start(Ramp::default()).expect("starts");
    poll("running", || jack.report().cycles > 10);
    server.kill();
    poll("lost", || jack.report().health == Health::Lost);
    assert!(jack.report().reason.contains("went away"));
    let e = jack.halt(Halt::Drain, LONG).expect_err("nothing to halt");
    assert_eq!(e.kind, BackendErrorKind::Lost);
    assert_eq!(jack.close(LONG), Closed::Clean);
    let e = jack.open(&wish(STEREO)).expect_err("no server");
    assert_eq!(e.kind, BackendErrorKind::NoServer);

    server.restart();
    let rec = Recorder::open(&server, "rec", 2, 4800);
    let (mut jack, _) = open(options(&server, stereo_to(&rec)), STEREO);
    jack.start(Ramp::default()).expect("starts again");
    assert_ramp(&rec.finish(LONG), 4800);
    assert_eq!(jack.close(LONG), Closed::Clean);
}

#[test]
fn a_frozen_server_is_noticed_and_left_behind() {
    let Some(mut server) = Jackd::start(256, 48_000) else {
        return;
    };
    let patience = JackOptions {
        watchdog: Duration::from_millis(500),
        ..options(&server, Vec::new())
    };
    let (mut jack, _) = open(patience, STEREO);
    jack.start(Ramp::default()).expect("starts");
    poll("running", || jack.report().cycles > 10);
    server.freeze();
    let e = jack.halt(Halt::Now, Duration::from_millis(200));
    assert_eq!(e.expect_err("halts").kind, BackendErrorKind::TimedOut);
    poll("lost", || jack.report().health == Health::Lost);
    assert!(jack.report().reason.contains("stopped calling"));
    assert_eq!(jack.close(Duration::from_millis(500)), Closed::Abandoned);
    let e = jack.open(&wish(STEREO)).expect_err("the old one hangs");
    assert_eq!(e.kind, BackendErrorKind::TimedOut);
    server.kill();
    // The abandoned client goes once its server is dead, and is not in the way of the next.
    server.restart();
    let (mut jack, _) = open(options(&server, Vec::new()), STEREO);
    jack.start(Ramp::default()).expect("starts");
    poll("running", || jack.report().cycles > 10);
    assert_eq!(jack.close(LONG), Closed::Clean);
}

#[test]
fn a_hundred_lives() {
    let Some(server) = Jackd::start(128, 48_000) else {
        return;
    };
    let mut jack = Jack::new(options(&server, vec![physical()]));
    for life in 0..100 {
        let granted = jack.open(&wish(STEREO)).expect("opens");
        assert_eq!(granted.notice, "", "life {life}");
        jack.start(Ramp::default()).expect("starts");
        assert_eq!(jack.close(LONG), Closed::Clean, "life {life}");
    }
}

/// libjack cancels a callback that runs when its client is deactivated, and that ends the process.
#[test]
fn a_late_callback_survives_the_close() {
    let Some(server) = Jackd::start_async(128, 48_000) else {
        return;
    };
    let mut jack = Jack::new(options(&server, Vec::new()));
    let soak = std::env::var_os("BACKLINE_SOAK").is_some();
    for life in 0..if soak { 200 } else { 30 } {
        jack.open(&wish(STEREO)).expect("opens");
        let ramp = Ramp {
            // A period is 2.7 ms: every call is late, and the close meets one that runs.
            takes: Duration::from_millis(4),
            ..Ramp::default()
        };
        jack.start(ramp).expect("starts");
        let from = jack.report().cycles;
        poll("late cycles", || {
            jack.report().cycles.wrapping_sub(from) > 2
        });
        assert_eq!(jack.close(LONG), Closed::Clean, "life {life}");
    }
}

#[test]
fn exact_in_freewheel_with_data_that_comes_late() {
    const FRAMES: usize = 960_000;
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let rec = Recorder::open(&server, "rec", 2, FRAMES);
    let (mut jack, _) = open(options(&server, stereo_to(&rec)), STEREO);
    let (asked, forced) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let ramp = Ramp {
        late_every: 10,
        asked: asked.clone(),
        forced: forced.clone(),
        ..Ramp::default()
    };
    jack.start(ramp).expect("starts");
    let begun = Instant::now();
    rec.freewheel(true);
    poll("recorded", || {
        assert_eq!(jack.report().health, Health::Running);
        rec.full()
    });
    let took = begun.elapsed();
    rec.freewheel(false);
    assert_ramp(&rec.finish(LONG), FRAMES);
    assert!(took < Duration::from_secs(15), "20 s of audio in {took:?}");
    assert!(asked.load(Relaxed) as usize > FRAMES / 256 / 2);
    assert_eq!(forced.load(Relaxed), 0, "late data is waited for");
    assert_eq!(jack.report().health, Health::Running);
    assert_eq!(jack.close(LONG), Closed::Clean);
}

#[test]
fn physical_outputs_get_what_was_asked_and_no_more() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let watch = Recorder::open(&server, "watch", 2, 1);
    let fed = |i| watch.connections(&format!("system:playback_{i}"));
    let outs = &["click", "main_L", "main_R", "cue"];
    let (mut jack, granted) = open(options(&server, vec![physical()]), outs);
    assert_eq!(granted.notice, "");
    jack.start(Ramp::default()).expect("starts");
    assert_eq!(fed(1), ["backline:main_L"]);
    assert_eq!(fed(2), ["backline:main_R"]);
    assert!(fed(3).is_empty() && fed(4).is_empty());
    assert_eq!(jack.close(LONG), Closed::Clean);

    // More than there are: the last goes nowhere, and not to a client that happens to be there.
    let outs = &["main_1", "main_2", "main_3", "main_4", "main_5"];
    let ports = outs.iter().map(|o| (*o).into()).collect();
    let rules = vec![ConnectRule::Physical { ports }];
    let (mut jack, granted) = open(options(&server, rules), outs);
    assert!(granted.notice.contains("main_5"), "{}", granted.notice);
    jack.start(Ramp::default()).expect("starts");
    for i in 1..=Jackd::CHANNELS {
        assert_eq!(fed(i), [format!("backline:main_{i}")]);
    }
    assert!(watch.connections("backline:main_5").is_empty());
    assert_eq!(jack.close(LONG), Closed::Clean);
}

#[test]
fn latency_is_the_longest_way_and_a_drain_waits_for_it() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let near = Recorder::with_latency(&server, "near", 1, 1, Some(500));
    let far = Recorder::with_latency(&server, "far", 1, 1, Some(9000));
    let rules = vec![
        exact("main_L", &near.input(1)),
        exact("main_R", &far.input(1)),
    ];
    let (mut jack, _) = open(options(&server, rules), STEREO);
    jack.start(Ramp::default()).expect("starts");
    poll("latency", || jack.report().latency_frames == 9000);
    let from = jack.report().cycles;
    jack.halt(Halt::Now, LONG).expect("halts");
    let now = jack.report().cycles.wrapping_sub(from) * 256;
    jack.resume().expect("resumes");
    let from = jack.report().cycles;
    jack.halt(Halt::Drain, LONG).expect("drains");
    let drained = jack.report().cycles.wrapping_sub(from) * 256;
    assert!(now >= 512 && drained >= 9000, "{now}, {drained} frames");
    drop(far);
    poll("less latency", || jack.report().latency_frames == 500);
    assert_eq!(jack.close(LONG), Closed::Clean);
}

#[test]
fn a_missing_target_is_said_once_and_connected_when_it_comes() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let rules = vec![
        exact("main_L", "late:in_1"),
        regex("main_R", "l.te:in_2"),
        exact("main_R", "system:playback_3"),
    ];
    let (mut jack, granted) = open(options(&server, rules), STEREO);
    assert!(granted.notice.contains("late:in_1"), "{}", granted.notice);
    assert!(granted.notice.contains("1 more"), "{}", granted.notice);
    jack.start(Ramp::default()).expect("starts");
    // Twice: the target comes, goes, and comes back.
    for _ in 0..2 {
        let rec = Recorder::open(&server, "late", 2, 4800);
        poll("connected", || {
            jack.report();
            rec.connections("late:in_1") == ["backline:main_L"]
                && rec.connections("late:in_2") == ["backline:main_R"]
        });
        assert_eq!(rec.connections("system:playback_3"), ["backline:main_R"]);
        assert_eq!(rec.finish(LONG)[0].len(), 4800);
    }
    assert_eq!(jack.close(LONG), Closed::Clean);
}

#[test]
fn what_would_be_refused_at_first_does_not_keep_it_from_coming_back() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let first = Recorder::open(&server, "rec", 1, 4800);
    let rules = options(&server, vec![regex("main_L", "rec.*:in_1")]);
    let (mut jack, _) = open(rules.clone(), STEREO);
    jack.start(Ramp::default()).expect("starts");
    poll("connected and seen", || {
        jack.report();
        first.full() && first.connections("backline:main_L") == ["rec:in_1"]
    });
    assert_eq!(jack.close(LONG), Closed::Clean);
    // Meanwhile two match: said, and what was connected is again.
    let _second = Recorder::open(&server, "rec2", 1, 1);
    let granted = jack.open(&wish(STEREO)).expect("comes back");
    assert!(granted.notice.contains("must be one"), "{}", granted.notice);
    jack.start(Ramp::default()).expect("starts");
    poll("connected as before", || {
        jack.report();
        first.connections("backline:main_L") == ["rec:in_1"]
    });
    assert_eq!(jack.close(LONG), Closed::Clean);
    let fresh = JackOptions {
        patch: Default::default(),
        ..rules
    };
    let e = Jack::<Ramp>::new(fresh).open(&wish(STEREO));
    assert_eq!(e.expect_err("refused").kind, BackendErrorKind::Usage);
}

#[test]
fn what_a_user_disconnects_stays_so() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let rules = vec![exact("main_L", "system:playback_1")];
    let (mut jack, _) = open(options(&server, rules), STEREO);
    jack.start(Ramp::default()).expect("starts");
    let user = Recorder::open(&server, "user", 1, 1);
    assert_eq!(user.connections("system:playback_1"), ["backline:main_L"]);
    user.disconnect("backline:main_L", "system:playback_1");
    let from = jack.report().cycles;
    let stir = Recorder::open(&server, "stir", 1, 1);
    poll("some time", || {
        jack.report().cycles.wrapping_sub(from) > 300
    });
    assert!(user.connections("system:playback_1").is_empty());
    drop(stir);
    assert_eq!(jack.close(LONG), Closed::Clean);
}

#[test]
fn halted_it_is_silent_and_resumed_it_goes_on() {
    const FRAMES: usize = 48_000;
    let Some(server) = Jackd::start(128, 48_000) else {
        return;
    };
    let rec = Recorder::open(&server, "rec", 2, FRAMES);
    let mut rules = stereo_to(&rec);
    rules.push(exact("main_L", "system:playback_1"));
    let (mut jack, _) = open(options(&server, rules), STEREO);
    let calls = Arc::new(AtomicU32::new(0));
    let ramp = Ramp {
        calls: calls.clone(),
        ..Ramp::default()
    };
    jack.start(ramp).expect("starts");
    for how in [Halt::Drain, Halt::Now, Halt::Drain] {
        let seen = calls.load(Relaxed);
        poll("played", || calls.load(Relaxed) > seen + 10);
        jack.halt(how, LONG).expect("halts");
        assert_eq!(jack.report().health, Health::Halted);
        let (seen, cycles) = (calls.load(Relaxed), jack.report().cycles);
        poll("cycles while halted", || {
            jack.report().cycles.wrapping_sub(cycles) > 10
        });
        assert_eq!(calls.load(Relaxed), seen, "nothing is asked while halted");
        jack.resume().expect("resumes");
        assert_eq!(jack.report().health, Health::Running);
    }
    let planes = rec.finish(LONG);
    assert_eq!(planes.len(), 2);
    for (i, plane) in planes.iter().enumerate() {
        let heard: Vec<f32> = plane.iter().copied().filter(|x| *x != 0.0).collect();
        assert!(plane.len() == FRAMES && heard.len() < FRAMES);
        assert!((0..heard.len()).all(|k| heard[k] == sample(k, i)));
    }
    assert_eq!(jack.close(LONG), Closed::Clean);
}

#[test]
fn a_taken_name_is_granted_with_a_number_and_said() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let _first = Recorder::open(&server, "backline", 1, 1);
    let (mut jack, granted) = open(options(&server, Vec::new()), STEREO);
    assert_eq!(granted.device, *format!("backline-01@{}", server.name()));
    assert!(granted.notice.contains("backline-01"), "{}", granted.notice);
    assert_eq!(jack.close(LONG), Closed::Clean);
}

#[test]
fn a_server_is_found_with_its_ports() {
    let Some(mut server) = Jackd::start(512, 44_100) else {
        return;
    };
    assert!(server_running(Some(server.name())));
    let found = list_ports(Some(server.name())).expect("lists");
    assert_eq!(found.name, server.name());
    assert_eq!((found.rate, found.period), (44_100, 512));
    assert_eq!(found.outputs.len(), Jackd::CHANNELS);
    for (i, port) in found.outputs.iter().enumerate() {
        assert_eq!(port.channel, i + 1);
        assert_eq!(port.name, format!("system:playback_{}", i + 1));
    }
    server.kill();
    assert!(!server_running(Some(server.name())));
}

#[test]
fn without_a_server_one_sentence_says_so() {
    let mut jack = Jack::<Ramp>::new(JackOptions {
        server_name: Some("nobody-runs-this".into()),
        ..JackOptions::default()
    });
    let e = jack.open(&wish(STEREO)).expect_err("no server");
    assert_eq!(e.kind, BackendErrorKind::NoServer);
    assert!(e.message.contains("nobody-runs-this"), "{e}");
    assert!(e.message.ends_with('.'), "{e}");
    assert_eq!(jack.close(LONG), Closed::Clean);
    // libjack's own words came to us, so not to stderr.
    assert!(!take_messages().is_empty());
}

#[test]
fn as_many_outs_as_can_be_and_not_one_more() {
    let Some(server) = Jackd::start(512, 48_000) else {
        return;
    };
    let names: Vec<String> = (0..=MAX_OUTS).map(|i| format!("t{i:03}")).collect();
    let outs: Vec<&str> = names.iter().map(String::as_str).collect();
    let rec = Recorder::open(&server, "rec", 2, 4800);
    let rules = vec![exact("t000", &rec.input(1)), exact("t287", &rec.input(2))];
    let (mut jack, granted) = open(options(&server, rules), &outs[..MAX_OUTS]);
    assert_eq!(granted.channels as usize, MAX_OUTS);
    jack.start(Ramp::default()).expect("starts");
    assert_ramp(&rec.finish(LONG), 4800);
    assert_eq!(jack.close(LONG), Closed::Clean);
    let e = jack.open(&wish(&outs)).expect_err("too many");
    assert_eq!(e.kind, BackendErrorKind::Channels);
}

#[test]
fn nonsense_is_a_usage_error() {
    let refused = |options: JackOptions, outs: &[&str]| {
        let mut jack = Jack::<Ramp>::new(options);
        let e = jack.open(&wish(outs)).expect_err("refused");
        assert_eq!(e.kind, BackendErrorKind::Usage, "{e}");
        assert!(e.message.ends_with('.'), "{e}");
    };
    // Known before any server is asked.
    let rules = |rule| JackOptions {
        server_name: Some("nobody-runs-this".into()),
        connect: vec![rule],
        ..JackOptions::default()
    };
    refused(rules(regex("main_L", "in_[")), STEREO);
    refused(rules(exact("main_X", "a:b")), STEREO);
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let named = |name: &str| JackOptions {
        client_name: name.into(),
        ..options(&server, Vec::new())
    };
    refused(named("a:b"), STEREO);
    refused(named(""), STEREO);
    refused(named(&"n".repeat(300)), STEREO);
    refused(named("x"), &["a", "a"]);
    let rules = |rule| options(&server, vec![rule]);
    refused(rules(regex("main_L", "system:playback_.")), STEREO);
    refused(rules(exact("main_L", "system:capture_1")), STEREO);
}

#[test]
fn a_name_longer_than_the_server_takes_is_cut_and_known_by_both() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let long = format!("{}_L", "p".repeat(400));
    let rec = Recorder::open(&server, "rec", 2, 1);
    let rule = exact(&long, &rec.input(1));
    let (mut jack, _) = open(options(&server, vec![rule]), &[&long]);
    jack.start(Ramp::default()).expect("starts");
    let cut = format!("{}-", "p".repeat(255 - "backline:-0000_L".len()));
    let look = backline_tests::jack_look::Look::open(&server, "look");
    let ports = look.ports("backline");
    assert_eq!(ports.len(), 1);
    assert_eq!(ports[0].len(), 255);
    assert!(
        ports[0].starts_with(&format!("backline:{cut}")),
        "{ports:?}"
    );
    assert!(ports[0].ends_with("_L"), "{ports:?}");
    assert_eq!(rec.connections(&ports[0]), [rec.input(1)]);
    assert_eq!(jack.close(LONG), Closed::Clean);
    // By the name it has there.
    let id = ports[0].trim_start_matches("backline:");
    let rule = exact(id, &rec.input(2));
    let (mut jack, _) = open(options(&server, vec![rule]), &[&long]);
    jack.start(Ramp::default()).expect("starts");
    assert_eq!(rec.connections(&ports[0]), [rec.input(2)]);
    assert_eq!(jack.close(LONG), Closed::Clean);
}
