//! The firmware: SysTick stands in for the interrupt of a DMA that has played one half of its
//! buffer, and makes the calls; the main loop is feeder and controller.
#![no_std]
#![no_main]

use core::cell::RefCell;

use cortex_m::interrupt::{self, Mutex};
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::{entry, exception};
use image::{counted, exit};
use program::pieces;
use program::{Controller, Hashes, Stage};

/// The clock of SysTick, Hz, as QEMU has it; the longest wait for the medium, instructions; and the piece.
#[cfg(target_abi = "eabihf")]
mod board {
    pub use program::pieces::LARGE as PIECE;
    pub const CLOCK: u32 = 25_000_000;
    pub const LONGEST_WAIT: u32 = 6_000;
    pub type Memory = super::pieces::LargeMemory;
    pub type Stage = super::pieces::LargeStage;
}
#[cfg(not(target_abi = "eabihf"))]
mod board {
    pub use program::pieces::SMALL as PIECE;
    pub const CLOCK: u32 = 16_000_000;
    pub const LONGEST_WAIT: u32 = 120_000;
    pub type Memory = super::pieces::SmallMemory;
    pub type Stage = super::pieces::SmallStage;
}

static HASHES: Hashes = Hashes::new();
/// The stage on its way from the main loop to the interrupt.
static HANDOVER: Mutex<RefCell<Option<board::Stage>>> = Mutex::new(RefCell::new(None));

#[entry]
fn main() -> ! {
    // (`entry` makes this a `&'static mut`.)
    static mut MEMORY: board::Memory = board::Memory::new();
    let piece = &board::PIECE;
    let Some(mut core) = cortex_m::Peripherals::take() else {
        exit(1)
    };
    let ends = MEMORY.make(piece);
    let stage = Stage::new(ends.engine, piece, &HASHES);
    interrupt::free(|cs| *HANDOVER.borrow(cs).borrow_mut() = Some(stage));
    let (handle, controls, kits) = (ends.handle, ends.controls, ends.kits);
    let mut controller = Controller::new(piece, handle, controls, kits, &HASHES);
    let mut medium = Medium { chance: 1 };
    // What is done before the first call is done before the interrupt is on.
    controller.turn(|note| defmt::println!("{}", note), || medium.wait());

    core.SYST.set_clock_source(SystClkSource::Core);
    core.SYST
        .set_reload(board::CLOCK / (piece.rate / piece.period as u32) - 1);
    core.SYST.clear_current();
    core.SYST.enable_counter();
    core.SYST.enable_interrupt();
    while !controller.is_over() {
        if !controller.turn(|note| defmt::println!("{}", note), || medium.wait()) {
            // Between the look and the sleep no call may come: it would be slept through.
            interrupt::free(|_| {
                if !controller.is_behind() {
                    cortex_m::asm::wfi();
                }
            });
        }
    }
    defmt::println!("{=u32} overlaps", HASHES.overlaps());
    exit(0)
}

/// A medium that takes its time, now more, now less: calls come in the middle of filling a block.
struct Medium {
    chance: u32,
}

impl Medium {
    fn wait(&mut self) {
        self.chance = self
            .chance
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        cortex_m::asm::delay(self.chance / (u32::MAX / board::LONGEST_WAIT));
    }
}

#[exception]
fn SysTick() {
    static mut STAGE: Option<board::Stage> = None;
    if STAGE.is_none() {
        *STAGE = interrupt::free(|cs| HANDOVER.borrow(cs).borrow_mut().take());
    }
    if let Some(stage) = STAGE {
        callback(stage);
        stage.note();
    }
}

/// All that an audio interrupt does. No panic may be reached from here; the check on the image
/// starts at this name.
#[unsafe(no_mangle)]
#[inline(never)]
fn callback(stage: &mut board::Stage) {
    counted(|| stage.process());
    stage.convert();
}
