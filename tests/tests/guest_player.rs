//! The player on the kernel's own drivers, in the virtual machine: the exact mix on every channel,
//! periods no busy host could hold, cards that are pulled out and come back.
//!
//! The guest's clock counts instructions: an xrun or a starvation in here is the player's fault.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use alsa::Direction;
use backend_alsa::{Access, AlsaOptions};
use backline::player::{Note, OnLoss, OnReturn, Output, Player, PlayerBuilder, PlayerError};
use backline::report::{DeviceState, Ended, State, Summary};
use backline::song::{Bus, Time};
use backline_tests::guest::{Ear, LOOPBACK, RATE, assert_heard, open, unplug, until};
use backline_tests::noise::{mix, put, stems};
use backline_tests::stems::setlist;
use engine_core::backend::BackendErrorKind as Kind;
use engine_core::convert::{Dither, SampleFormat};
use engine_core::monitor::MonitorLevel;

fn output(device: &str, access: Access) -> Output {
    Output::Alsa(AlsaOptions {
        device: device.to_owned(),
        access,
        dither: Dither::None,
        ..AlsaOptions::default()
    })
}

fn bus(name: &str, outputs: &[u16]) -> Bus {
    Bus {
        outputs: outputs.to_vec(),
        ..Bus::named(name)
    }
}

fn finish(mut player: Player) -> Summary {
    player.play();
    player.wait().expect("a summary")
}

fn assert_clean(summary: &Summary, what: &str) {
    assert_eq!(summary.ended, Ended::End, "{what}: {:?}", summary.error);
    assert_eq!(summary.device_xruns, Some(0), "{what}: xruns");
    assert_eq!(
        (summary.starvations, summary.starved_frames),
        (0, 0),
        "{what}: starvations"
    );
    assert_eq!((summary.clips, summary.damaged), (0, 0), "{what}");
}

#[test]
fn the_mix_arrives_exactly_on_every_channel() {
    let lengths = [9_001, 7_000, 9_000, 8_500];
    for (format, access) in [
        (SampleFormat::S16, Access::Rw),
        (SampleFormat::S24_3, Access::Mmap),
        (SampleFormat::S32, Access::Rw),
        (SampleFormat::F32, Access::Mmap),
    ] {
        for channels in [2, 4, 8] {
            let what = format!("{format:?}, {channels} channels, {access:?}");
            let dir = tempfile::tempdir().unwrap();
            let mut song = stems(dir.path(), &lengths);
            // Which stems each channel has; what is left over feeds main.
            let mut sums = vec![vec![], vec![]];
            song.buses.push(bus("main", &[1, 2]));
            if channels >= 4 {
                song.tracks[3].bus = Some("click".into());
                song.buses.push(bus("click", &[4, 3]));
                sums.extend([vec![3], vec![3]]);
            }
            if channels >= 8 {
                song.tracks[2].bus = Some("cue".into());
                song.buses.push(bus("cue", &[8]));
                sums.extend([vec![], vec![], vec![], vec![2]]);
            }
            for number in 0..lengths.len() {
                if !sums[2..].iter().any(|s| s.contains(&number)) {
                    sums[0].push(number);
                    sums[1].push(number);
                }
            }

            let ear = Ear::open(format, channels);
            let player = PlayerBuilder::new(setlist(vec![song]))
                .output(output(LOOPBACK, access))
                .rate(Some(RATE))
                .period(Some(256), Some(4))
                .format(Some(format))
                .build()
                .unwrap();
            let summary = finish(player);
            assert_clean(&summary, &what);
            assert_eq!(summary.frames, lengths[0], "{what}");

            let mut sent = Vec::new();
            for frame in 0..lengths[0] {
                for stems in &sums {
                    let mix = mix(&lengths, stems, frame);
                    let wide = format != SampleFormat::S16;
                    put(format, if wide { mix << 8 } else { mix }, &mut sent);
                }
            }
            assert_heard(&ear.heard(), &sent, format, channels, &what);
        }
    }
}

