//! The sound cards: which there are, how many channels they take, and who holds them.

use super::{Finding, System};

const CHECK: &str = "cards";
/// What to do about a card that PipeWire has.
pub(super) const PIPEWIRE: &str = "play through it (`--backend jack`; package pipewire-jack), or take the card from it: profile `Off` in pavucontrol, or, where nothing else needs it, `systemctl --user disable --now pipewire.socket pipewire wireplumber`";

/// A device that ALSA lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Device {
    pub name: String,
    /// Of a card of its own, and not a plug-in's.
    pub card: bool,
    /// Fewest and most; `None` is busy, or no hardware.
    pub channels: Option<(u32, u32)>,
    /// Words of the formats, and rates in Hz; empty is not known.
    pub formats: Vec<&'static str>,
    pub rates: Vec<u32>,
    /// Of its driver, such as `FL FR`.
    pub channel_maps: Vec<String>,
    pub hdmi: bool,
}

impl Device {
    /// "2 to 8 channels, s16 or s32, 44100 or 48000 Hz".
    fn takes(&self, (min, max): (u32, u32)) -> String {
        let mut takes = match min == max {
            true => format!("{max} channels"),
            false => format!("{min} to {max} channels"),
        };
        if !self.formats.is_empty() {
            takes += &format!("; formats {}", self.formats.join(", "));
        }
        if !self.rates.is_empty() {
            let rates: Vec<String> = self.rates.iter().map(u32::to_string).collect();
            takes += &format!("; {} Hz", rates.join(", "));
        }
        if !self.channel_maps.is_empty() {
            takes += &format!("; channels as {}", self.channel_maps.join(", "));
        }
        takes
    }
}

#[cfg(feature = "alsa")]
pub(super) fn devices() -> Vec<Device> {
    let all = backend_alsa::list().into_iter();
    let device = |d: backend_alsa::PlaybackDevice| Device {
        card: d.name.starts_with("hw:"),
        name: d.name,
        channels: d.channels,
        formats: d
            .formats
            .into_iter()
            .map(crate::config::format_word)
            .collect(),
        rates: d.rates,
        channel_maps: d.channel_maps,
        hdmi: d.hdmi,
    };
    all.map(device).collect()
}

#[cfg(not(feature = "alsa"))]
pub(super) fn devices() -> Vec<Device> {
    Vec::new()
}

/// Rates (Hz) of the device that would be played through; none where that isn't known.
pub(super) fn rates(devices: &[Device], wished: Option<&str>) -> Vec<u32> {
    let mut cards = devices.iter().filter(|d| d.card);
    let device = match (wished, cards.next(), cards.next()) {
        // A device may be named without its number.
        (Some(name), ..) => devices.iter().find(|d| {
            let rest = d.name.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(','))
        }),
        (None, Some(only), None) => Some(only),
        _ => None,
    };
    device.map_or_else(Vec::new, |d| d.rates.clone())
}

/// `alone`: there is no JACK server to play through.
pub(super) fn judge(system: &System, devices: &[Device], alone: bool) -> Vec<Finding> {
    let mut findings: Vec<Finding> = devices
        .iter()
        .filter(|d| d.card)
        .map(|d| match d.channels {
            Some(channels) => {
                let channels = d.takes(channels);
                let hdmi = if d.hdmi {
                    "; by this name it takes HDMI subframes only"
                } else {
                    ""
                };
                Finding::ok(CHECK, format!("{} takes {channels}{hdmi}", d.name))
            }
            None => Finding::ok(CHECK, format!("{} is there, and busy", d.name)),
        })
        .collect();
    findings.extend(held(system, alone));
    if findings.is_empty() {
        let advice = "plug one in; if it is plugged in: `cat /proc/asound/cards` shows whether the kernel knows it, and group audio may use it";
        findings.push(match (devices.is_empty(), alone) {
            (true, true) => Finding::failure(CHECK, "there is no sound card", advice),
            (true, false) => Finding::ok(CHECK, "there is no sound card of this machine's own"),
            (false, _) => Finding::ok(CHECK, "there is no card, but ALSA has other devices"),
        });
    }
    findings
}

