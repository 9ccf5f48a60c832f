//! Playing: 24 mono stems to 24 JACK ports, and as many stereo ones to 48, against ecasound, each net of an idle client
//! with as many.

use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::jackd::{self, Client, Server};
use crate::material::{self, Kind, stems};
use crate::proc::{self, Running, backline, have};
use crate::table::{Table, Wanted};

const STEMS: usize = 24;

/// Measures.
pub fn run(table: &mut Table, quick: bool) {
    let (seconds, watched) = if quick { (20, 5) } else { (120, 30) };
    println!(
        "live: {STEMS} stems, a port for each channel, of a JACK server on its dummy driver, {watched} s; each net of an idle client"
    );
    for (kind, period) in [(Kind::Mono, 64), (Kind::Mono, 256), (Kind::Wav, 64)] {
        let result = stems(kind, STEMS, seconds)
            .and_then(|files| compare(table, kind, period, &files, Duration::from_secs(watched)));
        if let Err(why) = result {
            table.miss(why);
        }
    }
}

/// Share of a core, and bytes.
struct Cost {
    cpu: f64,
    memory: u64,
}

fn channels(kind: Kind) -> usize {
    if kind == Kind::Mono { 1 } else { 2 }
}

fn compare(
    table: &mut Table,
    kind: Kind,
    period: u32,
    files: &[PathBuf],
    watched: Duration,
) -> Result<(), String> {
    let ports = STEMS * channels(kind);
    let _server = Server::start(period, &material::folder().join("jackd.log"))?;
    let idle = {
        let client = Client::start("idle", &[&ports.to_string()])?;
        watch(&client.running, watched)?
    };
    let what = format!("live, {period} frames, {ports} ports");
    let cost = |table: &mut Table, name: &str, cost: &Cost| {
        table.line(
            format!("{what}: CPU, {name}"),
            cost.cpu * 100.0,
            "% of a core",
            Wanted::Nothing,
        );
        table.line(
            format!("{what}: memory, {name}"),
            cost.memory as f64 / 1e6,
            "MB",
            Wanted::Nothing,
        );
    };
    cost(table, "idle client", &idle);
    let ours = play("backline", kind, files, watched)?;
    cost(table, "backline", &ours);
    if !have("ecasound") {
        return Err("ecasound".into());
    }
    let theirs = play("ecasound", kind, files, watched)?;
    cost(table, "ecasound", &theirs);
    let net = |cost: &Cost| {
        (
            cost.cpu - idle.cpu,
            cost.memory.saturating_sub(idle.memory) as f64,
        )
    };
    let ((our_cpu, our_memory), (their_cpu, their_memory)) = (net(&ours), net(&theirs));
    table.line(
        format!("{what}: net CPU against ecasound"),
        our_cpu / their_cpu,
        "×",
        Wanted::AtMost(0.25),
    );
    table.line(
        format!("{what}: net memory against ecasound"),
        our_memory / their_memory,
        "×",
        Wanted::AtMost(0.25),
    );
    Ok(())
}

fn play(tool: &str, kind: Kind, files: &[PathBuf], watched: Duration) -> Result<Cost, String> {
    let mut command;
    if tool == "backline" {
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
        command.args([
            "--ports",
            "tracks",
            "--connect",
            "none",
            "--no-keys",
            "--status",
            "none",
            "--loop",
        ]);
        command.args(files);
    } else {
        command = Command::new("ecasound");
        command.args([
            "-q",
            "-G:jack,ecasound,notransport",
            "-z:mixmode,sum",
            &format!("-f:f32_le,{},48000", channels(kind)),
        ]);
        for (i, file) in files.iter().enumerate() {
            command.arg(format!("-a:{}", i + 1)).arg("-i").arg(file);
            // Ports of its own, connected to nothing.
            command.arg("-o").arg(format!("jack,,stem{}", i + 1));
        }
    }
    jackd::on_server(&mut command);
    let log = material::folder().join(format!("{tool}.log"));
    let running = Running(proc::quietly(&mut command, &log).map_err(|e| e.to_string())?);
    watch(&running, watched).map_err(|why| format!("{tool}, {why}: see {}", log.display()))
}

fn watch(running: &Running, watched: Duration) -> Result<Cost, String> {
    thread::sleep(Duration::from_secs(3));
    let (before, begun) = (running.threads(), Instant::now());
    thread::sleep(watched);
    let (after, took) = (running.threads(), begun.elapsed());
    if after.is_empty() {
        return Err("which did not play".into());
    }
    let cpu = proc::sum(&after).0.saturating_sub(proc::sum(&before).0);
    Ok(Cost {
        cpu: cpu.as_secs_f64() / took.as_secs_f64(),
        memory: running.peak_memory(),
    })
}
