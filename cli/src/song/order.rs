//! The order of the files of a folder: the same on every machine, and `2` before `10`.

use std::cmp::Ordering;

/// Compares names as people number them: runs of digits by their value, all else by character
/// without regard to ASCII case; names that are equal so far by their bytes. Depends on no locale.
pub fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (x, rest_x) = piece(left);
        let (y, rest_y) = piece(right);
        let order = match (digits(x), digits(y)) {
            (Some(x), Some(y)) => x.len().cmp(&y.len()).then_with(|| x.cmp(y)),
            _ => x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase()),
        };
        if order != Ordering::Equal {
            return order;
        }
        if rest_x.is_empty() && rest_y.is_empty() {
            return a.cmp(b);
        }
        (left, right) = (rest_x, rest_y);
    }
}

/// The first run of digits, or the first other character, and what follows.
fn piece(text: &str) -> (&str, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let length = match digits {
        0 => text.chars().next().map_or(0, char::len_utf8),
        n => n,
    };
    text.split_at(length)
}

/// A run of digits without its leading zeros.
fn digits(piece: &str) -> Option<&str> {
    piece
        .starts_with(|c: char| c.is_ascii_digit())
        .then(|| piece.trim_start_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_by_value_and_letters_without_case() {
        let mut names = [
            "b", "10 a", "2 a", "A", "a10", "a2", "a", "02 a", "", "É", "B",
        ];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(
            names,
            [
                "", "02 a", "2 a", "10 a", "A", "a", "a2", "a10", "B", "b", "É"
            ]
        );
    }

    #[test]
    fn numbers_of_any_length() {
        let long = "9".repeat(50);
        let longer = format!("1{}", "0".repeat(50));
        assert_eq!(natural_order(&long, &longer), Ordering::Less);
    }

    proptest! {
        #[test]
        fn a_total_order(a in "[a-bA-B0-2é]{0,5}", b in "[a-bA-B0-2é]{0,5}", c in "[a-bA-B0-2é]{0,5}") {
            prop_assert_eq!(natural_order(&a, &b), natural_order(&b, &a).reverse());
            prop_assert_eq!(natural_order(&a, &b) == Ordering::Equal, a == b);
            if natural_order(&a, &b).is_le() && natural_order(&b, &c).is_le() {
                prop_assert!(natural_order(&a, &c).is_le());
            }
        }
    }
}
