//! alsa-lib prints what it dislikes on stderr. Here the last line is kept, or all dropped, per thread.
//!
//! Not with alsa-lib's own output buffers: they go through the arguments of a line longer than 256 bytes twice, which
//! ends the program.

use core::cell::RefCell;
use core::ffi::{c_char, c_int};

use alsa_sys::__va_list_tag;

thread_local! {
    static LAST_LINE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps the last line of what alsa-lib says on this thread, for as long as it lives.
pub(crate) struct Chatter(());

impl Chatter {
    pub(crate) fn collect() -> Self {
        LAST_LINE.take();
        // SAFETY: the handler has the signature alsa-lib calls; alsa-lib keeps one handler per thread.
        unsafe {
            alsa_sys::snd_lib_error_set_local(Some(keep_line));
        }
        Self(())
    }

    /// The last line, cut after 511 bytes.
    pub(crate) fn last_line(&self) -> Option<String> {
        LAST_LINE.with_borrow(Clone::clone)
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

unsafe extern "C" {
    /// C's own, with the type of argument list that alsa-lib's handlers have.
    fn vsnprintf(
        to: *mut c_char,
        size: usize,
        format: *const c_char,
        args: *mut __va_list_tag,
    ) -> c_int;
}

unsafe extern "C" fn keep_line(
    _file: *const c_char,
    _line: c_int,
    _function: *const c_char,
    _err: c_int,
    format: *const c_char,
    args: *mut __va_list_tag,
) {
    let mut line = [0u8; 512];
    // SAFETY: alsa-lib hands over a format and the arguments that belong to it, used here once; at
    // most `line.len()` bytes are written, the last of them a zero.
    let wanted = unsafe { vsnprintf(line.as_mut_ptr().cast(), line.len(), format, args) };
    let there = usize::try_from(wanted).unwrap_or(0).min(line.len() - 1);
    let said = String::from_utf8_lossy(line.get(..there).unwrap_or_default());
    let said = said.trim();
    // While a thread ends its cell may be gone.
    let _ = LAST_LINE.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut()
            && !said.is_empty()
        {
            *last = Some(said.to_owned());
        }
    });
}

unsafe extern "C" fn drop_line(
    _file: *const c_char,
    _line: c_int,
    _function: *const c_char,
    _err: c_int,
    _format: *const c_char,
    _args: *mut __va_list_tag,
) {
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_kept_however_long_it_is() {
        let open = |name: &str| {
            let chatter = Chatter::collect();
            let name = std::ffi::CString::new(name).unwrap();
            assert!(alsa::PCM::open(&name, alsa::Direction::Playback, true).is_err());
            chatter.last_line().unwrap()
        };
        assert_eq!(open("no-such-pcm"), "Unknown PCM no-such-pcm");
        let long = open(&"x".repeat(100_000));
        assert_eq!(long.len(), 511);
        assert!(long.starts_with("Unknown PCM xxx"));
    }
}
