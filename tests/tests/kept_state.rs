//! `--keep-state`: playing goes on where it was, as loud as it was, whatever was left of the file.

use std::fs;
use std::path::Path;

use backline::atomic::write_atomically;
use backline::kiosk::{Keeper, Spot};
use backline::player::PlayerBuilder;
use backline_tests::program::{Home, Running, wait_until};
use backline_tests::session::{SOON, close};
use backline_tests::stems::{name_of, setlist, song, track, write_ramp};
use backline_tests::step::Stepper;
use libc::{SIGKILL, SIGTERM};
use serde_json::Value;

const KIOSK: &str = "play --kiosk --backend null --status json --monitor off --control none";
const KEPT: &str = "state.json";

fn state(home: &Home) -> Value {
    let text = fs::read_to_string(home.path().join(KEPT)).expect("a kept state");
    serde_json::from_str(&text).expect("a whole one")
}

/// Where it begins.
fn begins(running: &mut Running) -> (String, u64) {
    let first = running.wait_until_playing();
    let song = first["song"].as_str().expect("a song").to_owned();
    (song, first["frame"].as_u64().expect("a frame"))
}

/// What is said of the state.
fn said(ended: &backline_tests::program::Outcome) -> Vec<String> {
    let events = ended.events().into_iter();
    let about = events.filter(|e| e["event"] == "warning" && e["code"] == "state");
    about
        .map(|e| e["message"].as_str().unwrap_or_default().to_owned())
        .collect()
}

fn ends(running: Running) -> backline_tests::program::Outcome {
    running.signal(SIGTERM);
    let ended = running.finish();
    assert_eq!((ended.code, ended.signal), (Some(0), None), "{ended:#?}");
    ended
}

#[test]
fn it_goes_on_where_it_was_and_as_loud_as_it_was() {
    let home = Home::in_memory();
    home.wav("one.wav", 30_000);
    home.wav("two.wav", 30_000);
    let args = format!(
        "play --kiosk --backend null --status json --sequence one.wav two.wav --keep-state {KEPT} --master -6"
    );
    let mut running = home.start(&args);
    assert_eq!(begins(&mut running).0, "one");
    for verb in ["next", "seek 0:20", "master -12.5"] {
        let ctl = home.run(&format!("ctl {verb}"));
        assert_eq!(ctl.code, Some(0), "{ctl:?}");
    }
    let last = running.wait_for("the place", |e| {
        e["song"] == "two" && e["state"] == "playing" && e["frame"].as_u64() > Some(20 * 48_000)
    });
    let ended = ends(running);
    // The first time there is none, and no word is lost about it.
    assert_eq!(said(&ended).len(), 0, "{ended:#?}");
    let kept = state(&home);
    assert_eq!((&kept["song"], &kept["title"]), (&2.into(), &"two".into()));
    let frame = kept["frame"].as_u64().expect("a frame");
    assert!(frame >= last["frame"].as_u64().unwrap(), "{kept} {last}");
    assert!(
        (kept["master_db"].as_f64().unwrap() + 12.5).abs() < 1e-5,
        "{kept}"
    );

    // Again: the same song, a little later, with the level that was set by hand.
    let mut running = home.start(&args);
    let (title, first) = begins(&mut running);
    assert_eq!(title, "two");
    assert!(
        (frame..frame + 48_000 * 5).contains(&first),
        "{first} after {frame}"
    );
    let ctl = home.run("ctl status --json");
    let status: Value = serde_json::from_str(&ctl.text()).expect("a status");
    assert!(ctl.text().contains("\"master_db\":-12.5"), "{status}");
    let ended = ends(running);
    assert_eq!(said(&ended), Vec::<String>::new());

    // Without it, as ever.
    let mut running = home.start(&args.replace(&format!("--keep-state {KEPT}"), ""));
    let (title, first) = begins(&mut running);
    assert!(title == "one" && first < 48_000 * 5, "{title} {first}");
    ends(running);

    // Its song is gone: from the beginning, and it says so.
    let mut running = home.start(&args.replace("two.wav", ""));
    assert_eq!(begins(&mut running).0, "one");
    let ended = ends(running);
    assert!(said(&ended)[0].contains("`two`"), "{ended:#?}");
}

#[test]
fn after_a_natural_end_it_begins_at_the_beginning() {
    let home = Home::in_memory();
    home.wav("one.wav", 400);
    let args = format!("play one.wav --backend null --status json --keep-state {KEPT} --master -3");
    for _ in 0..2 {
        let ended = home.run(&args);
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        assert_eq!(ended.summary()["frames"], 400 * 48);
        let kept = state(&home);
        assert!(kept["frame"].is_null() && kept["song"].is_null(), "{kept}");
    }
}

