//! A JACK server of one's own for a test, and a recorder on it.
//!
//! libjack keeps the server it talks to in process-wide variables, so a process can use one
//! server at a time: [`Jackd::start`] waits until the last one of this process is gone.
//!
//! A server that already runs on the machine is never touched. Ours take their names from a
//! small pool with a lock on each, and not a fresh one each time: jackd's registry has room for
//! eight servers, one that was killed keeps its entry, and only a server of the same name takes
//! that back.

use std::ffi::{CString, c_char, c_uint, c_void};
use std::fs::File;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use jack::jack_sys;

/// Bytes of a server's output that are kept.
const LOG_BYTES: usize = 64 << 10;

/// Names in the pool; fewer than the registry's eight, for others are there too.
const NAMES: u32 = 4;

static TURN: Mutex<()> = Mutex::new(());

/// A running jackd, on its dummy driver or a card. Killed on drop, also when the test panics.
pub struct Jackd {
    name: String,
    /// The driver's name and arguments.
    driver: Vec<String>,
    synchronous: bool,
    /// Room for ports, when it isn't the usual.
    ports: Option<u32>,
    /// It is a PipeWire that takes JACK clients.
    pipewire: bool,
    child: Option<Child>,
    log: Arc<Mutex<Vec<u8>>>,
    // Given back last, and in this order.
    name_lock: Option<File>,
    _turn: MutexGuard<'static, ()>,
}

impl Jackd {
    /// Physical outputs (`system:playback_1` …) and inputs of a server on the dummy driver.
    pub const CHANNELS: usize = 4;

    /// Starts a server, `period` frames at `rate` Hz. `None`, after a line on stderr that says
    /// why, when none can be had here.
    ///
    /// # Panics
    /// When jackd is installed and yet no server comes up.
    pub fn start(period: u32, rate: u32) -> Option<Self> {
        Self::start_as(dummy(period, rate), true, None)
    }

    /// As [`Jackd::start`], but the server doesn't wait for late clients, as most users run it:
    /// nothing recorded on it can be relied on to be exact.
    ///
    /// # Panics
    /// When jackd is installed and yet no server comes up.
    pub fn start_async(period: u32, rate: u32) -> Option<Self> {
        Self::start_as(dummy(period, rate), false, None)
    }

    /// As [`Jackd::start`], but with room for so many ports, its own eight included.
    ///
    /// # Panics
    /// When jackd is installed and yet no server comes up.
    pub fn start_with_ports(period: u32, rate: u32, ports: u32) -> Option<Self> {
        Self::start_as(dummy(period, rate), true, Some(ports))
    }

    /// As [`Jackd::start`], but on a stereo ALSA card with `periods` periods in its buffer.
    ///
    /// # Panics
    /// When jackd is installed and yet no server comes up.
    pub fn start_on_card(card: &str, period: u32, periods: u32, rate: u32) -> Option<Self> {
        let driver = format!("alsa -P {card} -o 2 -r {rate} -p {period} -n {periods}");
        Self::start_as(driver, true, None)
    }

