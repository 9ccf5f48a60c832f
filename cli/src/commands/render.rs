//! `backline render`.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::Ending;
use crate::args::{self, RenderFormat};
use crate::config;
use crate::exit::{Code, Failure};
use crate::media::OpenOptions;
use crate::output::{WavFormat, Written};
use crate::player::OnDamage;
use crate::render::{Files, FilesSpec, Options, Pulled, RenderError, Rendering};
use crate::report::{
    self, Ended, Latency, Mode, Position, Progress, Reporter, Started, State, Summary, Warning,
};
use crate::song::{self, Request};

/// Renders to the files that were asked for. In JSON mode every outcome is told here, and the
/// summary is the last line; otherwise a failure goes back to the caller. `born` is when the program
/// began.
///
/// # Errors
/// Why there is no complete file, to be told to the user, and the exit code.
pub fn run(render: &args::Render, born: Instant) -> Result<Ending, Failure> {
    let mode = match render.settings.status.value {
        config::Status::Text | config::Status::Tui => Mode::Text,
        config::Status::Json => Mode::Json,
        config::Status::None => Mode::None,
    };
    let mut job = Job {
        order: render,
        born,
        reporter: Reporter::new(mode),
        stop: Stop::default(),
        begun: None,
    };
    match job.work() {
        Ok(ended) => {
            let summary = job.summary(ended, None);
            job.reporter.summary(&summary);
            Ok(match (ended, job.stop.signal()) {
                (Ended::Stopped, Some(SIGINT)) => Ending::Signal(SIGINT),
                _ => Ending::Code(Code::Done),
            })
        }
        Err(trouble) if mode == Mode::Json => {
            let error = report::Failure {
                code: trouble.word.into(),
                message: trouble.failure.message.clone(),
            };
            job.reporter.error(&error);
            let summary = job.summary(Ended::Error, Some(error));
            job.reporter.summary(&summary);
            Ok(Ending::Code(trouble.failure.code))
        }
        Err(trouble) => {
            // Warnings go out first, and the live line away.
            job.reporter.park();
            Err(trouble.failure)
        }
    }
}

/// A failure, with the word for it in the status stream.
struct Trouble {
    word: &'static str,
    failure: Failure,
}

impl From<RenderError> for Trouble {
    fn from(error: RenderError) -> Self {
        Self {
            word: error.word(),
            failure: error.into(),
        }
    }
}

impl From<song::SongError> for Trouble {
    fn from(error: song::SongError) -> Self {
        let failure = Failure::from(error);
        let word = match failure.code {
            Code::NoInput => "no-input",
            Code::Usage => "usage",
            _ => "data",
        };
        Self { word, failure }
    }
}

/// What is known for the summary once rendering has begun.
struct Begun {
    rate: u32,
    frames: u64,
    damaged: u32,
    clips: u64,
}

struct Job<'a> {
    order: &'a args::Render,
    born: Instant,
    reporter: Reporter,
    stop: Stop,
    begun: Option<Begun>,
}

