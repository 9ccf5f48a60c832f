//! What Linux tells of this process.

use std::collections::BTreeMap;

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find(|l| l.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The most memory this process has had resident so far, bytes.
///
/// # Panics
/// Without `/proc`.
pub fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a /proc");
    field(&status, "VmHWM:").expect("VmHWM") * 1024
}

/// How often each thread has gone to sleep so far: its name and count by its id.
///
/// # Panics
/// Without `/proc`.
pub fn sleeps() -> BTreeMap<u32, (String, u64)> {
    let mut threads = BTreeMap::new();
    for task in std::fs::read_dir("/proc/self/task")
        .expect("a /proc")
        .flatten()
    {
        let id = task.file_name().to_string_lossy().parse();
        // A thread may have ended since.
        let status = std::fs::read_to_string(task.path().join("status"));
        if let (Ok(id), Ok(status)) = (id, status) {
            let name = status.lines().next().unwrap_or_default();
            let name = name.trim_start_matches("Name:").trim().to_owned();
            let count = field(&status, "voluntary_ctxt_switches:").unwrap_or(0);
            threads.insert(id, (name, count));
        }
    }
    threads
}
