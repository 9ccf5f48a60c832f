//! Signals, as messages to the session.

use std::fs;
use std::io;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGUSR1};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::terminal;

/// Two signals to end within this time are one: `timeout` and terminals send it to the process and
/// to its group.
const SAME: Duration = Duration::from_millis(100);

/// Sends signals to `sender` from now on. A second one to end, or one that nobody listens to any
/// more, ends the process at once, with the terminal restored.
///
/// # Errors
/// The system gave no pipe or no thread; the signals have their default effect.
pub(super) fn listen<T: From<Signal> + Send + 'static>(sender: Sender<T>) -> io::Result<()> {
    let mut wanted = vec![SIGTERM, SIGINT, SIGUSR1, SIGTSTP];
    // `nohup` and the like: the terminal may go.
    if !is_ignored(SIGHUP) {
        wanted.push(SIGHUP);
    }
    let serves = is_service(&|name| std::env::var_os(name));
    let mut signals = Signals::new(wanted)?;
    let handle = signals.handle();
    let watch = move || {
        let mut asked: Option<Instant> = None;
        for number in signals.forever() {
            let signal = Signal::of(number, serves);
            let mut again = false;
            if let Signal::End(_) = signal {
                match asked {
                    Some(first) if first.elapsed() < SAME => continue,
                    Some(_) => again = true,
                    None => asked = Some(Instant::now()),
                }
            }
            if again || (sender.send(signal.into()).is_err() && matches!(signal, Signal::End(_))) {
                terminal::restore();
                let _ = emulate_default_handler(number);
            }
        }
    };
    let started = thread::Builder::new().name("signals".into()).spawn(watch);
    if let Err(e) = started {
        handle.close();
        return Err(e);
    }
    Ok(())
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// To fade out and end; with the signal's number.
    End(i32),
    /// To fade out and stop the process (^Z).
    Suspend,
    /// To say how it goes.
    Statistics,
    /// To read everything again.
    Reload,
}

impl Signal {
    /// `serves`: a service manager runs us, and means a reload by SIGHUP.
    fn of(number: i32, serves: bool) -> Self {
        match number {
            SIGHUP if serves => Self::Reload,
            SIGTSTP => Self::Suspend,
            SIGUSR1 => Self::Statistics,
            number => Self::End(number),
        }
    }
}

/// Whether a service manager runs this very process: it said where it is to be told that we are ready, or
/// which process it started. (Other variables of its go on to whatever a service starts.)
fn is_service(env: &dyn Fn(&str) -> Option<std::ffi::OsString>) -> bool {
    let own = std::process::id().to_string();
    env("NOTIFY_SOCKET").is_some_and(|name| !name.is_empty())
        || env("SYSTEMD_EXEC_PID").is_some_and(|pid| pid == *own)
}

/// Whether `signal` is ignored, as a parent may have wished. Unknown counts as no.
fn is_ignored(signal: i32) -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| ignored_in(&status, signal))
}

fn ignored_in(status: &str, signal: i32) -> bool {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_shows_in_the_process_status() {
        let status = "Name:\tx\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000001001\n";
        assert!(ignored_in(status, SIGHUP));
        assert!(!ignored_in(status, SIGINT));
        assert!(ignored_in(status, 13));
        assert!(!ignored_in("", SIGHUP));
        // Rust ignores SIGPIPE before `main`.
        assert!(is_ignored(signal_hook::consts::SIGPIPE));
    }

    #[test]
    fn what_signals_ask_for() {
        assert_eq!(Signal::of(SIGHUP, false), Signal::End(SIGHUP));
        assert_eq!(Signal::of(SIGHUP, true), Signal::Reload);
        assert_eq!(Signal::of(SIGTERM, true), Signal::End(SIGTERM));
        assert_eq!(Signal::of(SIGTSTP, false), Signal::Suspend);
        assert_eq!(Signal::of(SIGUSR1, false), Signal::Statistics);
    }

    #[test]
    fn a_service_is_what_a_manager_runs_and_not_what_that_starts() {
        let with = |name: &'static str, value: String| {
            is_service(&move |asked| (asked == name).then(|| value.clone().into()))
        };
        assert!(with("NOTIFY_SOCKET", "/run/systemd/notify".into()));
        assert!(!with("NOTIFY_SOCKET", String::new()));
        assert!(with("SYSTEMD_EXEC_PID", std::process::id().to_string()));
        assert!(!with("SYSTEMD_EXEC_PID", "1".into()));
        assert!(!with("INVOCATION_ID", "0123".into()));
    }
}
