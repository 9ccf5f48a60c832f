//! The audio thread: it opens the PCM, keeps it filled and closes it.

mod drain;
mod recover;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use alsa::poll::{Descriptors, Flags};
use engine_core::backend::{BackendError, Granted, Health, Played, Process, text};
use engine_core::convert::{Converter, Dither, SampleFormat};

use crate::chain::End;
use crate::eventfd::{self, pollfd};
use crate::fault;
use crate::flow::Flow;
use crate::locked::Locked;
use crate::negotiate::{self, Opened, Request};
use crate::shared::{Command, Shared, add};
use crate::transfer::Stage;
use crate::{MAX_CHANNELS, chatter, realtime, refusal};

/// A thread that waits for nothing but a command looks up this often.
const IDLE: Duration = Duration::from_secs(1);
/// Wake-ups without room that are taken as harmless before the thread naps instead of polling.
const PATIENCE: u32 = 4;
/// Longest nap of a thread that is woken for nothing.
const NAP: Duration = Duration::from_millis(4);
/// Silence after the last frame on a sound card, so that what is on its way inside it is heard:
/// cards count a frame as played when they have fetched it.
const TAIL: Duration = Duration::from_millis(100);
/// Longest wait for an engine that is not ready, when nothing paces the device. Then it is called all the
/// same, so that it can count what is missing.
const READY_WITHIN: Duration = Duration::from_secs(5);
/// A device that takes this much audio …
const UNPACED_SECONDS: u64 = 2;
/// … in less than this time is paced by nothing.
const UNPACED_WITHIN: Duration = Duration::from_millis(200);

