//! A test in a process of its own, for what is counted per process.

use std::ffi::OsStr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const INSIDE: &str = "BACKLINE_TEST_ALONE";

/// Runs `body` in a process of its own. `test` is the name of the calling test.
///
/// # Panics
/// When it fails there, or takes longer than two minutes; with `BACKLINE_SOAK` set, an hour.
pub fn alone(test: &str, body: impl FnOnce()) {
    alone_with(test, &[], body);
}

/// The same, with these variables in its environment from the start.
///
/// # Panics
/// As [`alone`].
pub fn alone_with(test: &str, environment: &[(&str, &OsStr)], body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        body();
        return;
    }
    let mut child = Command::new(std::env::current_exe().expect("this test's own path"))
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .spawn()
        .expect("this test again");
    let minutes = if std::env::var_os("BACKLINE_SOAK").is_some() {
        60
    } else {
        2
    };
    let limit = Instant::now() + Duration::from_secs(60 * minutes);
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child to wait for") {
            break status;
        }
        if Instant::now() > limit {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{test} hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(status.success(), "{test} failed in its own process");
}
