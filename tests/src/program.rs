//! The program itself, run as a user runs it, but out of reach of the machine's own servers,
//! devices, configuration and runtime folders.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::stems::write_f32_wav;

/// Far longer than anything here takes on an idle machine.
pub const LONG: Duration = Duration::from_secs(60);

/// The program, built (or brought up to date) once per test process, in the profile of the tests.
/// `BACKLINE_PROGRAM` names another one.
///
/// # Panics
/// When it can't be built.
pub fn backline_bin() -> &'static Path {
    static BIN: OnceLock<PathBuf> = OnceLock::new();
    BIN.get_or_init(|| {
        if let Some(named) = std::env::var_os("BACKLINE_PROGRAM") {
            return named.into();
        }
        // …/target/debug/deps/this-test
        let own = std::env::current_exe().expect("this test's own path");
        let profile = own.ancestors().nth(2).expect("a folder of the profile");
        let target = profile.parent().expect("a target folder");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["build", "--quiet", "-p", "backline", "--target-dir"])
            .arg(target);
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(
            build.status().expect("cargo").success(),
            "cargo build failed"
        );
        profile.join("backline")
    })
}

/// A folder with everything the program might look for, and nothing of the machine's.
pub struct Home {
    folder: tempfile::TempDir,
    alsa_config: PathBuf,
    powerless: bool,
    program: Option<PathBuf>,
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Home {
    /// A new one: no configuration, no JACK server, and an ALSA that knows no device.
    ///
    /// # Panics
    /// When the disk is full, or the like.
    pub fn new() -> Self {
        Self::of(tempfile::tempdir())
    }

    /// The same in memory, where the machine has such a place: no disk is waited for.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        match memory.is_dir() {
            true => Self::of(tempfile::tempdir_in(memory)),
            false => Self::new(),
        }
    }

    fn of(folder: std::io::Result<tempfile::TempDir>) -> Self {
        let folder = folder.expect("a temporary folder");
        for name in ["run", "config"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let alsa_config = folder.path().join("alsa.conf");
        fs::write(&alsa_config, "# nothing\n").expect("a file");
        Self {
            folder,
            alsa_config,
            powerless: false,
            program: None,
        }
    }

    /// The same with this ALSA configuration.
    #[must_use]
    pub fn with_alsa(mut self, config: impl Into<PathBuf>) -> Self {
        self.alsa_config = config.into();
        self
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A stereo WAV of a quiet constant, `ms` long, at 48 kHz.
    ///
    /// # Panics
    /// When the disk is full, or the like.
    pub fn wav(&self, name: &str, ms: usize) -> PathBuf {
        let path = self.path().join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).expect("a folder");
        }
        write_f32_wav(&path, 48_000, &[vec![0.125; ms * 48], vec![0.25; ms * 48]]);
        path
    }

    /// A file with these bytes.
    ///
    /// # Panics
    /// When the disk is full, or the like.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).expect("a folder");
        }
        fs::write(&path, bytes).expect("a file");
        path
    }

    /// Runs this program instead of `backline`.
    #[must_use]
    pub fn with_program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = Some(program.into());
        self
    }

    /// Takes the program's right to read whatever it likes, which root has.
    pub fn powerless(mut self) -> Self {
        self.powerless = true;
        self
    }

    /// The program with these arguments (split at blanks), in this home, with nothing on its
    /// standard input.
    pub fn backline(&self, args: &str) -> Command {
        let home = self.path();
        let program = self.program.as_deref().unwrap_or_else(|| backline_bin());
        let mut command = if self.powerless {
            let mut without = Command::new("setpriv");
            without
                .args(["--bounding-set=-all", "--inh-caps=-all"])
                .arg(program);
            without
        } else {
            Command::new(program)
        };
        command
            .args(args.split_whitespace())
            .current_dir(home)
            .env_clear()
            .env("HOME", home)
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_RUNTIME_DIR", home.join("run"))
            .env("BACKLINE_CONFIG", "none")
            .env("ALSA_CONFIG_PATH", &self.alsa_config)
            .env("JACK_NO_START_SERVER", "1")
            .env("JACK_DEFAULT_SERVER", format!("none{}", std::process::id()))
            .env("TERM", "xterm")
            .stdin(Stdio::null());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        // A shell that started the tests in its background has SIGINT ignored, which is inherited.
        // SAFETY: between fork and exec only these two calls, both async-signal-safe.
        unsafe {
            command.pre_exec(|| {
                libc::signal(libc::SIGINT, libc::SIG_DFL);
                libc::signal(libc::SIGHUP, libc::SIG_DFL);
                Ok(())
            });
        }
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, args: &str) -> Outcome {
        Running::start(&mut self.backline(args)).finish()
    }

    /// Starts the program.
    pub fn start(&self, args: &str) -> Running {
        Running::start(&mut self.backline(args))
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code; `None` when it was killed by a signal.
    pub code: Option<i32>,
    /// The signal that killed it.
    pub signal: Option<i32>,
    /// Lines of standard output.
    pub out: Vec<String>,
    /// Standard error.
    pub err: String,
}

