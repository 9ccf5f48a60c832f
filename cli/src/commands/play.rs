//! `backline play`: from an order to a session, and from its account to an exit code.

mod attended;
mod care;
mod managed;
pub(super) mod output;
pub(super) mod refusal;
mod session;
mod signals;
#[cfg(feature = "jack")]
mod start;
pub(super) mod surfaces;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use self::attended::Attended;
use self::output::Chosen;
use self::refusal::Refusal;
use self::session::{Input, Outcome};
use self::surfaces::Surfaces;
use super::Ending;
use crate::args::{Passes, Play, Run};
use crate::config::{self, Settings, Status};
use crate::control::{Access, Place, Socket};
use crate::exit::{Code, Failure};
use crate::nsm::Link;
use crate::player::{self, Player, PlayerBuilder};
use crate::report::{Ended, Latency, Mode, Reporter, Summary, Warning};
use crate::song::Time;
use crate::tui::{self, Log};
use crate::units::Level;

/// Plays, and reports on the way. In JSON mode every outcome is told here, and the summary is the
/// last line; otherwise a failure before the first sound goes back to the caller.
pub(super) fn run(play: &Play, born: Instant) -> Result<Ending, Failure> {
    let mode = match play.settings.status.value {
        Status::Tui if has_screen(play)? => Mode::Screen,
        Status::Tui | Status::Text => Mode::Text,
        Status::Json => Mode::Json,
        Status::None => Mode::None,
    };
    let log = (mode == Mode::Screen).then(Log::new);
    let mut reporter = match &log {
        Some(log) => Reporter::on_screen(|people| log.writer(people)),
        None => Reporter::new(mode),
    };
    let (sender, inputs) = mpsc::channel();
    if let Err(e) = signals::listen(sender.clone()) {
        let message = format!("signals can't be watched ({e}): they end playing without a fade");
        warn(&mut reporter, "signals", message);
    }
    if let Some(url) = &play.session_manager {
        let sink = sender.clone();
        // Sent to nobody after the end.
        let sink = move |request| drop(sink.send(Input::Manager(request)));
        match Link::join(url, "backline", "backline", sink) {
            Ok(link) => {
                surfaces::none_with_a_manager(&play.settings, &mut reporter);
                let outcome = managed::run(play, &link, born, &mut reporter, &inputs, &sender);
                return Ok(ending(&outcome, play.fail_on_xrun));
            }
            Err(e) if play.run.inputs.is_empty() => {
                let refusal = Failure::new(Code::Unavailable, e.to_string()).into();
                return refused(refusal, &play.settings, reporter);
            }
            Err(e) => warn(
                &mut reporter,
                "session-manager",
                format!("{e}; playing without it"),
            ),
        }
    }
    let socket = match open_socket(&play.settings, &mut reporter) {
        Ok(socket) => socket,
        Err(failure) => return refused(failure.into(), &play.settings, reporter),
    };
    let surfaces = match Surfaces::open(&play.settings) {
        Ok(surfaces) => surfaces,
        Err(failure) => return refused(failure.into(), &play.settings, reporter),
    };
    let attended = Attended::new(play, born, &mut reporter, &inputs, &sender).on_screen(log);
    match attended.run(socket, surfaces) {
        Ok(outcome) => Ok(ending(&outcome, play.fail_on_xrun)),
        Err(refusal) => refused(refusal, &play.settings, reporter),
    }
}

/// Whether there is a terminal UI, which is wanted.
///
/// # Errors
/// Code 64: there can be none, and it was asked for in this very call.
fn has_screen(play: &Play) -> Result<bool, Failure> {
    let status = &play.settings.status;
    let obstacle = match &play.session_manager {
        Some(_) => Some("a session manager has none for us (NSM_URL is set)"),
        None => tui::obstacle(),
    };
    match obstacle {
        Some(why) if status.source.is_explicit() => Err(Failure::usage(format!(
            "{} tui needs a terminal, and {why}; use --status text or json",
            status.source
        ))),
        // In a file it stands ready for whenever there is one.
        obstacle => Ok(obstacle.is_none()),
    }
}