    /// A PipeWire of this process's own `XDG_RUNTIME_DIR`, on its dummy driver. This process must have been
    /// started with PipeWire's libjack in reach: see [`crate::pipewire`].
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start_pipewire() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut server = Self {
            name: "pipewire-0".into(),
            driver: Vec::new(),
            synchronous: false,
            ports: None,
            pipewire: true,
            child: None,
            log: Arc::default(),
            name_lock: None,
            _turn: turn,
        };
        assert!(server.run(Self::answers), "PipeWire does not start");
        server
    }

    fn start_as(driver: String, synchronous: bool, ports: Option<u32>) -> Option<Self> {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let installed = Command::new("jackd")
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if installed.is_err() {
            eprintln!("SKIP {}: jackd is not installed", test_name());
            return None;
        }
        let mut server = Self {
            name: String::new(),
            driver: split(&driver),
            synchronous,
            ports,
            pipewire: false,
            child: None,
            log: Arc::default(),
            name_lock: None,
            _turn: turn,
        };
        // A name may be taken for a while by the remains of a killed run: the next one then.
        for n in 0..NAMES {
            server.take_name(n);
            if server.run(Self::answers) {
                return Some(server);
            }
        }
        let log = server.log.lock().unwrap_or_else(PoisonError::into_inner);
        panic!("jackd does not start:\n{}", String::from_utf8_lossy(&log));
    }

    /// The server's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Starts the server again, of the same name, after [`Jackd::kill`]. It can be connected to, but may not answer yet.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn restart(&mut self) {
        self.kill();
        let up = match self.pipewire {
            true => self.run(Self::answers),
            // Somebody waits for this server. A client that leaves it while another comes can have jackd signal the one
            // instead of the other from then on, and so wait ten time-outs in each cycle: so no client asks.
            false => self.run(Self::listens),
        };
        assert!(up, "jackd does not start again");
    }

    /// As [`Jackd::restart`], at another period and rate.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn restart_at(&mut self, period: u32, rate: u32) {
        self.driver = split(&dummy(period, rate));
        self.restart();
    }

    /// Kills the server at once, as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            signal(&child, libc::SIGKILL);
            let _ = child.wait();
        }
        self.sweep();
    }

    /// Lets a frozen server run on.
    pub fn thaw(&self) {
        if let Some(child) = &self.child {
            signal(child, libc::SIGCONT);
        }
    }

    /// Stops the server's process in its tracks: it neither runs nor goes away. Until it is thawed
    /// or killed.
    pub fn freeze(&self) {
        let Some(child) = &self.child else { return };
        signal(child, libc::SIGSTOP);
        let start = Instant::now();
        while !stopped(child.id()) && start.elapsed() < Duration::from_secs(10) {
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Whether a client can be opened.
    fn answers(&self) -> bool {
        backend_jack::server_running(Some(&self.name))
    }

    /// Whether its socket is there.
    fn listens(&self) -> bool {
        // SAFETY: no arguments.
        let user = unsafe { libc::getuid() };
        let socket = format!("/dev/shm/jack_{}_{user}_0", self.name);
        std::fs::exists(socket).unwrap_or(false)
    }

    /// Starts the server and waits until it is `up`.
    fn run(&mut self, up: impl Fn(&Self) -> bool) -> bool {
        for scheduling in ["-R", "-r"] {
            self.spawn(scheduling);
            let start = Instant::now();
            while start.elapsed() < Duration::from_secs(15) {
                if up(self) {
                    return true;
                }
                let gone = |c: &mut Child| !matches!(c.try_wait(), Ok(None));
                if self.child.as_mut().is_none_or(gone) {
                    break;
                }
                thread::sleep(Duration::from_millis(20));
            }
            self.kill();
        }
        false
    }

    /// Takes a name of the pool that no server of another test has: the first from the `n`th on.
    fn take_name(&mut self, n: u32) {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(300) {
            for k in n..NAMES {
                let name = format!("backline-test-{k}");
                // SAFETY: no arguments.
                let user = unsafe { libc::getuid() };
                let path = std::env::temp_dir().join(format!("{name}.{user}.lock"));
                let lock = File::create(path).expect("a lock file can be made");
                if lock.try_lock().is_ok() {
                    self.name = name;
                    self.name_lock = Some(lock);
                    return;
                }
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("all servers of the tests are in use");
    }

    fn command(&self, scheduling: &str) -> Command {
        if self.pipewire {
            return Command::new("pipewire");
        }
        let mut command = Command::new("jackd");
        command.args(["-n", &self.name, scheduling]);
        if self.synchronous {
            // With a patient time-out, a late client delays the cycle instead of losing it, so
            // that what is recorded is exact on a busy machine too.
            command.args(["-S", "-t", "5000"]);
        }
        if let Some(ports) = self.ports {
            command.args(["-p", &ports.to_string()]);
        }
        command
            .arg("-d")
            .args(&self.driver)
            .env("JACK_NO_AUDIO_RESERVATION", "1");
        command
    }

    fn spawn(&mut self, scheduling: &str) {
        let mut command = self.command(scheduling);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        // SAFETY: prctl is async-signal-safe. The server dies with the thread that started it,
        // so it doesn't outlive a test binary that is killed.
        unsafe {
            command.pre_exec(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                Ok(())
            });
        }
        let mut child = command.spawn().expect("the server can be started");
        keep(child.stdout.take(), &self.log);
        keep(child.stderr.take(), &self.log);
        self.child = Some(child);
    }

    /// Removes what a killed server leaves in shared memory; nobody else has its name.
    fn sweep(&self) {
        let Ok(dir) = std::fs::read_dir("/dev/shm") else {
            return;
        };
        let mark = format!("_{}_", self.name);
        for entry in dir.flatten() {
            if entry.file_name().to_string_lossy().contains(&mark) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

impl Drop for Jackd {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            signal(child, libc::SIGTERM);
            let start = Instant::now();
            while matches!(child.try_wait(), Ok(None)) && start.elapsed() < Duration::from_secs(2) {
                thread::sleep(Duration::from_millis(5));
            }
        }
        self.kill();
    }
}

fn split(words: &str) -> Vec<String> {
    words.split(' ').map(str::to_owned).collect()
}

/// The driver that keeps time by itself.
fn dummy(period: u32, rate: u32) -> String {
    let channels = Jackd::CHANNELS;
    format!("dummy -r {rate} -p {period} -C {channels} -P {channels}")
}

/// Whether every thread of a process is stopped.
fn stopped(pid: u32) -> bool {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return true;
    };
    tasks.flatten().all(|task| {
        let status = std::fs::read_to_string(task.path().join("status"));
        status.is_ok_and(|s| s.contains("State:\tT"))
    })
}

/// Signals a server's process group.
fn signal(child: &Child, signal: i32) {
    if let Ok(group) = i32::try_from(child.id()) {
        // SAFETY: no memory is involved; the child is not reaped yet, so the group is still its own.
        unsafe { libc::kill(-group, signal) };
    }
}

/// Keeps the first bytes of a pipe and drains the rest, so that a server that shouts neither
/// blocks nor fills anything.
fn keep(pipe: Option<impl Read + Send + 'static>, log: &Arc<Mutex<Vec<u8>>>) {
    let Some(mut pipe) = pipe else { return };
    let log = log.clone();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = pipe.read(&mut buffer) {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            let room = LOG_BYTES.saturating_sub(log.len());
            log.extend_from_slice(&buffer[..n.min(room)]);
        }
    });
}

