//! The commands of `backline`. The binary parses, calls [`run`] and ends as that says.

mod bench;
mod check;
mod ctl;
mod devices;
mod doctor;
mod info;
mod learn;
mod pages;
mod play;
pub mod render;
mod unit;

use std::time::Instant;

use crate::args::Action;
use crate::config;
use crate::exit::{Code, Failure};
use crate::findings::Report;
use crate::report::print;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With this exit code. Whatever there is to say has been said.
    Code(Code),
    /// By this signal, after it has done what it asks for: it is raised again with its default
    /// disposition, so that a shell sees it and ends its loop.
    Signal(i32),
}

/// Does what the command line asks for. `born` is when the program began, for the time to the
/// first sound.
///
/// # Errors
/// Why it can't be done, to be told to the user, and the exit code.
pub fn run(action: Action, born: Instant) -> Result<Ending, Failure> {
    match action {
        Action::Play(play) => return play::run(&play, born),
        Action::Misconfigured(failure) => return Ok(play::misconfigured(failure)),
        Action::Render(render) => return render::run(&render, born),
        Action::Check(check) => return check::run(&check),
        Action::Devices { json } => devices::run(json)?,
        Action::Doctor(doctor) => return doctor::run(&doctor),
        Action::Info { files, json } => return info::run(&files, json),
        Action::Ctl(order) => return ctl::run(&order),
        Action::Learn(order) => return learn::run(&order),
        Action::Bench(bench) => bench::run(&bench)?,
        Action::ConfigShow {
            settings,
            json,
            notices,
        } => {
            for notice in notices {
                eprintln!("backline: {notice}");
            }
            if json {
                out(&document(&config::to_json(&settings)))?;
            } else {
                out(&config::to_text(&settings))?;
            }
        }
        Action::Unit(unit) => out(&unit::text(&unit))?,
        Action::Completions(shell) => pages::completions(shell)?,
        Action::Man(folder) => pages::man(folder.as_deref())?,
        Action::Print(text) => out(&text)?,
    }
    Ok(Ending::Code(Code::Done))
}

/// Prints a listing. A reader that has seen enough ends it quietly.
fn out(text: &str) -> Result<(), Failure> {
    print(text).map_err(|e| Failure::new(Code::Io, format!("standard output: {e}")))
}

/// Prints findings. The exit code says whether a script should take them for good.
fn tell(report: &Report, json: bool, strict: bool) -> Result<Ending, Failure> {
    if json {
        // Plain structs with string keys always have a JSON.
        out(&document(&serde_json::to_value(report).unwrap_or_default()))?;
    } else {
        out(&report.text())?;
    }
    Ok(Ending::Code(match report.passes(strict) {
        true => Code::Done,
        false => Code::Found,
    }))
}

/// A JSON document for people to read as well.
fn document(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}
