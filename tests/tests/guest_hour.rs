//! The program as a kiosk runs it, on a card of the virtual machine: for an hour (`BACKLINE_GUEST_SECONDS=3600`; 15 seconds unless
//! set) the stems are in step, nothing is missing, and memory, open files, threads and the log stay as they are.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use alsa::Direction;
use backline_tests::guest::{LOOPBACK, RATE, open, until};
use backline_tests::process::usage_of;
use backline_tests::stems::write_ramp;
use engine_core::convert::SampleFormat;
use rustix::process::{Pid, Signal, kill_process};

/// Frames of the songs.
const SONGS: [u64; 3] = [96_011, 700_003, 1_440_001];
/// Memory may grow by so much after the first part.
const GROWTH: u64 = 1 << 20;

fn seconds() -> u64 {
    let set = std::env::var("BACKLINE_GUEST_SECONDS").ok();
    set.and_then(|s| s.parse().ok()).unwrap_or(15)
}

/// A stem on main, and the same at half the level on the click's bus.
fn songs(dir: &Path) {
    for (song, frames) in SONGS.into_iter().enumerate() {
        let folder = dir.join(format!("song{song}"));
        fs::create_dir(&folder).expect("a folder");
        write_ramp(&folder, "voice", RATE, frames, 1.0);
        write_ramp(&folder, "click", RATE, frames, 0.5);
    }
}

/// What came in: frames, songs that began after the first, and the first thing that was wrong.
fn listen(stop: &AtomicBool) -> (u64, u64, Option<String>) {
    let pcm = open(
        "hw:Loopback,1,0",
        Direction::Capture,
        SampleFormat::S32,
        4,
        16_384,
    );
    pcm.start().expect("the loopback records");
    let io = pcm.io_bytes();
    let mut chunk = vec![0; 512 * 16];
    let (mut frames, mut turns, mut next) = (0u64, 0u64, 0u64);
    while !stop.load(Ordering::Acquire) {
        let n = io.readi(&mut chunk).expect("the ear is never late");
        for frame in chunk[..n * 16].chunks_exact(16) {
            let at = |channel: usize| {
                let bytes = &frame[channel * 4..channel * 4 + 4];
                i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
            };
            if frames == 0 && at(0) == 0 {
                continue;
            }
            // A frame's name, see `stems`, in 32 bits.
            if SONGS.contains(&next) && at(0) == 1 << 8 {
                (next, turns) = (0, turns + 1);
            }
            let name = (next as i32 + 1) << 8;
            let heard = [0, 1, 2, 3].map(at);
            if heard != [name, name, name / 2, name / 2] {
                let what = format!("after {frames} frames, for frame {next} ({name}): {heard:?}");
                return (frames, turns, Some(what));
            }
            (frames, next) = (frames + 1, next + 1);
        }
    }
    (frames, turns, None)
}

#[test]
fn an_hour_leaves_everything_as_it_was() {
    let dir = tempfile::tempdir().expect("a folder");
    songs(dir.path());
    let stop = Arc::new(AtomicBool::new(false));
    let told = stop.clone();
    let ear = std::thread::spawn(move || listen(&told));
    let log = |name: &str| dir.path().join(name);
    let create = |name: &str| File::create(log(name)).expect("a file");
    let program = std::env::var_os("BACKLINE_BIN").expect("a program");
    let mut player = Command::new(program)
        .current_dir(dir.path())
        .args([
            "play",
            "--kiosk",
            "--config=none",
            "--control=none",
            "--no-keys",
        ])
        .args([
            "--device",
            LOOPBACK,
            "--format=s32",
            "--rate=48000",
            "--period=1024",
        ])
        .args([
            "--out=main=1,2",
            "--out=click=3,4",
            "--metrics=figures.prom",
            "--keep-state=state",
        ])
        .args(["song0", "song1", "song2"])
        .stdin(Stdio::null())
        .stdout(create("out"))
        .stderr(create("err"))
        .spawn()
        .expect("the program");
    let id = player.id().to_string();
    let begun = Instant::now();
    let all = Duration::from_secs(seconds());
    let (mut settled, mut last) = (None, (0, 0, 0));
    while begun.elapsed() < all && !ear.is_finished() {
        std::thread::sleep(Duration::from_millis(500).max(all / 200));
        let over = player.try_wait().expect("a child");
        assert!(
            over.is_none(),
            "{over:?}: {}",
            fs::read_to_string(log("err")).unwrap()
        );
        if begun.elapsed() > all / 3 {
            last = usage_of(&id);
            settled.get_or_insert(last);
        }
    }
    stop.store(true, Ordering::Release);
    let (frames, turns, wrong) = ear.join().expect("the ear's thread");
    assert_eq!(wrong, None);
    kill_process(Pid::from_child(&player), Signal::TERM).expect("a child");
    let asked = Instant::now();
    until("the end", || player.try_wait().expect("a child").is_some());
    let ended = player.wait().expect("a child");
    assert!(
        ended.success() && asked.elapsed() < Duration::from_secs(1),
        "{ended}"
    );
    let logs = ["out", "err"].map(|name| fs::metadata(log(name)).expect("a log").len());
    let first = settled.expect("a third of it");
    println!(
        "{} s: {frames} frames, {turns} turns; after a third, at the end: {first:?}, {last:?} \
         (bytes, open files, threads); {logs:?} bytes of output",
        seconds()
    );
    let text = fs::read_to_string(log("err")).unwrap();
    // Its start, and the ear's, are in that time, too.
    assert!(
        frames + 3 * u64::from(RATE) > seconds() * u64::from(RATE),
        "{frames}: {text}"
    );
    assert!(turns > 0, "{text}");
    assert!(last.0 <= first.0 + GROWTH, "memory: {first:?} {last:?}");
    // (While a song is opened, a file or two and a thread more.)
    assert!(
        last.1 <= first.1 + 4 && last.2 <= first.2 + 1,
        "{first:?} {last:?}"
    );
    // However long it was.
    assert!(logs[0] + logs[1] < 20_000, "{logs:?}: {text}");
}
