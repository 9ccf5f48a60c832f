//! Finding a USB card by what is built into it, whatever its name is this time:
//! `usb:VENDOR:PRODUCT[:SERIAL]`, or by the socket it sits in, `usb:1-1.2`. Looked up at each opening.

use std::fs;
use std::path::{Path, PathBuf};

use engine_core::backend::{BackendError, BackendErrorKind as Kind};

/// What the device name says to look for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted<'a> {
    Device {
        vendor: u16,
        product: u16,
        serial: Option<&'a str>,
    },
    /// The kernel's name of the socket: bus, then the way through the hubs.
    Socket(&'a str),
}

/// A card on the USB.
#[derive(Debug)]
struct Card {
    vendor: u16,
    product: u16,
    serial: Option<String>,
    socket: String,
    /// `hw:CARD=…,DEV=…`; `None` when it only records.
    name: Option<String>,
}

impl Card {
    fn is(&self, wanted: &Wanted<'_>) -> bool {
        match *wanted {
            Wanted::Socket(socket) => self.socket == socket,
            Wanted::Device {
                vendor,
                product,
                serial,
            } => {
                (self.vendor, self.product) == (vendor, product)
                    && serial.is_none_or(|s| self.serial.as_deref() == Some(s))
            }
        }
    }

    /// The name to find it by; by its socket where others are alike.
    fn shown(&self) -> String {
        let (vendor, product) = (self.vendor, self.product);
        match &self.serial {
            Some(serial) => format!("usb:{vendor:04x}:{product:04x}:{serial}"),
            None => format!("usb:{vendor:04x}:{product:04x}"),
        }
    }
}

/// The `hw:` name for a name of this kind; `None` for any other name, which is left as it is.
pub(crate) fn resolve(device: &str) -> Result<Option<String>, BackendError> {
    let Some(rest) = device.strip_prefix("usb:") else {
        return Ok(None);
    };
    let wanted = parse(rest).ok_or_else(|| {
        BackendError::new(
            Kind::Usage,
            format_args!(
                "\"{device}\" names no USB card: it is usb:VENDOR:PRODUCT[:SERIAL], such as usb:0d8c:0014, or a socket such as usb:1-1.2"
            ),
        )
    })?;
    find(device, &wanted, &cards(Path::new("/sys/class/sound"))).map(Some)
}

fn find(device: &str, wanted: &Wanted<'_>, cards: &[Card]) -> Result<String, BackendError> {
    let refuse = |what: String| Err(BackendError::new(Kind::NoDevice, format_args!("{what}")));
    let found: Vec<&Card> = cards.iter().filter(|c| c.is(wanted)).collect();
    match found.as_slice() {
        [card] => match &card.name {
            Some(name) => Ok(name.clone()),
            None => refuse(format!("the USB card \"{device}\" has no output")),
        },
        [] => {
            let there: Vec<String> = cards.iter().map(Card::shown).collect();
            let there = match there.is_empty() {
                true => "no USB card is".to_owned(),
                false => format!("these are: {}", there.join(", ")),
            };
            refuse(format!(
                "no USB card \"{device}\" is plugged in and switched on; {there}"
            ))
        }
        alike => {
            let sockets: Vec<String> = alike.iter().map(|c| format!("usb:{}", c.socket)).collect();
            refuse(format!(
                "{} USB cards are \"{device}\": tell them apart by serial number, or by socket ({})",
                alike.len(),
                sockets.join(", ")
            ))
        }
    }
}

fn parse(rest: &str) -> Option<Wanted<'_>> {
    let mut parts = rest.splitn(3, ':');
    let (first, second, serial) = (parts.next()?, parts.next(), parts.next());
    let Some(product) = second else {
        let mut socket = first.split(['-', '.']);
        let numbers = socket.all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        return (numbers && first.contains('-')).then_some(Wanted::Socket(first));
    };
    if serial.is_some_and(str::is_empty) {
        return None;
    }
    Some(Wanted::Device {
        vendor: id(first)?,
        product: id(product)?,
        serial,
    })
}

/// Four hexadecimal digits, as lsusb shows them; `0x` may stand before them.
fn id(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    (hex && (1..=4).contains(&digits.len()))
        .then(|| u16::from_str_radix(digits, 16).ok())
        .flatten()
}

