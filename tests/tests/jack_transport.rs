//! Following and leading the transport of a real JACK server: what is heard in every cycle is the transport's
//! frame, exactly, or silence where it stands.

use std::path::Path;
use std::time::Instant;

use backline::player::{Output, Player, PlayerBuilder, Ports, Transport};
use backline::report::{Ended, State};
use backline::song::{OnEnd, Song};
use backline_tests::conductor::Conductor;
use backline_tests::dice::Dice;
use backline_tests::jackd::Jackd;
use backline_tests::session::{SOON, close, finish, jack_to, until};
use backline_tests::stems::{name_of, setlist, song, track, write_f32_wav};

const RATE: u32 = 48_000;
const STEMS: usize = 24;
/// Ports of the first and the last stem, both sides.
const PORTS: [&str; 4] = ["stem01_L", "stem01_R", "stem24_L", "stem24_R"];

/// A song of stereo stems whose samples name their frames, on the right negated.
fn stems(dir: &Path, stems: usize, frames: u64) -> Song {
    let left: Vec<f32> = (0..frames).map(name_of).collect();
    let right = left.iter().map(|x| -x).collect();
    let planes = [left, right];
    let tracks = (1..=stems).map(|i| {
        let name = format!("stem{i:02}");
        let path = dir.join(format!("{name}.wav"));
        write_f32_wav(&path, RATE, &planes);
        track(&name, &path)
    });
    song("stems", tracks.collect())
}

fn output(server: &Jackd, ports: &[&str], conductor: &Conductor) -> Output {
    let inputs = (1..=ports.len()).map(|n| conductor.input(n));
    jack_to(server, ports, inputs)
}

/// Waits until it is at the other end of its connections and follows.
fn wait_following(player: &Player, conductor: &Conductor, ports: usize) {
    until("connected", || {
        (1..=ports).all(|n| !conductor.connections(n).is_empty())
    });
    until("it follows", || player.status().position.reason.is_some());
}

#[test]
fn two_hundred_locates_rolling_and_stopped_are_exact() {
    let Some(server) = Jackd::start(256, RATE) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let end = 4 * RATE;
    let conductor = Conductor::open(&server, PORTS.len(), end.into());
    let player = PlayerBuilder::new(setlist(vec![stems(dir.path(), STEMS, end.into())]))
        .output(output(&server, &PORTS, &conductor))
        .ports(Ports::Tracks)
        .transport(Transport::Follow)
        .build()
        .unwrap();
    player.play();
    wait_following(&player, &conductor, PORTS.len());
    conductor.start();
    conductor.wait_rolling_from(0);
    let mut dice = Dice::new(4);
    let mut waited = Vec::new();
    for locate in 0..200 {
        let to = match dice.below(12) {
            0 => 0,
            1 => end - dice.below(300),
            // Beyond the end is silence.
            2 => end + dice.below(RATE),
            _ => dice.below(end),
        };
        if dice.one_in(2) {
            conductor.stop();
            conductor.wait_standing();
            conductor.locate(to);
            if dice.one_in(2) {
                conductor.wait_standing_at(to);
                conductor.wait_cycles(dice.below(20));
            }
            conductor.start();
        } else {
            if dice.one_in(5) {
                // Another comes before this one has been obeyed.
                conductor.locate(dice.below(end));
                conductor.wait_cycles(dice.below(4));
            }
            conductor.locate(to);
        }
        conductor.wait_rolling_from(to);
        waited.push(conductor.started_in());
        let (_, silent) = conductor.right_and_silent();
        assert_eq!(silent, 0, "locate {locate} to {to}");
    }
    let (right, _) = conductor.right_and_silent();
    assert!(right > 200 * 6 * 256, "{right} samples heard");
    waited.sort_unstable();
    let ms = |cycles: u32| f64::from(cycles) * 256.0 * 1000.0 / f64::from(RATE);
    let [median, most, last] = [100, 190, 199].map(|n| ms(waited[n]));
    println!(
        "ready after {median:.1} ms in the median, {most:.1} ms in 95 %, {last:.1} ms at most"
    );
    assert!(median < 100.0, "ready after {median} ms");
    assert!(most < 100.0, "95 % ready after {most} ms");
    let status = player.status();
    assert_eq!(status.starvations, 0);
    assert_eq!(close(player, SOON).ended, Ended::Stopped);
}

