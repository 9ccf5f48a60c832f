//! What a subscriber is told: the state as messages, whose addresses are those that set it.

use rosc::{OscMessage, OscType};

use super::super::shown;
use super::read::{ROOT, part};
use crate::player::Status;
use crate::units::{TrackRef, db_from_gain};

/// What stands for silence, dB: many a tablet can't do with −∞.
const SILENCE_DB: f32 = -144.0;

fn message(path: &str, args: Vec<OscType>) -> OscMessage {
    OscMessage {
        addr: format!("{ROOT}{path}"),
        args,
    }
}

fn db(level: f32) -> OscType {
    let db = db_from_gain(level) as f32;
    OscType::Float(if db.is_finite() {
        db.max(SILENCE_DB)
    } else {
        SILENCE_DB
    })
}

/// What isn't known counts as silence.
fn number(db: Option<f64>) -> OscType {
    let db = db.map_or(SILENCE_DB, |db| db as f32);
    OscType::Float(db.max(SILENCE_DB))
}

fn count(number: impl TryInto<i32>) -> OscType {
    OscType::Int(number.try_into().unwrap_or(i32::MAX))
}

fn seconds(frame: u64, rate: u32) -> OscType {
    let rate = f64::from(rate.max(1));
    OscType::Float((frame as f64 / rate) as f32)
}

/// How a subscriber calls the tracks.
fn tracks(s: &Status, names: bool) -> Vec<String> {
    let number = |(n, t): (usize, &crate::player::TrackMeter)| match names {
        true => part(&TrackRef::Name(t.name.clone()).to_string()),
        false => n.to_string(),
    };
    (1..).zip(&s.tracks).map(number).collect()
}

/// What doesn't change by itself, always the same addresses in the same order for one song.
pub(super) fn state(s: &Status, names: bool) -> Vec<OscMessage> {
    let text = |text: Option<&String>| OscType::String(text.cloned().unwrap_or_default());
    let p = &s.position;
    let length = p.length_frames.unwrap_or(0);
    let mut all = vec![
        message("state", vec![OscType::String(shown::word(p.state).into())]),
        message("song", vec![count(s.song + 1), text(p.song.as_ref())]),
        message("section", vec![text(p.section.as_ref())]),
        message("length", vec![seconds(length, s.rate)]),
        message(
            "looping",
            match s.looping {
                Some((a, b)) => vec![seconds(a, s.rate), seconds(b, s.rate)],
                None => vec![],
            },
        ),
        message("master", vec![db(s.master)]),
        message("volume", vec![number(s.volume.level_db)]),
    ];
    for (track, (n, t)) in tracks(s, names).iter().zip((1..).zip(&s.tracks)) {
        let of = |what: &str, arg| message(&format!("{what}/{track}"), vec![arg]);
        let number: usize = n;
        all.push(message(
            &format!("track/{number}"),
            vec![
                OscType::String(t.name.clone()),
                OscType::String(t.bus.clone()),
            ],
        ));
        all.push(of("gain", db(t.gain)));
        all.push(of("pan", OscType::Float(t.pan)));
        all.push(of("mute", OscType::Int(t.mute.into())));
        all.push(of("solo", OscType::Int(t.solo.into())));
    }
    for b in &s.buses {
        all.push(message(
            &format!("bus/{}", part(&b.name)),
            vec![db(b.level)],
        ));
    }
    let faults = [
        s.device_xruns,
        s.late_callbacks,
        Some(s.starvations),
        Some(s.clips),
    ];
    let faults = faults.map(|f| f.map_or(OscType::Int(-1), count));
    all.push(message("faults", faults.into()));
    all
}

/// What is heard.
pub(super) fn meters(s: &Status, names: bool) -> Vec<OscMessage> {
    let mut all = vec![message("position", vec![seconds(s.position.frame, s.rate)])];
    for (track, t) in tracks(s, names).iter().zip(&s.tracks) {
        all.push(message(&format!("meter/track/{track}"), vec![db(t.peak)]));
    }
    for b in &s.buses {
        all.push(message(
            &format!("meter/bus/{}", part(&b.name)),
            vec![db(b.peak)],
        ));
    }
    all
}