/// The thread's whole life. Answers `granted` once, then waits for its process.
pub(crate) fn thread<P: Process>(
    request: &Request,
    shared: Arc<Shared>,
    granted: &Sender<Result<Granted, BackendError>>,
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
    let _ = granted.send(Ok(worker.pcm.granted(&device)));
    let Ok(mut process) = process.recv() else {
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
    realtime::touch_stack();
    let (Some(priority), true) = (request.options.rt_priority, opened.end.is_card()) else {
        return;
    };
    match realtime::promote(priority) {
        Ok(()) => shared.rt_priority.store(priority, Ordering::Relaxed),
        Err(_) if opened.notice.is_empty() => {
            opened.notice = text(format_args!(
                "the audio thread has no real-time priority: allow rtprio {priority} (group `audio`, or LimitRTPRIO= of a unit)"
            ));
        }
        Err(_) => {}
    }
}

/// What the thread is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Waits for a command.
    Halted,
    /// Keeps the device filled.
    Running,
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
    /// That latency alone: frames on their way behind the buffer.
    behind: usize,
    /// Nothing paces the device: the engine is asked whether it is ready.
    pulled: bool,
    running_since: Instant,
    accepted: u64,

    idle_wakeups: u32,
    attempts: u32,
    /// Frames in the stopped device's buffer that are staged again.
    taken_back: usize,
    in_episode: bool,
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
            behind: 0,
            pulled: pcm.end == End::Null,
            running_since: now,
            accepted: 0,
            idle_wakeups: 0,
            attempts: 0,
            taken_back: 0,
            in_episode: false,
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
                    self.shared.wake.wait(IDLE);
                    continue;
                }
                Mode::Running => self.play(process),
                Mode::Draining(drain) => self.drain(drain),
            };
            match turn {
                Ok(Turn::Again) => {}
                Ok(Turn::Wait) => self.wait_for_room(),
                Err(errno) => self.heal(errno),
            }
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
            (Command::Drain | Command::Drop, Mode::Halted) => self.answer(),
            (Command::Drop, _) => {
                let _ = self.pcm.pcm.drop();
                self.stop();
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
        self.mode = Mode::Running;
        self.stage.clear();
        self.attempts = 0;
        self.in_episode = false;
        self.accepted = 0;
        self.running_since = Instant::now();
        self.shared.set_health(Health::Running);
        match self.pcm.pcm.prepare() {
            Ok(()) => self.prepared(),
            Err(e) => self.heal(e.errno()),
        }
        self.answer();
    }

    /// Halted: nothing waits any more.
    fn stop(&mut self) {
        self.mode = Mode::Halted;
        self.stage.clear();
        self.flow.restart(Instant::now());
        self.started = false;
        self.shared.latency.store(0, Ordering::Relaxed);
        self.shared.set_health(Health::Halted);
        self.answer();
    }

    fn lose(&mut self, reason: core::fmt::Arguments<'_>) {
        self.mode = Mode::Lost;
        self.shared.explain(Health::Lost, reason);
        self.answer();
    }

    // --- playing ---

    /// One turn of normal playback.
    fn play<P: Process>(&mut self, process: &mut P) -> Result<Turn, i32> {
        let room = self.room()?;
        if self.stage.is_empty() {
            if room < self.pcm.chunk {
                return Ok(Turn::Wait);
            }
            if self.pulled && !self.wait_ready(process) {
                return Ok(Turn::Again);
            }
            if self.produce(process) {
                return Ok(Turn::Again);
            }
        }
        self.hand_over()
    }

    /// Asks the device how much room it has, frames.
    fn room(&mut self) -> Result<usize, i32> {
        let pcm = &self.pcm.pcm;
        // Not every plug-in can tell both at once.
        let (room, delay) = match pcm.avail_delay() {
            Ok(both) => both,
            Err(_) => {
                let room = pcm.avail().map_err(|e| e.errno())?;
                (room, self.pcm.buffer as alsa::pcm::Frames - room)
            }
        };
        let frames = |n: alsa::pcm::Frames| usize::try_from(n).unwrap_or(0);
        let room = frames(room).min(self.pcm.buffer);
        self.delay = frames(delay);
        self.behind = self.delay.saturating_sub(self.pcm.buffer - room);
        self.flow.see_room(room, Instant::now());
        self.notice_progress();
        Ok(room)
    }

    /// Hands over from the stage; starts the device when enough is queued.
    fn hand_over(&mut self) -> Result<Turn, i32> {
        let n = self.stage.hand_over(&self.pcm.pcm, self.pcm.mapped)?;
        // Writing tells of an xrun, mapped access does not: what was put into a device that had
        // stopped by then was not heard, and waits again.
        if self.pcm.mapped && n > 0 && fault::state(&self.pcm.pcm) == alsa_sys::SND_PCM_STATE_XRUN {
            self.stage.take_back(n);
            self.taken_back = n;
            return Err(libc::EPIPE);
        }
        self.flow.give(n);
        self.accepted += n as u64;
        self.shared
            .latency
            .store((self.delay + n) as u32, Ordering::Relaxed);
        self.delay += n;
        self.notice_pace();
        if !self.started && self.flow.queued() >= self.pcm.start_at as u64 {
            self.start_device()?;
        }
        if n == 0 {
            return Ok(Turn::Wait);
        }
        self.idle_wakeups = 0;
        Ok(Turn::Again)
    }

    /// Starts the device unless it did so by itself. Mapped access never does.
    fn start_device(&mut self) -> Result<(), i32> {
        if fault::state(&self.pcm.pcm) == alsa_sys::SND_PCM_STATE_PREPARED {
            self.pcm.pcm.start().map_err(|e| e.errno())?;
        }
        self.started = true;
        self.flow.touch(Instant::now());
        Ok(())
    }

    /// Finds out that a device is paced by nothing.
    fn notice_pace(&mut self) {
        let enough = UNPACED_SECONDS * u64::from(self.pcm.rate) + self.pcm.buffer as u64;
        if self.pulled || self.accepted < enough {
            return;
        }
        let now = Instant::now();
        self.pulled = now.saturating_duration_since(self.running_since) < UNPACED_WITHIN;
        self.running_since = now;
        self.accepted = self.pcm.buffer as u64;
    }

    /// Waits, with a bound, until the engine can give a chunk. False when there is a command.
    fn wait_ready<P: Process>(&mut self, process: &mut P) -> bool {
        let limit = Instant::now() + READY_WITHIN;
        let mut nap = Duration::from_micros(250);
        while !process.ready(self.pcm.chunk) {
            self.nap(nap);
            nap = (nap * 2).min(NAP);
            if self.shared.word() != self.word {
                return false;
            }
            if Instant::now() >= limit {
                break;
            }
        }
        // Waiting for the engine is not the device's standing still.
        self.flow.touch(Instant::now());
        true
    }

    /// Has the engine fill a chunk and stages it. True when there is nothing to hand over.
    fn produce<P: Process>(&mut self, process: &mut P) -> bool {
        let chunk = self.pcm.chunk;
        let played = {
            let mut planes: heapless::Vec<&mut [f32], MAX_CHANNELS> = self
                .planes
                .chunks_exact_mut(chunk)
                .take(self.outs)
                .collect();
            process.process(&mut planes, chunk)
        };
        add(&self.shared.cycles, 1);
        if self.pulled {
            // Nothing paces silence, least of all the end of a song: left to itself it would fill a
            // disk. It passes as slowly as time does, and what no engine gave is not written at all.
            if played == Played::Silence {
                self.nap(NAP);
                return true;
            }
            if self.planes.iter().all(|x| *x == 0.0) {
                self.nap(self.time_of(chunk));
            }
        }
        let planes: heapless::Vec<&[f32], MAX_CHANNELS> = self.planes.chunks_exact(chunk).collect();
        let clips = self
            .converter
            .interleave(&planes, chunk, self.stage.storage());
        if self.hush {
            let sample = self.pcm.format.bytes();
            let frame = sample * self.pcm.channels;
            for frame in self.stage.storage().chunks_exact_mut(frame) {
                if let Some(unused) = frame.get_mut(sample * self.outs..) {
                    unused.fill(0);
                }
            }
        }
        self.stage.filled(chunk);
        if clips > 0 {
            add(&self.shared.clips, clips);
        }
        false
    }

    // --- waiting ---

    /// Waits for the device to have room, for a command, or for the time after which the device is asked
    /// what is the matter.
    fn wait_for_room(&mut self) {
        if self.lose_if_stuck() {
            return;
        }
        if self.idle_wakeups > PATIENCE {
            // Woken again and again for nothing: by a plug-in that is always ready, or a
            // descriptor that nobody reads. Time is left to pass instead.
            let step = 1u32 << (self.idle_wakeups - PATIENCE).min(8);
            let nap = Duration::from_micros(125) * step;
            self.nap(nap.min(NAP).min(self.time_of(self.pcm.chunk)));
        }
        let timeout = (self.time_of(self.pcm.buffer) / 2)
            .clamp(Duration::from_millis(20), Duration::from_millis(500));
        match eventfd::poll(&mut self.fds, timeout) {
            Ok(0) => self.heal(0),
            Ok(_) => self.woken(),
            Err(libc::EINTR) => {}
            Err(errno) => self.heal(errno),
        }
    }

    fn woken(&mut self) {
        let Some((_, device)) = self.fds.split_first() else {
            return;
        };
        if device.iter().all(|fd| fd.revents == 0) {
            // Only a command; `obey` lowers the flag.
            self.shared.wake.lower();
            return;
        }
        self.idle_wakeups = self.idle_wakeups.saturating_add(1);
        match self.pcm.pcm.revents(device) {
            Ok(flags) if flags.intersects(Flags::ERR | Flags::HUP | Flags::NVAL) => self.heal(0),
            Ok(_) => {}
            Err(e) => self.heal(e.errno().abs()),
        }
    }

    /// Lets time pass, unless a command comes.
    fn nap(&self, time: Duration) {
        let mut fds = [pollfd(self.shared.wake.raw())];
        let _ = eventfd::poll(&mut fds, time);
    }

    fn time_of(&self, frames: usize) -> Duration {
        Duration::from_secs_f64(frames as f64 / f64::from(self.pcm.rate.max(1)))
    }

    fn frames_in(&self, time: Duration) -> usize {
        (time.as_secs_f64() * f64::from(self.pcm.rate)) as usize
    }

    fn lose_if_stuck(&mut self) -> bool {
        let Some(still) = self.flow.stuck(Instant::now()) else {
            return false;
        };
        let ms = still.as_millis();
        let device = core::mem::take(&mut self.device);
        self.lose(format_args!(
            "\"{device}\" stands still: it has taken no audio for {ms} ms"
        ));
        self.device = device;
        true
    }
}
