//! Who has a card's PCM open, by the kernel's account.

use std::fs;
use std::path::Path;

/// A program that plays through a device.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) program: String,
    pub(crate) process: u32,
}

/// Who plays through the card that the device name says; `None` when nobody does, or it says no card.
pub(crate) fn of(device: &str) -> Option<Holder> {
    in_tree(device, Path::new("/proc"))
}

fn in_tree(device: &str, proc: &Path) -> Option<Holder> {
    let (card, wanted) = card_and_device(device)?;
    // A card's id is there as a link.
    let name = match card.bytes().all(|b| b.is_ascii_digit()) {
        true => format!("card{card}"),
        false => card.to_owned(),
    };
    let folders = |at: &Path| -> Vec<String> {
        let entries = fs::read_dir(at).into_iter().flatten().flatten();
        entries
            .filter_map(|e| e.file_name().into_string().ok())
            .collect()
    };
    let card = proc.join("asound").join(name);
    for pcm in folders(&card) {
        let number = pcm.strip_prefix("pcm").and_then(|n| n.strip_suffix('p'));
        let Some(number) = number.and_then(|n| n.parse::<u32>().ok()) else {
            continue;
        };
        if wanted.is_some_and(|wanted| wanted != number) {
            continue;
        }
        for sub in folders(&card.join(&pcm)) {
            let status = card.join(&pcm).join(sub).join("status");
            let status = fs::read_to_string(status).unwrap_or_default();
            let owner = field(&status, "owner_pid").and_then(|pid| pid.parse::<u32>().ok());
            if let Some(thread) = owner {
                return Some(named(proc, thread));
            }
        }
    }
    None
}

/// The program of a thread: the kernel tells the thread that opened the card.
fn named(proc: &Path, thread: u32) -> Holder {
    let status = fs::read_to_string(proc.join(format!("{thread}/status"))).unwrap_or_default();
    let process = field(&status, "Tgid").and_then(|pid| pid.parse().ok());
    let process = process.unwrap_or(thread);
    let program = fs::read_to_string(proc.join(format!("{process}/comm"))).unwrap_or_default();
    let program = match program.trim() {
        "" => "a program".to_owned(),
        program => program.to_owned(),
    };
    Holder { program, process }
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    fields
        .find(|(field, _)| field.trim() == name)
        .map(|(_, value)| value.trim())
}

/// Card (id or index) and device in names such as `hw:CARD=x,DEV=1`, `plughw:1,0` and `front:x`.
pub(crate) fn card_and_device(device: &str) -> Option<(&str, Option<u32>)> {
    let (kind, arguments) = device.split_once(':')?;
    let (mut card, mut number) = (None, None);
    for (i, argument) in arguments.split(',').enumerate() {
        match argument.split_once('=') {
            Some(("CARD", id)) => card = Some(id),
            Some(("DEV", n)) => number = n.parse().ok(),
            Some(_) => {}
            None if i == 0 => card = Some(argument),
            None if i == 1 => number = argument.parse().ok(),
            None => {}
        }
    }
    // What DEV means to `hdmi:` is no number of a PCM.
    let number = number.filter(|_| matches!(kind, "hw" | "plughw"));
    card.filter(|id| !id.is_empty()).map(|id| (id, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn card_and_device_of_a_name() {
        for (name, found) in [
            ("hw:CARD=USB,DEV=1", Some(("USB", Some(1)))),
            ("hw:DEV=1,CARD=USB", Some(("USB", Some(1)))),
            ("plughw:2,3", Some(("2", Some(3)))),
            ("sysdefault:CARD=PCH", Some(("PCH", None))),
            ("hdmi:CARD=PCH,DEV=1", Some(("PCH", None))),
            ("hw:Loopback,0,1", Some(("Loopback", Some(0)))),
            ("default", None),
            ("x:", None),
        ] {
            assert_eq!(card_and_device(name), found, "{name}");
        }
    }

    #[test]
    fn the_holder_is_the_program_and_not_its_thread() {
        let root = std::env::temp_dir().join(format!("backline-holder-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let put = |at: &str, text: &str| {
            let file = root.join(at);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        put(
            "asound/card0/pcm0c/sub0/status",
            "state: RUNNING\nowner_pid   : 5\n",
        );
        put("asound/card0/pcm0p/sub0/status", "closed\n");
        put(
            "asound/card0/pcm1p/sub0/status",
            "state: RUNNING\nowner_pid   : 78\n",
        );
        put("78/status", "Name:\tao\nTgid:\t77\nPid:\t78\n");
        put("77/comm", "mpv\n");
        std::os::unix::fs::symlink("card0", root.join("asound/PCH")).unwrap();
        let mpv = Holder {
            program: "mpv".into(),
            process: 77,
        };
        assert_eq!(in_tree("hw:CARD=PCH,DEV=1", &root).as_ref(), Some(&mpv));
        assert_eq!(in_tree("sysdefault:0", &root), Some(mpv));
        assert_eq!(in_tree("hw:CARD=PCH,DEV=0", &root), None);
        assert_eq!(in_tree("default", &root), None);
        fs::remove_dir_all(root).unwrap();
    }
}
