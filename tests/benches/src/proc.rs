//! Programs that are measured: started, waited for, watched.

use std::fs;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What a finished program took.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// From start to end.
    pub wall: Duration,
    /// User and system time of all its threads.
    pub cpu: Duration,
}

impl Taken {
    /// The better of each.
    pub fn best(self, other: Option<Self>) -> Self {
        other.map_or(self, |other| Self {
            wall: self.wall.min(other.wall),
            cpu: self.cpu.min(other.cpu),
        })
    }
}

/// Runs a command to its end; its output goes to `log`.
///
/// # Errors
/// What it is, when it can't be started or fails, with the end of what it said.
pub fn run(command: &mut Command, log: &Path) -> Result<Taken, String> {
    let begun = Instant::now();
    let child = quietly(command, log).map_err(|e| e.to_string())?;
    let mut status = 0;
    // SAFETY: all zero is a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let id = libc::pid_t::try_from(child.id()).map_err(|e| e.to_string())?;
    // SAFETY: both pointers are valid, and nobody else waits for this child.
    let waited = unsafe { libc::wait4(id, &mut status, 0, &mut usage) };
    let wall = begun.elapsed();
    if waited != id {
        return Err(io::Error::last_os_error().to_string());
    }
    let status = ExitStatus::from_raw(status);
    if !status.success() {
        let said = fs::read_to_string(log).unwrap_or_default();
        let last = said.lines().next_back().unwrap_or_default();
        return Err(format!("{status}: {last}"));
    }
    let time = |t: libc::timeval| {
        Duration::from_secs(t.tv_sec.try_into().unwrap_or(0))
            + Duration::from_micros(t.tv_usec.try_into().unwrap_or(0))
    };
    Ok(Taken {
        wall,
        cpu: time(usage.ru_utime) + time(usage.ru_stime),
    })
}

/// Starts a command whose output goes to `log`, and which dies with this program.
///
/// # Errors
/// When it can't be started.
pub fn quietly(command: &mut Command, log: &Path) -> io::Result<Child> {
    let log = fs::File::create(log)?;
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    mortal(command).spawn()
}

/// A command whose process dies with this program's main thread.
pub fn mortal(command: &mut Command) -> &mut Command {
    // SAFETY: prctl is async-signal-safe.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        })
    }
}

/// A running program that is killed when this goes away.
pub struct Running(pub Child);

impl Running {
    /// What its threads are called, how long each has run so far, and how often it went to sleep.
    pub fn threads(&self) -> Vec<Thread> {
        let Ok(tasks) = fs::read_dir(format!("/proc/{}/task", self.0.id())) else {
            return Vec::new();
        };
        tasks.flatten().filter_map(|t| thread(&t.path())).collect()
    }

    /// Time on cores of all its threads so far, those that have ended too, to 10 ms.
    pub fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap_or_default();
        // After the name in brackets: the 12th and 13th word, in hundredths.
        let words = stat.rsplit(')').next().unwrap_or_default();
        let ticks = words.split_whitespace().skip(11).take(2);
        let ticks = ticks.filter_map(|t| t.parse::<u64>().ok()).sum::<u64>();
        Duration::from_millis(ticks * 10)
    }

    /// The most memory it has had resident so far, bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()));
        field(&status.unwrap_or_default(), "VmHWM:") * 1024
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A thread of a running program.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Its name, the kernel's 15 bytes of it.
    pub name: String,
    /// Time on a core so far.
    pub cpu: Duration,
    /// How often it went to sleep so far.
    pub sleeps: u64,
}

fn thread(task: &Path) -> Option<Thread> {
    let status = fs::read_to_string(task.join("status")).ok()?;
    let name = status.lines().next()?.strip_prefix("Name:")?.trim();
    let schedule = fs::read_to_string(task.join("schedstat")).ok()?;
    let ran = schedule.split_whitespace().next()?.parse().ok()?;
    Some(Thread {
        name: name.to_owned(),
        cpu: Duration::from_nanos(ran),
        sleeps: field(&status, "voluntary_ctxt_switches:"),
    })
}

fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|l| l.strip_prefix(name));
    let number = line.and_then(|l| l.split_whitespace().next());
    number.and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// The sum over some of the threads: time on a core and sleeps.
pub fn sum<'a>(threads: impl IntoIterator<Item = &'a Thread>) -> (Duration, u64) {
    let mut sum = (Duration::ZERO, 0);
    for thread in threads {
        sum.0 += thread.cpu;
        sum.1 += thread.sleeps;
    }
    sum
}

/// Whether a program can be found.
pub fn have(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The player: it lies beside this program.
pub fn backline() -> PathBuf {
    let mut path = std::env::current_exe().unwrap_or_default();
    path.set_file_name("backline");
    path
}
