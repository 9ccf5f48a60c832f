//! Datagrams in: messages, alone or in bundles, and the verbs they ask for. `docs/osc.md` describes them.

use rosc::{OscMessage, OscPacket, OscType, decoder};

use super::super::{ErrorCode, Refusal, Verb};

/// Longest datagram that is read, bytes.
pub const DATAGRAM: usize = 8 * 1024;
/// Messages of a datagram that are read.
const MESSAGES: usize = 64;
/// Bundles within bundles.
const DEPTH: usize = 4;
/// What all our addresses begin with.
pub(super) const ROOT: &str = "/backline/";
/// Addresses of ours that are answers. They are never answered, so that two sessions can't keep each other busy.
const ANSWERS: [&str; 2] = ["reply", "error"];

/// What a message asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum OscRequest {
    /// A verb, and the address that asked for it.
    Verb(String, Verb),
    /// Tell every change for a minute, and the meters so many times a second.
    Subscribe {
        /// The address that asked for it.
        address: String,
        /// Reports of the meters a second.
        rate: u32,
        /// Tracks by their names and not by their numbers.
        names: bool,
        /// The port of the sender's host where it wants them, if it isn't the one it sends from.
        port: Option<u16>,
    },
    /// Tell no more.
    Unsubscribe(String),
    /// It makes no sense; the address is empty where there is none.
    Refused(String, Refusal),
}

/// Reads a datagram. What isn't for us asks for nothing.
pub fn read_osc(datagram: &[u8]) -> Vec<OscRequest> {
    let mut requests = Vec::new();
    if let Err(refusal) = packet(datagram, 0, &mut requests) {
        requests.push(OscRequest::Refused(String::new(), refusal));
    }
    requests
}

fn bad(what: impl Into<String>) -> Refusal {
    Refusal::new(ErrorCode::BadRequest, what)
}

/// A message, or a bundle of packets. The decoder of rosc is asked for single messages only: it follows bundles
/// and arrays as deep as they go, which a stranger's datagram could make too deep for a thread's stack.
fn packet(bytes: &[u8], depth: usize, requests: &mut Vec<OscRequest>) -> Result<(), Refusal> {
    if bytes.len() > DATAGRAM {
        return Err(bad(format!("a datagram may have {DATAGRAM} bytes")));
    }
    let Some(content) = bytes.strip_prefix(b"#bundle\0") else {
        if requests.len() >= MESSAGES {
            return Err(bad(format!("a datagram may have {MESSAGES} messages")));
        }
        requests.extend(message(bytes)?);
        return Ok(());
    };
    if depth >= DEPTH {
        return Err(bad(format!("bundles may be {DEPTH} deep")));
    }
    // Whatever time it is meant for: now.
    let mut rest = content
        .get(8..)
        .ok_or_else(|| bad("a bundle without a time"))?;
    while let Some((size, behind)) = rest.split_first_chunk::<4>() {
        let size = usize::try_from(u32::from_be_bytes(*size)).unwrap_or(usize::MAX);
        let element = behind.get(..size).filter(|_| size > 0 && size % 4 == 0);
        let element = element.ok_or_else(|| bad("a bundle with an element that isn't whole"))?;
        packet(element, depth + 1, requests)?;
        rest = behind.get(size..).unwrap_or_default();
    }
    Ok(())
}

/// `None` is for somebody else.
fn message(bytes: &[u8]) -> Result<Option<OscRequest>, Refusal> {
    let no_message = || bad("a datagram is an OSC message or a bundle of them");
    let mut strings = bytes.splitn(3, |b| *b == 0).filter(|s| !s.is_empty());
    let address = strings.next().unwrap_or_default();
    if address.starts_with(b"/") && !address.starts_with(ROOT.as_bytes()) {
        return Ok(None);
    }
    // Its types stand on the next multiple of four.
    let types = bytes.get((address.len() / 4 + 1) * 4..).unwrap_or_default();
    let mut types = types.iter().take_while(|b| **b != 0);
    if types.any(|b| *b == b'[') {
        return Err(bad("an argument is no list"));
    }
    match decoder::decode_udp(bytes) {
        Ok((_, OscPacket::Message(message))) => Ok(request(message)),
        _ => Err(no_message()),
    }
}

fn request(message: OscMessage) -> Option<OscRequest> {
    let OscMessage { addr, args } = message;
    let path = addr.strip_prefix(ROOT)?;
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let verb = parts.next().unwrap_or_default();
    if ANSWERS.contains(&verb) {
        return None;
    }
    let words: Vec<String> = parts.map(plain).collect();
    Some(match asked(&addr, verb, words, &args) {
        Ok(Some(request)) => request,
        Ok(None) => return None,
        Err(refusal) => OscRequest::Refused(addr, refusal),
    })
}

