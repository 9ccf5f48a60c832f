//! Any bytes as lines of the control socket.

use backline::control::Request;

/// Reads each line as a request; one that asks for something is written out and read again.
///
/// # Panics
/// When something else comes back, or a refusal is no sentence.
pub fn protocol(data: &[u8]) {
    for line in data.split(|b| *b == b'\n') {
        let request = Request::parse(line);
        match &request.verb {
            Ok(verb) => {
                let again = Request::line(request.id.as_ref(), verb);
                let again = Request::parse(again.trim_end_matches('\n').as_bytes());
                assert_eq!(again, request, "another request");
            }
            Err(refusal) => {
                assert!(!refusal.message.trim().is_empty(), "no words");
                let plain = !refusal.message.chars().any(char::is_control);
                assert!(plain, "{:?}", refusal.message);
            }
        }
    }
}
