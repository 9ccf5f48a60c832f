//! The player as a library, on a driver stepped by hand: sync, seeks, loops, ends, setlists.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use backline::player::{Note, Place, Player, PlayerBuilder};
use backline::report::{Ended, State};
use backline::song::{OnEnd, Song, Time};
use backline_tests::stems::{frame_of, name_of, setlist, song, track, write_ramp};
use backline_tests::step::Stepper;

const RATE: u32 = 48_000;
const SOON: Duration = Duration::from_secs(10);

struct Session {
    player: Player,
    driver: Stepper,
    _dir: tempfile::TempDir,
}

/// Stems of these lengths, all ramps: stem `i` has its samples times 2⁻ⁱ.
fn ramps(dir: &std::path::Path, lengths: &[u64]) -> Song {
    let tracks = lengths
        .iter()
        .enumerate()
        .map(|(i, frames)| {
            let name = format!("stem{i}");
            let path = write_ramp(dir, &name, RATE, *frames, 0.5f32.powi(i as i32));
            track(&name, &path)
        })
        .collect();
    song("ramps", tracks)
}

fn session(songs: impl FnOnce(&std::path::Path) -> Vec<Song>) -> Session {
    session_with(songs, |b| b)
}

fn session_with(
    songs: impl FnOnce(&std::path::Path) -> Vec<Song>,
    more: impl FnOnce(PlayerBuilder) -> PlayerBuilder,
) -> Session {
    let dir = tempfile::tempdir().unwrap();
    let driver = Stepper::new(RATE, 256);
    let builder = PlayerBuilder::new(setlist(songs(dir.path())))
        .output(driver.output())
        .poll(Duration::from_millis(10))
        .ring_ms(200);
    Session {
        player: more(builder).build().unwrap(),
        driver,
        _dir: dir,
    }
}

