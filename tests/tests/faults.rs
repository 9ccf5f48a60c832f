//! The 14 faults of the player whose behaviour is inherited, by number: each against a stream that
//! runs. Some are met more thoroughly elsewhere; the comment says where.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use backline::player::{Note, Output, Place, Player, PlayerBuilder};
use backline::report::{Ended, State, Summary};
use backline::song::{self, Request, Setlist, Time};
use backline_tests::alone::alone;
use backline_tests::alsa_rig::isolated;
use backline_tests::jackd::{Jackd, Recorder};
use backline_tests::process::peak_memory;
use backline_tests::rush::Rush;
use backline_tests::session::{SOON, alsa, close, faulty, finish, jack, read_raw, until};
use backline_tests::stems::{frame_of, name_of, setlist, song, track, write_f32_wav, write_ramp};
use backline_tests::step::Stepper;
use engine_core::convert::SampleFormat;
use engine_core::monitor::MonitorLevel;

const RATE: u32 = 48_000;
const PORTS: [&str; 2] = ["main_L", "main_R"];

fn null() -> Output {
    Output::Null { speed: 1.0 }
}

fn builder(songs: Setlist, output: Output) -> PlayerBuilder {
    PlayerBuilder::new(songs)
        .output(output)
        .rate(Some(RATE))
        .format(Some(SampleFormat::F32))
}

/// A song of one stem whose samples name their frames.
fn ramp(dir: &Path, frames: u64) -> Setlist {
    let file = write_ramp(dir, &format!("ramp{frames}"), RATE, frames, 1.0);
    setlist(vec![song("ramp", vec![track("ramp", &file)])])
}

/// A song of one stereo stem of constants.
fn constant(dir: &Path, left: f32, right: f32, frames: usize) -> Setlist {
    let file = dir.join("constant.wav");
    write_f32_wav(&file, RATE, &[vec![left; frames], vec![right; frames]]);
    setlist(vec![song("constant", vec![track("constant", &file)])])
}

fn at(frame: u64) -> Place {
    Place::At(Time::Frames(frame))
}

fn playing_beyond(player: &Player, frame: u64) {
    until("the song's progress", || {
        let position = player.status().position;
        position.state == State::Playing && position.frame > frame
    });
}

/// Stopping and closing a running stream hung. (A thousand times, at random: `e2e_operations`.)
fn stops_and_closes(dir: &Path, output: impl Fn() -> Output) {
    let songs = ramp(dir, 400_000);
    for round in 0..12 {
        let player = builder(songs.clone(), output()).build().unwrap();
        player.play();
        playing_beyond(&player, 0);
        match round % 3 {
            0 => player.pause(),
            1 => player.seek(at(100_000)),
            _ => {}
        }
        let summary = close(player, Duration::from_secs(5));
        assert_eq!(summary.ended, Ended::Stopped, "{:?}", summary.error);
    }
}

#[test]
fn fault_01_stop_and_close_return_on_null() {
    let dir = tempfile::tempdir().unwrap();
    stops_and_closes(dir.path(), null);
}

#[test]
fn fault_01_stop_and_close_return_on_jack() {
    let dir = tempfile::tempdir().unwrap();
    if let Some(server) = Jackd::start(256, RATE) {
        stops_and_closes(dir.path(), || jack(&server, &PORTS, None));
    }
}

#[test]
fn fault_01_stop_and_close_return_on_alsa() {
    isolated("fault_01_stop_and_close_return_on_alsa", |folder| {
        stops_and_closes(folder, || alsa("faulty:SPEED=1".into()));
    });
}

/// After a natural end nobody was told, and Play did nothing.
#[test]
fn fault_02_the_end_is_told_and_play_plays_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut player = builder(ramp(dir.path(), 9_000), null())
        .finish_at_end(false)
        .build()
        .unwrap();
    for round in 0..3 {
        player.play();
        let limit = Instant::now() + SOON;
        let mut played = false;
        loop {
            assert!(Instant::now() < limit, "round {round}: no word of the end");
            match player.next_note(Duration::from_millis(50)) {
                Some(Note::Position(p)) if p.state == State::Playing => played = true,
                Some(Note::Position(p)) if p.state == State::Ended && played => break,
                _ => {}
            }
        }
    }
    assert_eq!(close(player, SOON).frames, 3 * 9_000);
}

