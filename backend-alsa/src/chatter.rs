//! alsa-lib prints what it dislikes on stderr. Here it is collected, or dropped, per thread.

use core::cell::RefCell;
use std::rc::Rc;

/// Collects what alsa-lib says on this thread, for as long as it lives.
pub(crate) struct Chatter {
    output: Option<Rc<RefCell<alsa::Output>>>,
}

impl Chatter {
    pub(crate) fn collect() -> Self {
        Self {
            output: alsa::Output::local_error_handler().ok(),
        }
    }

    /// The last line, without the name of the function that said it.
    pub(crate) fn last_line(&self) -> Option<String> {
        let output = self.output.as_ref()?.try_borrow().ok()?;
        let all = output.to_string();
        let line = all.lines().rev().find(|l| !l.trim().is_empty())?;
        let said = line.split_once(": ").map_or(line, |(_, said)| said);
        Some(said.trim().to_owned())
    }
}

impl Drop for Chatter {
    fn drop(&mut self) {
        silence();
    }
}

/// Drops whatever alsa-lib says on this thread from now on, without allocating.
pub(crate) fn silence() {
    // SAFETY: the handler has the signature alsa-lib calls and touches none of its arguments; alsa-lib
    // keeps one handler per thread.
    unsafe {
        alsa_sys::snd_lib_error_set_local(Some(drop_line));
    }
}

unsafe extern "C" fn drop_line(
    _file: *const core::ffi::c_char,
    _line: core::ffi::c_int,
    _function: *const core::ffi::c_char,
    _err: core::ffi::c_int,
    _format: *const core::ffi::c_char,
    _args: *mut alsa_sys::__va_list_tag,
) {
}