fn until(what: &str, mut f: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !f() {
        assert!(Instant::now() < deadline, "timed out: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl Session {
    fn play(&self) {
        self.player.play();
        until("the stream runs", || self.driver.runs());
    }

    /// Plays `frames` in calls of `call` and returns the left channel.
    fn hear(&self, frames: usize, call: usize) -> Vec<f32> {
        let mut left = frames;
        while left > 0 {
            let n = call.min(left);
            assert!(self.driver.step(n, SOON), "not ready");
            left -= n;
        }
        self.driver.take().swap_remove(0)
    }

    /// Plays until something is heard, and returns that call's left channel from there on.
    fn first_sound(&self) -> Vec<f32> {
        for _ in 0..10_000 {
            let heard = self.hear(64, 64);
            if let Some(at) = heard.iter().position(|x| *x != 0.0) {
                return heard[at..].to_vec();
            }
        }
        panic!("silence");
    }

    fn at(&self, frame: u64) -> Place {
        let _ = self;
        Place::At(Time::Frames(frame))
    }
}

/// What the mix of the ramp stems is at `frame`: the law's sum in order.
fn mix(lengths: &[u64], frame: u64) -> f32 {
    let mut acc = 0.0f32;
    for (i, len) in lengths.iter().enumerate() {
        if frame < *len {
            acc += name_of(frame) * 0.5f32.powi(i as i32);
        }
    }
    acc
}

#[test]
fn all_stems_start_on_frame_0_and_the_last_frame_is_heard() {
    for call in [64, 1000] {
        let lengths = [20_000, 15_000, 20_001];
        let s = session(|d| vec![ramps(d, &lengths)]);
        s.play();
        let heard = s.hear(20_400, call);
        let start = heard.iter().position(|x| *x != 0.0).unwrap();
        for (i, x) in heard[start..].iter().enumerate() {
            assert_eq!(*x, mix(&lengths, i as u64), "frame {i}");
        }
        let mut player = s.player;
        let summary = player.wait().unwrap();
        assert_eq!((summary.ended, summary.frames), (Ended::End, 20_001));
        assert_eq!((summary.starvations, summary.damaged), (0, 0));
    }
}

#[test]
fn a_thousand_random_seeks_keep_the_stems_together() {
    let lengths = [2_000_000, 2_000_000, 2_000_000];
    let s = session(|d| vec![ramps(d, &lengths)]);
    s.play();
    s.first_sound();
    let mut seed = 12345u64;
    for i in 0..1000 {
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        let target = (seed >> 33) % 500_000;
        s.player.seek(s.at(target));
        // The old material plays on until the cut, then 8 ms of fade, then the new.
        let mut found = false;
        for _ in 0..3000 {
            let heard = s.hear(480, 480);
            let last = heard[479];
            let frame = frame_of((f64::from(last) / 1.75) as f32);
            if frame >= target && frame < target + 2000 {
                // All stems name the same frame, sample by sample.
                for (k, x) in heard.iter().enumerate().skip(400) {
                    let f = frame + k as u64 - 479;
                    assert!((x - mix(&lengths, f)).abs() < 1e-7, "seek {i} to {target}");
                }
                found = true;
                break;
            }
            if frame > 1_990_000 {
                break;
            }
        }
        assert!(found, "seek {i} to {target} never came");
    }
}

#[test]
fn no_step_of_a_seek_is_larger_than_the_fade_allows() {
    let s = session(|d| vec![ramps(d, &[400_000])]);
    s.play();
    s.first_sound();
    for target in [300_000, 5_000, 200_000] {
        s.player.seek(s.at(target));
        let heard = s.hear(48_000, 64);
        let fade = 8 * RATE / 1000;
        // From one ramp to the other in `fade` frames, both moving.
        let limit = 400_000.0 / (1 << 23) as f32 / fade as f32 * 1.1 + 1e-6;
        for w in heard.windows(2) {
            assert!((w[1] - w[0]).abs() <= limit, "{} after {}", w[1], w[0]);
        }
        assert!(frame_of(heard[47_999]) > target);
    }
}

#[test]
fn pause_stands_still_and_resume_goes_on() {
    let s = session(|d| vec![ramps(d, &[400_000])]);
    s.play();
    s.hear(10_000, 256);
    s.player.pause();
    let mut tail = s.hear(48_000, 256);
    let silent = tail.iter().position(|x| *x == 0.0).unwrap();
    assert!(tail[silent..].iter().all(|x| *x == 0.0));
    until("paused", || {
        s.player.status().position.state == State::Paused
    });
    let frame = s.player.status().position.frame;
    s.player.play();
    until("playing", || s.hear(64, 64).iter().any(|x| *x != 0.0));
    tail = s.hear(2000, 256);
    // Nothing skipped: 8 ms were played while fading out, the rest follows.
    let now = frame_of(tail[1999]);
    assert!(now > frame && now < frame + 10_000, "{frame} → {now}");
    for w in tail[1000..].windows(2) {
        assert_eq!(frame_of(w[1]), frame_of(w[0]) + 1);
    }
}

#[test]
fn loops_are_seamless_and_can_be_switched_while_playing() {
    let s = session_with(
        |d| vec![ramps(d, &[2_000_000])],
        |b| b.looping(Some((Time::Frames(1000), Time::Frames(1333)))),
    );
    s.play();
    let heard = s.hear(20_000, 100);
    let start = heard.iter().position(|x| *x != 0.0).unwrap();
    let song_frame = |i: u64| if i < 1333 { i } else { 1000 + (i - 1000) % 333 };
    for (i, x) in heard[start..].iter().enumerate() {
        assert_eq!(frame_of(*x), song_frame(i as u64), "frame {i}");
    }
    // Off: playing goes on past the loop's end, without a gap or a repeat.
    s.player.set_loop(None);
    let mut heard = Vec::new();
    until("the loop ends", || {
        heard.extend(s.hear(1000, 100));
        heard.last().is_some_and(|x| frame_of(*x) > 1333)
    });
    for w in heard.windows(2) {
        let (a, b) = (frame_of(w[0]), frame_of(w[1]));
        assert!(b == a + 1 || (a, b) == (1332, 1000), "{a} → {b}");
    }
    // On again, further ahead.
    let here = frame_of(heard[heard.len() - 1]);
    s.player.set_loop(Some((
        Time::Frames(here + 400_000),
        Time::Frames(here + 400_010),
    )));
    // At ten times the speed of a device: the controller has to be in time.
    let mut heard = Vec::new();
    for _ in 0..1250 {
        heard.extend(s.hear(480, 480));
        std::thread::sleep(Duration::from_millis(1));
    }
    for w in heard.windows(2) {
        let (a, b) = (frame_of(w[0]), frame_of(w[1]));
        assert!(b == a + 1 || (a, b) == (here + 400_009, here + 400_000));
    }
    assert!(frame_of(heard[599_999]) < here + 400_010);
}

#[test]
fn repeats_are_counted_and_gapless() {
    let s = session_with(|d| vec![ramps(d, &[3000])], |b| b.repeat(4));
    s.play();
    let heard = s.hear(12_500, 128);
    let start = heard.iter().position(|x| *x != 0.0).unwrap();
    for (i, x) in heard[start..start + 12_000].iter().enumerate() {
        assert_eq!(frame_of(*x), i as u64 % 3000);
    }
    assert!(heard[start + 12_000..].iter().all(|x| *x == 0.0));
    let mut player = s.player;
    assert_eq!(player.wait().unwrap().frames, 12_000);
}

#[test]
fn a_setlist_is_gapless_to_the_sample() {
    let s = session(|d| {
        let mut songs = Vec::new();
        for (i, len) in [5000u64, 7000, 333].into_iter().enumerate() {
            let dir = d.join(i.to_string());
            std::fs::create_dir(&dir).unwrap();
            let mut s = ramps(&dir, &[len]);
            s.on_end = OnEnd::Next;
            songs.push(s);
        }
        songs
    });
    s.play();
    let heard = s.hear(14_000, 64);
    let start = heard.iter().position(|x| *x != 0.0).unwrap();
    let want = (0..5000).chain(0..7000).chain(0..333);
    for (i, frame) in want.enumerate() {
        assert_eq!(heard[start + i], name_of(frame), "frame {i}");
    }
    let mut player = s.player;
    let summary = player.wait().unwrap();
    assert_eq!((summary.ended, summary.frames), (Ended::End, 12_333));
}

#[test]
fn a_loop_ended_by_hand_leaves_the_list_at_the_next_song() {
    let s = session(|d| {
        let mut songs = Vec::new();
        for (i, len) in [3000u64, 5000].into_iter().enumerate() {
            let dir = d.join(i.to_string());
            std::fs::create_dir(&dir).unwrap();
            let mut s = ramps(&dir, &[len]);
            s.title = format!("song {i}");
            songs.push(s);
        }
        songs[0].on_end = OnEnd::Loop;
        songs
    });
    // Even before it has begun.
    s.player.play();
    s.player.set_loop(None);
    // As after any song with a stop: the next one waits.
    until("the next song", || {
        // No faster than a device, or no splice would be in time.
        s.driver.step(48, Duration::from_millis(20));
        let position = s.player.status().position;
        position.song.as_deref() == Some("song 1") && !s.driver.runs()
    });
    s.driver.take();
    s.play();
    assert_eq!(frame_of(s.first_sound()[0]), 0);
}

#[test]
fn play_after_the_end_starts_over_and_no_stale_flag_stops_it() {
    let s = session_with(|d| vec![ramps(d, &[2000])], |b| b.finish_at_end(false));
    for _ in 0..20 {
        s.play();
        let first = s.first_sound();
        assert_eq!(frame_of(first[0]), 0);
        let rest = s.hear(2000, 64);
        assert_eq!(rest[2000 - first.len() - 1], name_of(1999));
        until("ended", || {
            s.player.status().position.state == State::Ended && !s.driver.runs()
        });
        assert_eq!(s.player.status().position.frame, 2000);
    }
}

#[test]
fn mixer_changes_are_ramped_and_mute_keeps_the_gain() {
    let s = session(|d| vec![ramps(d, &[400_000, 400_000])]);
    s.play();
    s.hear(1000, 256);
    s.player.mute(0, Some(true));
    until("muted", || s.player.status().tracks[0].mute);
    s.hear(1000, 256);
    let heard = s.hear(500, 256);
    let f = frame_of(heard[499] * 2.0);
    assert_eq!(heard[499], name_of(f) * 0.5);
    assert_eq!(s.player.status().tracks[0].gain, 1.0);
    s.player.mute(0, Some(false));
    s.player.set_master(0.5);
    until("master", || s.player.status().master == 0.5);
    s.hear(1000, 256);
    let heard = s.hear(500, 256);
    let f = frame_of((f64::from(heard[499]) / 0.75) as f32);
    assert!((heard[499] - 0.5 * mix(&[u64::MAX; 2], f)).abs() < 1e-7);
}

#[test]
fn a_lost_device_is_waited_for_and_playing_goes_on_by_policy() {
    use backline::player::{OnLoss, OnReturn};
    let s = session_with(
        |d| vec![ramps(d, &[400_000])],
        |b| b.on_loss(OnLoss::Wait, OnReturn::Resume),
    );
    s.play();
    let heard = s.hear(20_000, 256);
    let last = frame_of(heard[19_999]);
    s.driver.plug(None);
    until("held", || s.player.status().position.reason.is_some());
    assert_eq!(s.player.status().position.state, State::Paused);
    s.driver.plug(Some(RATE));
    until("opened again", || s.driver.opens() == 2 && s.driver.runs());
    let again = frame_of(s.first_sound()[0]);
    assert!(again.abs_diff(last + 1) <= 256, "{last} → {again}");
}

#[test]
fn lost_again_before_its_first_sound_it_keeps_the_place() {
    use backline::player::{OnLoss, OnReturn};
    let s = session_with(
        |d| vec![ramps(d, &[400_000])],
        |b| b.on_loss(OnLoss::Wait, OnReturn::Resume),
    );
    s.play();
    let heard = s.hear(20_000, 256);
    let last = frame_of(heard[19_999]);
    s.driver.plug(None);
    until("held", || s.player.status().losses == 1);
    for flap in 1..4 {
        // Another rate in between, too.
        s.driver
            .plug(Some(if flap % 2 == 1 { 96_000 } else { RATE }));
        until("opened again", || s.driver.opens() == flap + 1);
        s.driver.plug(None);
        until("held", || s.player.status().losses == flap + 1);
    }
    s.driver.plug(Some(RATE));
    until("opened again", || s.driver.opens() == 5 && s.driver.runs());
    let again = frame_of(s.first_sound()[0]);
    assert!(again.abs_diff(last + 1) <= 256, "{last} → {again}");
}

#[test]
fn a_seek_or_another_song_just_before_the_loss_is_not_forgotten() {
    use backline::player::{OnLoss, OnReturn};
    let s = session_with(
        |d| {
            let mut songs = Vec::new();
            for i in 0..2 {
                let dir = d.join(i.to_string());
                std::fs::create_dir(&dir).unwrap();
                let mut song = ramps(&dir, &[400_000]);
                song.title = format!("song {i}");
                songs.push(song);
            }
            songs
        },
        |b| b.on_loss(OnLoss::Wait, OnReturn::Resume),
    );
    s.play();
    s.hear(20_000, 256);
    // Nothing is played from here on, so no cut takes place before the loss.
    s.player.change_song(1);
    s.player.seek(s.at(123_456));
    s.driver.plug(None);
    until("held", || s.player.status().losses == 1);
    let position = s.player.status().position;
    let title = position.song.as_deref();
    assert_eq!((position.frame, title), (123_456, Some("song 0")));
    s.player.change_song(1);
    s.driver.plug(Some(RATE));
    until("opened again", || s.driver.opens() == 2 && s.driver.runs());
    assert_eq!(frame_of(s.first_sound()[0]), 0);
    s.player.change_song(0);
    s.driver.plug(None);
    until("held", || s.player.status().losses == 2);
    let position = s.player.status().position;
    assert_eq!(position.song.as_deref(), Some("song 0"));
}

#[test]
fn a_lost_device_with_exit_is_an_error() {
    use backline::player::{OnLoss, OnReturn};
    let s = session_with(
        |d| vec![ramps(d, &[400_000])],
        |b| b.on_loss(OnLoss::Exit, OnReturn::Stay),
    );
    s.play();
    s.hear(1000, 256);
    s.driver.plug(None);
    let mut player = s.player;
    let summary = player.wait().unwrap();
    assert_eq!(summary.ended, Ended::Error);
    assert_eq!(summary.error.unwrap().code, "device-lost");
}

#[test]
fn another_rate_after_the_return_resamples_and_keeps_the_place() {
    use backline::player::{OnLoss, OnReturn};
    let s = session_with(
        |d| vec![ramps(d, &[400_000])],
        |b| b.on_loss(OnLoss::Wait, OnReturn::Resume),
    );
    s.play();
    let last = frame_of(s.hear(48_000, 256)[47_999]);
    s.driver.plug(None);
    until("held", || s.player.status().position.reason.is_some());
    s.driver.plug(Some(96_000));
    until("opened again", || s.driver.opens() == 2 && s.driver.runs());
    s.first_sound();
    let again = frame_of(s.hear(256, 256)[255]);
    assert!(again.abs_diff(last) <= 1500, "{last} → {again}");
}

#[test]
fn a_thousand_starts_seeks_pauses_and_ends_never_hang() {
    let s = session(|d| vec![ramps(d, &[50_000])]);
    let began = Instant::now();
    let driver = s.driver.clone();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = stop.clone();
    let pump = std::thread::spawn(move || {
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            driver.step(256, Duration::from_millis(5));
            driver.take();
        }
    });
    let mut seed = 99u32;
    for _ in 0..1000 {
        seed = seed.wrapping_mul(1664525).wrapping_add(1013904223);
        match seed >> 29 {
            0 => s.player.play(),
            1 => s.player.pause(),
            2 => s.player.toggle(),
            3 => s.player.seek(s.at(u64::from(seed >> 8) % 60_000)),
            4 => s.player.toggle_loop(),
            5 => s.player.seek(Place::By(-0.2)),
            6 => s.player.mute(0, None),
            _ => s.player.play(),
        }
    }
    let mut player = s.player;
    player.quit();
    let summary = player.wait().unwrap();
    assert_eq!(summary.ended, Ended::Stopped);
    assert!(began.elapsed() < Duration::from_secs(30));
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    pump.join().unwrap();
}

#[test]
fn sessions_open_and_close_a_hundred_times() {
    let dir = tempfile::tempdir().unwrap();
    let files: Vec<PathBuf> = (0..4)
        .map(|i| write_ramp(dir.path(), &format!("s{i}"), RATE, 50_000, 1.0))
        .collect();
    for i in 0..100 {
        let tracks = files
            .iter()
            .enumerate()
            .map(|(i, f)| track(&format!("s{i}"), f))
            .collect();
        let driver = Stepper::new(RATE, 64);
        let player = PlayerBuilder::new(setlist(vec![song("s", tracks)]))
            .output(driver.output())
            .build()
            .unwrap();
        if i % 2 == 0 {
            player.play();
        }
        if i % 3 == 0 {
            driver.step(64, Duration::from_millis(20));
        }
        drop(player);
    }
}

#[test]
fn notes_tell_the_story_in_order() {
    let mut s = session(|d| vec![ramps(d, &[20_000])]);
    s.play();
    s.hear(20_500, 500);
    let mut words = Vec::new();
    while let Some(note) = s.player.next_note(SOON) {
        words.push(match note {
            Note::Started(_) => "started",
            Note::Position(_) => "position",
            Note::Device(_) => "device",
            Note::Warning(_) => "warning",
            Note::Error(_) => "error",
            Note::Summary(_) => "summary",
        });
    }
    let first = words.iter().position(|w| *w == "started").unwrap();
    assert!(words[first..].contains(&"position"));
    assert_eq!(words.last(), Some(&"summary"));
    assert!(
        !words.contains(&"error") && !words.contains(&"warning"),
        "{words:?}"
    );
}

#[test]
fn a_place_looked_for_and_a_loop_made_while_the_device_is_gone_count_when_it_is_back() {
    use backline::player::{OnLoss, OnReturn};
    let s = session_with(
        |d| vec![ramps(d, &[400_000])],
        |b| b.on_loss(OnLoss::Wait, OnReturn::Resume),
    );
    s.play();
    s.hear(1000, 256);
    s.driver.plug(None);
    until("held", || s.player.status().position.reason.is_some());
    assert_eq!(s.player.status().position.length_frames, Some(400_000));
    s.player.seek(Place::At(Time::Nanos(2_000_000_000)));
    let loop_end = Time::Frames(96_000 + 500);
    s.player
        .set_loop(Some((Time::Nanos(2_000_000_000), loop_end)));
    until("there", || s.player.status().position.frame == 96_000);
    s.driver.plug(Some(RATE));
    until("opened again", || s.driver.opens() == 2 && s.driver.runs());
    let first = s.first_sound();
    assert_eq!(frame_of(first[0]), 96_000);
    let rest = s.hear(2000, 128);
    for (i, x) in rest.iter().enumerate() {
        let frame = (first.len() + i) as u64 % 500;
        assert_eq!(*x, name_of(96_000 + frame), "frame {i}");
    }
}

#[test]
fn another_rate_while_playing_is_no_loss_and_plays_on_whatever_the_policy() {
    use backline::player::{OnLoss, OnReturn};
    let s = session_with(
        |d| vec![ramps(d, &[400_000])],
        |b| b.on_loss(OnLoss::Exit, OnReturn::Stay),
    );
    s.play();
    let last = frame_of(s.hear(48_000, 256)[47_999]);
    s.driver.plug(Some(96_000));
    until("opened again", || s.driver.opens() == 2 && s.driver.runs());
    s.first_sound();
    let again = frame_of(s.hear(256, 256)[255]);
    assert!(again.abs_diff(last) <= 1500, "{last} → {again}");
    let status = s.player.status();
    assert_eq!((status.rate, status.losses), (96_000, 0));
}

#[test]
fn stopped_by_a_loss_it_plays_again_only_when_told() {
    use backline::player::{OnLoss, OnReturn};
    let s = session_with(
        |d| vec![ramps(d, &[400_000])],
        |b| b.on_loss(OnLoss::Stop, OnReturn::Resume),
    );
    s.play();
    let last = frame_of(s.hear(1000, 256)[999]);
    s.driver.plug(None);
    until("held", || s.player.status().position.reason.is_some());
    s.driver.plug(Some(RATE));
    until("back", || s.player.status().position.reason.is_none());
    assert!(!s.driver.runs());
    // One key for both: it was stopped, so it plays.
    s.player.toggle();
    until("runs", || s.driver.runs());
    let again = frame_of(s.first_sound()[0]);
    assert!(again.abs_diff(last + 1) <= 256, "{last} → {again}");
}

#[test]
fn a_driver_that_hangs_is_left_behind_eight_times_and_then_given_up() {
    use backline::player::{OnLoss, OnReturn};
    let s = session_with(
        |d| vec![ramps(d, &[400_000])],
        |b| b.on_loss(OnLoss::Wait, OnReturn::Resume),
    );
    s.driver.hang(true);
    s.play();
    for n in 1..=9 {
        s.first_sound();
        s.driver.plug(None);
        until("left behind", || s.player.status().abandoned == n);
        if n < 9 {
            assert!(!s.player.is_over(), "{n}");
            s.driver.plug(Some(RATE));
        }
    }
    let mut player = s.player;
    let summary = player.wait().unwrap();
    assert_eq!(summary.ended, Ended::Error);
    assert_eq!((summary.losses, summary.abandoned), (9, 9));
    assert_eq!(summary.error.unwrap().code, "hung");
}
