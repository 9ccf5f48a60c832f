//! What a client sees of the graph: ports, connections, latencies.

use std::ffi::{CStr, CString, c_char, c_int, c_uint};
use std::ptr::{self, NonNull};

use jack_sys as j;

use super::{AUDIO, Client, Cycle, Hooks};

impl<H: Hooks, C: Cycle> Client<H, C> {
    /// Connects two ports by their full names; also true if they are connected already.
    pub(crate) fn connect(&self, source: &str, dest: &str) -> bool {
        const EXISTS: c_int = 17;
        let (Ok(source), Ok(dest)) = (CString::new(source), CString::new(dest)) else {
            return false;
        };
        // SAFETY: the client is open, both strings are terminated.
        let r = unsafe { j::jack_connect(self.ptr.as_ptr(), source.as_ptr(), dest.as_ptr()) };
        r == 0 || r == EXISTS
    }

    /// Full names of the audio inputs of the graph, in the server's order.
    pub(crate) fn audio_inputs(&self, physical_only: bool) -> Vec<String> {
        let mut flags = j::JackPortIsInput;
        if physical_only {
            flags |= j::JackPortIsPhysical;
        }
        self.ports_of(AUDIO, flags)
    }

    /// Full names of the ports of a kind that have these flags, in the server's order.
    pub(super) fn ports_of(&self, kind: &CStr, flags: c_uint) -> Vec<String> {
        // SAFETY: the client is open; the kind is a terminated string, and null asks for any name. The list is ours.
        unsafe {
            names(j::jack_get_ports(
                self.ptr.as_ptr(),
                ptr::null(),
                kind.as_ptr(),
                flags.into(),
            ))
        }
    }

    /// Full names of what each of our ports is connected to, in the order they were registered.
    pub(crate) fn connections(&self) -> Vec<Vec<String>> {
        // SAFETY: the port is one of ours and registered while the client is open. The list is ours.
        let of = |port: &*mut j::jack_port_t| unsafe { names(j::jack_port_get_connections(*port)) };
        self.ports.iter().map(of).collect()
    }

    /// Whether a port of this full name exists, whatever its kind.
    pub(crate) fn exists(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Another name of a port, if it has one.
    pub(crate) fn alias(&self, name: &str) -> Option<String> {
        let port = self.find(name)?;
        // SAFETY: no arguments.
        let size = usize::try_from(unsafe { j::jack_port_name_size() }).ok()?;
        let (mut a, mut b) = (vec![0 as c_char; size + 1], vec![0 as c_char; size + 1]);
        let mut aliases = [a.as_mut_ptr(), b.as_mut_ptr()];
        // SAFETY: the port was found; both buffers hold jack_port_name_size characters and a
        // zero that is not overwritten, as jack.h asks.
        unsafe {
            (j::jack_port_get_aliases(port.as_ptr(), aliases.as_mut_ptr()) > 0)
                .then(|| own(a.as_ptr()))
                .filter(|alias| !alias.is_empty())
        }
    }

    /// The full name of the port with this id, if it is there.
    pub(crate) fn name_of(&self, id: u32) -> Option<String> {
        // SAFETY: the client is open; the name belongs to libjack and is copied at once.
        unsafe {
            let port = NonNull::new(j::jack_port_by_id(self.ptr.as_ptr(), id))?;
            Some(own(j::jack_port_name(port.as_ptr())))
        }
    }

    fn find(&self, name: &str) -> Option<NonNull<j::jack_port_t>> {
        let name = CString::new(name).ok()?;
        // SAFETY: the client is open, the string terminated.
        NonNull::new(unsafe { j::jack_port_by_name(self.ptr.as_ptr(), name.as_ptr()) })
    }

    /// Frames from our ports to the ear: the longest way.
    pub(crate) fn playback_latency(&self) -> u32 {
        let longest = |port: &*mut j::jack_port_t| {
            let mut range = j::jack_latency_range_t { min: 0, max: 0 };
            // SAFETY: the port is one of ours and registered while the client is open.
            unsafe { j::jack_port_get_latency_range(*port, j::JackPlaybackLatency, &mut range) };
            range.max
        };
        self.ports.iter().map(longest).max().unwrap_or(0)
    }
}

/// Copies a C string; null gives an empty one.
///
/// # Safety
/// `s` is null or a terminated string.
pub(super) unsafe fn own(s: *const c_char) -> String {
    if s.is_null() {
        return String::new();
    }
    // SAFETY: as asked of the caller.
    unsafe { CStr::from_ptr(s) }.to_string_lossy().into_owned()
}

/// Copies and frees a list of names; null gives an empty one.
///
/// # Safety
/// `list` is null or an array of strings that ends with null, from libjack and the caller's to free.
pub(super) unsafe fn names(list: *mut *const c_char) -> Vec<String> {
    let mut names = Vec::new();
    if list.is_null() {
        return names;
    }
    // SAFETY: as asked of the caller; it is freed once, here.
    unsafe {
        let mut at = list;
        while !(*at).is_null() {
            names.push(own(*at));
            at = at.add(1);
        }
        j::jack_free(list.cast());
    }
    names
}