#[test]
fn six_stems_at_64_frames_neither_late_nor_starved() {
    let dir = tempfile::tempdir().unwrap();
    let song = stems(dir.path(), &[7 * u64::from(RATE); 6]);
    for (periods, access, seconds) in [
        (2, Access::Mmap, 7),
        (2, Access::Rw, 5),
        (3, Access::Mmap, 4),
        (4, Access::Mmap, 4),
    ] {
        let frames = seconds * u64::from(RATE);
        let player = PlayerBuilder::new(setlist(vec![song.clone()]))
            .output(output("hw:Dummy", access))
            .rate(Some(RATE))
            .period(Some(64), Some(periods))
            .end(Some(Time::Frames(frames)))
            .monitor_level(MonitorLevel::Full)
            .build()
            .unwrap();
        let begin = Instant::now();
        let summary = finish(player);
        let took = begin.elapsed().as_secs_f64();
        let what = format!("{periods} periods, {access:?}");
        assert_clean(&summary, &what);
        assert_eq!(summary.late_callbacks, Some(0), "{what}: {summary:?}");
        assert_eq!(summary.frames, frames, "{what}");
        // The end is polled for, and 100 ms of silence follow the song.
        let over = took - seconds as f64;
        assert!((0.0..1.0).contains(&over), "{what}: {took} s");
    }
}

/// The device's and the session's news up to where `enough` says so.
fn news(player: &mut Player, what: &str, mut enough: impl FnMut(&Note) -> bool) -> Vec<Note> {
    let limit = Instant::now() + Duration::from_secs(60);
    let mut notes = Vec::new();
    loop {
        assert!(Instant::now() < limit, "never came: {what}");
        let Some(note) = player.next_note(Duration::from_millis(100)) else {
            assert!(!player.is_over(), "over before: {what}");
            continue;
        };
        let found = enough(&note);
        notes.push(note);
        if found {
            return notes;
        }
    }
}

fn is_device(note: &Note, state: DeviceState) -> bool {
    matches!(note, Note::Device(d) if d.state == state)
}

/// Three seconds on the Dummy card, which is pulled out after more than one. The frame at which the
/// player holds, and the player.
fn pulled_out(dir: &Path, loss: OnLoss, back: OnReturn) -> (Player, u64) {
    let mut player = PlayerBuilder::new(setlist(vec![stems(dir, &[3 * u64::from(RATE); 3])]))
        .output(output("hw:Dummy", Access::Auto))
        .rate(Some(RATE))
        .period(Some(128), Some(3))
        .on_loss(loss, back)
        .build()
        .unwrap();
    player.play();
    until("a second of the song", || {
        player.status().position.frame > u64::from(RATE)
    });
    let before = player.status().position.frame;
    let card = unplug("snd_dummy");
    let notes = news(&mut player, "the loss", |n| is_device(n, DeviceState::Lost));
    let Some(Note::Device(lost)) = notes.last() else {
        unreachable!();
    };
    let reason = lost.reason.as_deref().unwrap_or_default();
    assert!(
        reason.contains("hw:Dummy") && reason.contains("unplugged"),
        "{reason}"
    );
    if loss == OnLoss::Exit {
        card.plug_in();
        return (player, before);
    }
    // It waits, saying why, for as long as it takes.
    news(&mut player, "two tries to open it again", |n| {
        matches!(n, Note::Position(p)
            if p.state == State::Paused
                && p.reason.as_ref().is_some_and(|r| r.contains("plugged in")))
    });
    // What was shown moved on since the driver's last word; what is heard after that, nobody knows.
    let held = player.status().position.frame;
    assert!(
        (before - 128..before + u64::from(RATE) / 2).contains(&held),
        "{before} before, holds at {held}"
    );
    card.plug_in();
    news(&mut player, "the return", |n| {
        is_device(n, DeviceState::Running)
    });
    (player, held)
}

