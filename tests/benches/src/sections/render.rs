//! Rendering: many stems mixed to one file, against other programs that can do it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::material::{self, Kind, stems};
use crate::proc::{self, Taken, backline, have};
use crate::table::{Table, Wanted};

const TOOLS: [&str; 4] = ["backline", "ecasound", "sox", "ffmpeg"];

/// Measures.
pub fn run(table: &mut Table, quick: bool) {
    let (seconds, rounds) = if quick { (20, 1) } else { (120, 3) };
    println!(
        "render: stereo stems of {seconds} s to one file, 48 kHz, 16 bit; tools take turns, the best of {rounds}"
    );
    for kind in [Kind::Wav, Kind::Flac] {
        for count in [24, 64] {
            match stems(kind, count, seconds) {
                Ok(stems) => compare(table, kind, &stems, seconds, rounds),
                Err(why) => table.miss(why),
            }
        }
    }
}

fn compare(table: &mut Table, kind: Kind, stems: &[PathBuf], seconds: u32, rounds: usize) {
    let mut best: [Option<Taken>; TOOLS.len()] = Default::default();
    for _ in 0..rounds {
        for (tool, best) in TOOLS.into_iter().zip(&mut best) {
            if tool != "backline" && !have(tool) {
                table.miss(tool);
                continue;
            }
            match mix(tool, stems, seconds) {
                Ok(taken) => *best = Some(taken.best(*best)),
                Err(why) => table.miss(format!(
                    "{tool} on {} {} stems: {why}",
                    stems.len(),
                    kind.name()
                )),
            }
        }
    }
    let Some(ours) = best[0] else { return };
    let what = format!("render, {} {} stems", stems.len(), kind.name());
    let speed = f64::from(seconds) / ours.wall.as_secs_f64();
    table.line(
        format!("{what}: speed"),
        speed,
        "× real time",
        Wanted::Nothing,
    );
    for (tool, taken) in TOOLS.into_iter().zip(best).skip(1) {
        let Some(taken) = taken else { continue };
        let wall = taken.wall.as_secs_f64() / ours.wall.as_secs_f64();
        let wanted = match (tool, kind) {
            ("ecasound", Kind::Wav) => Wanted::AtLeast(3.0),
            _ => Wanted::AtLeast(1.0),
        };
        table.line(format!("{what}: faster than {tool}"), wall, "×", wanted);
        let cpu = ours.cpu.as_secs_f64() / taken.cpu.as_secs_f64();
        table.line(
            format!("{what}: CPU time against {tool}"),
            cpu,
            "×",
            Wanted::AtMost(1.0),
        );
    }
}

/// All stems to one 16-bit file.
fn mix(tool: &str, stems: &[PathBuf], seconds: u32) -> Result<Taken, String> {
    let folder = material::folder();
    let out = folder.join(format!("{tool}.out.wav"));
    let mut command;
    if tool == "backline" {
        command = Command::new(backline());
        command.args([
            "render", "--config", "none", "--status", "none", "--format", "s16",
        ]);
        command.args(stems).arg("-o").arg(&out);
    } else {
        command = Command::new(tool);
        others(tool, &mut command, stems, &out);
    }
    let taken = proc::run(&mut command, &folder.join(format!("{tool}.log")))?;
    // Whoever left something out would be fast.
    let size = fs::metadata(&out).map_or(0, |m| m.len());
    let _ = fs::remove_file(&out);
    let want = u64::from(seconds) * 48_000 * 4;
    if size.abs_diff(want) > 20_000 {
        return Err(format!(
            "wrote {size} bytes, where {want} and a header were expected"
        ));
    }
    Ok(taken)
}

fn others(tool: &str, command: &mut Command, stems: &[PathBuf], out: &Path) {
    match tool {
        "ecasound" => {
            command.args(["-q", "-b:4096", "-z:mixmode,sum"]);
            for (i, stem) in stems.iter().enumerate() {
                command.arg(format!("-a:{}", i + 1)).arg("-i").arg(stem);
            }
            command.args(["-a:all", "-f:s16_le,2,48000", "-o"]).arg(out);
        }
        "sox" => {
            command.arg("-m").args(stems).args(["-b", "16"]).arg(out);
        }
        _ => {
            command.args(["-nostdin", "-y", "-loglevel", "error"]);
            for stem in stems {
                command.arg("-i").arg(stem);
            }
            let filter = format!("amix=inputs={}:normalize=0", stems.len());
            command
                .args(["-filter_complex", &filter, "-c:a", "pcm_s16le"])
                .arg(out);
        }
    }
}
