//! The audio thread: it opens the PCM, keeps it filled and closes it.

mod drain;
mod play;
mod recover;
mod rest;
mod wait;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use alsa::poll::Descriptors;
use engine_core::backend::{BackendError, Granted, Health, Process};
use engine_core::convert::{Converter, Dither, SampleFormat};

use crate::chain::End;
use crate::drift::Drift;
use crate::eventfd::pollfd;
use crate::fault;
use crate::flow::Flow;
use crate::locked::Locked;
use crate::negotiate::{self, Opened, Request};
use crate::options::KeepAlive;
use crate::shared::{Command, Shared};
use crate::transfer::Stage;
use crate::{MAX_CHANNELS, chatter, notice, realtime, refusal};

/// A thread that waits for nothing but a command looks up this often.
const IDLE: Duration = Duration::from_secs(1);
/// Longest nap of a thread that is woken for nothing.
const NAP: Duration = Duration::from_millis(4);
/// Silence after the last frame on a sound card, so that what is on its way inside it is heard:
/// cards count a frame as played when they have fetched it.
const TAIL: Duration = Duration::from_millis(100);
/// The thread's whole life. Answers `granted` once, with the card's index, then waits for its process.
pub(crate) fn thread<P: Process>(
    request: &Request,
    shared: Arc<Shared>,
    granted: &Sender<Result<(Granted, Option<u32>), BackendError>>,
    process: &Receiver<P>,
) {
    // The first local is dropped last: after the PCM is closed and the process dropped.
    let _exit = Exit(shared.clone());
    let mut opened = match negotiate::open(request) {
        Ok(opened) => opened,
        Err(refused) => {
            let _ = granted.send(Err(refused));
            return;
        }
    };
    chatter::silence();
    prepare_thread(request, &mut opened, &shared);
    let device = request.options.device.clone();
    let lock = request.options.lock_memory;
    let mut worker = match Worker::new(opened, request, shared, lock) {
        Ok(worker) => worker,
        Err(errno) => {
            let _ = granted.send(Err(refusal::driver(
                &device,
                "can't be polled",
                errno,
                None,
            )));
            return;
        }
    };
    let _ = granted.send(Ok((worker.pcm.granted(), worker.pcm.card)));
    let Some(mut process) = worker.await_process(process) else {
        return;
    };
    worker.run(&mut process);
}

/// Says that the thread is through, however it ended.
struct Exit(Arc<Shared>);

impl Drop for Exit {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.explain(
                Health::Lost,
                format_args!("the audio thread broke off: this is a bug"),
            );
        }
        self.0.finish();
    }
}

fn prepare_thread(request: &Request, opened: &mut Opened, shared: &Shared) {
    realtime::block_signals();
    realtime::touch_stack();
    let (Some(priority), true) = (request.options.rt_priority, opened.end.is_card()) else {
        return;
    };
    let granted = match realtime::promote(priority) {
        Ok(()) => Some(priority),
        Err(_) => by_request(priority),
    };
    match granted {
        Some(priority) => shared.rt_priority.store(priority, Ordering::Relaxed),
        None => {
            let rtprio = format!(
                "the audio thread has no real-time priority: allow rtprio {priority} (group `audio`, or LimitRTPRIO= of a unit)"
            );
            opened.notice = notice::and(&opened.notice, &rtprio);
        }
    }
}

/// The priority that somebody grants who may.
#[cfg(feature = "rtkit")]
fn by_request(priority: u8) -> Option<u8> {
    crate::portal::promote(priority).ok()
}

#[cfg(not(feature = "rtkit"))]
fn by_request(_: u8) -> Option<u8> {
    None
}

/// What the thread is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Waits for a command.
    Halted,
    /// Keeps the device filled.
    Running,
    /// Keeps it filled with silence, and waits for a command.
    Resting,
    /// Hands over what is staged, then lets the device play out.
    Draining(Drain),
    /// Waits to be ended.
    Lost,
}

