//! The next song can't be had: its disk went, or it was broken, while the one before played. That is said at once, and what plays plays on to its
//! last sample, also where a crossfade was to be. On a driver stepped by hand.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use backline::player::{Note, Player, PlayerBuilder};
use backline::report::Ended;
use backline::song::{Handover, OnEnd, Song, Time};
use backline_tests::program::wait_until;
use backline_tests::stems::{name_of, setlist, song, track, write_ramp};
use backline_tests::step::Stepper;

const RATE: u32 = 48_000;
const SOON: Duration = Duration::from_secs(30);
const CALL: usize = 64;
const LENGTHS: [u64; 3] = [30_001, 40_003, 20_000];

/// Three songs that go on with the next one, each on a disk of its own, named by their frames times 1, 1/2 and 1/4.
fn songs(dir: &Path, handover: &Handover) -> Vec<Song> {
    let all = LENGTHS.iter().enumerate();
    let songs = all.map(|(i, frames)| {
        let name = format!("song-{i}");
        let disk = dir.join(&name);
        fs::create_dir(&disk).unwrap();
        let path = write_ramp(&disk, &name, RATE, *frames, 0.5f32.powi(i as i32));
        let mut song = song(&name, vec![track(&name, &path)]);
        song.on_end = OnEnd::Next;
        if i == 1 {
            song.handover = handover.clone();
        }
        song
    });
    songs.collect()
}

fn begin(driver: &Stepper, songs: Vec<Song>, keep_going: bool) -> Player {
    let player = PlayerBuilder::new(setlist(songs))
        .output(driver.output())
        .poll(Duration::from_millis(10))
        .keep_going(keep_going)
        .ring_ms(200)
        .build()
        .unwrap();
    player.play();
    wait_until("the stream", || driver.runs());
    player
}

/// Plays until `frames` are heard from the first sound on, or it is over.
fn hear(
    driver: &Stepper,
    player: &mut Player,
    heard: &mut Vec<f32>,
    frames: usize,
    said: &mut Vec<String>,
) {
    // Of the songs that can be had.
    let music = match frames {
        usize::MAX => (LENGTHS[0] + LENGTHS[1]) as usize,
        frames => frames,
    };
    let limit = Instant::now() + SOON;
    while heard.len() < frames && !player.is_over() {
        assert!(Instant::now() < limit, "never over: {}", heard.len());
        // A device doesn't wait for a song that doesn't come, but while there is one, this one waits for a busy machine.
        let patience = match heard.len() < music {
            true => Duration::from_secs(5),
            false => Duration::from_millis(50),
        };
        if !driver.step(CALL, patience) {
            driver.rush(CALL);
        }
        let new = driver.take().swap_remove(0);
        let from = match heard.is_empty() {
            true => new.iter().position(|x| *x != 0.0).unwrap_or(new.len()),
            false => 0,
        };
        heard.extend(&new[from..]);
        while let Some(note) = player.next_note(Duration::from_micros(200)) {
            if let Note::Warning(warning) = note {
                said.push(warning.message);
            }
        }
    }
}

fn part(song: usize) -> impl Iterator<Item = f32> {
    (0..LENGTHS[song]).map(move |frame| name_of(frame) * 0.5f32.powi(song as i32))
}

#[test]
fn the_song_in_play_plays_to_its_end_and_it_is_said_long_before() {
    for (handover, gone) in [
        (Handover::Cut, true),
        (Handover::Crossfade(Time::Frames(9_000)), true),
        (Handover::Crossfade(Time::Frames(9_000)), false),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let driver = Stepper::new(RATE, CALL as u32);
        let mut player = begin(&driver, songs(dir.path(), &handover), false);
        let (mut heard, mut said) = (Vec::new(), Vec::new());
        hear(&driver, &mut player, &mut heard, 10_000, &mut said);
        // The disk of the last song goes, or what is on it breaks, while the first one plays.
        match gone {
            true => fs::remove_dir_all(dir.path().join("song-2")).unwrap(),
            false => fs::write(dir.path().join("song-2/song-2.wav"), "no sound").unwrap(),
        }
        hear(&driver, &mut player, &mut heard, 35_000, &mut said);
        let limit = Instant::now() + SOON;
        // (Told while the second one plays; the engine stands still meanwhile.)
        while said.is_empty() {
            assert!(Instant::now() < limit, "nothing is said");
            if let Some(Note::Warning(warning)) = player.next_note(SOON) {
                said.push(warning.message);
            }
        }
        hear(&driver, &mut player, &mut heard, usize::MAX, &mut said);
        let [sentence] = &said[..] else {
            panic!("{said:?}");
        };
        assert!(
            sentence.contains("song-2.wav") && sentence.ends_with("; playing ends with this song"),
            "{sentence}"
        );
        let summary = player.wait().unwrap();
        assert_eq!((summary.ended, summary.starvations), (Ended::End, 0));
        let wanted: Vec<f32> = part(0).chain(part(1)).collect();
        let (music, rest) = heard.split_at(wanted.len());
        assert!(music == wanted, "{handover:?}: other samples");
        assert!(rest.iter().all(|x| *x == 0.0), "{handover:?}");
    }
}

#[test]
fn unattended_the_song_behind_it_follows_without_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let driver = Stepper::new(RATE, CALL as u32);
    let mut player = begin(&driver, songs(dir.path(), &Handover::Cut), true);
    let (mut heard, mut said) = (Vec::new(), Vec::new());
    hear(&driver, &mut player, &mut heard, 10_000, &mut said);
    fs::remove_dir_all(dir.path().join("song-2")).unwrap();
    let wanted: Vec<f32> = part(0).chain(part(1)).chain(part(0)).collect();
    hear(&driver, &mut player, &mut heard, wanted.len(), &mut said);
    heard.truncate(wanted.len());
    assert!(heard == wanted, "other samples");
    assert!(
        said.iter()
            .any(|s| s.contains("song-2.wav") && s.ends_with("it is skipped")),
        "{said:?}"
    );
}
