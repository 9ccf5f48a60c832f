//! What libjack says: kept here instead of on stderr.
//!
//! libjack calls its error and info functions on any thread of any client of the process, so
//! the place is one for the process, bounded, and written without waiting or allocating.

use std::sync::Mutex;

use engine_core::backend::{Text, text};

/// Messages kept; older ones are dropped.
const KEPT: usize = 32;

static MESSAGES: Mutex<heapless::Deque<Text, KEPT>> = Mutex::new(heapless::Deque::new());

/// Takes one message in. Dropped when another thread is at the messages just now.
pub(crate) fn put(message: &str) {
    let line = message.trim();
    if line.is_empty() {
        return;
    }
    if let Ok(mut all) = MESSAGES.try_lock() {
        if all.is_full() {
            all.pop_front();
        }
        let _ = all.push_back(text(format_args!("{line}")));
    }
}

/// The latest message, if there is one.
pub(crate) fn last() -> Option<Text> {
    MESSAGES.lock().ok()?.back().cloned()
}

/// Takes out what libjack has said since the last call: at most the latest 32 lines, oldest
/// first. It would otherwise have gone to stderr.
pub fn take_messages() -> Vec<String> {
    let Ok(mut all) = MESSAGES.lock() else {
        return Vec::new();
    };
    let mut taken = Vec::new();
    while let Some(line) = all.pop_front() {
        taken.push(line.as_str().to_owned());
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_kept_in_order() {
        for i in 0..KEPT + 5 {
            put(&format!("line {i}\n"));
        }
        put("  \n");
        assert_eq!(last().unwrap().as_str(), format!("line {}", KEPT + 4));
        let all = take_messages();
        assert_eq!(all.len(), KEPT);
        assert_eq!(all[0], "line 5");
        assert!(take_messages().is_empty());
    }
}