/// Who plays through which card, by the kernel's account.
fn held(system: &System, alone: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for card in system.list("proc/asound") {
        let id = system.read(&format!("proc/asound/{card}/id"));
        let number = card
            .strip_prefix("card")
            .and_then(|n| n.parse::<u32>().ok());
        let (Some(id), Some(_)) = (id, number) else {
            continue;
        };
        for pcm in system.list(&format!("proc/asound/{card}")) {
            let device = pcm.strip_prefix("pcm").and_then(|p| p.strip_suffix('p'));
            let Some(device) = device else { continue };
            for sub in system.list(&format!("proc/asound/{card}/{pcm}")) {
                let path = format!("proc/asound/{card}/{pcm}/{sub}/status");
                let status = system.read(&path).unwrap_or_default();
                let owner = status.lines().filter_map(|l| l.split_once(':'));
                let mut owner = owner.filter(|(name, _)| name.trim() == "owner_pid");
                let Some((_, pid)) = owner.next() else {
                    continue;
                };
                let thread = pid.trim();
                // The kernel tells the thread that opened it.
                let status = system.read(&format!("proc/{thread}/status"));
                let status = status.unwrap_or_default();
                let process = status.lines().find_map(|l| l.strip_prefix("Tgid:"));
                let pid = process.map_or(thread, str::trim);
                let who = system.read(&format!("proc/{pid}/comm"));
                let who = who.unwrap_or_else(|| "somebody".into());
                // A sound server shares what it holds.
                let server = ["jackd", "jackdbus", "pipewire"].contains(&who.as_str());
                let what = format!("hw:CARD={id},DEV={device} is held by {who} (process {pid})");
                findings.push(match (server, who.as_str()) {
                    (true, "pipewire") if alone => Finding::warning(CHECK, what, PIPEWIRE),
                    (true, _) => Finding::ok(CHECK, what),
                    (false, _) => Finding::warning(
                        CHECK,
                        what,
                        "end that program, or play through another card, if this one is to be played through",
                    ),
                });
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::system::tree;
    use super::*;

    fn device(name: &str, channels: Option<(u32, u32)>) -> Device {
        Device {
            name: name.into(),
            card: name.starts_with("hw:"),
            channels,
            formats: Vec::new(),
            rates: Vec::new(),
            channel_maps: Vec::new(),
            hdmi: false,
        }
    }

    #[test]
    fn no_card_is_a_failure_only_when_there_is_nothing_else() {
        let (_dir, system) = tree(&[]);
        let level = |devices: &[Device], alone| judge(&system, devices, alone)[0].level;
        assert_eq!(level(&[], true), Level::Failure);
        assert_eq!(level(&[], false), Level::Ok);
        assert_eq!(level(&[device("pulse", None)], true), Level::Ok);
    }

    #[test]
    fn what_a_card_takes_is_told() {
        let (_dir, system) = tree(&[]);
        let devices = [
            Device {
                formats: vec!["s16", "s24_3"],
                rates: vec![44_100, 48_000],
                channel_maps: vec!["FL FR".into(), "FL FR RL RR".into()],
                ..device("hw:CARD=USB,DEV=0", Some((2, 8)))
            },
            device("default", None),
        ];
        assert_eq!(
            judge(&system, &devices, true),
            [Finding::ok(
                "cards",
                "hw:CARD=USB,DEV=0 takes 2 to 8 channels; formats s16, s24_3; 44100, 48000 Hz; channels as FL FR, FL FR RL RR"
            )]
        );
    }

    #[test]
    fn who_holds_a_card_is_told_by_name() {
        let status = "state: RUNNING\nowner_pid   : 77\ntrigger_time: 1.0\n";
        let with = |comm: &str| {
            let (_dir, system) = tree(&[
                ("proc/asound/cards", " 0 [USB ]: USB-Audio\n"),
                ("proc/asound/card0/id", "USB\n"),
                ("proc/asound/card0/pcm0p/sub0/status", status),
                ("proc/asound/card0/pcm0p/sub1/status", "closed\n"),
                ("proc/asound/card0/pcm0c/sub0/status", status),
                ("proc/77/status", "Name:\tao\nTgid:\t76\nPid:\t77\n"),
                ("proc/77/comm", "ao\n"),
                ("proc/76/comm", comm),
            ]);
            judge(&system, &[], true)
        };
        let held = with("mpv\n");
        assert_eq!(held.len(), 1, "{held:?}");
        assert_eq!(held[0].level, Level::Warning);
        assert_eq!(
            held[0].message,
            "hw:CARD=USB,DEV=0 is held by mpv (process 76)"
        );
        assert_eq!(with("jackd\n")[0].level, Level::Ok);
        // Nothing but the card itself is left to play through.
        let held = &with("pipewire\n")[0];
        assert_eq!(held.level, Level::Warning);
        assert!(held.advice.as_ref().unwrap().contains("--backend jack"));
    }

    #[test]
    fn the_rates_are_those_of_the_device_that_would_be_taken() {
        let card = |name: &str, rate| Device {
            rates: vec![rate],
            ..device(name, Some((2, 2)))
        };
        let one = [card("hw:CARD=A,DEV=0", 48_000), device("default", None)];
        let two = [
            card("hw:CARD=A,DEV=0", 48_000),
            card("hw:CARD=AB,DEV=0", 96_000),
        ];
        assert_eq!(rates(&one, None), [48_000]);
        assert!(rates(&two, None).is_empty());
        assert_eq!(rates(&two, Some("hw:CARD=AB")), [96_000]);
        assert_eq!(rates(&two, Some("hw:CARD=A,DEV=0")), [48_000]);
        assert!(rates(&two, Some("hw:CARD=C")).is_empty());
    }
}
