//! `backline bench`: how many stems this machine and its device hold, and the profile that suits.
//!
//! With `--json` one document:
//!
//! ```json
//! {
//!   "backend": "alsa", "device": "hw:CARD=USB", "rate": 48000, "stems": 24, "seconds": 24,
//!   "periods": [{
//!     "asked_period_frames": 64, "error": null,
//!     "period_frames": 64, "budget_ms": 1.333,
//!     "asked": {
//!       "stems": 24, "holds": true, "margin_pct": 94.1, "worst_ms": 0.079, "mean_ms": 0.012,
//!       "callbacks": 750, "late_callbacks": 0, "device_xruns": 0, "starvations": 0
//!     },
//!     "most": {"stems": 128, "…": "…"}
//!   }],
//!   "profile": "low-latency", "reason": "24 stems hold at 128 frames and leave 97 % of the time",
//!   "notices": []
//! }
//! ```
//!
//! `backend`, `device` and `rate` are null when no period could be measured. A period that the
//! device refuses has an `error`, a sentence, and null for all that follows it. `most` is null when not
//! even one stem holds. `profile` is null under JACK, where the server has its own period.

use std::io::IsTerminal;

use serde::Serialize;
use serde_json::{Value, json};

use super::play::output::{self, Chosen};
use super::play::refusal::Refusal;
use super::{document, out};
use crate::args::Bench;
use crate::capacity::{self, AtPeriod, CapacityError, Measurement, Place, Trial};
use crate::config::BackendChoice;
use crate::exit::{Code, Failure};
use crate::player::Output;
use crate::report::clean;

/// Periods that are measured where the device lets us choose, frames.
const PERIODS: [u32; 4] = [64, 128, 256, 512];

/// All that was found out.
#[derive(Debug, Default, Serialize)]
struct Found {
    backend: Option<String>,
    device: Option<String>,
    rate: Option<u32>,
    stems: usize,
    seconds: u32,
    periods: Vec<Period>,
    profile: Option<&'static str>,
    reason: String,
    notices: Vec<String>,
}

/// One period: what was measured, or why it wasn't.
#[derive(Debug)]
struct Period {
    asked: Option<u32>,
    result: Result<AtPeriod, String>,
}

impl Serialize for Period {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (at, error) = match &self.result {
            Ok(at) => (serde_json::to_value(at).unwrap_or_default(), None),
            Err(why) => (Value::Null, Some(why)),
        };
        json!({
            "asked_period_frames": self.asked,
            "error": error,
            "period_frames": at["period_frames"],
            "budget_ms": at["budget_ms"],
            "asked": at["asked"],
            "most": at["most"],
        })
        .serialize(serializer)
    }
}

pub(super) fn run(bench: &Bench) -> Result<(), Failure> {
    for notice in &bench.notices {
        eprintln!("backline: {notice}");
    }
    let found = match measure(bench, choose(bench)?) {
        // Nobody named a device, and there is none.
        Err(why) if bench.settings.backend.value == BackendChoice::Auto => {
            let mut found = measure(bench, null(bench))?;
            let notice = format!(
                "{}, so this was measured on the null backend: what a device's driver adds is not in it",
                no_device(&why.message)
            );
            found.notices.insert(0, notice);
            found
        }
        found => found?,
    };
    if bench.json {
        return out(&document(&serde_json::to_value(&found).unwrap_or_default()));
    }
    for notice in &found.notices {
        eprintln!("backline: {notice}");
    }
    out(&text(&found))
}

/// The sentence without the advice that `play` gives.
fn no_device(message: &str) -> &str {
    message
        .split_once("; to play without a device")
        .map_or(message, |(sentence, _)| sentence)
}

fn choose(bench: &Bench) -> Result<Chosen, Failure> {
    match output::choose(&bench.settings) {
        Ok(chosen) => Ok(chosen),
        Err(refusal)
            if refusal.failure.code == Code::Unavailable
                && bench.settings.backend.value == BackendChoice::Auto =>
        {
            let mut chosen = null(bench);
            let why = no_device(&refusal.failure.message).to_owned();
            chosen
                .notices
                .push(format!("{why}: measured on the null backend"));
            Ok(chosen)
        }
        Err(refusal) => Err(refusal.failure),
    }
}

fn null(bench: &Bench) -> Chosen {
    Chosen {
        output: Output::Null { speed: 1.0 },
        rate: bench.settings.rate.value,
        period: None,
        periods: None,
        format: None,
        notices: Vec::new(),
        last_resort: None,
        kept: None,
    }
}

