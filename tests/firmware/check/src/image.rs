//! What an image's ELF file says about itself.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use object::read::elf::ElfFile32;
use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, SectionKind};

/// Bytes of an image in flash and RAM.
pub struct Sizes {
    /// Instructions, constants, and first values of variables; without the stems' material.
    pub flash: u64,
    /// The stems' material.
    pub material: u64,
    /// Variables.
    pub ram: u64,
    /// Where they end and the stack must not come.
    pub ram_end: u64,
    /// Where the stack begins, downwards.
    pub stack_start: u64,
}

/// Sizes up an image.
pub fn sizes(path: &Path) -> Result<Sizes> {
    let data = fs::read(path).with_context(|| path.display().to_string())?;
    let elf = ElfFile32::<object::Endianness>::parse(&*data)?;
    let mut sizes = Sizes {
        flash: 0,
        material: 0,
        ram: 0,
        ram_end: address(&elf, "_stack_end")?,
        stack_start: address(&elf, "_stack_start")?,
    };
    for section in elf.sections() {
        let allocated = matches!(section.flags(), SectionFlags::Elf { sh_flags }
            if sh_flags & u64::from(object::elf::SHF_ALLOC) != 0);
        if !allocated {
            continue;
        }
        let size = section.size();
        let name = section.name()?;
        if name == ".material" {
            sizes.material += size;
        } else if section.kind() == SectionKind::UninitializedData {
            sizes.ram += size;
        } else {
            sizes.flash += size;
            if name == ".data" {
                sizes.ram += size;
            }
        }
    }
    Ok(sizes)
}

/// The value of a symbol.
fn address(elf: &ElfFile32<'_>, name: &str) -> Result<u64> {
    elf.symbols()
        .find(|s| s.name() == Ok(name))
        .map(|s| s.address())
        .with_context(|| format!("the image has no symbol {name}"))
}
