//! `backline unit`: a systemd unit for a command line.

use std::fmt::Write as _;
use std::path::Path;

use crate::args::Unit;
use crate::config::BackendChoice;
use crate::control::OscAddress;
use crate::control::surface::InputName;

/// What a service of the system may do besides: nothing that playing doesn't need. (Real-time scheduling it does.)
const HARDENING: &str = "\
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=read-only
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
RestrictNamespaces=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
";

/// What a user's manager can do of that everywhere.
const USER_HARDENING: &str = "\
NoNewPrivileges=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
";

/// The unit's text.
pub(super) fn text(unit: &Unit) -> String {
    let (play, settings) = (&unit.play, &unit.play.settings);
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    let command: Vec<String> = unit.command.iter().map(|word| quoted(word)).collect();
    let (command, program) = (command.join(" "), quoted(&unit.program.to_string_lossy()));
    let user = if unit.user { "--user " } else { "" };
    line(&format!("# backline unit {user}{command}"));
    line("[Unit]");
    let what = play
        .run
        .inputs
        .iter()
        .map(|i| i.to_string_lossy().replace('%', "%%"));
    let what: Vec<String> = what.collect();
    line(&format!("Description=backline plays {}", what.join(", ")));
    line("Documentation=man:backline(1) man:backline-play(1)");
    line(if unit.user {
        "After=pipewire.service"
    } else {
        "After=sound.target"
    });
    // However often it fails, it is tried again.
    line("StartLimitIntervalSec=0");
    line("\n[Service]");
    line("Type=notify");
    let mut start = format!("ExecStart={program} {command}");
    if play.keys {
        start.push_str(" --no-keys");
    }
    line(&start);
    line("ExecReload=/bin/kill -HUP $MAINPID");
    line(if play.kiosk {
        "Restart=always"
    } else {
        "Restart=on-failure"
    });
    line("RestartSec=2");
    // What makes no sense makes none the next time.
    line("RestartPreventExitStatus=64 78");
    line("WatchdogSec=30");
    line("TimeoutStopSec=10");
    line("UMask=0022");
    line("RuntimeDirectory=backline");
    line("RuntimeDirectoryPreserve=yes");
    if unit.user {
        out.push_str(USER_HARDENING);
        out.push_str("\n[Install]\nWantedBy=default.target\n");
        return out;
    }
    // One user for all such units, so that they share their runtime folder.
    line("User=backline");
    line("DynamicUser=yes");
    let inputs = &settings.input.value;
    let keys = inputs.iter().any(|i| matches!(i, InputName::Evdev(_)));
    let gpio = inputs.iter().any(|i| matches!(i, InputName::Gpio(..)));
    let mut groups = String::from("SupplementaryGroups=audio");
    groups.push_str(if keys { " input" } else { "" });
    groups.push_str(if gpio { " gpio" } else { "" });
    line(&groups);
    line("LimitRTPRIO=95");
    line("LimitMEMLOCK=infinity");
    line("OOMScoreAdjust=-500");
    let jack = matches!(settings.backend.value, BackendChoice::Jack);
    if !jack {
        // ALSA's major number, by its number: by name it would have to be there when this starts.
        line("DevicePolicy=closed");
        line("DeviceAllow=char-116 rw");
        if keys {
            line("DeviceAllow=char-input r");
        }
        if gpio {
            line("DeviceAllow=char-gpiochip rw");
        }
    }
    if settings.osc.value == OscAddress::None {
        // (Netlink tells of devices that come.)
        line("RestrictAddressFamilies=AF_UNIX AF_NETLINK");
        line("IPAddressDeny=any");
    } else {
        line("RestrictAddressFamilies=AF_UNIX AF_NETLINK AF_INET AF_INET6");
    }
    let state = settings.keep_state.value.iter();
    for path in settings.metrics.value.iter().chain(state) {
        let Some(folder) = Path::new(path).parent() else {
            continue;
        };
        let under = |root: &str| folder.strip_prefix(root).ok();
        if let Some(state) = under("/var/lib").filter(|f| f.starts_with("backline")) {
            // It makes the folder, for this user.
            let state = quoted(&state.to_string_lossy());
            let _ = writeln!(out, "StateDirectory={state}");
        } else if under("/run/backline").is_none() {
            let folder = quoted(&folder.to_string_lossy());
            let _ = writeln!(out, "ReadWritePaths=-{folder}");
        }
    }
    if !play
        .run
        .inputs
        .iter()
        .any(|i| i.starts_with("/tmp") || i.starts_with("/var/tmp"))
    {
        out.push_str("PrivateTmp=yes\n");
    }
    out.push_str(HARDENING);
    out.push_str("\n[Install]\nWantedBy=multi-user.target\n");
    out
}

