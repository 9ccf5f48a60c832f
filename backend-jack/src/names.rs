//! Port names that a server takes: cut to its limit, and still unique and the same every time.

/// The most bytes of a port's full name that reach a jackd2: it tells a higher limit, and cuts what
/// is longer in the message to the server, where two cut names may be the same.
pub(crate) const FULL_BYTES: usize = 255;

/// Hex digits that stand for what was cut off.
const DIGITS: usize = 4;

/// The names as a server takes them that allows `room` bytes for each. Names that fit stay as
/// they are. Of one that doesn't, the beginning and the channel (`_L`, `_R`, `_1` …) are kept, and
/// a few digits made of the whole name stand for the rest: `a_very_lo-4f1e_L`.
pub(crate) fn fit(outs: &[String], room: usize) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for out in outs {
        let mut name = out.clone();
        let mut tries = 0;
        while name.len() > room || (tries > 0 && (all.contains(&name) || outs.contains(&name))) {
            name = cut(out, room, tries);
            tries += 1;
            if tries > 1 << 16 {
                break;
            }
        }
        all.push(name);
    }
    all
}

fn cut(out: &str, room: usize, tries: u32) -> String {
    let (stem, channel) = match out.rfind('_') {
        Some(at) if is_channel(&out[at + 1..]) => out.split_at(at),
        _ => (out, ""),
    };
    let tail = format!("-{:0DIGITS$x}{channel}", hash(stem, tries));
    let mut head = room.saturating_sub(tail.len());
    while !stem.is_char_boundary(head.min(stem.len())) {
        head -= 1;
    }
    format!("{}{tail}", &stem[..head.min(stem.len())])
}

fn is_channel(s: &str) -> bool {
    matches!(s, "L" | "R") || ((1..=3).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit()))
}

/// FNV-1a, folded to 16 bits.
fn hash(s: &str, tries: u32) -> u32 {
    let mut h = 0x811c_9dc5_u32 ^ tries;
    for b in s.bytes() {
        h = (h ^ u32::from(b)).wrapping_mul(0x0100_0193);
    }
    (h >> 16) ^ (h & 0xffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(n: &[&str]) -> Vec<String> {
        n.iter().map(|s| (*s).to_owned()).collect()
    }

    #[test]
    fn what_fits_stays() {
        let outs = names(&["main_L", "main_R", "click"]);
        assert_eq!(fit(&outs, 6), outs);
    }

    #[test]
    fn what_is_too_long_keeps_its_beginning_and_its_channel() {
        let outs = names(&[
            "the_very_long_name_of_one_L",
            "the_very_long_name_of_one_R",
            "the_very_long_name_of_two_L",
            "the_very_long_name_of_two",
            "the_very_long_name_of_two_12",
        ]);
        let cut = fit(&outs, 16);
        assert!(cut.iter().all(|n| n.len() == 16), "{cut:?}");
        assert!(cut[0].starts_with("the_very_") && cut[0].ends_with("_L"));
        assert_eq!(cut[0][..14], cut[1][..14], "channels of one stay together");
        assert!(cut[4].ends_with("_12"));
        let mut unique = cut.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), cut.len(), "{cut:?}");
        assert_eq!(fit(&outs, 16), cut, "the same every time");
        // Whatever else is there.
        assert_eq!(fit(&outs[2..3], 16)[0], cut[2]);
    }

    #[test]
    fn a_cut_name_gives_way_to_one_that_is_there() {
        let long = "the_very_long_name_of_one".to_owned();
        let taken = fit(std::slice::from_ref(&long), 16).remove(0);
        let both = fit(&[long, taken.clone()], 16);
        assert_ne!(both[0], taken);
        assert_eq!(both[1], taken);
        assert_eq!(both[0].len(), 16);
    }
}
