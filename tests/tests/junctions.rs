//! Where two pieces of music meet: jumps at bars and at the ends of sections, vamps that are left, are the material to the sample.
//! Stems name their frames, on a driver stepped by hand.

use std::time::{Duration, Instant};

use backline::control::{Answer, Verb};
use backline::player::PlayerBuilder;
use backline::render::{Options, Pulled, Rendering};
use backline::song::tempo::{Grid, Stretch};
use backline::song::{Handover, OnEnd, Section, Song, Time};
use backline_tests::dice::Dice;
use backline_tests::stage::{CALL, Stage};
use backline_tests::stems::{frame_of, name_of, setlist, song, track, write_ramp};
use backline_tests::step::Stepper;

const RATE: u32 = 48_000;
const LENGTH: u64 = 2_000_000;
const SOON: Duration = Duration::from_secs(20);

/// A ramp with sections and bars that are no round numbers.
fn material(dir: &std::path::Path) -> Song {
    let path = write_ramp(dir, "ramp", RATE, LENGTH, 1.0);
    let mut song = song("ramp", vec![track("ramp", &path)]);
    let section = |name: &str, frame| Section {
        name: name.into(),
        start: Time::Frames(frame),
        end: None,
    };
    song.sections = vec![
        section("intro", 0),
        section("verse", 50_001),
        section("chorus", 123_457),
        section("outro", 1_900_000),
    ];
    let stretch = |at, bpm: u64, beats| Stretch {
        at: Time::Frames(at),
        micro_bpm: bpm,
        beats,
        unit: 4,
    };
    song.tempo = vec![stretch(0, 437_300_000, 3), stretch(123_457, 611_000_000, 5)];
    song
}

fn session() -> Stage {
    let dir = tempfile::tempdir().unwrap();
    let songs = vec![material(dir.path())];
    session_of(dir, songs)
}

fn session_of(dir: tempfile::TempDir, songs: Vec<Song>) -> Stage {
    let stage = Stage::new(dir, RATE, |output| {
        PlayerBuilder::new(setlist(songs))
            .output(output)
            .poll(Duration::from_millis(10))
            .finish_at_end(false)
            .ring_ms(200)
            .build()
            .unwrap()
    });
    stage.begin();
    stage
}

/// The song frames that were heard, from the first on.
fn frames(s: &Stage) -> Vec<u64> {
    let first = s.heard.iter().position(|x| *x != 0.0).expect("sound");
    s.heard[first..].iter().map(|x| frame_of(*x)).collect()
}

/// Where what was heard goes on elsewhere: the frame that would have come, and the one that came.
fn junctions(frames: &[u64]) -> Vec<(u64, u64)> {
    let pairs = frames.windows(2).filter(|pair| pair[1] != pair[0] + 1);
    pairs.map(|pair| (pair[0] + 1, pair[1])).collect()
}

#[test]
fn jumps_at_bar_lines_are_exact() {
    let jumps = match std::env::var_os("BACKLINE_SOAK") {
        Some(_) => 500,
        None => 60,
    };
    let mut s = session();
    let dir = tempfile::tempdir().unwrap();
    let grid = Grid::new(&material(dir.path()), RATE);
    let bars: std::collections::HashSet<u64> = grid.bars(0, LENGTH).collect();
    let mut dice = Dice::new(7);
    s.steps(1_000);
    let mut targets = Vec::new();
    let mut asked_at = Vec::new();
    for _ in 0..jumps {
        let target = u64::from(dice.below(400_000));
        asked_at.push(*frames(&s).last().unwrap());
        let frame = s.done(&format!("jump {target}f next-bar"));
        assert_eq!(frame, target);
        targets.push(target);
        let on = dice.below(3_000);
        s.steps(on.into());
    }
    let met = junctions(&frames(&s));
    let there: Vec<u64> = met.iter().map(|(_, to)| *to).collect();
    assert_eq!(there, targets);
    for (from, to) in &met {
        assert!(bars.contains(from), "{from} → {to}: no bar begins there");
    }
    // The next bar, unless it was nearer than a deck takes to be ready.
    let next = |asked: u64| grid.next_bar(asked + 3 * CALL as u64);
    let pairs = asked_at.iter().zip(&met);
    let at_once = pairs.filter(|(asked, (from, _))| next(**asked) == Some(*from));
    let at_once = at_once.count();
    assert!(
        at_once * 10 >= jumps * 8,
        "{at_once} of {jumps} on the next bar"
    );
}

#[test]
fn a_jump_when_the_section_ends_is_exact() {
    let mut s = session();
    s.steps(1_000);
    assert_eq!(s.done("jump 700001f section-end"), 700_001);
    s.steps(1_000);
    assert_eq!(junctions(&frames(&s)), [(50_001, 700_001)]);
}

#[test]
fn a_vamp_is_left_at_its_end() {
    let mut s = session();
    s.steps(10_000);
    s.done("loop @verse");
    let pass = 123_457 - 50_001;
    s.steps(50_001 + 3 * pass);
    let before = junctions(&frames(&s)).len();
    // In the middle of a pass, which is then the last.
    assert!(before >= 2, "{before}");
    s.done("loop off");
    s.steps(2 * pass);
    let met = junctions(&frames(&s));
    assert_eq!(met, vec![(123_457, 50_001); before]);
    let last = *frames(&s).last().unwrap();
    assert!(last > 123_457, "it is still in the vamp, at {last}");
}

