//! Ends: the last frame is heard before the stream stops, and the stream can be started again.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backline::null::Null;
use backline::player::{Driver, EngineBorrower, Output, PlayerBuilder};
use backline::report::{Ended, State, Summary};
use backline::song::Setlist;
use backline_tests::alsa_rig::isolated;
use backline_tests::jackd::{Jackd, Recorder};
use backline_tests::over_null::OverNull;
use backline_tests::session::{SOON, alsa, close, faulty, finish, jack, read_raw, until};
use backline_tests::stems::{name_of, setlist, song, track, write_ramp};
use engine_core::backend::{Played, Process};
use engine_core::convert::SampleFormat;

const RATE: u32 = 48_000;
const PORTS: [&str; 2] = ["main_L", "main_R"];
/// No multiple of any period; the shortest is less than one.
const LENGTHS: [u64; 4] = [1, 1023, 1025, 30_011];

fn ramp(dir: &Path, frames: u64) -> Setlist {
    let file = write_ramp(dir, &format!("ramp{frames}"), RATE, frames, 1.0);
    setlist(vec![song("ramp", vec![track("ramp", &file)])])
}

fn builder(songs: Setlist, output: Output) -> PlayerBuilder {
    PlayerBuilder::new(songs)
        .output(output)
        .poll(Duration::from_millis(10))
        .rate(Some(RATE))
        .format(Some(SampleFormat::F32))
}

/// Any silence, then every frame of the ramp, then silence.
fn check(way: &str, length: u64, heard: &[Vec<f32>]) {
    for plane in heard {
        let begin = plane.iter().position(|x| *x != 0.0);
        let begin = begin.unwrap_or_else(|| panic!("{way}: {length} frames: silence"));
        let end = plane.iter().rposition(|x| *x != 0.0).unwrap_or(begin) + 1;
        assert_eq!((end - begin) as u64, length, "{way}: frames heard");
        for (i, x) in plane[begin..end].iter().enumerate() {
            assert_eq!(*x, name_of(i as u64), "{way}: frame {i} of {length}");
        }
    }
}

/// Plays to the end; whether the machine kept up.
fn play(length: u64, builder: PlayerBuilder) -> bool {
    let player = builder.build().expect("a session");
    player.play();
    let summary = finish(player, SOON);
    assert_eq!((summary.ended, summary.frames), (Ended::End, length));
    is_clean(&summary)
}

/// Whether the machine kept up.
fn is_clean(summary: &Summary) -> bool {
    summary.starvations == 0 && summary.device_xruns.unwrap_or(0) == 0
}

/// Keeps what is played.
struct Tape {
    process: EngineBorrower,
    heard: Arc<Mutex<Vec<Vec<f32>>>>,
}

impl Process for Tape {
    fn process(&mut self, planes: &mut [&mut [f32]], frames: usize) -> Played {
        let played = self.process.process(planes, frames);
        if played == Played::Engine {
            let mut heard = self.heard.lock().unwrap();
            heard.resize(planes.len(), Vec::new());
            for (heard, plane) in heard.iter_mut().zip(planes) {
                heard.extend_from_slice(&plane[..frames]);
            }
        }
        played
    }

    fn ready(&mut self, frames: usize) -> bool {
        self.process.ready(frames)
    }
}

/// The null backend at `speed`, and what it is given.
fn kept(speed: f64) -> (Output, Arc<Mutex<Vec<Vec<f32>>>>) {
    let heard: Arc<Mutex<Vec<Vec<f32>>>> = Arc::default();
    let theirs = heard.clone();
    let make = move || -> Driver {
        let heard = theirs.clone();
        Box::new(OverNull::new(Null::at_speed(speed), move |process| Tape {
            process,
            heard: heard.clone(),
        }))
    };
    let output = Output::Other {
        name: "null",
        make: Arc::new(make),
    };
    (output, heard)
}

#[test]
fn the_last_frame_is_heard_on_null() {
    let folder = tempfile::tempdir().unwrap();
    for length in LENGTHS {
        for speed in [1.0, f64::INFINITY] {
            let songs = ramp(folder.path(), length);
            let kept_up = (0..6).any(|_| {
                let (output, heard) = kept(speed);
                let kept_up = play(length, builder(songs.clone(), output));
                if kept_up {
                    check("null", length, &heard.lock().unwrap());
                }
                kept_up
            });
            assert!(kept_up, "no run of six without a starvation");
        }
    }
}

#[test]
fn the_last_frame_is_heard_through_jack() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Jackd::start(256, RATE) else {
        return;
    };
    for length in LENGTHS {
        let songs = ramp(folder.path(), length);
        let frames = length as usize + 3000;
        let recorder = Recorder::open(&server, "recorder", PORTS.len(), frames);
        let output = jack(&server, &PORTS, Some(&recorder));
        let player = builder(songs, output).build().expect("a session");
        player.play();
        let summary = finish(player, SOON);
        assert_eq!((summary.ended, summary.frames), (Ended::End, length));
        assert_eq!(summary.starvations, 0);
        check("jack", length, &recorder.finish(SOON));
    }
}

