//! Whether the processor was slowed down by heat or by a weak power supply.

use super::{Finding, System};

const CHECK: &str = "throttling";
/// A Raspberry Pi's own account, bits in hexadecimal.
const PI: &str = "sys/devices/platform/soc/soc:firmware/get_throttled";

pub(super) fn judge(system: &System) -> Option<Finding> {
    if let Some(bits) = system.read(PI) {
        let digits = bits.trim_start_matches("0x");
        return Some(pi(u32::from_str_radix(digits, 16).ok()?));
    }
    let path = "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count";
    Some(match system.number(path)? {
        0 => Finding::ok(CHECK, "the processor was never slowed down by heat"),
        n => Finding::warning(
            CHECK,
            format!("the processor was slowed down by heat {n} times since the start"),
            "see to its cooling, and to what else runs",
        ),
    })
}

fn pi(bits: u32) -> Finding {
    const POWER: u32 = 1 | 1 << 16;
    const NOW: u32 = 0xf;
    let when = if bits & NOW != 0 { "is" } else { "was" };
    if bits & POWER != 0 {
        Finding::warning(
            CHECK,
            format!("the voltage {when} too low, which slows the processor down and upsets USB"),
            "use a stronger power supply and a shorter cable; give USB interfaces their own supply",
        )
    } else if bits & (NOW | NOW << 16) != 0 {
        Finding::warning(
            CHECK,
            format!("the processor {when} slowed down by heat"),
            "give it a heat sink or a fan",
        )
    } else {
        Finding::ok(
            CHECK,
            "neither heat nor a low voltage has slowed the processor down",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::system::tree;
    use super::*;

    #[test]
    fn a_pi_tells_voltage_from_heat() {
        let of = |bits: &str| {
            let (_dir, system) = tree(&[(PI, bits)]);
            judge(&system).unwrap()
        };
        assert_eq!(of("0\n").level, Level::Ok);
        assert!(of("50005\n").message.contains("voltage is too low"));
        assert!(of("0x10000\n").message.contains("voltage was too low"));
        assert!(of("80008\n").message.contains("is slowed down by heat"));
    }

    #[test]
    fn a_pc_counts() {
        let path = "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count";
        let of = |count: &str| {
            let (_dir, system) = tree(&[(path, count)]);
            judge(&system).unwrap()
        };
        assert_eq!(of("0\n").level, Level::Ok);
        assert!(of("7\n").message.contains("7 times"));
        let (_dir, silent) = tree(&[]);
        assert_eq!(judge(&silent), None);
    }
}
