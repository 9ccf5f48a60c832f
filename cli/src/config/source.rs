//! Where a setting's value comes from.

use std::fmt;
use std::path::PathBuf;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything.
    Default,
    /// The configuration file of that path.
    File(PathBuf),
    /// An environment variable of that name.
    Environment(String),
    /// A flag of that name (`--period`).
    Flag(String),
    /// A profile of that name, chosen by the other source.
    Profile(&'static str, Box<Source>),
}

impl Source {
    /// Whether somebody said it for this run, in which case it must be done or refused. What a
    /// file, a profile or a default says is done where it can be, with a notice where not.
    pub fn is_explicit(&self) -> bool {
        matches!(self, Self::Flag(_) | Self::Environment(_))
    }
}

/// For `config show`: `default`, `--period`, `BACKLINE_PERIOD`, the file's path, `profile modern (--profile)`.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) | Self::Flag(name) => f.write_str(name),
            Self::Profile(name, source) => write!(f, "profile {name} ({source})"),
        }
    }
}

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting<T> {
    /// The value that counts.
    pub value: T,
    /// Who said it.
    pub source: Source,
}
