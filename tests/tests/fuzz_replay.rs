//! What the fuzzer starts from and what it once found, through the same functions as any test.
//!
//! `make soak` fuzzes; a find goes to `fuzz/finds/TARGET` and is replayed here from then on.

// `run` is for libFuzzer alone.
#[allow(dead_code)]
#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;

#[global_allocator]
static ALLOCATOR: fuzz::Bounded = fuzz::Bounded;

/// The files of a folder in `tests/fuzz`, in order; none where there is no such folder.
fn inputs(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    files
}

/// Runs every input of a target, and each cut short at a few places.
fn replay(target: &str, work: fn(&[u8])) {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(fuzz::watch);
    let seeds = inputs(&format!("seeds/{target}"));
    assert!(!seeds.is_empty(), "no seeds for {target}");
    let finds = inputs(&format!("finds/{target}"));
    let mut failures = Vec::new();
    for path in seeds.into_iter().chain(finds) {
        let bytes = fs::read(&path).expect("an input");
        for length in [bytes.len(), bytes.len() * 2 / 3, bytes.len() / 7] {
            // Where one ends the process, `--nocapture` shows which.
            println!("{}, {length} bytes of it", path.display());
            if let Err(what) = fuzz::check(work, &bytes[..length]) {
                failures.push(format!("{}, {length} bytes of it: {what}", path.display()));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn media() {
    replay("media", fuzz::media);
}

#[test]
fn wav() {
    replay("wav", fuzz::wav);
}

#[test]
fn toml() {
    replay("toml", fuzz::toml);
}

#[test]
fn protocol() {
    replay("protocol", fuzz::protocol);
}

#[test]
fn osc() {
    replay("osc", fuzz::osc);
}

#[test]
fn midi() {
    replay("midi", fuzz::midi);
}

#[test]
fn the_guard_sees_a_panic_a_greedy_and_a_slow_case() {
    let panics = fuzz::check(|_| panic!("on purpose"), b"");
    assert!(panics.unwrap_err().contains("on purpose"));
    let caught = fuzz::check(
        |_| drop(std::panic::catch_unwind(|| panic!("and caught"))),
        b"",
    );
    assert!(caught.unwrap_err().contains("and caught"));
    let greedy = fuzz::check(
        |_| {
            let mut much = Vec::<u8>::new();
            assert!(much.try_reserve_exact(fuzz::MEMORY).is_ok(), "refused");
        },
        b"",
    );
    assert!(greedy.unwrap_err().contains("refused"));
    let slow = fuzz::check(
        |_| {
            let time = || rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime).tv_sec;
            let begun = time();
            while time() < begun + 3 {}
        },
        b"",
    );
    assert!(slow.unwrap_err().contains("took"));
    assert_eq!(fuzz::check(|_| {}, b""), Ok(()));
}
