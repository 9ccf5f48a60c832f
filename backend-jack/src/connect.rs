//! Which of our ports goes where: rules, checked once, and matched against the graph's ports.

use regex_lite::Regex;

use engine_core::backend::{BackendError, BackendErrorKind::Usage};

use crate::options::ConnectRule;

/// One connection wanted.
#[derive(Debug)]
pub(crate) struct Want {
    /// Index of our port.
    pub(crate) port: usize,
    /// It is our port for MIDI, which hears an output.
    pub(crate) midi: bool,
    target: Target,
    /// The input it was connected to. It stays so while that input exists: what a user
    /// disconnects by hand is not connected again.
    pub(crate) made: Option<String>,
}

#[derive(Debug)]
enum Target {
    Physical(usize),
    Exact(String),
    Pattern(String, Regex),
}

/// What the graph has for a [`Want`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    One(&'a str),
    None,
    Several(usize),
}

/// The audio inputs of a graph, full names in the server's order.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    pub(crate) all: Vec<String>,
    pub(crate) physical: Vec<String>,
    /// And the outputs for MIDI.
    pub(crate) midi: Vec<String>,
}

impl Inputs {
    /// Whether our ports could be connected to a port of this full name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.all.iter().chain(&self.midi).any(|n| n == name)
    }
}

/// Checks the rules against our ports, of which the first are the `audio` outputs, and compiles their patterns. A port that
/// isn't there is an error, unless `passed` takes its name.
pub(crate) fn wants(
    rules: &[ConnectRule],
    ports: &[String],
    audio: usize,
    mut passed: Option<&mut Vec<String>>,
) -> Result<Vec<Want>, BackendError> {
    let mut index = |name: &str| {
        let found = ports.iter().position(|o| o == name);
        if let (None, Some(passed)) = (found, &mut passed) {
            if !passed.iter().any(|p| p == name) {
                passed.push(name.to_owned());
            }
            return Ok(None);
        }
        found.map(Some).ok_or_else(|| {
            BackendError::new(
                Usage,
                format_args!(
                    "There is no port {name:?} to connect; the ports are {}.",
                    ports.join(", ")
                ),
            )
        })
    };
    let mut wants = Vec::new();
    let mut add = |port: Option<usize>, target| {
        wants.extend(port.map(|port| Want {
            port,
            midi: port >= audio,
            target,
            made: None,
        }));
    };
    for rule in rules {
        match rule {
            ConnectRule::Physical { ports } => {
                for (nth, port) in ports.iter().enumerate() {
                    add(index(port)?, Target::Physical(nth));
                }
            }
            ConnectRule::Exact { port, dest } => add(index(port)?, Target::Exact(dest.clone())),
            ConnectRule::Regex { port, pattern } => {
                // Alone first: `a)|(b` must not compile by grace of the anchors' brackets.
                let regex = Regex::new(pattern)
                    .and_then(|_| Regex::new(&format!("^(?:{pattern})$")))
                    .map_err(|e| {
                        BackendError::new(
                            Usage,
                            format_args!(
                                "The pattern /{pattern}/ for port {port} is no regular expression: {e}."
                            ),
                        )
                    })?;
                add(index(port)?, Target::Pattern(pattern.clone(), regex));
            }
        }
    }
    Ok(wants)
}

/// The rules with ports called by their granted ids, where they are called as was asked for.
pub(crate) fn renamed(rules: &[ConnectRule], asked: &[String], ids: &[String]) -> Vec<ConnectRule> {
    let id = |port: &str| {
        let at = asked.iter().position(|o| o == port);
        at.and_then(|at| ids.get(at))
            .map_or(port, String::as_str)
            .to_owned()
    };
    let rename = |rule: &ConnectRule| match rule {
        ConnectRule::Physical { ports } => ConnectRule::Physical {
            ports: ports.iter().map(|p| id(p)).collect(),
        },
        ConnectRule::Exact { port, dest } => ConnectRule::Exact {
            port: id(port),
            dest: dest.clone(),
        },
        ConnectRule::Regex { port, pattern } => ConnectRule::Regex {
            port: id(port),
            pattern: pattern.clone(),
        },
    };
    rules.iter().map(rename).collect()
}

impl Want {
    /// The port it means, among those there are.
    pub(crate) fn find<'a>(&self, inputs: &'a Inputs) -> Found<'a> {
        let one = |name: Option<&'a String>| name.map_or(Found::None, |n| Found::One(n));
        let all = match self.midi {
            true => &inputs.midi,
            false => &inputs.all,
        };
        match &self.target {
            Target::Physical(nth) => one(inputs.physical.get(*nth)),
            Target::Exact(name) => one(all.iter().find(|n| *n == name)),
            Target::Pattern(_, regex) => {
                let mut matching = all.iter().filter(|n| regex.is_match(n));
                match (matching.next(), matching.count()) {
                    (first, 0) => one(first),
                    (_, more) => Found::Several(more + 1),
                }
            }
        }
    }

    /// The name of an exact target.
    pub(crate) fn exact(&self) -> Option<&str> {
        match &self.target {
            Target::Exact(name) => Some(name),
            _ => None,
        }
    }

    /// What its target must be.
    pub(crate) fn kind(&self) -> &'static str {
        match self.midi {
            true => "MIDI output",
            false => "audio input",
        }
    }

    /// The target in words.
    pub(crate) fn target(&self) -> String {
        match &self.target {
            Target::Physical(nth) => format!("physical output {}", nth + 1),
            Target::Exact(name) => name.clone(),
            Target::Pattern(pattern, _) => format!("a port like /{pattern}/"),
        }
    }
}

