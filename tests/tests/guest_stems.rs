//! 24 looped stereo stems at 64 frames in the virtual machine, on each kind of output that has a clock there; on JACK
//! to 48 ports.
//!
//! The guest's clock counts instructions, so zero means zero: no xrun, no late callback, no starvation. (The
//! loopback card isn't among them: its own tick of 4 ms is too coarse for such periods.)
//!
//! `BACKLINE_GUEST_SECONDS` is how long each plays, in the guest's time; 10 unless set.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use backend_alsa::AlsaOptions;
use backline::player::{Output, PlayerBuilder};
use backline::report::Ended;
use backline::song::Song;
use backline_tests::guest::{RATE, until};
use backline_tests::jackd::Jackd;
use backline_tests::noise::noise;
use backline_tests::stems::{setlist, song, track, write_f32_wav};
use engine_core::convert::Dither;
use engine_core::monitor::MonitorLevel;

const STEMS: usize = 24;
const PERIOD: u32 = 64;
/// No multiple of a block or a period: the seam travels.
const LOOP: u64 = 2 * RATE as u64 + 77;

fn seconds() -> u64 {
    let set = std::env::var("BACKLINE_GUEST_SECONDS").ok();
    set.and_then(|s| s.parse().ok()).unwrap_or(10)
}

/// A file for all of them: what is read is another matter.
fn stereo_stems(dir: &Path) -> Song {
    let file = dir.join("stem.wav");
    let side = |channel| move |frame| noise(20, frame, channel) as f32 / (1 << 23) as f32;
    let planes = [0, 1].map(|channel| (0..LOOP).map(side(channel)).collect());
    write_f32_wav(&file, RATE, &planes);
    let tracks = (0..STEMS).map(|n| track(&format!("stem {n}"), &file));
    song("noise", tracks.collect())
}

fn holds(what: &str, output: Output, periods: Option<u32>) {
    let dir = tempfile::tempdir().unwrap();
    let mut player = PlayerBuilder::new(setlist(vec![stereo_stems(dir.path())]))
        .output(output)
        .rate(Some(RATE))
        .period(Some(PERIOD), periods)
        .looping(None)
        .monitor_level(MonitorLevel::Full)
        .lock_memory(true)
        .build()
        .unwrap();
    player.play();
    std::thread::sleep(Duration::from_secs(seconds()));
    player.quit();
    let summary = player.wait().unwrap();
    assert_eq!(summary.ended, Ended::Stopped, "{what}: {:?}", summary.error);
    assert_eq!(
        (
            summary.device_xruns,
            summary.late_callbacks,
            summary.starvations
        ),
        (Some(0), Some(0), 0),
        "{what}: xruns, late callbacks, starvations: {summary:?}"
    );
    // Starting and stopping are in that time, too.
    let frames = (seconds() - 1) * u64::from(RATE);
    assert!(summary.frames > frames, "{what}: {} frames", summary.frames);
    println!("{what}: {} frames, {:?}", summary.frames, summary.latency);
}

fn card(device: &str) -> Output {
    Output::Alsa(AlsaOptions {
        device: device.to_owned(),
        dither: Dither::None,
        ..AlsaOptions::default()
    })
}

/// The program as it is released, for here it matters what it costs: the server has its own work with 48 ports.
#[test]
fn on_jack() {
    let Some(server) = Jackd::start(PERIOD, RATE) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    stereo_stems(dir.path());
    let tracks =
        (0..STEMS).map(|n| format!("[[tracks]]\nname = \"stem {n}\"\nfile = \"stem.wav\"\n"));
    let song = dir.path().join("song.toml");
    std::fs::write(
        &song,
        format!("version = 1\n{}", tracks.collect::<String>()),
    )
    .unwrap();
    let program = std::env::var_os("BACKLINE_BIN").expect("GUEST_BACKLINE=target/release/backline");
    let mut player = Command::new(program)
        .args([
            "play",
            "--config=none",
            "--backend=jack",
            "--server",
            server.name(),
        ])
        .args([
            "--ports=tracks",
            "--connect=none",
            "--loop",
            "--monitor=full",
        ])
        .args(["--no-keys", "--status=json"])
        .arg(&song)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(seconds()));
    let pid = rustix::process::Pid::from_child(&player);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let mut said = String::new();
    let mut out = player.stdout.take().unwrap();
    out.read_to_string(&mut said).unwrap();
    assert!(player.wait().unwrap().success());
    let last = said.lines().last().unwrap();
    let summary: serde_json::Value = serde_json::from_str(last).unwrap();
    for fault in ["device_xruns", "late_callbacks", "starvations"] {
        assert_eq!(summary[fault], 0, "jackd: {fault}: {last}");
    }
    // The program's start is in that time, too.
    let frames = (seconds() - 2) * u64::from(RATE);
    assert!(summary["frames"].as_u64().unwrap() > frames, "{last}");
    println!("jackd: {last}");
}

#[test]
fn on_the_dummy_card() {
    holds("hw:Dummy", card("hw:Dummy"), Some(2));
}

#[test]
fn on_the_usb_card() {
    for module in ["xhci-pci", "snd-usb-audio"] {
        let loaded = Command::new("modprobe").arg(module).status().unwrap();
        assert!(loaded.success(), "{module}");
    }
    until("the USB card", || {
        std::fs::read_to_string("/proc/asound/cards").is_ok_and(|cards| cards.contains("USB-Audio"))
    });
    // The card gets its name a moment after its number.
    until("its PCM", || {
        std::fs::read_to_string("/proc/asound/pcm").is_ok_and(|pcm| pcm.contains("USB Audio"))
    });
    // It takes up to two periods at a stretch when it starts.
    holds("the USB card", card("hw:CARD=Audio"), Some(4));
}
