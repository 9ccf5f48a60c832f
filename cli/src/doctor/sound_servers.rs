//! Which sound servers run: JACK's own, PipeWire, PulseAudio.

use super::cards::PIPEWIRE;
use super::{Finding, System};

/// The sound servers among the processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Running {
    pub jackd: bool,
    pub pipewire: bool,
    /// PipeWire's session manager, without which it knows no device.
    pub manager: bool,
    pub pulseaudio: bool,
}

pub(super) fn running(system: &System) -> Running {
    let mut running = Running::default();
    for process in system.list("proc") {
        if !process.bytes().all(|b| b.is_ascii_digit()) {
            continue;
        }
        match system.read(&format!("proc/{process}/comm")).as_deref() {
            Some("jackd" | "jackdbus") => running.jackd = true,
            Some("pipewire") => running.pipewire = true,
            // The kernel keeps 15 characters.
            Some("wireplumber" | "pipewire-media-") => running.manager = true,
            Some("pulseaudio") => running.pulseaudio = true,
            _ => {}
        }
    }
    running
}

/// `direct`: a card is to be played through without a server.
pub(super) fn judge(running: &Running, direct: bool) -> Vec<Finding> {
    const CHECK: &str = "sound-servers";
    let names = [
        (running.jackd, "jackd"),
        (running.pipewire, "PipeWire"),
        (running.pulseaudio, "PulseAudio"),
    ];
    let names: Vec<&str> = names.iter().filter(|n| n.0).map(|n| n.1).collect();
    let mut findings = Vec::new();
    if running.pipewire && !running.manager {
        findings.push(Finding::warning(
            CHECK,
            "PipeWire runs without a session manager, so it has no devices",
            "install and start wireplumber: `systemctl --user enable --now wireplumber`",
        ));
    }
    if running.pipewire && direct {
        findings.push(Finding::warning(
            CHECK,
            "PipeWire runs, and takes a card whenever something plays through it: who is first has it",
            PIPEWIRE,
        ));
    }
    if running.pulseaudio {
        findings.push(Finding::warning(
            CHECK,
            "PulseAudio runs, and holds the cards it uses",
            "if a card is busy: `pasuspender -- backline play …`, or choose another profile for that card in pavucontrol",
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(
            CHECK,
            match names.as_slice() {
                [] => "no sound server runs".to_owned(),
                [one] => format!("{one} runs"),
                all => format!(
                    "{} run; a card belongs to one of them at a time",
                    all.join(" and ")
                ),
            },
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::system::tree;
    use super::*;

    #[test]
    fn processes_are_known_by_their_names() {
        let (_dir, system) = tree(&[
            ("proc/1/comm", "systemd\n"),
            ("proc/20/comm", "pipewire\n"),
            ("proc/21/comm", "wireplumber\n"),
            ("proc/self/comm", "jackd\n"),
        ]);
        let found = running(&system);
        assert!(found.pipewire && found.manager && !found.jackd && !found.pulseaudio);
        assert_eq!(
            judge(&found, false),
            [Finding::ok("sound-servers", "PipeWire runs")]
        );
    }

    #[test]
    fn pipewire_alone_and_pulseaudio_are_told() {
        let found = Running {
            pipewire: true,
            pulseaudio: true,
            ..Running::default()
        };
        let levels: Vec<Level> = judge(&found, false).iter().map(|f| f.level).collect();
        assert_eq!(levels, [Level::Warning, Level::Warning]);
        assert_eq!(judge(&found, true).len(), 3);
    }
}