/// An end flag that nobody had read yet stopped what was started since.
#[test]
fn fault_03_a_stale_end_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    // Longer than the poll for the flag, so that a stale one would cut it short.
    let (rounds, frames) = (12, 12_000);
    let player = builder(ramp(dir.path(), frames), null())
        .finish_at_end(false)
        .build()
        .unwrap();
    for round in 1..=rounds {
        player.play();
        until("the end", || {
            player.status().delivered_frames == round * frames
        });
        // The engine has ended; whether the flag was seen is left to chance, and a pause to shift it.
        std::thread::sleep(Duration::from_millis(round * 9));
    }
    let summary = close(player, SOON);
    assert_eq!(summary.frames, rounds * frames);
}

/// The play head assumed a rate, and lagged.
#[test]
fn fault_04_the_play_head_is_where_the_sound_is_at_any_rate() {
    for rate in [44_100, 48_000, 96_000] {
        let dir = tempfile::tempdir().unwrap();
        let file = write_ramp(dir.path(), "ramp", rate, 3 * u64::from(rate), 1.0);
        let songs = setlist(vec![song("ramp", vec![track("ramp", &file)])]);
        let driver = Stepper::new(rate, 256);
        let player = PlayerBuilder::new(songs)
            .output(driver.output())
            .poll(Duration::from_millis(10))
            .build()
            .unwrap();
        player.play();
        until("the stream", || driver.runs());
        let mut last = 0;
        for _ in 0..20 {
            for _ in 0..8 {
                assert!(driver.step(256, SOON));
            }
            let heard = driver.take().swap_remove(0);
            let Some(&x) = heard.last().filter(|x| **x != 0.0) else {
                continue;
            };
            last = frame_of(x) + 1;
            until("the play head", || player.status().position.frame == last);
            assert_eq!(player.status().rate, rate);
        }
        assert!(last > 256 * 8 * 15, "{last}");
        drop(player);
    }
}

/// Real xruns of the device were ignored.
#[test]
fn fault_05_a_devices_xruns_are_counted_apart() {
    isolated("fault_05_a_devices_xruns_are_counted_apart", |folder| {
        let (_, device) = faulty(folder, "SPEED=1,FAULT=xrun@9000+xrun@20000");
        let player = builder(ramp(folder, 40_000), alsa(device))
            .monitor_level(MonitorLevel::Full)
            .build()
            .unwrap();
        player.play();
        until("two xruns", || player.status().device_xruns >= Some(2));
        let summary = finish(player, SOON);
        assert!(summary.device_xruns >= Some(2), "{summary:?}");
        // Those are no callbacks of ours that were late, nor data that was missing.
        assert_eq!(summary.starvations, 0, "{summary:?}");
        assert!(summary.late_callbacks.is_some());
    });
}

/// Seeking was refused while playing. (A thousand random seeks, sample by sample: `player`.)
#[test]
fn fault_06_a_seek_while_playing_plays_on_there() {
    let dir = tempfile::tempdir().unwrap();
    let player = builder(ramp(dir.path(), 1_000_000), null())
        .build()
        .unwrap();
    player.play();
    playing_beyond(&player, 0);
    for target in [600_000, 50_000, 900_000] {
        player.seek(at(target));
        until("the seek", || {
            let position = player.status().position;
            assert_eq!(position.state, State::Playing);
            (target..target + 96_000).contains(&position.frame)
        });
    }
    close(player, SOON);
}

/// Mute, solo, master, pause and seek switched hard, and the smoothing took as long as a block was
/// long: 8 ms at 64 frames, 263 ms at 2048.
#[test]
fn fault_07_nothing_clicks_at_any_block_size() {
    isolated("fault_07_nothing_clicks_at_any_block_size", |folder| {
        // A ramp on a control takes 5 ms, a fade up to 10.
        let most = 0.5 / (0.004 * RATE as f32);
        for period in [64, 2048] {
            let (file, device) = faulty(folder, "SPEED=1");
            let player = builder(constant(folder, 0.5, 0.5, 600_000), alsa(device))
                .period(Some(period), Some(4))
                .build()
                .unwrap();
            player.play();
            playing_beyond(&player, 0);
            let steps: [&dyn Fn(); 9] = [
                &|| player.mute(0, Some(true)),
                &|| player.mute(0, Some(false)),
                &|| player.set_gain(0, 0.2),
                &|| player.set_master(0.3),
                &|| player.set_master(1.0),
                &|| player.seek(at(300_000)),
                &|| player.pause(),
                &|| player.play(),
                &|| player.solo(0, Some(true)),
            ];
            for step in steps {
                step();
                std::thread::sleep(Duration::from_millis(150));
            }
            let xruns = close(player, SOON).device_xruns;
            let heard = read_raw(&file, 2).swap_remove(0);
            // The first frame is not faded in; what an xrun of a busy machine cut is not ours.
            let begin = heard.iter().position(|x| *x != 0.0).expect("sound");
            let jumps = heard[begin..]
                .windows(2)
                .filter(|w| (w[1] - w[0]).abs() > most);
            let jumps: Vec<_> = jumps.collect();
            assert!(
                jumps.len() as u64 <= 2 * xruns.unwrap_or(0),
                "period {period}, {xruns:?} xruns: {jumps:?}"
            );
            let quiet = heard.iter().filter(|x| **x > 0.0 && **x < 0.06).count();
            assert!(quiet > 0, "the master was never heard");
        }
    });
}

