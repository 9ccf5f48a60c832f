//! Starting: from the command to the first sample that a JACK client hears, and the size of the program.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::jackd::{self, Client, LISTENER, Server, monotonic};
use crate::material::{self, Kind, stems};
use crate::proc::{self, Running, backline, have};
use crate::table::{Table, Wanted};

const STEMS: usize = 16;
const TOOLS: [&str; 3] = ["backline", "ecasound", "mpv"];

/// Measures.
pub fn run(table: &mut Table, quick: bool) {
    let (seconds, rounds) = if quick { (20, 3) } else { (120, 9) };
    println!(
        "start: {STEMS} FLAC stems to a JACK server with a period of 256 frames; tools take turns, the median of {rounds}"
    );
    if let Err(why) = size(table) {
        table.miss(why);
    }
    let measured = stems(Kind::Flac, STEMS, seconds).and_then(|files| {
        let _server = Server::start(256, &material::folder().join("jackd.log"))?;
        compare(table, &files, rounds)
    });
    if let Err(why) = measured {
        table.miss(why);
    }
}

fn compare(table: &mut Table, files: &[PathBuf], rounds: usize) -> Result<(), String> {
    let mut times = [const { Vec::new() }; TOOLS.len()];
    for _ in 0..rounds {
        for (tool, times) in TOOLS.into_iter().zip(&mut times) {
            if tool != "backline" && !have(tool) {
                table.miss(tool);
                continue;
            }
            match first_sample(tool, files) {
                Ok(ms) => times.push(ms),
                Err(why) => table.miss(format!("start: {why}")),
            }
        }
    }
    let [ours, ecasound, mpv] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).copied()
    });
    let ours = ours.ok_or("backline, which was not heard")?;
    table.line(
        "start: command to first sample",
        ours,
        "ms",
        Wanted::AtMost(200.0),
    );
    for (tool, theirs) in [("ecasound", ecasound), ("mpv", mpv)] {
        if let Some(theirs) = theirs {
            table.line(
                format!("start: first sample, {tool}"),
                theirs,
                "ms",
                Wanted::Nothing,
            );
            table.line(
                format!("start: against {tool}"),
                ours / theirs,
                "×",
                Wanted::AtMost(1.0),
            );
        }
    }
    Ok(())
}

/// ms from the start of the program to the first sample.
fn first_sample(tool: &str, files: &[PathBuf]) -> Result<f64, String> {
    let mut listener = Client::start("listen", &[])?;
    let mut command;
    match tool {
        "backline" => {
            command = Command::new(backline());
            command.args([
                "play",
                "--config",
                "none",
                "--backend",
                "jack",
                "--server",
                jackd::NAME,
            ]);
            command.args(["--no-keys", "--status", "none", "--connect"]);
            command.arg(format!("main_L={LISTENER}:in_1")).args(files);
        }
        "ecasound" => {
            command = Command::new(tool);
            command.args([
                "-q",
                "-G:jack,ecasound,notransport",
                "-z:mixmode,sum",
                "-f:f32_le,2,48000",
            ]);
            for (i, file) in files.iter().enumerate() {
                command.arg(format!("-a:{}", i + 1)).arg("-i").arg(file);
            }
            command
                .args(["-a:all", "-o"])
                .arg(format!("jack,{LISTENER}"));
        }
        _ => {
            command = Command::new(tool);
            command.args(["--no-config", "--no-video", "--ao=jack", "--really-quiet"]);
            command.arg(format!("--jack-port={LISTENER}:in_.*"));
            let labels: String = (1..=files.len()).map(|i| format!("[aid{i}]")).collect();
            command.arg(format!(
                "--lavfi-complex={labels}amix=inputs={}[ao]",
                files.len()
            ));
            for file in files.iter().skip(1) {
                command.arg(format!("--external-files-append={}", file.display()));
            }
            command.args(files.first());
        }
    }
    jackd::on_server(&mut command);
    let log = material::folder().join(format!("{tool}.log"));
    let begun = monotonic();
    let _running = Running(proc::quietly(&mut command, &log).map_err(|e| e.to_string())?);
    let heard = hear(&mut listener)
        .ok_or_else(|| format!("{tool} was not heard: see {}", log.display()))?;
    Ok(heard.saturating_sub(begun) as f64 / 1e6)
}

/// When the listener heard something; `None` when nothing came in 20 s.
fn hear(listener: &mut Client) -> Option<u64> {
    listener.line()?.parse().ok()
}

fn size(table: &mut Table) -> Result<(), String> {
    let stripped = material::folder().join("backline.stripped");
    fs::create_dir_all(material::folder()).map_err(|e| e.to_string())?;
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(&stripped).arg(backline());
    proc::run(&mut strip, &material::folder().join("strip.log"))
        .map_err(|e| format!("strip: {e}"))?;
    let size = fs::metadata(&stripped).map_err(|e| e.to_string())?.len();
    table.line("binary, stripped", size as f64 / 1e6, "MB", Wanted::Nothing);
    Ok(())
}
