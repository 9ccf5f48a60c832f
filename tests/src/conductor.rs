//! A JACK client that moves the transport and compares, in every cycle, what it hears with the transport's frame.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::*};

use crate::jackd::{Jackd, open_client};
use crate::session::until;
use crate::stems::name_of;

/// What its callback has found.
#[derive(Default)]
struct Found {
    rolling: AtomicU32,
    frame: AtomicU32,
    /// Cycles so far.
    cycles: AtomicU32,
    /// Where the transport began to roll last, and for how many cycles it has.
    began: AtomicU32,
    rolled: AtomicU32,
    /// Cycles in which it was starting: the last time, and the most.
    starting: AtomicU32,
    /// Frames that were the transport's.
    right: AtomicU64,
    /// Frames that were silent though they shouldn't have been.
    silent: AtomicU64,
    /// Frames that were neither, and the first of them (its transport frame, −1 when it stood).
    wrong: AtomicU64,
    first_wrong: AtomicI64,
    first_heard: AtomicU32,
}

/// The client. Its inputs expect stems whose samples name their frames (`name_of`); odd inputs, from 0, negated.
pub struct Conductor {
    client: jack::AsyncClient<(), Ear>,
    found: Arc<Found>,
    name: String,
}

struct Ear {
    ports: Vec<jack::Port<jack::AudioIn>>,
    /// Length of the song.
    end: u64,
    found: Arc<Found>,
    expected: u32,
    starting: u32,
}

impl Conductor {
    /// A client with inputs `in_1` …, for a song of `end` frames.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn open(server: &Jackd, inputs: usize, end: u64) -> Self {
        let client = open_client("conductor", server.name()).expect("the server takes a client");
        let ports = (1..=inputs)
            .map(|i| client.register_port(&format!("in_{i}"), jack::AudioIn::default()))
            .collect::<Result<Vec<_>, _>>()
            .expect("the server takes its ports");
        let found = Arc::new(Found::default());
        let name = client.name().to_owned();
        let ear = Ear {
            ports,
            end,
            found: found.clone(),
            expected: 0,
            starting: 0,
        };
        let client = client.activate_async((), ear).expect("it activates");
        Self {
            client,
            found,
            name,
        }
    }

    fn raw(&self) -> *mut jack_sys::jack_client_t {
        self.client.as_client().raw()
    }

    /// The full name of input `n`, from 1.
    pub fn input(&self, n: usize) -> String {
        format!("{}:in_{n}", self.name)
    }

    /// Full names of what is connected to input `n`, from 1.
    pub fn connections(&self, n: usize) -> Vec<String> {
        let port = self.client.as_client().port_by_name(&self.input(n));
        port.map(|p| p.get_connections()).unwrap_or_default()
    }

    /// Has the transport roll.
    pub fn start(&self) {
        // SAFETY: the client is open.
        unsafe { jack_sys::jack_transport_start(self.raw()) }
    }

    /// Has it stand.
    pub fn stop(&self) {
        // SAFETY: the client is open.
        unsafe { jack_sys::jack_transport_stop(self.raw()) }
    }

    /// Has it go to a frame.
    pub fn locate(&self, frame: u32) {
        // SAFETY: the client is open.
        unsafe { jack_sys::jack_transport_locate(self.raw(), frame) };
    }

    /// Changes the server's period.
    pub fn set_period(&self, frames: u32) {
        let set = self.client.as_client().set_buffer_size(frames);
        set.expect("the server takes the period");
    }

    /// Whether the transport rolls.
    pub fn rolling(&self) -> bool {
        self.found.rolling.load(Acquire) != 0
    }

    /// The transport's frame in the latest cycle.
    pub fn frame(&self) -> u32 {
        self.found.frame.load(Acquire)
    }

    /// Cycles in which the transport was starting before it rolled last.
    pub fn started_in(&self) -> u32 {
        self.found.starting.load(Acquire)
    }

    /// Waits until the transport rolls that began at `frame`, for some cycles.
    pub fn wait_rolling_from(&self, frame: u32) {
        until("the transport rolls from there", || {
            self.found.began.load(Acquire) == frame
                && self.found.rolled.load(Acquire) >= 6
                && self.rolling()
        });
    }

    /// Waits until it stands at `frame`.
    pub fn wait_standing_at(&self, frame: u32) {
        until("the transport stands there", || {
            !self.rolling() && self.frame() == frame
        });
    }

    /// Waits until it stands.
    pub fn wait_standing(&self) {
        until("the transport stands", || !self.rolling());
    }

    /// Waits for so many cycles.
    pub fn wait_cycles(&self, n: u32) {
        let from = self.found.cycles.load(Acquire);
        until("cycles", || {
            self.found.cycles.load(Acquire).wrapping_sub(from) >= n
        });
    }

    /// Frames that were the transport's, and those that were silent when they should not have been.
    ///
    /// # Panics
    /// When any was neither.
    #[track_caller]
    pub fn right_and_silent(&self) -> (u64, u64) {
        let f = &self.found;
        let heard = f32::from_bits(f.first_heard.load(Relaxed));
        let heard = i64::from((heard.abs() * (1 << 23) as f32) as i32) - 1;
        assert_eq!(
            f.wrong.load(Acquire),
            0,
            "frames that were not the transport's; the first at its frame {} was {heard}",
            f.first_wrong.load(Relaxed)
        );
        (f.right.load(Acquire), f.silent.load(Acquire))
    }
}

impl jack::ProcessHandler for Ear {
    fn process(&mut self, client: &jack::Client, scope: &jack::ProcessScope) -> jack::Control {
        let mut position = jack_sys::jack_position_t::default();
        // SAFETY: the client is open and the position ours.
        let state = unsafe { jack_sys::jack_transport_query(client.raw(), &mut position) };
        let f = &*self.found;
        let rolling = state == jack_sys::JackTransportRolling;
        let frames = scope.n_frames();
        if state == jack_sys::JackTransportStarting {
            self.starting += 1;
        }
        if rolling {
            if f.rolling.load(Relaxed) == 0 || position.frame != self.expected {
                f.rolled.store(0, Release);
                f.began.store(position.frame, Release);
                f.starting.store(self.starting, Release);
            }
            self.starting = 0;
            self.expected = position.frame.wrapping_add(frames);
        } else if state == jack_sys::JackTransportStopped {
            self.starting = 0;
        }
        for (i, port) in self.ports.iter().enumerate() {
            for (k, x) in port.as_slice(scope).iter().enumerate() {
                let frame = u64::from(position.frame) + k as u64;
                let want = match rolling && frame < self.end {
                    true if i.is_multiple_of(2) => name_of(frame),
                    true => -name_of(frame),
                    false => 0.0,
                };
                if *x == want {
                    f.right.fetch_add(u64::from(want != 0.0), Relaxed);
                } else if *x == 0.0 {
                    f.silent.fetch_add(1, Relaxed);
                } else if f.wrong.fetch_add(1, Relaxed) == 0 {
                    let at = if rolling { frame as i64 } else { -1 };
                    f.first_wrong.store(at, Relaxed);
                    f.first_heard.store(x.to_bits(), Relaxed);
                }
            }
        }
        if rolling {
            f.rolled.fetch_add(1, Release);
        }
        f.frame.store(position.frame, Release);
        f.rolling.store(u32::from(rolling), Release);
        f.cycles.fetch_add(1, Release);
        jack::Control::Continue
    }
}
