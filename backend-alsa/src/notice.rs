//! What the user should know of what was granted: sentences, joined into one.

use engine_core::backend::{Text, text};

/// One sentence and another; either may be empty.
pub(crate) fn and(first: &str, second: &str) -> Text {
    match (first.is_empty(), second.is_empty()) {
        (false, false) => text(format_args!("{first}; {second}")),
        _ => text(format_args!("{first}{second}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_joined_and_nothing_is_nothing() {
        assert_eq!(and("a", "b").as_str(), "a; b");
        assert_eq!(and("", "b").as_str(), "b");
        assert_eq!(and("a", "").as_str(), "a");
        assert_eq!(and("", "").as_str(), "");
    }
}
