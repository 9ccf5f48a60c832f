//! The backend as its owner sees it: a handle to the audio thread.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use engine_core::backend::{
    Backend, BackendError, BackendErrorKind as Kind, Closed, Granted, Halt, Health, Process,
    Report, Wish,
};

use crate::mixer::Mixer;
use crate::negotiate::Request;
use crate::options::AlsaOptions;
use crate::shared::{Command, Shared};
use crate::{MAX_CHANNELS, notice, worker};

/// A PCM that does not open within this time hangs (a plug-in that waits for its server).
const OPEN_WITHIN: Duration = Duration::from_secs(10);
/// One that has done nothing yet is closed in no time.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
/// Starting is preparing the PCM: milliseconds.
const RUN_WITHIN: Duration = Duration::from_secs(5);

/// Playback through one ALSA PCM. See the crate's description.
pub struct Alsa<P: Process> {
    options: AlsaOptions,
    link: Option<Link<P>>,
    mixer: Option<Mixer>,
}

/// The audio thread of one open PCM.
struct Link<P> {
    shared: Arc<Shared>,
    /// Carries the process to the thread; gone once it is there.
    start: Option<Sender<P>>,
    thread: JoinHandle<()>,
}

impl<P: Process + 'static> Alsa<P> {
    /// A backend for the device of `options`. Nothing is opened yet.
    pub fn new(options: AlsaOptions) -> Self {
        Self {
            options,
            link: None,
            mixer: None,
        }
    }

    /// The options it was made with.
    pub fn options(&self) -> &AlsaOptions {
        &self.options
    }

    /// Sets the volume that is to be minded before anything sounds; without it, the device is not open.
    fn mind_mixer(
        &mut self,
        mut granted: Granted,
        card: Option<u32>,
    ) -> Result<Granted, BackendError> {
        let Some(options) = &self.options.mixer else {
            return Ok(granted);
        };
        match Mixer::open(options, &self.options.device, card) {
            Ok((mixer, notice)) => {
                self.mixer = Some(mixer);
                granted.notice = notice::and(&granted.notice, &notice);
                Ok(granted)
            }
            Err(refused) => {
                self.close(CLOSE_WITHIN);
                Err(refused)
            }
        }
    }

    fn misuse(&self, what: &str) -> BackendError {
        BackendError::new(
            Kind::Usage,
            format_args!("the ALSA device \"{}\" {what}", self.options.device),
        )
    }

    fn timed_out(&self, what: &str) -> BackendError {
        BackendError::new(
            Kind::TimedOut,
            format_args!(
                "the ALSA device \"{}\" did not {what} in time: its driver or sound server hangs",
                self.options.device
            ),
        )
    }

    /// Sends a command and waits until it was carried out on a device that still lives.
    fn command(&self, command: Command, within: Duration, what: &str) -> Result<(), BackendError> {
        let Some(link) = &self.link else {
            return Err(self.misuse("is not open"));
        };
        if link.start.is_some() {
            return Err(self.misuse("is not started"));
        }
        let word = link.shared.send(command);
        let done = link.shared.wait_done(word, Instant::now() + within);
        if link.shared.health() == Health::Lost {
            return Err(BackendError::new(
                Kind::Lost,
                format_args!("{}", link.shared.reason()),
            ));
        }
        if done {
            Ok(())
        } else {
            Err(self.timed_out(what))
        }
    }
}