#[test]
fn who_comes_in_late_is_exact_from_then_on_and_so_is_a_changed_period() {
    let Some(server) = Jackd::start(64, RATE) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let end = 60 * RATE;
    let conductor = Conductor::open(&server, 2, end.into());
    conductor.locate(12_345);
    conductor.start();
    conductor.wait_rolling_from(12_345);
    let ports = ["stem01_L", "stem01_R"];
    let player = PlayerBuilder::new(setlist(vec![stems(dir.path(), 1, end.into())]))
        .output(output(&server, &ports, &conductor))
        .ports(Ports::Tracks)
        .transport(Transport::Follow)
        .build()
        .unwrap();
    player.play();
    until("it is heard", || conductor.right_and_silent().0 > 0);
    let (_, before) = conductor.right_and_silent();
    for period in [512, 16, 100, 1024, 64] {
        let (right, _) = conductor.right_and_silent();
        conductor.set_period(period);
        until("some of it is heard", || {
            conductor.right_and_silent().0 > right + 20_000
        });
    }
    let (_, silent) = conductor.right_and_silent();
    assert_eq!(silent, before, "nothing is lost once it is in");
    // Its own keys move nothing.
    player.pause();
    player.seek(backline::player::Place::By(1.0));
    conductor.wait_cycles(50);
    assert!(conductor.rolling());
    assert_eq!(player.status().position.state, State::Playing);
    assert_eq!(player.status().starvations, 0);
    assert_eq!(conductor.right_and_silent().1, silent);
    assert_eq!(close(player, SOON).ended, Ended::Stopped);
    assert!(
        conductor.rolling(),
        "who follows leaves the transport alone"
    );
}

#[test]
fn who_leads_moves_the_transport_and_stops_it_at_the_end() {
    let Some(server) = Jackd::start(256, RATE) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let end = 5 * RATE;
    let conductor = Conductor::open(&server, 2, end.into());
    conductor.locate(99_999);
    conductor.wait_standing_at(99_999);
    let ports = ["stem01_L", "stem01_R"];
    let player = PlayerBuilder::new(setlist(vec![stems(dir.path(), 1, end.into())]))
        .output(output(&server, &ports, &conductor))
        .ports(Ports::Tracks)
        .transport(Transport::Lead)
        .build()
        .unwrap();
    player.play();
    conductor.wait_rolling_from(0);
    let at = |frame: u64| backline::player::Place::At(backline::song::Time::Frames(frame));
    player.seek(at(50_001));
    conductor.wait_rolling_from(50_001);
    player.pause();
    conductor.wait_standing();
    until("it shows", || {
        player.status().position.state == State::Paused
    });
    player.seek(at(777));
    conductor.wait_standing_at(777);
    player.toggle();
    conductor.wait_rolling_from(777);
    until("it shows", || {
        player.status().position.state == State::Playing
    });
    // Somebody else may still move it.
    conductor.stop();
    conductor.wait_standing();
    conductor.locate(end - RATE);
    player.play();
    conductor.wait_rolling_from(end - RATE);
    let begun = Instant::now();
    let summary = finish(player, SOON);
    assert_eq!(summary.ended, Ended::End, "{summary:?}");
    assert!(begun.elapsed() < SOON);
    conductor.wait_standing();
    assert!(conductor.frame() >= end, "it played to the end");
    let (right, silent) = conductor.right_and_silent();
    assert_eq!(silent, 0);
    assert!(right >= 2 * u64::from(RATE), "the last second at least");
    assert_eq!(summary.starvations, 0);
}

#[test]
fn a_list_that_is_led_goes_on_to_the_next_song() {
    let Some(server) = Jackd::start(256, RATE) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let end = RATE / 2;
    let conductor = Conductor::open(&server, 2, end.into());
    let ports = ["stem01_L", "stem01_R"];
    let mut first = stems(dir.path(), 1, end.into());
    first.on_end = OnEnd::Next;
    let second = Song {
        title: "second".into(),
        ..first.clone()
    };
    let mut player = PlayerBuilder::new(setlist(vec![first, second]))
        .output(output(&server, &ports, &conductor))
        .ports(Ports::Tracks)
        .transport(Transport::Lead)
        .build()
        .unwrap();
    player.play();
    let mut titles = Vec::new();
    while let Some(note) = player.next_note(SOON) {
        if let backline::player::Note::Position(p) = note
            && p.state == State::Playing
            && titles.last() != Some(&p.song)
        {
            titles.push(p.song);
        }
    }
    assert_eq!(titles, [Some("stems".into()), Some("second".into())]);
    let (right, silent) = conductor.right_and_silent();
    assert_eq!((right, silent), (4 * u64::from(end), 0), "both, whole");
}