fn measure(bench: &Bench, mut chosen: Chosen) -> Result<Found, Failure> {
    // Nothing is heard: what the configuration says of the card's volume is for playing.
    chosen.output.without_mixer();
    let jack = chosen.output.name() == "jack";
    let periods: Vec<Option<u32>> = if jack {
        vec![None]
    } else {
        PERIODS.into_iter().map(Some).collect()
    };
    let measurement = Measurement {
        rate: chosen.rate,
        periods: (chosen.output.name() == "alsa").then_some(bench.periods),
        format: chosen.format,
        ring_ms: bench.settings.ring_ms.value,
        stems: bench.stems,
        trial: capacity::share(bench.seconds, periods.len()),
        output: chosen.output,
    };
    let mut found = Found {
        stems: bench.stems,
        seconds: bench.seconds,
        // What applies to playing only is no news here.
        notices: chosen.notices,
        ..Found::default()
    };
    let live = std::io::stderr().is_terminal();
    let mut first = None;
    for asked in periods {
        let of = asked.map_or_else(
            || "the server's period".to_owned(),
            |n| format!("{n} frames"),
        );
        let measured = measurement.at(asked, &mut |stems| {
            if live {
                eprint!("\r{of}, {stems} stems …\x1b[K");
            }
        });
        if live {
            eprint!("\r\x1b[K");
        }
        let result = match measured {
            Ok((place, at)) => {
                note(&mut found, place);
                Ok(at)
            }
            Err(error) => {
                let failure = failure(error, chosen.last_resort.as_deref());
                let message = failure.message.clone();
                first = first.or(Some(failure));
                Err(message)
            }
        };
        found.periods.push(Period { asked, result });
    }
    let measured: Vec<AtPeriod> = found
        .periods
        .iter()
        .filter_map(|p| p.result.clone().ok())
        .collect();
    if let (true, Some(failure)) = (measured.is_empty(), first) {
        return Err(failure);
    }
    let (profile, reason) = capacity::suggest(&measured);
    found.reason = reason;
    if jack {
        "under JACK the server has its own period, and no profile changes it"
            .clone_into(&mut found.reason);
    } else {
        found.profile = Some(profile.word());
    }
    Ok(found)
}

fn note(found: &mut Found, place: Place) {
    found.backend = Some(place.backend);
    found.device = place.device;
    found.rate = Some(place.rate);
}

fn failure(error: CapacityError, last_resort: Option<&str>) -> Failure {
    match error {
        CapacityError::Material(_) => Failure::new(Code::Io, error.to_string()),
        CapacityError::Player(error) => Refusal::of(error, last_resort).failure,
    }
}

fn text(found: &Found) -> String {
    use std::fmt::Write as _;

    let mut text = String::new();
    let backend = found.backend.as_deref().unwrap_or("?");
    let device = found.device.as_deref().filter(|d| *d != backend);
    // A String takes any write.
    let _ = writeln!(
        text,
        "{backend} {}, {} Hz; stereo stems of 16 bit",
        clean(device.unwrap_or("backend")),
        found.rate.unwrap_or(0)
    );
    let _ = writeln!(
        text,
        "\n{:>6}  {:>8}  {:>10}  with {} stems",
        "frames", "time", "stems hold", found.stems
    );
    for period in &found.periods {
        match &period.result {
            Ok(at) => {
                let most = at.most.as_ref().map_or(0, |most| most.stems);
                let most = if most == capacity::MOST {
                    format!("{most} (all)")
                } else {
                    most.to_string()
                };
                let _ = writeln!(
                    text,
                    "{:>6}  {:>5.2} ms  {most:>10}  {}",
                    at.period_frames,
                    at.budget_ms,
                    outcome(&at.asked)
                );
            }
            Err(why) => {
                let frames = period.asked.map_or("?".to_owned(), |n| n.to_string());
                let _ = writeln!(text, "{frames:>6}  {}", clean(why));
            }
        }
    }
    text.push('\n');
    match found.profile {
        Some(profile) => {
            let _ = writeln!(text, "Suggested: --profile {profile} ({})", found.reason);
        }
        None => {
            let _ = writeln!(text, "No profile to suggest: {}", found.reason);
        }
    }
    text
}

/// What a trial showed, in words.
fn outcome(trial: &Trial) -> String {
    if trial.holds {
        return format!(
            "{:.0} % of the time to spare (longest callback {:.3} ms)",
            trial.margin_pct, trial.worst_ms
        );
    }
    let mut faults = Vec::new();
    for (n, what) in [
        (trial.late_callbacks, "late callbacks"),
        (trial.device_xruns.unwrap_or(0), "device xruns"),
        (trial.starvations, "starvations"),
    ] {
        if n > 0 {
            faults.push(format!("{what}: {n}"));
        }
    }
    match trial.callbacks {
        0 => "no callback came".to_owned(),
        n => format!("{} of {n} callbacks", faults.join(", ")),
    }
}
