//! The JACK server: whether it can be reached, and how it runs.

use super::Finding;
use super::sound_servers::Running;

const CHECK: &str = "server";
/// A period beyond this is felt: a key pressed on the beat is heard after it, ms.
const FELT_MS: f64 = 50.0;

/// What a server that answered told.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub name: String,
    pub rate: u32,
    pub period: u32,
    pub outputs: usize,
    /// Its clients run with a real-time priority.
    pub realtime: bool,
    pub pipewire: bool,
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Absent {
    pub why: String,
    /// libjack is PipeWire's; `None` when it can't be loaded.
    pub pipewire: Option<bool>,
}

#[cfg(feature = "jack")]
pub(super) fn ask(server: Option<&str>) -> Result<Found, Absent> {
    match backend_jack::list_ports(server) {
        Ok(s) => Ok(Found {
            name: s.name,
            rate: s.rate,
            period: s.period,
            outputs: s.outputs.len(),
            realtime: s.realtime,
            pipewire: backend_jack::is_pipewire().unwrap_or(false),
        }),
        Err(e) => Err(Absent {
            why: e.message.trim_end_matches('.').to_owned(),
            pipewire: backend_jack::is_pipewire(),
        }),
    }
}

#[cfg(not(feature = "jack"))]
pub(super) fn ask(_: Option<&str>) -> Result<Found, Absent> {
    Err(Absent {
        why: "this backline was built without JACK".into(),
        pipewire: None,
    })
}

/// `needed`: without it nothing can be played.
pub(super) fn judge(
    server: &Result<Found, Absent>,
    running: &Running,
    needed: bool,
) -> Vec<Finding> {
    let found = match server {
        Ok(found) => found,
        Err(absent) => return vec![missing(absent, running, needed)],
    };
    let kind = if found.pipewire { "PipeWire" } else { "jackd" };
    let ms = f64::from(found.period) * 1000.0 / f64::from(found.rate.max(1));
    let what = format!(
        "the JACK server `{}` ({kind}) runs at {} Hz with a period of {} frames ({ms:.1} ms)",
        found.name, found.rate, found.period
    );
    let mut findings = vec![if ms > FELT_MS {
        let advice = if found.pipewire {
            "set a smaller one: `pw-metadata -n settings 0 clock.force-quantum 256`"
        } else {
            "start it with a smaller period: `jackd … -p 256`"
        };
        Finding::warning(CHECK, format!("{what}, which is felt"), advice)
    } else {
        Finding::ok(CHECK, what)
    }];
    findings.push(if found.realtime {
        Finding::ok(CHECK, "its clients run with real-time priority")
    } else {
        Finding::warning(
            CHECK,
            "it runs without real-time priority, so anything else on this machine may interrupt the sound",
            "start it with `jackd -R`, as a user who may (see limits)",
        )
    });
    if found.outputs == 0 {
        findings.push(Finding::warning(
            CHECK,
            "it has no physical outputs, so there is nothing to connect to",
            "plug in or choose a card, in jackd's -P or in PipeWire's settings",
        ));
    }
    findings
}

fn missing(absent: &Absent, running: &Running, needed: bool) -> Finding {
    let advice = match absent.pipewire {
        None => {
            "install libjack (Debian: libjack-jackd2-0, or pipewire-jack), or play with --backend alsa"
        }
        Some(false) if running.pipewire && !running.jackd => {
            "PipeWire runs, but this libjack isn't its own: start backline as `pw-jack backline …` (package pipewire-jack)"
        }
        Some(true) if running.jackd => {
            "jackd runs, but this libjack is PipeWire's: start backline without pw-jack"
        }
        Some(_) if running.jackd => {
            "a jackd runs under another name or user: name it with --server, or run as that user"
        }
        Some(_) => {
            "start one (`jackd -d alsa -d hw:CARD=…`, or PipeWire), or play with --backend alsa"
        }
    };
    if needed {
        Finding::failure(CHECK, absent.why.clone(), advice)
    } else {
        Finding::warning(CHECK, absent.why.clone(), advice)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    fn found() -> Found {
        Found {
            name: "default".into(),
            rate: 48_000,
            period: 128,
            outputs: 2,
            realtime: true,
            pipewire: false,
        }
    }

    fn levels(found: Found) -> Vec<Level> {
        let all = judge(&Ok(found), &Running::default(), true);
        all.iter().map(|f| f.level).collect()
    }

    #[test]
    fn a_good_server_is_fine_and_each_fault_is_one_warning() {
        use Level::{Ok, Warning};
        assert_eq!(levels(found()), [Ok, Ok]);
        let slow = Found {
            period: 4096,
            ..found()
        };
        assert_eq!(levels(slow), [Warning, Ok]);
        let plain = Found {
            realtime: false,
            ..found()
        };
        assert_eq!(levels(plain), [Ok, Warning]);
        let deaf = Found {
            outputs: 0,
            ..found()
        };
        assert_eq!(levels(deaf), [Ok, Ok, Warning]);
    }

    #[test]
    fn what_is_missing_is_told_by_what_runs() {
        let absent = |pipewire| {
            Err(Absent {
                why: "none".into(),
                pipewire,
            })
        };
        let advice = |pipewire, running: Running, needed| {
            let finding = judge(&absent(pipewire), &running, needed).remove(0);
            (finding.level, finding.advice.unwrap())
        };
        let none = Running::default();
        let pipewire = Running {
            pipewire: true,
            ..none
        };
        let jackd = Running {
            jackd: true,
            ..none
        };
        let (level, text) = advice(Some(false), pipewire, false);
        assert!(level == Level::Warning && text.contains("pw-jack backline"));
        let (level, text) = advice(Some(true), jackd, true);
        assert!(level == Level::Failure && text.contains("without pw-jack"));
        assert!(advice(Some(false), jackd, true).1.contains("--server"));
        assert!(advice(Some(false), none, true).1.contains("jackd -d alsa"));
        assert!(advice(None, none, true).1.contains("install libjack"));
    }
}
