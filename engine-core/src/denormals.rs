//! Flushing subnormal numbers to zero on the audio thread.
//!
//! Arithmetic on subnormals is slow on many processors, up to a hundred times. The mixer never
//! meets one (samples are 0 or at least 2⁻⁴⁰, coefficients 0 or at least 2⁻²⁰), so its result
//! is the same with and without flushing. This is a guard for whatever else may run on the
//! thread, and against the day when that proof has a hole.
//!
//! | processor | bits |
//! |---|---|
//! | x86-64 | MXCSR 15 (results: FTZ) and 6 (operands: DAZ) |
//! | aarch64 | FPCR 24 (FZ, both) |
//! | 32-bit ARM with a hard-float ABI | FPSCR 24 (FZ, both) |
//! | any other, and Miri | nothing to set |

use core::marker::PhantomData;

/// Keeps subnormals flushed on the present thread until it is dropped, then puts back what was
/// set before. Not to be sent to another thread.
#[derive(Debug)]
#[must_use = "subnormals are flushed only while the guard lives"]
pub struct FlushGuard {
    /// The flush bits before, if they had to be changed.
    before: Option<register::Word>,
    _thread: PhantomData<*const ()>,
}

/// Flushes subnormals (operands and results) to zero on this thread while the guard lives.
///
/// Cheap when that is set already (one read of the register), so that a driver may set it once
/// when its thread starts and an engine again in every call: libraries on the same thread do
/// reset it.
// Where there is nothing to set, the bits are none.
#[allow(clippy::bad_bit_mask)]
#[inline]
pub fn flush_denormals() -> FlushGuard {
    let now = register::read();
    let before = if now & register::FLUSH == register::FLUSH {
        None
    } else {
        register::write(now | register::FLUSH);
        Some(now & register::FLUSH)
    };
    FlushGuard {
        before,
        _thread: PhantomData,
    }
}

impl Drop for FlushGuard {
    #[inline]
    fn drop(&mut self) {
        if let Some(before) = self.before {
            // The rest of the register (rounding, what exceptions there were) is as it has become.
            register::write(register::read() & !register::FLUSH | before);
        }
    }
}

// The compiler takes it that floating-point code runs in the default environment and calls
// another one undefined (rust-lang/rust#136469); there is no sanctioned way for a thread to
// flush. What it does with that assumption is to fold constants and to move or repeat
// floating-point operations across the change of mode. Each operation of the mixing law has the
// same result in either mode, since neither its operands nor its result are subnormal, so
// it does not matter where or when one is carried out.

#[cfg(all(target_arch = "x86_64", target_feature = "sse", not(miri)))]
mod register {
    use core::arch::asm;

    pub type Word = u32;
    pub const FLUSH: Word = 1 << 15 | 1 << 6;

    #[inline]
    pub fn read() -> Word {
        let mut word: Word = 0;
        // SAFETY: stores MXCSR to the four bytes of `word`, which is alive and aligned; changes
        // nothing else. SSE is there by the `cfg` above.
        unsafe {
            asm!("stmxcsr [{}]", in(reg) &raw mut word, options(nostack, preserves_flags));
        }
        word
    }

    #[inline]
    pub fn write(word: Word) {
        // SAFETY: loads MXCSR from the four bytes of `word`, which was read from it but for the
        // two flush bits: no reserved bit is set (every x86-64 processor has DAZ), no exception
        // unmasked. On the change of mode, see above.
        unsafe {
            asm!("ldmxcsr [{}]", in(reg) &raw const word, options(nostack, readonly, preserves_flags));
        }
    }
}

#[cfg(all(target_arch = "aarch64", target_feature = "neon", not(miri)))]
mod register {
    use core::arch::asm;

    pub type Word = u64;
    pub const FLUSH: Word = 1 << 24;

    #[inline]
    pub fn read() -> Word {
        let word: Word;
        // SAFETY: reads a register that every privilege level may read; changes nothing.
        unsafe {
            asm!("mrs {}, fpcr", out(reg) word, options(nomem, nostack, preserves_flags));
        }
        word
    }

