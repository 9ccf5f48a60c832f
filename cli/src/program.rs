//! The program itself: parses, has the library do it, and ends with the right exit code.

use std::io::Write as _;
use std::panic::{self, PanicHookInfo};
use std::process::ExitCode;
use std::time::Instant;

use crate::args;
use crate::commands::{self, Ending};
use crate::exit::{Code, Failure};
use crate::media::is_decoding;
use crate::report::clean;

/// All of `backline`, from the arguments of the process to its exit code. Made for a `main` that
/// does nothing else: it replaces the process's panic hook and may end the process by a signal.
pub fn main() -> ExitCode {
    let born = Instant::now();
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if std::env::var_os("RUST_BACKTRACE").is_some() {
            usual(info);
        }
        confess(info);
    }));
    if let Some(completed) = args::completing() {
        // A shell that gets nothing completes nothing.
        return match completed {
            Ok(()) => Code::Done.into(),
            Err(_) => Code::Io.into(),
        };
    }
    let ending = panic::catch_unwind(|| {
        let action = args::parse(std::env::args_os(), &|name| std::env::var_os(name))?;
        commands::run(action, born)
    });
    match ending {
        Ok(Ok(Ending::Code(code))) => code.into(),
        Ok(Ok(Ending::Signal(signal))) => {
            // It comes back only for signals that don't end a process.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
            Code::Done.into()
        }
        Ok(Err(failure)) => {
            tell(&failure);
            failure.code.into()
        }
        Err(_) => Code::Software.into(),
    }
}

/// Says why it ends. With standard error closed nobody hears it, and the exit code remains.
fn tell(failure: &Failure) {
    let mut lines = format!("backline: {}\n", clean(&failure.message));
    if let Some(hint) = &failure.hint {
        lines += &format!("{}\n", clean(hint));
    }
    let _ = std::io::stderr().write_all(lines.as_bytes());
}

/// One plain sentence for a panic, on whichever thread.
fn confess(info: &PanicHookInfo<'_>) {
    // A decoder that stumbles over a file is caught where it is called, and told as damage.
    if is_decoding() {
        return;
    }
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let what = info.payload_as_str().unwrap_or("no message");
    let sentence = format!(
        "backline: a fault of backline itself ({} at {}); please report it\n",
        clean(what),
        clean(&place)
    );
    let _ = std::io::stderr().write_all(sentence.as_bytes());
}
