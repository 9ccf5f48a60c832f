//! The lines of the protocol: requests in, replies and events out. `docs/protocol.md` describes them.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Answer, ErrorCode, Refusal, Verb, shown};

/// The version there is.
const VERSION: u64 = 1;
/// Longest line of a request, bytes, its end not counted.
pub const LINE_LIMIT: usize = 16 * 1024;
/// Longest `id` that is repeated, bytes of its JSON.
const ID_LIMIT: usize = 256;

/// A line, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Whatever names the request in the replies: a string or a number.
    pub id: Option<Value>,
    /// What is asked for, or why the line asks for nothing.
    pub verb: Result<Verb, Refusal>,
}

impl Request {
    /// Reads a line, which has no line end.
    pub fn parse(line: &[u8]) -> Self {
        let mut id = None;
        let verb = Self::read(line, &mut id);
        Self { id, verb }
    }

    fn read(line: &[u8], id: &mut Option<Value>) -> Result<Verb, Refusal> {
        let bad = |what: &str| Refusal::new(ErrorCode::BadRequest, what);
        let Ok(text) = std::str::from_utf8(line) else {
            return Err(bad("a request is text in UTF-8"));
        };
        let value: Value = serde_json::from_str(text).map_err(|_| {
            bad(r#"a request is one JSON object on a line, such as {"verb":"pause"}"#)
        })?;
        let Value::Object(object) = value else {
            return Err(bad(
                r#"a request is a JSON object, such as {"verb":"pause"}"#,
            ));
        };
        if let Some(given) = object.get("id") {
            match given {
                Value::String(_) | Value::Number(_) if given.to_string().len() <= ID_LIMIT => {
                    *id = Some(given.clone());
                }
                Value::Null => {}
                _ => return Err(bad("`id` is a short string or a number")),
            }
        }
        match object.get("v") {
            None => {}
            Some(v) if v.as_u64() == Some(VERSION) => {}
            Some(_) => {
                return Err(Refusal::new(
                    ErrorCode::Version,
                    "this session speaks version 1 of the protocol",
                ));
            }
        }
        if object
            .keys()
            .any(|key| !matches!(key.as_str(), "v" | "id" | "verb" | "args"))
        {
            return Err(bad("the keys of a request are v, id, verb and args"));
        }
        let Some(Value::String(verb)) = object.get("verb") else {
            return Err(bad("`verb` is missing, or is no string"));
        };
        let args = match object.get("args") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(args)) => args
                .iter()
                .map(word)
                .collect::<Option<Vec<String>>>()
                .ok_or_else(|| bad("`args` is a list of strings and numbers"))?,
            Some(_) => return Err(bad("`args` is a list of strings and numbers")),
        };
        Verb::parse(verb, &args)
    }

    /// The line that asks for a verb, with its end.
    pub fn line(id: Option<&Value>, verb: &Verb) -> String {
        let (name, args) = verb.words();
        let mut object = Map::new();
        object.insert("v".into(), json!(VERSION));
        if let Some(id) = id {
            object.insert("id".into(), id.clone());
        }
        object.insert("verb".into(), json!(name));
        if !args.is_empty() {
            object.insert("args".into(), json!(args));
        }
        format!("{}\n", Value::Object(object))
    }
}

/// An argument as a word.
fn word(arg: &Value) -> Option<String> {
    match arg {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[derive(Serialize)]
struct Line<'a> {
    v: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    #[serde(flatten)]
    body: Value,
}

fn line(id: Option<&Value>, event: Option<&str>, body: Value) -> String {
    let line = Line {
        v: VERSION,
        id,
        event,
        body,
    };
    // Plain values with string keys always have a JSON.
    let mut line = serde_json::to_string(&line).unwrap_or_default();
    line.push('\n');
    line
}

fn error(refusal: &Refusal) -> Value {
    json!({ "code": refusal.code.word(), "message": refusal.message })
}

/// The line of a request's reply. After an `accepted` the last answer is told as `done` or `failed`.
pub(super) fn reply(
    id: Option<&Value>,
    verb: Option<&Verb>,
    accepted: bool,
    answer: &Answer,
) -> String {
    let body = match answer {
        Answer::Accepted => json!({ "ok": { "accepted": true } }),
        Answer::Done { frame } if accepted => json!({ "done": { "frame": frame } }),
        Answer::Done { frame } => json!({ "ok": { "frame": frame } }),
        Answer::Saved { frame, file } => {
            let said = json!({ "frame": frame, "file": file.to_string_lossy() });
            json!({ (if accepted { "done" } else { "ok" }): said })
        }
        Answer::Status(status) if verb == Some(&Verb::Meters) => {
            json!({ "ok": shown::meters(status) })
        }
        Answer::Status(status) => json!({ "ok": shown::status(status) }),
        Answer::Refused(refusal) if accepted => json!({ "failed": error(refusal) }),
        Answer::Refused(refusal) => json!({ "error": error(refusal) }),
    };
    line(id, None, body)
}

/// The reply to a subscription to the meters, so many times a second.
pub(super) fn subscribed(id: Option<&Value>, rate: u32) -> String {
    line(id, None, json!({ "ok": { "rate": rate } }))
}

/// The line of an event for subscribers.
pub(super) fn event(name: &str, body: Value) -> String {
    line(None, Some(name), body)
}

/// The last line of a connection that is closed by the session.
pub(super) fn bye(refusal: &Refusal) -> String {
    event("bye", error(refusal))
}
