//! How fast the USB cards are connected: an old hub or a bad cable makes a fast card a slow one.

use super::{Finding, System};

const CHECK: &str = "usb";
/// USB 1's, Mbit/s: a millisecond of sound at a time, 1023 bytes at most.
const FULL: &str = "12";

pub(super) fn judge(system: &System) -> Vec<Finding> {
    let cards = system.list("sys/class/sound").into_iter();
    let cards = cards.filter(|name| {
        let number = name.strip_prefix("card");
        number.is_some_and(|n| n.parse::<u32>().is_ok())
    });
    cards.filter_map(|card| of(system, &card)).collect()
}

fn of(system: &System, card: &str) -> Option<Finding> {
    // A card's device is an interface of the USB device, which is the folder around it.
    let about = |file: &str| system.read(&format!("sys/class/sound/{card}/device/../{file}"));
    let (speed, path) = (about("speed")?, about("devpath")?);
    let id = system.read(&format!("sys/class/sound/{card}/id"));
    let name = format!("hw:CARD={}", id.unwrap_or_else(|| card.to_owned()));
    let word = match speed.as_str() {
        "1.5" => "low speed",
        FULL => "full speed",
        "480" => "high speed",
        _ => "super speed",
    };
    let what = format!("{name} is connected by USB at {word} ({speed} Mbit/s)");
    // Digits and points: the sockets on the way, one for each hub.
    let hub = path.contains('.');
    if speed != FULL {
        return Some(Finding::ok(CHECK, what));
    }
    let enough = "which is enough for 2 channels of 24 bit at 96000 Hz, or 8 of 16 bit at 48000 Hz";
    Some(match hub {
        false => Finding::ok(CHECK, format!("{what}, {enough}")),
        true => Finding::warning(
            CHECK,
            format!("{what} through a hub, {enough}, and is often the reason for crackling"),
            "if the card can do more: another cable, another socket, and no old hub between; on a Raspberry Pi up to 3 every socket is behind a hub",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::system::tree;
    use super::*;

    fn with(speed: &str, path: &str) -> Vec<Finding> {
        let (_dir, system) = tree(&[
            ("sys/class/sound/card0/id", "PCH\n"),
            ("sys/class/sound/card0/device/class", "0x040300\n"),
            ("sys/class/sound/card2/id", "DAC\n"),
            ("sys/class/sound/card2/device/bInterfaceClass", "01\n"),
            ("sys/class/sound/card2/speed", speed),
            ("sys/class/sound/card2/devpath", path),
            ("sys/class/sound/controlC2/dev", "116:5\n"),
        ]);
        judge(&system)
    }

    #[test]
    fn the_speed_of_usb_cards_is_told_and_a_slow_one_behind_a_hub_warned_of() {
        let found = with("480\n", "1.3\n");
        assert_eq!(
            found,
            [Finding::ok(
                "usb",
                "hw:CARD=DAC is connected by USB at high speed (480 Mbit/s)"
            )]
        );
        assert_eq!(with("5000\n", "2\n")[0].level, Level::Ok);
        let direct = &with("12\n", "1\n")[0];
        assert_eq!(direct.level, Level::Ok);
        assert!(
            direct
                .message
                .contains("full speed (12 Mbit/s), which is enough")
        );
        let behind = &with("12\n", "1.2.4\n")[0];
        assert_eq!(behind.level, Level::Warning);
        assert!(behind.message.contains("through a hub"), "{behind:?}");
    }

    #[test]
    fn a_machine_without_any_has_nothing_to_say() {
        let (_dir, system) = tree(&[]);
        assert_eq!(judge(&system), []);
    }

    #[test]
    fn the_links_of_the_kernel_lead_there() {
        let (dir, system) = tree(&[
            ("sys/devices/usb1/1-1/speed", "12\n"),
            ("sys/devices/usb1/1-1/devpath", "1\n"),
            ("sys/devices/usb1/1-1/1-1:1.0/sound/card3/id", "USB\n"),
            ("sys/class/sound/version", "\n"),
        ]);
        let link = |from: &str, to: &str| {
            std::os::unix::fs::symlink(to, dir.path().join(from)).unwrap();
        };
        link("sys/devices/usb1/1-1/1-1:1.0/sound/card3/device", "../..");
        link(
            "sys/class/sound/card3",
            "../../devices/usb1/1-1/1-1:1.0/sound/card3",
        );
        let found = judge(&system);
        assert_eq!(found.len(), 1);
        assert!(found[0].message.starts_with("hw:CARD=USB is"), "{found:?}");
    }
}