/// The sound cards on the USB, by the kernel's folder of sound devices.
fn cards(class: &Path) -> Vec<Card> {
    let names = |folder: &Path| -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries
            .filter_map(|e| e.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    };
    let numbers = names(class);
    let numbers = numbers.iter().filter_map(|n| {
        let number = n.strip_prefix("card")?;
        number.parse::<u32>().ok()
    });
    numbers
        .filter_map(|number| {
            let card = fs::canonicalize(class.join(format!("card{number}"))).ok()?;
            let device = usb_device(&card)?;
            let id = read(&card.join("id"))?;
            let first = names(&card).into_iter().find_map(|pcm| {
                let of_card = pcm.strip_prefix(&format!("pcmC{number}D"))?;
                of_card.strip_suffix('p')?.parse::<u32>().ok()
            });
            Some(Card {
                vendor: self::id(&read(&device.join("idVendor"))?)?,
                product: self::id(&read(&device.join("idProduct"))?)?,
                serial: read(&device.join("serial")),
                socket: device.file_name()?.to_str()?.to_owned(),
                name: first.map(|n| format!("hw:CARD={id},DEV={n}")),
            })
        })
        .collect()
}

/// The USB device that a card is part of: the next folder above that has its ids.
fn usb_device(card: &Path) -> Option<PathBuf> {
    let mut above = card.ancestors();
    above
        .find(|folder| folder.join("idVendor").exists())
        .map(Path::to_owned)
}

fn read(file: &Path) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_usb_cards() {
        let device = |serial| Wanted::Device {
            vendor: 0x0d8c,
            product: 0x14,
            serial,
        };
        assert_eq!(parse("0d8c:0014"), Some(device(None)));
        assert_eq!(parse("0x0D8C:0x14"), Some(device(None)));
        assert_eq!(parse("0d8c:0014:A:1"), Some(device(Some("A:1"))));
        assert_eq!(parse("1-1.2"), Some(Wanted::Socket("1-1.2")));
        for wrong in [
            "",
            "0d8c",
            "0d8c:",
            "0d8c:0014:",
            "0d8c:12345",
            "x:y",
            "1-",
            "-1",
            "+1:2",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert_eq!(resolve("hw:CARD=usb").unwrap(), None);
        assert_eq!(resolve("usb:what").unwrap_err().kind, Kind::Usage);
    }

    /// Number, socket, product, serial number, PCMs.
    type Made<'a> = (u32, &'a str, &'a str, Option<&'a str>, &'a [&'a str]);

    /// A folder like the kernel's: links to cards that lie in the tree of devices.
    fn tree(cards: &[Made<'_>]) -> (PathBuf, Vec<Card>) {
        let root = std::env::temp_dir().join(format!(
            "backline-usb-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        let _ = fs::remove_dir_all(&root);
        let class = root.join("class");
        fs::create_dir_all(&class).unwrap();
        for (number, socket, product, serial, pcms) in cards {
            let device = root.join("devices/usb1").join(socket);
            let card = device.join(format!("{socket}:1.0/sound/card{number}"));
            fs::create_dir_all(&card).unwrap();
            for pcm in *pcms {
                fs::create_dir(card.join(pcm)).unwrap();
            }
            fs::write(device.join("idVendor"), "46f4\n").unwrap();
            fs::write(device.join("idProduct"), format!("{product}\n")).unwrap();
            if let Some(serial) = serial {
                fs::write(device.join("serial"), format!("{serial}\n")).unwrap();
            }
            fs::write(card.join("id"), format!("Card{number}\n")).unwrap();
            std::os::unix::fs::symlink(&card, class.join(format!("card{number}"))).unwrap();
        }
        // One that is on no USB.
        fs::create_dir_all(root.join("devices/pci/card9")).unwrap();
        std::os::unix::fs::symlink(root.join("devices/pci/card9"), class.join("card9")).unwrap();
        let found = super::cards(&class);
        (root, found)
    }

    #[test]
    fn a_card_is_found_by_ids_serial_and_socket() {
        let (root, cards) = tree(&[
            (1, "1-1", "0002", Some("one"), &["pcmC1D0c", "pcmC1D0p"]),
            (10, "1-2.1", "0002", Some("two"), &["pcmC10D1p"]),
            (3, "1-3", "0003", None, &["pcmC3D0c"]),
        ]);
        let find = |rest: &str| find(&format!("usb:{rest}"), &parse(rest).unwrap(), &cards);
        assert_eq!(find("46f4:0002:one").unwrap(), "hw:CARD=Card1,DEV=0");
        assert_eq!(find("46f4:0002:two").unwrap(), "hw:CARD=Card10,DEV=1");
        assert_eq!(find("1-2.1").unwrap(), "hw:CARD=Card10,DEV=1");
        for (rest, words) in [
            ("46f4:0002", "(usb:1-1, usb:1-2.1)"),
            ("46f4:0003", "has no output"),
            (
                "46f4:0009",
                "usb:46f4:0002:one, usb:46f4:0002:two, usb:46f4:0003",
            ),
            ("1-9", "plugged in"),
        ] {
            let refused = find(rest).unwrap_err();
            assert_eq!(refused.kind, Kind::NoDevice, "{rest}");
            assert!(refused.message.contains(words), "{rest}: {refused}");
        }
        fs::remove_dir_all(root).unwrap();
    }
}