impl Outcome {
    /// Standard output as one text.
    pub fn text(&self) -> String {
        self.out.join("\n")
    }

    /// The status lines, every one of which must be an object with `event`, `v` and `t_ms`.
    ///
    /// # Panics
    /// When one isn't.
    pub fn events(&self) -> Vec<Value> {
        self.out.iter().map(|line| event(line)).collect()
    }

    /// What its warnings say, in their order.
    ///
    /// # Panics
    /// As [`Outcome::events`].
    pub fn warnings(&self) -> Vec<String> {
        let events = self.events().into_iter();
        let warnings = events.filter(|e| e["event"] == "warning");
        warnings
            .map(|e| e["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// The summary, which must be the last event, and the only one.
    ///
    /// # Panics
    /// When it isn't.
    pub fn summary(&self) -> Value {
        let events = self.events();
        let summaries = events.iter().filter(|e| e["event"] == "summary").count();
        assert_eq!(summaries, 1, "{self:#?}");
        let last = events.last().expect("an event").clone();
        assert_eq!(last["event"], "summary", "{self:#?}");
        last
    }
}

fn event(line: &str) -> Value {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    assert!(value["event"].is_string(), "{line}");
    assert_eq!(value["v"], 1, "{line}");
    assert!(value["t_ms"].is_u64(), "{line}");
    value
}

/// The program while it runs. Killed on drop, also when the test panics.
pub struct Running {
    child: Child,
    lines: Option<Receiver<String>>,
    seen: Vec<String>,
    err: Option<JoinHandle<String>>,
}

impl Running {
    /// Starts `command` with its output caught.
    ///
    /// # Panics
    /// When it can't be started.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        let stdout = child.stdout.take().expect("a pipe");
        let stderr: ChildStderr = child.stderr.take().expect("a pipe");
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let Ok(line) = line else { break };
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let err = thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = BufReader::new(stderr).read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Self {
            child,
            lines: Some(lines),
            seen: Vec::new(),
            err: Some(err),
        }
    }

    /// The way to its standard input, where that is a pipe.
    ///
    /// # Panics
    /// When it is none, or was taken before.
    pub fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("a pipe")
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// When the process is gone.
    pub fn signal(&self, signal: i32) {
        // SAFETY: the child hasn't been waited for, so the id is its own.
        let sent = unsafe { libc::kill(self.pid(), signal) };
        assert_eq!(sent, 0, "the program is gone");
    }

    /// Closes our end of its standard output.
    pub fn close_stdout(&mut self) {
        self.lines = None;
    }

    /// The next status line for which `wanted` holds.
    ///
    /// # Panics
    /// When none comes.
    pub fn wait_for(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let limit = Instant::now() + LONG;
        loop {
            let left = limit.saturating_duration_since(Instant::now());
            let next = self.lines.as_ref().map(|lines| lines.recv_timeout(left));
            let Some(Ok(line)) = next else {
                let code = self.child.try_wait();
                panic!("no {what} ({code:?}) in {:#?}", self.seen);
            };
            self.seen.push(line.clone());
            let value = event(&line);
            if wanted(&value) {
                return value;
            }
        }
    }

    /// Waits until frames are being played.
    pub fn wait_until_playing(&mut self) -> Value {
        self.wait_for("playing position", |e| {
            e["event"] == "position" && e["state"] == "playing" && e["frame"].as_u64() > Some(0)
        })
    }

    /// Whether it has ended.
    ///
    /// # Panics
    /// When it can't be waited for.
    pub fn is_over(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("a child to wait for")
            .is_some()
    }

    /// The letter of the process's state: `T` is stopped.
    pub fn state(&self) -> Option<char> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).ok()?;
        stat.rsplit_once(')')?.1.trim_start().chars().next()
    }

    /// Whether it has a handler for `signal`.
    pub fn catches(&self, signal: i32) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// When it doesn't come.
    pub fn finish(mut self) -> Outcome {
        let status = self.wait();
        let rest = self.lines.take();
        let mut out = std::mem::take(&mut self.seen);
        out.extend(rest.into_iter().flatten());
        let err = self.err.take().expect("not finished before");
        Outcome {
            code: status.code(),
            signal: status.signal(),
            out,
            err: err.join().expect("a reader"),
        }
    }

    fn wait(&mut self) -> ExitStatus {
        let limit = Instant::now() + LONG;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child to wait for") {
                return status;
            }
            assert!(Instant::now() < limit, "it hangs: {:#?}", self.seen);
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Polls `met` until it holds.
///
/// # Panics
/// When it doesn't.
pub fn wait_until(what: &str, mut met: impl FnMut() -> bool) {
    let limit = Instant::now() + LONG;
    while !met() {
        assert!(Instant::now() < limit, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
