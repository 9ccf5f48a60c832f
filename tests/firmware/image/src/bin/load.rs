//! Plays the loads one after the other, for the instructions of `process` to be counted.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use image::{counted, exit};
use program::Hashes;
use program::load::{LONG, LONG_LOADS, LoadMemory, SHORT, SHORT_LOADS};

static SHORT_HASHES: [Hashes; SHORT_LOADS.len()] = [const { Hashes::new() }; SHORT_LOADS.len()];
static LONG_HASHES: [Hashes; LONG_LOADS.len()] = [const { Hashes::new() }; LONG_LOADS.len()];

#[entry]
fn main() -> ! {
    // (`entry` makes these `&'static mut`.)
    static mut SHORT_MEMORY: [LoadMemory<SHORT>; SHORT_LOADS.len()] =
        [const { LoadMemory::new() }; SHORT_LOADS.len()];
    static mut LONG_MEMORY: [LoadMemory<LONG>; LONG_LOADS.len()] =
        [const { LoadMemory::new() }; LONG_LOADS.len()];
    for ((load, memory), hashes) in SHORT_LOADS.iter().zip(SHORT_MEMORY).zip(&SHORT_HASHES) {
        let calls = load.play(memory, hashes, |stage| counted(|| stage.process()));
        defmt::println!("{=str} {=u32}", load.name, calls);
    }
    for ((load, memory), hashes) in LONG_LOADS.iter().zip(LONG_MEMORY).zip(&LONG_HASHES) {
        let calls = load.play(memory, hashes, |stage| counted(|| stage.process()));
        defmt::println!("{=str} {=u32}", load.name, calls);
    }
    exit(0)
}
