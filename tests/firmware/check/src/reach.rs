//! What code a function can reach, read from the instructions of the finished image.
//!
//! Direct calls and branches are followed from function to function. An indirect one would hide its
//! target, so there must be none: then what was found is all there is.

use std::collections::VecDeque;
use std::collections::btree_map::{BTreeMap, Entry};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use object::read::elf::ElfFile32;
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};

use crate::thumb::{Instruction, decode};

/// The functions of an image and what each branches to.
pub struct Code {
    /// By address.
    functions: BTreeMap<u64, Function>,
}

struct Function {
    name: String,
    size: u64,
    /// Addresses outside of the function that it branches to.
    targets: Vec<u64>,
    /// Instructions that go nobody knows where, or trap.
    doubts: Vec<String>,
}

/// What is reached from one function.
pub struct Reached {
    /// Functions, itself included.
    pub functions: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Why the callback can't be trusted, one line each: ways to a panic, indirect calls, traps.
    pub faults: Vec<String>,
}

impl Code {
    /// Reads an image.
    pub fn read(path: &Path) -> Result<Self> {
        let data = fs::read(path).with_context(|| path.display().to_string())?;
        let elf = ElfFile32::<object::Endianness>::parse(&*data)?;
        let text = elf.section_by_name(".text").context("no .text")?;
        let bytes = text.data()?;
        // $t and $d mark where instructions and literals begin.
        let marks: BTreeMap<u64, bool> = elf
            .symbols()
            .filter_map(|s| match s.name().ok()?.get(..2)? {
                "$t" => Some((s.address(), true)),
                "$d" => Some((s.address(), false)),
                _ => None,
            })
            .collect();
        let mut functions = BTreeMap::new();
        for s in elf.symbols().filter(|s| s.kind() == SymbolKind::Text) {
            let address = s.address() & !1;
            if s.size() == 0 || s.section_index() != Some(text.index()) {
                continue;
            }
            let name = format!("{:#}", rustc_demangle::demangle(s.name()?));
            let mut f = Function {
                name,
                size: s.size(),
                targets: Vec::new(),
                doubts: Vec::new(),
            };
            f.look_through(address, text.address(), bytes, &marks);
            functions.insert(address, f);
        }
        Ok(Self { functions })
    }

    /// Everything reached from the function `root`.
    pub fn from(&self, root: &str) -> Result<Reached> {
        let (start, _) = self
            .functions
            .iter()
            .find(|(_, f)| f.name == root)
            .with_context(|| format!("the image has no function {root}"))?;
        let mut came_from = BTreeMap::from([(*start, None)]);
        let mut open = VecDeque::from([*start]);
        let mut reached = Reached {
            functions: 0,
            bytes: 0,
            faults: Vec::new(),
        };
        while let Some(at) = open.pop_front() {
            let f = &self.functions[&at];
            reached.functions += 1;
            reached.bytes += f.size;
            for doubt in &f.doubts {
                reached
                    .faults
                    .push(format!("{doubt}: {}", self.way(at, &came_from)));
            }
            if is_panic(&f.name) {
                // How it goes on from there doesn't matter.
                reached
                    .faults
                    .push(format!("a panic: {}", self.way(at, &came_from)));
                continue;
            }
            for target in &f.targets {
                let Some((callee, _)) = self.containing(*target) else {
                    let way = self.way(at, &came_from);
                    reached
                        .faults
                        .push(format!("{target:#x} is no function: {way}"));
                    continue;
                };
                if let Entry::Vacant(new) = came_from.entry(callee) {
                    new.insert(Some(at));
                    open.push_back(callee);
                }
            }
        }
        Ok(reached)
    }

    /// Fails unless panics are found where there are some: a check that is blind must not pass.
    pub fn ensure_sight(&self, root: &str) -> Result<()> {
        let faults = self.from(root)?.faults;
        ensure!(
            faults.iter().any(|f| f.starts_with("a panic")),
            "no panic is reached from {root}, which has some: the check is blind"
        );
        Ok(())
    }

    fn containing(&self, address: u64) -> Option<(u64, &Function)> {
        let (at, f) = self.functions.range(..=address).next_back()?;
        (address < at + f.size).then_some((*at, f))
    }

    /// The names on the way from the root to a function.
    fn way(&self, to: u64, came_from: &BTreeMap<u64, Option<u64>>) -> String {
        let mut names = Vec::new();
        let mut at = Some(to);
        while let Some(here) = at {
            names.push(self.functions[&here].name.as_str());
            at = came_from.get(&here).copied().flatten();
        }
        names.reverse();
        names.join(" → ")
    }
}

/// Whether a function is part of the panic machinery: every way to a panic leads through one such.
fn is_panic(name: &str) -> bool {
    [
        "panic",
        "rust_begin_unwind",
        "unwrap_failed",
        "expect_failed",
    ]
    .iter()
    .any(|part| name.contains(part))
}

impl Function {
    fn look_through(&mut self, start: u64, base: u64, text: &[u8], marks: &BTreeMap<u64, bool>) {
        let end = start + self.size;
        let mut at = start;
        while at < end {
            let is_code = marks.range(..=at).next_back().is_none_or(|(_, code)| *code);
            if !is_code {
                // Literals, up to the next mark.
                at = marks.range(at + 1..).next().map_or(end, |(next, _)| *next);
                continue;
            }
            let offset = (at - base) as usize;
            let half = |o: usize| {
                text.get(o..o + 2)
                    .map_or(0, |b| u16::from_le_bytes([b[0], b[1]]))
            };
            let (instruction, length) = decode(at, half(offset), half(offset + 2));
            match instruction {
                Instruction::Branch(to) if !(start..end).contains(&to) => self.targets.push(to),
                Instruction::Indirect => self.doubts.push(format!("an indirect call at {at:#x}")),
                Instruction::Trap => self.doubts.push(format!("a trap at {at:#x}")),
                Instruction::Branch(_) | Instruction::Other => {}
            }
            at += length;
        }
    }
}
