//! A counting allocator: whether code that must not allocate or free does.
//!
//! A test binary that wants to know declares it:
//!
//! ```ignore
//! #[global_allocator]
//! static ALLOCATOR: Counting = Counting;
//! ```

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Whether this thread counts, and its count.
    static COUNT: Cell<Option<u32>> = const { Cell::new(None) };
}

/// The system's allocator, counting what happens on threads that are inside [`counted`].
pub struct Counting;

fn note() {
    // While a thread ends its cell may be gone; nothing is counted there.
    let _ = COUNT.try_with(|count| {
        if let Some(n) = count.get() {
            count.set(Some(n + 1));
        }
    });
}

// SAFETY: every request is handed to the system's allocator as it came, and its answer back; the
// count is a plain cell of this thread that needs no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's obligations are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        note();
        // SAFETY: the caller's obligations are the same.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's obligations are the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: the caller's obligations are the same.
        unsafe { System.realloc(at, layout, size) }
    }
}

/// Runs `f` and says how often it allocated, freed or moved memory on this thread. Always 0 in a
/// binary that doesn't declare [`Counting`]: see [`armed`].
pub fn counted<R>(f: impl FnOnce() -> R) -> (R, u32) {
    COUNT.with(|count| count.set(Some(0)));
    let result = f();
    let n = COUNT.with(|count| count.take());
    (result, n.unwrap_or(0))
}

/// Whether this binary counts at all.
pub fn armed() -> bool {
    counted(|| drop(std::hint::black_box(Box::new(1u8)))).1 == 2
}
