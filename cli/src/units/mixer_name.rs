//! A volume of a sound card's mixer: `Master`, or `Headphone,1` for the second of that name.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::UnitError;

/// The name of a volume in a card's mixer, and which one of that name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MixerName {
    /// The element's name.
    pub name: String,
    /// Its index, from 0.
    pub index: u32,
}

impl MixerName {
    /// A name and an index from 0.
    pub fn new(name: String, index: u32) -> Self {
        Self { name, index }
    }
}

impl FromStr for MixerName {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || UnitError::new("a mixer's name such as `Master` or `Headphone,1`", text);
        let (name, index) = match text.rsplit_once(',') {
            Some((name, index)) => (name, index.trim().parse().map_err(|_| error())?),
            None => (text, 0),
        };
        let name = name.trim();
        match name.is_empty() || text.contains(char::is_control) {
            true => Err(error()),
            false => Ok(Self::new(name.to_owned(), index)),
        }
    }
}

impl fmt::Display for MixerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            0 => f.write_str(&self.name),
            index => write!(f, "{},{index}", self.name),
        }
    }
}

impl Serialize for MixerName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_which_one_of_it() {
        for (text, name, index) in [
            ("Master", "Master", 0),
            ("Headphone,1", "Headphone", 1),
            ("Line Out , 2", "Line Out", 2),
            ("PCM,0", "PCM", 0),
        ] {
            let read: MixerName = text.parse().unwrap();
            assert_eq!(read, MixerName::new(name.to_owned(), index));
            assert_eq!(read.to_string().parse(), Ok(read));
        }
        for wrong in ["", " ", ",1", "Master,", "Master,x", "Master,-1", "a\n"] {
            assert!(wrong.parse::<MixerName>().is_err(), "{wrong:?}");
        }
    }
}