#[test]
fn whatever_a_power_cut_left_is_no_reason_not_to_play() {
    let home = Home::in_memory();
    home.wav("one.wav", 30_000);
    let args = format!("{KIOSK} one.wav --keep-state {KEPT}");
    let path = home.path().join(KEPT);
    let mut running = home.start(&args);
    begins(&mut running);
    ends(running);
    let whole = fs::read(&path).expect("a kept state");
    let leftover = home.path().join(".state.json.new");
    for left in [
        &whole[..0],
        &whole[..1],
        &whole[..whole.len() / 2],
        &[0; 300],
        b"{}",
    ] {
        fs::write(&path, left).expect("a file");
        fs::write(&leftover, left).expect("a file");
        let mut running = home.start(&args);
        let (_, first) = begins(&mut running);
        assert!(first < 48_000 * 5, "{first}");
        let ended = ends(running);
        assert_eq!(said(&ended).len(), 1, "{ended:#?}");
        assert!(said(&ended)[0].contains("state.json: "), "{ended:#?}");
        // And whole again, with nothing beside it.
        assert_eq!(state(&home)["backline"], "kept state");
        assert!(!leftover.exists());
    }
    // The cut came while a new one was written: the old one counts.
    let old = String::from_utf8(whole).expect("text");
    let old = old.replace(&format!("\"frame\":{}", frame_in(&old)), "\"frame\":960000");
    fs::write(&path, &old).expect("a file");
    fs::write(&leftover, &old[..40]).expect("a file");
    let mut running = home.start(&args);
    let (_, first) = begins(&mut running);
    assert!((960_000..1_300_000).contains(&first), "{first}");
    // So it does when it is killed before it wrote one.
    running.signal(SIGKILL);
    drop(running);
    assert_eq!(fs::read_to_string(&path).expect("a file"), old);
}

fn frame_in(text: &str) -> u64 {
    let value: Value = serde_json::from_str(text).expect("a state");
    value["frame"].as_u64().expect("a frame")
}

#[test]
fn where_it_cannot_be_written_that_is_said_once_and_it_plays() {
    let home = Home::in_memory();
    home.wav("one.wav", 5_000);
    // Not even root can make a file there.
    let args = format!("{KIOSK} one.wav --keep-state /proc/state.json");
    let mut running = home.start(&args);
    begins(&mut running);
    let ended = ends(running);
    let said = said(&ended);
    assert_eq!(said.len(), 1, "{ended:#?}");
    assert!(
        said[0].starts_with("/proc/state.json: the state can't be kept: "),
        "{said:?}"
    );
    assert!(ended.summary()["frames"].as_u64() > Some(0));
}

/// A file that is replaced again and again is whole whenever somebody looks, also when whoever writes is gone at any moment.
#[test]
fn there_is_never_half_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state");
    let texts: Vec<Vec<u8>> = (0..4u8)
        .map(|n| vec![b'a' + n; 5_000 + 997 * usize::from(n)])
        .collect();
    write_atomically(&path, &texts[0], false).expect("written");
    let theirs = path.clone();
    let these = texts.clone();
    let writer = std::thread::spawn(move || {
        for n in 0..400 {
            write_atomically(&theirs, &these[n % 4], n % 40 == 0).expect("written");
        }
    });
    let mut looks = 0;
    while !writer.is_finished() || looks == 0 {
        let read = fs::read(&path).expect("it is always there");
        assert!(texts.contains(&read), "{} bytes", read.len());
        looks += 1;
    }
    writer.join().expect("it writes");
}

/// Played from a kept place, frame by frame.
fn from_the_spot(dir: &Path, spot: Spot) -> Vec<f32> {
    let ramp = |name: &str| track(name, &write_ramp(dir, name, 48_000, 100_000, 1.0));
    let songs = ["a", "b"].map(|name| song(name, vec![ramp(name)]));
    let driver = Stepper::new(48_000, 64);
    let player = PlayerBuilder::new(setlist(songs.into()))
        .output(driver.output())
        .keep_going(true)
        .go_on(spot)
        .build()
        .expect("a player");
    player.play();
    wait_until("the stream", || driver.runs());
    assert!(driver.step(64, SOON));
    let heard = driver.take().swap_remove(0);
    close(player, SOON);
    heard
}

#[test]
fn the_first_sample_is_the_one_that_came_next() {
    let dir = tempfile::tempdir().expect("a folder");
    let kept = dir.path().join("kept");
    for frame in [0, 1, 29_399, 77_777, 99_935] {
        // By way of the file.
        let text = format!(
            r#"{{"backline":"kept state","v":1,"song":2,"title":"b","frame":{frame},"rate":48000,"master_db":0}}"#
        );
        fs::write(&kept, text).expect("a file");
        let (_, read) = Keeper::open(&kept).expect("a thread");
        let spot = read
            .expect("a state")
            .expect("a state")
            .spot
            .expect("a place");
        let heard = from_the_spot(dir.path(), spot);
        for (i, x) in (0..).zip(&heard) {
            assert_eq!(*x, name_of(frame + i), "{i} after {frame}");
        }
    }
    // A song that has become shorter begins at its start.
    let spot = Spot {
        song: 1,
        title: "b".into(),
        at_s: 1e9,
    };
    assert_eq!(
        from_the_spot(dir.path(), spot)[..2],
        [name_of(0), name_of(1)]
    );
    // Another order: the title counts.
    let spot = Spot {
        song: 1,
        title: "a".into(),
        at_s: 1.0,
    };
    assert_eq!(from_the_spot(dir.path(), spot)[0], name_of(48_000));
}
