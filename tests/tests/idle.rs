//! A setlist with an idle song: it goes round; a trigger plays another song once; every junction is the material to the
//! sample. Stems name their frames, on a driver stepped by hand.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use backline::control::{Answer, ErrorCode};
use backline::player::PlayerBuilder;
use backline::song::{Request, SongError, load, load_what_can_be};
use backline_tests::program::{Home, Running};
use backline_tests::session::{SOON, close};
use backline_tests::stage::{CALL, Stage};
use backline_tests::stems::{frame_of, name_of, write_ramp};
use libc::SIGTERM;

const RATE: u32 = 48_000;
/// Frames of the idle song …
const IDLE: u64 = 30_011;
/// … and of the others, which have a sign and a level of their own.
const SONGS: [u64; 2] = [60_003, 65_007];
const LEVELS: [f32; 3] = [-1.0, -0.5, 1.0];

const LIST: &str = "\
version = 1
idle = \"idle.wav\"
[[songs]]
file = \"one.wav\"
[[songs]]
file = \"two.wav\"
";

fn material(dir: &Path, list: &str) -> std::path::PathBuf {
    for ((name, frames), level) in [("one", SONGS[0]), ("two", SONGS[1]), ("idle", IDLE)]
        .into_iter()
        .zip(LEVELS)
    {
        write_ramp(dir, name, RATE, frames, level);
    }
    let path = dir.join("list.toml");
    fs::write(&path, list).unwrap();
    path
}

fn request(inputs: &[std::path::PathBuf]) -> Request<'_> {
    Request {
        inputs,
        sequence: false,
        on_end: None,
        max_gain_db: 12.0,
    }
}

/// The song (0, 1, or 2 for the idle one) and frame of a sample.
fn place(x: f32) -> (usize, u64) {
    // Below half the ramps of one level are those of another, but none is as long.
    match x {
        x if x > 0.0 => (2, frame_of(x)),
        x => {
            let frame = frame_of(-x);
            (0, frame)
        }
    }
}

fn session(kiosk: bool, list: &str) -> Stage {
    let dir = tempfile::tempdir().unwrap();
    let path = material(dir.path(), list);
    let stage = Stage::new(dir, RATE, |output| {
        PlayerBuilder::new(load(&request(&[path])).unwrap())
            .output(output)
            .poll(Duration::from_millis(10))
            .ring_ms(100)
            .keep_going(kiosk)
            .build()
            .unwrap()
    });
    stage.begin();
    stage
}

/// Asks, and plays on until it has been done. Where in what was heard that was asked.
fn done(s: &mut Stage, line: &str) -> usize {
    let before = s.heard.len();
    s.done(line);
    before
}

/// Where the song of that level begins, from an index on.
fn first(s: &Stage, level: f32, from: usize) -> usize {
    let first = s.heard[from..]
        .iter()
        .position(|x| *x == name_of(0) * level)
        .expect("its first frame");
    from + first
}

/// From an index on the song of that level is heard from its start to its end; where that is.
fn whole(s: &Stage, from: usize, frames: u64, level: f32) -> usize {
    for frame in 0..frames {
        let at = from + frame as usize;
        assert_eq!(s.heard[at], name_of(frame) * level, "frame {frame} at {at}");
    }
    from + frames as usize
}

#[test]
fn the_idle_song_goes_round_and_a_triggered_one_is_heard_once() {
    for kiosk in [false, true] {
        let mut s = session(kiosk, LIST);
        // Twice round and a little more.
        s.steps(2 * IDLE + 5_000);
        let mut at = whole(&s, 0, IDLE, LEVELS[2]);
        at = whole(&s, at, IDLE, LEVELS[2]);
        for (number, title) in [(1, "1"), (2, "two"), (2, "2")] {
            let level = LEVELS[number - 1];
            let before = done(&mut s, &format!("trigger {title} 0"));
            s.steps(SONGS[number - 1] + IDLE + 3_000);
            // A hard cut: what played went on to there …
            let cut = first(&s, level, before);
            for x in &s.heard[before..cut] {
                assert!(*x > 0.0, "{x}");
            }
            for pair in s.heard[before..cut].windows(2) {
                let (a, b) = (place(pair[0]).1, place(pair[1]).1);
                assert!(b == a + 1 || (a == IDLE - 1 && b == 0), "{a} {b}");
            }
            // … then the song, whole, and at its very end the idle song from its start, round again.
            let end = whole(&s, cut, SONGS[number - 1], level);
            at = whole(&s, end, IDLE, LEVELS[2]);
            assert_eq!(s.heard[at], name_of(0) * LEVELS[2]);
        }
        let summary = close(s.player, SOON);
        assert_eq!((summary.starvations, summary.damaged), (0, 0));
    }
}

