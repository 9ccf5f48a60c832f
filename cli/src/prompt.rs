//! Threads that are to answer at once: those on the way from a request to what is heard of it.

use std::hint::black_box;
use std::io;
use std::thread::{Builder, JoinHandle};

/// What of a stack is in memory from the start, bytes. A request takes a few thousand, in a build for debugging more.
const STACK: usize = 64 << 10;

/// What of its heap likewise. Allocators keep as much, by threads, for whoever asks next.
const HEAP: usize = 64 << 10;
/// Bytes of a piece of it: not so large that it would be given back to the system.
const PIECE: usize = 1 << 10;

/// Starts a thread whose stack and heap are in memory before it does anything. Where a page is touched for the first time, the kernel looks up the
/// process's map, and before Linux 6.4 that waits for whoever is changing it: with one processor a request waited three callbacks for
/// another song's files to be opened.
pub(crate) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.into()).spawn(move || {
        touch_stack();
        touch_heap();
        work();
    })
}

/// Apart, so that its room is given back.
#[inline(never)]
fn touch_stack() {
    black_box(&mut [0_u8; STACK]);
}

fn touch_heap() {
    let pieces: Vec<Box<[u8]>> = (0..HEAP / PIECE)
        .map(|_| vec![1; PIECE].into_boxed_slice())
        .collect();
    black_box(&pieces);
}
