//! What the kernel tells in files.

use std::fs;
use std::path::{Path, PathBuf};

/// The system, as its files tell of it.
#[derive(Clone, Debug)]
pub struct System {
    root: PathBuf,
}

impl Default for System {
    fn default() -> Self {
        Self::at(Path::new("/"))
    }
}

impl System {
    /// The system whose `/proc`, `/sys` and `/etc` are below this folder.
    pub fn at(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// A file's text, without the last line end; `None` when it can't be read.
    pub(super) fn read(&self, path: &str) -> Option<String> {
        let bytes = fs::read(self.root.join(path)).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }

    /// A file that is a number.
    pub(super) fn number(&self, path: &str) -> Option<u64> {
        self.read(path)?.trim().parse().ok()
    }

    /// The names in a folder, in order; none when it isn't there.
    pub(super) fn list(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.root.join(path)).into_iter().flatten();
        let mut names: Vec<String> = entries
            .flatten()
            .filter_map(|e| e.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    /// A line of `/proc/self/status`, without its name.
    pub(super) fn own(&self, name: &str) -> Option<String> {
        let status = self.read("proc/self/status")?;
        let lines = status.lines().filter_map(|l| l.split_once(':'));
        let mut lines = lines.filter(|(n, _)| *n == name);
        lines.next().map(|(_, value)| value.trim().to_owned())
    }

    /// Whether this process has a capability, by its number.
    pub(super) fn can(&self, capability: u32) -> bool {
        self.own("CapEff")
            .and_then(|hex| u64::from_str_radix(&hex, 16).ok())
            .is_some_and(|bits| bits >> capability & 1 == 1)
    }
}

/// A tree for a test: paths below the root, and what is in them.
#[cfg(test)]
pub(super) fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, System) {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let system = System::at(dir.path());
    (dir, system)
}
