//! Any bytes as a datagram of OSC.

use backline::control::{DATAGRAM, OscRequest, Verb, read_osc};

/// Reads a datagram; every verb in it is one by its words, too.
///
/// # Panics
/// When it isn't, or a refusal is no sentence, or a long datagram is read.
pub fn osc(data: &[u8]) {
    let requests = read_osc(data);
    assert!(requests.len() <= 65, "{} requests", requests.len());
    for request in requests {
        match request {
            OscRequest::Verb(address, verb) => {
                assert!(address.starts_with("/backline/"), "{address}");
                assert!(data.len() <= DATAGRAM, "a long one");
                let (name, words) = verb.words();
                assert_eq!(
                    Verb::parse(name, &words).as_ref(),
                    Ok(&verb),
                    "another verb"
                );
            }
            OscRequest::Refused(_, refusal) => {
                assert!(!refusal.message.trim().is_empty(), "no words");
                let plain = !refusal.message.chars().any(char::is_control);
                assert!(plain, "{:?}", refusal.message);
            }
            OscRequest::Subscribe { rate, port, .. } => {
                assert!(rate <= 30 && port != Some(0), "{rate} {port:?}");
            }
            OscRequest::Unsubscribe(_) => {}
        }
    }
}
