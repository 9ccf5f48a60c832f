//! Whether memory that nobody used for a while may be on a disk when the sound needs it.

use super::{Finding, System};

const CHECK: &str = "swap";
/// Up to here the kernel swaps only when it must.
const RELUCTANT: u64 = 10;

pub(super) fn judge(system: &System) -> Finding {
    let swaps = system.read("proc/swaps").unwrap_or_default();
    let used: Vec<&str> = swaps
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let swappiness = system.number("proc/sys/vm/swappiness");
    match swappiness {
        _ if used.is_empty() => Finding::ok(CHECK, "there is no swap"),
        Some(n) if n > RELUCTANT => Finding::warning(
            CHECK,
            format!(
                "swap is on ({}), and with a swappiness of {n} used readily",
                used.join(", ")
            ),
            format!(
                "`sudo sysctl vm.swappiness={RELUCTANT}`, and a line `vm.swappiness = {RELUCTANT}` in /etc/sysctl.d/audio.conf to keep it"
            ),
        ),
        Some(n) => Finding::ok(
            CHECK,
            format!("swap is used only when it must be (swappiness {n})"),
        ),
        None => Finding::ok(CHECK, "swap is on"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::system::tree;
    use super::*;

    fn of(swaps: &str, swappiness: &str) -> Finding {
        let (_dir, system) = tree(&[
            ("proc/swaps", swaps),
            ("proc/sys/vm/swappiness", swappiness),
        ]);
        judge(&system)
    }

    #[test]
    fn swap_matters_only_when_there_is_some() {
        const HEAD: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
        assert_eq!(of(HEAD, "60\n").level, Level::Ok);
        let one = format!("{HEAD}/dev/sda2 partition 8388604 0 -2\n");
        assert_eq!(of(&one, "10\n").level, Level::Ok);
        let eager = of(&one, "60\n");
        assert_eq!(eager.level, Level::Warning);
        assert!(eager.message.contains("/dev/sda2") && eager.message.contains("60"));
    }
}
