//! Every call of libjack, and nothing else: a client that owns its callbacks.
//!
//! A [`Client`] stays on the thread that opened it. Its callbacks reach the rest of the crate
//! through two traits: [`Hooks`] for notifications, [`Cycle`] for the process callback.

mod callbacks;
mod graph;
mod left;
mod metadata;
mod midi;

use std::ffi::{CStr, c_char, c_int, c_uint};
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use engine_core::outside::Move;
use jack_sys as j;

use crate::messages;
use callbacks::{Active, on_process, on_sync};
pub(crate) use callbacks::{Cycle, Hooks, Moment};
use graph::own;
use midi::Ear;

/// The most outputs a client can have.
pub const MAX_OUTS: usize = 288;

/// The buffers of a cycle, one per port.
pub(crate) type Planes<'a> = heapless::Vec<&'a mut [f32], MAX_OUTS>;

/// Why no client could be opened.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// libjack isn't there, in the loader's words.
    Library(String),
    /// The client's name has more bytes than these.
    TooLong(usize),
    /// No server, or it can't be reached.
    NoServer,
    /// The server refused; libjack's status bits.
    Refused(c_uint),
}

/// How long libjack's own threads get to find out that the server is dead, before the client they look at is closed.
const FIND_OUT: Duration = Duration::from_millis(50);

/// A client of a server. Dropping it deactivates and closes: that may take as long as the server likes.
pub(crate) struct Client<H: Hooks, C: Cycle> {
    ptr: NonNull<j::jack_client_t>,
    hooks: ManuallyDrop<Arc<H>>,
    ports: Vec<*mut j::jack_port_t>,
    /// The port for MIDI, if there is one.
    ear: Option<Ear>,
    /// From `Box::into_raw`, once active.
    active: Option<NonNull<Active<C>>>,
}

type OpenFn =
    unsafe extern "C" fn(*const c_char, c_uint, *mut c_uint, ...) -> *mut j::jack_client_t;

impl<H: Hooks, C: Cycle> Client<H, C> {
    /// Opens a client of a running server, or with `start` of one that libjack starts (unless
    /// `$JACK_NO_START_SERVER` is set). `hooks` is made from the server's rate (Hz) and period
    /// (frames).
    pub(crate) fn open(
        name: &CStr,
        server: Option<&CStr>,
        start: bool,
        hooks: impl FnOnce(u32, u32) -> Arc<H>,
    ) -> Result<Self, OpenError> {
        let library = j::library().map_err(|e| OpenError::Library(e.to_string()))?;
        // SAFETY: the symbol's type is that of jack.h, with the variable arguments that jack-sys leaves out.
        let open = unsafe { library.get::<OpenFn>(b"jack_client_open\0") }
            .map_err(|e| OpenError::Library(e.to_string()))?;
        // SAFETY: `quiet` has the type asked for and lives for ever.
        unsafe {
            j::jack_set_error_function(Some(quiet));
            j::jack_set_info_function(Some(quiet));
        }
        let (longest, _) = name_limits();
        if name.count_bytes() > longest {
            return Err(OpenError::TooLong(longest));
        }
        let mut status: c_uint = 0;
        let options = if start { 0 } else { j::JackNoStartServer };
        // SAFETY: all strings are terminated and outlive the call; with JackServerName, exactly
        // one more argument, a string, is read.
        let ptr = unsafe {
            match server {
                Some(server) => open(
                    name.as_ptr(),
                    options | j::JackServerName,
                    &mut status,
                    server.as_ptr(),
                ),
                None => open(name.as_ptr(), options, &mut status),
            }
        };
        let Some(ptr) = NonNull::new(ptr) else {
            return Err(if status & j::JackServerFailed != 0 {
                OpenError::NoServer
            } else {
                OpenError::Refused(status)
            });
        };
        // SAFETY: the client is open.
        let (rate, period) = unsafe {
            (
                j::jack_get_sample_rate(ptr.as_ptr()).cast_unsigned(),
                j::jack_get_buffer_size(ptr.as_ptr()),
            )
        };
        let client = Self {
            ptr,
            hooks: ManuallyDrop::new(hooks(rate, period)),
            ports: Vec::new(),
            ear: None,
            active: None,
        };
        client.set_hooks();
        Ok(client)
    }

    /// The name the server granted.
    pub(crate) fn name(&self) -> String {
        // SAFETY: the client is open; the string is its own and is copied at once.
        unsafe { own(j::jack_get_client_name(self.ptr.as_ptr())) }
    }

    /// Registers an audio output that is a source of sound, not a stage of it.
    pub(crate) fn register(&mut self, name: &CStr) -> bool {
        let flags = j::JackPortIsOutput | j::JackPortIsTerminal;
        // SAFETY: the client is open, both strings are terminated.
        let port = unsafe {
            j::jack_port_register(
                self.ptr.as_ptr(),
                name.as_ptr(),
                AUDIO.as_ptr(),
                flags.into(),
                0,
            )
        };
        if !port.is_null() {
            self.ports.push(port);
        }
        !port.is_null()
    }

