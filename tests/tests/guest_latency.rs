//! How long it takes from a request on the control socket to the first sample that is different, and whether that is the
//! sample that the answer names. In the virtual machine, where a busy host makes nothing late.
//!
//! The program plays through a JACK server that waits for its clients, into a recorder: its callback comes in the very
//! cycle in which the program gave the samples, after the program's. So the time from the request to the
//! recorder's callback is never less than that to the callback which carries the change. (How long a device's buffer takes to be
//! heard comes on top of it; it is what `output_latency_frames` tells.)

use std::io::{BufRead, BufReader, Lines, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use backline_tests::guest::RATE;
use backline_tests::jackd::{Heard, Jackd, Recorder};
use backline_tests::program::{Home, LONG, Running};
use backline_tests::stems::{frame_of, name_of, write_ramp};
use serde_json::{Value, json};

/// Frames of a ramp of a level, of a fade of a pause or a seek, and of one to another song.
const RAMP: usize = 240;
const FADE: usize = 384;
const SONG_FADE: usize = 480;
/// Frames on either side of a change that are looked at.
const NEAR: usize = 64;
/// Of the second song, so that a sample says which song it is of.
const SECOND: f32 = 0.5;

/// A request that was made, and its last answer.
struct Asked {
    at: Instant,
    frame: usize,
    /// A line that it is on its way came first.
    accepted: bool,
}

struct Stage {
    stream: UnixStream,
    lines: Lines<BufReader<UnixStream>>,
    asked: u32,
}

impl Stage {
    fn ask(&mut self, verb: &str, args: Value) -> Asked {
        // Long enough for the change before to be over, and at every phase of the callbacks.
        std::thread::sleep(Duration::from_micros(
            12_000 + 613 * u64::from(self.asked % 40),
        ));
        self.asked += 1;
        let line = format!("{}\n", json!({"verb": verb, "args": args}));
        let at = Instant::now();
        self.stream.write_all(line.as_bytes()).unwrap();
        let mut accepted = false;
        loop {
            let line = self.lines.next().expect("an answer").unwrap();
            let answer: Value = serde_json::from_str(&line).unwrap();
            if answer["ok"]["accepted"] == true {
                accepted = true;
                continue;
            }
            let frame = answer["ok"]["frame"]
                .as_u64()
                .or(answer["done"]["frame"].as_u64());
            let frame = frame.unwrap_or_else(|| panic!("{verb}: {answer}")) as usize;
            return Asked {
                at,
                frame,
                accepted,
            };
        }
    }
}

/// What was heard, and which frame of which song belongs where.
struct Tape {
    heard: Heard,
    /// Where a song's frame 0 is, or would be.
    origin: i64,
    /// What a sample is multiplied by.
    level: f32,
    took: Vec<(&'static str, Duration)>,
}

impl Tape {
    fn at(&self, index: usize) -> f32 {
        self.heard.planes[0][index]
    }

    /// The sample that is to come at this place if nothing changes.
    fn expected(&self, index: usize) -> f32 {
        name_of((index as i64 - self.origin) as u64) * self.level
    }

    /// Nothing has changed up to `index` and with it, and the one after is the first that is different. That is how each curve
    /// begins: with what was before.
    fn begins_to_change(&self, index: usize, what: &str) {
        for i in index - NEAR..=index {
            assert_eq!(self.at(i), self.expected(i), "{what}: before, at {i}");
        }
        let next = index + 1;
        assert_ne!(self.at(next), self.expected(next), "{what}: at {next}");
    }

    /// From `index` on it is as expected again.
    fn has_changed(&self, index: usize, what: &str) {
        for i in index..index + NEAR {
            assert_eq!(self.at(i), self.expected(i), "{what}: after, at {i}");
        }
    }

    /// The time from the request to the callback that brought the sample at `index`.
    fn took(&mut self, what: &'static str, asked: &Asked, index: usize) {
        let call = self
            .heard
            .calls
            .partition_point(|(first, _)| *first <= index)
            - 1;
        let (_, came) = self.heard.calls[call];
        assert!(came > asked.at, "{what}: changed before it was asked for");
        let took = came - asked.at;
        self.took.push((what, took));
    }

    /// Where a deck began whose sample `fade` frames after its beginning is `target`'s, `level` times.
    fn cut(&self, from: usize, fade: usize, target: usize, level: f32) -> usize {
        let then = fade + 10;
        let wanted = name_of((target + then) as u64) * level;
        let found = self.heard.planes[0][from + then..]
            .iter()
            .position(|x| *x == wanted);
        from + found.unwrap_or_else(|| panic!("frame {target} was never cut to"))
    }
}

fn session(period: u32) {
    let Some(server) = Jackd::start(period, RATE) else {
        return;
    };
    let program =
        std::env::var_os("BACKLINE_BIN").expect("start me through tests/rig/guest/runner.sh");
    let home = Home::new().with_program(program);
    write_ramp(home.path(), "one", RATE, 14 * u64::from(RATE), 1.0);
    write_ramp(home.path(), "two", RATE, 3 * u64::from(RATE), SECOND);
    let recorder = Recorder::open(&server, "recorder", 1, 12 * RATE as usize);
    let mut program: Running = home.start(&format!(
        "play --sequence one.wav two.wav --on-end next --backend jack --server {} --connect main_L={} --status json --no-keys",
        server.name(),
        recorder.input(1),
    ));
    program.wait_until_playing();
    let stream = UnixStream::connect(home.path().join("run/backline/backline.sock")).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut stage = Stage {
        lines: BufReader::new(stream.try_clone().unwrap()).lines(),
        stream,
        asked: 0,
    };

    // What changes a level, and what of it is left on the left side then.
    let changes = [
        ("gain", json!(["one", "x0.5"]), 0.5),
        ("gain", json!(["one", "x1"]), 1.0),
        ("mute", json!(["one"]), 0.0),
        ("mute", json!(["one", "off"]), 1.0),
        ("pan", json!(["one", 0.5]), 0.5),
        ("pan", json!(["one", 0]), 1.0),
        ("bus", json!(["main", "x0.25"]), 0.25),
        ("bus", json!(["main", "x1"]), 1.0),
        ("master", json!(["x0.5"]), 0.5),
        ("master", json!(["x1"]), 1.0),
        ("fade", json!(["master", "x0.5", "240f"]), 0.5),
        ("fade", json!(["master", "x1", "240f"]), 1.0),
    ];
    let mut levels = Vec::new();
    for _ in 0..2 {
        for (verb, args, level) in &changes {
            levels.push((*verb, *level, stage.ask(verb, args.clone())));
        }
    }
    let mut rests = Vec::new();
    for _ in 0..6 {
        rests.push((stage.ask("pause", json!([])), stage.ask("play", json!([]))));
    }
    let mut seeks = Vec::new();
    for n in 0..6usize {
        let target = (7 + n) * RATE as usize + 77;
        seeks.push((target, stage.ask("seek", json!([format!("{target}f")]))));
    }
    let next = stage.ask("next", json!([]));
    std::thread::sleep(Duration::from_millis(100));
    let heard = recorder.finish_with_calls(Duration::ZERO);
    program.signal(libc::SIGTERM);
    let ended = program.finish();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let summary = ended.summary();
    assert_eq!(summary["device_xruns"], 0, "{summary}");
    assert_eq!(summary["starvations"], 0, "{summary}");

    // The first sample that is heard need not be the song's first, for the connection was made while it played.
    let first = frame_of(heard.planes[0][0]) as usize;
    let mut tape = Tape {
        heard,
        origin: 0,
        level: 1.0,
        took: Vec::new(),
    };
    // (As if what wasn't heard had been.)
    tape.heard.planes[0].splice(0..0, std::iter::repeat_n(0.0, first));
    for (frame, _) in &mut tape.heard.calls {
        *frame += first;
    }
    for (verb, level, asked) in &levels {
        let what = if *verb == "fade" { "fade" } else { "controls" };
        assert_eq!(asked.accepted, *verb == "fade", "{verb}");
        let index = asked.frame;
        tape.begins_to_change(index, verb);
        tape.took(what, asked, index);
        tape.level = *level;
        tape.has_changed(index + RAMP, verb);
    }
    for (pause, play) in &rests {
        assert!(pause.accepted && play.accepted);
        // The frame that it stands at is the one after the fade.
        let rest = (tape.origin + pause.frame as i64) as usize;
        tape.begins_to_change(rest - FADE, "pause");
        tape.took("pause", pause, rest - FADE);
        assert_ne!(tape.at(rest - 1), 0.0, "pause: the fade's last frame");
        assert_eq!(play.frame, pause.frame, "it goes on where it stood");
        let silence = tape.heard.planes[0][rest..].iter().position(|x| *x != 0.0);
        // A fade begins with nothing.
        let begin = rest + silence.expect("it plays on") - 1;
        tape.origin = begin as i64 - play.frame as i64;
        tape.took("play", play, begin);
        tape.has_changed(begin + FADE, "play");
    }
    let mut from = (tape.origin + rests.last().unwrap().1.frame as i64) as usize;
    for (target, asked) in &seeks {
        assert!(asked.accepted);
        assert_eq!(asked.frame, *target);
        let cut = tape.cut(from, FADE, *target, 1.0);
        tape.begins_to_change(cut, "seek");
        tape.took("seek", asked, cut);
        tape.origin = cut as i64 - *target as i64;
        from = cut + FADE;
    }
    assert!(next.accepted);
    assert_eq!(next.frame, 0);
    let cut = tape.cut(from, SONG_FADE, 0, SECOND);
    tape.begins_to_change(cut, "next");
    tape.took("next", &next, cut);
    (tape.origin, tape.level) = (cut as i64, SECOND);
    tape.has_changed(cut + SONG_FADE, "next");

    let call = Duration::from_secs_f64(f64::from(period) / f64::from(RATE));
    let most = call + Duration::from_millis(1);
    // Where a seek goes is read first.
    let (read, ready): (Vec<_>, Vec<_>) = tape
        .took
        .iter()
        .copied()
        .partition(|(what, _)| *what == "seek");
    let late: Vec<_> = ready.iter().filter(|(_, took)| *took > most).collect();
    let longest = |of: &[(&str, Duration)]| of.iter().map(|(_, took)| *took).max();
    println!(
        "{period} frames, at most {most:?}: {:?} the longest of {}, seeks {:?}, late {late:?}",
        longest(&ready),
        ready.len(),
        longest(&read)
    );
    assert!(late.is_empty(), "{late:?}");
}

#[test]
fn a_request_is_heard_with_the_next_callback_at_64_frames() {
    session(64);
}

#[test]
fn a_request_is_heard_with_the_next_callback_at_1024_frames() {
    session(1024);
}
