//! Runs the test firmware in QEMU and holds it against the host.
//!
//! `check TARGET_DIR PLUGIN README`: the images in TARGET_DIR say the same as their twins on the host, word for word; no panic is reached
//! from their callbacks; no figure exceeds its limit in the README's table.
//!
//! `check panics IMAGE`: only whether a panic is reached from the callback of one image.

mod board;
mod figures;
mod image;
mod qemu;
mod reach;
mod thumb;
mod twin;

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use program::load::{LONG_LOADS, SHORT_LOADS};

use crate::board::{BOARDS, Board};
use crate::figures::{Figures, Limits};
use crate::qemu::Run;
use crate::reach::{Code, Reached};

/// What the panic check starts from.
const CALLBACK: &str = "callback";

fn main() -> ExitCode {
    let args: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let result = match args.as_slice() {
        [word, image] if word.as_os_str() == "panics" => reached(image).map(|r| r.faults),
        [target, plugin, readme] => everything(target, plugin, readme),
        _ => {
            eprintln!("usage: check TARGET_DIR PLUGIN README | check panics IMAGE");
            return ExitCode::from(64);
        }
    };
    match result {
        Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
        Ok(faults) => {
            faults.iter().for_each(|f| eprintln!("firmware: {f}"));
            ExitCode::FAILURE
        }
        Err(e) => {
            eprintln!("firmware: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn everything(target: &Path, plugin: &Path, readme: &Path) -> Result<Vec<String>> {
    let mut limits = Limits::read(readme)?;
    let mut faults = Vec::new();
    let mut excesses = Vec::new();
    for board in &BOARDS {
        let folder = target.join(board.target).join("release");
        let show = folder.join("show");
        let sizes = image::sizes(&show)?;
        let run = qemu::run(board, &show, sizes.ram_end, plugin)?;
        faults.extend(differences(board, &run));
        let reached = reached(&show)?;
        println!(
            "{}: {} notes as on the host; {} functions reached from the callback, no panic among them",
            board.name,
            run.log.len() - 1,
            reached.functions
        );
        faults.extend(reached.faults);
        let mut figures = Figures::default();
        figures.add("flash, bytes", sizes.flash as f64);
        figures.add("of that the callback, bytes", reached.bytes as f64);
        figures.add("RAM, bytes", sizes.ram as f64);
        figures.add("stack, bytes", (sizes.stack_start - run.stack) as f64);
        whole_show(board, &run, &mut figures);
        if board.loads {
            loads(board, &folder.join("load"), plugin, &mut figures)?;
        }
        excesses.extend(limits.compare(board.name, &figures));
    }
    let rust = rust_version()?;
    if rust == limits.rust {
        faults.extend(excesses);
    } else {
        // Another compiler makes other code: its figures say nothing about ours.
        println!(
            "SKIP firmware-figures: the limits were measured with Rust {}, this is {rust}",
            limits.rust
        );
    }
    Ok(faults)
}

/// Where firmware and host disagree.
fn differences(board: &Board, run: &Run) -> Vec<String> {
    let mut faults = Vec::new();
    let host = (board.notes)();
    let mut here = run.log.iter();
    for there in &host {
        let said = here.next().map_or("nothing", String::as_str);
        if said != there {
            faults.push(format!(
                "{}: {said}, where the host has {there}",
                board.name
            ));
            break;
        }
    }
    // The firmware's last line is about its interrupts, of which the host has none.
    match run.log.last().and_then(|l| l.strip_suffix(" overlaps")?.parse::<u32>().ok()) {
        Some(n) if n > 0 => {}
        _ => faults.push(format!(
            "{}: no call came while a block was being filled: the rings were never used from both sides at once",
            board.name
        )),
    }
    faults
}

/// Instructions of `process` in the whole show, ramps, fades and all.
fn whole_show(board: &Board, run: &Run, figures: &mut Figures) {
    let piece = board.piece;
    let per_call = (piece.period * piece.tracks.len()) as f64;
    let most = run.spans.iter().copied().max().unwrap_or(0);
    let silent = run.spans.iter().copied().min().unwrap_or(u64::MAX);
    // What is stopped or ended does next to nothing.
    let playing: Vec<u64> = run
        .spans
        .iter()
        .copied()
        .filter(|n| *n > 2 * silent)
        .collect();
    let mean = playing.iter().sum::<u64>() as f64 / playing.len() as f64;
    figures.add("show: instructions per frame and stem", mean / per_call);
    figures.add("show: the longest call, instructions", most as f64);
}

/// Instructions of `process` with nothing going on but the mixing of some stems.
fn loads(board: &Board, image: &Path, plugin: &Path, figures: &mut Figures) -> Result<()> {
    let sizes = image::sizes(image)?;
    let run = qemu::run(board, image, sizes.ram_end, plugin)?;
    ensure!(
        run.log.len() == SHORT_LOADS.len() + LONG_LOADS.len(),
        "{:?} is not about every load",
        run.log
    );
    let mut spans = run.spans.as_slice();
    for (load, line) in SHORT_LOADS.iter().chain(&LONG_LOADS).zip(&run.log) {
        let calls = line
            .strip_prefix(load.name)
            .and_then(|n| n.trim().parse().ok())
            .with_context(|| format!("{line:?} is not about {}", load.name))?;
        let (mine, others) = spans.split_at_checked(calls).context("too few spans")?;
        spans = others;
        // Starting and ending aside, every call is like any other.
        let mut mine = mine.to_vec();
        mine.sort_unstable();
        let usual = mine[mine.len() / 2] as f64 / load.piece.period as f64;
        let name = load.name;
        figures.add(
            format!("{name}: instructions per frame and stem"),
            usual / f64::from(load.stems),
        );
        if load.stems > 1 {
            figures.add(
                format!("{name}: instructions per multiply-accumulate"),
                usual / f64::from(load.macs),
            );
        }
    }
    if env::var_os("PROFILE").is_some() {
        run.symbols
            .iter()
            .take(20)
            .for_each(|(n, name)| println!("{n:>10} {name}"));
    }
    Ok(())
}

fn reached(image: &Path) -> Result<Reached> {
    let code = Code::read(image)?;
    code.ensure_sight("main")?;
    code.from(CALLBACK)
}

/// As `1.95`.
fn rust_version() -> Result<String> {
    let output = Command::new("rustc").arg("--version").output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split(' ').nth(1).context("rustc says no version")?;
    Ok(version
        .rsplit_once('.')
        .map_or(version, |(v, _)| v)
        .to_string())
}
