//! What both images have: the marks of the counter, the way out, and the panic handler.
#![no_std]

use core::panic::PanicInfo;

use cortex_m as _;
use defmt_semihosting as _;

/// Calls `f` between the marks that the counting plug-in looks for: the instructions in between
/// are one span. The one instruction that leads to the second mark is counted with them.
#[inline]
pub fn counted(f: impl FnOnce()) {
    count_begin();
    f();
    count_end();
}

// (Were they alike, they might become one.)
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn count_begin() {
    // SAFETY: does nothing; it is a barrier for the compiler.
    unsafe { core::arch::asm!("nop") }
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn count_end() {
    // SAFETY: as in `count_begin`.
    unsafe { core::arch::asm!("nop", "nop") }
}

/// Ends the run; QEMU exits with `code`.
pub fn exit(code: i32) -> ! {
    semihosting::process::exit(code)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    defmt::error!("{}", defmt::Display2Format(info));
    exit(101)
}
