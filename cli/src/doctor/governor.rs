//! Whether the processor's clock waits for load before it rises.

use std::collections::BTreeSet;

use super::{Finding, System};

const CHECK: &str = "governor";

pub(super) fn judge(system: &System) -> Finding {
    let cpus = system.list("sys/devices/system/cpu");
    let governors: BTreeSet<String> = cpus
        .iter()
        .filter(|name| {
            name.strip_prefix("cpu")
                .is_some_and(|n| n.parse::<u32>().is_ok())
        })
        .filter_map(|cpu| {
            system.read(&format!(
                "sys/devices/system/cpu/{cpu}/cpufreq/scaling_governor"
            ))
        })
        .collect();
    let slow: Vec<&str> = governors
        .iter()
        .map(String::as_str)
        .filter(|g| *g != "performance")
        .collect();
    if governors.is_empty() {
        Finding::ok(CHECK, "the system doesn't scale the processor's clock")
    } else if slow.is_empty() {
        Finding::ok(CHECK, "the processor runs at full clock")
    } else {
        Finding::warning(
            CHECK,
            format!(
                "the processor's clock follows the load ({}), and an audio callback is over before it has risen",
                slow.join(", ")
            ),
            "while playing: `sudo cpupower frequency-set -g performance` (package linux-cpupower)",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::system::tree;
    use super::*;

    #[test]
    fn only_performance_is_fine() {
        let (_dir, none) = tree(&[]);
        assert_eq!(judge(&none).level, Level::Ok);
    }

    #[test]
    fn the_slow_ones_are_named_once() {
        let paths =
            [0, 1, 2].map(|n| format!("sys/devices/system/cpu/cpu{n}/cpufreq/scaling_governor"));
        let with = |governors: [&str; 3]| {
            let files: Vec<(&str, &str)> =
                paths.iter().map(String::as_str).zip(governors).collect();
            let (_dir, system) = tree(&files);
            judge(&system)
        };
        assert_eq!(with(["performance\n"; 3]).level, Level::Ok);
        let mixed = with(["powersave\n", "performance\n", "powersave\n"]);
        assert_eq!(mixed.level, Level::Warning);
        assert!(mixed.message.contains("(powersave)"), "{mixed:?}");
    }
}
