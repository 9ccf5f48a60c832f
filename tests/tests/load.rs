//! Other songs while it plays: what plays plays on until they are there and whatever is the matter with them, and then they are what is
//! played, to the sample. On a driver stepped by hand, on a JACK server, and by the program.

use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use backline::control::{Answer, ErrorCode, Verb};
use backline::player::{Note, OnLoss, OnReturn, PlayerBuilder};
use backline::report::State;
use backline::song::Song;
use backline_tests::jack_look::Look;
use backline_tests::jackd::Jackd;
use backline_tests::program::{Home, Running, wait_until};
use backline_tests::service::Manager;
use backline_tests::stage::{CALL, Stage};
use backline_tests::stems::{frame_of, name_of, setlist, song, track, write_f32_wav, write_ramp};
use libc::{SIGHUP, SIGTERM};
use serde_json::Value;

const RATE: u32 = 48_000;
const SOON: Duration = Duration::from_secs(30);
/// Of the fade to another song.
const FADE: usize = 480;

/// A song whose samples name their frames, and its click, which is silent.
fn first(dir: &Path, frames: u64) -> Song {
    let ramp = write_ramp(dir, "first", RATE, frames, 1.0);
    song("first", vec![track("ramp", &ramp)])
}

/// A folder of a song whose samples name their frames, times 1/4.
fn second(dir: &Path, frames: u64) -> PathBuf {
    let folder = dir.join("second");
    std::fs::create_dir(&folder).unwrap();
    write_ramp(&folder, "other", RATE, frames, 0.25);
    folder
}

fn session(frames: u64, finish: bool) -> Stage {
    let dir = tempfile::tempdir().unwrap();
    let first = first(dir.path(), frames);
    Stage::new(dir, RATE, |output| {
        PlayerBuilder::new(setlist(vec![first]))
            .output(output)
            .poll(Duration::from_millis(10))
            .finish_at_end(finish)
            .on_loss(OnLoss::Wait, OnReturn::Resume)
            .ring_ms(200)
            .build()
            .unwrap()
    })
}

/// Has it play; what is heard begins with its first frame.
fn play(s: &mut Stage) {
    s.begin();
    while s.heard.first().is_none_or(|x| *x == 0.0) {
        s.heard.clear();
        s.step();
    }
    let first = s.heard.iter().position(|x| *x != 0.0).unwrap();
    s.heard.drain(..first);
}

fn load(s: &Stage, paths: &[&Path]) -> Receiver<Answer> {
    let paths: Vec<&str> = paths.iter().map(|p| p.to_str().unwrap()).collect();
    s.order(&format!("load {}", paths.join(" ")))
}

fn is(answer: &Answer, code: ErrorCode) -> bool {
    matches!(answer, Answer::Refused(refusal) if refusal.code == code)
}

fn steps_to(s: &mut Stage, to: usize) {
    while s.heard.len() < to {
        s.step();
    }
}

/// What is heard is the first song up to a frame; that frame.
fn first_up_to(s: &Stage) -> usize {
    let all = s.heard.iter().enumerate();
    let other = all.clone().find(|(i, x)| **x != name_of(*i as u64));
    other.map_or(s.heard.len(), |(i, _)| i)
}

