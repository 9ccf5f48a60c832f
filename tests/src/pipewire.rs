//! A PipeWire of one's own, and a process that has its libjack instead of JACK's.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use crate::alone::alone_with;
use crate::jackd::Jackd;

/// Runs `body` with a running PipeWire, in a process of its own whose libjack is PipeWire's. `test` is the name of
/// the calling test. The quantum is 1024 frames at 48 kHz.
///
/// # Panics
/// When it fails there.
pub fn under_pipewire(test: &str, body: impl FnOnce(Jackd)) {
    under(test, Some("1024/48000"), body);
}

/// The same with a quantum that others may change: who asks for one of his own, keeps it.
///
/// # Panics
/// As [`under_pipewire`].
pub fn under_pipewire_as_it_comes(test: &str, body: impl FnOnce(Jackd)) {
    under(test, None, body);
}

fn under(test: &str, quantum: Option<&str>, body: impl FnOnce(Jackd)) {
    let Some(library) = library() else {
        eprintln!("SKIP {test}: PipeWire with its libjack is not installed");
        return;
    };
    let runtime = tempfile::tempdir().expect("a temporary folder");
    let mut environment: Vec<(&str, &OsStr)> = vec![
        ("LD_LIBRARY_PATH", library.as_ref()),
        ("XDG_RUNTIME_DIR", runtime.path().as_ref()),
        ("DISABLE_RTKIT", "1".as_ref()),
    ];
    environment.extend(quantum.map(|q| ("PIPEWIRE_QUANTUM", q.as_ref())));
    alone_with(test, &environment, || body(Jackd::start_pipewire()));
}

/// The folder with PipeWire's libjack, if both are installed.
fn library() -> Option<String> {
    Command::new("pipewire").arg("--version").output().ok()?;
    let arch = std::env::consts::ARCH;
    let folders = [
        format!("/usr/lib/{arch}-linux-gnu/pipewire-0.3/jack"),
        "/usr/lib64/pipewire-0.3/jack".into(),
        "/usr/lib/pipewire-0.3/jack".into(),
    ];
    let has_it = |folder: &String| Path::new(folder).join("libjack.so.0").exists();
    folders.into_iter().find(has_it)
}