impl Job<'_> {
    fn work(&mut self) -> Result<Ended, Trouble> {
        self.stop.watch().unwrap_or_else(|e| {
            let message =
                format!("signals can't be watched ({e}): they may leave a hidden file behind");
            self.warn("signals", message);
        });
        let mut rendering = self.open()?;
        let spec = self.files();
        let mut files = Files::create(&spec, &rendering)?;
        self.reporter.started(&Started {
            after_ms: self.born.elapsed().as_secs_f64() * 1000.0,
            rate: rendering.rate(),
            channels: rendering.channels() as u32,
            channel_map: None,
            period: None,
            periods: None,
            format: None,
            backend: "file".into(),
            device: Some(self.device()),
            latency: Default::default(),
        });
        let since = Instant::now();
        let ended = loop {
            if self.stop.signal().is_some() {
                break Ended::Stopped;
            }
            let pulled = rendering.pull();
            for warning in rendering.take_warnings() {
                self.reporter.warning(&warning);
            }
            self.begun = Some(Begun {
                rate: rendering.rate(),
                frames: rendering.done(),
                damaged: rendering.damaged(),
                clips: files.clips(),
            });
            match pulled? {
                Pulled::Frames(frames) => files.write(&rendering, frames)?,
                Pulled::Waiting => {}
                Pulled::End => break Ended::End,
            }
            self.show(&rendering, since);
        };
        if ended == Ended::End {
            let Written { clips, .. } = files.finish()?;
            if let Some(begun) = &mut self.begun {
                begun.clips = clips;
            }
        }
        Ok(ended)
    }

    fn open(&mut self) -> Result<Rendering, Trouble> {
        let order = self.order;
        for notice in &order.notices {
            self.warn("setting", notice.clone());
        }
        let (run, settings) = (&order.run, &order.settings);
        let ceiling = settings.max_gain_db.value;
        let setlist = song::load(&Request {
            inputs: &run.inputs,
            sequence: run.sequence,
            on_end: None,
            max_gain_db: ceiling,
        })?;
        for notice in run.overrides.notices(ceiling) {
            self.warn("setting", notice);
        }
        let options = Options {
            rate: order.rate,
            strict_rate: settings.strict_rate.value,
            mono: run.mono,
            overrides: run.overrides.clone(),
            max_gain_db: ceiling,
            open: OpenOptions {
                preload_limit: u64::from(settings.preload_limit.value) * 1_000_000,
            },
            on_damage: match settings.on_damage.value {
                config::OnDamage::Warn => OnDamage::Warn,
                config::OnDamage::Stop => OnDamage::Stop,
            },
            master: run.master.gain(ceiling),
            start: run.start.clone(),
            end: run.end.clone(),
            repeat: order.repeat,
            only_bus: order.only_bus.clone(),
            mix: order.output.is_some(),
            stems: order.stems.is_some(),
            ..Options::default()
        };
        let mut rendering = Rendering::open(setlist, options)?;
        for warning in rendering.take_warnings() {
            self.reporter.warning(&warning);
        }
        Ok(rendering)
    }

    fn files(&self) -> FilesSpec {
        FilesSpec {
            mix: self.order.output.clone(),
            stems: self.order.stems.clone(),
            format: match self.order.format {
                RenderFormat::S16 => WavFormat::S16,
                RenderFormat::S24 => WavFormat::S24,
                RenderFormat::F32 => WavFormat::F32,
            },
            dither: self.order.settings.dither.value,
        }
    }

    fn show(&mut self, rendering: &Rendering, since: Instant) {
        let progress = Progress {
            done: rendering.done(),
            total: rendering.total(),
            rate: rendering.rate(),
            taken: since.elapsed(),
        };
        self.reporter.progress(&progress, || {
            let now = rendering.progress();
            Position {
                frame: now.song_frame,
                length_frames: Some(now.song_length),
                state: State::Playing,
                reason: None,
                song: Some(now.song),
                section: None,
                latency: Default::default(),
            }
        });
    }

    fn warn(&mut self, code: &'static str, message: String) {
        self.reporter.warning(&Warning {
            code: code.into(),
            message,
            track: None,
        });
    }

    /// What is written to, in the place of a device.
    fn device(&self) -> String {
        let outputs = [&self.order.output, &self.order.stems];
        let names = outputs.into_iter().flatten().map(|path| {
            if path.as_os_str() == "-" {
                "standard output".to_owned()
            } else {
                path.display().to_string()
            }
        });
        names.collect::<Vec<_>>().join(" and ")
    }

    fn summary(&self, ended: Ended, error: Option<report::Failure>) -> Summary {
        let begun = self.begun.as_ref();
        let frames = begun.map_or(0, |b| b.frames);
        Summary {
            frames,
            seconds: begun.map_or(0.0, |b| frames as f64 / f64::from(b.rate.max(1))),
            damaged: begun.map_or(0, |b| b.damaged),
            rate: begun.map(|b| b.rate),
            backend: Some("file".into()),
            device: Some(self.device()),
            ended,
            device_xruns: None,
            late_callbacks: None,
            // A pulled engine is never run without its data.
            starvations: 0,
            starved_frames: 0,
            clips: begun.map_or(0, |b| b.clips),
            losses: 0,
            reason: None,
            abandoned: 0,
            delivery: Default::default(),
            latency: Latency::Off,
            error,
        }
    }
}

/// A signal to end. The first one ends tidily, so that no hidden file is left behind; a second one
/// ends at once.
#[derive(Default)]
struct Stop(Arc<AtomicI32>);

impl Stop {
    /// Two signals within this time are one: `timeout` and terminals send it to the process and to
    /// its group.
    const SAME: Duration = Duration::from_millis(100);

    fn watch(&self) -> io::Result<()> {
        // With a handler for SIGXFSZ, a file over the limit is an error of `write` and not the end.
        let wanted = [SIGINT, SIGTERM, SIGHUP, SIGXFSZ];
        let mut signals = Signals::new(wanted.into_iter().filter(|s| !is_ignored(*s)))?;
        let seen = self.0.clone();
        let watch = move || {
            let mut first: Option<Instant> = None;
            for number in signals.forever() {
                match first {
                    _ if number == SIGXFSZ => {}
                    None => {
                        first = Some(Instant::now());
                        seen.store(number, Ordering::Release);
                    }
                    Some(at) if at.elapsed() < Self::SAME => {}
                    Some(_) => {
                        let _ = emulate_default_handler(number);
                    }
                }
            }
        };
        thread::Builder::new().name("signals".into()).spawn(watch)?;
        Ok(())
    }

    fn signal(&self) -> Option<i32> {
        Some(self.0.load(Ordering::Acquire)).filter(|number| *number != 0)
    }
}

/// Whether a parent wished `signal` to be ignored, as `nohup` does. Unknown counts as no.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