#[test]
fn without_a_tempo_map_there_are_no_bars() {
    let dir = tempfile::tempdir().unwrap();
    let mut song = material(dir.path());
    song.tempo.clear();
    let driver = Stepper::new(RATE, CALL as u32);
    let player = PlayerBuilder::new(setlist(vec![song]))
        .output(driver.output())
        .build()
        .unwrap();
    let verb = Verb::parse("jump", &["0".into(), "next-bar".into()]).unwrap();
    let Answer::Refused(why) = player.remote().ask(verb) else {
        panic!("not refused");
    };
    assert!(why.message.contains("[[tempo]]"), "{}", why.message);
}

/// Two songs whose samples name their frames, the second at half the level, and how it takes over.
fn two_songs(dir: &std::path::Path, handover: Handover) -> Vec<Song> {
    let song_of = |name: &str, level: f32, frames: u64| {
        let path = write_ramp(dir, name, RATE, frames, level);
        song(name, vec![track(name, &path)])
    };
    let mut first = song_of("first", 1.0, 30_001);
    first.on_end = OnEnd::Next;
    first.handover = handover;
    vec![first, song_of("second", 0.5, 40_000)]
}

/// What is heard of songs, live, from the first sound to the end.
fn live(songs: Vec<Song>) -> Vec<f32> {
    let driver = Stepper::new(RATE, CALL as u32);
    let player = PlayerBuilder::new(setlist(songs))
        .output(driver.output())
        .poll(Duration::from_millis(10))
        .ring_ms(200)
        .build()
        .unwrap();
    player.play();
    let limit = Instant::now() + SOON;
    let mut heard: Vec<f32> = Vec::new();
    while player.status().position.state != backline::report::State::Ended || driver.runs() {
        assert!(Instant::now() < limit, "never over");
        if !driver.step(CALL, Duration::from_millis(50)) && !driver.runs() && !heard.is_empty() {
            break;
        }
        heard.extend(driver.take().swap_remove(0));
        // The song after is made ready meanwhile.
        std::thread::sleep(Duration::from_micros(200));
    }
    let first = heard.iter().position(|x| *x != 0.0).expect("sound");
    let last = heard.iter().rposition(|x| *x != 0.0).expect("sound");
    heard[first..=last].to_vec()
}

fn rendered(songs: Vec<Song>) -> Vec<f32> {
    let options = Options {
        mix: true,
        ..Options::default()
    };
    let mut rendering = Rendering::open(setlist(songs), options).unwrap();
    let mut out = Vec::new();
    let total = rendering.total();
    loop {
        match rendering.pull().unwrap() {
            Pulled::Frames(n) => out.extend_from_slice(&rendering.mix()[0][..n]),
            Pulled::Waiting => {}
            Pulled::End => break,
        }
    }
    assert_eq!(out.len() as u64, total);
    out
}

#[test]
fn a_crossfade_is_as_long_as_it_is_said_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let songs = two_songs(dir.path(), Handover::Crossfade(Time::Frames(9_001)));
    let heard = live(songs.clone());
    assert_eq!(heard.len(), 30_001 + 40_000 - 9_001);
    for (i, x) in heard.iter().enumerate() {
        let (old, new) = match i {
            ..21_000 => (1.0, 0.0),
            30_001.. => (0.0, 1.0),
            _ => {
                // Equal power; the curve's own tests say where in a frame it is taken.
                let t = (i - 21_000) as f64 / 9_001.0 * std::f64::consts::FRAC_PI_2;
                (t.cos(), t.sin())
            }
        };
        let first = f64::from(name_of(i as u64));
        let second = i.checked_sub(21_000).map_or(0.0, |i| name_of(i as u64)) / 2.0;
        let wanted = first * old + f64::from(second) * new;
        let near = if (21_000..30_001).contains(&i) {
            1e-6
        } else {
            0.0
        };
        assert!((f64::from(*x) - wanted).abs() <= near, "{i}: {x} {wanted}");
    }
    assert!(rendered(songs) == heard, "rendered otherwise than played");
}

/// What follows is primed long before its time. Asked for at once, it comes with the very next call.
#[test]
fn the_next_song_is_ready_before_it_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let songs = two_songs(dir.path(), Handover::Crossfade(Time::Frames(9_001)));
    let mut session = session_of(dir, songs);
    // Far longer than it takes to read its beginning.
    for _ in 0..100 {
        session.step();
        std::thread::sleep(Duration::from_millis(20));
    }
    let answers = session.order("next");
    assert_eq!(answers.recv_timeout(SOON).unwrap(), Answer::Accepted);
    let at = session.heard.len();
    session.steps(640);
    assert_eq!(
        answers.recv_timeout(SOON).unwrap(),
        Answer::Done { frame: 0 }
    );
    let first = session.heard.iter().position(|x| *x != 0.0).unwrap();
    let heard = &session.heard;
    for (i, x) in heard[first..at].iter().enumerate() {
        assert_eq!(*x, name_of(i as u64), "before, {i}");
    }
    // A fade of 10 ms, which begins with the song before.
    assert_eq!(heard[at], name_of((at - first) as u64));
    for (i, x) in heard[at..].iter().enumerate().skip(480) {
        assert_eq!(*x, name_of(i as u64) / 2.0, "after, {i}");
    }
}

#[test]
fn a_pause_between_songs_is_silence_to_the_frame() {
    let dir = tempfile::tempdir().unwrap();
    let songs = two_songs(dir.path(), Handover::After(Time::Frames(7_003)));
    let mut wanted: Vec<f32> = (0..30_001).map(name_of).collect();
    wanted.extend(vec![0.0; 7_003]);
    wanted.extend((0..40_000).map(|frame| name_of(frame) / 2.0));
    assert!(live(songs.clone()) == wanted);
    assert!(rendered(songs) == wanted);
}
