//! Status and meters as JSON. Levels are in dB: a number, or `"-inf"`.

use serde_json::{Value, json};

use crate::player::Status;
use crate::report::{Latency, State};
use crate::units::db_from_gain;

/// A linear level in dB, to a thousandth.
fn db(level: f32) -> Value {
    number(db_from_gain(level))
}

/// dB, to a thousandth.
fn number(db: f64) -> Value {
    if db.is_finite() {
        json!((db * 1000.0).round() / 1000.0)
    } else {
        json!("-inf")
    }
}

/// A number as people write it: 0.3 and not 0.30000001192092896.
fn short(number: f32) -> Value {
    json!((f64::from(number) * 1e6).round() / 1e6)
}

pub(super) const fn word(state: State) -> &'static str {
    match state {
        State::Stopped => "stopped",
        State::Playing => "playing",
        State::Paused => "paused",
        State::Ended => "ended",
    }
}

/// Everything.
pub(super) fn status(s: &Status) -> Value {
    let mut all = state(s);
    let Value::Object(object) = &mut all else {
        return all;
    };
    object.insert("frame".into(), json!(s.position.frame));
    object.insert("delivered_frames".into(), json!(s.delivered_frames));
    object.insert("output_latency_frames".into(), json!(s.latency_frames));
    object.insert("callbacks".into(), json!(s.callbacks));
    object.insert("latency".into(), latency(s));
    all
}

/// What doesn't change by itself while a song plays.
pub(super) fn state(s: &Status) -> Value {
    let tracks: Vec<Value> = (1..)
        .zip(&s.tracks)
        .map(|(number, t): (usize, _)| {
            json!({
                "number": number,
                "name": t.name,
                "gain_db": db(t.gain),
                "pan": short(t.pan),
                "mute": t.mute,
                "solo": t.solo,
                "bus": t.bus,
            })
        })
        .collect();
    let buses: Vec<Value> = s
        .buses
        .iter()
        .map(|b| json!({ "name": b.name, "level_db": db(b.level) }))
        .collect();
    json!({
        "state": word(s.position.state),
        "reason": s.position.reason,
        "song": s.position.song,
        "song_number": s.song + 1,
        "songs": s.songs,
        "idle": s.idle.map(|idle| idle == s.song),
        "section": s.position.section,
        "sections": s.sections,
        "length_frames": s.position.length_frames,
        "loop": s.looping.map(|(a, b)| [a, b]),
        "rate": (s.rate != 0).then_some(s.rate),
        "backend": s.backend,
        "device": s.device,
        "channel_map": s.channel_map,
        "master_db": db(s.master),
        "volume_db": s.volume.level_db.map(number),
        "volume_max_db": s.volume.max_db.map(number),
        "mixer": s.volume.mixer,
        "tracks": tracks,
        "buses": buses,
        "monitoring": s.latency.level(),
        "device_xruns": s.device_xruns,
        "late_callbacks": s.late_callbacks,
        "starvations": s.starvations,
        "starved_frames": s.starved_frames,
        "clips": s.clips,
        "damaged": s.damaged,
    })
}

/// What is heard.
pub(super) fn meters(s: &Status) -> Value {
    let tracks: Vec<Value> = s
        .tracks
        .iter()
        .map(|t| json!({ "name": t.name, "peak_db": db(t.peak) }))
        .collect();
    let buses: Vec<Value> = s
        .buses
        .iter()
        .map(|b| json!({ "name": b.name, "peak_db": db(b.peak) }))
        .collect();
    json!({
        "frame": s.position.frame,
        "state": word(s.position.state),
        "tracks": tracks,
        "buses": buses,
    })
}

fn latency(s: &Status) -> Value {
    let six = |x: f64| (x * 1e6).round() / 1e6;
    match s.latency {
        Latency::Off => Value::Null,
        Latency::Sampled {
            total_callbacks,
            budget_ms,
            callbacks_per_s,
            longest_gap_ms,
        } => json!({
            "total_callbacks": total_callbacks,
            "budget_ms": six(budget_ms),
            "callbacks_per_s": six(callbacks_per_s),
            "longest_gap_ms": six(longest_gap_ms),
        }),
        Latency::Full {
            mean_ms,
            max_ms,
            min_ms,
            xruns,
            budget_ms,
            usage_pct,
            total_callbacks,
        } => json!({
            "mean_ms": six(mean_ms),
            "max_ms": six(max_ms),
            "min_ms": six(min_ms),
            "xruns": xruns,
            "budget_ms": six(budget_ms),
            "usage_pct": six(usage_pct),
            "total_callbacks": total_callbacks,
        }),
    }
}
