//! A buffer of whole pages that can be kept in memory.

use core::ops::{Deref, DerefMut};

/// Fixed storage on pages of its own. Locking works by pages and does not nest, so a buffer that
/// shared a page with something else would unlock that too when it goes.
#[derive(Debug)]
pub(crate) struct Locked<T> {
    storage: Vec<T>,
    start: usize,
    len: usize,
    locked: bool,
}

const PAGE: usize = 4096;

impl<T: Copy + Default> Locked<T> {
    /// `len` default values, written once so that every page exists; locked if `lock` is set and the system
    /// allows it.
    pub(crate) fn new(len: usize, lock: bool) -> Self {
        let per_page = PAGE / size_of::<T>().max(1);
        let whole = len.next_multiple_of(per_page);
        let storage = vec![T::default(); whole + per_page];
        let start = storage.as_ptr().align_offset(PAGE);
        // `align_offset` may decline (usize::MAX); the buffer is then used unlocked.
        let aligned = start <= per_page;
        let mut buffer = Self {
            storage,
            start: if aligned { start } else { 0 },
            len,
            locked: false,
        };
        // A zeroed allocation is only mapped when it is written.
        buffer.storage.iter_mut().for_each(|x| {
            *core::hint::black_box(x) = T::default();
        });
        if lock && aligned {
            // SAFETY: the range lies within `storage`, which is never reallocated; locking does not
            // change the contents.
            buffer.locked = unsafe {
                libc::mlock(
                    buffer.storage.as_ptr().add(buffer.start).cast(),
                    whole * size_of::<T>(),
                )
            } == 0;
        }
        buffer
    }
}

impl<T> Drop for Locked<T> {
    fn drop(&mut self) {
        if self.locked {
            let per_page = PAGE / size_of::<T>().max(1);
            // SAFETY: the very range that was locked, still allocated, and on pages of its own.
            unsafe {
                libc::munlock(
                    self.storage.as_ptr().add(self.start).cast(),
                    self.len.next_multiple_of(per_page) * size_of::<T>(),
                );
            }
        }
    }
}

impl<T> Deref for Locked<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        self.storage
            .get(self.start..self.start + self.len)
            .unwrap_or_default()
    }
}

impl<T> DerefMut for Locked<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.storage
            .get_mut(self.start..self.start + self.len)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_is_as_long_as_asked_and_starts_on_a_page() {
        for len in [0usize, 1, 1023, 1024, 5000] {
            let mut b = Locked::<f32>::new(len, true);
            assert_eq!(b.len(), len);
            b.fill(1.0);
            assert_eq!(b.as_ptr() as usize % PAGE, 0);
        }
    }
}