/// A word as a unit's command line has it.
fn quoted(word: &str) -> String {
    let mut text = String::with_capacity(word.len());
    for c in word.chars() {
        match c {
            '%' => text.push_str("%%"),
            '$' => text.push_str("$$"),
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            c => text.push(c),
        }
    }
    let plain = |c: char| c.is_alphanumeric() || "-_./:=,+@%$".contains(c);
    match word.chars().all(plain) && !word.is_empty() {
        true => text,
        false => format!("\"{text}\""),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::args::{Action, parse};

    fn unit(line: &str) -> String {
        let words = ["backline", "unit"].into_iter().chain(line.split(' '));
        match parse(words.map(Into::into), &|_| None) {
            Ok(Action::Unit(unit)) => text(&unit),
            other => panic!("{other:?}"),
        }
    }

    const SYSTEM: &str =
        "play --kiosk --sequence --metrics /run/backline/backline.prom /srv/backline";
    const USER: &str = "--user play --kiosk --backend jack /srv/backline";

    #[test]
    fn the_examples_are_what_is_printed() {
        let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("dist");
        for (name, line) in [
            ("backline.service", SYSTEM),
            ("backline-user.service", USER),
        ] {
            let kept = std::fs::read_to_string(dist.join(name)).unwrap_or_default();
            assert_eq!(unit(line), kept, "{name}: backline unit {line}");
        }
    }

    #[test]
    fn systemd_finds_nothing_wrong_with_them_and_little_to_fear() {
        if Command::new("systemd-analyze")
            .arg("--version")
            .output()
            .is_err()
        {
            println!("SKIP systemd_finds_nothing_wrong: systemd-analyze is not installed");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let program = std::env::current_exe().unwrap();
        let path = folder.path().join("backline.service");
        let analyze = |arguments: &[&str]| {
            let out = Command::new("systemd-analyze")
                .args(arguments)
                .arg(&path)
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&out.stdout) + String::from_utf8_lossy(&out.stderr);
            (out.status.success(), text.into_owned())
        };
        for line in [SYSTEM, USER] {
            // (The program must be there.)
            let program = format!("--program {} {line}", program.display());
            std::fs::write(&path, unit(&program)).unwrap();
            let (well, said) = analyze(&["verify", "--man=no", "--recursive-errors=no"]);
            assert!(well && !said.contains("backline.service"), "{line}: {said}");
        }
        std::fs::write(&path, unit(SYSTEM)).unwrap();
        let (well, said) = analyze(&["security", "--offline=yes", "--threshold=30", "--no-pager"]);
        assert!(well, "{said}");
    }

    #[test]
    fn words_are_quoted_as_a_unit_wants_them() {
        assert_eq!(quoted("hw:CARD=USB,DEV=0"), "hw:CARD=USB,DEV=0");
        assert_eq!(quoted("/srv/a song"), "\"/srv/a song\"");
        assert_eq!(quoted("50%"), "50%%");
        assert_eq!(quoted("$x \"y\" \\"), "\"$$x \\\"y\\\" \\\\\"");
        assert_eq!(quoted(""), "\"\"");
    }

    #[test]
    fn what_a_unit_cannot_do_is_refused() {
        for (line, part) in [
            ("play song", "absolute"),
            ("play /srv/song --keep-state state.json", "absolute"),
            ("play /srv/song --metrics figures.prom", "absolute"),
            ("devices", "a command that plays"),
            ("play --help", "a command that plays"),
            ("--program backline play /srv/song", "absolute"),
            ("play /srv/song --bogus", "--bogus"),
        ] {
            let words = ["backline", "unit"].into_iter().chain(line.split(' '));
            let failure = parse(words.map(Into::into), &|_| None).unwrap_err();
            assert!(failure.message.contains(part), "{line}: {failure}");
        }
    }

    #[test]
    fn what_it_may_write_and_reach_is_what_it_is_told_to() {
        let unit =
            unit("play --kiosk --osc 0.0.0.0:9000 --metrics /var/lib/figures/a.prom /tmp/song");
        assert!(
            unit.contains("\nReadWritePaths=-/var/lib/figures\n"),
            "{unit}"
        );
        let kept =
            |path: &str| super::tests::unit(&format!("play --kiosk --keep-state {path} /srv/song"));
        let whole = kept("/var/lib/backline/left/state.json");
        assert!(
            whole.contains("\nStateDirectory=backline/left\n") && !whole.contains("ReadWritePaths"),
            "{whole}"
        );
        assert!(
            kept("/data/state.json").contains("\nReadWritePaths=-/data\n"),
            "{whole}"
        );
        assert!(!unit.contains("StateDirectory"), "{unit}");
        assert!(unit.contains(" AF_INET AF_INET6\n"), "{unit}");
        assert!(
            !unit.contains("IPAddressDeny") && !unit.contains("PrivateTmp"),
            "{unit}"
        );
    }
}
