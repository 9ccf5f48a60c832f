//! Plays the loads one after the other, for the instructions of `process` to be counted.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use image::{counted, exit};
use program::Hashes;
use program::load::{LOADS, LoadMemory};

#[entry]
fn main() -> ! {
    // (`entry` makes these `&'static mut`.)
    static mut MEMORY: [LoadMemory; LOADS.len()] = [const { LoadMemory::new() }; LOADS.len()];
    static mut HASHES: [Hashes; LOADS.len()] = [const { Hashes::new() }; LOADS.len()];
    for ((load, memory), hashes) in LOADS.iter().zip(MEMORY).zip(HASHES) {
        let calls = load.play(memory, hashes, |stage| counted(|| stage.process()));
        defmt::println!("{=str} {=u32}", load.name, calls);
    }
    exit(0)
}
