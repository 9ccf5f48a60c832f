//! Every call of libjack, and nothing else: a client that owns its callbacks.
//!
//! A [`Client`] stays on the thread that opened it. Its callbacks reach the rest of the crate
//! through two traits: [`Hooks`] for notifications, [`Cycle`] for the process callback.

mod metadata;

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::Arc;

use engine_core::denormals::flush_denormals;
use engine_core::outside::{Move, Outside};
use jack_sys as j;

use crate::messages;

/// The most outputs a client can have.
pub const MAX_OUTS: usize = 288;

/// The buffers of a cycle, one per port.
pub(crate) type Planes<'a> = heapless::Vec<&'a mut [f32], MAX_OUTS>;

/// What happens outside the process callback. Called on libjack's threads; `xrun` may come on
/// the audio thread, so that one must not wait.
pub(crate) trait Hooks: Send + Sync + 'static {
    fn xrun(&self);
    fn buffer_size(&self, frames: u32);
    fn sample_rate(&self, hz: u32);
    fn freewheel(&self, on: bool);
    /// A port with this id came, or went.
    fn registered(&self, id: u32, came: bool);
    /// Connections, the order of clients or latencies changed.
    fn graph_changed(&self);
    /// The server has thrown us out or is gone.
    fn shutdown(&self, reason: &str);
}

/// The process callback.
pub(crate) trait Cycle: Send + 'static {
    /// Fills all planes, `moment.frames` frames each.
    fn cycle(&mut self, planes: &mut Planes<'_>, moment: Moment);
    /// Whether the transport, which is there, may roll.
    fn ready(&mut self, at: Outside) -> bool;
    /// Whether [`Moment::late_us`] is wanted, which needs a clock.
    fn wants_clock(&self) -> bool;
}

/// What is known of a cycle.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moment {
    pub(crate) frames: u32,
    /// The server's frame time of the first frame.
    pub(crate) time: u32,
    /// Where the transport is on the first frame, if it is followed.
    pub(crate) transport: Option<Outside>,
    /// Time since the cycle began, µs, where it was asked for.
    pub(crate) late_us: Option<u32>,
}

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

/// A client of a server. Dropping it deactivates and closes: that may take as long as the server likes.
pub(crate) struct Client<H, C> {
    ptr: NonNull<j::jack_client_t>,
    hooks: Arc<H>,
    ports: Vec<*mut j::jack_port_t>,
    /// From `Box::into_raw`, while active.
    active: Option<NonNull<Active<C>>>,
}

