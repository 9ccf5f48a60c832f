//! One trial: so many stems, played for a while.

use std::time::{Duration, Instant};

use engine_core::monitor::MonitorLevel;
use serde::Serialize;

use super::Measurement;
use super::material::Material;
use crate::player::{Note, OnLoss, OnReturn, Player, PlayerBuilder, PlayerError, Status};
use crate::song::{OnEnd, Setlist, Song, Time, Track};

/// A driver that hasn't played by then is no good.
const PATIENCE: Duration = Duration::from_secs(10);
/// From the first sound on nothing is measured for so long: the first callbacks meet cold caches.
const SETTLING: Duration = Duration::from_millis(200);
/// The monitor keeps the last hundred durations; at 64 frames and 192 kHz they are of 33 ms.
const POLL: Duration = Duration::from_millis(20);

/// What a trial showed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Trial {
    /// Stereo stems.
    pub stems: usize,
    /// Nothing was late, lost or starved.
    pub holds: bool,
    /// What the longest callback left of the period, %; negative when it was longer.
    pub margin_pct: f64,
    /// Longest callback, ms.
    pub worst_ms: f64,
    /// Mean callback, ms.
    pub mean_ms: f64,
    /// Callbacks that were measured.
    pub callbacks: u64,
    /// Callbacks longer than the period.
    pub late_callbacks: u64,
    /// Faults the driver reported; `None` where a driver reports none.
    pub device_xruns: Option<u64>,
    /// Times the feeder was too late.
    pub starvations: u64,
}

/// Where it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// `jack`, `alsa`, `null`.
    pub backend: String,
    /// The device or server.
    pub device: Option<String>,
    /// Hz.
    pub rate: u32,
    /// Frames of a period.
    pub period: u32,
}

/// Plays `stems` stems with the master at 0: all the work, and no sound.
pub(super) fn run(
    measurement: &Measurement,
    period: Option<u32>,
    stems: usize,
    material: &Material,
) -> Result<(Place, Trial), PlayerError> {
    let track = |i: usize| Track {
        name: format!("stem {}", i + 1),
        file: material.path(),
        made: None,
        // Such that every stem costs its arithmetic.
        gain: 0.25 + (i % 7) as f32 * 0.03,
        pan: (i % 9) as f32 * 0.1 - 0.45,
        mute: false,
        solo: false,
        bus: None,
        offset: Time::Nanos(0),
    };
    let song = Song {
        title: "bench".into(),
        tracks: (0..stems).map(track).collect(),
        on_end: OnEnd::Loop,
        ..Song::default()
    };
    let mut player = PlayerBuilder::new(Setlist { songs: vec![song] })
        .output(measurement.output.clone())
        .rate(measurement.rate)
        .period(period, measurement.periods)
        .format(measurement.format)
        .ring_ms(measurement.ring_ms)
        .poll(POLL)
        .master(0.0)
        .on_loss(OnLoss::Exit, OnReturn::Stay)
        .build()?;
    player.play();
    let place = started(&mut player)?;
    pass(&mut player, SETTLING, |_| {})?;
    let before = player.status();
    player.set_monitor_level(MonitorLevel::Full);
    let (mut worst, mut sum, mut reads) = (0.0f64, 0.0, 0.0f64);
    pass(&mut player, measurement.trial, |status| {
        if status.stats.total_callbacks > 0 {
            worst = worst.max(status.stats.max_ms.into());
            sum += f64::from(status.stats.mean_ms);
            reads += 1.0;
        }
    })?;
    let after = player.status();
    let since = |after: Option<u64>, before: Option<u64>| {
        after.map(|n| n.saturating_sub(before.unwrap_or(0)))
    };
    let budget = f64::from(after.stats.budget_ms).max(f64::MIN_POSITIVE);
    let mut trial = Trial {
        stems,
        holds: false,
        margin_pct: (1.0 - worst / budget) * 100.0,
        worst_ms: worst,
        mean_ms: sum / reads.max(1.0),
        callbacks: after.stats.total_callbacks.into(),
        late_callbacks: after.late_callbacks.unwrap_or(0),
        device_xruns: since(after.device_xruns, before.device_xruns),
        starvations: after.starvations.saturating_sub(before.starvations),
    };
    trial.holds = trial.callbacks > 0
        && trial.late_callbacks == 0
        && trial.device_xruns.unwrap_or(0) == 0
        && trial.starvations == 0;
    player.quit();
    player.wait();
    Ok((place, trial))
}

/// Waits for the first sound.
fn started(player: &mut Player) -> Result<Place, PlayerError> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline && !player.is_over() {
        if let Some(Note::Started(started)) = player.next_note(POLL) {
            return Ok(Place {
                backend: started.backend,
                device: started.device,
                rate: started.rate,
                period: started.period.unwrap_or(0),
            });
        }
    }
    Err(no_play())
}

/// Lets time pass, looking at the status.
fn pass(
    player: &mut Player,
    time: Duration,
    mut look: impl FnMut(&Status),
) -> Result<(), PlayerError> {
    let end = Instant::now() + time;
    while Instant::now() < end {
        if player.is_over() {
            return Err(no_play());
        }
        player.next_note(POLL);
        look(&player.status());
    }
    Ok(())
}

fn no_play() -> PlayerError {
    use engine_core::backend::{BackendError, BackendErrorKind};
    BackendError::new(
        BackendErrorKind::Driver,
        format_args!("the device was opened, but did not play"),
    )
    .into()
}
