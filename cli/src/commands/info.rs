//! `backline info`: what audio files are.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use super::{Ending, out};
use crate::analyse::{analyse, json, table};
use crate::exit::{Code, Failure};
use crate::media::{OpenOptions, open};
use crate::report::clean;
use crate::song::SongError;

/// Lists the files that can be opened and tells of the others on standard error. The exit code
/// is that of the first that can't.
pub(super) fn run(files: &[PathBuf], as_json: bool) -> Result<Ending, Failure> {
    let mut infos = Vec::new();
    let mut code = Code::Done;
    for file in files {
        match regular(file).and_then(|()| Ok(open(file, &OpenOptions::default())?)) {
            Ok(reader) => infos.push(analyse(reader)),
            Err(failure) => {
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

/// A pipe that nobody writes to would never be opened.
fn regular(file: &Path) -> Result<(), Failure> {
    let special = |about: Metadata| !about.is_file() && !about.is_dir();
    if file.as_os_str() != "-" && fs::metadata(file).is_ok_and(special) {
        let error = SongError::Special {
            path: file.to_owned(),
            named_in: None,
        };
        return Err(error.into());
    }
    Ok(())
}
