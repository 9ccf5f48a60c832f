//! The mix is the mixing law to the bit, whichever way it goes: stepped by hand, through JACK,
//! through ALSA. All are compared with the law computed plainly, so they are the same bytes.

use std::path::Path;
use std::time::{Duration, Instant};

use backline::player::{Output, PlayerBuilder};
use backline::report::Ended;
use backline::song::Time;
use backline_tests::alsa_rig::isolated;
use backline_tests::jackd::{Jackd, Recorder};
use backline_tests::random_song::{PORTS, RATE, RandomSong, first_sound};
use backline_tests::session::{alsa, faulty, finish, jack, read_raw};
use backline_tests::stems::setlist;
use backline_tests::step::Stepper;
use engine_core::convert::SampleFormat;

const LONG: Duration = Duration::from_secs(60);
/// A start at 0, a start elsewhere, and solos.
const SEEDS: [u64; 3] = [0, 1, 2];

fn builder(song: &RandomSong, output: Output) -> PlayerBuilder {
    PlayerBuilder::new(setlist(vec![song.song.clone()]))
        .output(output)
        .poll(Duration::from_millis(10))
        .ring_ms(3000)
        .rate(Some(RATE))
        .format(Some(SampleFormat::F32))
        .start((song.start > 0).then_some(Time::Frames(song.start)))
        .master(song.master)
}

/// Plays the song to its end. False when the machine couldn't keep up: such a run says nothing
/// about the mix.
fn play(song: &RandomSong, builder: PlayerBuilder) -> bool {
    let player = builder.build().expect("a session");
    player.play();
    let summary = finish(player, LONG);
    assert_eq!((summary.ended, summary.damaged), (Ended::End, 0));
    assert_eq!(summary.frames, song.law[0].len() as u64);
    summary.device_xruns.unwrap_or(0) == 0 && summary.starvations == 0
}

/// Tries until the machine keeps up.
fn undisturbed(way: &str, mut attempt: impl FnMut() -> bool) {
    assert!(
        (0..6).any(|_| attempt()),
        "{way}: no run of six without an xrun or a starvation"
    );
}

#[test]
fn stepped_in_calls_of_any_size_it_is_the_law() {
    let folder = tempfile::tempdir().unwrap();
    for seed in SEEDS {
        let song = RandomSong::new(folder.path(), seed);
        // Frame by frame is slow, and once is enough.
        let single = (seed == 1).then_some(1);
        for call in single.into_iter().chain([63, 64, 1000, 4096, 48_000]) {
            let driver = Stepper::new(RATE, 1024);
            let player = builder(&song, driver.output()).build().unwrap();
            player.play();
            let mut heard: Vec<Vec<f32>> = vec![Vec::new(); PORTS.len()];
            let wanted = song.law[0].len();
            let limit = Instant::now() + LONG;
            loop {
                if driver.step(call, Duration::from_millis(20)) {
                    for (all, new) in heard.iter_mut().zip(driver.take()) {
                        all.extend(new);
                    }
                }
                if first_sound(&heard).is_some_and(|at| heard[0].len() >= at + wanted) {
                    break;
                }
                assert!(Instant::now() < limit, "never came: the end");
            }
            let summary = finish(player, LONG);
            assert_eq!((summary.ended, summary.starvations), (Ended::End, 0));
            assert_eq!(summary.frames, wanted as u64);
            song.check(&format!("song {seed} in calls of {call}"), &heard);
        }
    }
}

#[test]
fn through_jack_it_is_the_law() {
    let folder = tempfile::tempdir().unwrap();
    for (seed, period) in SEEDS.into_iter().zip([1024, 256, 512]) {
        let Some(server) = Jackd::start(period, RATE) else {
            return;
        };
        let song = RandomSong::new(folder.path(), seed);
        undisturbed("jack", || {
            let frames = song.law[0].len() + 8 * period as usize;
            let recorder = Recorder::open(&server, "recorder", PORTS.len(), frames);
            let output = jack(&server, &PORTS, Some(&recorder));
            // The server's own xruns cost nobody a frame: it waits for its clients.
            let player = builder(&song, output).build().expect("a session");
            player.play();
            let summary = finish(player, LONG);
            let heard = recorder.finish(LONG);
            assert_eq!(summary.frames, song.law[0].len() as u64);
            if summary.starvations == 0 {
                song.check(&format!("song {seed}, jack at {period}"), &heard);
            }
            summary.starvations == 0
        });
    }
}

#[test]
fn through_alsas_file_plug_in_it_is_the_law() {
    isolated("through_alsas_file_plug_in_it_is_the_law", |folder| {
        for seed in SEEDS {
            let file = folder.join("taken.raw");
            let device = format!("recorder:FILE={}", file.display());
            through_alsa(folder, seed, &device, &file, 1024, 2);
        }
    });
}

#[test]
fn through_a_paced_pcm_it_is_the_law() {
    isolated("through_a_paced_pcm_it_is_the_law", |folder| {
        for (seed, period) in SEEDS.into_iter().zip([4096, 1024, 1999]) {
            let (file, device) = faulty(folder, "SPEED=4");
            through_alsa(folder, seed, &device, &file, period, 8);
        }
    });
}

fn through_alsa(folder: &Path, seed: u64, device: &str, file: &Path, period: u32, periods: u32) {
    let song = RandomSong::new(folder, seed);
    undisturbed(device, || {
        let builder = builder(&song, alsa(device.to_owned()));
        let kept_up = play(&song, builder.period(Some(period), Some(periods)));
        if kept_up {
            let heard = read_raw(file, PORTS.len());
            song.check(&format!("song {seed}, {device}"), &heard);
        }
        kept_up
    });
}