fn test_name() -> String {
    thread::current().name().unwrap_or("jackd").to_owned()
}

/// Opens a client of the named server, which `jack::Client::new` can't; `None` when it doesn't run. One that has just been
/// started gets time.
pub(crate) fn open_client(name: &str, server: &str) -> Option<jack::Client> {
    let start = Instant::now();
    loop {
        let client = try_client(name, server);
        if client.is_some() || start.elapsed() > Duration::from_secs(15) {
            return client;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn try_client(name: &str, server: &str) -> Option<jack::Client> {
    type Open = unsafe extern "C" fn(
        *const c_char,
        c_uint,
        *mut c_uint,
        ...
    ) -> *mut jack_sys::jack_client_t;
    let library = jack_sys::library().ok()?;
    let (name, server) = (CString::new(name).ok()?, CString::new(server).ok()?);
    let options = jack_sys::JackNoStartServer | jack_sys::JackServerName;
    let mut status = 0;
    // SAFETY: the type is that of jack.h; with JackServerName one more string is read; all
    // strings outlive the call. A client that isn't null is given to one owner.
    unsafe {
        let open = library.get::<Open>(b"jack_client_open\0").ok()?;
        let client = open(name.as_ptr(), options, &mut status, server.as_ptr());
        (!client.is_null()).then(|| jack::Client::from_raw(client))
    }
}

/// A client that records its inputs exactly, from the first frame that isn't silent.
pub struct Recorder {
    client: jack::AsyncClient<(), Tape>,
    full: Arc<AtomicBool>,
    sounds: Arc<AtomicBool>,
    /// What was heard, once complete.
    done: Done,
    name: String,
}

type Done = Arc<Mutex<Option<Heard>>>;

/// What a recorder heard.
#[derive(Default)]
pub struct Heard {
    /// One for each input.
    pub planes: Vec<Vec<f32>>,
    /// When each callback came (the recorder's own: in the same cycle, after those of the clients it hears) and the first
    /// frame it brought.
    pub calls: Vec<(usize, Instant)>,
}

struct Tape {
    ports: Vec<jack::Port<jack::AudioIn>>,
    heard: Heard,
    frames: usize,
    running: bool,
    full: Arc<AtomicBool>,
    sounds: Arc<AtomicBool>,
    done: Done,
}

/// What a latency callback tells.
struct Told {
    ports: Vec<*mut jack_sys::jack_port_t>,
    frames: u32,
}

unsafe extern "C" fn tell(mode: jack_sys::jack_latency_callback_mode_t, arg: *mut c_void) {
    if mode != jack_sys::JackPlaybackLatency {
        return;
    }
    // SAFETY: `arg` is a `Told` that lives for ever, and the ports are those of the client
    // whose callback this is.
    unsafe {
        let told = &*arg.cast::<Told>();
        for &port in &told.ports {
            let mut range = jack_sys::jack_latency_range_t {
                min: told.frames,
                max: told.frames,
            };
            jack_sys::jack_port_set_latency_range(port, mode, &mut range);
        }
    }
}

impl Recorder {
    /// A recorder with inputs `in_1` … that will take `frames` frames of each. Its storage is
    /// allocated here; its callback only copies.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn open(server: &Jackd, name: &str, inputs: usize, frames: usize) -> Self {
        Self::with_latency(server, name, inputs, frames, None)
    }

    /// As [`Recorder::open`], saying that what it hears is heard `latency` frames later.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn with_latency(
        server: &Jackd,
        name: &str,
        inputs: usize,
        frames: usize,
        latency: Option<u32>,
    ) -> Self {
        let client = open_client(name, server.name()).expect("the server takes a recorder");
        let ports = (1..=inputs)
            .map(|i| client.register_port(&format!("in_{i}"), jack::AudioIn::default()))
            .collect::<Result<Vec<_>, _>>()
            .expect("the server takes the recorder's ports");
        if let Some(frames) = latency {
            let ports = ports.iter().map(jack::Port::raw).collect();
            // Left behind: a few bytes for each recorder of a test.
            let told: &'static Told = Box::leak(Box::new(Told { ports, frames }));
            let arg = std::ptr::from_ref(told).cast_mut().cast();
            // SAFETY: the client is open and not active, and `told` is never freed.
            unsafe { jack_sys::jack_set_latency_callback(client.raw(), Some(tell), arg) };
        }
        let (full, sounds): (Arc<AtomicBool>, Arc<AtomicBool>) = Default::default();
        let done = Done::default();
        let name = client.name().to_owned();
        let tape = Tape {
            ports,
            heard: Heard {
                // Not `vec![…; inputs]`: a clone has no capacity.
                planes: (0..inputs).map(|_| Vec::with_capacity(frames)).collect(),
                calls: Vec::with_capacity(frames / 32 + 2),
            },
            frames,
            running: false,
            full: full.clone(),
            sounds: sounds.clone(),
            done: done.clone(),
        };
        let client = client
            .activate_async((), tape)
            .expect("the recorder activates");
        Self {
            client,
            full,
            sounds,
            done,
            name,
        }
    }

    /// The full name of input `n`, from 1.
    pub fn input(&self, n: usize) -> String {
        format!("{}:in_{n}", self.name)
    }

    /// Full names of what is connected to the port of this full name; empty when there is no such port.
    pub fn connections(&self, port: &str) -> Vec<String> {
        let port = self.client.as_client().port_by_name(port);
        port.map(|p| p.get_connections()).unwrap_or_default()
    }

    /// Connects two ports, as a patchbay does.
    pub fn connect(&self, source: &str, dest: &str) {
        let client = self.client.as_client();
        let done = client.connect_ports_by_name(source, dest);
        done.expect("the ports can be connected");
    }

    /// Takes two connected ports apart.
    pub fn disconnect(&self, source: &str, dest: &str) {
        let client = self.client.as_client();
        let done = client.disconnect_ports_by_name(source, dest);
        done.expect("the ports were connected");
    }

    /// Changes the server's period.
    pub fn set_period(&self, frames: u32) {
        let set = self.client.as_client().set_buffer_size(frames);
        set.expect("the server takes the period");
    }

    /// Lets the server run as fast as it can, or by the clock again. Off before any connected
    /// client closes: jackd 1.9.21 spins for ever otherwise.
    pub fn freewheel(&self, on: bool) {
        // SAFETY: the client is open.
        let r =
            unsafe { jack_sys::jack_set_freewheel(self.client.as_client().raw(), i32::from(on)) };
        assert_eq!(r, 0, "the server freewheels");
    }

    /// Whether everything has been recorded.
    pub fn full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// Whether anything was heard.
    pub fn sounds(&self) -> bool {
        self.sounds.load(Ordering::Acquire)
    }

    /// The planes, one per input, once they are complete; the recorder stays where it is.
    pub fn take(&self) -> Option<Vec<Vec<f32>>> {
        self.take_heard().map(|heard| heard.planes)
    }

    fn take_heard(&self) -> Option<Heard> {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.take()
    }

    /// The planes, one per input: complete, or as far as they got by `deadline`.
    pub fn finish(self, deadline: Duration) -> Vec<Vec<f32>> {
        self.finish_with_calls(deadline).planes
    }

    /// The same, with when it was called.
    pub fn finish_with_calls(self, deadline: Duration) -> Heard {
        let start = Instant::now();
        while !self.full() && start.elapsed() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
        if let Some(heard) = self.take_heard() {
            return heard;
        }
        let tape = self.client.deactivate().map(|(_client, (), tape)| tape);
        tape.map(|t| t.heard).unwrap_or_default()
    }
}

impl jack::ProcessHandler for Tape {
    fn process(&mut self, _: &jack::Client, scope: &jack::ProcessScope) -> jack::Control {
        let now = Instant::now();
        let have = self.heard.planes.first().map_or(0, Vec::len);
        if self.full.load(Ordering::Relaxed) {
            return jack::Control::Continue;
        }
        if have >= self.frames {
            if let Ok(mut done) = self.done.try_lock() {
                *done = Some(std::mem::take(&mut self.heard));
                self.full.store(true, Ordering::Release);
            }
            return jack::Control::Continue;
        }
        let mut from = 0;
        if !self.running {
            let first = |p: &jack::Port<jack::AudioIn>| {
                p.as_slice(scope).iter().position(|x| x.to_bits() != 0)
            };
            match self.ports.iter().filter_map(first).min() {
                Some(at) => {
                    (self.running, from) = (true, at);
                    self.sounds.store(true, Ordering::Release);
                }
                None => return jack::Control::Continue,
            }
        }
        let calls = &mut self.heard.calls;
        if calls.len() < calls.capacity() {
            calls.push((have, now));
        }
        for (port, plane) in self.ports.iter().zip(&mut self.heard.planes) {
            let new = &port.as_slice(scope)[from..];
            plane.extend_from_slice(&new[..new.len().min(self.frames - have)]);
        }
        jack::Control::Continue
    }
}
