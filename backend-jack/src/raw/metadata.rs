//! JACK's metadata: what people are shown of a port. Libraries without it have no such symbols,
//! and servers without it refuse; neither is an error.

use std::ffi::{CStr, CString, c_char, c_int};

use jack_sys as j;

use super::{Client, Cycle, Hooks};

type SetFn = unsafe extern "C" fn(
    *mut j::jack_client_t,
    u64,
    *const c_char,
    *const c_char,
    *const c_char,
) -> c_int;
type RemoveFn = unsafe extern "C" fn(*mut j::jack_client_t, u64) -> c_int;
type UuidFn = unsafe extern "C" fn(*const j::jack_port_t) -> u64;

const PRETTY_NAME: &CStr = c"http://jackaudio.org/metadata/pretty-name";
const PORT_GROUP: &CStr = c"http://jackaudio.org/metadata/port-group";
const ORDER: &CStr = c"http://jackaudio.org/metadata/order";
const PLAIN: &CStr = c"text/plain";
const INTEGER: &CStr = c"http://www.w3.org/2001/XMLSchema#int";

/// A function of libjack that jack-sys doesn't know and older libraries don't have.
fn symbol<F: Copy>(name: &[u8]) -> Option<F> {
    let library = j::library().ok()?;
    // SAFETY: every caller asks for a function by its name in jack.h or metadata.h, with the type
    // that stands there. The library is never unloaded, so the copy stays valid.
    unsafe { library.get::<F>(name) }.ok().map(|f| *f)
}

impl<H: Hooks, C: Cycle> Client<H, C> {
    /// Tells people of port `index`, in the order of registration: its name, its place (from 1)
    /// and its group.
    pub(crate) fn describe(&self, index: usize, name: &str, group: Option<&str>) {
        let (Some(set), Some(uuid)) = (
            symbol::<SetFn>(b"jack_set_property\0"),
            self.port_uuid(index),
        ) else {
            return;
        };
        let tell = |key: &CStr, value: &str, kind: &CStr| {
            let Ok(value) = CString::new(value) else {
                return;
            };
            // SAFETY: the client is open, the port registered, all strings are terminated.
            unsafe {
                set(
                    self.ptr.as_ptr(),
                    uuid,
                    key.as_ptr(),
                    value.as_ptr(),
                    kind.as_ptr(),
                )
            };
        };
        tell(PRETTY_NAME, name, PLAIN);
        tell(ORDER, &(index + 1).to_string(), INTEGER);
        if let Some(group) = group {
            tell(PORT_GROUP, group, PLAIN);
        }
    }

    /// Takes back what was told of all ports.
    pub(crate) fn forget_descriptions(&self) {
        let Some(remove) = symbol::<RemoveFn>(b"jack_remove_properties\0") else {
            return;
        };
        for index in 0..self.ports.len() {
            if let Some(uuid) = self.port_uuid(index) {
                // SAFETY: the client is open.
                unsafe { remove(self.ptr.as_ptr(), uuid) };
            }
        }
    }

    fn port_uuid(&self, index: usize) -> Option<u64> {
        let uuid = symbol::<UuidFn>(b"jack_port_uuid\0")?;
        let port = self.ports.get(index)?;
        // SAFETY: the port is one of ours and registered while the client is open.
        Some(unsafe { uuid(*port) }).filter(|uuid| *uuid != 0)
    }
}
