//! The connections of our ports, remembered beyond the death of a server.
//!
//! The rules of the options say what to connect at first. What somebody then connects or takes
//! apart by hand, in a patchbay, is as much part of the session: it comes back with the server.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::connect::{Inputs, Want};

/// A connection that is missing although its input is there was taken apart by hand, if it is
/// still so after this time: a server that goes away takes both, one after the other.
const BY_HAND: Duration = Duration::from_secs(1);

/// A connection whose input went is forgotten after this time. Longer than the watchdog's
/// patience: a dead server's ports may vanish before it is known to be dead.
const GONE: Duration = Duration::from_secs(5);

/// What the ports of a client are connected to. Clones share it, so that the next client knows
/// what the last one saw. It is a memory and no option: any two are equal.
#[derive(Clone, Debug, Default)]
pub struct Patch(Arc<Mutex<Memory>>);

impl PartialEq for Patch {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Patch {}

#[derive(Debug, Default)]
pub(crate) struct Memory {
    cables: Vec<Cable>,
    /// Connections by rule that were taken apart by hand: port, the rule's target, the input.
    undone: Vec<(String, String, String)>,
    /// A client has been opened with all its rules found good: the next one is its return.
    pub(crate) returns: bool,
}

#[derive(Debug)]
struct Cable {
    /// Our port, without the client's name.
    out: String,
    /// The input's full name.
    dest: String,
    /// Of a server that is gone, and not made yet on the present one.
    owed: bool,
    /// Not seen since.
    missing: Option<Instant>,
}

impl Patch {
    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// A new client is open: all there was is owed to it. `names` are its ports.
    pub(crate) fn begin(&mut self, names: &[String], wants: &mut [Want]) {
        for cable in &mut self.cables {
            (cable.owed, cable.missing) = (true, None);
        }
        for want in wants {
            let (Some(out), target) = (names.get(want.port), want.target()) else {
                continue;
            };
            let undone = self.undone.iter();
            let mut undone = undone.filter(|(o, t, _)| o == out && *t == target);
            want.made = undone.next().map(|(_, _, dest)| dest.clone());
        }
    }

    /// Connections to make, by name of our port and the input's full name, among these inputs.
    pub(crate) fn owed(&self, inputs: &Inputs) -> Vec<(String, String)> {
        let there = |c: &&Cable| c.owed && inputs.contains(&c.dest);
        let owed = self.cables.iter().filter(there);
        owed.map(|c| (c.out.clone(), c.dest.clone())).collect()
    }

    /// A connection was made just now; the graph shows it from its next cycle on.
    pub(crate) fn made(&mut self, out: &str, dest: &str) {
        match (self.cables.iter_mut()).find(|c| c.out == out && c.dest == dest) {
            Some(cable) => (cable.owed, cable.missing) = (false, None),
            None => self.cables.push(Cable {
                out: out.to_owned(),
                dest: dest.to_owned(),
                owed: false,
                missing: None,
            }),
        }
    }

    /// Takes in what is connected `now`: our port and the input's full name each.
    pub(crate) fn look(&mut self, connected: Vec<(String, String)>, inputs: &Inputs, now: Instant) {
        for cable in &mut self.cables {
            let seen = (connected.iter()).any(|(o, d)| *o == cable.out && *d == cable.dest);
            if seen {
                (cable.owed, cable.missing) = (false, None);
            } else if !cable.owed {
                cable.missing.get_or_insert(now);
            }
        }
        self.cables.retain(|c| {
            let patience = if inputs.contains(&c.dest) {
                BY_HAND
            } else {
                GONE
            };
            (c.missing).is_none_or(|since| now.saturating_duration_since(since) < patience)
        });
        for (out, dest) in connected {
            if !(self.cables.iter()).any(|c| c.out == out && c.dest == dest) {
                self.made(&out, &dest);
            }
        }
    }

