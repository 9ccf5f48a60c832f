//! Names of tracks, buses and sections: what they may be, and what they say.

use std::collections::HashSet;

/// Longest name in a song file, in characters.
const LONGEST: usize = 64;
/// What is left of a longer one: a number that makes it unique has room behind it.
const CUT: usize = 58;

/// Whether `name` may be the name of a track, bus or section.
///
/// # Errors
/// Why not, to stand after "a name".
pub fn check_name(name: &str) -> Result<(), &'static str> {
    if name.trim().is_empty() {
        Err("can't be empty")
    } else if name.trim() != name {
        Err("can't begin or end with a space")
    } else if name.chars().any(char::is_control) {
        Err("can't contain control characters")
    } else if name.chars().count() > LONGEST {
        Err("can't be longer than 64 characters")
    } else {
        Ok(())
    }
}

/// The bus that a stem's name suggests: `click` when one of its words is click, clk or metronome,
/// `cue` when one is cue, guide or talk, else `main`. Words are runs of letters, and a capital
/// after a small letter begins one: `01-Click`, `click_120` and `ClickTrack` have the word click,
/// `clicker` and `rescue` don't.
pub fn suggested_bus(name: &str) -> &'static str {
    let mut word = String::new();
    let mut cue = false;
    let mut previous_small = false;
    for c in name.chars().chain([' ']) {
        if !c.is_alphabetic() || (c.is_uppercase() && previous_small) {
            match word.as_str() {
                "click" | "clk" | "metronome" => return "click",
                "cue" | "guide" | "talk" => cue = true,
                _ => {}
            }
            word.clear();
        }
        if c.is_alphabetic() {
            word.extend(c.to_lowercase());
        }
        previous_small = c.is_lowercase();
    }
    if cue { "cue" } else { "main" }
}

/// A name made from a file's: without control characters and outer spaces, never empty.
pub(crate) fn clean(name: &str) -> String {
    let cleaned: String = name
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    match cleaned.trim() {
        "" => "unnamed".to_owned(),
        long if long.chars().count() > LONGEST => {
            let cut: String = long.chars().take(CUT).collect();
            cut.trim_end().to_owned()
        }
        trimmed => trimmed.to_owned(),
    }
}

/// Makes names unique in their order: the second `drums` becomes `drums 2`.
pub(crate) fn unique(names: Vec<String>) -> Vec<String> {
    let all: HashSet<String> = names.iter().cloned().collect();
    let mut taken = HashSet::new();
    names
        .into_iter()
        .map(|name| {
            let mut candidate = name.clone();
            let mut number = 2;
            while taken.contains(&candidate) || (candidate != name && all.contains(&candidate)) {
                candidate = format!("{name} {number}");
                number += 1;
            }
            taken.insert(candidate.clone());
            candidate
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_choose_the_bus() {
        for name in [
            "click",
            "Click",
            "CLICK",
            "01-click",
            "click_120",
            "ClickTrack",
            "Song click",
            "clk2",
            "Metronome (L)",
            "cue click",
        ] {
            assert_eq!(suggested_bus(name), "click", "{name}");
        }
        for name in ["cue", "Guide vocals", "talk", "02 Talk", "VoxGuide"] {
            assert_eq!(suggested_bus(name), "cue", "{name}");
        }
        for name in [
            "drums",
            "clicker",
            "rescue",
            "talking",
            "guidepost",
            "",
            "metronomes",
            "バス",
        ] {
            assert_eq!(suggested_bus(name), "main", "{name}");
        }
    }

    #[test]
    fn rules_of_names() {
        assert_eq!(check_name("Lead Vox = 2"), Ok(()));
        assert_eq!(check_name(&"é".repeat(64)), Ok(()));
        assert_eq!(check_name(""), Err("can't be empty"));
        assert_eq!(check_name("  "), Err("can't be empty"));
        assert_eq!(check_name(" a"), Err("can't begin or end with a space"));
        assert_eq!(
            check_name("a\u{1b}[2J"),
            Err("can't contain control characters")
        );
        assert_eq!(
            check_name(&"a".repeat(65)),
            Err("can't be longer than 64 characters")
        );
    }

    #[test]
    fn names_become_unique() {
        let unique = |names: &[&str]| unique(names.iter().map(|n| (*n).to_owned()).collect());
        assert_eq!(unique(&["a", "b"]), ["a", "b"]);
        assert_eq!(unique(&["a", "a", "a"]), ["a", "a 2", "a 3"]);
        assert_eq!(unique(&["a", "a", "a 2"]), ["a", "a 3", "a 2"]);
        assert_eq!(clean(" a\nb "), "a\u{fffd}b");
        assert_eq!(clean(" "), "unnamed");
        assert_eq!(clean(&"é".repeat(64)), "é".repeat(64));
        let long = clean(&"é".repeat(65));
        let names = unique(&[&long, &long]);
        assert!(names.iter().all(|n| check_name(n).is_ok()), "{names:?}");
    }
}
