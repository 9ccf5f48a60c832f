//! `backline ctl`: asks a session for something, and waits until it has taken effect.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use serde_json::Value;

use super::Ending;
use crate::args::Ctl;
use crate::control::{Connection, ErrorCode, Reply, Verb, find, folders};
use crate::exit::{Code, Failure};
use crate::report::clean;

/// How long the session may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long what was accepted may take to be done. (A jump waits for the end of a section.)
const LONG: Duration = Duration::from_secs(3600);

pub(super) fn run(order: &Ctl) -> Result<Ending, Failure> {
    let path = match &order.control {
        Some(path) => path.clone(),
        None => find(
            order.name.as_deref(),
            &folders(&|name| std::env::var_os(name)),
        )?,
    };
    let mut session = Connection::open(&path)?;
    session.send(&order.verb)?;
    let gone = || {
        Failure::new(
            Code::Unavailable,
            format!("{}: the session ended", path.display()),
        )
    };
    let mut patience = Some(PATIENCE);
    loop {
        let Some(reply) = session.next(patience)? else {
            return Err(gone());
        };
        if order.json {
            if !print(&format!("{}\n", reply.line))? {
                return Ok(Ending::Code(Code::Done));
            }
            // The reason is in what was printed.
            if let Some(code) = refusal(&reply.body).map(|(code, _)| code) {
                return Ok(Ending::Code(code));
            }
        } else if let Some((code, message)) = refusal(&reply.body) {
            return Err(Failure::new(code, message));
        } else if let Some(text) = text(&reply, &order.verb)
            && !print(&text)?
        {
            return Ok(Ending::Code(Code::Done));
        }
        match &order.verb {
            Verb::Subscribe(_) if reply.body["event"] == "bye" => {
                return Ok(Ending::Code(Code::Done));
            }
            Verb::Subscribe(_) => patience = None,
            _ if reply.body["ok"]["accepted"] == true => patience = Some(LONG),
            _ => return Ok(Ending::Code(Code::Done)),
        }
    }
}

/// The exit code and the sentence of a refusal.
fn refusal(body: &Value) -> Option<(Code, String)> {
    let over = body["event"] == "bye" && body["code"] == ErrorCode::Over.word();
    let why = match (body.get("error"), body.get("failed")) {
        (Some(why), _) | (_, Some(why)) => why,
        // A session that ends is no fault of who listens.
        _ if body["event"] == "bye" && !over => body,
        _ => return None,
    };
    let word = why["code"].as_str().unwrap_or_default();
    let code = ErrorCode::ALL.iter().find(|code| code.word() == word);
    let message = clean(why["message"].as_str().unwrap_or("it was refused"));
    Some((code.map_or(Code::Unavailable, |code| code.exit()), message))
}

/// Prints. False when nobody reads any more.
fn print(text: &str) -> Result<bool, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(Failure::new(Code::Io, format!("standard output: {e}"))),
    }
}

/// For people. What was simply done is done without a word.
fn text(reply: &Reply, verb: &Verb) -> Option<String> {
    let body = &reply.body;
    match verb {
        Verb::Status => Some(status(&body["ok"])),
        Verb::Meters => Some(meters(&body["ok"])),
        Verb::Subscribe(_) => match body["event"].as_str()? {
            "state" => Some(headline(body) + "\n"),
            "meters" => Some(levels(body) + "\n"),
            "bye" => Some("the session is over\n".into()),
            _ => None,
        },
        // Which file that was.
        _ => {
            let file = [&body["ok"]["file"], &body["done"]["file"]];
            let file = file.iter().find_map(|file| file.as_str())?;
            Some(format!("saved in {}\n", clean(file)))
        }
    }
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) => clean(text),
        Value::Null => "-".into(),
        other => other.to_string(),
    }
}

fn clock(frame: &Value, rate: &Value) -> String {
    match (
        frame.as_u64(),
        rate.as_u64().and_then(|r| u32::try_from(r).ok()),
    ) {
        (Some(frame), Some(rate)) if rate > 0 => crate::report::clock(frame, rate),
        _ => "-".into(),
    }
}

/// State, song, place.
fn headline(s: &Value) -> String {
    let mut line = word(&s["state"]);
    if s["reason"].is_string() {
        let _ = write!(line, " ({})", word(&s["reason"]));
    }
    let _ = write!(line, "  {}", word(&s["song"]));
    if s["songs"].as_array().is_some_and(|songs| songs.len() > 1) {
        let (at, of) = (&s["song_number"], s["songs"].as_array().map_or(0, Vec::len));
        let _ = write!(line, " ({at}/{of})");
    }
    if s["section"].is_string() {
        let _ = write!(line, "  @{}", word(&s["section"]));
    }
    if let Some([a, b]) = s["loop"].as_array().map(Vec::as_slice) {
        let rate = &s["rate"];
        let _ = write!(line, "  loop {}..{}", clock(a, rate), clock(b, rate));
    }
    line
}

fn status(s: &Value) -> String {
    let rate = &s["rate"];
    let mut out = format!(
        "{}\n{} of {}, {} Hz, {} {}\n",
        headline(s),
        clock(&s["frame"], rate),
        clock(&s["length_frames"], rate),
        word(rate),
        word(&s["backend"]),
        word(&s["device"]),
    );
    for track in s["tracks"].as_array().into_iter().flatten() {
        let flags = [("mute", "muted"), ("solo", "solo")];
        let flags = flags.iter().filter(|(key, _)| track[*key] == true);
        let flags: Vec<&str> = flags.map(|(_, word)| *word).collect();
        let _ = writeln!(
            out,
            "{:>3} {:24} {:>8} dB  pan {:>5}  {:8} {}",
            track["number"],
            word(&track["name"]),
            word(&track["gain_db"]),
            word(&track["pan"]),
            word(&track["bus"]),
            flags.join(", ")
        );
    }
    for bus in s["buses"].as_array().into_iter().flatten() {
        let _ = writeln!(
            out,
            "bus {:24} {:>8} dB",
            word(&bus["name"]),
            word(&bus["level_db"])
        );
    }
    let _ = writeln!(out, "master {:21} {:>8} dB", "", word(&s["master_db"]));
    let _ = writeln!(
        out,
        "device xruns {}, late callbacks {}, starvations {}, clips {}, damaged {}",
        word(&s["device_xruns"]),
        word(&s["late_callbacks"]),
        word(&s["starvations"]),
        word(&s["clips"]),
        word(&s["damaged"])
    );
    out
}

fn meters(m: &Value) -> String {
    let mut out = String::new();
    for (key, what) in [("tracks", ""), ("buses", "bus ")] {
        for meter in m[key].as_array().into_iter().flatten() {
            let name = format!("{what}{}", word(&meter["name"]));
            let _ = writeln!(out, "{name:28} {:>8} dB", word(&meter["peak_db"]));
        }
    }
    out
}

/// The buses' levels on one line.
fn levels(m: &Value) -> String {
    let buses = m["buses"].as_array().into_iter().flatten();
    let buses = buses.map(|b| format!("{} {} dB", word(&b["name"]), word(&b["peak_db"])));
    let buses: Vec<String> = buses.collect();
    format!("frame {}  {}", word(&m["frame"]), buses.join("  "))
}
