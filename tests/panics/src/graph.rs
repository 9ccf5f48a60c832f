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
        let disassembly = objdump(program, &["-d", "--no-show-raw-insn", "-w"])?;
        let relocations = objdump(program, &["-R", "-w"])?;
        Ok(Self::read(&disassembly, &relocations))
    }

    fn read(disassembly: &str, relocations: &str) -> Self {
        let headers = disassembly.lines().filter_map(header);
        let at: BTreeMap<u64, &str> = headers.collect();
        // Calls into other crates go through a table of addresses that is filled in at the start:
        // 00000000000f23e0 R_X86_64_RELATIVE  *ABS*+0x8b06f
        let slots: BTreeMap<u64, &str> = relocations
            .lines()
            .filter_map(|line| {
                let (slot, rest) = line.split_once(' ')?;
                let (_, target) = rest.rsplit_once("*ABS*+0x")?;
                Some((hex(slot)?, *at.get(&hex(target)?)?))
            })
            .collect();
        let mut graph = Self::default();
        let mut function = "";
        for line in disassembly.lines() {
            if let Some((_, name)) = header(line) {
                function = name;
                graph.calls.entry(function.to_owned()).or_default();
            } else if let Some(target) = target(line, &slots).filter(|t| *t != function) {
                let calls = graph.calls.entry(function.to_owned()).or_default();
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

fn objdump(program: &Path, options: &[&str]) -> Result<String, String> {
    let output = Command::new("objdump")
        .args(options)
        .arg(program)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("objdump: {e}"))?;
    if !output.status.success() {
        return Err(format!("objdump: {}", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn hex(digits: &str) -> Option<u64> {
    u64::from_str_radix(digits.trim(), 16).ok()
}

/// `0000000000012340 <name>:`, where a function begins.
fn header(line: &str) -> Option<(u64, &str)> {
    let (address, name) = line.strip_suffix(">:")?.split_once(" <")?;
    Some((hex(address)?, name))
}

/// The function that an instruction names: `call 12340 <name>`, `jmp 12360 <name+0x20>`, `lea … # 12340 <name>`
/// (taking its address is as good as calling it), `call *0xa341e(%rip) # f23e0 <…>` through a slot.
fn target<'a>(line: &'a str, slots: &BTreeMap<u64, &'a str>) -> Option<&'a str> {
    if let Some((_, comment)) = line.split_once("# ")
        && let Some(slot) = comment.split_whitespace().next().and_then(hex)
        && let Some(function) = slots.get(&slot)
    {
        return Some(function);
    }
    let (code, name) = line.strip_suffix('>')?.rsplit_once('<')?;
    let name = name.split_once('+').map_or(name, |(name, _)| name);
    (code.contains("call") || code.contains("lea") || is_jump(code)).then_some(name)
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
    300a:\tcall   *0x100(%rip)        # f0e0 <_DYNAMIC+0x18>
0000000000004000 <elsewhere>:
    4000:\tret
";
    const RELOCATIONS: &str = "
OFFSET           TYPE              VALUE
000000000000f0e0 R_X86_64_RELATIVE  *ABS*+0x4000
000000000000f0e8 R_X86_64_GLOB_DAT  poll@GLIBC_2.2.5
";

    #[test]
    fn the_way_is_found_through_calls_and_tail_calls() {
        let graph = Graph::read(PROGRAM, RELOCATIONS);
        let way = graph.way("root", |f| f == "end", |_| false);
        assert_eq!(way.unwrap(), ["root", "middle", "end"]);
        assert_eq!(graph.way("root", |f| f == "end", |f| f == "middle"), None);
        assert_eq!(graph.way("end", |f| f == "nowhere", |_| false), None);
        let way = graph.way("middle", |f| f == "elsewhere", |_| false);
        assert_eq!(way.unwrap(), ["middle", "end", "elsewhere"]);
    }
}
