//! Histograms with a bucket for each power of two: all that a callback can afford to keep.

use core::sync::atomic::{AtomicU32, Ordering};

/// Buckets of a [`Histogram`].
pub const BUCKETS: usize = 32;

/// One more, for a single writer. Stays at 2³² − 1 (66 days of callbacks of 64 frames at 48 kHz).
#[inline]
pub(crate) fn bump(count: &AtomicU32, order: Ordering) {
    let n = count.load(Ordering::Relaxed);
    count.store(n.saturating_add(1), order);
}

/// The counts behind a [`Histogram`].
#[derive(Debug)]
pub(crate) struct Counts([AtomicU32; BUCKETS]);

impl Counts {
    pub(crate) const fn new() -> Self {
        Self([const { AtomicU32::new(0) }; BUCKETS])
    }

    #[inline]
    pub(crate) fn add(&self, value: u32) {
        if let Some(count) = self.0.get(Histogram::bucket(value)) {
            bump(count, Ordering::Relaxed);
        }
    }

    pub(crate) fn read(&self) -> Histogram {
        let mut counts = [0; BUCKETS];
        for (n, count) in counts.iter_mut().zip(&self.0) {
            *n = count.load(Ordering::Relaxed);
        }
        Histogram { counts }
    }
}

/// How often values of each magnitude occurred: bucket 0 counts zeros, bucket `k` values of
/// `2^(k−1) ..= 2^k − 1`, the last one everything from 2³⁰ on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Histogram {
    /// The counts; each stays at 2³² − 1.
    pub counts: [u32; BUCKETS],
}

impl Histogram {
    /// The bucket of a value.
    #[inline]
    pub const fn bucket(value: u32) -> usize {
        let bits = (u32::BITS - value.leading_zeros()) as usize;
        if bits < BUCKETS { bits } else { BUCKETS - 1 }
    }

    /// Largest value that a bucket counts.
    pub const fn upper(bucket: usize) -> u32 {
        if bucket < BUCKETS - 1 {
            (1 << bucket) - 1
        } else {
            u32::MAX
        }
    }

    /// Values counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|n| u64::from(*n)).sum()
    }

    /// A bound that at least `per_mille` of 1000 values do not exceed (500 for the median, 999
    /// for 99.9 %): the upper end of that value's bucket, which but in the last one is less
    /// than twice the value. 0 when nothing was counted; more than 1000 is taken as 1000.
    pub fn percentile(&self, per_mille: u32) -> u32 {
        let total = self.total();
        // At least the first value, even for 0.
        let rank = (total * u64::from(per_mille.min(1000)))
            .div_ceil(1000)
            .max(1);
        let mut seen = 0;
        for (bucket, n) in self.counts.iter().enumerate() {
            seen += u64::from(*n);
            if seen >= rank {
                return Self::upper(bucket);
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_value_lies_in_its_bucket(value in any::<u32>(), shift in 0u32..32) {
            let value = value >> shift;
            let bucket = Histogram::bucket(value);
            prop_assert!(value <= Histogram::upper(bucket));
            prop_assert!(bucket == 0 || value > Histogram::upper(bucket - 1));
        }
    }
}
