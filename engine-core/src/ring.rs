//! Rings: fixed-capacity single-producer single-consumer queues between two threads.
//!
//! A ring is a [`heapless::spsc::Queue`] with a constant power-of-two length, and two halves that
//! may live as long as they like. heapless' own halves carry their length at run time, which
//! links a division and its panic into the callback; ours tell the compiler the constant.
//!
//! Capacity is `N − 1` items. There is no `peek`: heapless' does not synchronise with the
//! producer.

use core::hint::assert_unchecked;

use heapless::spsc;

/// The storage of a ring of `N − 1` items. `N` must be a power of two.
pub struct Ring<T, const N: usize> {
    queue: spsc::Queue<T, N>,
}

impl<T, const N: usize> Ring<T, N> {
    /// An empty ring.
    pub const fn new() -> Self {
        const {
            assert!(
                N.is_power_of_two() && N > 1,
                "a ring's length is a power of two, at least 2"
            );
        }
        Self {
            queue: spsc::Queue::new(),
        }
    }

    /// The two halves of a ring in static memory (a firmware's).
    pub fn split(&'static mut self) -> (Producer<T, N>, Consumer<T, N>) {
        let (producer, consumer) = self.queue.split();
        (
            Producer {
                half: producer,
                _keep: Keep::Static,
            },
            Consumer {
                half: consumer,
                _keep: Keep::Static,
            },
        )
    }

    /// The two halves of a new ring on the heap. Its storage, with any items left in it, is
    /// freed when both halves are gone; so neither half may be dropped in a callback.
    #[cfg(feature = "alloc")]
    pub fn shared() -> (Producer<T, N>, Consumer<T, N>)
    where
        T: Send + 'static,
    {
        use alloc::sync::Arc;
        let cell = Arc::new(Cell(core::cell::UnsafeCell::new(Self::new())));
        let keep: Arc<dyn Send + Sync> = cell.clone();
        // SAFETY: this is the only reference to the ring's inside that is ever made: `cell` was
        // created above, `Cell` has no other accessor, and its clones in the two halves only keep
        // the storage alive (an Arc's content never moves). A half's borrow ends before its
        // `_keep` is released, since fields drop in order of declaration.
        let ring: &'static mut Self = unsafe { &mut *cell.0.get() };
        let (producer, consumer) = ring.queue.split();
        (
            Producer {
                half: producer,
                _keep: Keep::Shared(keep.clone()),
            },
            Consumer {
                half: consumer,
                _keep: Keep::Shared(keep),
            },
        )
    }
}

impl<T, const N: usize> Default for Ring<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "alloc")]
struct Cell<T, const N: usize>(core::cell::UnsafeCell<Ring<T, N>>);

// SAFETY: the cell's content is reached only through the two halves that `Ring::shared` makes,
// one of which may be on another thread; heapless' halves are made for just that. Dropping the
// last Arc drops items of `T` on that thread, hence `T: Send`.
#[cfg(feature = "alloc")]
unsafe impl<T: Send, const N: usize> Sync for Cell<T, N> {}

/// What keeps a half's storage alive.
enum Keep {
    Static,
    #[cfg(feature = "alloc")]
    #[allow(dead_code)] // held, never read
    Shared(alloc::sync::Arc<dyn Send + Sync>),
}

/// The half that puts items in.
pub struct Producer<T: 'static, const N: usize> {
    half: spsc::Producer<'static, T>,
    _keep: Keep,
}

/// The half that takes items out.
pub struct Consumer<T: 'static, const N: usize> {
    half: spsc::Consumer<'static, T>,
    _keep: Keep,
}

impl<T, const N: usize> Producer<T, N> {
    /// Puts an item in, or gives it back when the ring is full.
    #[inline]
    pub fn push(&mut self, item: T) -> Result<(), T> {
        // SAFETY: both constructors of a half split a `Queue<T, N>`, whose capacity is N − 1.
        unsafe { assert_unchecked(self.half.capacity() == N - 1) };
        self.half.enqueue(item)
    }

    /// Items in the ring; the consumer may have taken some of them since.
    #[inline]
    pub fn len(&self) -> usize {
        // SAFETY: as in `push`.
        unsafe { assert_unchecked(self.half.capacity() == N - 1) };
        self.half.len()
    }

    /// Whether nothing is in the ring.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of items a ring holds at most: `N − 1`.
    pub const fn capacity(&self) -> usize {
        N - 1
    }
}

impl<T, const N: usize> Consumer<T, N> {
    /// Takes the oldest item.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        // SAFETY: both constructors of a half split a `Queue<T, N>`, whose capacity is N − 1.
        unsafe { assert_unchecked(self.half.capacity() == N - 1) };
        self.half.dequeue()
    }

    /// Items that `pop` is sure to give; the producer may have added more since.
    #[inline]
    pub fn len(&self) -> usize {
        // SAFETY: as in `pop`.
        unsafe { assert_unchecked(self.half.capacity() == N - 1) };
        self.half.len()
    }

    /// Whether nothing is in the ring yet.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    extern crate std;
    use super::*;
    use std::boxed::Box;
    use std::sync::Arc;

    #[test]
    fn holds_one_less_than_its_length_in_order() {
        let (mut p, mut c) = Ring::<u32, 4>::shared();
        for i in 0..3 {
            assert_eq!(p.push(i), Ok(()));
        }
        assert_eq!(p.push(9), Err(9));
        assert_eq!((p.len(), c.len()), (3, 3));
        assert_eq!(
            [c.pop(), c.pop(), c.pop(), c.pop()],
            [Some(0), Some(1), Some(2), None]
        );
    }

    #[test]
    fn storage_and_items_are_freed_with_the_second_half() {
        let token = Arc::new(());
        let (mut p, c) = Ring::<Arc<()>, 8>::shared();
        for _ in 0..3 {
            p.push(token.clone()).unwrap();
        }
        drop(c);
        assert_eq!(Arc::strong_count(&token), 4);
        drop(p);
        assert_eq!(Arc::strong_count(&token), 1);
    }

    #[test]
    fn blocks_go_round_between_two_threads() {
        let rounds: u32 = if cfg!(miri) { 300 } else { 100_000 };
        let (mut full, mut full_out) = Ring::<Box<u32>, 8>::shared();
        let (mut free, mut free_out) = Ring::<Box<u32>, 8>::shared();
        for _ in 0..7 {
            free.push(Box::new(0)).unwrap();
        }
        let feeder = std::thread::spawn(move || {
            let mut n = 0;
            while n < rounds {
                match free_out.pop() {
                    Some(mut b) => {
                        *b = n;
                        n += 1;
                        full.push(b).unwrap();
                    }
                    None => std::thread::yield_now(),
                }
            }
        });
        let mut n = 0;
        while n < rounds {
            match full_out.pop() {
                Some(b) => {
                    assert_eq!(*b, n);
                    n += 1;
                    free.push(b).unwrap();
                }
                None => std::thread::yield_now(),
            }
        }
        feeder.join().unwrap();
    }
}