fn told(s: &Stage) -> backline::player::Status {
    match s.player.remote().ask(Verb::Status) {
        Answer::Status(status) => *status,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_song_in_play_is_heard_until_the_other_one_is_and_that_from_its_first_frame() {
    let mut s = session(480_000, false);
    let folder = second(s.dir.path(), 30_000);
    play(&mut s);
    let answers = load(&s, &[&folder]);
    assert_eq!(s.last(&answers), Answer::Done { frame: 0 });
    let to = s.heard.len() + 2000;
    steps_to(&mut s, to);
    let other = first_up_to(&s);
    let cut = other + 1000 - frame_of(s.heard[other + 1000] / 0.25) as usize;
    // The fade's first frame may still be all the old song's.
    assert!(
        cut == other || cut + 1 == other,
        "cut at {cut}, heard at {other}"
    );
    for (i, x) in s.heard.iter().enumerate().skip(cut + FADE) {
        assert_eq!(
            *x,
            0.25 * name_of((i - cut) as u64),
            "frame {i}, cut at {cut}"
        );
    }
    let status = told(&s);
    assert_eq!(status.songs, ["second"]);
    assert_eq!((status.song, status.programme), (0, 1));
    assert_eq!(&*status.loaded, [folder]);
    assert_eq!(status.tracks[0].name, "other");
    // Of what was played before nothing is left: there is no song before this one, and its end is the end.
    let last = s.order("previous");
    let refused = s.last(&last);
    assert!(
        matches!(&refused, Answer::Refused(r) if r.code == ErrorCode::NoSong),
        "{refused:?}"
    );
    let end = cut + 30_000;
    steps_to(&mut s, end + 500);
    assert_eq!(s.heard[end - 1], 0.25 * name_of(29_999));
    assert!(s.heard[end..].iter().all(|x| *x == 0.0));
    wait_until("the end", || told(&s).position.state == State::Ended);
}

#[test]
fn what_is_the_matter_with_it_is_told_and_what_plays_plays_on() {
    let mut s = session(960_000, false);
    let dir = s.dir.path().to_owned();
    let file = |name: &str, text: &str| {
        let path = dir.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let wide = dir.join("wide");
    std::fs::create_dir(&wide).unwrap();
    write_f32_wav(&wide.join("six.wav"), RATE, &vec![vec![0.5; 100]; 6]);
    let elsewhere = dir.join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    write_ramp(&elsewhere, "click", RATE, 100, 1.0);
    let good = second(&dir, 100);
    let broken = file("broken.toml", "version = 1\ntracks = 7\n");
    let no_audio = file("x.wav", "RIFF or not");
    let dangling = file(
        "dangling.toml",
        "version = 1\n[[tracks]]\nfile = \"gone.wav\"\n",
    );
    let list = "version = 1\n[[songs]]\nfile = \"second\"\n[[songs]]\nfile = \"x.wav\"\n";
    let list = file("list.toml", list);
    let (song, bad) = (ErrorCode::Song, ErrorCode::BadValue);
    play(&mut s);
    let cases: [(&[&Path], ErrorCode, &str); 9] = [
        (&[&dir.join("none")], song, "none: no such file or folder"),
        (&[&broken], song, "broken.toml:2:10: expected a list"),
        (&[&no_audio], song, "x.wav"),
        (&[&dangling], song, "gone.wav: no such file or folder"),
        (&[&list], song, "x.wav"),
        (&[&good, &no_audio], bad, "load: audio files can't be mixed"),
        (&[Path::new("-")], bad, "load: standard input is for play"),
        (
            &[&wide],
            song,
            "track `six` has 6 channels, more than the 2 of bus `main`",
        ),
        (&[&elsewhere], song, "nothing of `elsewhere` would be heard"),
    ];
    for (paths, code, said) in cases {
        let answers = load(&s, paths);
        match s.last(&answers) {
            Answer::Refused(why) => {
                assert_eq!(why.code, code, "{why}");
                assert!(why.message.contains(said), "{why}");
            }
            other => panic!("{paths:?}: {other:?}"),
        }
    }
    let to = s.heard.len() + 1000;
    steps_to(&mut s, to);
    assert_eq!(first_up_to(&s), s.heard.len());
    let status = told(&s);
    assert_eq!((status.programme, status.loaded.len()), (0, 0));
    assert_eq!((status.songs.len(), status.starvations), (1, 0));
}

#[test]
fn a_session_managers_session_takes_no_idle_song() {
    let dir = tempfile::tempdir().unwrap();
    let first = first(dir.path(), 96_000);
    let folder = second(dir.path(), 1_000);
    let list = dir.path().join("list.toml");
    let text = "version = 1\nidle = \"second\"\n[[songs]]\nfile = \"second\"\n";
    std::fs::write(&list, text).unwrap();
    let mut s = Stage::new(dir, RATE, |output| {
        let player = PlayerBuilder::new(setlist(vec![first])).output(output);
        player.present(true).build().unwrap()
    });
    s.begin();
    let answers = load(&s, &[&list]);
    match s.last(&answers) {
        Answer::Refused(why) => assert!(why.message.contains("session manager"), "{why}"),
        other => panic!("{other:?}"),
    }
    let answers = load(&s, &[&folder]);
    assert_eq!(s.last(&answers), Answer::Done { frame: 0 });
}

#[test]
fn a_bus_that_the_session_has_not_is_silent_and_said() {
    let mut s = session(480_000, false);
    let folder = second(s.dir.path(), 20_000);
    write_ramp(&folder, "click", RATE, 20_000, 1.0);
    play(&mut s);
    let answers = load(&s, &[&folder]);
    assert_eq!(s.last(&answers), Answer::Done { frame: 0 });
    let from = s.heard.len() + 1000;
    steps_to(&mut s, from + 1000);
    // The click isn't on main.
    let frame = frame_of(s.heard[from] / 0.25);
    assert_eq!(s.heard[from], 0.25 * name_of(frame));
    assert_eq!(s.heard[from + 1], 0.25 * name_of(frame + 1));
    let said = loop {
        match s.player.next_note(SOON) {
            Some(Note::Warning(w)) if w.code == "silent-bus" => break w.message,
            Some(_) => {}
            None => panic!("nothing is said"),
        }
    };
    assert!(
        said.starts_with("bus `click` of `second` has no output in this session"),
        "{said}"
    );
}

#[test]
fn at_rest_it_stands_at_the_new_songs_beginning_and_flags_of_before_are_not_its_own() {
    let mut s = session(480_000, false);
    let folder = second(s.dir.path(), 20_000);
    let answers = load(&s, &[&folder]);
    assert_eq!(s.last(&answers), Answer::Done { frame: 0 });
    play(&mut s);
    steps_to(&mut s, 5000);
    let wanted: Vec<f32> = (0..5000).map(|f| 0.25 * name_of(f)).collect();
    assert_eq!(s.heard[..5000], wanted);
    // And paused in the middle.
    let answers = s.order("pause");
    s.last(&answers);
    let again = s.dir.path().join("first.wav");
    let answers = load(&s, &[&again]);
    assert_eq!(s.last(&answers), Answer::Done { frame: 0 });
    let status = told(&s);
    assert_eq!((status.position.frame, status.songs.len()), (0, 1));
    s.heard.clear();
    play(&mut s);
    steps_to(&mut s, 1000);
    let wanted: Vec<f32> = (0..1000).map(name_of).collect();
    assert_eq!(s.heard[..1000], wanted);
}

#[test]
fn an_end_that_comes_before_the_new_song_is_there_is_not_the_end() {
    let mut s = session(20_000, true);
    let folder = second(s.dir.path(), 3_000);
    play(&mut s);
    steps_to(&mut s, 19_000);
    let answers = load(&s, &[&folder]);
    let limit = Instant::now() + SOON;
    // As fast as it goes, to the end and on.
    while s.heard.len() < 20_000 || s.heard.last() == Some(&0.0) {
        assert!(Instant::now() < limit && !s.player.is_over(), "it is over");
        if s.driver.runs() {
            s.step();
        }
    }
    assert_eq!(s.last(&answers), Answer::Done { frame: 0 });
    let limit = Instant::now() + SOON;
    while !s.player.is_over() && s.driver.runs() {
        assert!(Instant::now() < limit, "never over");
        let _ = s.driver.step(CALL, Duration::from_millis(20));
    }
    s.heard.extend(s.driver.take().swap_remove(0));
    let last = s.heard.iter().rfind(|x| **x != 0.0);
    assert_eq!(last, Some(&(0.25 * name_of(2_999))));
}

#[test]
fn of_two_loads_the_later_counts_and_a_jump_in_the_old_song_takes_no_load_away() {
    let mut s = session(480_000, false);
    let folder = second(s.dir.path(), 200_000);
    let again = s.dir.path().join("first.wav");
    play(&mut s);
    // On a busy machine the first may be read, and the second refused, before the second is asked for.
    let two = loop {
        let one = load(&s, &[&again]);
        let two = load(&s, &[&folder]);
        match s.last(&one) {
            Answer::Done { frame: 0 } => assert!(is(&s.last(&two), ErrorCode::Busy)),
            superseded => {
                assert!(is(&superseded, ErrorCode::Superseded), "{superseded:?}");
                break two;
            }
        }
    };
    // At whatever stage the load is.
    let limit = Instant::now() + SOON;
    loop {
        let _ = s.order("seek 100000f");
        s.step();
        match two.try_recv() {
            Ok(Answer::Done { frame: 0 }) => break,
            Ok(Answer::Accepted) | Err(_) => assert!(Instant::now() < limit, "never loaded"),
            Ok(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(told(&s).songs, ["second"]);
}

#[test]
fn of_many_loads_the_last_counts_and_all_others_are_answered() {
    let mut s = session(480_000, false);
    let folder = second(s.dir.path(), 200_000);
    let again = s.dir.path().join("first.wav");
    play(&mut s);
    // Most of them before the first is read; likewise.
    loop {
        let overtaken: Vec<_> = (0..60).map(|_| load(&s, &[&again])).collect();
        let last = load(&s, &[&folder]);
        let answers: Vec<_> = overtaken.iter().map(|a| s.last(a)).collect();
        let last = s.last(&last);
        if answers.iter().all(|a| is(a, ErrorCode::Superseded)) {
            assert_eq!(last, Answer::Done { frame: 0 });
            break;
        }
        assert!(is(&last, ErrorCode::Busy) || last == Answer::Done { frame: 0 });
    }
    assert_eq!(told(&s).songs, ["second"]);
}

#[test]
fn without_a_device_it_is_what_plays_when_that_is_back() {
    let mut s = session(480_000, false);
    let folder = second(s.dir.path(), 200_000);
    play(&mut s);
    s.driver.plug(None);
    wait_until("the loss", || told(&s).losses == 1);
    let answers = load(&s, &[&folder]);
    assert_eq!(s.last(&answers), Answer::Done { frame: 0 });
    assert_eq!(told(&s).songs, ["second"]);
    s.heard.clear();
    let _ = s.driver.take();
    s.driver.plug(Some(RATE));
    wait_until("the return", || s.driver.runs());
    steps_to(&mut s, 2000);
    let first = s.heard.iter().position(|x| *x != 0.0).unwrap();
    for (i, x) in s.heard[first..].iter().enumerate() {
        assert_eq!(*x, 0.25 * name_of(i as u64));
    }
}

#[test]
fn a_jack_client_keeps_its_ports_and_what_they_are_connected_to() {
    let Some(server) = Jackd::start(256, RATE) else {
        return;
    };
    let home = Home::new();
    home.wav("show/drums.wav", 60_000);
    home.wav("other/bass.wav", 60_000);
    home.wav("other/click.wav", 60_000);
    let watcher = Look::open(&server, "watcher");
    watcher.activate();
    let input = watcher.audio_input("in");
    let mut command = home.backline("play show --status json --no-keys");
    let mut playing = Running::start(command.env("JACK_DEFAULT_SERVER", server.name()));
    playing.wait_until_playing();
    let ports = || watcher.ports("backline");
    let to = || watcher.connections("backline:main_L");
    let before = (ports(), to());
    assert_eq!(before.1, ["system:playback_1"]);
    assert!(watcher.connect("backline:main_L", &input));
    let by_hand = to();
    // By a path from where `ctl` is.
    let outcome = home.run("ctl load other");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!((ports(), to()), (before.0, by_hand));
    let status = home.run("ctl status --json");
    let status: Value = serde_json::from_str(&status.text()).unwrap();
    assert_eq!(status["ok"]["song"], "other");
    assert_eq!(status["ok"]["state"], "playing");
    playing.signal(15);
    let ended = playing.finish();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.summary()["losses"], 0);
    let said = ended.warnings();
    assert!(
        said.iter()
            .any(|w| w.starts_with("bus `click` of `other` has no output")),
        "{said:?}"
    );
}

#[test]
fn a_reload_of_a_service_begins_what_was_loaded_last_anew() {
    let home = Home::new();
    home.wav("a.wav", 20_000);
    home.wav("b.wav", 20_000);
    let mut manager = Manager::new(home.path());
    let args = "play --kiosk --backend null --status json a.wav --mute a";
    let mut running = Running::start(manager.runs(&mut home.backline(args), 5_000));
    running.wait_until_playing();
    let outcome = home.run("ctl load b.wav");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    manager.wait_for("the song", |text| text == "STATUS=playing `b`");
    manager.forget();
    running.signal(SIGHUP);
    manager.wait_for("the reload", |text| text.starts_with("RELOADING=1"));
    manager.wait_for("readiness", |text| text == "READY=1");
    // (Between the two players there is no socket.)
    wait_until("an answer", || {
        let status = home.run("ctl status --json");
        let status: Value = serde_json::from_str(&status.text()).unwrap_or_default();
        status["ok"]["song"] == "b" && status["ok"]["tracks"][0]["mute"] == false
    });
    running.signal(SIGTERM);
    let ended = running.finish();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}