    /// Which rules were carried out and then undone by hand.
    pub(crate) fn look_at_rules(&mut self, names: &[String], wants: &[Want]) {
        self.undone.clear();
        for want in wants {
            if let (Some(out), Some(made)) = (names.get(want.port), &want.made)
                && !(self.cables.iter()).any(|c| c.out == *out && c.dest == *made)
            {
                let undone = (out.clone(), want.target(), made.clone());
                self.undone.push(undone);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::wants;
    use crate::options::ConnectRule;

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|s| (*s).to_owned()).collect()
    }

    fn inputs(names: &[&str]) -> Inputs {
        Inputs {
            all: list(names),
            ..Inputs::default()
        }
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let own = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        pairs.iter().map(own).collect()
    }

    fn held(m: &Memory) -> Vec<(&str, &str)> {
        m.cables.iter().map(|c| (&*c.out, &*c.dest)).collect()
    }

    #[test]
    fn what_is_connected_is_owed_to_the_next_client_until_made() {
        let (mut m, now) = (Memory::default(), Instant::now());
        m.look(
            pairs(&[("a", "x:1"), ("b", "x:2")]),
            &inputs(&["x:1", "x:2"]),
            now,
        );
        m.begin(&list(&["a", "b"]), &mut []);
        // The second input comes late, much later than anything is forgotten.
        assert_eq!(m.owed(&inputs(&["x:1"])), pairs(&[("a", "x:1")]));
        m.look(pairs(&[("a", "x:1")]), &inputs(&["x:1"]), now + GONE * 9);
        assert!(m.owed(&inputs(&["x:1"])).is_empty());
        assert_eq!(m.owed(&inputs(&["x:1", "x:2"])), pairs(&[("b", "x:2")]));
        // Once made it is an ordinary one, which can be taken apart.
        let all = inputs(&["x:1", "x:2"]);
        m.look(pairs(&[("a", "x:1"), ("b", "x:2")]), &all, now + GONE * 9);
        m.look(pairs(&[("a", "x:1")]), &all, now + GONE * 10);
        m.look(pairs(&[("a", "x:1")]), &all, now + GONE * 11);
        assert_eq!(held(&m), [("a", "x:1")]);
    }

    #[test]
    fn ports_that_vanish_with_the_server_are_still_known_when_it_is_found_dead() {
        let (mut m, now) = (Memory::default(), Instant::now());
        m.look(pairs(&[("a", "x:1")]), &inputs(&["x:1"]), now);
        // First the connection goes, then the port.
        m.look(Vec::new(), &inputs(&["x:1"]), now);
        m.look(
            Vec::new(),
            &Inputs::default(),
            now + Duration::from_millis(100),
        );
        m.look(Vec::new(), &Inputs::default(), now + Duration::from_secs(4));
        assert_eq!(held(&m), [("a", "x:1")]);
        m.look(Vec::new(), &Inputs::default(), now + GONE);
        assert!(held(&m).is_empty());
    }

    #[test]
    fn a_rule_undone_by_hand_is_not_carried_out_again() {
        let outs = list(&["main_L", "main_R"]);
        let rule = ConnectRule::Physical {
            ports: outs.clone(),
        };
        let made = || {
            let mut all = wants(std::slice::from_ref(&rule), &outs, 2, None).unwrap();
            for (want, dest) in all.iter_mut().zip(["card:1", "card:2"]) {
                want.made = Some(dest.into());
            }
            all
        };
        let (mut m, now) = (Memory::default(), Instant::now());
        let inputs = inputs(&["card:1", "card:2"]);
        m.look(
            pairs(&[("main_L", "card:1"), ("main_R", "card:2")]),
            &inputs,
            now,
        );
        m.look_at_rules(&outs, &made());
        for at in [now, now + BY_HAND] {
            m.look(pairs(&[("main_R", "card:2")]), &inputs, at);
            m.look_at_rules(&outs, &made());
        }
        let mut again = wants(std::slice::from_ref(&rule), &outs, 2, None).unwrap();
        m.begin(&outs, &mut again);
        assert_eq!(again[0].made.as_deref(), Some("card:1"));
        assert_eq!(again[1].made, None);
        assert_eq!(m.owed(&inputs), pairs(&[("main_R", "card:2")]));
    }
}