/// The control socket, where there is to be one.
fn open_socket(settings: &Settings, reporter: &mut Reporter) -> Result<Option<Socket>, Failure> {
    let said = settings.control.value.as_deref();
    let place = said.map_or(Place::Usual, Place::named);
    let access = Access {
        group: settings.control_group.value.clone(),
    };
    let opened = place
        .path(&settings.name.value, &|name| std::env::var_os(name))
        .and_then(|path| path.map(|p| Socket::open(&p, &access)).transpose());
    match opened {
        // Nobody asked for it: playing is what counts.
        Err(failure) if said.is_none() && failure.code == Code::Io => {
            warn(reporter, "control", failure.message);
            Ok(None)
        }
        other => other,
    }
}

/// Builds a player from an order. `more` has the last word on how.
fn build(
    play: &Play,
    born: Instant,
    reporter: &mut Reporter,
    more: impl FnOnce(PlayerBuilder) -> PlayerBuilder,
) -> Result<Player, Refusal> {
    let built = make(play, born, more);
    for warning in &built.warnings {
        reporter.warning(warning);
    }
    built.player
}

/// What came of building a player, and what there is to say of it.
struct Built {
    warnings: Vec<Warning>,
    player: Result<Player, Refusal>,
}

impl Built {
    fn refused(refusal: Refusal) -> Self {
        Self {
            warnings: Vec::new(),
            player: Err(refusal),
        }
    }
}

fn make(play: &Play, born: Instant, more: impl FnOnce(PlayerBuilder) -> PlayerBuilder) -> Built {
    let mut warnings = Vec::new();
    let mut warn = |code: &'static str, message: String| {
        warnings.push(Warning {
            code: code.into(),
            message,
            track: None,
        });
    };
    let player = make_player(play, born, &mut warn, more);
    Built { warnings, player }
}