#[test]
fn a_card_that_comes_back_plays_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (mut player, held) = pulled_out(dir.path(), OnLoss::Wait, OnReturn::Resume);
    let first = news(
        &mut player,
        "playing",
        |n| matches!(n, Note::Position(p) if p.state == State::Playing),
    );
    let Some(Note::Position(at)) = first.last() else {
        unreachable!();
    };
    assert!(
        (held..held + u64::from(RATE) / 2).contains(&at.frame),
        "held at {held}, plays on at {}",
        at.frame
    );
    let summary = player.wait().unwrap();
    assert_clean(&summary, "resumed");
    // What was queued in the card when it went is played again.
    let song = 3 * u64::from(RATE);
    assert!(
        (song..song + 1000).contains(&summary.frames),
        "{} frames",
        summary.frames
    );
}

#[test]
fn a_card_that_comes_back_starts_the_song_over() {
    let dir = tempfile::tempdir().unwrap();
    let (mut player, held) = pulled_out(dir.path(), OnLoss::Wait, OnReturn::Restart);
    let summary = player.wait().unwrap();
    assert_clean(&summary, "restarted");
    assert!(
        summary.frames >= held + 3 * u64::from(RATE),
        "{} frames",
        summary.frames
    );
}

#[test]
fn a_card_that_comes_back_waits_when_told_to() {
    let dir = tempfile::tempdir().unwrap();
    for (loss, back) in [
        (OnLoss::Wait, OnReturn::Stay),
        (OnLoss::Stop, OnReturn::Resume),
    ] {
        let (mut player, held) = pulled_out(dir.path(), loss, back);
        // Longer than any start takes.
        std::thread::sleep(Duration::from_secs(1));
        let stays = player.status().position;
        assert_ne!(stays.state, State::Playing, "{loss:?} {back:?}");
        assert_eq!(stays.frame, held, "{loss:?} {back:?}");
        player.play();
        let summary = player.wait().unwrap();
        assert_clean(&summary, "played on by hand");
        let song = 3 * u64::from(RATE);
        assert!(
            (song..song + 1000).contains(&summary.frames),
            "{loss:?} {back:?}: {} frames",
            summary.frames
        );
    }
}

#[test]
fn a_card_pulled_out_ends_the_session_when_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let (mut player, _) = pulled_out(dir.path(), OnLoss::Exit, OnReturn::Stay);
    let summary = player.wait().unwrap();
    assert_eq!(summary.ended, Ended::Error);
    let error = summary.error.expect("a reason");
    assert_eq!(error.code, "device-lost");
    assert!(error.message.contains("hw:Dummy"), "{}", error.message);
}

/// The guest's USB card, by what is built into it, and its socket.
const USB: &str = "usb:46f4:0002";
const SOCKET: &str = "/sys/bus/usb/devices/1-1/authorized";

/// Pulls the USB card out, or plugs it in: to the kernel it is the same as by hand.
fn plug(on: bool) {
    std::fs::write(SOCKET, if on { "1" } else { "0" }).expect("to switch the socket");
}

/// Twenty seconds on the USB card, a little into them.
fn on_usb(dir: &Path, loss: OnLoss) -> Player {
    for module in ["xhci-pci", "snd-usb-audio"] {
        let loaded = Command::new("modprobe").arg(module).status().unwrap();
        assert!(loaded.success(), "{module}");
    }
    // The card gets its PCM a moment after its number.
    until("the USB card", || {
        std::fs::read_to_string("/proc/asound/pcm").is_ok_and(|pcm| pcm.contains("USB Audio"))
    });
    let player = PlayerBuilder::new(setlist(vec![stems(dir, &[20 * u64::from(RATE); 2])]))
        .output(output(USB, Access::Auto))
        .rate(Some(RATE))
        .period(Some(256), Some(3))
        .on_loss(loss, OnReturn::Resume)
        .build()
        .unwrap();
    player.play();
    until("the song", || player.status().position.frame > 10_000);
    player
}