/// How far a drain has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drain {
    /// The stage is handed over; then so many frames of silence.
    Flush { tail: usize },
    /// The device plays out by itself.
    PlayOut,
    /// The plug-in empties its buffer.
    Empty,
    /// What the plug-in handed on is heard by then.
    Behind { until: Instant },
    /// The stage is handed over, and the device is kept going.
    Alive,
    /// It has heard all when so many frames were taken.
    AliveUntil { last: u64 },
}

/// What a turn of the loop ended with.
enum Turn {
    /// Something moved: turn again.
    Again,
    /// No room: wait for the device.
    Wait,
}

/// The mode, the bookkeeping and everything the loop needs, all of it allocated before the loop.
struct Worker {
    pcm: Opened,
    device: String,
    shared: Arc<Shared>,
    outs: usize,
    converter: Converter<MAX_CHANNELS>,
    keep_alive: KeepAlive,
    /// Noise in place of digital silence.
    murmur: Option<rest::Murmur>,
    /// Channels beyond the outputs would get the dither's noise.
    hush: bool,
    planes: Locked<f32>,
    stage: Stage,
    /// The wake-up first, then the PCM's.
    fds: Vec<libc::pollfd>,

    mode: Mode,
    /// The newest command seen, and whether it was answered.
    word: u32,
    answered: bool,

    flow: Flow,
    started: bool,
    /// Frames that wait in the device, its own latency included.
    delay: usize,
    /// When that was told.
    measured: Instant,
    /// That latency alone: frames on their way behind the buffer.
    behind: usize,
    /// Nothing paces the device: the engine is asked whether it is ready.
    pulled: bool,
    running_since: Instant,
    accepted: u64,

    drift: Drift,
    drift_seen: Instant,

    idle_wakeups: u32,
    attempts: u32,
    /// Frames in the stopped device's buffer that are staged again.
    taken_back: usize,
    in_episode: bool,
    /// It stands still since then, and that was told.
    stalled: Option<Instant>,
}

impl Worker {
    fn new(pcm: Opened, request: &Request, shared: Arc<Shared>, lock: bool) -> Result<Self, i32> {
        let frame_bytes = pcm.channels * pcm.format.bytes();
        let mut fds = vec![pollfd(shared.wake.raw())];
        fds.extend(pcm.pcm.get().map_err(|e| e.errno().abs())?);
        let planes = Locked::new(pcm.channels * pcm.chunk, lock);
        let stage = Stage::new(pcm.chunk, frame_bytes, lock);
        shared.rate.store(pcm.rate, Ordering::Relaxed);
        shared.period.store(pcm.chunk as u32, Ordering::Relaxed);
        let now = Instant::now();
        let dithered = pcm.format == SampleFormat::S16 && request.options.dither != Dither::None;
        Ok(Self {
            device: request.options.device.clone(),
            outs: request.outs,
            converter: Converter::new(pcm.format, request.options.dither),
            keep_alive: request.options.keep_alive,
            murmur: (request.options.keep_alive == KeepAlive::Noise && !dithered)
                .then(|| rest::Murmur::new(pcm.format)),
            hush: dithered && request.outs < pcm.channels,
            planes,
            stage,
            fds,
            mode: Mode::Halted,
            word: 0,
            answered: true,
            flow: Flow::new(pcm.buffer, pcm.rate, now),
            started: false,
            delay: 0,
            measured: now,
            behind: 0,
            pulled: pcm.end == End::Null,
            running_since: now,
            accepted: 0,
            drift: Drift::default(),
            drift_seen: now,
            idle_wakeups: 0,
            attempts: 0,
            taken_back: 0,
            in_episode: false,
            stalled: None,
            pcm,
            shared,
        })
    }

