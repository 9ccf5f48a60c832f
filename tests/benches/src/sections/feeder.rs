//! The feeder: what decoding costs in playing, per stem and second, and how often it wakes up.

use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::material::{self, Kind, stems};
use crate::proc::{self, Running, Thread, backline, have};
use crate::table::{Table, Wanted};

const STEMS: usize = 32;

/// Measures.
pub fn run(table: &mut Table, quick: bool) {
    let (seconds, watched) = if quick { (20, 6) } else { (120, 30) };
    println!(
        "feeder: {STEMS} stereo stems played on the null backend for {watched} s, against ffmpeg decoding them to nowhere"
    );
    if !have("ffmpeg") {
        table.miss("ffmpeg");
        return;
    }
    for kind in [Kind::Flac, Kind::Mp3, Kind::Vorbis, Kind::Aac] {
        let measured = stems(kind, STEMS, seconds).and_then(|stems| {
            let theirs = ffmpeg(&stems)? / f64::from(seconds);
            Ok((play(&stems, Duration::from_secs(watched))?, theirs))
        });
        let (ours, theirs) = match measured {
            Ok(measured) => measured,
            Err(why) => {
                table.miss(why);
                continue;
            }
        };
        let per = 1e6 / STEMS as f64;
        let what = format!("feeder, {STEMS} {} stems", kind.name());
        // These are decoded as a whole before they play.
        let (what, ours_cpu) = match kind {
            Kind::Aac => (format!("{what}, loaded"), ours.start / f64::from(seconds)),
            _ => (what, ours.feeder),
        };
        println!(
            "  ffmpeg: {:.0} µs per stem and s; whole player: {:.0} µs",
            theirs * per,
            ours.all * per
        );
        let unit = "µs per stem and s";
        table.line(
            format!("{what}: CPU"),
            ours_cpu * per,
            unit,
            Wanted::Nothing,
        );
        let ratio = ours_cpu / theirs;
        table.line(
            format!("{what}: CPU against ffmpeg"),
            ratio,
            "×",
            Wanted::AtMost(1.0),
        );
        let wanted = Wanted::AtMost(100.0);
        table.line(format!("{what}: wake-ups"), ours.wakes, "per s", wanted);
        let whole = format!("{what}: wake-ups of the whole player");
        table.line(whole, ours.all_wakes, "per s", Wanted::Nothing);
    }
}

/// Of one second of playing.
struct Second {
    /// CPU time of everything before, s.
    start: f64,
    /// CPU time of the feeder, s.
    feeder: f64,
    /// CPU time of all threads, s.
    all: f64,
    /// Wake-ups of the feeder.
    wakes: f64,
    /// Wake-ups of all threads.
    all_wakes: f64,
}

fn play(stems: &[PathBuf], watched: Duration) -> Result<Second, String> {
    let mut command = Command::new(backline());
    command.args(["play", "--config", "none", "--backend", "null", "--no-keys"]);
    command.args(["--status", "none", "--loop"]).args(stems);
    let log = material::folder().join("play.log");
    let player = Running(proc::quietly(&mut command, &log).map_err(|e| e.to_string())?);
    let start = settle(&player);
    let (before, begun) = (player.threads(), Instant::now());
    thread::sleep(watched);
    let (after, took) = (player.threads(), begun.elapsed().as_secs_f64());
    if after.is_empty() {
        return Err(format!("backline did not play: see {}", log.display()));
    }
    let feeds = |t: &&Thread| t.name.starts_with("feeder-");
    let (feeder_before, feeder) = (
        proc::sum(before.iter().filter(feeds)),
        proc::sum(after.iter().filter(feeds)),
    );
    let (all_before, all) = (proc::sum(&before), proc::sum(&after));
    let cpu = |after: Duration, before| after.saturating_sub(before).as_secs_f64() / took;
    let wakes = |after: u64, before| after.saturating_sub(before) as f64 / took;
    Ok(Second {
        start: start.as_secs_f64(),
        feeder: cpu(feeder.0, feeder_before.0),
        all: cpu(all.0, all_before.0),
        wakes: wakes(feeder.1, feeder_before.1),
        all_wakes: wakes(all.1, all_before.1),
    })
}

/// Waits until the rings are full and the player only plays. Returns the CPU time this took.
fn settle(player: &Running) -> Duration {
    let mut last = player.cpu();
    for _ in 0..90 {
        thread::sleep(Duration::from_secs(1));
        let now = player.cpu();
        if now.saturating_sub(last) < Duration::from_millis(250) {
            break;
        }
        last = now;
    }
    last
}

/// CPU time that ffmpeg takes for all of them, s.
fn ffmpeg(stems: &[PathBuf]) -> Result<f64, String> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-loglevel", "error"]);
    for stem in stems {
        command.arg("-i").arg(stem);
    }
    for i in 0..stems.len() {
        command.args(["-map", &format!("{i}:a")]);
    }
    command.args(["-f", "null", "-"]);
    let log = material::folder().join("ffmpeg.log");
    Ok(proc::run(&mut command, &log)?.cpu.as_secs_f64())
}
