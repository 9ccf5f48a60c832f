//! TOML files of ours: read with a bound, and complained about with line and column.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::de::DeserializeOwned;

/// Longest file that is read, bytes. A song of 128 tracks has 20 kB.
const LONGEST: u64 = 1 << 20;

/// A complaint about a place in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Located {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub what: String,
}

impl Located {
    /// A complaint about the byte `offset` of `text`.
    pub fn at(text: &str, offset: usize, what: impl Into<String>) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            what: what.into(),
        }
    }
}

/// Parses TOML.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Located> {
    toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        Located::at(text, offset, plain(error.message()))
    })
}

/// Serde's words for Rust programmers in the words of a TOML file.
fn plain(message: &str) -> String {
    let first = message.lines().next().unwrap_or("not TOML");
    if let Some((given, expected)) = first
        .strip_prefix("invalid type: ")
        .and_then(|rest| rest.split_once(", expected "))
    {
        return format!("expected {}, not {}", noun(expected), noun(given));
    }
    // A list where serde would read a table's values from one by one.
    if let Some((_, expected)) = first
        .strip_prefix("invalid length ")
        .and_then(|rest| rest.split_once(", expected "))
        && expected.starts_with("struct ")
    {
        return "expected a table, not a list".into();
    }
    for (rust, toml) in [
        ("unknown field", "unknown key"),
        ("missing field", "missing key"),
        ("unknown variant", "unknown value"),
    ] {
        if let Some(rest) = first.strip_prefix(rust) {
            return format!("{toml}{rest}");
        }
    }
    first.to_owned()
}

/// Serde's name of a type in the words of TOML.
fn noun(rust: &str) -> &str {
    match rust {
        "i64" | "u8" | "u16" | "u32" | "u64" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" | "sequence" => "a list (`[…]` or `[[…]]`)",
        "a map" | "map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

/// Why a file of ours can't be read as text.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The system said no.
    Io(io::Error),
    /// It is read, but no text.
    Text(Located),
}

/// Reads a file as text.
pub(crate) fn read(path: &Path) -> Result<String, ReadError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes))
        .map_err(ReadError::Io)?;
    if bytes.len() as u64 > LONGEST {
        return Err(ReadError::Text(Located {
            line: 1,
            column: 1,
            what: "longer than 1 MB: this is no TOML file of backline".into(),
        }));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..good]).into_owned();
        ReadError::Text(Located::at(&before, good, "not UTF-8 text from here on"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters_from_1() {
        let text = "a\nbé = 1\n";
        let place = |offset| {
            let Located { line, column, .. } = Located::at(text, offset, "");
            (line, column)
        };
        assert_eq!(place(0), (1, 1));
        assert_eq!(place(2), (2, 1));
        assert_eq!(place(5), (2, 3));
        assert_eq!(place(999), (3, 1));
    }

    #[test]
    fn a_list_is_no_table() {
        #[derive(Debug, serde::Deserialize)]
        struct Song {
            #[allow(dead_code)]
            tracks: Vec<Named>,
        }
        #[derive(Debug, serde::Deserialize)]
        struct Named {
            #[allow(dead_code)]
            name: String,
        }
        for list in ["tracks = [[]]", "tracks = [ []\n]"] {
            let complaint = parse::<Song>(list).unwrap_err();
            assert_eq!(complaint.what, "expected a table, not a list");
            assert_eq!(complaint.line, 1);
        }
        let complaint = parse::<Song>("tracks = [1]").unwrap_err();
        assert_eq!(complaint.what, "expected a table, not integer `1`");
    }

    #[test]
    fn bytes_that_are_no_text_have_a_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        std::fs::write(&path, b"a = 1\nb = \"\xff\"").unwrap();
        match read(&path) {
            Err(ReadError::Text(at)) => assert_eq!((at.line, at.column), (2, 6)),
            other => panic!("{other:?}"),
        }
        std::fs::write(&path, vec![b' '; 1 << 20]).unwrap();
        assert!(read(&path).is_ok());
        std::fs::write(&path, vec![b' '; (1 << 20) + 1]).unwrap();
        assert!(matches!(read(&path), Err(ReadError::Text(_))));
    }
}
