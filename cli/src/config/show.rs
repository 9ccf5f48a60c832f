//! `backline config show`: every value with its source.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Setting, Settings, Source, dither_word, format_word};

/// One setting for display.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Key as in the configuration file, with its table: `controller.poll_ms`.
    pub key: &'static str,
    /// The value; null is "nothing said".
    pub value: Value,
    /// Where it comes from.
    pub source: String,
    /// Whether that is a flag of the command line.
    pub by_flag: bool,
}

/// Every setting in the order of the documentation.
pub fn rows(settings: &Settings) -> Vec<Row> {
    fn row<T>(key: &'static str, setting: &Setting<T>, value: impl FnOnce(&T) -> Value) -> Row {
        Row {
            key,
            value: value(&setting.value),
            source: setting.source.to_string(),
            by_flag: matches!(setting.source, Source::Flag(_)),
        }
    }
    let s = settings;
    let connect: Vec<String> = s.connect.value.iter().map(ToString::to_string).collect();
    let inputs: Vec<String> = s.input.value.iter().map(ToString::to_string).collect();
    vec![
        row("profile", &s.profile, |v| json!(v)),
        row("backend", &s.backend, |v| json!(v)),
        row("device", &s.device, |v| json!(v)),
        row("rate", &s.rate, |v| json!(v)),
        row("period", &s.period, |v| json!(v)),
        row("periods", &s.periods, |v| json!(v)),
        row("format", &s.format, |v| json!(v.map(format_word))),
        row("dither", &s.dither, |v| json!(dither_word(*v))),
        row("mixer", &s.mixer, |v| json!(v)),
        row("volume", &s.volume, |v| json!(v.map(|v| v.to_string()))),
        row("volume_max", &s.volume_max, |v| {
            json!(v.map(|v| v.to_string()))
        }),
        row("keep_alive", &s.keep_alive, |v| json!(v)),
        row("channel_map", &s.channel_map, |v| json!(v)),
        row("ring_ms", &s.ring_ms, |v| json!(v)),
        row("rt_priority", &s.rt_priority, |v| json!(v)),
        row("strict_rate", &s.strict_rate, |v| json!(v)),
        row("max_gain_db", &s.max_gain_db, |v| json!(v)),
        row("preload_limit", &s.preload_limit, |v| json!(v)),
        row("name", &s.name, |v| json!(v)),
        row("server", &s.server, |v| json!(v)),
        row("start_server", &s.start_server, |v| json!(v)),
        row("ports", &s.ports, |v| json!(v)),
        row("connect", &s.connect, |_| json!(connect)),
        row("transport", &s.transport, |v| json!(v)),
        row("control", &s.control, |v| json!(v)),
        row("control_group", &s.control_group, |v| json!(v)),
        row("osc", &s.osc, |v| json!(v)),
        row("map", &s.map, |v| json!(v)),
        row("midi", &s.midi, |v| json!(v)),
        row("input", &s.input, |_| json!(inputs)),
        row("status", &s.status, |v| json!(v)),
        row("on_damage", &s.on_damage, |v| json!(v)),
        row("wait_device", &s.wait_device, |v| json!(v)),
        row("metrics", &s.metrics, |v| json!(v)),
        row("keep_state", &s.keep_state, |v| json!(v)),
        row("on_loss", &s.on_loss, |v| json!(v)),
        row("on_return", &s.on_return, |v| json!(v)),
        row("controller.poll_ms", &s.poll_ms, |v| json!(v)),
        row("monitoring.level", &s.monitor, |v| json!(v)),
    ]
}

/// For people: one setting a line in TOML, its source behind `#`; what nobody said is a comment.
pub fn to_text(settings: &Settings) -> String {
    let mut out = match &settings.config_file {
        Some(path) => format!("# configuration file: {}\n", path.display()),
        None => "# no configuration file\n".to_owned(),
    };
    for row in rows(settings) {
        let line = match row.value {
            Value::Null => format!("# {} is not set", row.key),
            // JSON's strings, numbers, booleans and lists of strings are TOML's too.
            value => format!("{} = {value}", row.key),
        };
        let _ = writeln!(out, "{line:40} # {}", row.source);
    }
    out
}

/// One JSON document.
pub fn to_json(settings: &Settings) -> Value {
    let values: serde_json::Map<String, Value> = rows(settings)
        .into_iter()
        .map(|row| {
            let entry = json!({ "value": row.value, "source": row.source });
            (row.key.to_owned(), entry)
        })
        .collect();
    json!({ "config_file": settings.config_file, "settings": values })
}