    #[inline]
    pub fn write(word: Word) {
        // SAFETY: `word` was read from the register but for the flush bit: no trap is enabled.
        // On the change of mode, see above.
        unsafe {
            asm!("msr fpcr, {}", in(reg) word, options(nostack, preserves_flags));
        }
    }
}

// The ARM features are not visible to `cfg` in stable Rust; the ABI is, and eabihf has an FPU.
#[cfg(all(target_arch = "arm", target_abi = "eabihf", not(miri)))]
mod register {
    use core::arch::asm;

    pub type Word = u32;
    pub const FLUSH: Word = 1 << 24;

    #[inline]
    pub fn read() -> Word {
        let word: Word;
        // SAFETY: reads a register that every privilege level may read where the FPU is on, as
        // it must be for code of this ABI; changes nothing.
        unsafe {
            asm!("vmrs {}, fpscr", out(reg) word, options(nomem, nostack, preserves_flags));
        }
        word
    }

    #[inline]
    pub fn write(word: Word) {
        // SAFETY: `word` was read from the register but for the flush bit: no trap is enabled.
        // Its condition flags may have changed since; the block isn't declared to keep them.
        // On the change of mode, see above.
        unsafe {
            asm!("vmsr fpscr, {}", in(reg) word, options(nostack));
        }
    }
}

#[cfg(any(
    miri,
    not(any(
        all(target_arch = "x86_64", target_feature = "sse"),
        all(target_arch = "aarch64", target_feature = "neon"),
        all(target_arch = "arm", target_abi = "eabihf")
    ))
))]
mod register {
    pub type Word = u32;
    pub const FLUSH: Word = 0;

    #[inline]
    pub fn read() -> Word {
        0
    }

    #[inline]
    pub fn write(_: Word) {}
}

#[cfg(all(test, any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod tests {
    extern crate std;
    use super::*;
    use core::hint::black_box;

    /// Whether a subnormal result (FTZ) and a subnormal operand (DAZ) come out as 0.
    fn flushes() -> (bool, bool) {
        let smallest = black_box(f32::MIN_POSITIVE);
        let subnormal = black_box(f32::from_bits(1 << 22));
        let result = black_box(smallest * black_box(0.5));
        let product = black_box(subnormal * black_box(1e30));
        (result.to_bits() == 0, product.to_bits() == 0)
    }

    #[test]
    fn results_and_operands_are_flushed_while_the_guard_lives() {
        assert_eq!(flushes(), (false, false));
        let guard = flush_denormals();
        assert_eq!(flushes(), (true, true));
        drop(guard);
        assert_eq!(flushes(), (false, false));
    }

    #[test]
    fn an_inner_guard_leaves_the_outer_one_in_force() {
        let outer = flush_denormals();
        let inner = flush_denormals();
        assert!(inner.before.is_none(), "nothing was written");
        drop(inner);
        assert_eq!(flushes(), (true, true));
        drop(outer);
        assert_eq!(flushes(), (false, false));
    }

    #[test]
    fn one_bit_alone_is_completed_and_put_back() {
        let before = register::read();
        let one = register::FLUSH & register::FLUSH.wrapping_neg();
        register::write(before | one);
        let guard = flush_denormals();
        assert_eq!(flushes(), (true, true));
        drop(guard);
        assert_eq!(register::read() & register::FLUSH, one);
        register::write(before);
    }

    #[test]
    fn other_threads_are_left_alone() {
        let looked = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                looked.wait();
                let seen = flushes();
                looked.wait();
                seen
            });
            // A thread is started and joined outside: both take memory, which no callback may.
            let guard = flush_denormals();
            looked.wait();
            looked.wait();
            let here = flushes();
            drop(guard);
            assert_eq!(other.join().ok(), Some((false, false)));
            assert_eq!(here, (true, true));
        });
    }
}
