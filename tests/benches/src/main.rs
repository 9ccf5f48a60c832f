//! `make bench`: measures, and prints one table.

mod bare;
mod jackd;
mod material;
mod proc;
mod sections;
mod table;

use std::process::ExitCode;

use sections::{feeder, live, mixer, render, start, worst};
use table::Table;

const HELP: &str = "\
bench [--quick] [SECTION...]    all sections, unless told which

  render   many stems to one file, against ecasound, sox -m and ffmpeg amix
  live     24 stems to 24 and 48 JACK ports, against ecasound
  mixer    the engine against a loop that only reads, scales and adds
  feeder   decoding while playing, against ffmpeg; wake-ups
  start    command to first sample, against ecasound and mpv; size of the program
  worst    the longest of a million callbacks while all cores are busy

--quick measures for a shorter time, and less exactly.";

type Section = fn(&mut Table, bool);

const SECTIONS: [(&str, Section); 6] = [
    ("render", render::run),
    ("live", live::run),
    ("mixer", mixer::run),
    ("feeder", feeder::run),
    ("start", start::run),
    ("worst", worst::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // As a JACK client, a process of its own.
    let client = match arguments.first().map(String::as_str) {
        Some("--probe") => Some(jackd::idle(0, false)),
        Some("--idle") => {
            let ports = arguments.get(1).and_then(|n| n.parse().ok());
            Some(jackd::idle(ports.unwrap_or(0), true))
        }
        Some("--listen") => Some(jackd::listen()),
        _ => None,
    };
    if let Some(result) = client {
        return result.map_or_else(
            |why| {
                eprintln!("bench: {why}");
                ExitCode::FAILURE
            },
            |()| ExitCode::SUCCESS,
        );
    }

    let mut quick = false;
    let mut wanted = Vec::new();
    for argument in arguments {
        match argument.as_str() {
            "--quick" => quick = true,
            "-h" | "--help" => {
                println!("{HELP}");
                return ExitCode::SUCCESS;
            }
            name if SECTIONS.iter().any(|s| s.0 == name) => wanted.push(argument),
            name => {
                eprintln!("bench: no section `{name}`\n{HELP}");
                return ExitCode::from(64);
            }
        }
    }
    let mut table = Table::default();
    for (name, run) in SECTIONS {
        if wanted.is_empty() || wanted.iter().any(|w| w == name) {
            run(&mut table, quick);
        }
    }
    table.print();
    ExitCode::SUCCESS
}