struct Active<C> {
    client: *mut j::jack_client_t,
    ports: Vec<*mut j::jack_port_t>,
    transport: bool,
    cycle: C,
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
            hooks: hooks(rate, period),
            ports: Vec::new(),
            active: None,
        };
        client.set_hooks();
        Ok(client)
    }

    fn set_hooks(&self) {
        let c = self.ptr.as_ptr();
        let arg = Arc::as_ptr(&self.hooks).cast_mut().cast::<c_void>();
        // SAFETY: the client is open and not yet active; `arg` points to an `H` that `self.hooks`
        // keeps until libjack has joined its threads in `jack_client_close`, and every callback
        // takes it as the shared `&H` it is.
        unsafe {
            j::jack_on_info_shutdown(c, Some(on_shutdown::<H>), arg);
            j::jack_set_xrun_callback(c, Some(on_xrun::<H>), arg);
            j::jack_set_buffer_size_callback(c, Some(on_buffer_size::<H>), arg);
            j::jack_set_sample_rate_callback(c, Some(on_sample_rate::<H>), arg);
            j::jack_set_freewheel_callback(c, Some(on_freewheel::<H>), arg);
            j::jack_set_port_registration_callback(c, Some(on_registration::<H>), arg);
            j::jack_set_port_connect_callback(c, Some(on_connect::<H>), arg);
            j::jack_set_graph_order_callback(c, Some(on_order::<H>), arg);
            j::jack_set_latency_callback(c, Some(on_latency::<H>), arg);
        }
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
            transport,
            cycle,
        })));
        // Kept from here on: freed only after the client is closed.
        self.active = Some(active);
        // SAFETY: the client is open and not active; the pointer stays valid until after
        // `jack_client_close`, and only the process and the sync callback, which libjack runs one after
        // the other on one thread, use it meanwhile.
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
        // SAFETY: the client is open; null asks for any name. The list is ours.
        unsafe {
            names(j::jack_get_ports(
                self.ptr.as_ptr(),
                ptr::null(),
                AUDIO.as_ptr(),
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

impl<H, C> Drop for Client<H, C> {
    fn drop(&mut self) {
        // SAFETY: the client is open and not used again. libjack has ended its threads when
        // `jack_client_close` returns, so the callback's box has no user left and is freed once.
        unsafe {
            if self.active.is_some() {
                j::jack_deactivate(self.ptr.as_ptr());
            }
            j::jack_client_close(self.ptr.as_ptr());
            if let Some(active) = self.active.take() {
                drop(Box::from_raw(active.as_ptr()));
            }
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

/// Copies a C string; null gives an empty one.
///
/// # Safety
/// `s` is null or a terminated string.
unsafe fn own(s: *const c_char) -> String {
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
unsafe fn names(list: *mut *const c_char) -> Vec<String> {
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

unsafe extern "C" fn quiet(message: *const c_char) {
    if message.is_null() {
        return;
    }
    // SAFETY: libjack hands over a terminated string that lives for the call.
    if let Ok(line) = unsafe { CStr::from_ptr(message) }.to_str() {
        messages::put(line);
    }
}

#[cfg_attr(rtsan, sanitize(realtime = "nonblocking"))]
unsafe extern "C" fn on_process<C: Cycle>(frames: u32, arg: *mut c_void) -> c_int {
    let _guard = flush_denormals();
    // SAFETY: `arg` is the `Active<C>` of `activate`, which lives until the client is closed,
    // and libjack runs this callback on one thread at a time.
    let active = unsafe { &mut *arg.cast::<Active<C>>() };
    let mut planes = Planes::new();
    for &port in &active.ports {
        // SAFETY: the port is the client's own, and registered until it closes.
        let buffer = unsafe { j::jack_port_get_buffer(port, frames) }.cast::<f32>();
        if buffer.is_null() {
            return 0;
        }
        // SAFETY: for this cycle the buffer holds `frames` floats, is ours alone to write, and
        // no two output ports share one.
        let _ = planes.push(unsafe { slice::from_raw_parts_mut(buffer, frames as usize) });
    }
    let moment = Moment {
        frames,
        // SAFETY: the client is open, and jack.h allows this call in the process callback.
        time: unsafe { j::jack_last_frame_time(active.client) },
        transport: active.transport.then(|| transport(active.client)),
        late_us: active
            .cycle
            .wants_clock()
            .then(|| lateness(active.client))
            .flatten(),
    };
    active.cycle.cycle(&mut planes, moment);
    0
}

#[cfg_attr(rtsan, sanitize(realtime = "nonblocking"))]
unsafe extern "C" fn on_sync<C: Cycle>(
    state: j::jack_transport_state_t,
    position: *mut j::jack_position_t,
    arg: *mut c_void,
) -> c_int {
    let _guard = flush_denormals();
    // SAFETY: `arg` is the `Active<C>` of `activate`, which lives until the client is closed, and libjack runs
    // this callback before the process callback on the same thread; the position is null or valid
    // for the call.
    let (active, position) = unsafe { (&mut *arg.cast::<Active<C>>(), position.as_ref()) };
    let Some(position) = position else { return 1 };
    c_int::from(active.cycle.ready(outside(state, position.frame)))
}

/// A state and position of the transport.
fn outside(state: j::jack_transport_state_t, frame: u32) -> Outside {
    const ROLLING: j::jack_transport_state_t = j::JackTransportRolling;
    const LOOPING: j::jack_transport_state_t = j::JackTransportLooping;
    Outside {
        rolling: matches!(state, ROLLING | LOOPING),
        frame: u64::from(frame),
    }
}

/// Where the transport is in this cycle.
fn transport(client: *mut j::jack_client_t) -> Outside {
    let mut position = j::jack_position_t::default();
    // SAFETY: the client is open, the position is ours, and jack.h allows the call in the process
    // callback, where the state is that of the cycle.
    let state = unsafe { j::jack_transport_query(client, &mut position) };
    outside(state, position.frame)
}

/// Time since this cycle began, µs; `None` when the server can't say.
fn lateness(client: *mut j::jack_client_t) -> Option<u32> {
    let (mut frames, mut began, mut next, mut period) = (0, 0, 0, 0.0);
    // SAFETY: the client is open, the four places are ours, and jack.h allows both calls in the
    // process callback.
    let (r, now) = unsafe {
        let r = j::jack_get_cycle_times(client, &mut frames, &mut began, &mut next, &mut period);
        (r, j::jack_get_time())
    };
    (r == Some(0)).then(|| u32::try_from(now.saturating_sub(began)).unwrap_or(u32::MAX))
}

/// The hooks behind a callback's argument.
///
/// # Safety
/// `arg` is what `set_hooks` handed over, and its client is not closed yet.
unsafe fn hooks<'a, H>(arg: *mut c_void) -> &'a H {
    // SAFETY: as asked of the caller.
    unsafe { &*arg.cast::<H>() }
}

unsafe extern "C" fn on_shutdown<H: Hooks>(_: c_uint, reason: *const c_char, arg: *mut c_void) {
    // SAFETY: `arg` is set_hooks'; the reason is null or a terminated string.
    unsafe { hooks::<H>(arg).shutdown(&own(reason)) }
}

unsafe extern "C" fn on_xrun<H: Hooks>(arg: *mut c_void) -> c_int {
    // SAFETY: `arg` is set_hooks'.
    unsafe { hooks::<H>(arg) }.xrun();
    0
}

unsafe extern "C" fn on_buffer_size<H: Hooks>(frames: u32, arg: *mut c_void) -> c_int {
    // SAFETY: `arg` is set_hooks'.
    unsafe { hooks::<H>(arg) }.buffer_size(frames);
    0
}

unsafe extern "C" fn on_sample_rate<H: Hooks>(hz: u32, arg: *mut c_void) -> c_int {
    // SAFETY: `arg` is set_hooks'.
    unsafe { hooks::<H>(arg) }.sample_rate(hz);
    0
}

unsafe extern "C" fn on_freewheel<H: Hooks>(on: c_int, arg: *mut c_void) {
    // SAFETY: `arg` is set_hooks'.
    unsafe { hooks::<H>(arg) }.freewheel(on != 0);
}

unsafe extern "C" fn on_registration<H: Hooks>(id: u32, came: c_int, arg: *mut c_void) {
    // SAFETY: `arg` is set_hooks'.
    unsafe { hooks::<H>(arg) }.registered(id, came != 0);
}

unsafe extern "C" fn on_connect<H: Hooks>(_: u32, _: u32, _: c_int, arg: *mut c_void) {
    // SAFETY: `arg` is set_hooks'.
    unsafe { hooks::<H>(arg) }.graph_changed();
}

unsafe extern "C" fn on_latency<H: Hooks>(_: j::jack_latency_callback_mode_t, arg: *mut c_void) {
    // A source adds no latency of its own. That of the ways from it is looked up from outside.
    // SAFETY: `arg` is set_hooks'.
    unsafe { hooks::<H>(arg) }.graph_changed();
}

unsafe extern "C" fn on_order<H: Hooks>(arg: *mut c_void) -> c_int {
    // SAFETY: `arg` is set_hooks'.
    unsafe { hooks::<H>(arg) }.graph_changed();
    0
}
