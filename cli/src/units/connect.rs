//! Rules for connecting JACK ports: `none`, `physical`, `PORT=DEST`, `PORT=/REGEX/`.

use std::fmt;
use std::str::FromStr;

use super::UnitError;

/// One rule of `--connect`. The default, without any rule, is [`Connect::Physical`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connect {
    /// Connect nothing. Stands alone.
    Nothing,
    /// The ports of bus `main` to the physical outputs, one to one, and nothing else.
    Physical,
    /// One of our ports (`main_L`) to the port of that full name (`system:playback_1`).
    Exact {
        /// Our port, without the client's name.
        port: String,
        /// Full name of the other port.
        dest: String,
    },
    /// One of our ports to the one port whose full name the whole pattern matches.
    Matching {
        /// Our port, without the client's name.
        port: String,
        /// The regular expression between the slashes.
        pattern: String,
    },
}

impl Connect {
    /// Our port for MIDI, for which the other port is a source.
    pub const MIDI_PORT: &'static str = "control_in";

    /// Our port.
    pub fn port(&self) -> Option<&str> {
        match self {
            Self::Nothing | Self::Physical => None,
            Self::Exact { port, .. } | Self::Matching { port, .. } => Some(port),
        }
    }

    /// Whether these rules go together.
    ///
    /// # Errors
    /// There are none, or `none` is not alone.
    pub fn check_all(rules: &[Connect]) -> Result<(), &'static str> {
        match rules {
            [] => Err("an empty list connects nothing; say `none`"),
            [_] => Ok(()),
            _ if rules.contains(&Connect::Nothing) => {
                Err("`none` stands alone, without other rules")
            }
            _ => Ok(()),
        }
    }
}

impl FromStr for Connect {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || {
            UnitError::new(
                "`none`, `physical`, or PORT=DEST such as `main_L=system:playback_1` or `main_L=/.*:playback_FL/`",
                text,
            )
        };
        match text {
            "none" => return Ok(Self::Nothing),
            "physical" => return Ok(Self::Physical),
            _ => {}
        }
        // Ours never has a `=`; the other side may.
        let (port, dest) = text.split_once('=').ok_or_else(error)?;
        if port.is_empty() {
            return Err(error());
        }
        let port = port.to_owned();
        match dest.strip_prefix('/').map(|rest| rest.strip_suffix('/')) {
            Some(Some(pattern)) if !pattern.is_empty() => {
                check_pattern(pattern)?;
                Ok(Self::Matching {
                    port,
                    pattern: pattern.to_owned(),
                })
            }
            None if dest.contains(':') => Ok(Self::Exact {
                port,
                dest: dest.to_owned(),
            }),
            _ => Err(error()),
        }
    }
}

fn check_pattern(pattern: &str) -> Result<(), UnitError> {
    regex_lite::Regex::new(pattern).map(drop).map_err(|why| {
        let expected = format!("a regular expression between the slashes ({why})");
        UnitError::new(expected, pattern)
    })
}

/// As it would be given.
impl fmt::Display for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("none"),
            Self::Physical => f.write_str("physical"),
            Self::Exact { port, dest } => write!(f, "{port}={dest}"),
            Self::Matching { port, pattern } => write!(f, "{port}=/{pattern}/"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_round_trips() {
        for text in [
            "none",
            "physical",
            "main_L=system:playback_1",
            "main_L=a=b:c=d",
            "click=/.*:playback_FL/",
            "click=/a/b/",
        ] {
            assert_eq!(text.parse::<Connect>().unwrap().to_string(), text);
        }
        let port = "main_L".to_owned();
        let dest = "Built-in Audio:playback_FL".to_owned();
        assert_eq!(
            "main_L=Built-in Audio:playback_FL".parse(),
            Ok(Connect::Exact { port, dest })
        );
    }

    #[test]
    fn a_pattern_that_is_none_is_refused_with_the_reason() {
        assert_eq!(
            "main_L=/sys(tem:.*/"
                .parse::<Connect>()
                .unwrap_err()
                .to_string(),
            "expected a regular expression between the slashes (found open group without closing ')'), not `sys(tem:.*`"
        );
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in [
            "",
            "all",
            "None",
            "main_L",
            "main_L=",
            "main_L=playback_1",
            "=a:b",
            "main_L=/",
            "main_L=//",
            "main_L=/abc",
            "main_L=/a:b",
        ] {
            assert_eq!(
                text.parse::<Connect>().unwrap_err().to_string(),
                format!(
                    "expected `none`, `physical`, or PORT=DEST such as `main_L=system:playback_1` or `main_L=/.*:playback_FL/`, not `{text}`"
                )
            );
        }
    }
}