/// `None` asks for nothing: a button was let go.
fn asked(
    address: &str,
    verb: &str,
    mut words: Vec<String>,
    args: &[OscType],
) -> Result<Option<OscRequest>, Refusal> {
    let address = address.to_owned();
    match verb {
        "subscribe" => return subscribe(address, &words, args).map(Some),
        "unsubscribe" => return Ok(Some(OscRequest::Unsubscribe(address))),
        _ => {}
    }
    match args {
        // What a button sends: something when it is pressed, 0 when it is let go.
        [arg] if is_button(verb, &words) && pressed(arg).is_some() => {
            if pressed(arg) == Some(false) {
                return Ok(None);
            }
        }
        [arg] if matches!(verb, "mute" | "solo") && !words.is_empty() && pressed(arg).is_some() => {
            let on = pressed(arg) == Some(true);
            words.push(if on { "on" } else { "off" }.to_owned());
        }
        args => {
            for arg in args {
                words.push(word(arg).ok_or_else(|| {
                    let what = "an argument is a number or a string";
                    let shown: String = verb.chars().take(40).collect();
                    let shown = crate::report::clean(&shown);
                    Refusal::new(ErrorCode::BadValue, format!("{shown}: {what}"))
                })?);
            }
        }
    }
    let verb = Verb::parse(verb, &words)?;
    Ok(Some(OscRequest::Verb(address, verb)))
}

/// `subscribe[/names] [RATE [PORT]]`.
fn subscribe(address: String, words: &[String], args: &[OscType]) -> Result<OscRequest, Refusal> {
    let wrong = |what: &str| Refusal::new(ErrorCode::BadValue, format!("subscribe: {what}"));
    let names = match words {
        [] => false,
        [how] if how == "names" => true,
        [how] if how == "numbers" => false,
        _ => {
            return Err(wrong(
                "it is /backline/subscribe or /backline/subscribe/names",
            ));
        }
    };
    let mut numbers = args.iter().map(word);
    let rate: Vec<String> = match numbers.next() {
        None => vec![],
        Some(word) => vec![word.ok_or_else(|| wrong("RATE is a number"))?],
    };
    let Verb::Subscribe(rate) = Verb::parse("subscribe", &rate)? else {
        return Err(wrong("RATE is a number"));
    };
    let port = match numbers.next() {
        None => None,
        Some(word) => {
            let port = word.and_then(|word| word.parse().ok()).filter(|p| *p > 0);
            Some(port.ok_or_else(|| wrong("PORT is a whole number from 1 to 65535"))?)
        }
    };
    match numbers.next() {
        Some(_) => Err(wrong("it is RATE, PORT and no more")),
        None => Ok(OscRequest::Subscribe {
            address,
            rate,
            names,
            port,
        }),
    }
}

/// Whether that is all it needs to know, so that a number that follows can only be a button's.
fn is_button(verb: &str, words: &[String]) -> bool {
    match verb {
        "play" | "pause" | "toggle" | "stop" | "next" | "previous" | "clear-solo" | "quit"
        | "status" | "meters" | "loop" | "save" => true,
        "seek" | "jump" | "song" | "monitor" | "trigger" | "load" => !words.is_empty(),
        _ => false,
    }
}

fn pressed(arg: &OscType) -> Option<bool> {
    match arg {
        OscType::Int(n) => Some(*n != 0),
        OscType::Long(n) => Some(*n != 0),
        OscType::Float(x) => Some(*x != 0.0),
        OscType::Double(x) => Some(*x != 0.0),
        OscType::Bool(on) => Some(*on),
        _ => None,
    }
}

fn word(arg: &OscType) -> Option<String> {
    match arg {
        OscType::Int(n) => Some(n.to_string()),
        OscType::Long(n) => Some(n.to_string()),
        OscType::Float(x) => Some(x.to_string()),
        OscType::Double(x) => Some(x.to_string()),
        OscType::String(text) => Some(text.clone()),
        OscType::Bool(on) => Some(if *on { "on" } else { "off" }.to_owned()),
        _ => None,
    }
}

/// A part of an address in which `%20` is a blank: what an address has no room for.
fn plain(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let escaped = behind.get(..2).filter(|_| *first == b'%');
        let escaped = escaped.and_then(|two| std::str::from_utf8(two).ok());
        let escaped = escaped.filter(|two| two.bytes().all(|b| b.is_ascii_hexdigit()));
        match escaped.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A name as a part of an address.
pub(super) fn part(name: &str) -> String {
    let mut part = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b' '
            | b'#'
            | b'%'
            | b'*'
            | b','
            | b'/'
            | b'?'
            | b'['
            | b']'
            | b'{'
            | b'}'
            | 0..=31
            | 127.. => part.push_str(&format!("%{byte:02X}")),
            _ => part.push(char::from(byte)),
        }
    }
    part
}