/// What is to be played, on no output yet. Nothing is opened.
fn with_songs(
    play: &Play,
    warn: &mut dyn FnMut(&'static str, String),
) -> Result<PlayerBuilder, Refusal> {
    let (run, settings) = (&play.run, &play.settings);
    let ceiling = settings.max_gain_db.value;
    let reading = player::Reading {
        sequence: run.sequence,
        on_end: play.on_end,
        max_gain_db: ceiling,
        leave_out: play.kiosk,
    };
    let (setlist, left_out) = reading.setlist(&run.inputs).map_err(Failure::from)?;
    for why in &left_out {
        warn("song", format!("{why}; it is skipped"));
    }
    let builder = PlayerBuilder::new(setlist)
        .overrides(run.overrides.clone(), ceiling)
        .on_end(play.on_end)
        .mono(run.mono)
        .start(run.start.clone())
        .end(run.end.clone())
        .strict_rate(settings.strict_rate.value)
        .preload_limit(u64::from(settings.preload_limit.value) * 1_000_000);
    Ok(match &play.passes {
        _ if play.kiosk => builder.keep_going(true).left_out(left_out.len()),
        Passes::Times(1) => builder,
        Passes::Times(times) => builder.repeat(*times),
        Passes::Loop(None) => builder.looping(None),
        Passes::Loop(Some(range)) => builder.looping(Some((
            range.start.clone().unwrap_or(Time::Frames(0)),
            range.end.clone().unwrap_or(Time::Frames(u64::MAX)),
        ))),
    })
}

/// How much of an order can be played, as a player's status has it. No device is opened.
fn extent_of(play: &Play) -> Result<(usize, u64), Refusal> {
    let builder = with_songs(play, &mut |_, _| {})?;
    builder.extent().map_err(|e| Refusal::of(e, None))
}

fn make_player(
    play: &Play,
    born: Instant,
    warn: &mut dyn FnMut(&'static str, String),
    more: impl FnOnce(PlayerBuilder) -> PlayerBuilder,
) -> Result<Player, Refusal> {
    for notice in &play.notices {
        warn("setting", notice.clone());
    }
    let (run, settings) = (&play.run, &play.settings);
    let ceiling = settings.max_gain_db.value;
    let builder = with_songs(play, warn)?;
    for notice in run.overrides.notices(ceiling) {
        warn("setting", notice);
    }
    let mut chosen = output::choose(settings)?;
    output::hear_midi(&mut chosen, settings)?;
    let Chosen {
        output,
        rate,
        period,
        periods,
        format,
        notices,
        last_resort,
        kept: _kept,
    } = chosen;
    for notice in notices {
        warn("setting", notice);
    }
    if transport(settings) != settings.transport.value {
        let message = format!(
            "{}: transport is for JACK, and the backend here is {}",
            settings.transport.source,
            settings.backend.value.word()
        );
        warn("setting", message);
    }
    let builder = builder
        .born(born)
        .output(output)
        .rate(rate)
        .period(period, periods)
        .format(format)
        .ports(match settings.ports.value {
            config::Ports::Buses => player::Ports::Buses,
            config::Ports::Tracks => player::Ports::Tracks,
            config::Ports::Both => player::Ports::Both,
        })
        .transport(match transport(settings) {
            config::Transport::None => player::Transport::None,
            config::Transport::Follow => player::Transport::Follow,
            config::Transport::Lead => player::Transport::Lead,
        })
        .configuration(settings.config_file.clone())
        .master(master(run, settings).gain(ceiling))
        .volume_max(settings.volume_max.value.map(Level::db))
        .lock_memory(true)
        .ring_ms(settings.ring_ms.value)
        .poll(Duration::from_millis(settings.poll_ms.value.into()))
        .monitor_level(monitor_level(settings.monitor.value))
        .on_damage(match settings.on_damage.value {
            config::OnDamage::Warn => player::OnDamage::Warn,
            config::OnDamage::Stop => player::OnDamage::Stop,
        })
        .on_loss(on_loss(settings), on_return(settings));
    more(builder)
        .build()
        .map_err(|e| Refusal::of(e, last_resort.as_deref()))
}

/// The master level: without a mixer it is the volume as well.
fn master(run: &Run, settings: &Settings) -> Level {
    match settings.volume.value {
        Some(level) if settings.mixer_in_use().is_none() && run.master == Level::UNITY => level,
        _ => run.master,
    }
}

/// What is to be done with JACK's transport. In a file it stands ready for whenever JACK is chosen.
fn transport(settings: &Settings) -> config::Transport {
    let backend = settings.backend.value;
    let other = matches!(
        backend,
        config::BackendChoice::Alsa | config::BackendChoice::Null
    );
    match settings.transport.source {
        config::Source::File(_) if other => config::Transport::None,
        _ => settings.transport.value,
    }
}

fn monitor_level(level: config::MonitorLevel) -> engine_core::monitor::MonitorLevel {
    use engine_core::monitor::MonitorLevel;
    match level {
        config::MonitorLevel::Off => MonitorLevel::Off,
        config::MonitorLevel::Sampled => MonitorLevel::Sampled,
        config::MonitorLevel::Full => MonitorLevel::Full,
    }
}

fn on_loss(settings: &Settings) -> player::OnLoss {
    match settings.on_loss.value {
        config::OnLoss::Wait => player::OnLoss::Wait,
        config::OnLoss::Stop => player::OnLoss::Stop,
        config::OnLoss::Exit => player::OnLoss::Exit,
    }
}

fn on_return(settings: &Settings) -> player::OnReturn {
    match settings.on_return.value {
        config::OnReturn::Resume => player::OnReturn::Resume,
        config::OnReturn::Restart => player::OnReturn::Restart,
        config::OnReturn::Stay => player::OnReturn::Stay,
    }
}

fn warn(reporter: &mut Reporter, code: &'static str, message: String) {
    reporter.warning(&Warning {
        code: code.into(),
        message,
        track: None,
    });
}

/// It came to no playing.
fn refused(
    refusal: Refusal,
    settings: &Settings,
    mut reporter: Reporter,
) -> Result<Ending, Failure> {
    if settings.status.value != Status::Json {
        // Warnings go out first.
        reporter.park();
        return Err(refusal.failure);
    }
    let latency = no_latency(settings.monitor.value);
    Ok(told(&refusal, latency, reporter))
}

/// It came to no playing, nor to any settings.
pub(super) fn misconfigured(failure: Failure) -> Ending {
    told(&failure.into(), Latency::Off, Reporter::new(Mode::Json))
}

/// Says in JSON why it came to no playing.
fn told(refusal: &Refusal, latency: Latency, mut reporter: Reporter) -> Ending {
    let error = refusal.event();
    reporter.error(&error);
    reporter.summary(&Summary {
        frames: 0,
        seconds: 0.0,
        damaged: 0,
        rate: None,
        backend: None,
        device: None,
        ended: Ended::Error,
        device_xruns: None,
        late_callbacks: None,
        starvations: 0,
        starved_frames: 0,
        clips: 0,
        losses: 0,
        reason: None,
        abandoned: 0,
        delivery: Default::default(),
        latency,
        error: Some(error),
    });
    Ending::Code(refusal.failure.code)
}

/// What a monitor of that level has measured of nothing.
fn no_latency(level: config::MonitorLevel) -> Latency {
    match level {
        config::MonitorLevel::Off => Latency::Off,
        config::MonitorLevel::Sampled => Latency::Sampled {
            total_callbacks: 0,
            budget_ms: 0.0,
            callbacks_per_s: 0.0,
            longest_gap_ms: 0.0,
        },
        config::MonitorLevel::Full => Latency::Full {
            mean_ms: 0.0,
            max_ms: 0.0,
            min_ms: 0.0,
            xruns: 0,
            budget_ms: 0.0,
            usage_pct: 0.0,
            total_callbacks: 0,
        },
    }
}

/// What the account of a session means to whoever waits for the exit code.
fn ending(outcome: &Outcome, fail_on_xrun: bool) -> Ending {
    let Some(summary) = &outcome.summary else {
        return Ending::Code(Code::Software);
    };
    if let (Ended::Error, Some(error)) = (summary.ended, &summary.error) {
        return Ending::Code(refusal::code_of(&error.code));
    }
    if let Some(signal) = outcome.signal {
        return Ending::Signal(signal);
    }
    let xruns = summary.device_xruns.unwrap_or(0);
    if fail_on_xrun && xruns + summary.starvations > 0 {
        eprintln!(
            "backline: the sound was not whole: device xruns: {xruns}, starvations: {}",
            summary.starvations
        );
        return Ending::Code(Code::Xruns);
    }
    Ending::Code(Code::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report;

    fn account() -> Summary {
        Summary {
            frames: 48_000,
            seconds: 1.0,
            damaged: 0,
            rate: Some(48_000),
            backend: Some("alsa".into()),
            device: Some("hw:CARD=USB".into()),
            ended: Ended::End,
            device_xruns: Some(0),
            late_callbacks: None,
            starvations: 0,
            starved_frames: 0,
            clips: 0,
            losses: 0,
            reason: None,
            abandoned: 0,
            delivery: Default::default(),
            latency: Latency::Off,
            error: None,
        }
    }

    fn of(summary: Summary, signal: Option<i32>, fail_on_xrun: bool) -> Ending {
        let outcome = Outcome {
            summary: Some(summary),
            signal,
            next: None,
        };
        ending(&outcome, fail_on_xrun)
    }

    #[test]
    fn the_end_is_0_and_faults_count_only_when_asked_for() {
        let starved = Summary {
            starvations: 1,
            ..account()
        };
        let xrun = Summary {
            device_xruns: Some(2),
            ..account()
        };
        assert_eq!(of(account(), None, true), Ending::Code(Code::Done));
        for faulty in [starved, xrun] {
            assert_eq!(of(faulty.clone(), None, false), Ending::Code(Code::Done));
            assert_eq!(of(faulty, None, true), Ending::Code(Code::Xruns));
        }
        // Late callbacks are no gap in the sound.
        let late = Summary {
            late_callbacks: Some(3),
            device_xruns: None,
            ..account()
        };
        assert_eq!(of(late, None, true), Ending::Code(Code::Done));
    }

    #[test]
    fn an_error_goes_before_a_signal_and_a_signal_before_faults() {
        let failed = Summary {
            ended: Ended::Error,
            error: Some(report::Failure {
                code: "device-lost".into(),
                message: "gone".into(),
            }),
            starvations: 1,
            ..account()
        };
        assert_eq!(of(failed, Some(2), true), Ending::Code(Code::Unavailable));
        let starved = Summary {
            starvations: 1,
            ..account()
        };
        assert_eq!(of(starved, Some(2), true), Ending::Signal(2));
    }

    #[test]
    fn a_session_without_an_account_is_a_fault_of_ours() {
        let outcome = Outcome {
            summary: None,
            signal: None,
            next: None,
        };
        assert_eq!(ending(&outcome, false), Ending::Code(Code::Software));
    }
}
