//! A JACK server of the bench's own, on its dummy driver, and this program as a client of it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::proc::{self, Running};

/// The server's name: one that is running already stays untouched.
pub const NAME: &str = "backline-bench";

/// A running server.
pub struct Server {
    _running: Running,
}

impl Server {
    /// Starts one with so many frames in a period.
    ///
    /// # Errors
    /// What is missing, or why it doesn't start.
    pub fn start(period: u32, log: &Path) -> Result<Self, String> {
        if !proc::have("jackd") {
            return Err("jackd".into());
        }
        for scheduling in ["-R", "-r"] {
            let mut command = Command::new("jackd");
            command.args(["-n", NAME, scheduling, "-d", "dummy", "-r", "48000", "-p"]);
            command.arg(period.to_string()).args(["-C", "2", "-P", "2"]);
            command.env("JACK_NO_AUDIO_RESERVATION", "1");
            let mut running = Running(proc::quietly(&mut command, log).map_err(|e| e.to_string())?);
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(10) {
                if !matches!(running.0.try_wait(), Ok(None)) {
                    break;
                }
                if Client::start("probe", &["0"]).is_ok() {
                    return Ok(Self { _running: running });
                }
                thread::sleep(Duration::from_millis(100));
            }
        }
        Err(format!(
            "jackd, which does not start: see {}",
            log.display()
        ))
    }
}

/// This program as a client: a process of its own, so that its cost can be told.
pub struct Client {
    /// The process.
    pub running: Running,
    said: BufReader<ChildStdout>,
}

impl Client {
    /// Starts it and waits until it is in the graph.
    ///
    /// # Errors
    /// When the server doesn't take it.
    pub fn start(role: &str, arguments: &[&str]) -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|e| e.to_string())?;
        let mut command = Command::new(own);
        command.arg(format!("--{role}")).args(arguments);
        on_server(&mut command);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child: Child = proc::mortal(&mut command)
            .spawn()
            .map_err(|e| e.to_string())?;
        let said = child.stdout.take().ok_or("no pipe")?;
        let mut client = Self {
            running: Running(child),
            said: BufReader::new(said),
        };
        match client.line().as_deref() {
            Some("active") => Ok(client),
            _ => Err("a client that the JACK server does not take".into()),
        }
    }

    /// The next line that it says; `None` when it has ended.
    pub fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.said.read_line(&mut line).ok()?;
        (read > 0).then(|| line.trim().to_owned())
    }
}

/// Has a command's JACK clients go to the bench's server.
pub fn on_server(command: &mut Command) {
    command
        .env("JACK_DEFAULT_SERVER", NAME)
        .env("JACK_NO_START_SERVER", "1");
}

/// Nanoseconds of the monotonic clock, which all processes share.
pub fn monotonic() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is valid for the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

fn client(name: &str) -> Result<jack::Client, String> {
    let opened = jack::Client::new(name, jack::ClientOptions::NO_START_SERVER);
    Ok(opened.map_err(|e| e.to_string())?.0)
}

/// `bench --probe 0` and `bench --idle PORTS`: a client with so many outputs that does nothing.
///
/// # Errors
/// When the server does not take it.
pub fn idle(ports: usize, stay: bool) -> Result<(), String> {
    let client = client("bench-idle")?;
    let _ports = (0..ports)
        .map(|i| client.register_port(&format!("out_{i}"), jack::AudioOut::default()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| e.to_string())?;
    let process = |_: &jack::Client, _: &jack::ProcessScope| jack::Control::Continue;
    let handler = jack::contrib::ClosureProcessHandler::new(process);
    let _active = client
        .activate_async((), handler)
        .map_err(|e| e.to_string())?;
    println!("active");
    if stay {
        // Until it is killed.
        loop {
            thread::park();
        }
    }
    Ok(())
}

/// `bench --listen`: says `active`, then when ([`monotonic`]) the first sample that isn't 0 came to one
/// of its two inputs. Ends without it after 20 s.
///
/// # Errors
/// When the server does not take it.
pub fn listen() -> Result<(), String> {
    let client = client(LISTENER)?;
    let ports = ["in_1", "in_2"].map(|name| {
        client
            .register_port(name, jack::AudioIn::default())
            .map_err(|e| e.to_string())
    });
    let [left, right] = ports;
    let ports = [left?, right?];
    let first = Arc::new(AtomicU64::new(0));
    let found = first.clone();
    let process = move |_: &jack::Client, scope: &jack::ProcessScope| {
        let sounds =
            |port: &jack::Port<jack::AudioIn>| port.as_slice(scope).iter().any(|x| *x != 0.0);
        if found.load(Ordering::Relaxed) == 0 && ports.iter().any(sounds) {
            found.store(monotonic(), Ordering::Relaxed);
        }
        jack::Control::Continue
    };
    let handler = jack::contrib::ClosureProcessHandler::new(process);
    let _active = client
        .activate_async((), handler)
        .map_err(|e| e.to_string())?;
    println!("active");
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(5));
        match first.load(Ordering::Relaxed) {
            0 => {}
            ns => {
                println!("{ns}");
                break;
            }
        }
    }
    Ok(())
}

/// How long the listener waits for sound.
const PATIENCE: Duration = Duration::from_secs(20);

/// The listener's client name.
pub const LISTENER: &str = "bench-listen";