#[test]
fn another_trigger_goes_over_and_if_idle_does_not() {
    let mut s = session(true, LIST);
    s.steps(3_000);
    done(&mut s, "trigger one");
    s.steps(2_000);
    // Nothing happens, and it is done at once.
    let before = done(&mut s, "trigger two if-idle");
    s.steps(2_000);
    assert!(s.heard[before..].iter().all(|x| *x < 0.0));
    let (_, frame) = place(s.heard[before]);
    for (i, x) in (0..).zip(&s.heard[before..]) {
        assert_eq!(*x, name_of(frame + i) * LEVELS[0]);
    }
    // The same one begins anew …
    let before = done(&mut s, "trigger 1 0");
    s.steps(5_000);
    let again = first(&s, LEVELS[0], before);
    // … and another one goes over, in mid-song; at its end the idle song is back.
    let other = done(&mut s, "trigger 2 0");
    s.steps(SONGS[1] + 3_000);
    let cut = first(&s, LEVELS[1], other);
    for (i, x) in (0..).zip(&s.heard[again..cut]) {
        assert_eq!(*x, name_of(i) * LEVELS[0]);
    }
    let end = whole(&s, cut, SONGS[1], LEVELS[1]);
    for (i, x) in (0..).zip(&s.heard[end..]) {
        assert_eq!(*x, name_of(i) * LEVELS[2]);
    }
    // Back before its end, hard.
    let before = done(&mut s, "trigger 2 0");
    s.steps(3_000);
    let cut = first(&s, LEVELS[1], before);
    let before = done(&mut s, "trigger idle 0");
    s.steps(3_000);
    let back = first(&s, LEVELS[2], before);
    for (i, x) in (0..).zip(&s.heard[cut..back]) {
        assert_eq!(*x, name_of(i) * LEVELS[1]);
    }
    for (i, x) in (0..).zip(&s.heard[back..]) {
        assert_eq!(*x, name_of(i) * LEVELS[2]);
    }
    // Idle: now `if-idle` counts.
    let before = done(&mut s, "trigger two 0 if-idle");
    s.steps(1_000);
    first(&s, LEVELS[1], before);
    close(s.player, SOON);
}

#[test]
fn fades_are_as_long_as_they_were_asked_for_with_equal_power() {
    const FADE: usize = 4_800;
    let list = LIST.replace("one.wav\"", "one.wav\"\ncrossfade = 0.2");
    let mut s = session(false, &list);
    s.steps(10_000);
    // Without a clock the fade at the end of the song may come before the idle song is ready: then with more patience.
    for patience in [200, 2_000, 10_000] {
        let before = done(&mut s, "trigger 1 0.1");
        s.steps(6_000);
        std::thread::sleep(Duration::from_millis(patience));
        s.steps(SONGS[0] + 6_000);
        // From the first frame on that isn't the idle song's alone …
        let (_, first) = place(s.heard[before]);
        let alone = |frame: u64| name_of((first + frame) % IDLE);
        let mut all = (0..).zip(&s.heard[before..]);
        let (begin, _) = all.find(|(i, x)| **x != alone(*i)).expect("a fade");
        // … (its very first frame is; and there may be others that round to the same) to where the song is heard alone.
        let later = before + begin as usize + FADE;
        let (_, at) = place(s.heard[later]);
        assert!((FADE as u64..FADE as u64 + 20).contains(&at), "{at}");
        let start = later - at as usize;
        for frame in FADE..SONGS[0] as usize - 9_600 {
            let name = name_of(frame as u64) * LEVELS[0];
            assert_eq!(s.heard[start + frame], name, "{frame}");
        }
        let middle = s.heard[start + FADE / 2];
        let song = name_of(FADE as u64 / 2) * LEVELS[0];
        let idle = alone((start + FADE / 2 - before) as u64);
        let wanted = (idle + song) * std::f32::consts::FRAC_1_SQRT_2;
        assert!((middle - wanted).abs() < 2e-6, "{middle} {wanted}");
        // The way back is the song's own: the idle song begins 0.2 s before its end, and is alone after it.
        let end = start + SONGS[0] as usize;
        let back = (0..3_000).all(|i| s.heard[end + i] == name_of(9_600 + i as u64));
        if back || patience == 10_000 {
            assert!(back, "{:?}", &s.heard[end..end + 3]);
            break;
        }
        s.steps(40_000);
    }
    close(s.player, SOON);
}

