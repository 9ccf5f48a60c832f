//! `backline doctor`: what of this machine stands in the way of playing, and what to do about it.
//!
//! One file per check. A check reads the system through [`System`], whose root a test can replace,
//! and returns [`Finding`]s; each of them that isn't fine says what to do.
//!
//! With `--json` one document:
//!
//! ```json
//! {
//!   "failures": 0, "warnings": 1,
//!   "findings": [{
//!     "check": "limits", "level": "warning",
//!     "message": "…", "advice": "…"
//!   }]
//! }
//! ```
//!
//! `check` is a stable word: `config`, `server`, `sound-servers`, `cards`, `usb`, `limits`, `groups`,
//! `governor`, `swap`, `throttling`, `files`. `level` is `ok`, `warning` or `failure`; `advice` is
//! null where there is nothing to do.

mod cards;
mod files;
mod governor;
mod groups;
mod limits;
mod server;
mod sound_servers;
mod swap;
mod system;
mod throttling;
mod usb;

use std::path::PathBuf;

pub use system::System;

pub use crate::findings::{Finding, Level, Report};

use crate::config::{BackendChoice, Settings};

/// Looks at everything. `settings` are those playing would have, or why there are none; `files` are
/// looked at as well.
pub fn examine(system: &System, settings: &Result<Settings, String>, files: &[PathBuf]) -> Report {
    let mut findings = Vec::new();
    match settings {
        Ok(_) => findings.push(Finding::ok("config", "the configuration is valid")),
        Err(why) => findings.push(Finding::failure(
            "config",
            why.clone(),
            "correct it: `backline config show` prints every setting; the rest is looked at with the defaults",
        )),
    }
    let settings = settings.as_ref().ok();
    let running = sound_servers::running(system);
    let asked = settings.and_then(|s| s.server.value.clone());
    let backend = settings.map_or(BackendChoice::Auto, |s| s.backend.value);
    let server = server::ask(asked.as_deref());
    let devices = cards::devices();
    let needed = match backend {
        BackendChoice::Jack => true,
        BackendChoice::Auto => asked.is_some() || devices.is_empty(),
        _ => false,
    };
    findings.extend(server::judge(&server, &running, needed));
    let alone =
        backend == BackendChoice::Alsa || (backend == BackendChoice::Auto && server.is_err());
    findings.extend(sound_servers::judge(&running, alone && !devices.is_empty()));
    findings.extend(cards::judge(system, &devices, alone));
    findings.extend(usb::judge(system));
    let priority = settings.map_or(1, |s| s.rt_priority.value.into());
    let limits = limits::Limits::of(system);
    findings.extend(limits::judge(&limits, priority));
    findings.extend(groups::judge(system, &limits));
    findings.push(governor::judge(system));
    findings.push(swap::judge(system));
    findings.extend(throttling::judge(system));
    let device = settings.and_then(|s| s.device.value.as_deref());
    let rates = match (&server, settings.and_then(|s| s.rate.value)) {
        (Ok(found), _) if backend != BackendChoice::Alsa => vec![found.rate],
        (_, Some(rate)) => vec![rate],
        _ if backend == BackendChoice::Null => Vec::new(),
        _ => cards::rates(&devices, device),
    };
    findings.extend(files::judge(files, &rates));
    Report::new(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_with_nothing_in_it_is_examined_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let report = examine(&System::at(dir.path()), &Err("broken".into()), &[]);
        assert!(!report.passes(false));
        for f in report.findings() {
            assert_eq!(f.level == Level::Ok, f.advice.is_none(), "{f:?}");
            assert!(!f.message.ends_with('.'), "{f:?}");
        }
    }
}
