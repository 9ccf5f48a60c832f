//! An allocator that ends the program when an audio callback allocates or frees.
//!
//! It needs no help from the code it watches. A callback of backline flushes subnormals from its
//! first line to its last (`engine_core::denormals`), and nothing else does: a thread on which
//! they are flushed is inside a callback. So every test and program that links this crate has
//! the trap around every call of an engine, on whichever thread a driver makes it:
//!
//! ```ignore
//! use backline_trap as _;
//! ```
//!
//! What it catches is told on standard error with the way that led there, then the program aborts.
//! On processors without a flush bit, and in Miri, it is an ordinary allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;

struct Trap;

#[global_allocator]
static ALLOCATOR: Trap = Trap;

// SAFETY: every request is handed to the system's allocator as it came, and its answer back.
unsafe impl GlobalAlloc for Trap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        check("allocated", layout.size());
        // SAFETY: the caller's obligations are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        check("freed", layout.size());
        // SAFETY: the caller's obligations are the same.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        check("allocated", layout.size());
        // SAFETY: the caller's obligations are the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        check("reallocated", size);
        // SAFETY: the caller's obligations are the same.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[inline]
fn check(what: &str, bytes: usize) {
    if inside() {
        caught(what, bytes);
    }
}

/// Whether this thread is inside an audio callback.
#[inline]
pub fn inside() -> bool {
    flush::read() & flush::BITS != 0
}

#[cold]
fn caught(what: &str, bytes: usize) -> ! {
    // To tell of it takes memory.
    flush::clear();
    // A test's harness keeps what a thread prints by `eprintln`; this must come out.
    let told = format!(
        "the allocation trap: an audio callback {what} {bytes} bytes\n{}\n",
        Backtrace::force_capture()
    );
    let _ = std::io::Write::write_all(&mut std::io::stderr(), told.as_bytes());
    std::process::abort()
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod flush {
    use std::arch::asm;

    /// MXCSR's FTZ.
    pub const BITS: u32 = 1 << 15;

    #[inline]
    pub fn read() -> u32 {
        let mut word: u32 = 0;
        // SAFETY: stores MXCSR to the four bytes of `word`; changes nothing else.
        unsafe {
            asm!("stmxcsr [{}]", in(reg) &raw mut word, options(nostack, preserves_flags));
        }
        word
    }

    pub fn clear() {
        let word = read() & !BITS;
        // SAFETY: loads what was read but for the flush bit, as it was when the thread began.
        unsafe {
            asm!("ldmxcsr [{}]", in(reg) &raw const word, options(nostack, readonly, preserves_flags));
        }
    }
}

#[cfg(all(target_arch = "aarch64", not(miri)))]
mod flush {
    use std::arch::asm;

    /// FPCR's FZ.
    pub const BITS: u64 = 1 << 24;

    #[inline]
    pub fn read() -> u64 {
        let word: u64;
        // SAFETY: reads a register that every privilege level may read; changes nothing.
        unsafe {
            asm!("mrs {}, fpcr", out(reg) word, options(nomem, nostack, preserves_flags));
        }
        word
    }

    pub fn clear() {
        let word = read() & !BITS;
        // SAFETY: what was read but for the flush bit, as it was when the thread began.
        unsafe {
            asm!("msr fpcr, {}", in(reg) word, options(nostack, preserves_flags));
        }
    }
}

#[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod flush {
    pub const BITS: u32 = 0;

    pub fn read() -> u32 {
        0
    }

    pub fn clear() {}
}