#[test]
fn a_trigger_plays_also_when_nothing_did() {
    let mut s = session(true, LIST);
    s.steps(3_000);
    let answers = s.order("pause");
    let limit = Instant::now() + SOON;
    // (However late it is heard of: the fade needs frames.)
    while !matches!(answers.try_recv(), Ok(Answer::Done { .. })) {
        assert!(Instant::now() < limit, "it is never paused");
        s.driver.step(CALL, Duration::from_millis(1));
    }
    let before = s.heard.len();
    let answers = s.order("trigger 2");
    let limit = Instant::now() + SOON;
    while !matches!(answers.try_recv(), Ok(Answer::Done { .. })) {
        assert!(Instant::now() < limit, "it never plays");
        s.driver.step(CALL, Duration::from_millis(1));
    }
    s.steps(1_000);
    first(&s, LEVELS[1], before);
    close(s.player, SOON);
}

#[test]
fn what_cannot_be_triggered_is_refused_and_the_idle_song_goes_on() {
    let mut s = session(true, LIST);
    s.steps(3_000);
    for line in ["trigger 4", "trigger three"] {
        match s.order(line).recv_timeout(SOON) {
            Ok(Answer::Refused(refusal)) => assert_eq!(refusal.code, ErrorCode::NoSong),
            other => panic!("{line}: {other:?}"),
        }
    }
    fs::write(s.dir.path().join("one.wav"), "no sound").unwrap();
    let answers = s.order("trigger 1");
    let answer = s.last(&answers);
    assert!(matches!(answer, Answer::Refused(_)), "{answer:?}");
    s.steps(10_000);
    for (i, x) in (0..).zip(&s.heard) {
        assert_eq!(*x, name_of(i % IDLE), "{i}");
    }
    // The others still can.
    done(&mut s, "trigger 2 0");
    s.steps(1_000);
    first(&s, LEVELS[1], 0);
    close(s.player, SOON);
}

#[test]
fn a_list_without_its_idle_song_is_no_list() {
    let dir = tempfile::tempdir().unwrap();
    let path = [material(dir.path(), LIST)];
    fs::remove_file(dir.path().join("idle.wav")).unwrap();
    assert!(matches!(
        load_what_can_be(&request(&path)),
        Err(SongError::Missing { .. })
    ));
    let broken = |list: &str| {
        material(dir.path(), list);
        load(&request(&path)).unwrap_err().to_string()
    };
    let twice = broken(&LIST.replace("two.wav\"", "two.wav\"\non_end = \"stop\""));
    assert!(twice.contains("list.toml:7:10: with `idle`"), "{twice}");
    let misplaced = broken("version = 1\nidle = \"a\"\n[[tracks]]\nfile = \"one.wav\"\n");
    assert!(misplaced.contains("belongs in a setlist"), "{misplaced}");
}

#[test]
fn the_program_knows_it_everywhere() {
    let home = Home::new();
    material(home.path(), LIST);
    for (args, part) in [
        ("render list.toml -o x.wav", "an idle song"),
        ("play --backend null list.toml --repeat 2", "idle song"),
        ("play --backend null list.toml --start 1", "idle song"),
        ("play --backend null list.toml --on-end stop", "idle song"),
    ] {
        let told = home.run(args);
        assert_eq!(told.code, Some(64), "{args}: {told:#?}");
        assert!(told.err.contains(part), "{args}: {told:#?}");
    }
    let check = home.run("check list.toml");
    assert_eq!(check.code, Some(0), "{check:#?}");
    assert!(
        check.text().contains("`idle`") && check.text().contains("`two`"),
        "{check:#?}"
    );
    let mut running =
        Running::start(&mut home.backline("play --kiosk --backend null --status json list.toml"));
    let plays = |running: &mut Running, title: &str| {
        running.wait_for(title, |e| e["event"] == "position" && e["song"] == title);
    };
    plays(&mut running, "idle");
    let ctl = home.run("ctl trigger two if-idle");
    assert_eq!(ctl.code, Some(0), "{ctl:?}");
    plays(&mut running, "two");
    plays(&mut running, "idle");
    let status = home.run("ctl status --json");
    assert!(status.text().contains("\"idle\":"), "{status:?}");
    running.signal(SIGTERM);
    assert_eq!(running.finish().code, Some(0));
    // Without an idle song there is nothing to trigger.
    let mut running = home.start("play --backend null --status json --loop one.wav");
    running.wait_until_playing();
    let ctl = home.run("ctl trigger 1");
    assert_ne!(ctl.code, Some(0));
    assert!(ctl.err.contains("no idle song"), "{ctl:?}");
    running.signal(SIGTERM);
    running.finish();
}