/// The sentence for targets that aren't there, or `None` when all are.
pub(crate) fn missing(wants: &[Want], outs: &[String], inputs: &Inputs) -> Option<String> {
    let gone: Vec<String> = wants
        .iter()
        .filter(|w| w.find(inputs) == Found::None)
        .filter_map(|w| Some(format!("{} (for {})", w.target(), outs.get(w.port)?)))
        .collect();
    let (first, rest) = gone.split_first()?;
    let more = match rest.len() {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    Some(format!(
        "Not there yet: {first}{more}; connected as soon as it appears."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(n: &[&str]) -> Vec<String> {
        n.iter().map(|s| (*s).to_owned()).collect()
    }

    fn graph() -> Inputs {
        Inputs {
            all: names(&["rec:in_1", "card:a", "card:b", "rec:in_10"]),
            physical: names(&["card:a", "card:b"]),
            midi: names(&["pad:out", "keys:out", "rec:in_1x"]),
        }
    }

    fn one(rule: ConnectRule) -> Want {
        wants(
            &[rule],
            &names(&["main_L", "main_R", "click", "control_in"]),
            3,
            None,
        )
        .unwrap()
        .remove(0)
    }

    fn pattern(p: &str) -> ConnectRule {
        ConnectRule::Regex {
            port: "click".into(),
            pattern: p.into(),
        }
    }

    #[test]
    fn physical_takes_listed_ports_in_order_and_no_more() {
        let rule = ConnectRule::Physical {
            ports: names(&["main_L", "main_R"]),
        };
        let all = wants(&[rule], &names(&["click", "main_L", "main_R"]), 3, None).unwrap();
        let g = graph();
        let got: Vec<_> = all.iter().map(|w| (w.port, w.find(&g))).collect();
        assert_eq!(got, [(1, Found::One("card:a")), (2, Found::One("card:b"))]);
        assert_eq!(all[1].find(&Inputs::default()), Found::None);
    }

    #[test]
    fn patterns_are_anchored_and_match_one() {
        let g = graph();
        assert_eq!(one(pattern("rec:in_1")).find(&g), Found::One("rec:in_1"));
        assert_eq!(one(pattern("rec:.*")).find(&g), Found::Several(2));
        assert_eq!(one(pattern("in_1")).find(&g), Found::None);
        assert_eq!(one(pattern("card:b|x")).find(&g), Found::One("card:b"));
    }

    #[test]
    fn the_port_for_midi_hears_outputs_for_midi() {
        let rule = |dest: &str| ConnectRule::Exact {
            port: "control_in".into(),
            dest: dest.into(),
        };
        let g = graph();
        let want = one(rule("pad:out"));
        assert_eq!((want.port, want.midi), (3, true));
        assert_eq!(want.find(&g), Found::One("pad:out"));
        assert_eq!(one(rule("card:a")).find(&g), Found::None);
        let pattern = |pattern: &str| ConnectRule::Regex {
            port: "control_in".into(),
            pattern: pattern.into(),
        };
        assert_eq!(one(pattern("keys:.*")).find(&g), Found::One("keys:out"));
        assert_eq!(one(pattern(".*:out")).find(&g), Found::Several(2));
        assert!(g.contains("pad:out") && g.contains("card:b") && !g.contains("x:y"));
    }

    #[test]
    fn nonsense_is_a_usage_error() {
        let outs = names(&["main_L", "click"]);
        for rule in [
            pattern("("),
            pattern("a)|(b"),
            ConnectRule::Exact {
                port: "mian_L".into(),
                dest: "x:y".into(),
            },
            ConnectRule::Physical {
                ports: names(&["other"]),
            },
        ] {
            let e = wants(&[rule], &outs, 2, None).unwrap_err();
            assert_eq!(e.kind, Usage);
            assert!(e.message.ends_with('.'), "{e}");
        }
    }

    #[test]
    fn ports_of_other_songs_can_be_passed_over() {
        let rules = [
            pattern("rec:in_1"),
            ConnectRule::Exact {
                port: "cue".into(),
                dest: "x:y".into(),
            },
            ConnectRule::Exact {
                port: "cue".into(),
                dest: "x:z".into(),
            },
        ];
        let mut passed = Vec::new();
        let all = wants(&rules, &names(&["main_L", "click"]), 2, Some(&mut passed)).unwrap();
        assert_eq!((all.len(), all[0].port), (1, 1));
        assert_eq!(passed, ["cue"]);
    }

    #[test]
    fn what_is_missing_is_one_sentence() {
        let outs = names(&["main_L", "main_R"]);
        let rules = [
            ConnectRule::Exact {
                port: "main_L".into(),
                dest: "desk:1".into(),
            },
            ConnectRule::Physical {
                ports: names(&["main_L", "main_R"]),
            },
        ];
        let all = wants(&rules, &outs, 2, None).unwrap();
        assert_eq!(
            missing(&all, &outs, &graph()).unwrap(),
            "Not there yet: desk:1 (for main_L); connected as soon as it appears."
        );
        assert!(
            missing(&all, &outs, &Inputs::default())
                .unwrap()
                .contains("and 2 more")
        );
        assert_eq!(missing(&all[1..], &outs, &graph()), None);
    }
}
