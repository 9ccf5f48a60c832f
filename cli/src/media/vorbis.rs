//! How large the code books of a Vorbis stream are (Vorbis I specification, 3.2.1).
//!
//! A book of four million values is a few bytes in a file, and a stream may have 256 of them: 4 GB in memory.
//! This walks over the books without unpacking any.

/// Values, in all books together, beyond which a stream is refused. Encoders' streams have some 200 000.
pub(super) const MAX_VALUES: u64 = 8_000_000;

/// Memory that an entry takes beside its values, in values.
const ENTRY: u64 = 8;

/// Bits, the lowest of a byte first.
struct Bits<'a> {
    b: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, n: u32) -> Option<u32> {
        let mut value = 0;
        for bit in 0..n {
            let byte = *self.b.get(self.at / 8)?;
            value |= u32::from(byte >> (self.at % 8) & 1) << bit;
            self.at += 1;
        }
        Some(value)
    }

    fn skip(&mut self, n: u64) -> Option<()> {
        self.at = self.at.checked_add(usize::try_from(n).ok()?)?;
        Some(())
    }
}

/// Values of all books that the set-up header in `headers` begins with; those before a fault, where it
/// has one.
pub(super) fn book_values(headers: &[u8]) -> u64 {
    const SETUP: &[u8] = b"\x05vorbis";
    let found = headers.windows(SETUP.len()).position(|w| w == SETUP);
    let Some(b) = found.and_then(|at| headers.get(at + SETUP.len()..)) else {
        return 0;
    };
    let mut bits = Bits { b, at: 0 };
    let books = bits.take(8).unwrap_or(0) + 1;
    let mut sum = 0u64;
    for _ in 0..books {
        match book(&mut bits) {
            Some(values) => sum = sum.saturating_add(values),
            None => break,
        }
    }
    sum
}

/// Values of the next book.
fn book(bits: &mut Bits) -> Option<u64> {
    if bits.take(24)? != 0x0056_4342 {
        return None;
    }
    let dimensions = bits.take(16)?;
    let entries = bits.take(24)?;
    if bits.take(1)? == 1 {
        // Lengths in order: how many entries have each.
        bits.take(5)?;
        let mut entry = 0;
        while entry < entries {
            let left = entries - entry;
            entry = entry.checked_add(bits.take(u32::BITS - left.leading_zeros())?)?;
        }
    } else if bits.take(1)? == 1 {
        for _ in 0..entries {
            if bits.take(1)? == 1 {
                bits.take(5)?;
            }
        }
    } else {
        bits.skip(u64::from(entries) * 5)?;
    }
    let all = u64::from(entries) * u64::from(dimensions);
    let stored = match bits.take(4)? {
        0 => return Some(u64::from(entries) * ENTRY),
        1 => u64::from(root(entries, dimensions)),
        2 => all,
        _ => return None,
    };
    bits.skip(64)?;
    let width = u64::from(bits.take(4)?) + 1;
    bits.take(1)?;
    bits.skip(stored.checked_mul(width)?)?;
    Some(all.saturating_add(u64::from(entries) * ENTRY))
}

/// The largest number whose power of `dimensions` is at most `entries`.
fn root(entries: u32, dimensions: u32) -> u32 {
    (1..=entries)
        .take_while(|n| n.checked_pow(dimensions).is_some_and(|p| p <= entries))
        // One dimension: as many as there are entries, and no need to count them.
        .take(if dimensions < 2 { 0 } else { usize::MAX })
        .last()
        .unwrap_or(if dimensions < 2 { entries } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn roots() {
        for (entries, dimensions, want) in [
            (81, 4, 3),
            (80, 4, 2),
            (625, 2, 25),
            (17, 1, 17),
            (131_072, 32, 1),
            (0, 3, 0),
        ] {
            assert_eq!(root(entries, dimensions), want, "{entries} {dimensions}");
        }
    }

    /// Bits as a set-up header packs them.
    #[derive(Default)]
    struct Pack(Vec<bool>);

    impl Pack {
        fn put(&mut self, value: u64, n: usize) {
            self.0.extend((0..n).map(|bit| value >> bit & 1 == 1));
        }

        fn bytes(&self) -> Vec<u8> {
            let byte = |bits: &[bool]| {
                (0..)
                    .zip(bits)
                    .fold(0, |b, (n, &bit)| b | u8::from(bit) << n)
            };
            self.0.chunks(8).map(byte).collect()
        }
    }

    /// A set-up header of `books` books with 2¹⁷ entries of 31 values, all of one length.
    fn greedy(books: u64) -> Vec<u8> {
        let mut pack = Pack::default();
        pack.put(books - 1, 8);
        for _ in 0..books {
            pack.put(0x0056_4342, 24);
            pack.put(31, 16);
            pack.put(1 << 17, 24);
            pack.put(1, 1);
            pack.put(16, 5);
            pack.put(1 << 17, 18);
            pack.put(1, 4);
            pack.put(0, 64);
            pack.put(0, 4);
            pack.put(0, 1);
            pack.put(0, 1);
        }
        [b"\x05vorbis", &pack.bytes()[..]].concat()
    }

    #[test]
    fn greedy_books_are_counted_without_being_unpacked() {
        let one = (1 << 17) * (31 + ENTRY);
        assert_eq!(book_values(&greedy(1)), one);
        assert_eq!(book_values(&greedy(256)), one * 256);
        let cut = greedy(256);
        assert!(book_values(&cut[..cut.len() / 2]) < one * 130);
        assert_eq!(book_values(b"nothing"), 0);
        assert_eq!(book_values(b"\x05vorbis"), 0);
    }

    #[test]
    fn a_real_stream_is_far_from_the_limit() {
        let dir = tempfile::tempdir().unwrap();
        let source = write(
            dir.path(),
            "source.wav",
            &wav(S16, 44_100, 2, 4410, |f, c| step(f, c) / 4),
        );
        for quality in ["-1", "4", "10"] {
            let out = dir.path().join("a.ogg");
            let (source, out) = (source.to_str().unwrap(), out.to_str().unwrap());
            let args = ["-Q", "-q", quality, "-o", out, source];
            if !tool("vorbis_books", "oggenc", &args) {
                return;
            }
            let bytes = std::fs::read(out).unwrap();
            // The header crosses pages, whose heads spoil what follows: what is counted is enough to compare.
            let values = book_values(&bytes);
            assert!(values > 1000 && values < MAX_VALUES / 8, "{values}");
            let (_, error) = drain(&mut *open_default(std::path::Path::new(out)).unwrap());
            assert!(error.is_none());
        }
    }
}