#[test]
fn a_usb_card_pulled_and_plugged_ten_times_plays_on_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut player = on_usb(dir.path(), OnLoss::Wait);
    let mut longest = Duration::ZERO;
    for round in 1..=10u32 {
        let before = player.status().position.frame;
        until("more of the song", || {
            player.status().position.frame > before + 20_000
        });
        let before = player.status().position.frame;
        plug(false);
        news(&mut player, "the loss", |n| is_device(n, DeviceState::Lost));
        // The later, the rarer the tries; the card's coming is seen all the same.
        std::thread::sleep(Duration::from_millis(700 * u64::from(round % 5)));
        let held = player.status().position.frame;
        assert!(
            (before - 256..before + u64::from(RATE) / 2).contains(&held),
            "round {round}: {before} before, holds at {held}"
        );
        let back = Instant::now();
        plug(true);
        let notes = news(
            &mut player,
            "playing",
            |n| matches!(n, Note::Position(p) if p.state == State::Playing),
        );
        longest = longest.max(back.elapsed());
        let Some(Note::Position(at)) = notes.last() else {
            unreachable!();
        };
        assert!(
            (held..held + u64::from(RATE) / 2).contains(&at.frame),
            "round {round}: held at {held}, plays on at {}",
            at.frame
        );
    }
    println!("back after {} ms at most", longest.as_millis());
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    let status = player.status();
    assert_eq!(status.losses, 10);
    assert_eq!(status.starvations, 0);
    player.quit();
    let summary = player.wait().unwrap();
    assert_eq!(summary.ended, Ended::Stopped, "{:?}", summary.error);
}

#[test]
fn a_usb_card_pulled_out_ends_the_program_when_told_to() {
    let dir = tempfile::tempdir().unwrap();
    drop(on_usb(dir.path(), OnLoss::Wait));
    let Some(backline) = std::env::var_os("BACKLINE_BIN") else {
        eprintln!(
            "SKIP a_usb_card_pulled_out_ends_the_program_when_told_to: no backline beside the test"
        );
        return;
    };
    let mut child = Command::new(backline)
        .args(["play", "--config", "none", "--no-keys", "--status", "json"])
        .args(["--on-loss", "exit", "--device", USB])
        .arg(dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let started = out.find(|line| line.as_ref().unwrap().contains("\"started\""));
    assert!(started.is_some());
    plug(false);
    let pulled = Instant::now();
    let rest: Vec<String> = out.map(Result::unwrap).collect();
    let status = child.wait().unwrap();
    let took = pulled.elapsed();
    plug(true);
    assert_eq!(status.code(), Some(69), "{rest:#?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    let told = rest
        .iter()
        .any(|l| l.contains("\"error\"") && l.contains("unplugged"));
    assert!(told, "{rest:#?}");
}

#[test]
fn what_the_card_refuses_is_said_before_anything_plays() {
    let dir = tempfile::tempdir().unwrap();
    let build = |device: &str, rate| {
        PlayerBuilder::new(setlist(vec![stems(dir.path(), &[4800])]))
            .output(output(device, Access::Auto))
            .rate(Some(rate))
            .build()
            .map(|_| ())
    };
    let Err(PlayerError::Backend(rate)) = build("hw:Dummy", 96_000) else {
        panic!("no error of the card");
    };
    assert_eq!(rate.kind, Kind::Rate);
    assert!(rate.message.contains("48000 Hz"), "{rate}");

    let holder = open(LOOPBACK, Direction::Playback, SampleFormat::S16, 2, 4096);
    let Err(PlayerError::Backend(busy)) = build(LOOPBACK, RATE) else {
        panic!("no error of the card");
    };
    assert_eq!(busy.kind, Kind::Busy, "{busy}");
    drop(holder);
}
