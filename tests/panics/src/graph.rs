//! Which function of a program calls which, by its disassembly.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::process::{Command, Stdio};

/// Direct calls and jumps from one function into another, by mangled names.
#[derive(Debug, Default)]
pub struct Graph {
    calls: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// Of a program that was linked with its symbols.
    ///
    /// # Errors
    /// In a sentence, when there is no objdump or it fails.
    pub fn of(program: &Path) -> Result<Self, String> {
        let output = Command::new("objdump")
            .args(["-d", "--no-show-raw-insn", "-w"])
            .arg(program)
            .stdin(Stdio::null())
            .output()
            .map_err(|e| format!("objdump: {e}"))?;
        if !output.status.success() {
            return Err(format!("objdump: {}", output.status));
        }
        Ok(Self::read(&String::from_utf8_lossy(&output.stdout)))
    }

    fn read(disassembly: &str) -> Self {
        let mut graph = Self::default();
        let mut function = String::new();
        for line in disassembly.lines() {
            if !line.starts_with(' ') {
                // 0000000000012340 <name>:
                if let Some(name) = line.strip_suffix(">:").and_then(|l| l.split_once('<')) {
                    name.1.clone_into(&mut function);
                    graph.calls.entry(function.clone()).or_default();
                }
                continue;
            }
            // …: call   12340 <name>, or jmp 12360 <name+0x20>; addresses of data end in a comment.
            let Some((code, target)) = line.rsplit_once('<') else {
                continue;
            };
            let Some(target) = target.strip_suffix('>') else {
                continue;
            };
            let target = target.split_once('+').map_or(target, |(name, _)| name);
            // Taking a function's address is as good as calling it.
            let points_at = code.contains("call") || code.contains("lea") || is_jump(code);
            if points_at && target != function {
                let calls = graph.calls.entry(function.clone()).or_default();
                calls.insert(target.to_owned());
            }
        }
        graph
    }

    /// All functions whose mangled name contains `part`.
    pub fn named(&self, part: &str) -> Vec<&str> {
        let names = self.calls.keys().map(String::as_str);
        names.filter(|name| name.contains(part)).collect()
    }

    /// The shortest way from `root` to a function for which `wanted` holds, both included. Functions for which
    /// `barred` holds are not entered.
    pub fn way(
        &self,
        root: &str,
        wanted: impl Fn(&str) -> bool,
        barred: impl Fn(&str) -> bool,
    ) -> Option<Vec<String>> {
        let mut from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut queue = VecDeque::from([root]);
        while let Some(function) = queue.pop_front() {
            if wanted(function) {
                let mut way = vec![function.to_owned()];
                let mut at = function;
                while let Some(before) = from.get(at) {
                    way.push((*before).to_owned());
                    at = before;
                }
                way.reverse();
                return Some(way);
            }
            for next in self.calls.get(function).into_iter().flatten() {
                if next != root && !from.contains_key(next.as_str()) && !barred(next) {
                    from.insert(next, function);
                    queue.push_back(next);
                }
            }
        }
        None
    }
}

/// x86's `jmp`, `je` …, aarch64's `b`, `b.eq`, `bl`, `cbz` …
fn is_jump(code: &str) -> bool {
    let mnemonic = code.split(':').nth(1).unwrap_or_default();
    let mnemonic = mnemonic.split_whitespace().next().unwrap_or_default();
    mnemonic.starts_with('j')
        || mnemonic == "b"
        || mnemonic == "bl"
        || mnemonic.starts_with("b.")
        || mnemonic.starts_with("cb")
        || mnemonic.starts_with("tb")
        || mnemonic.starts_with("adr")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: &str = "
0000000000001000 <root>:
    1000:\tcall   2000 <middle>
    1005:\tje     1009 <root+0x9>
    1009:\tret
0000000000002000 <middle>:
    2000:\tjmp    3000 <end>
0000000000003000 <end>:
    3000:\tcall   1000 <root>
    3005:\tcall   *0x10(%rax)
";

    #[test]
    fn the_way_is_found_through_calls_and_tail_calls() {
        let graph = Graph::read(PROGRAM);
        let way = graph.way("root", |f| f == "end", |_| false);
        assert_eq!(way.unwrap(), ["root", "middle", "end"]);
        assert_eq!(graph.way("root", |f| f == "end", |f| f == "middle"), None);
        assert_eq!(graph.way("end", |f| f == "nowhere", |_| false), None);
    }
}
