//! How a song of a setlist is named.

use std::fmt;
use std::str::FromStr;

use super::UnitError;

/// A song as it was named: `3` is the third, anything else a title, `name:3` the title `3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SongRef {
    /// 1-based number.
    Number(usize),
    /// Title, in full and with its case.
    Title(String),
}

impl SongRef {
    /// Its index among these titles, from 0.
    pub fn among<'a>(&self, mut titles: impl ExactSizeIterator<Item = &'a str>) -> Option<usize> {
        match self {
            Self::Number(number) => number.checked_sub(1).filter(|i| *i < titles.len()),
            Self::Title(title) => titles.position(|t| t == title),
        }
    }
}

impl FromStr for SongRef {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let expected =
            "a song: its number from 1, its title, or `name:2` for one whose title is a number";
        let error = || UnitError::new(expected, text);
        match text.strip_prefix("name:").unwrap_or(text) {
            "" => Err(error()),
            title if title.len() < text.len() => Ok(Self::Title(title.to_owned())),
            title if !title.bytes().all(|b| b.is_ascii_digit()) => {
                Ok(Self::Title(title.to_owned()))
            }
            number => match number.parse() {
                Ok(0) | Err(_) => Err(error()),
                Ok(number) => Ok(Self::Number(number)),
            },
        }
    }
}

/// As it would be given: parses to the same song.
impl fmt::Display for SongRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Title(title) => {
                let ambiguous =
                    title.starts_with("name:") || title.bytes().all(|b| b.is_ascii_digit());
                write!(f, "{}{title}", if ambiguous { "name:" } else { "" })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_titles_and_titles_that_are_numbers() {
        let titles = ["rain", "2", "name:x"];
        for (text, index) in [
            ("1", Some(0)),
            ("3", Some(2)),
            ("4", None),
            ("rain", Some(0)),
            ("Rain", None),
            ("2", Some(1)),
            ("name:2", Some(1)),
            ("name:name:x", Some(2)),
        ] {
            let song: SongRef = text.parse().unwrap();
            assert_eq!(song.among(titles.into_iter()), index, "{text}");
            assert_eq!(song.to_string().parse::<SongRef>().unwrap(), song);
        }
        for text in ["", "0", "name:", "99999999999999999999999"] {
            text.parse::<SongRef>().unwrap_err();
        }
    }
}