    /// Starts the cycles on all ports registered so far, following the transport or not; at most once.
    pub(crate) fn activate(&mut self, cycle: C, transport: bool) -> bool {
        if self.active.is_some() {
            return false;
        }
        let c = self.ptr.as_ptr();
        let active = NonNull::from(Box::leak(Box::new(Active {
            client: c,
            ports: self.ports.clone(),
            ear: self
                .ear
                .as_mut()
                .and_then(|ear| Some((ear.port, ear.tap.take()?))),
            transport,
            cycle,
        })));
        // Kept from here on, and given up by `drop` only.
        self.active = Some(active);
        // SAFETY: the client is open and not active. The pointer stays valid for as long as libjack has a thread that may
        // call with it (see `drop`), and only the process and the sync callback, which libjack runs one after the other
        // on one thread, use it meanwhile.
        unsafe {
            let arg = active.as_ptr().cast();
            j::jack_set_process_callback(c, Some(on_process::<C>), arg) == 0
                && (!transport || j::jack_set_sync_callback(c, Some(on_sync::<C>), arg) == 0)
                && j::jack_activate(c) == 0
        }
    }

    /// Moves the transport; whether the server takes it.
    pub(crate) fn steer(&self, to: Move) -> bool {
        let c = self.ptr.as_ptr();
        // SAFETY: the client is open.
        unsafe {
            match to {
                Move::Start => j::jack_transport_start(c),
                Move::Stop => j::jack_transport_stop(c),
                Move::Locate(frame) => {
                    let frame = u32::try_from(frame).unwrap_or(u32::MAX);
                    return j::jack_transport_locate(c, frame) == 0;
                }
            }
        }
        true
    }

    /// The real-time priority of the client's threads, `None` without one.
    pub(crate) fn priority(&self) -> Option<u8> {
        // SAFETY: the client is open.
        u8::try_from(unsafe { j::jack_client_real_time_priority(self.ptr.as_ptr()) }).ok()
    }

    /// The longest delay of the server's own cycles, µs.
    pub(crate) fn max_delay(&self) -> f32 {
        // SAFETY: the client is open.
        unsafe { j::jack_get_max_delayed_usecs(self.ptr.as_ptr()) }
    }

    /// Whether the server runs its clients with a real-time priority.
    pub(crate) fn realtime(&self) -> bool {
        // SAFETY: the client is open.
        unsafe { j::jack_is_realtime(self.ptr.as_ptr()) == 1 }
    }

    /// The server's estimate of its load, % of the period.
    pub(crate) fn load(&self) -> f32 {
        // SAFETY: the client is open.
        unsafe { j::jack_cpu_load(self.ptr.as_ptr()) }
    }
}

impl<H: Hooks, C: Cycle> Drop for Client<H, C> {
    fn drop(&mut self) {
        if self.hooks.is_lost() {
            thread::sleep(FIND_OUT);
        }
        // SAFETY: the client is open and not used again.
        let failed = unsafe {
            let failed = self.active.is_some() && j::jack_deactivate(self.ptr.as_ptr()) != 0;
            j::jack_client_close(self.ptr.as_ptr()) != 0 || failed
        };
        // SAFETY: nobody takes the hooks out again; the client is gone after this.
        let hooks = unsafe { ManuallyDrop::take(&mut self.hooks) };
        let active = self.active.take().map(|active| {
            // SAFETY: the pointer came from a box and is made into one again only here.
            unsafe { Box::from_raw(active.as_ptr()) }
        });
        // A living server's client has had its threads joined: the process thread by `jack_deactivate`, the one for
        // notifications by `jack_client_close`. But a process thread that found its server dead has marked the client inactive,
        // and then libjack joins it nowhere: it may be on its way to `on_shutdown` still.
        if failed || hooks.is_lost() {
            left::keep(hooks, active);
        }
    }
}

/// Whether libjack is PipeWire's; `None` when it can't be loaded.
pub fn is_pipewire() -> Option<bool> {
    type Version = unsafe extern "C" fn() -> *const c_char;
    let library = j::library().ok()?;
    // SAFETY: the symbol's type is that of jack.h; the string is a constant of the library.
    let version = unsafe {
        let version = library.get::<Version>(b"jack_get_version_string\0");
        version.map(|f| own(f())).unwrap_or_default()
    };
    Some(version.contains("PipeWire"))
}

/// The longest client name and the longest full port name in bytes, without the final zero;
/// libjack must have been loaded.
pub(crate) fn name_limits() -> (usize, usize) {
    // SAFETY: no arguments.
    let (client, port) = unsafe { (j::jack_client_name_size(), j::jack_port_name_size()) };
    let limit = |n: c_int| usize::try_from(n).unwrap_or(0).saturating_sub(1);
    (limit(client), limit(port))
}

const AUDIO: &CStr = c"32 bit float mono audio";

unsafe extern "C" fn quiet(message: *const c_char) {
    if message.is_null() {
        return;
    }
    // SAFETY: libjack hands over a terminated string that lives for the call.
    if let Ok(line) = unsafe { CStr::from_ptr(message) }.to_str() {
        messages::put(line);
    }
}
