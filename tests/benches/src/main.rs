//! `make bench`: measures, and prints one table.

use std::process::ExitCode;

use backline_benches::sections;
use backline_benches::table::Table;

type Section = fn(&mut Table, bool);

const HELP: &str = "\
bench [--quick] [SECTION...]    all sections, unless told which

  mixer    the engine against a loop that only reads, scales and adds
  worst    the longest of a million callbacks on a machine whose cores are all busy

--quick measures for a shorter time, and less exactly.";

fn main() -> ExitCode {
    let mut quick = false;
    let mut wanted = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--quick" => quick = true,
            "-h" | "--help" => {
                println!("{HELP}");
                return ExitCode::SUCCESS;
            }
            name => wanted.push(name.to_owned()),
        }
    }
    let sections: [(&str, Section); 2] = [
        ("mixer", sections::mixer::run),
        ("worst", sections::worst::run),
    ];
    if let Some(unknown) = wanted.iter().find(|w| sections.iter().all(|s| s.0 != **w)) {
        eprintln!("bench: no section `{unknown}`\n{HELP}");
        return ExitCode::from(64);
    }
    let mut table = Table::default();
    for (name, run) in sections {
        if wanted.is_empty() || wanted.iter().any(|w| w == name) {
            run(&mut table, quick);
        }
    }
    table.print();
    ExitCode::SUCCESS
}
