//! `backline info`: what audio files are.

use std::path::PathBuf;

use super::{Ending, out};
use crate::analyse::{analyse, json, table};
use crate::exit::{Code, Failure};
use crate::media::{OpenOptions, open};
use crate::report::clean;

/// Lists the files that can be opened and tells of the others on standard error. The exit code
/// is that of the first that can't.
pub(super) fn run(files: &[PathBuf], as_json: bool) -> Result<Ending, Failure> {
    let mut infos = Vec::new();
    let mut code = Code::Done;
    for file in files {
        match open(file, &OpenOptions::default()) {
            Ok(reader) => infos.push(analyse(reader)),
            Err(e) => {
                let failure = Failure::from(e);
                eprintln!("backline: {}", clean(&failure.message));
                if code == Code::Done {
                    code = failure.code;
                }
            }
        }
    }
    if as_json {
        out(&json(&infos))?;
    } else if !infos.is_empty() {
        out(&table(&infos))?;
    }
    Ok(Ending::Code(code))
}
