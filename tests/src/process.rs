//! What Linux tells of this process and of others.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find(|l| l.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The most memory this process has had resident so far, bytes.
///
/// # Panics
/// Without `/proc`.
pub fn peak_memory() -> u64 {
    peak_memory_of("self")
}

/// The same of another process, by its id.
///
/// # Panics
/// When there is no such process.
pub fn peak_memory_of(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a /proc");
    field(&status, "VmHWM:").expect("VmHWM") * 1024
}

/// What a process has, by its id or as `self`: memory that is resident (bytes), open files, threads.
///
/// # Panics
/// When there is no such process.
pub fn usage_of(process: &str) -> (u64, usize, usize) {
    let count = |what: &str| {
        let folder = std::fs::read_dir(format!("/proc/{process}/{what}"));
        folder.expect("a /proc").count()
    };
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a /proc");
    let resident = field(&status, "VmRSS:").expect("VmRSS") * 1024;
    (resident, count("fd"), count("task"))
}

/// How often each thread has gone to sleep so far: its name and count by its id.
///
/// # Panics
/// Without `/proc`.
pub fn sleeps() -> BTreeMap<u32, (String, u64)> {
    sleeps_of("self")
}

/// The same of another process, by its id.
///
/// # Panics
/// When there is no such process.
pub fn sleeps_of(process: &str) -> BTreeMap<u32, (String, u64)> {
    let mut threads = BTreeMap::new();
    for task in std::fs::read_dir(format!("/proc/{process}/task"))
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

/// The audio thread of a process that plays: the one of that name, or of that name's many (libjack's
/// threads all have the name of the one that opened the client) that sleeps most often.
///
/// # Panics
/// When there is none.
pub fn audio_thread(process: i32, name: &str) -> u32 {
    let threads = sleeps_of(&process.to_string());
    let named = threads.iter().filter(|(_, (n, _))| n == name);
    let most = named.max_by_key(|(_, (_, count))| *count);
    *most
        .unwrap_or_else(|| panic!("no thread {name} in {threads:?}"))
        .0
}

/// Minor and major page faults of a thread so far.
///
/// # Panics
/// When there is no such thread.
pub fn page_faults(process: i32, thread: u32) -> (u64, u64) {
    let path = format!("/proc/{process}/task/{thread}/stat");
    let stat = std::fs::read_to_string(&path).expect(&path);
    // The name, which may hold anything, ends at the last bracket.
    let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let number = |n: usize| fields[n].parse().expect("a number");
    // See proc(5): fields 10 and 12, counted from 1, of which the first two are gone.
    (number(7), number(9))
}

/// Processor time that another process has used, all its threads together, those that ended included.
///
/// # Panics
/// When there is no such process.
pub fn cpu_of(process: i32) -> Duration {
    let mut clock = 0;
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: both write to the given variables only, and read nothing.
    let failed = unsafe {
        libc::clock_getcpuclockid(process, &raw mut clock) != 0
            || libc::clock_gettime(clock, &raw mut time) != 0
    };
    assert!(!failed, "no process {process}");
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}

/// Share of a core that another process uses while `time` passes, in per cent.
///
/// # Panics
/// When there is no such process.
pub fn cpu_share(process: i32, time: Duration) -> f64 {
    let (begin, before) = (Instant::now(), cpu_of(process));
    std::thread::sleep(time);
    let used = cpu_of(process).saturating_sub(before);
    100.0 * used.as_secs_f64() / begin.elapsed().as_secs_f64()
}
