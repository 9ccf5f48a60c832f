//! What no input may do: panic in our code, take long, or take much memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Time of the processor that one input may take. Not by the clock on the wall: other programs run
/// on the machine too.
const TIME: Duration = Duration::from_secs(1);

/// Time of the processor after which a case is taken to be without an end.
const FOREVER: Duration = Duration::from_secs(20);

/// Memory that the process may have, bytes.
pub const MEMORY: usize = 512 << 20;

static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator on a machine of [`MEMORY`]: what goes beyond is refused.
pub struct Bounded;

fn take(bytes: usize) -> bool {
    let before = TAKEN.fetch_add(bytes, Ordering::Relaxed);
    let fits = before.checked_add(bytes).is_some_and(|n| n <= MEMORY);
    if !fits {
        give(bytes);
    }
    fits
}

fn give(bytes: usize) {
    TAKEN.fetch_sub(bytes, Ordering::Relaxed);
}

// SAFETY: every request that fits is handed to the system's allocator as it came, and its answer
// back; a null pointer is the answer to the others. The count needs no memory.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !take(layout.size()) {
            return ptr::null_mut();
        }
        // SAFETY: the caller's obligations are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        give(layout.size());
        // SAFETY: the caller's obligations are the same.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !take(layout.size()) {
            return ptr::null_mut();
        }
        // SAFETY: the caller's obligations are the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !take(size) {
            return ptr::null_mut();
        }
        // SAFETY: the caller's obligations are the same.
        let moved = unsafe { System.realloc(at, layout, size) };
        give(if moved.is_null() { size } else { layout.size() });
        moved
    }
}

thread_local! {
    /// The first panic of this case that is a fault of ours.
    static FAULT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Listens to panics from now on, also to those that are caught. One inside a decoder of others is
/// damage of the file and nothing to complain of.
fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| panic::set_hook(Box::new(note)));
}

/// Cases that have ended.
static ENDED: AtomicU64 = AtomicU64::new(0);

/// Aborts the process when a case takes for ever. By processor time: on a busy machine a minute may hold
/// a fraction of a second of it.
pub fn watch() {
    thread::spawn(|| {
        let now = || time(ClockId::ProcessCPUTime);
        let mut case = ENDED.load(Ordering::Relaxed);
        let mut since = now();
        loop {
            thread::sleep(Duration::from_secs(1));
            let current = ENDED.load(Ordering::Relaxed);
            if current != case {
                (case, since) = (current, now());
            } else if now().saturating_sub(since) > FOREVER {
                eprintln!("took {FOREVER:?} of the processor's time, and goes on");
                std::process::abort();
            }
        }
    });
}

fn note(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let ours = ["cli/src/", "engine-core/src/", "fuzz/src/"];
    if backline::media::is_decoding() && !ours.iter().any(|part| place.contains(part)) {
        return;
    }
    let what = info.payload_as_str().unwrap_or("no message");
    FAULT.with_borrow_mut(|fault| {
        fault.get_or_insert_with(|| format!("panic at {place}: {what}"));
    });
}

/// Runs one case and tells what it did wrong.
///
/// # Errors
/// The sentence for it.
pub fn check(work: fn(&[u8]), data: &[u8]) -> Result<(), String> {
    prepare();
    FAULT.take();
    let begun = time(ClockId::ThreadCPUTime);
    let ended = panic::catch_unwind(AssertUnwindSafe(|| work(data)));
    let taken = time(ClockId::ThreadCPUTime).saturating_sub(begun);
    ENDED.fetch_add(1, Ordering::Relaxed);
    match (FAULT.take(), ended) {
        (Some(fault), _) => return Err(fault),
        (None, Err(_)) => return Err("a panic without a message".into()),
        (None, Ok(())) => {}
    }
    if taken > TIME {
        return Err(format!("took {taken:?} of the processor's time"));
    }
    Ok(())
}

/// This thread's, or the process's, time on the processor.
fn time(of: ClockId) -> Duration {
    let now = clock_gettime(of);
    Duration::new(
        now.tv_sec.unsigned_abs(),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}
