//! What libjack calls, on threads of its own.

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::slice;
use std::sync::Arc;

use engine_core::denormals::flush_denormals;
use engine_core::outside::Outside;
use jack_sys as j;

use super::graph::own;
use super::midi::hear;
use super::{Client, Planes};
use crate::midi::Tap;

/// What happens outside the process callback. Called on libjack's threads: `xrun` may come on the audio thread, so that
/// one must not wait; `shutdown` may come on the process thread, twice, and even after the client was closed.
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
    /// Whether the server is known to be gone or to hang.
    fn is_lost(&self) -> bool;
}

/// The process callback.
pub(crate) trait Cycle: Send + 'static {
    /// Fills all planes, `moment.frames` frames each.
    fn cycle(&mut self, planes: &mut Planes<'_>, moment: Moment);
    /// A cycle in which the server has no buffer for one of the ports: silence on `planes`, those it has.
    fn spoilt(&mut self, planes: &mut Planes<'_>, moment: Moment);
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

/// What the process callback works with.
pub(super) struct Active<C> {
    pub(super) client: *mut j::jack_client_t,
    pub(super) ports: Vec<*mut j::jack_port_t>,
    /// The port for MIDI, and where what it hears goes.
    pub(super) ear: Option<(*mut j::jack_port_t, Tap)>,
    pub(super) transport: bool,
    pub(super) cycle: C,
}

impl<H: Hooks, C: Cycle> Client<H, C> {
    pub(super) fn set_hooks(&self) {
        let c = self.ptr.as_ptr();
        let arg = Arc::as_ptr(&self.hooks).cast_mut().cast::<c_void>();
        // SAFETY: the client is open and not yet active; `arg` points to an `H` that stays valid for as long as libjack has
        // a thread that may call with it (see `Client::drop`), and every callback takes it as the shared `&H` it is.
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
}

/// The buffers of `ports` that there are, by `buffer` of a port; whether that is all of them.
///
/// # Safety
/// What `buffer` gives is null, or `frames` floats that are the caller's alone to write for `'a`, no two the same.
#[inline]
unsafe fn gather<'a>(
    ports: &[*mut j::jack_port_t],
    frames: u32,
    buffer: impl Fn(*mut j::jack_port_t) -> *mut f32,
) -> (Planes<'a>, bool) {
    let mut planes = Planes::new();
    let mut whole = true;
    for &port in ports {
        let buffer = buffer(port);
        if buffer.is_null() {
            whole = false;
            continue;
        }
        // SAFETY: as asked of the caller.
        let _ = planes.push(unsafe { slice::from_raw_parts_mut(buffer, frames as usize) });
    }
    (planes, whole)
}

#[cfg_attr(rtsan, sanitize(realtime = "nonblocking"))]
pub(super) unsafe extern "C" fn on_process<C: Cycle>(frames: u32, arg: *mut c_void) -> c_int {
    let _guard = flush_denormals();
    // SAFETY: `arg` is the `Active<C>` of `activate`, which lives as long as a thread that may call this,
    // and libjack runs this callback on one thread at a time.
    let active = unsafe { &mut *arg.cast::<Active<C>>() };
    if let Some((port, tap)) = &mut active.ear {
        // SAFETY: the port is the client's own MIDI input, registered until it closes, and this is its process callback.
        unsafe { hear(j::jack_port_get_buffer(*port, frames), tap) };
    }
    // SAFETY: the ports are the client's own, and registered until it closes. For this cycle a buffer holds `frames` floats,
    // is ours alone to write, and no two output ports share one.
    let (mut planes, whole) = unsafe {
        gather(&active.ports, frames, |port| {
            j::jack_port_get_buffer(port, frames).cast::<f32>()
        })
    };
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
    if whole {
        active.cycle.cycle(&mut planes, moment);
    } else {
        active.cycle.spoilt(&mut planes, moment);
    }
    0
}

#[cfg_attr(rtsan, sanitize(realtime = "nonblocking"))]
pub(super) unsafe extern "C" fn on_sync<C: Cycle>(
    state: j::jack_transport_state_t,
    position: *mut j::jack_position_t,
    arg: *mut c_void,
) -> c_int {
    let _guard = flush_denormals();
    // SAFETY: `arg` is the `Active<C>` of `activate`, which lives as long as a thread that may call this, and libjack runs
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
/// `arg` is what `set_hooks` handed over, of a client that is open or whose hooks are kept (see `Client::drop`).
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_without_a_buffer_spoils_none_of_the_others() {
        let (mut a, mut b) = ([1.0f32; 8], [2.0f32; 8]);
        let buffers = [a.as_mut_ptr(), std::ptr::null_mut(), b.as_mut_ptr()];
        let ports = [0, 1, 2].map(|i: usize| std::ptr::without_provenance_mut(i));
        let of = |port: *mut j::jack_port_t| buffers[port.addr()];
        // SAFETY: two arrays of 8 floats, used by nobody else meanwhile, and a null.
        let (mut planes, whole) = unsafe { gather(&ports, 8, of) };
        assert!(!whole);
        assert_eq!(planes.len(), 2);
        planes.iter_mut().for_each(|plane| plane.fill(0.0));
        assert_eq!((a, b), ([0.0; 8], [0.0; 8]));
        let a = a.as_mut_ptr();
        let of = |_: *mut j::jack_port_t| a;
        // SAFETY: one array of 8 floats.
        assert!(unsafe { gather(&ports[..1], 8, of) }.1);
    }
}
