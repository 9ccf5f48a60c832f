//! Finding and reading the configuration file.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::Layer;
use crate::exit::{Code, Failure};
use crate::located::{self, Located, ReadError};

/// Which configuration file is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// The first found of `$BACKLINE_CONFIG`, the user's and the machine's.
    #[default]
    Search,
    /// That file (`--config FILE`).
    File(PathBuf),
    /// None (`--config none`).
    Nothing,
}

impl Wanted {
    /// As `--config` and `$BACKLINE_CONFIG` say it: a path, or `none`.
    pub fn named(name: impl Into<PathBuf>) -> Self {
        let path = name.into();
        match path.as_os_str() == "none" {
            true => Self::Nothing,
            false => Self::File(path),
        }
    }
}

/// The configuration file that counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConfigFile {
    /// Its path; `None` when there is none.
    pub path: Option<PathBuf>,
    /// What it says.
    pub layer: Layer,
    /// One sentence for the user when a file that was named is not there.
    pub notice: Option<String>,
}

/// Where the machine's configuration is.
const SYSTEM: &str = "/etc/backline/config.toml";

impl ConfigFile {
    /// Finds and reads it. `env` gives environment variables by name.
    ///
    /// # Errors
    /// Code 78: there is one, and it can't be read, has an unknown key, or a value out of range.
    /// A file that isn't there is no error: the defaults count.
    pub fn find(wanted: &Wanted, env: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, Failure> {
        let mut notice = None;
        let mut candidates = Vec::new();
        match wanted {
            Wanted::Nothing => {}
            Wanted::File(path) => candidates.push((path.clone(), true)),
            Wanted::Search => match env("BACKLINE_CONFIG")
                .filter(|name| !name.is_empty())
                .map(Wanted::named)
            {
                Some(Wanted::Nothing) => {}
                named => {
                    if let Some(Wanted::File(path)) = named {
                        candidates.push((path, true));
                    }
                    candidates.extend(user_file(env).map(|path| (path, false)));
                    candidates.push((SYSTEM.into(), false));
                }
            },
        }
        for (path, was_named) in candidates {
            match Self::read(&path)? {
                Some(layer) => {
                    return Ok(Self {
                        path: Some(path),
                        layer,
                        notice,
                    });
                }
                None if was_named => {
                    notice = Some(format!(
                        "{}: no such configuration file, going on without it",
                        path.display()
                    ));
                }
                None => {}
            }
        }
        Ok(Self {
            notice,
            ..Self::default()
        })
    }

    /// Parses the text of a configuration file; `path` is for the complaint.
    ///
    /// # Errors
    /// Code 78, with line and column.
    pub fn parse(path: &Path, text: &str) -> Result<Layer, Failure> {
        located::parse::<Layer>(text)
            .map(Layer::flattened)
            .map_err(|at| broken(path, at))
    }

    /// `None` when there is no such file.
    fn read(path: &Path) -> Result<Option<Layer>, Failure> {
        // A pipe or a device would block, or never end.
        let failure = |why: &dyn std::fmt::Display| {
            Failure::new(
                Code::Config,
                format!("{}: can't be read: {why}", path.display()),
            )
        };
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => return Err(failure(&"not a regular file")),
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(failure(&error)),
        }
        match located::read(path) {
            Ok(text) => Self::parse(path, &text).map(Some),
            Err(ReadError::Io(error)) if is_absent(&error) => Ok(None),
            Err(ReadError::Io(error)) => Err(failure(&error)),
            Err(ReadError::Text(at)) => Err(broken(path, at)),
        }
    }
}

fn broken(path: &Path, at: Located) -> Failure {
    let (path, Located { line, column, what }) = (path.display(), at);
    Failure::new(Code::Config, format!("{path}:{line}:{column}: {what}"))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// `$XDG_CONFIG_HOME/backline/config.toml`; the variable's own default is `~/.config`. Relative
/// paths in it don't count, as the XDG specification has it.
fn user_file(env: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name: &str| {
        env(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_CONFIG_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".config")))
        .map(|folder| folder.join("backline/config.toml"))
}