impl<P: Process + 'static> Backend<P> for Alsa<P> {
    fn name(&self) -> &'static str {
        "alsa"
    }

    fn open(&mut self, wish: &Wish<'_>) -> Result<Granted, BackendError> {
        if self.link.is_some() {
            return Err(self.misuse("is open already"));
        }
        if wish.outs.len() > MAX_CHANNELS {
            return Err(BackendError::new(
                Kind::Channels,
                format_args!(
                    "{} channels are asked for, an ALSA device can have {MAX_CHANNELS} here",
                    wish.outs.len()
                ),
            ));
        }
        let request = Request {
            options: self.options.clone(),
            rate: wish.rate,
            period: wish.period,
            periods: wish.periods,
            format: wish.format,
            outs: wish.outs.len(),
        };
        let failed = |e: std::io::Error| {
            BackendError::new(
                Kind::Driver,
                format_args!("the audio thread can't be started: {e}"),
            )
        };
        let shared = Arc::new(Shared::new().map_err(failed)?);
        let (granted, reply) = mpsc::channel();
        let (start, process) = mpsc::channel();
        let thread = {
            let shared = shared.clone();
            std::thread::Builder::new()
                .name("backline-alsa".into())
                .spawn(move || worker::thread(&request, shared, &granted, &process))
                .map_err(failed)?
        };
        match reply.recv_timeout(OPEN_WITHIN) {
            Ok(Ok((granted, card))) => {
                self.link = Some(Link {
                    shared,
                    start: Some(start),
                    thread,
                });
                self.mind_mixer(granted, card)
            }
            Ok(Err(refused)) => {
                // It has closed the device before it answers: nothing can hang any more.
                let _ = thread.join();
                Err(refused)
            }
            Err(RecvTimeoutError::Timeout) => Err(self.timed_out("open")),
            Err(RecvTimeoutError::Disconnected) => Err(BackendError::new(
                Kind::Driver,
                format_args!("opening \"{}\" failed in the driver", self.options.device),
            )),
        }
    }

    fn start(&mut self, process: P) -> Result<(), BackendError> {
        let Some(link) = &mut self.link else {
            return Err(self.misuse("is not open"));
        };
        let Some(start) = link.start.take() else {
            return Err(self.misuse("is started already"));
        };
        if start.send(process).is_err() {
            return Err(self.misuse("was lost before it was started"));
        }
        self.command(Command::Run, RUN_WITHIN, "start")
    }

    fn halt(&mut self, how: Halt, deadline: Duration) -> Result<(), BackendError> {
        match how {
            Halt::Drain => self.command(Command::Drain, deadline, "play to its end"),
            Halt::Now => self.command(Command::Drop, deadline, "stop"),
        }
    }

    fn resume(&mut self) -> Result<(), BackendError> {
        self.command(Command::Run, RUN_WITHIN, "start again")
    }

    fn report(&mut self) -> Report {
        let link = self.link.as_ref();
        Report {
            volume: self.mixer.as_ref().and_then(Mixer::volume),
            ..link.map_or_else(Report::default, |link| link.shared.report())
        }
    }

    fn set_volume(&mut self, level_db: f32) -> Result<u32, BackendError> {
        match &self.mixer {
            Some(mixer) => Ok(mixer.set(level_db)),
            None => Err(self.misuse("is played to without a mixer")),
        }
    }

    fn close(&mut self, deadline: Duration) -> Closed {
        self.mixer = None;
        let Some(link) = self.link.take() else {
            return Closed::Clean;
        };
        // A thread that still waits for its process ends when the sender goes.
        drop(link.start);
        link.shared.send(Command::Quit);
        if link.shared.wait_finished(Instant::now() + deadline) {
            // Only the thread's own teardown is left.
            let _ = link.thread.join();
            Closed::Clean
        } else {
            // Everything the thread uses is its own or counted: it may end whenever it can.
            Closed::Abandoned
        }
    }
}

impl<P: Process> Drop for Alsa<P> {
    fn drop(&mut self) {
        if let Some(link) = self.link.take() {
            drop(link.start);
            link.shared.send(Command::Quit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_core::backend::Played;

    struct Nothing;
    impl Process for Nothing {
        fn process(&mut self, _: &mut [&mut [f32]], _: usize) -> Played {
            Played::Silence
        }
        fn ready(&mut self, _: usize) -> bool {
            true
        }
    }

    #[test]
    fn a_backend_can_move_to_its_controller() {
        fn moves<T: Send>(_: &T) {}
        moves(&Alsa::<Nothing>::new(AlsaOptions::default()));
    }

    #[test]
    fn more_channels_than_can_be_are_refused_before_anything_is_opened() {
        let outs = vec!["x"; MAX_CHANNELS + 1];
        let wish = Wish {
            rate: None,
            period: None,
            periods: None,
            format: None,
            outs: &outs,
        };
        let mut alsa = Alsa::<Nothing>::new(AlsaOptions::default());
        let refused = alsa.open(&wish).map(|_| ()).unwrap_err();
        assert_eq!(refused.kind, Kind::Channels);
    }

    #[test]
    fn what_plays_to_no_card_has_no_mixer() {
        let mut alsa = Alsa::<Nothing>::new(AlsaOptions {
            device: "null".into(),
            mixer: Some(crate::MixerOptions {
                name: "Master".into(),
                ..Default::default()
            }),
            ..AlsaOptions::default()
        });
        let wish = Wish {
            rate: None,
            period: None,
            periods: None,
            format: None,
            outs: &["a"],
        };
        // The second time as well: the device was closed.
        for _ in 0..2 {
            let refused = alsa.open(&wish).map(|_| ()).unwrap_err();
            assert_eq!(refused.kind, Kind::Mixer);
            assert!(
                refused.message.contains("no sound card itself"),
                "{refused}"
            );
        }
        assert_eq!(alsa.set_volume(0.0).unwrap_err().kind, Kind::Usage);
    }

    #[test]
    fn an_engine_that_is_not_lent_writes_nothing_where_nothing_paces() {
        let wish = Wish {
            rate: Some(48_000),
            period: None,
            periods: None,
            format: None,
            outs: &["a"],
        };
        let mut alsa = Alsa::new(AlsaOptions {
            device: "null".into(),
            ..AlsaOptions::default()
        });
        alsa.open(&wish).unwrap();
        alsa.start(Nothing).unwrap();
        let limit = Instant::now() + Duration::from_secs(20);
        while alsa.report().cycles < 20 {
            assert!(Instant::now() < limit);
            std::thread::yield_now();
        }
        // Nothing is queued, so nothing is waited for.
        alsa.halt(Halt::Drain, Duration::from_secs(10)).unwrap();
        assert_eq!(alsa.report().latency_frames, 0);
        assert_eq!(alsa.close(Duration::from_secs(10)), Closed::Clean);
    }
}