    fn run<P: Process>(&mut self, process: &mut P) {
        loop {
            if self.obey() == Some(Command::Quit) {
                return;
            }
            let turn = match self.mode {
                Mode::Halted | Mode::Lost => {
                    self.idle();
                    continue;
                }
                Mode::Running => self.play(process),
                Mode::Resting => self.rest(),
                Mode::Draining(drain) => self.drain(drain),
            };
            self.take_turn(turn);
        }
    }

    fn take_turn(&mut self, turn: Result<Turn, i32>) {
        match turn {
            Ok(Turn::Again) => {}
            Ok(Turn::Wait) => self.wait_for_room(),
            Err(errno) => self.heal(errno),
        }
    }

    /// Waits for a command. A device that is unplugged meanwhile is noticed too.
    fn idle(&mut self) {
        self.shared.wake.wait(IDLE);
        let gone = alsa_sys::SND_PCM_STATE_DISCONNECTED;
        if self.mode == Mode::Halted && fault::state(&self.pcm.pcm) == gone {
            self.heal(libc::ENODEV);
        }
    }

    // --- commands ---

    /// Takes up a new command. Those that end at once are answered here.
    fn obey(&mut self) -> Option<Command> {
        let word = self.shared.word();
        if word == self.word {
            return None;
        }
        self.word = word;
        self.answered = false;
        self.shared.wake.lower();
        let command = Shared::command_of(word);
        match (command, self.mode) {
            (Command::Quit, _) => {}
            (_, Mode::Lost) => self.answer(),
            (Command::Run, Mode::Running) => self.answer(),
            (
                Command::Run,
                Mode::Resting | Mode::Draining(Drain::Alive | Drain::AliveUntil { .. }),
            ) => self.go_on_playing(),
            (Command::Drain, Mode::Running) if self.keeps_alive() => {
                self.mode = Mode::Draining(Drain::Alive);
            }
            (Command::Run, _) => self.begin(),
            (Command::Drain, Mode::Running) => {
                let tail = if self.pcm.end.is_card() {
                    self.frames_in(TAIL).next_multiple_of(self.pcm.chunk)
                } else {
                    0
                };
                self.mode = Mode::Draining(Drain::Flush { tail });
            }
            // Already on its way: the new command is answered when it is through.
            (Command::Drain, Mode::Draining(_)) => {}
            (Command::Drain | Command::Drop, Mode::Halted | Mode::Resting) => self.answer(),
            (Command::Drop, _) => {
                let _ = self.pcm.pcm.drop();
                self.stop();
                if self.keeps_alive() {
                    self.begin_resting();
                }
            }
        }
        Some(command)
    }

    fn answer(&mut self) {
        if !self.answered {
            self.answered = true;
            self.shared.carried_out(self.word);
        }
    }

    /// Starts, or starts again after a halt.
    fn begin(&mut self) {
        if matches!(self.mode, Mode::Draining(_)) {
            // A device that is playing out can't be prepared.
            let _ = self.pcm.pcm.drop();
        }
        self.mode = Mode::Running;
        self.start_over();
        self.answer();
    }

    /// Prepares the device, with nothing in it or on its way.
    fn start_over(&mut self) {
        self.stage.clear();
        self.attempts = 0;
        self.in_episode = false;
        self.stalled = None;
        self.accepted = 0;
        self.running_since = Instant::now();
        self.shared.set_health(self.well());
        match self.pcm.pcm.prepare() {
            Ok(()) => self.prepared(),
            Err(e) => self.heal(e.errno()),
        }
    }

    /// Halted: nothing waits any more.
    fn stop(&mut self) {
        self.mode = Mode::Halted;
        self.stage.clear();
        self.flow.restart(Instant::now());
        self.started = false;
        self.shared.set_latency(0, Instant::now());
        self.shared.set_health(Health::Halted);
        self.answer();
    }

    fn lose(&mut self, reason: core::fmt::Arguments<'_>) {
        self.mode = Mode::Lost;
        self.shared.explain(Health::Lost, reason);
        self.answer();
    }
}