/// Everything was folded to mono.
#[test]
fn fault_08_stereo_stays_stereo() {
    isolated("fault_08_stereo_stays_stereo", |folder| {
        let (file, device) = faulty(folder, "SPEED=4");
        let player = builder(constant(folder, 0.8, 0.4, 10_000), alsa(device))
            .build()
            .unwrap();
        player.play();
        assert_eq!(finish(player, SOON).ended, Ended::End);
        for (plane, value) in read_raw(&file, 2).iter().zip([0.8f32, 0.4]) {
            let heard = plane.iter().filter(|x| **x != 0.0).count();
            assert_eq!(heard, 10_000);
            assert!(plane.iter().all(|x| *x == 0.0 || *x == value));
        }
    });
}

/// "Zero allocation" allocated 5 KB per callback. The trap is set in this very program, and ends
/// it. (The program itself, on every backend: `contract`.)
#[test]
fn fault_09_no_callback_allocates() {
    let dir = tempfile::tempdir().unwrap();
    let player = builder(ramp(dir.path(), 100_000), null())
        .monitor_level(MonitorLevel::Full)
        .looping(None)
        .build()
        .unwrap();
    player.play();
    playing_beyond(&player, 0);
    for i in 0..40u64 {
        match i % 4 {
            0 => player.seek(at(i * 1_000)),
            1 => player.set_gain(0, 0.5),
            2 => player.toggle_loop(),
            _ => player.toggle(),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(player.status().callbacks > 0);
    close(player, SOON);
}

/// More frames than the configured block crashed it.
#[test]
fn fault_10_any_number_of_frames_is_legal() {
    let dir = tempfile::tempdir().unwrap();
    let driver = Rush::new(RATE, 64);
    let player = builder(ramp(dir.path(), 4_000_000), driver.output())
        .build()
        .unwrap();
    player.play();
    until("the stream", || driver.call(0).is_some());
    let mut next = 0;
    for frames in [64, 1, 4_096, 0, 100_000, 7, 65_536, 64] {
        let planes = driver.call(frames).expect("a stream that runs");
        assert_eq!(planes[0].len(), frames);
        // Whatever was not there in time is silence or faded, and nothing is skipped.
        for x in planes[0].iter().filter(|x| **x != 0.0) {
            let frame = frame_of(*x);
            if name_of(frame) == *x && frame == next {
                next += 1;
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(next > 4_000, "{next} frames in order");
    close(player, SOON);
}

/// A second song at another rate could not be loaded.
#[test]
fn fault_11_songs_of_different_rates_in_one_list() {
    let dir = tempfile::tempdir().unwrap();
    let of = |rate: u32| {
        let name = format!("at{rate}");
        let file = write_ramp(dir.path(), &name, rate, u64::from(rate) / 4, 1.0);
        let mut song = song(&name, vec![track(&name, &file)]);
        song.on_end = backline::song::OnEnd::Next;
        song
    };
    let songs = setlist(vec![of(48_000), of(44_100), of(96_000)]);
    let player = builder(songs, null()).build().unwrap();
    player.play();
    let summary = finish(player, SOON);
    assert_eq!(summary.ended, Ended::End, "{:?}", summary.error);
    assert_eq!((summary.frames, summary.damaged), (3 * 12_000, 0));
}

/// Memory was looked at when everything was in it already. Here it never is: an hour of stems takes no
/// more than a moment of them. (24 of them: `e2e_footprint`.)
#[test]
fn fault_12_memory_does_not_grow_with_length() {
    alone("fault_12_memory_does_not_grow_with_length", || {
        let dir = tempfile::tempdir().unwrap();
        let peak = |seconds: u32| {
            let tracks = (0..8)
                .map(|i| track(&format!("{i}"), &silence(dir.path(), i, seconds)))
                .collect();
            let songs = setlist(vec![song("long", tracks)]);
            let player = builder(songs, null()).build().unwrap();
            player.play();
            playing_beyond(&player, 0);
            player.seek(at(u64::from(seconds - 2) * u64::from(RATE)));
            playing_beyond(&player, u64::from(seconds - 2) * u64::from(RATE));
            close(player, SOON);
            peak_memory()
        };
        let (short, long) = (peak(10), peak(3600));
        assert!(long < short + (4 << 20), "{short} bytes, then {long}");
    });
}

/// A 16-bit stereo file of silence that takes no room on disk.
fn silence(dir: &Path, number: u32, seconds: u32) -> PathBuf {
    let path = dir.join(format!("{number}-{seconds}.wav"));
    let bytes = seconds * RATE * 4;
    let mut head = Vec::new();
    head.extend_from_slice(b"RIFF");
    head.extend_from_slice(&(36 + bytes).to_le_bytes());
    head.extend_from_slice(b"WAVEfmt ");
    head.extend_from_slice(&[16, 0, 0, 0, 1, 0, 2, 0]);
    head.extend_from_slice(&RATE.to_le_bytes());
    head.extend_from_slice(&(RATE * 4).to_le_bytes());
    head.extend_from_slice(&[4, 0, 16, 0]);
    head.extend_from_slice(b"data");
    head.extend_from_slice(&bytes.to_le_bytes());
    let mut file = File::create(&path).unwrap();
    file.write_all(&head).unwrap();
    file.set_len(44 + u64::from(bytes)).unwrap();
    path
}

/// Stems came in whatever order the disk had them.
#[test]
fn fault_13_stems_are_in_the_same_order_everywhere() {
    let sorted = ["1 drums", "2 bass", "10 keys", "lead", "vox"];
    // Created in orders of their own, as a copied folder has them.
    for turn in 0..sorted.len() {
        let dir = tempfile::tempdir().unwrap();
        let mut names = sorted;
        names.rotate_left(turn);
        names.swap(1, 3);
        for name in names {
            write_ramp(dir.path(), name, RATE, 48_000, 0.1);
        }
        let songs = song::load(&Request {
            inputs: &[dir.path().to_owned()],
            sequence: false,
            on_end: None,
            max_gain_db: 12.0,
        })
        .unwrap();
        let player = builder(songs, null()).build().unwrap();
        player.play();
        playing_beyond(&player, 0);
        let tracks = player.status().tracks;
        let came: Vec<_> = tracks.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(came, sorted, "created in the order {names:?}");
        close(player, SOON);
    }
}

/// All tests passed, and none had run a stream. This one does, on every backend, and listens. (Every length,
/// and again after the end: `e2e_ends`.)
fn from_first_to_last(summary: &Summary, heard: &[Vec<f32>], frames: u64) -> bool {
    assert_eq!((summary.ended, summary.frames), (Ended::End, frames));
    if summary.device_xruns.unwrap_or(0) + summary.starvations > 0 {
        return false;
    }
    for plane in heard {
        let begin = plane.iter().position(|x| *x != 0.0).expect("sound");
        for (i, x) in plane[begin..].iter().take(frames as usize).enumerate() {
            assert_eq!(*x, name_of(i as u64), "frame {i}");
        }
        assert!(plane[begin + frames as usize..].iter().all(|x| *x == 0.0));
    }
    true
}

/// A busy machine may spoil an attempt, not all of them.
fn undisturbed(mut attempt: impl FnMut() -> bool) {
    assert!((0..5).any(|_| attempt()), "disturbed each time");
}

#[test]
fn fault_14_a_stream_runs_and_is_heard_on_null() {
    let dir = tempfile::tempdir().unwrap();
    undisturbed(|| {
        let player = builder(ramp(dir.path(), 20_011), null()).build().unwrap();
        player.play();
        from_first_to_last(&finish(player, SOON), &[], 20_011)
    });
}

#[test]
fn fault_14_a_stream_runs_and_is_heard_on_jack() {
    let dir = tempfile::tempdir().unwrap();
    let Some(server) = Jackd::start(256, RATE) else {
        return;
    };
    undisturbed(|| {
        let recorder = Recorder::open(&server, "recorder", 2, 40_000);
        let player = builder(
            ramp(dir.path(), 20_011),
            jack(&server, &PORTS, Some(&recorder)),
        )
        .build()
        .unwrap();
        player.play();
        let summary = finish(player, SOON);
        until("the recording", || recorder.full());
        from_first_to_last(&summary, &recorder.finish(SOON), 20_011)
    });
}

#[test]
fn fault_14_a_stream_runs_and_is_heard_on_alsa() {
    isolated("fault_14_a_stream_runs_and_is_heard_on_alsa", |folder| {
        undisturbed(|| {
            let (file, device) = faulty(folder, "SPEED=1");
            let player = builder(ramp(folder, 20_011), alsa(device)).build().unwrap();
            player.play();
            let summary = finish(player, SOON);
            from_first_to_last(&summary, &read_raw(&file, 2), 20_011)
        });
    });
}