#[test]
fn the_last_frame_is_heard_through_alsa() {
    isolated("the_last_frame_is_heard_through_alsa", |folder| {
        for length in LENGTHS {
            for paced in [true, false] {
                let songs = ramp(folder, length);
                let (file, device) = if paced {
                    faulty(folder, "SPEED=1")
                } else {
                    let file = folder.join("taken.raw");
                    let device = format!("recorder:FILE={}", file.display());
                    (file, device)
                };
                let kept_up = (0..6).any(|_| {
                    let builder = builder(songs.clone(), alsa(device.clone()));
                    let kept_up = play(length, builder.period(Some(1024), Some(3)));
                    if kept_up {
                        let heard = read_raw(&file, 2);
                        check(&device, length, &heard);
                        // Its buffer would delay the first sound by as much.
                        assert_eq!(heard[0][0], name_of(0), "{device}: silence comes first");
                    }
                    kept_up
                });
                assert!(kept_up, "no run of six without an xrun");
            }
        }
    });
}

#[test]
fn a_deep_buffer_is_filled_at_the_start_without_a_starvation() {
    isolated(
        "a_deep_buffer_is_filled_at_the_start_without_a_starvation",
        |folder| {
            // Deeper than a tenth of a second, than half the ring, than the ring.
            for (period, ring_ms) in [(2048, 1000), (4096, 400), (8192, 100)] {
                let songs = ramp(folder, 60_000);
                let (file, device) = faulty(folder, "SPEED=1");
                let player = builder(songs, alsa(device))
                    .period(Some(period), Some(4))
                    .ring_ms(ring_ms)
                    .build()
                    .expect("a session");
                player.play();
                let summary = finish(player, SOON);
                assert_eq!(summary.starvations, 0, "at {period} × 4");
                check("alsa", 60_000, &read_raw(&file, 2));
            }
        },
    );
}

// --- again and again on one stream ---

const PLAYS: u64 = 5;
const SONG: u64 = 7_001;

/// Plays the song to its end several times on one stream.
fn play_again(builder: PlayerBuilder) -> Summary {
    let player = builder.finish_at_end(false).build().expect("a session");
    for play in 1..=PLAYS {
        player.play();
        until("the end", || {
            let status = player.status();
            let ended = status.position.state == State::Ended;
            ended && status.delivered_frames >= play * SONG
        });
    }
    let summary = close(player, SOON);
    assert_eq!(summary.frames, PLAYS * SONG);
    summary
}

/// Every play whole, with any silence around.
fn check_again(way: &str, heard: &[Vec<f32>]) {
    let named = heard[0].iter().filter(|x| **x != 0.0);
    let wanted = (0..PLAYS).flat_map(|_| (0..SONG).map(name_of));
    let mut count = 0;
    for (i, (heard, wanted)) in named.zip(wanted).enumerate() {
        let (play, frame) = (i as u64 / SONG, i as u64 % SONG);
        assert_eq!(*heard, wanted, "{way}: play {play}, frame {frame}");
        count += 1;
    }
    assert_eq!(count, PLAYS * SONG, "{way}");
    let sounding = heard[0].iter().filter(|x| **x != 0.0).count() as u64;
    assert_eq!(sounding, PLAYS * SONG, "{way}: something else was heard");
    // Nothing silent inside a play.
    let begins = |w: &[f32]| w[0] == 0.0 && w[1] != 0.0;
    let pieces = heard[0].windows(2).filter(|w| begins(w)).count() as u64;
    assert!(pieces <= PLAYS, "{way}: {pieces} pieces");
}

#[test]
fn a_stream_that_ended_plays_again_from_first_to_last_frame() {
    let folder = tempfile::tempdir().unwrap();
    let songs = ramp(folder.path(), SONG);
    let kept_up = (0..6).any(|_| {
        let (output, heard) = kept(1.0);
        let kept_up = is_clean(&play_again(builder(songs.clone(), output)));
        if kept_up {
            check_again("null", &heard.lock().unwrap());
        }
        kept_up
    });
    assert!(kept_up, "no run of six without a starvation");
}

#[test]
fn a_jack_client_that_ended_plays_again_from_first_to_last_frame() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Jackd::start(256, RATE) else {
        return;
    };
    let songs = ramp(folder.path(), SONG);
    // Whatever the pauses between two plays are, it is long enough.
    let recorder = Recorder::open(&server, "recorder", PORTS.len(), 30 * RATE as usize);
    let output = jack(&server, &PORTS, Some(&recorder));
    // The server's own xruns cost nobody a frame: it waits for its clients.
    assert_eq!(play_again(builder(songs, output)).starvations, 0);
    check_again("jack", &recorder.finish(Duration::ZERO));
}

#[test]
fn an_alsa_stream_that_ended_plays_again_from_first_to_last_frame() {
    isolated(
        "an_alsa_stream_that_ended_plays_again_from_first_to_last_frame",
        |folder| {
            let songs = ramp(folder, SONG);
            let (file, device) = faulty(folder, "SPEED=1");
            let kept_up = (0..6).any(|_| {
                let builder = builder(songs.clone(), alsa(device.clone()));
                let builder = builder.period(Some(2048), Some(3));
                let kept_up = is_clean(&play_again(builder));
                if kept_up {
                    check_again("alsa", &read_raw(&file, 2));
                }
                kept_up
            });
            assert!(kept_up, "no run of six without an xrun");
        },
    );
}
